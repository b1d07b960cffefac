//! JSON APIs: every page once, to the last, or nothing.

use super::web::{Answer, Request, Web};
use super::{Project, row, spec};
use starhouse::error::{Error, ErrorKind};
use starhouse::etl::extract;
use starhouse::etl::job::SourceSpec;

const ROWS: u64 = 25;
const SIZE: u64 = 10;

fn api(url: &str, more: &str) -> SourceSpec {
    spec(&format!(
        "name: t\nfrom: {{api: {{url: '{url}', {more}}}}}\n\
         columns: [{{name: id, type: int32}}, {{name: city, from: address.city, type: text}}]"
    ))
}

/// Rows from one on, a page of them.
fn page(from: u64) -> Vec<String> {
    let ids = from + 1..=(from + SIZE).min(ROWS);
    ids.map(|id| format!("{{\"id\": {id}, \"address\": {{\"city\": \"c{id}\"}}}}")).collect()
}

fn number(request: &Request, parameter: &str) -> u64 {
    request.parameter(parameter).map_or(0, |text| text.parse().unwrap())
}

async fn all_rows(web: &Web, more: &str) {
    let project = Project::new().await;
    let outcome = project.extract(&api(&web.url("v1/orders"), more)).await.unwrap();
    let expected: Vec<_> =
        (1..=ROWS).map(|id| row(&[&id.to_string(), &format!("c{id}")])).collect();
    assert_eq!(outcome.rows, expected, "{more}");
}

async fn error(web: &Web, more: &str) -> Error {
    let project = Project::new().await;
    project.extract(&api(&web.url("v1/orders"), more)).await.err().expect("an error")
}

#[tokio::test]
async fn every_way_of_paging_gives_every_row_once() {
    let pages = Web::new(|request| {
        assert_eq!(request.parameter("size"), Some("10"));
        // the first page as well
        let number: u64 = request.parameter("page").unwrap().parse().unwrap();
        Answer::ok(format!("[{}]", page((number - 1) * SIZE).join(",")))
    });
    all_rows(&pages, "query: {size: 10}, paging: {page: {parameter: page}}").await;
    assert_eq!(pages.asked().len(), 4);

    let offsets = Web::new(|request| {
        Answer::ok(format!("{{\"d\": {{\"r\": [{}]}}}}", page(number(request, "skip")).join(",")))
    });
    all_rows(&offsets, "at: d.r, paging: {offset: {parameter: skip}}").await;

    let cursors = Web::new(|request| {
        let from = number(request, "after");
        let next = if from + SIZE < ROWS { format!("\"{}\"", from + SIZE) } else { "null".into() };
        let rows = page(from).join(",");
        Answer::ok(format!("{{\"meta\": {{\"next\": {next}}}, \"rows\": [{rows}]}}"))
    });
    let by = "at: rows, paging: {cursor: {parameter: after, at: meta.next}}";
    all_rows(&cursors, by).await;
    assert_eq!(cursors.asked().len(), 3);

    let urls = Web::new(|request| {
        let from = number(request, "from");
        let next = match from + SIZE < ROWS {
            true => format!(", \"next\": \"/v1/orders?from={}\"", from + SIZE),
            false => String::new(),
        };
        Answer::ok(format!("{{\"rows\": [{}]{next}}}", page(from).join(",\n")))
    });
    all_rows(&urls, "at: rows, paging: {next: {at: next}}").await;

    let links = Web::new(|request| {
        let from = number(request, "from");
        let answer = Answer::ok(format!("[{}]", page(from).join(",")));
        match from + SIZE < ROWS {
            true => answer.with("link", format!("<?from={}>; rel=\"next\"", from + SIZE)),
            false => answer.with("link", "<?from=0>; rel=\"first\""),
        }
    });
    all_rows(&links, "paging: link_header").await;
}

