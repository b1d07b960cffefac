//! DataFusion's errors in the crate's terms: whose fault, in words a user can act on. The one place
//! that does so.

use crate::error::{Error, ErrorKind, did_you_mean};
use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;

/// Our own error on its way through DataFusion, which hands it back untouched.
pub(crate) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// What DataFusion's error means to us; our own errors come back as they were.
pub fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => match source.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => match source.downcast::<DataFusionError>() {
                Ok(error) => from_datafusion(*error),
                Err(source) => Error::internal("an operator failed").caused_by(source),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            from_datafusion(*inner)
        }
        DataFusionError::ArrowError(error, _) => match *error {
            ArrowError::ExternalError(source) => from_datafusion(DataFusionError::External(source)),
            error => describe_arrow(&error),
        },
        DataFusionError::ParquetError(error) => match *error {
            ParquetError::External(source) => from_datafusion(DataFusionError::External(source)),
            error => unreadable(&error),
        },
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(error) => from_datafusion(error),
            None => Error::internal("planning failed without saying why"),
        },
        error => describe(&error),
    }
}

/// The same for an error that others hold on to as well.
fn describe(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::Shared(inner) => describe(inner),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            describe(inner)
        }
        DataFusionError::Collection(errors) => match errors.first() {
            Some(error) => describe(error),
            None => Error::internal("planning failed without saying why"),
        },
        DataFusionError::External(source) => describe_external(source.as_ref()),
        DataFusionError::ArrowError(error, _) => describe_arrow(error),
        DataFusionError::ParquetError(error) => describe_parquet(error),
        DataFusionError::ObjectStore(error) => describe_store(error),
        DataFusionError::SchemaError(error, _) => describe_schema(error),
        DataFusionError::SQL(error, _) => {
            Error::user(sentence(error.to_string().trim_start_matches("sql parser error: ")))
        }
        DataFusionError::Plan(text) | DataFusionError::Substrait(text) => {
            Error::user(sentence(text))
        }
        DataFusionError::Execution(text) | DataFusionError::Configuration(text) => {
            Error::user(sentence(text))
        }
        DataFusionError::NotImplemented(text) => Error::unsupported(sentence(text)),
        DataFusionError::ResourcesExhausted(text) => {
            Error::new(ErrorKind::Limit, "the query needs more memory than it may use")
                .caused_by(sentence(text))
                .hint("ask for less at once, or raise the memory limit")
        }
        DataFusionError::IoError(error) => {
            Error::new(ErrorKind::Unavailable, "reading or spilling failed")
                .caused_by(error.to_string())
        }
        DataFusionError::ExecutionJoin(error) if error.is_cancelled() => {
            Error::new(ErrorKind::Cancelled, "the query was cancelled")
        }
        DataFusionError::Internal(text) if text.contains(NO_FORM) => unfit_arguments(text),
        other => Error::internal("the query engine failed").caused_by(sentence(&other.to_string())),
    }
}

/// What DataFusion says, as if it were its own fault, where a function that has several forms takes in
/// none of them what it is given.
const NO_FORM: &str = " failed to match any signature, errors: ";

fn unfit_arguments(text: &str) -> Error {
    let (function, reasons) = text.split_once(NO_FORM).unwrap_or((text, ""));
    let mut told: Vec<&str> = Vec::new();
    for reason in reasons.split("Error during planning: ") {
        let reason = reason.strip_prefix(function).unwrap_or(reason);
        let reason = reason.trim_matches([' ', ',', '.', '\n']);
        if !reason.is_empty() && !told.contains(&reason) {
            told.push(reason);
        }
    }
    // Some have dozens of forms.
    told.truncate(4);
    Error::user(format!("{} {}", sentence(function), told.join("; or ")))
}

