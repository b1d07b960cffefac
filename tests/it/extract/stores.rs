//! Buckets of Azure and Google, in servers that speak as theirs do: Azurite, and fake-gcs-server.

use super::servers::{Server, apart, fresh_name};
use super::{Project, row, spec};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use starhouse::error::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

const ACCOUNT: &str = "starhouse";
/// The account's key: thirty-two times the same byte.
const KEY: [u8; 32] = [7; 32];
const VERSION: &str = "2021-08-06";

/// A container of Azurite, and the server it is in.
pub(crate) struct Azure {
    server: Arc<Server>,
    pub(crate) container: String,
}

impl Azure {
    pub(crate) fn new() -> Self {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let server = Server::shared(&SHARED, azurite);
        let azure =
            Self { server, container: format!("container-{}", fresh_name().replace('_', "-")) };
        azure.server.await_ready(|| azure.send("", "?restype=container", &[], Vec::new()).is_ok());
        azure
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.server.port)
    }

    pub(crate) fn access(&self, project: &Project) -> String {
        project.write("azure.key", STANDARD.encode(KEY));
        format!(
            "{{az: {{endpoint: '{}', account: {ACCOUNT}, key: {{file: azure.key}}}}}}",
            self.endpoint()
        )
    }

    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) {
        self.send(&format!("/{key}"), "", &[("x-ms-blob-type", "BlockBlob")], bytes).unwrap();
    }

    /// Puts something there, signed as Azure asks for it.
    #[allow(clippy::disallowed_methods, reason = "a signature is of the server's own time")]
    fn send(
        &self,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(), String> {
        let date = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut headers = headers.to_vec();
        headers.extend([("x-ms-date", date.as_str()), ("x-ms-version", VERSION)]);
        let length = if body.is_empty() { String::new() } else { body.len().to_string() };
        let listed: String =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let asked = query.trim_start_matches('?').replace('=', ":");
        let asked = if asked.is_empty() { asked } else { format!("\n{asked}") };
        let resource = format!("/{ACCOUNT}/{ACCOUNT}/{}{path}{asked}", self.container);
        let signed = format!("PUT\n\n\n{length}\n\n\n\n\n\n\n\n\n{listed}{resource}");
        let signature = STANDARD.encode(hmac(&KEY, signed.as_bytes()));
        let url = format!("{}/{}{path}{query}", self.endpoint(), self.container);
        apart(async || {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let mut put =
                client.put(url).header("authorization", format!("SharedKey {ACCOUNT}:{signature}"));
            for (name, value) in headers {
                put = put.header(name, value);
            }
            let sent = put.body(body).send().await;
            let answer = sent.map_err(|error| format!("{error:?}"))?;
            match answer.status().is_success() {
                true => Ok(()),
                false => Err(answer.text().await.unwrap_or_default()),
            }
        })
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> {
        (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect()
    };
    let inner = Sha256::digest([&pad(0x36), text].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

#[test]
fn a_signature_is_as_the_standard_has_it() {
    // RFC 4231, test case 2
    let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let found = hmac(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(found.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), known);
}

fn azurite(folder: &Path, port: u16) -> Child {
    let program = std::env::var("STARHOUSE_AZURITE");
    let program = program.expect("not installed: run `. .ci/install/stores.sh`");
    let mut command = Command::new(program);
    command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
    command.args([
        "--inMemoryPersistence",
        "--skipApiVersionCheck",
        "--silent",
        "--disableTelemetry",
    ]);
    command.env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{}", STANDARD.encode(KEY)));
    begin(command, folder)
}

fn begin(mut command: Command, folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// A bucket of fake-gcs-server, and the server it is in.
pub(crate) struct Google {
    server: Arc<Server>,
    pub(crate) bucket: String,
}

impl Google {
    pub(crate) fn new() -> Self {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let server = Server::shared(&SHARED, fake_gcs_server);
        let google = Self { server, bucket: format!("bucket-{}", fresh_name()) };
        let made = || {
            let bucket = serde_json::json!({"name": google.bucket}).to_string();
            google.post("storage/v1/b?project=p", bucket.into_bytes()).is_ok()
        };
        google.server.await_ready(made);
        google
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    pub(crate) fn access(&self) -> String {
        format!("{{gs: {{endpoint: '{}', anonymous: true}}}}", self.endpoint())
    }

    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) {
        let key = key.replace('/', "%2F");
        let url = format!("upload/storage/v1/b/{}/o?uploadType=media&name={key}", self.bucket);
        self.post(&url, bytes).unwrap();
    }

    fn post(&self, path: &str, body: Vec<u8>) -> Result<(), String> {
        let url = format!("{}/{path}", self.endpoint());
        apart(async || {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let sent =
                client.post(url).header("content-type", "application/json").body(body).send().await;
            let answer = sent.map_err(|error| format!("{error:?}"))?;
            match answer.status().is_success() {
                true => Ok(()),
                false => Err(answer.text().await.unwrap_or_default()),
            }
        })
    }
}

fn fake_gcs_server(folder: &Path, port: u16) -> Child {
    let program = std::env::var("STARHOUSE_FAKE_GCS");
    let program = program.expect("not installed: run `. .ci/install/stores.sh`");
    let mut command = Command::new(program);
    command.args(["-scheme", "http", "-host", "127.0.0.1", "-backend", "memory"]);
    command.args(["-port", &port.to_string(), "-public-host", &format!("127.0.0.1:{port}")]);
    begin(command, folder)
}

const FILES: [(&str, u8); 5] = [
    ("in/2024/a b.csv", 1),
    ("in/2024/ü.csv", 2),
    ("in/2025/a.csv", 3),
    ("in/2025/a.csv.bak", 4),
    ("in/2025/deep/a.csv", 5),
];

/// Files with stars in their path, read once each, and one that is not there.
async fn stars(project: &Project, store: &str, access: &str, put: &dyn Fn(&str, Vec<u8>)) {
    for (file, id) in FILES {
        put(file, format!("id\n{id}\n").into_bytes());
    }
    let source = |path: &str| {
        spec(&format!(
            "name: t\nfrom: {{csv: {{path: '{store}/{path}', access: {access}}}}}\nstrategy: new_files\n\
             columns: [{{name: id, type: int32}}]"
        ))
    };
    let all = source("in/20*/*.csv");
    let outcome = project.extract(&all).await.unwrap();
    assert_eq!(outcome.rows, ["1", "2", "3"].map(|id| row(&[id])));
    let seen = outcome.extracted.extent.inputs;
    assert_eq!(seen[0].name, format!("{store}/in/2024/a b.csv"));
    put("in/2025/b.csv", b"id\n6\n".to_vec());
    put("in/2025/a.csv", b"id\n7\n".to_vec());
    let outcome = project.extract_after(&all, Some(&seen)).await.unwrap();
    assert_eq!(outcome.rows, ["7", "6"].map(|id| row(&[id])));
    let error = project.extract(&source("in/2025/c.csv")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains(&format!("did you mean `{store}/in/2025/")), "{error}");
}

#[tokio::test]
#[ignore = "needs Azurite"]
async fn azure() {
    let project = Project::new().await;
    let store = project.azure();
    let access = store.access(&project);
    let name = format!("az://{}", store.container);
    stars(&project, &name, &access, &|key, bytes| {
        store.put(&key.replace(' ', "%20").replace('ü', "%C3%BC"), bytes);
    })
    .await;
    let wrong = access.replace("{file: azure.key}", "{file: other.key}");
    project.write("other.key", STANDARD.encode([8; 32]));
    let yaml = format!(
        "name: t\nfrom: {{csv: {{path: '{name}/in/2025/a.csv', access: {wrong}}}}}\n\
         columns: [{{name: id, type: int32}}]"
    );
    let error = project.extract(&spec(&yaml)).await.err().unwrap();
    assert!(error.to_string().contains("does not let us in"), "{error}");
    assert!(!format!("{error:?}").contains(&STANDARD.encode([8; 32])));
}

#[tokio::test]
#[ignore = "needs fake-gcs-server"]
async fn google() {
    let project = Project::new().await;
    let store = project.google();
    let put = |key: &str, bytes| store.put(&key.replace(' ', "%20").replace('ü', "%C3%BC"), bytes);
    stars(&project, &format!("gs://{}", store.bucket), &store.access(), &put).await;
}
