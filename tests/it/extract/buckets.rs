//! Files in buckets: of a server of the test's own, and of `moto`, which speaks as Amazon's does.

use super::servers::{Server, apart, fresh_name};
use super::web::{Answer, Request, Web};
use super::{Project, row, spec};
use sha2::{Digest, Sha256};
use starhouse::error::ErrorKind;
use starhouse::etl::extract;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// Rows of a page of the API.
const PAGE_ROWS: usize = 1_000;

/// Gives a folder's files out.
pub(crate) fn serve(folder: PathBuf) -> Web {
    Web::new(move |request| match request.path.as_str() {
        path if path.starts_with("api/") => page(&folder.join(path), request),
        "bucket" | "bucket/" => listed(&folder, request),
        path => object(&folder.join(path.strip_prefix("bucket/").unwrap_or(path)), request),
    })
}

/// A page of a file of rows.
fn page(file: &Path, request: &Request) -> Answer {
    let Ok(text) = std::fs::read_to_string(file) else { return Answer::status(404, "none") };
    let rows: Vec<&str> = text.lines().collect();
    let from = request.parameter("after").map_or(0, |text| text.parse().unwrap());
    let to = (from + PAGE_ROWS).min(rows.len());
    let next = if to < rows.len() { format!("\"{to}\"") } else { "null".to_owned() };
    let rows = rows[from..to].join(",\n");
    Answer::ok(format!("{{\"meta\": {{\"next\": {next}}}, \"rows\": [{rows}]}}"))
}

fn mark(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("\"{:02x}{:02x}{:02x}{:02x}\"", digest[0], digest[1], digest[2], digest[3])
}

fn object(file: &Path, request: &Request) -> Answer {
    let Ok(bytes) = std::fs::read(file) else { return Answer::status(404, "none") };
    let mark = mark(&bytes);
    match request.header("if-match") {
        Some(wanted) if wanted != mark => Answer::status(412, "changed"),
        _ => Answer::ok(bytes)
            .with("etag", mark)
            .with("last-modified", "Wed, 01 Jan 2025 00:00:00 GMT"),
    }
}

/// What lies in a folder of the bucket, as S3 and Google say it.
fn listed(folder: &Path, request: &Request) -> Answer {
    let prefix = request.parameter("prefix").unwrap_or_default();
    let mut said = String::new();
    let entries = std::fs::read_dir(folder.join(prefix)).into_iter().flatten();
    for entry in entries.map(Result::unwrap) {
        let key = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            said += &format!("<CommonPrefixes><Prefix>{key}/</Prefix></CommonPrefixes>");
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let mark = mark(&bytes).replace('"', "&quot;");
        said += &format!(
            "<Contents><Key>{key}</Key><Size>{}</Size><ETag>{mark}</ETag>\
             <LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>",
            bytes.len()
        );
    }
    Answer::ok(format!(
        "<?xml version=\"1.0\"?><ListBucketResult>{said}<IsTruncated>false</IsTruncated>\
         </ListBucketResult>"
    ))
}

/// A bucket of `moto`, and the server it is in.
pub(crate) struct S3 {
    server: Arc<Server>,
    pub(crate) bucket: String,
}

impl S3 {
    pub(crate) fn new() -> Self {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let server = Server::shared(&SHARED, start);
        let s3 = Self { server, bucket: format!("bucket-{}", fresh_name()) };
        s3.server.await_ready(|| s3.send("", Vec::new()).is_ok());
        s3
    }

    pub(crate) fn access(&self) -> String {
        let endpoint = format!("http://127.0.0.1:{}", self.server.port);
        format!("{{s3: {{endpoint: '{endpoint}', key_id: us, secret_key: {{env: PATH}}}}}}")
    }

    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) {
        self.send(key, bytes).unwrap();
    }

    fn send(&self, key: &str, body: Vec<u8>) -> Result<(), String> {
        let url = format!("http://127.0.0.1:{}/{}/{key}", self.server.port, self.bucket);
        apart(async || {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            // who overwrites must be somebody; the signature is not looked at
            let signed = "AWS4-HMAC-SHA256 Credential=us/20250101/us-east-1/s3/aws4_request, \
                          SignedHeaders=host, Signature=00";
            let put = client.put(url).header("authorization", signed);
            let sent = put.body(body).send().await;
            let answer = sent.map_err(|error| format!("{error:?}"))?;
            match answer.status().is_success() {
                true => Ok(()),
                false => Err(answer.text().await.unwrap_or_default()),
            }
        })
    }
}