fn describe_external(source: &(dyn std::error::Error + 'static)) -> Error {
    if let Some(error) = source.downcast_ref::<Error>() {
        return error.as_lent();
    }
    if let Some(error) = source.downcast_ref::<DataFusionError>() {
        return describe(error);
    }
    if let Some(error) = source.downcast_ref::<object_store::Error>() {
        return describe_store(error);
    }
    Error::internal("an operator failed").caused_by(source.to_string())
}

fn describe_arrow(error: &ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(source) => describe_external(source.as_ref()),
        ArrowError::DivideByZero => {
            Error::user("division by zero").hint("write nullif(divisor, 0) to get NULL instead")
        }
        ArrowError::ArithmeticOverflow(text) => {
            Error::user(format!("arithmetic overflow: {}", sentence(text)))
                .hint("cast to a wider type first")
        }
        ArrowError::CastError(text)
        | ArrowError::ParseError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text) => Error::user(sentence(text)),
        ArrowError::ParquetError(text) => {
            Error::damaged("a stored file cannot be read").caused_by(sentence(text))
        }
        other => Error::internal("the query engine failed").caused_by(sentence(&other.to_string())),
    }
}

fn describe_parquet(error: &ParquetError) -> Error {
    match error {
        ParquetError::External(source) => describe_external(source.as_ref()),
        error => unreadable(error),
    }
}

fn unreadable(error: &ParquetError) -> Error {
    Error::damaged("a stored file cannot be read").caused_by(sentence(&error.to_string()))
}

fn describe_store(error: &object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { path, .. } => {
            Error::damaged("a stored file is missing").with("file", path)
        }
        error => Error::new(ErrorKind::Unavailable, "a stored file cannot be read for now")
            .caused_by(error.to_string()),
    }
}

fn describe_schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => no_such_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => {
            Error::user(format!("column `{}` is in several tables", field.name))
                .hint("write it as table.column")
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            Error::user(format!("column `{name}` comes twice")).hint("give one of them an alias")
        }
    }
}

fn no_such_column(field: &Column, known: &[Column]) -> Error {
    let error = Error::user(format!("there is no column `{}`", field.flat_name()));
    if known.is_empty() {
        return error;
    }
    if let Some(same) = known.iter().find(|c| c.name.eq_ignore_ascii_case(&field.name)) {
        let hint = if same.name == field.name {
            format!("did you mean `{}`?", same.flat_name())
        } else {
            format!("names in double quotes keep their case: did you mean \"{}\"?", same.name)
        };
        return error.hint(hint);
    }
    match did_you_mean(&field.name, known.iter().map(|column| column.name.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("there are {}", listed(known))),
    }
}

/// The first columns' names.
fn listed(columns: &[Column]) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = columns.iter().take(SHOWN).map(|c| c.name.as_str()).collect();
    match columns.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names.join(", ")),
        _ => names.join(", "),
    }
}

/// DataFusion's text as one lower-case sentence without full stop.
fn sentence(text: &str) -> String {
    let text = strip_prefixes(text);
    let joined: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let joined = joined.join(" ");
    let joined = joined.trim_end_matches('.');
    let mut letters = joined.chars();
    match (letters.next(), joined.chars().nth(1)) {
        // an acronym or a quoted name keeps its case
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => joined.to_owned(),
    }
}

fn strip_prefixes(text: &str) -> &str {
    const NOISE: [&str; 6] = [
        "Error during planning: ",
        "Execution error: ",
        "External error: ",
        "Arrow error: ",
        "Parquet error: ",
        "This feature is not implemented: ",
    ];
    let stripped = NOISE.iter().find_map(|noise| text.strip_prefix(noise));
    match stripped {
        Some(rest) => strip_prefixes(rest),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_no_form_of_a_function_takes_are_the_askers_fault() {
        let text = "Function 'digest' failed to match any signature, errors: Error during planning: \
                    Function 'digest' expects 2 arguments but received 1.,Error during planning: \
                    Function 'digest' expects 2 arguments but received 1,Error during planning: \
                    Function 'digest' requires String, but received Int32";
        let error = from_datafusion(DataFusionError::Internal(text.to_owned()));
        assert_eq!(error.kind(), ErrorKind::User);
        assert_eq!(
            error.message(),
            "function 'digest' expects 2 arguments but received 1; or requires String, but received Int32"
        );
    }
}
