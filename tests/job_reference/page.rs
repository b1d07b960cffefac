//! The types as a page for people.

use crate::schema::{line, special};
use crate::source::{Part, Shape, Type, Types};
use std::fmt::Write;

const FORM: &str = "
A choice is written as a mapping of one key (`from: {csv: {path: t.csv}}`), or, where nothing stands behind it, as the word
alone (`strategy: full`).
";

pub(crate) const JOBS: &str = "\
# What a job can say

This page is written from the code that reads jobs: every source, rule and option, with what it means and what it is where
it is left out. `starhouse schema` prints the same as a JSON Schema, by which editors complete jobs and mark what is wrong in
them. Put it into a file, and name that in the first line of a job:

    starhouse schema > job.schema.json
    # yaml-language-server: $schema=../job.schema.json
";

pub(crate) const MODELS: &str = "\
# What a model can say

This page is written from the code that reads `schemas/`: dimensions, bridges, facts, cubes and aggregates, a document a file,
with every key and what it means. `starhouse schema models` prints the same as a JSON Schema, by which editors complete them
and mark what is wrong in them. Put it into a file, and name that in the first line of a document:

    starhouse schema models > model.schema.json
    # yaml-language-server: $schema=../model.schema.json
";

pub(crate) fn page(types: &Types, roots: &[&str], head: &str) -> String {
    let mut page = format!("{head}{FORM}");
    for name in types.reached(roots) {
        describe(&mut page, name, types.get(name));
    }
    for name in types.special(roots) {
        let docs = special(name)["description"].as_str().unwrap().to_owned();
        let _ = write!(page, "\n## {name}\n\n{docs}\n");
    }
    page
}

fn describe(page: &mut String, name: &str, ty: &Type) {
    let _ = write!(page, "\n## {name}\n\n{}\n\n", ty.docs);
    if ty.is_choice {
        *page += "| choice | what stands there | |\n|---|---|---|\n";
        for form in &ty.parts {
            let stands = form.shape.as_ref().map(shape).unwrap_or_default();
            let usual = if form.default.is_some() { " Where nothing is said." } else { "" };
            let _ = writeln!(page, "| `{}` | {stands} | {}{usual} |", form.name, cell(&form.docs));
        }
        return;
    }
    *page += "| key | what stands there | where left out | |\n|---|---|---|---|\n";
    for key in &ty.parts {
        let stands = key.shape.as_ref().map(shape).unwrap_or_default();
        let docs = cell(&key.docs);
        let _ = writeln!(page, "| `{}` | {stands} | {} | {docs} |", key.name, left_out(key));
    }
}

fn left_out(key: &Part) -> String {
    match &key.default {
        _ if key.required => "must be there".to_owned(),
        Some(default) => format!("`{default}`"),
        None => String::new(),
    }
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Character => "one character".to_owned(),
        Shape::Whole => "a whole number".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::List(inner) => format!("a list of {}", self::shape(inner)),
        Shape::Map(inner) => format!("names, each with {}", self::shape(inner)),
        Shape::NameOr(inner) => format!("a name, or {}", self::shape(inner)),
        Shape::Named(name) => format!("[{name}](#{})", name.to_lowercase()),
    }
}

/// Documentation as a cell of a table.
fn cell(docs: &str) -> String {
    line(docs).replace('|', "\\|")
}
