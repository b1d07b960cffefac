//! Answers into Python: ADBC beside PostgreSQL.

use super::Outcome;
use super::server::{Server, sql};
use std::path::Path;
use std::process::Command;

/// Measures both with the script beside this.
pub(crate) fn measure(folder: &Path, runs: usize) -> Outcome<()> {
    let made =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let (certificate, key) = (folder.join("bench.crt"), folder.join("bench.key"));
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    let table = folder.join("wide.csv");
    if !table.exists() {
        // PostgreSQL loads it from text.
        std::fs::write(&table, sql(folder, "SELECT * FROM sandbox.wide")?)?;
    }
    let plain = Server::start(folder, &[])?;
    let (crt, pem) = (certificate.to_string_lossy(), key.to_string_lossy());
    let tls = [("STARHOUSE_TLS_CERTIFICATE", &*crt), ("STARHOUSE_TLS_KEY", &*pem)];
    let encrypted = Server::start(folder, &tls)?;
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/serve/serve.py");
    let port = encrypted.address.rsplit_once(':').map_or("", |(_, port)| port);
    let status = Command::new(python)
        .arg(script)
        .args(["--plain", &format!("grpc://{}", plain.address)])
        .args(["--tls", &format!("grpc+tls://localhost:{port}"), "--certificate"])
        .arg(&certificate)
        .arg("--table")
        .arg(&table)
        .args(["--runs", &runs.to_string()])
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err("the Python part failed: it needs PostgreSQL's programs and benches/serve/requirements.txt"
        .into())
}
