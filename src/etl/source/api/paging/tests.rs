//! Every way of paging, and the ways in which servers go astray.

use super::*;
use crate::etl::job::{ByCursor, ByOffset, ByPage, ByUrl, IfEmpty, Setting};
use std::collections::BTreeMap;

const FIRST: &str = "https://api.example.com/v1/orders?size=2";

fn walk(paging: Option<Paging>) -> Walk {
    let place = ApiPlace {
        url: Setting::Here(FIRST.to_owned()),
        query: BTreeMap::new(),
        at: None,
        each: None,
        if_empty: IfEmpty::Drop,
        paging,
        since: None,
        no_more: None,
        pages_at_most: 4,
        access: Default::default(),
    };
    Walk::new(&place, FIRST.parse().unwrap())
}

fn after(walk: &mut Walk, rows: u64, body: &str, links: &[&str]) -> Result<Option<String>> {
    let links: Vec<String> = links.iter().map(|link| (*link).to_owned()).collect();
    let url = FIRST.parse().unwrap();
    let said = Said { rows, body: body.as_bytes(), links: &links, url: &url };
    Ok(walk.next(&said)?.map(Url::into))
}

#[test]
fn numbers_and_offsets_go_on_until_a_page_without_rows() {
    let mut pages = walk(Some(Paging::Page(ByPage { parameter: "page".into(), first: 0 })));
    assert_eq!(after(&mut pages, 2, "a", &[]).unwrap().unwrap(), format!("{FIRST}&page=1"));
    assert_eq!(after(&mut pages, 1, "b", &[]).unwrap().unwrap(), format!("{FIRST}&page=2"));
    assert_eq!(after(&mut pages, 0, "[]", &[]).unwrap(), None);
    let mut offsets = walk(Some(Paging::Offset(ByOffset { parameter: "skip".into() })));
    assert_eq!(after(&mut offsets, 2, "a", &[]).unwrap().unwrap(), format!("{FIRST}&skip=2"));
    assert_eq!(after(&mut offsets, 1, "b", &[]).unwrap().unwrap(), format!("{FIRST}&skip=3"));
    assert_eq!(after(&mut offsets, 0, "", &[]).unwrap(), None);
    assert_eq!(after(&mut walk(None), 2, "a", &[]).unwrap(), None);
}

#[test]
fn cursors_and_links_are_followed_until_there_is_none() {
    let by = ByCursor { parameter: "size".into(), at: "meta.next".into() };
    let mut cursors = walk(Some(Paging::Cursor(by)));
    let next = after(&mut cursors, 2, r#"{"meta": {"next": "a&b"}}"#, &[]).unwrap();
    // in the place of a parameter of the same name, and as a value, whatever it holds
    assert_eq!(next.unwrap(), "https://api.example.com/v1/orders?size=a%26b");
    assert_eq!(after(&mut cursors, 2, r#"{"meta": {"next": null}}"#, &[]).unwrap(), None);
    let mut urls = walk(Some(Paging::Next(ByUrl { at: "next".into() })));
    let next = after(&mut urls, 1, r#"{"next": "/v1/orders?page=2"}"#, &[]).unwrap();
    assert_eq!(next.unwrap(), "https://api.example.com/v1/orders?page=2");
    assert_eq!(after(&mut urls, 1, "{}", &[]).unwrap(), None);
    let mut links = walk(Some(Paging::LinkHeader));
    let header = r#"<https://api.example.com/a,b?p=1>; rel="prev", <?p=3>; title="x"; rel="next""#;
    let next = after(&mut links, 1, "[1]", &[header]).unwrap();
    assert_eq!(next.unwrap(), "https://api.example.com/v1/orders?p=3");
    assert_eq!(after(&mut links, 1, "[2]", &["<?p=1>; rel=\"first\""]).unwrap(), None);
}

#[test]
fn a_server_that_goes_in_circles_is_found_out() {
    let by = || ByCursor { parameter: "at".into(), at: "n".into() };
    let mut cursors = walk(Some(Paging::Cursor(by())));
    assert!(after(&mut cursors, 1, r#"{"n": 1}"#, &[]).unwrap().is_some());
    assert!(after(&mut cursors, 1, r#"{"n": 2}"#, &[]).unwrap().is_some());
    let error = after(&mut cursors, 1, r#"{"n": 1, "x": 0}"#, &[]).unwrap_err().to_string();
    assert!(error.contains("leads back to page 2"), "{error}");
    let mut pages = walk(Some(Paging::Page(ByPage { parameter: "page".into(), first: 1 })));
    assert!(after(&mut pages, 1, "same", &[]).unwrap().is_some());
    let error = after(&mut pages, 1, "same", &[]).unwrap_err().to_string();
    assert!(error.contains("what the page before has said"), "{error}");
    // empty pages with ever new cursors
    let mut endless = walk(Some(Paging::Cursor(by())));
    for page in 1..4 {
        assert!(after(&mut endless, 0, &format!("{{\"n\": {page}}}"), &[]).unwrap().is_some());
    }
    let error = after(&mut endless, 0, "{\"n\": 9}", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn no_page_leads_to_another_server() {
    for next in [
        "https://evil.example.com/",
        "http://api.example.com/",
        "//evil/",
        "https://a:b@api.example.com/",
    ] {
        let mut urls = walk(Some(Paging::Next(ByUrl { at: "next".into() })));
        let error = after(&mut urls, 1, &format!("{{\"next\": \"{next}\"}}"), &[]).unwrap_err();
        assert!(error.to_string().contains("another server"), "{next}: {error}");
    }
}