#[tokio::test]
async fn pages_begin_and_end_as_the_server_says() {
    // the numbers begin where they do, also in the URL
    for (path, first) in [("v1/orders", 0), ("v1/orders", 7), ("v1/orders?p=7", 7)] {
        let web = Web::new(move |request| {
            let number: u64 = request.parameter("p").unwrap().parse().unwrap();
            Answer::ok(format!("[{}]", page((number - first) * SIZE).join(",")))
        });
        let more = format!("paging: {{page: {{parameter: p, first: {first}}}}}");
        let project = Project::new().await;
        let outcome = project.extract(&api(&web.url(path), &more)).await.unwrap();
        assert_eq!((outcome.rows.len() as u64, web.asked().len()), (ROWS, 4), "{path} {first}");
    }
    let web = Web::new(|_| Answer::ok("[]"));
    let by = "paging: {page: {parameter: p, first: 1}}";
    let project = Project::new().await;
    let told = project.extract(&api(&web.url("v1/orders?p=3"), by)).await.err().unwrap();
    assert!(told.to_string().contains("begins with `p=3`, and `paging` with 1"), "{told}");
    // what stands in the place of the page behind the last
    let behind = |last: fn() -> Answer| {
        Web::new(move |request| match number(request, "skip") {
            from if from < ROWS => Answer::ok(format!("{{\"r\": [{}]}}", page(from).join(","))),
            _ => last(),
        })
    };
    let by = "at: r, paging: {offset: {parameter: skip}}";
    all_rows(&behind(|| Answer::ok("{\"r\": null}")), by).await;
    all_rows(&behind(|| Answer::status(404, "no")), &format!("{by}, no_more: not_found")).await;
    all_rows(&behind(|| Answer::ok("{\"n\": 0}")), &format!("{by}, no_more: no_array")).await;
    for last in [|| Answer::status(404, "no"), || Answer::ok("{}")] {
        let told = error(&behind(last), by).await;
        assert_eq!(told.kind(), ErrorKind::Data, "{told}");
    }
    let web = Web::new(|_| Answer::ok("[]"));
    let told = error(&web, "paging: link_header, no_more: not_found").await;
    assert!(told.to_string().contains("for pages by number or offset"), "{told}");
}

#[tokio::test]
async fn a_server_that_repeats_itself_is_not_read_for_ever() {
    let same = Web::new(|_| Answer::ok(format!("[{}]", page(0).join(","))));
    let error_of = error(&same, "paging: {page: {parameter: page}}").await;
    assert_eq!(error_of.kind(), ErrorKind::Data);
    assert!(error_of.to_string().contains("what the page before has said"), "{error_of}");
    assert_eq!(same.asked().len(), 2);

    let circle = Web::new(|request| {
        let at = number(request, "at");
        Answer::ok(format!("{{\"next\": {}, \"rows\": [{{\"id\": {at}}}]}}", (at + 1) % 3))
    });
    let error_of = error(&circle, "at: rows, paging: {cursor: {parameter: at, at: next}}").await;
    assert!(error_of.to_string().contains("leads back to page 2"), "{error_of}");

    let endless = Web::new(|request| {
        let at = number(request, "at");
        Answer::ok(format!("{{\"next\": {}, \"rows\": []}}", at + 1))
    });
    let more = "at: rows, paging: {cursor: {parameter: at, at: next}}, pages_at_most: 20";
    let error_of = error(&endless, more).await;
    assert_eq!(error_of.kind(), ErrorKind::Limit, "{error_of}");
    assert_eq!(endless.asked().len(), 20);
}

#[tokio::test]
async fn a_page_that_fails_leaves_nothing() {
    // cut in the middle of page 2, each time
    let cut = Web::new(|request| {
        let answer = Answer::ok(format!("[{}]", page(number(request, "skip")).join(",")));
        if number(request, "skip") == SIZE { answer.cut_at(100) } else { answer }
    });
    let by = "paging: {offset: {parameter: skip}}, access: {attempts: 2}";
    let error_of = error(&cut, by).await;
    assert_eq!(error_of.kind(), ErrorKind::Unavailable, "{error_of}");
    assert_eq!(cut.asked().len(), 3);
    // gone in the middle: not the same as nothing there
    let gone = Web::new(|request| match number(request, "skip") {
        0 => Answer::ok(format!("[{}]", page(0).join(","))),
        _ => Answer::status(404, "no more"),
    });
    let error_of = error(&gone, by).await;
    assert!(error_of.to_string().contains("leads to one that is not there"), "{error_of}");
    assert_eq!(error_of.kind(), ErrorKind::Data);
    // one that recovers
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let shaky = Web::new(move |request| {
        let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let answer = Answer::ok(format!("[{}]", page(number(request, "skip")).join(",")));
        match turn % 3 {
            0 => Answer::status(502, "bad gateway"),
            1 => answer.cut_at(2),
            _ => answer,
        }
    });
    all_rows(&shaky, "paging: {offset: {parameter: skip}}").await;
}

