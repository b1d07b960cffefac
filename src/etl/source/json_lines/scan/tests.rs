//! Values at paths, elements as rows, and what is refused.

use super::*;
use proptest::prelude::*;

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

/// Objects, most of them flat, and what is nearly one.
fn lines() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "1",
        "1",
        "1",
        "\"x\"",
        "\"x\"",
        "null",
        "true",
        "false",
        "-0.5e+10",
        "\"\u{e9} ,}\"",
        "{\"b\":2}",
        "[1]",
        "\"\\n\"",
        "01",
        "1.",
        "-",
        "nul",
        "+1",
        "1e",
        "\"\u{1}\"",
        "",
    ]);
    let key = prop::sample::select(vec!["a", "b", "c", "d", "a", "b", "\\u0061", ""]);
    let space = prop::sample::select(vec!["", "", "", " ", "\t"]);
    let pair = (key, value, space);
    let pair = pair.prop_map(|(key, value, s)| format!("{s}\"{key}\"{s}:{s}{value}{s}"));
    let end = prop::sample::select(vec!["}", "}", "}", "}", "", "} ", "}x", ",}"]);
    let object = (prop::collection::vec(pair, 0..5), end);
    object.prop_map(|(pairs, end)| format!("{{{}{end}", pairs.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Lines that are read at one look give what they give read carefully, whatever came before them.
    #[test]
    fn plain_lines_are_read_as_any_others(lines in prop::collection::vec(lines(), 1..6)) {
        let paths = ["a", "c", "b", "a.b", "a"];
        for paths in [&paths[..3], &paths[..]] {
            let mut scanner = Scanner::new(paths.iter().copied(), Each::default());
            let mut keys = BTreeSet::new();
            for line in &lines {
                let mut row = vec![None; paths.len()];
                let careful = whole(line, &scanner.root, &mut keys, &mut row).map(|_| row);
                let read = scanner.scan(line).map(|mut rows| rows.remove(0).0);
                prop_assert_eq!(&read, &careful, "{}", line);
            }
        }
        // what a whole object has is known, and nothing else
        let mut scanner = Scanner::new(["a", "b"].into_iter(), Each::default());
        let mut keys: BTreeSet<String> = BTreeSet::new();
        for line in &lines {
            if scanner.scan(line).is_ok() {
                let object: serde_json::Map<_, _> = serde_json::from_str(line).unwrap();
                keys.extend(object.keys().cloned());
            }
        }
        prop_assert!(keys.is_subset(&scanner.met.keys));
        let twice = |line: &String| line.matches("\"a\"").count() + line.matches("\\u0061").count() > 1
            || line.matches("\"b\"").count() > 1;
        if !lines.iter().any(twice) {
            prop_assert_eq!(&scanner.met.keys, &keys);
        }
    }
}
