//! A server that other machines may reach: TLS, a password, and the refusal to do without.

use crate::clients::{Client, ask, connect, status};
use crate::support::{ServeProcess, TinyProject, starhouse_output};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::Code;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Writes a certificate for this machine and its key, and names them in the project's settings.
pub(crate) fn with_tls(project: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .unwrap();
    std::fs::write(project.join("server.crt"), made.cert.pem()).unwrap();
    std::fs::write(project.join("server.key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(project.join("server.password"), format!("{PASSWORD}\n")).unwrap();
    let settings = project.join("starhouse.yaml");
    let before = std::fs::read_to_string(&settings).unwrap_or_default();
    let tls = "tls_certificate: server.crt\ntls_key: server.key\npassword_file: server.password\n";
    std::fs::write(settings, format!("{before}\n{tls}")).unwrap();
}

#[tokio::test]
async fn who_has_the_password_is_let_in() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start_with(project.path(), &[], &[("STARHOUSE_PASSWORD", PASSWORD)]);
    let total = "SELECT count(*) FROM fact_sales";
    let refused = async |mut client: Client| {
        let status = status(ask(&mut client, total).await.unwrap_err());
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
        assert!(!status.message().contains("horse"), "{status}");
    };
    refused(connect(&server).await).await;
    let mut wrong = connect(&server).await;
    let error = wrong.handshake("ann", "wrong").await.unwrap_err();
    assert!(error.to_string().contains("not right"), "{error}");
    let mut wrong = connect(&server).await;
    wrong.set_token("8e1f6f0e-0000-4000-8000-000000000000".to_owned());
    refused(wrong).await;

    let mut signed_in = connect(&server).await;
    signed_in.handshake("ann", PASSWORD).await.unwrap();
    assert_eq!(ask(&mut signed_in, total).await.unwrap().num_rows(), 1);
    let mut elsewhere = connect(&server).await;
    elsewhere.set_token(signed_in.token().unwrap().clone());
    assert_eq!(ask(&mut elsewhere, total).await.unwrap().num_rows(), 1);
    let mut bearer = connect(&server).await;
    bearer.set_token(PASSWORD.to_owned());
    assert_eq!(ask(&mut bearer, total).await.unwrap().num_rows(), 1);
}

#[tokio::test]
async fn tls_is_spoken_and_nothing_else() {
    let project = TinyProject::new().await;
    with_tls(project.path());
    let server = ServeProcess::start_with(project.path(), &[], &[]);
    let certificate = CertificateDer::from_pem_file(project.path().join("server.crt")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // HTTP/2 begins with this and an empty frame of settings; a server answers with its own.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "a frame of settings");

    // A client that says nothing holds up nobody, and plain text is no TLS.
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"\0\0"), "{answer:?}");
}

#[tokio::test]
async fn other_machines_are_not_let_in_by_chance() {
    let project = TinyProject::new().await;
    let folder = project.path().to_str().unwrap().to_owned();
    let refused = starhouse_output(&["serve", "--project", &folder, "--address", "0.0.0.0:0"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("without TLS and a password") && said.contains("--insecure"), "{said}");

    let metrics = project.path().join("starhouse.yaml");
    std::fs::write(metrics, "metrics_address: 0.0.0.0:0\n").unwrap();
    let refused = starhouse_output(&["serve", "--project", &folder, "--address", "localhost:0"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("metrics on 0.0.0.0") && said.contains("--insecure"), "{said}");

    std::fs::write(project.path().join("server.password"), "short").unwrap();
    std::fs::write(project.path().join("starhouse.yaml"), "password_file: server.password\n")
        .unwrap();
    let refused = starhouse_output(&["serve", "--project", &folder, "--address", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("too short") && said.contains("server.password"), "{said}");
}
