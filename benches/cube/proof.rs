//! What the parts of this benchmark find: `benches/results/cube_<part>-<scale>`, and a line a claim in
//! `docs/how-fast.md`.

use super::common::{Outcome, document, machine::Machine};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The parts that write claims, in the order of `docs/how-fast.md`.
const PARTS: [&str; 6] = ["ssb", "postgresql", "dashboards", "refresh", "routing", "advice"];

/// What a part found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) part: String,
    pub(crate) title: String,
    /// How large: millions of facts, or a benchmark's own scale.
    pub(crate) scale: f64,
    pub(crate) machine: String,
    pub(crate) claims: Vec<Claim>,
    /// Whatever was measured, for programs.
    pub(crate) figures: serde_json::Value,
}

/// A claim, and what became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) what: String,
    pub(crate) target: String,
    pub(crate) measured: String,
    pub(crate) holds: bool,
}

impl Claim {
    pub(crate) fn new(what: &str, target: &str, measured: String, holds: bool) -> Self {
        Self { what: what.to_owned(), target: target.to_owned(), measured, holds }
    }
}

impl Proof {
    pub(crate) fn new(part: &str, title: &str, scale: f64) -> Self {
        Self {
            part: part.to_owned(),
            title: title.to_owned(),
            scale,
            machine: Machine::this().to_string(),
            claims: Vec::new(),
            figures: serde_json::Value::Null,
        }
    }

    /// Writes what was found, with a text for people under it, and the document's lines anew.
    pub(crate) fn write(&self, root: &Path, found: &str) -> Outcome<()> {
        let folder = root.join("benches/results");
        let path = folder.join(format!("cube_{}-{}.json", self.part, self.scale));
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        let mut text = format!("# {}, scale {}\n\n{found}\n", self.title, self.scale);
        text += &table([self])?;
        std::fs::write(path.with_extension("md"), &text)?;
        println!("{text}");
        redraw(root)
    }
}

/// Writes the lines of `docs/how-fast.md` anew: of each part those of its largest scale.
pub(crate) fn redraw(root: &Path) -> Outcome<()> {
    let mut largest: BTreeMap<String, Proof> = BTreeMap::new();
    for entry in std::fs::read_dir(root.join("benches/results"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !(name.starts_with("cube_") && name.ends_with(".json")) {
            continue;
        }
        let proof: Proof = serde_json::from_slice(&std::fs::read(&path)?)?;
        if largest.get(&proof.part).is_none_or(|other| other.scale < proof.scale) {
            largest.insert(proof.part.clone(), proof);
        }
    }
    let found = table(PARTS.iter().filter_map(|part| largest.get(*part)))?;
    document::put(root, "cube_parts", |_| found.clone())
}

/// A line a claim.
fn table<'a>(proofs: impl IntoIterator<Item = &'a Proof>) -> Outcome<String> {
    let mut table = String::new();
    for proof in proofs {
        for Claim { what, target, measured, holds } in &proof.claims {
            let holds = if *holds { "yes" } else { "no" };
            writeln!(table, "| {} | {what} | {measured} | {target} | {holds} |", proof.part)?;
        }
    }
    if table.is_empty() {
        return Ok(table);
    }
    Ok(format!("\n| part | | measured | wanted | reached |\n|---|---|---:|---:|---|\n{table}\n"))
}