fn start(folder: &Path, port: u16) -> Child {
    let python = std::env::var("STARHOUSE_PYTHON");
    let python = python.expect("not installed: run `. .ci/install/programs.sh`");
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(python);
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// A source in the project's own bucket, which asks for a key.
fn signed(project: &Project, path: &str) -> String {
    project.write("secret", "k3y-of-the-tests");
    let url = project.web().url("");
    let endpoint = url.trim_end_matches('/');
    format!(
        "name: t\nfrom: {{csv: {{path: '{path}', access: {{s3: {{endpoint: '{endpoint}', key_id: us, \
         secret_key: {{file: secret}}}}}}}}}}\ncolumns: [{{name: id, type: int32}}]"
    )
}

#[tokio::test]
async fn stars_are_looked_for_folder_by_folder() {
    let project = Project::new().await;
    for (file, id) in [
        ("in/2024/a.csv", 1),
        ("in/2024/b.csv", 2),
        ("in/2025/a.csv", 3),
        ("in/2025/a.csv.bak", 4),
        ("in/2025/deep/a.csv", 5),
        ("in/old/a.csv", 6),
        ("a.csv", 7),
    ] {
        project.write(file, format!("id\n{id}\n"));
    }
    for (path, ids) in [
        ("s3://bucket/in/20*/*.csv", &["1", "2", "3"][..]),
        ("s3://bucket/in/*/a.csv", &["1", "3", "6"]),
        ("s3://bucket/in/2024/b.csv", &["2"]),
        ("s3://bucket/*.csv", &["7"]),
    ] {
        let outcome = project.extract(&spec(&signed(&project, path))).await.unwrap();
        let expected: Vec<_> = ids.iter().map(|id| row(&[id])).collect();
        assert_eq!(outcome.rows, expected, "{path}");
    }
    let asked = project.web().asked();
    let signed_by = |request: &Request| {
        let signed = request.header("authorization").unwrap_or_default();
        signed.starts_with("AWS4-HMAC-SHA256 Credential=us/")
    };
    assert!(asked.iter().all(signed_by));
    let missing = spec(&signed(&project, "s3://bucket/in/2024/c.csv"));
    let error = project.extract(&missing).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("did you mean `s3://bucket/in/2024/"), "{error}");
}

#[tokio::test]
async fn files_read_before_are_not_fetched_again() {
    let project = Project::new().await;
    project.write("in/1.csv", "id\n1\n");
    let spec = spec(&format!("{}\nstrategy: new_files", signed(&project, "s3://bucket/in/*.csv")));
    let seen = project.extract(&spec).await.unwrap().extracted.extent.inputs;
    project.write("in/2.csv", "id\n2\n");
    let fetched = |project: &Project| {
        let asked = project.web().asked();
        asked.into_iter().filter(|r| r.path.ends_with(".csv")).map(|r| r.path).collect::<Vec<_>>()
    };
    let outcome = project.extract_after(&spec, Some(&seen)).await.unwrap();
    assert_eq!(outcome.rows, vec![row(&["2"])]);
    assert_eq!(fetched(&project), ["bucket/in/1.csv", "bucket/in/2.csv"]);
    let plan = extract::plan(project.path(), &spec, Some(&outcome.extracted.extent.inputs));
    assert!(plan.await.unwrap().is_unchanged());
    assert_eq!(fetched(&project).len(), 2);
}

#[tokio::test]
async fn a_file_that_changes_or_is_cut_is_not_taken_for_whole() {
    let project = Project::new().await;
    let body: String = (1..=9_000).map(|id| format!("{id}\n")).collect();
    project.write("t.csv", format!("id\n{body}"));
    let spec = spec(&signed(&project, "s3://bucket/t.csv"));
    let plan = extract::plan(project.path(), &spec, None).await.unwrap();
    project.write("t.csv", "id\n1\n");
    let load = project.load().await;
    let progress: extract::OnProgress = Arc::new(|_| {});
    let read = extract::extract(&plan, "job", &load, project.warehouse(), progress).await;
    let error = read.err().unwrap();
    assert!(error.to_string().contains("changed while it was being read"), "{error}");
    assert!(error.is_retryable());
    load.abandon().await.unwrap();

    // hung up on in the middle, twice: the rest is asked for
    let all = format!("id\n{body}").into_bytes();
    let turn = AtomicUsize::new(0);
    let web = Web::new(move |request| {
        let total = all.len();
        let with = |answer: Answer| {
            answer.with("etag", "\"v\"").with("last-modified", "Wed, 01 Jan 2025 00:00:00 GMT")
        };
        let range = request.header("range").and_then(|range| range.strip_prefix("bytes="));
        let from = range.map_or(0, |range| range.split('-').next().unwrap().parse().unwrap());
        let answer = match range {
            Some(_) => Answer::status(206, &all[from..])
                .with("content-range", format!("bytes {from}-{}/{total}", total - 1)),
            None => Answer::ok(all.clone()),
        };
        match turn.fetch_add(1, Ordering::Relaxed) {
            1 | 2 => with(answer).cut_at(10_000),
            _ => with(answer),
        }
    });
    let here = project.web().url("");
    let yaml = signed(&project, "s3://bucket/t.csv")
        .replace(&here[..here.len() - 1], web.url("").trim_end_matches('/'));
    let outcome = project.extract(&super::spec(&yaml)).await.unwrap();
    assert_eq!(outcome.rows.len(), 9_000);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_without_a_secret() {
    let project = Project::new().await;
    let web = Web::new(|request| {
        let seen = request.header("authorization").unwrap_or_default();
        Answer::status(403, format!("<Error><Code>AccessDenied</Code>{seen}</Error>"))
    });
    let here = project.web().url("");
    let yaml = signed(&project, "s3://bucket/t.csv")
        .replace(&here[..here.len() - 1], web.url("").trim_end_matches('/'));
    let error = project.extract(&spec(&yaml)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::User, "{error}");
    assert!(error.to_string().contains("does not let us in"), "{error}");
    assert!(!format!("{error} {error:?}").contains("k3y-of-the-tests"), "{error:?}");
    for (access, says) in [
        ("{gs: {anonymous: true}}", "is reached by `access: {s3"),
        ("{s3: {region: eu-central-1}}", "there is no key to get into the store with"),
    ] {
        let yaml = format!(
            "name: t\nfrom: {{csv: {{path: 's3://b/t.csv', access: {access}}}}}\n\
             columns: [{{name: id, type: int32}}]"
        );
        let error = project.extract(&spec(&yaml)).await.err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
}
