//! What was found, as a draft of the source's YAML.

use super::{ColumnProfile, Profile};
use crate::etl::job::{From, NumberFormat};
use serde_json::Value;
use std::fmt::Write;

/// The source in YAML, to be put into a job and gone over.
pub fn draft(profile: &Profile) -> String {
    let mut yaml = format!("sources:\n  - name: {}\n", profile.source.name);
    let _ = writeln!(yaml, "    from: {}", place(&profile.source.from));
    yaml += "    columns:\n";
    for (column, read) in profile.columns.iter().zip(&profile.source.columns) {
        let heading = read.from.as_deref().filter(|from| *from != column.name);
        let heading = heading.map(|from| format!("from: {}, ", quoted(from))).unwrap_or_default();
        let rules = rules(column);
        let rules = match rules.is_empty() {
            true => String::new(),
            false => format!(", clean: [{}]", rules.join(", ")),
        };
        let ty = column.ty.to_string();
        let ty = if ty.contains(',') { quoted(&ty) } else { ty };
        let _ = write!(yaml, "      - {{name: {}, {heading}type: {ty}{rules}}}", column.name);
        let remarks = column.suspicious.join("; ").replace('\n', " ");
        yaml += if remarks.is_empty() { "\n" } else { "  # " };
        if !remarks.is_empty() {
            let _ = writeln!(yaml, "{remarks}");
        }
    }
    if let Some(key) = profile.columns.iter().find(|column| column.is_key) {
        let _ = writeln!(yaml, "    deduplicate: {{key: [{}]}}", key.name);
    }
    yaml
}

fn rules(column: &ColumnProfile) -> Vec<String> {
    let mut rules = Vec::new();
    if column.suspicious.iter().any(|remark| remark.contains("space to trim")) {
        rules.push("trim".to_owned());
    }
    if !column.null_tokens.is_empty() {
        let tokens: Vec<String> = column.null_tokens.iter().map(|token| quoted(token)).collect();
        rules.push(format!("{{null_if: [{}]}}", tokens.join(", ")));
    }
    if let Some(NumberFormat { decimal, group }) = &column.number_format {
        let group = group.map(|group| format!(", group: '{group}'")).unwrap_or_default();
        rules.push(format!("{{number: {{decimal: '{decimal}'{group}}}}}"));
    }
    if let Some(format) = column.day_format {
        rules.push(format!("{{date_formats: [{}]}}", quoted(format)));
    }
    if column.nulls == 0 && column.values > 0 {
        rules.push("required".to_owned());
    }
    rules
}

/// What a place says though nobody has to.
const DEFAULTS: [(&str, &str); 3] =
    [("encoding", "\"utf-8\""), ("if_empty", "\"drop\""), ("header_row", "1")];

fn place(from: &From) -> String {
    serde_json::to_value(from).map(|place| flow(&place)).unwrap_or_default()
}

/// A value in one line, without what is left out.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(keys) => {
            let usual = |name: &str, value: &Value| {
                value.is_null() || DEFAULTS.contains(&(name, value.to_string().as_str()))
            };
            let keys = keys.iter().filter(|(name, value)| !usual(name, value));
            let keys: Vec<String> = keys.map(|(name, v)| format!("{name}: {}", flow(v))).collect();
            format!("{{{}}}", keys.join(", "))
        }
        Value::String(text) if text.contains(char::is_control) => value.to_string(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
