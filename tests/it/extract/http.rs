//! Files by their URL: fetched whole or not at all, patiently, and nobody sees a secret.

use super::web::{Answer, Web};
use super::{Project, row, spec};
use starhouse::error::{Error, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const TOKEN: &str = "t0ken-of-the-tests";

fn csv(rows: usize) -> Vec<u8> {
    let rows: String = (1..=rows).map(|id| format!("{id},name {id}\n")).collect();
    format!("id,name\n{rows}").into_bytes()
}

fn yaml(url: &str, access: &str) -> String {
    format!(
        "name: t\nfrom: {{csv: {{path: '{url}', access: {{http: {{{access}}}}}}}}}\n\
         columns: [{{name: id, type: int32}}, {{name: name, type: text}}]"
    )
}

async fn error(project: &Project, web: &Web, access: &str) -> Error {
    let spec = spec(&yaml(&web.url("t.csv"), access));
    project.extract(&spec).await.err().expect("an error")
}

/// Says something else each time.
fn in_turn(answers: Vec<Answer>) -> Web {
    let turn = AtomicUsize::new(0);
    Web::new(move |_| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        answers[turn.min(answers.len() - 1)].clone()
    })
}

async fn rows(web: &Web, access: &str) -> usize {
    let project = Project::new().await;
    let outcome = project.extract(&spec(&yaml(&web.url("t.csv"), access))).await.unwrap();
    assert_eq!(outcome.rows.first(), Some(&row(&["1", "name 1"])));
    let last = outcome.rows.len();
    assert_eq!(outcome.rows.last(), Some(&row(&[&last.to_string(), &format!("name {last}")])));
    last
}

#[tokio::test]
async fn a_connection_that_is_cut_is_asked_again() {
    let body = csv(20_000);
    let cut = Answer::ok(body.clone()).cut_at(body.len() / 2);
    let web = in_turn(vec![cut.clone(), cut.clone(), Answer::ok(body.clone())]);
    assert_eq!(rows(&web, "").await, 20_000);
    assert_eq!(web.asked().len(), 3);
    assert!(web.asked().iter().all(|request| request.header("range").is_none()));

    let web = in_turn(vec![cut]);
    let error = error(&Project::new().await, &web, "attempts: 2").await;
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{error}");
    assert!(error.to_string().contains("connection to the server was lost"), "{error}");
    assert_eq!(web.asked().len(), 2);
}

