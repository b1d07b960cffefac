//! Reference data: files of codes and what they stand for, read before the source whose values are
//! looked up in them. A run that finds other codes there than the last reads its source anew.

use super::clean::Cleaner;
use super::job::{CsvPlace, From, OnError, Reference, Rule, SourceColumn, SourceSpec, Strategy};
use super::source::{self, Piece};
use crate::error::{Error, Result};
use crate::model::ColumnType;
use crate::store::Input;
use arrow::array::{Array, AsArray};
use std::collections::BTreeMap;
use std::path::Path;

/// Fills in the codes of a source's rules, and says which files they are of.
///
/// # Errors
/// Not found where there is no such file, user where it lacks a column, data where a code stands for
/// two things, or a row cannot be read.
pub(super) fn read(project: &Path, spec: &mut SourceSpec) -> Result<Vec<Input>> {
    let mut inputs: Vec<Input> = Vec::new();
    for column in &mut spec.columns {
        for rule in &mut column.clean {
            let Rule::MapFrom(reference) = rule else { continue };
            let place = |error: Error| error.with("column", &column.name);
            let input = fill(project, reference).map_err(place)?;
            if !inputs.contains(&input) {
                inputs.push(input);
            }
        }
    }
    Ok(inputs)
}

fn fill(project: &Path, reference: &mut Reference) -> Result<Input> {
    let spec = as_source(reference);
    let source = source::open(project, &spec)?;
    let cleaner = Cleaner::of_columns(&spec.columns)?;
    let found = source.inputs(&mut || Ok(()))?;
    let [found] = found.as_slice() else { return Err(source.nothing_found()) };
    let mut codes: BTreeMap<String, String> = BTreeMap::new();
    let input = source.read(found, &mut |piece| {
        if let Piece::Headings(_) | Piece::Told(_) = piece {
            return Ok(());
        }
        let cleaned = cleaner.clean(&piece.batch()?, None)?;
        if let Some(row) = cleaned.refused.first() {
            return Err(Error::data("a row of the reference file cannot be read")
                .with("line", row.position.line)
                .caused_by(row.reason.clone()));
        }
        let [code, value] = [0, 1].map(|at| cleaned.batch.column(at).as_string::<i32>().clone());
        for row in (0..cleaned.batch.num_rows()).filter(|row| !code.is_null(*row)) {
            let text = if value.is_null(row) { "" } else { value.value(row) };
            let before = codes.insert(code.value(row).to_lowercase(), text.to_owned());
            if before.is_some_and(|before| before != text) {
                let message = format!("the code `{}` stands for two things", code.value(row));
                return Err(Error::data(message).hint("codes are compared without case"));
            }
        }
        Ok(())
    });
    let input = input.map_err(|error| error.with("reference", &reference.path))?;
    reference.codes = codes;
    Ok(input)
}

/// The file as a source of two columns.
fn as_source(reference: &Reference) -> SourceSpec {
    let column = |name: &str, heading: &str| SourceColumn {
        name: name.to_owned(),
        from: Some(heading.to_owned()),
        ty: ColumnType::Text,
        clean: vec![Rule::Trim],
        on_error: OnError::Reject,
    };
    SourceSpec {
        name: "reference".to_owned(),
        from: From::Csv(CsvPlace {
            path: reference.path.clone(),
            encoding: reference.encoding.clone(),
            delimiter: None,
            access: None,
        }),
        strategy: Strategy::Full,
        contract: None,
        optional: false,
        columns: vec![column("code", &reference.code), column("value", &reference.value)],
        derive: Vec::new(),
        checks: Vec::new(),
        audit: false,
        deduplicate: None,
    }
}
