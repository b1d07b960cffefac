//! The types as a JSON Schema.

use crate::source::{Part, Shape, Type, Types};
use serde_json::{Map, Value, json};

/// The schema of documents of one of these types.
pub(crate) fn schema(types: &Types, roots: &[&str], title: &str) -> Value {
    let mut definitions = Map::new();
    for name in types.reached(roots) {
        definitions.insert(name.to_owned(), describe(types.get(name)));
    }
    for name in types.special(roots) {
        definitions.insert(name.to_owned(), special(name));
    }
    let mut root = match roots {
        [root] => definitions.remove(*root).unwrap(),
        roots => json!({"oneOf": roots.iter().map(|root| reference(root)).collect::<Vec<_>>()}),
    };
    let fields = root.as_object_mut().unwrap();
    fields.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    fields.insert("title".into(), title.into());
    fields.insert("$defs".into(), Value::Object(definitions));
    root
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn describe(ty: &Type) -> Value {
    let mut schema = match ty.is_choice {
        true => json!({"oneOf": ty.parts.iter().map(form).collect::<Vec<_>>()}),
        false => {
            let keys = ty.parts.iter().map(|part| (part.name.clone(), key(part)));
            let required = ty.parts.iter().filter(|part| part.required).map(|part| &part.name);
            json!({
                "type": "object",
                "properties": keys.collect::<Map<_, _>>(),
                "required": required.collect::<Vec<_>>(),
                "additionalProperties": false,
            })
        }
    };
    schema["description"] = line(&ty.docs).into();
    schema
}

fn key(part: &Part) -> Value {
    let mut schema = shape(part.shape.as_ref().unwrap());
    schema["description"] = line(&part.docs).into();
    if let Some(default) = &part.default {
        let typed = serde_json::from_str(default);
        let text = matches!(part.shape, Some(Shape::Text | Shape::Character | Shape::Named(_)));
        schema["default"] =
            if text { default.as_str().into() } else { typed.unwrap_or(default.as_str().into()) };
    }
    schema
}

fn form(part: &Part) -> Value {
    match &part.shape {
        None => json!({"const": part.name, "description": line(&part.docs)}),
        Some(inner) => json!({
            "type": "object",
            "description": line(&part.docs),
            "properties": {part.name.as_str(): shape(inner)},
            "required": [part.name],
            "additionalProperties": false,
        }),
    }
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({"type": "string"}),
        Shape::Character => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Shape::Whole => json!({"type": "integer", "minimum": 0}),
        Shape::Number => json!({"type": "number"}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::List(inner) => json!({"type": "array", "items": inside(inner)}),
        Shape::Map(inner) => json!({"type": "object", "additionalProperties": inside(inner)}),
        Shape::NameOr(inner) => json!({"anyOf": [{"type": "string"}, self::shape(inner)]}),
        Shape::Named(name) => reference(name),
    }
}

/// What stands in a list or behind a name of one's own. Codes are text, whatever YAML takes them for:
/// `1`, `N`.
fn inside(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({"type": ["string", "number", "boolean"]}),
        other => self::shape(other),
    }
}

/// Types that are written in a way of their own.
pub(crate) fn special(name: &str) -> Value {
    match name {
        "ColumnType" => json!({
            "description": "The type of a column. Moments are in UTC, to the microsecond; money is a \
                decimal: `decimal(12,2)` has 12 digits, 2 of them after the point, and 38 are the most. \
                A sum that its type cannot hold is an error.",
            "anyOf": [
                {"enum": ["text", "boolean", "int16", "int32", "int64", "float64", "date", "timestamp"]},
                {"type": "string", "pattern": "^decimal\\( *[0-9]+ *, *[0-9]+ *\\)$"},
            ],
        }),
        "Allowance" => json!({
            "description": "A bound on rejected rows: a number of them (`100`), or a share of those read (`1 %`).",
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9. ]+%?$"}],
        }),
        "Setting" => json!({
            "description": "A text that is written here, or where it is to be found: `{env: NAME}` or `{file: PATH}`.",
            "anyOf": [{"type": ["string", "number", "boolean"]}, {"$ref": "#/$defs/Secret"}],
        }),
        "Quote" => json!({
            "description": "What cells of delimited text may stand between: one sign, or `none` where quotes are part of the text.",
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 1}, {"const": "none"}],
        }),
        "BlockKey" => json!({
            "description": "What records must share to be compared at all: parts joined by `+`, such as `soundex(surname) + year(born)`. A part is a column, or `soundex`, `metaphone`, `pinyin`, `initials`, `sorted`, `digits`, `year` or `birthday` of one, or `prefix(column, 3)`, `suffix(column, 3)`, `digits(column, 8)`.",
            "type": "string",
        }),
        other => panic!("{other}"),
    }
}

/// Documentation as one line.
pub(crate) fn line(docs: &str) -> String {
    docs.split_whitespace().collect::<Vec<_>>().join(" ")
}
