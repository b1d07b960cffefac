//! The connection to a server, with TLS where it is spoken.

use crate::error::{Error, ErrorKind, Result};
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};

/// How long to try to reach a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a host; with TLS its certificate must go back to those of a file, or to the
/// system's.
///
/// # Errors
/// Unavailable where nobody answers or TLS is not agreed on, user where the file holds no
/// certificate.
pub(super) async fn channel(
    host: &str,
    port: u16,
    tls: bool,
    ca: Option<&Path>,
) -> Result<Channel> {
    let tls = if tls { Some(connector(ca)?) } else { None };
    let unreachable = |error: &dyn std::error::Error| {
        let mut cause = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Error::new(ErrorKind::Unavailable, "the server cannot be reached")
            .with("address", format!("{host}:{port}"))
            .caused_by(cause.to_string())
    };
    let endpoint = Endpoint::from_shared(format!("http://{host}:{port}"))
        .map_err(|error| unreachable(&error))?
        .connect_timeout(CONNECT_TIMEOUT);
    let dialler = Dialler { host: host.to_owned(), port, tls };
    endpoint.connect_with_connector(dialler).await.map_err(|error| unreachable(&error))
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(file) => {
            let broken = |error: &dyn std::fmt::Display| {
                Error::user("the file holds no certificate that can be trusted")
                    .with("file", file.display())
                    .caused_by(error.to_string())
            };
            let certificates = CertificateDer::pem_file_iter(file).map_err(|e| broken(&e))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| broken(&error))?;
                roots.add(certificate).map_err(|error| broken(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(Error::user("there is no certificate to trust")
            .hint("name a PEM file with the server's certificate as --ca"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("cannot set up TLS").caused_by(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What a connection is made of.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections, again where one was lost.
struct Dialler {
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl Service<Uri> for Dialler {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (host, port, tls) = (self.host.clone(), self.port, self.tls.clone());
        Box::pin(async move {
            let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let stream = TcpStream::connect((bare.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            let stream: Box<dyn Stream> = match tls {
                None => Box::new(stream),
                Some(tls) => {
                    let name = ServerName::try_from(bare).map_err(io::Error::other)?;
                    Box::new(tls.connect(name, stream).await?)
                }
            };
            Ok(TokioIo::new(stream))
        })
    }
}
