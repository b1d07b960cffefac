//! JSON documents that hold an array.

use super::{Project, causes, row, spec};
use starhouse::error::ErrorKind;

const JSON: &str = "name: t
from: {json: {path: t.json}}
columns: [{name: id, type: int64}, {name: city, from: address.city, type: text}]";

#[tokio::test]
async fn each_element_is_a_row_or_says_why_it_is_none() {
    let project = Project::new().await;
    project.write(
        "t.json",
        "[ {\"id\": 9007199254740993, \"address\": {\"city\": \"B\\u00f6rg\"}},\n[1],\n null,\n{\"id\": 1.5},\n\
         {\"id\": 01},{\"id\":\n5, \"address\": null}\n]",
    );
    let outcome = project.extract(&spec(JSON)).await.unwrap();
    assert_eq!(outcome.rows, vec![row(&["9007199254740993", "B\u{f6}rg"]), row(&["5", "~"])]);
    assert_eq!(
        causes(&outcome.rejects),
        vec![(2, "json", None), (3, "json", None), (4, "type", Some("id")), (5, "json", None)]
    );
    assert_eq!(outcome.rejects[2].raw, "{\"id\": 1.5}");
    assert_eq!(outcome.rejects[0].offset, Some(62));
}

#[tokio::test]
async fn a_document_that_is_cut_off_or_other_is_an_error() {
    let project = Project::new().await;
    for (text, says) in [
        ("[{\"id\": 1}, {\"id\": 2}", "expected `,` or `]`, found the end of the file"),
        ("[{\"id\": 1}, {\"id\": 2", "expected the rest of the document, found the end"),
        ("{\"rows\": []}", "say `at: KEY`"),
        ("[{\"id\": 1}] [", "expected the end of the document"),
    ] {
        project.write("t.json", text);
        let error = project.extract(&spec(JSON)).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(says), "{error}");
    }
    let inside = JSON.replace("t.json", "t.json, at: data.itms");
    project.write("t.json", "{\"data\": {\"items\": []}}");
    let error = project.extract(&spec(&inside)).await.err().unwrap();
    assert!(error.to_string().contains("did you mean `items`?"), "{error}");
}
