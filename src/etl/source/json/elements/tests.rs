//! Arrays whatever is around them, and what is none.

use super::*;
use crate::error::ErrorKind;
use proptest::prelude::*;
use std::io::BufReader;

fn read(text: &str, path: &[&str], block_bytes: usize) -> Result<Vec<String>> {
    let reader = BufReader::with_capacity(block_bytes, text.as_bytes());
    let mut elements = Elements::new(reader, path)?;
    let mut found = Vec::new();
    while let Some(line) = elements.next()? {
        found.push(line.text.into_owned());
    }
    Ok(found)
}

#[test]
fn elements_are_found_whatever_is_around_them() {
    let text = "\u{feff} {\"n\": 1, \"o\": {\"a\": [1, \"]\\\"\"]}, \"rows\" :\n {\"items\": [ {\"a\":\"},{\"} ,\n\
                [1], 2.5 , \"x\\\\\", null], \"more\": \"]\"}, \"z\":true } \n";
    for block_bytes in [1, 3, 64] {
        let found = read(text, &["rows", "items"], block_bytes).unwrap();
        assert_eq!(found, [r#"{"a":"},{"}"#, "[1]", "2.5", r#""x\\""#, "null"]);
        assert_eq!(read(" [ ]", &[], block_bytes).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn what_is_no_array_is_said_with_its_place() {
    for (text, path, says) in [
        ("{\"a\": []}", &[][..], "say `at: KEY`"),
        ("", &[], "the file is empty"),
        ("[1, 2 ", &[], "expected `,` or `]`, found the end"),
        ("[1, 2", &[], "the rest of the document"),
        ("[{\"a\": 1", &[], "the rest of the document"),
        ("[1 2]", &[], "expected `,` or `]`, found `2`"),
        ("[1]\n[2]", &[], "expected the end of the document, found `[` (line 2, offset 4)"),
        ("[1,]", &[], "expected a value, found `]`"),
        ("{\"items\": [1]", &["items"], "expected `,` or `}`, found the end"),
        ("{\"items\": [1]}", &["itms"], "did you mean `items`? it has items"),
        ("{\"items\": 1}", &["items"], "expected an array, found `1`"),
        ("[1]", &["items"], "an object with the key `items`"),
        ("{\"items\": null}", &["items"], "expected an array, found `null`"),
        ("{\"items\": nil}", &["items"], "expected an array, found `nil`"),
        ("{}", &["items"], "it has no key at all"),
        ("{\"items\": [1], \"n\": 1, \"items\": [2]}", &["items"], "the key `items` twice"),
        ("{\"a\": {\"b\": []}, \"a\": {}}", &["a", "b"], "the key `a` twice"),
    ] {
        let error = read(text, path, 8).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<i32>().prop_map(serde_json::Value::from),
        "[a\\\\\"{}\\[\\],:é ]{0,6}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec(("[a\"}]{0,3}", inner), 0..4)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_array_comes_back(
        values in prop::collection::vec(json(), 0..6), pretty: bool, block_bytes in 1_usize..40,
    ) {
        let array = serde_json::Value::from(values.clone());
        let text = if pretty { format!("{array:#}") } else { array.to_string() };
        let found: Vec<serde_json::Value> = read(&text, &[], block_bytes)
            .unwrap()
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        prop_assert_eq!(found, values);
    }

    #[test]
    fn an_array_cut_off_is_an_error(values in prop::collection::vec(json(), 1..4), cut: prop::sample::Index) {
        let text = serde_json::Value::from(values).to_string();
        let cut = cut.index(text.len());
        prop_assume!(text.is_char_boundary(cut));
        prop_assert!(read(&text[..cut], &[], 16).is_err());
    }
}
