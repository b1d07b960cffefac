//! The documents that show what was measured, and on which machine.

use super::Outcome;
use std::path::Path;

/// The documents that show tables of what was measured.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/how-fast.md"];

/// Puts a table between its marks, in the document that has them.
pub(crate) fn put(root: &Path, name: &str, table: &str) -> Outcome<()> {
    let [begin, end] = ["begin", "end"].map(|mark| format!("<!-- {name}: {mark} -->"));
    for document in DOCUMENTS.map(|document| root.join(document)) {
        let text = std::fs::read_to_string(&document)?;
        let parts = text.split_once(&begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(&end)?;
            Some((before, after))
        });
        if let Some((before, after)) = parts {
            return Ok(std::fs::write(document, format!("{before}{begin}\n{table}{end}{after}"))?);
        }
    }
    Err(format!("none of {} has {begin} and {end}", DOCUMENTS.join(", ")).into())
}

/// The processor, as far as the system tells.
pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unknown processor".to_owned(), |(_, name)| name.to_owned())
}
