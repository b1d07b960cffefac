//! As much of a validator as the schema of jobs needs.

use serde_json::Value;

/// What is wrong with a document, by its place.
pub(crate) fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, schema, document, "", &mut faults);
    faults
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        let target = root["$defs"].get(name).unwrap_or_else(|| panic!("no {name}"));
        return check(root, target, value, at, faults);
    }
    let is_right = |choice: &&Value| {
        let mut faults = Vec::new();
        check(root, choice, value, at, &mut faults);
        faults.is_empty()
    };
    for (kind, is_enough) in [("oneOf", 1..2), ("anyOf", 1..usize::MAX)] {
        if let Some(choices) = schema[kind].as_array()
            && !is_enough.contains(&choices.iter().filter(is_right).count())
        {
            faults.push(format!("{at}: {value} is none of the choices"));
        }
    }
    let differs = schema.get("const").is_some_and(|wanted| wanted != value)
        || schema["enum"].as_array().is_some_and(|words| !words.contains(value));
    if differs || !is_of_type(&schema["type"], value) {
        faults.push(format!("{at}: {value} is not {schema}"));
        return;
    }
    match value {
        Value::Object(object) => {
            for required in schema["required"].as_array().into_iter().flatten() {
                if !object.contains_key(required.as_str().unwrap()) {
                    faults.push(format!("{at}: {required} is missing"));
                }
            }
            for (key, value) in object {
                let at = format!("{at}.{key}");
                match (schema["properties"].get(key), schema.get("additionalProperties")) {
                    (Some(inner), _) => check(root, inner, value, &at, faults),
                    (None, Some(Value::Bool(false))) => faults.push(format!("{at} is not known")),
                    (None, Some(inner)) => check(root, inner, value, &at, faults),
                    (None, None) => {}
                }
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                check(root, &schema["items"], value, &format!("{at}[{index}]"), faults);
            }
        }
        Value::String(text) => {
            let length = text.chars().count() as u64;
            let bounds = schema["minLength"].as_u64().unwrap_or(0)
                ..=schema["maxLength"].as_u64().unwrap_or(u64::MAX);
            let pattern = schema["pattern"].as_str().map(|p| regex::Regex::new(p).unwrap());
            if !bounds.contains(&length) || pattern.is_some_and(|pattern| !pattern.is_match(text)) {
                faults.push(format!("{at}: `{text}` is not {schema}"));
            }
        }
        _ => {}
    }
}

fn is_of_type(ty: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("{other}"),
    };
    match ty {
        Value::Null => true,
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        other => panic!("{other}"),
    }
}
