//! Values at paths, elements as rows, and what is refused.

use super::*;

fn rows(
    paths: &[&str],
    each: Option<&str>,
    keeps_empty: bool,
    line: &str,
) -> Result<Vec<Vec<Option<String>>>, String> {
    let each = Each { path: each.map(str::to_owned), keeps_empty };
    let mut scanner = Scanner::new(paths.iter().copied(), each);
    let text = |cell: Option<Value<'_>>| cell.and_then(|value| value.text).map(String::from);
    let rows = scanner.scan(line)?.into_iter();
    Ok(rows.map(|(row, _)| row.into_iter().map(text).collect()).collect())
}

fn scan(paths: &[&str], line: &str) -> Result<Vec<Option<String>>, String> {
    Ok(rows(paths, None, false, line)?.remove(0))
}

fn shown(rows: &[Vec<Option<String>>]) -> Vec<String> {
    let cell = |cell: &Option<String>| cell.clone().unwrap_or("~".to_owned());
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("|")).collect()
}

#[test]
fn elements_are_rows_with_what_is_around_them() {
    let line = r#"{"id": 7, "who": {"name": "A"}, "lines": [{"sku": "x", "n": 1.50, "tags": ["p","q"]},
                   {"sku": "y", "tags": []}, {"tags": null, "sku": null}], "note": "z"}"#;
    let paths = ["id", "who.name", "lines.#", "lines.sku", "lines.n", "lines.tags", "note"];
    let found = rows(&paths, Some("lines"), false, line).unwrap();
    assert_eq!(shown(&found), [r#"7|A|1|x|1.50|["p","q"]|z"#, "7|A|2|y|~|[]|z", "7|A|3|~|~|~|z"]);
    let deep = ["id", "lines.sku", "lines.tags", "lines.tags.#"];
    let found = rows(&deep, Some("lines.tags"), false, line).unwrap();
    assert_eq!(shown(&found), ["7|x|p|1", "7|x|q|2"]);
    let found = rows(&deep, Some("lines.tags"), true, line).unwrap();
    assert_eq!(shown(&found), ["7|x|p|1", "7|x|q|2", "7|y|~|~", "7|~|~|~"]);
    for empty in [r#"{"id":7}"#, r#"{"id":7,"lines":null}"#, r#"{"id":7,"lines":[]}"#] {
        assert_eq!(shown(&rows(&["id"], Some("lines"), false, empty).unwrap()), [""; 0]);
        assert_eq!(shown(&rows(&["id"], Some("lines"), true, empty).unwrap()), ["7"]);
    }
    let inside = r#"{"a":{"b":[{"c":1},{"c":{"d":2}}]}}"#;
    let found = rows(&["a.b.c", "a.b.c.d"], Some("a.b"), false, inside).unwrap();
    assert_eq!(shown(&found), ["1|~", r#"{"d":2}|2"#]);
}

#[test]
fn what_is_no_array_of_objects_is_refused() {
    for line in [
        r#"{"lines": {"sku": "x"}}"#,
        r#"{"lines": 1}"#,
        r#"{"lines": [{"sku": "x"}, 2]}"#,
        r#"{"lines": [[1]]}"#,
        r#"{"lines": [], "lines": []}"#,
    ] {
        assert!(rows(&["lines.sku"], Some("lines"), true, line).is_err(), "{line}");
    }
}

#[test]
fn values_keep_their_text() {
    let line = r#"{ "a" : {"b":"x\ny\u00e9", "c":[1,{"d":"]}"}]} , "n":1234567890.1234567890,"t":true,"z":null,"":"e"}"#;
    let found = scan(&["a.b", "a.c", "n", "t", "z", "a.missing", "a"], line).unwrap();
    assert_eq!(found[0].as_deref(), Some("x\nyé"));
    assert_eq!(found[1].as_deref(), Some(r#"[1,{"d":"]}"}]"#));
    assert_eq!(found[2].as_deref(), Some("1234567890.1234567890"));
    assert_eq!(found[3].as_deref(), Some("true"));
    assert_eq!(found[4], None);
    assert_eq!(found[5], None);
    assert_eq!(found[6].as_deref(), Some(r#"{"b":"x\ny\u00e9", "c":[1,{"d":"]}"}]}"#));
}

#[test]
fn what_is_not_one_object_is_refused() {
    for line in [r#"{"a":1"#, r#"{"a":1} x"#, "[1]", "1", r#"{"a":01}"#, r#"{"a":1,"a":2}"#] {
        assert!(scan(&["a"], line).is_err(), "{line}");
    }
    assert!(scan(&["a"], r#"{"a":"\ud800"}"#).is_err());
    assert_eq!(scan(&["a"], "{}").unwrap(), vec![None]);
}

#[test]
fn keys_never_seen_are_told() {
    let mut scanner = Scanner::new(["a.b", "c"].into_iter(), Each::default());
    assert!(scanner.never_seen().is_empty());
    scanner.scan(r#"{"a":null,"d":1}"#).unwrap();
    assert_eq!(scanner.never_seen(), vec!["c"]);
    assert_eq!(scanner.keys(), vec!["a", "d"]);
}