#[tokio::test]
async fn what_is_no_json_is_told() {
    for (body, more, says) in [
        ("<html>sign in</html>", "", "expected an array"),
        ("[{\"id\": 1}, {\"id\"", "", "found the end"),
        ("{\"items\": []}", "at: itms", "did you mean `items`?"),
        ("{\"rows\": [{\"id\": 1}]}", "", "say `at: KEY`"),
        (
            "{\"rows\": [{\"id\": 1}], \"next\": {}}",
            "at: rows, paging: {cursor: {parameter: a, at: next}}",
            "does not say what comes next",
        ),
        ("[{\"number\": 1}]", "", "no columns `id`, `address.city`"),
        (
            "{\"rows\": [{\"id\": 1}], \"next\": \"http://127.0.0.2:1/\"}",
            "at: rows, paging: {next: {at: next}}",
            "leads to another server",
        ),
    ] {
        let web = Web::new(move |_| Answer::ok(body));
        let error_of = error(&web, more).await.to_string();
        assert!(error_of.contains(says), "{body}: {error_of}");
        assert!(error_of.contains("/v1/orders"), "{error_of}");
    }
    // a row that is none is one row
    let web = Web::new(|_| Answer::ok("[{\"id\": 1, \"address\": {\"city\": \"a\"}}, 7]"));
    let project = Project::new().await;
    let outcome = project.extract(&api(&web.url("v1/orders"), "")).await.unwrap();
    assert_eq!((outcome.rows.len(), outcome.rejects.len()), (1, 1));
    assert_eq!((outcome.rejects[0].line, outcome.rejects[0].raw.as_str()), (2, "7"));
    // nothing is nothing
    let empty = Web::new(|_| Answer::status(204, ""));
    let spec = api(&empty.url("v1/orders"), "");
    let outcome = project.extract(&spec).await;
    assert!(outcome.is_err() || outcome.unwrap().rows.is_empty());
}

#[tokio::test]
async fn a_watermark_is_sent_and_secrets_are_not_told() {
    let project = Project::new().await;
    project.write("key", "hunter2");
    let web = Web::new(|request| {
        assert_eq!(request.parameter("api_key"), Some("hunter2"));
        let since = number(request, "since");
        let rows: Vec<String> = (since.max(1)..=3)
            .map(|id| format!("{{\"id\": {id}, \"address\": {{\"city\": \"hunter2\"}}}}"))
            .collect();
        Answer::ok(format!("[{}]", rows.join(",")))
    });
    let more = "query: {status: all, api_key: {file: key}}, since: since";
    let mut spec = api(&web.url("v1/orders"), more);
    spec.strategy = serde_saphyr::from_str("watermark: {column: id}").unwrap();
    let first = project.extract(&spec).await.unwrap().extracted.extent;
    assert_eq!((first.counts.staged, first.cursor.as_deref()), (3, Some("3")));
    assert_eq!(first.inputs[0].name, web.url("v1/orders?status=all"));
    assert_eq!(web.asked()[0].parameter("since"), None);
    let plan = extract::plan_from(project.path(), &spec, Some(&first.inputs), Some("3"));
    assert!(!plan.await.unwrap().is_unchanged());
    assert_eq!(web.asked()[1].parameter("since"), Some("3"));

    spec.from = api(&web.url("v1/orders"), &more.replace(", since: since", "")).from;
    let error_of = project.extract(&spec).await.err().unwrap().to_string();
    assert!(error_of.contains("say `since: PARAMETER`"), "{error_of}");
    let open = api(&web.url("v1/orders"), "query: {api_key: hunter2}");
    let error_of = project.extract(&open).await.err().unwrap().to_string();
    assert!(error_of.contains("is a secret") && !error_of.contains("hunter2"), "{error_of}");
    // the server says the secret back
    let echo = Web::new(|request| {
        Answer::status(400, format!("wrong key {}", request.parameter("api_key").unwrap()))
    });
    let echoed = api(&echo.url("v1/orders"), "query: {api_key: {file: key}}");
    let error_of = format!("{:?}", project.extract(&echoed).await.err().unwrap());
    assert!(error_of.contains("wrong key ***") && !error_of.contains("hunter2"), "{error_of}");
}
