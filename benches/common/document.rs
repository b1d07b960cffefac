//! The documents that show what was measured.

use super::Outcome;
use std::path::Path;

/// The documents that show tables of what was measured, and the way from each to the project's root.
const DOCUMENTS: [(&str, &str); 2] = [("README.md", ""), ("docs/how-fast.md", "../")];

/// Puts a table between its marks, in the document that has them. It is told the way to the root.
pub(crate) fn put(root: &Path, name: &str, table: impl Fn(&str) -> String) -> Outcome<()> {
    let [begin, end] = ["begin", "end"].map(|mark| format!("<!-- {name}: {mark} -->"));
    for (document, to_root) in DOCUMENTS {
        let path = root.join(document);
        let text = std::fs::read_to_string(&path)?;
        let parts = text.split_once(&begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(&end)?;
            Some((before, after))
        });
        if let Some((before, after)) = parts {
            let table = table(to_root);
            return Ok(std::fs::write(path, format!("{before}{begin}\n{table}{end}{after}"))?);
        }
    }
    let documents = DOCUMENTS.map(|(document, _)| document).join(", ");
    Err(format!("none of {documents} has {begin} and {end}").into())
}