#[tokio::test]
async fn the_rest_is_asked_for_where_the_content_has_a_name() {
    let body = csv(20_000);
    let half = body.len() / 2;
    let all = body.clone();
    let web = Web::new(move |request| match request.header("range") {
        None => Answer::ok(all.clone()).with("etag", "\"v1\"").cut_at(half),
        Some(range) => {
            assert_eq!(request.header("if-range"), Some("\"v1\""));
            let from: usize =
                range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
            let said = format!("bytes {from}-{}/{}", all.len() - 1, all.len());
            Answer::status(206, &all[from..]).with("content-range", said).with("etag", "\"v1\"")
        }
    });
    assert_eq!(rows(&web, "").await, 20_000);
    assert_eq!(web.asked().len(), 2);

    // the content is another by now: from the start again
    let old = Answer::ok(csv(10)).with("etag", "\"v1\"").cut_at(30);
    let web = in_turn(vec![old, Answer::ok(body.clone()).with("etag", "\"v2\"")]);
    assert_eq!(rows(&web, "").await, 20_000);
    // a weak name says nothing of bytes
    let weak = Answer::ok(body.clone()).with("etag", "W/\"v1\"").cut_at(half);
    let web = in_turn(vec![weak, Answer::ok(body)]);
    assert_eq!(rows(&web, "").await, 20_000);
    assert!(web.asked()[1].header("range").is_none());
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_left_alone_so_long() {
    let busy = Answer::status(429, "slow down").with("retry-after", "1");
    let web = in_turn(vec![busy, Answer::status(503, ""), Answer::ok(csv(3))]);
    let began = Instant::now();
    assert_eq!(rows(&web, "").await, 3);
    assert!(began.elapsed() >= Duration::from_millis(1_400), "{:?}", began.elapsed());

    let web = in_turn(vec![Answer::status(429, "slow down").with("retry-after", "86400")]);
    let error = error(&Project::new().await, &web, "").await.to_string();
    assert!(error.contains("asked too often") && error.contains("86400 seconds"), "{error}");
    assert_eq!(web.asked().len(), 1);
}

#[tokio::test]
async fn requests_keep_their_distance() {
    let web = in_turn(vec![Answer::status(500, ""), Answer::status(500, ""), Answer::ok(csv(1))]);
    let began = Instant::now();
    assert_eq!(rows(&web, "requests_a_second: 1").await, 1);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_a_server_says_no_to_is_told() {
    let project = Project::new().await;
    project.write("token", TOKEN);
    for (status, kind, says) in [
        (401, ErrorKind::User, "does not let us in"),
        (403, ErrorKind::User, "check `access`"),
        (404, ErrorKind::NotFound, "the server has no such file"),
        (400, ErrorKind::User, "does not understand"),
        (500, ErrorKind::Unavailable, "the server failed"),
    ] {
        let web = Web::new(move |request| {
            let seen = request.header("authorization").unwrap_or_default().to_owned();
            Answer::status(status, format!("bad token: {seen}, sorry"))
        });
        let error = error(&project, &web, "attempts: 1, bearer: {file: token}").await;
        assert_eq!(error.kind(), kind, "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(says), "{text}");
        assert!(!text.contains(TOKEN), "{text}");
        assert!(status == 404 || text.contains("bad token: Bearer ***, sorry"), "{text}");
    }
}

#[tokio::test]
async fn secrets_are_sent_and_never_shown() {
    let project = Project::new().await;
    project.write("token", format!("{TOKEN}\n"));
    let web = Web::new(|request| {
        let sent = [request.header("authorization"), request.header("x-api-key")];
        match sent {
            [Some("Bearer t0ken-of-the-tests"), None]
            | [Some("Basic bWU6dDBrZW4tb2YtdGhlLXRlc3Rz"), None]
            | [None, Some(TOKEN)] => Answer::ok(csv(1)),
            _ => Answer::status(401, ""),
        }
    });
    for access in [
        "bearer: {file: token}",
        "basic: {user: me, password: {file: token}}",
        "headers: {X-Api-Key: {file: token}, Accept: text/csv}",
    ] {
        let spec = spec(&yaml(&web.url("t.csv"), access));
        let outcome = project.extract(&spec).await.unwrap();
        let told = format!("{:?} {:?}", outcome.extracted, outcome.rejects);
        assert!(!told.contains(TOKEN), "{told}");
    }
    for (access, says) in [
        ("bearer: {file: token}, basic: {user: me, password: {file: token}}", "either"),
        ("headers: {Authorization: 'Bearer hunter2'}", "is a secret"),
        ("headers: {x-api-key: hunter2}", "is a secret"),
        ("headers: {'a b': c}", "no name of a header"),
        ("attempts: 0", "count from 1"),
        ("requests_a_second: 0", "more than 0"),
    ] {
        let error = error(&project, &web, access).await.to_string();
        assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
    }
    let with_password = yaml("http://me:hunter2@127.0.0.1/t.csv", "");
    let error = project.extract(&spec(&with_password)).await.err().unwrap().to_string();
    assert!(error.contains("not written into a URL") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn secrets_do_not_leave_the_machine_unencrypted() {
    let project = Project::new().await;
    project.write("token", TOKEN);
    // an address of documentation: nobody is there, and nobody is asked
    let there = "http://192.0.2.1/t.csv";
    let error = project.extract(&spec(&yaml(there, "bearer: {file: token}"))).await.err().unwrap();
    assert!(error.to_string().contains("unencrypted"), "{error}");
}

#[tokio::test]
async fn redirects_do_not_carry_secrets_elsewhere() {
    let project = Project::new().await;
    project.write("token", TOKEN);
    let there = Web::new(|_| Answer::ok(csv(2)));
    let target = there.url("moved.csv");
    let here = Web::new(move |_| Answer::status(302, "").with("location", target.clone()));
    // a token is taken off on the way
    let spec_of = |access: &str| spec(&yaml(&here.url("t.csv"), access));
    let outcome = project.extract(&spec_of("bearer: {file: token}")).await.unwrap();
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!(here.asked()[0].header("authorization"), Some("Bearer t0ken-of-the-tests"));
    assert_eq!(there.asked()[0].header("authorization"), None);
    // headers of one's own are for that server alone
    let error = project.extract(&spec_of("headers: {X-Key: {file: token}}")).await.err().unwrap();
    assert!(error.to_string().contains("sends us to another"), "{error}");
    assert_eq!(there.asked().len(), 1);
    let circle = Web::new(|_| Answer::status(302, "").with("location", "/t.csv"));
    let spec = spec(&yaml(&circle.url("t.csv"), ""));
    let error = project.extract(&spec).await.err().unwrap();
    assert!(error.to_string().contains("from place to place"), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_ended() {
    let project = Project::new().await;
    let web = Web::new(|_| Answer::ok(vec![b'x'; 64 << 10]).endless());
    let error = error(&project, &web, "answer_at_most_mib: 1").await;
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    let large = Web::new(|_| Answer::ok(vec![b'x'; (1 << 20) + 1]).silent_after(10));
    let spec = spec(&yaml(&large.url("t.csv"), "answer_at_most_mib: 1"));
    let error = project.extract(&spec).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    let project = Project::new().await;
    let web = Web::new(|_| Answer::ok(csv(100)).silent_after(20));
    let began = Instant::now();
    let error = error(&project, &web, "timeout_seconds: 1, attempts: 2").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("in time"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(web.asked().len(), 2);
}

#[tokio::test]
async fn a_run_that_is_cancelled_hangs_up() {
    let project = Project::new().await;
    let web = Web::new(|_| Answer::ok(csv(100)).silent_after(20));
    let spec = spec(&yaml(&web.url("t.csv"), ""));
    let fetching = project.extract(&spec);
    let ended = tokio::time::timeout(Duration::from_millis(500), fetching).await;
    assert!(ended.is_err());
    let began = Instant::now();
    while !web.is_left_alone() {
        assert!(began.elapsed() < Duration::from_secs(5), "the connection is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn only_what_a_server_lists_has_stars() {
    let project = Project::new().await;
    for (path, says) in [
        ("https://example.com/*.csv", "a URL holds no `*`"),
        ("ftp://example.com/t.csv", "files are not read from `ftp://`"),
        ("https://", "is no URL"),
    ] {
        let yaml = yaml(path, "").replace(", access: {http: {}}", "");
        let error = project.extract(&spec(&yaml)).await.err().unwrap().to_string();
        assert!(error.contains(says), "{path}: {error}");
    }
    let error = project.extract(&spec(&yaml("t.csv", ""))).await.err().unwrap().to_string();
    assert!(error.contains("a path that is a URL"), "{error}");
}
