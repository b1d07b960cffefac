//! Aggregates as people write them: a document of `schemas/` for each cube. Pure.

use crate::model::Aggregate;
use std::fmt::Write;

/// The document that keeps aggregates of a cube.
pub fn written<'a>(cube: &str, aggregates: impl IntoIterator<Item = &'a Aggregate>) -> String {
    let mut text = format!(
        "# Advised by `starhouse aggregates advise`. Change what you like; what is not worth its\n\
         # bytes any more can be deleted here.\naggregates: {cube}\nkeep:\n"
    );
    for Aggregate { name, description, fact, roles, columns, measures, .. } in aggregates {
        // Writing into a string cannot fail. JSON's quotes are YAML's, too.
        let quoted = serde_json::Value::from(description.as_str());
        let _ = write!(text, "  - name: {name}\n    description: {quoted}\n    fact: {fact}\n");
        for (key, names) in [("dimensions", roles), ("columns", columns), ("measures", measures)] {
            if !names.is_empty() {
                let _ = writeln!(text, "    {key}: [{}]", names.join(", "));
            }
        }
    }
    text
}
