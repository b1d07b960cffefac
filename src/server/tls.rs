//! TLS: a certificate and its key, read from PEM files.

use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// What connections agree on TLS with.
#[derive(Clone)]
pub(super) struct Tls(TlsAcceptor);

impl Tls {
    /// Reads the files. HTTP/2 is what is spoken within.
    ///
    /// # Errors
    /// User where a file cannot be read, is not PEM, or the key is not the certificate's.
    pub(super) fn read(files: &TlsFiles) -> Result<Self> {
        let (certificate, key) = (&files.certificate, &files.key);
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(
                |error| unreadable("the TLS certificate cannot be read", certificate, error),
            )?;
        if chain.is_empty() {
            return Err(Error::user("the file holds no certificate")
                .with("file", certificate.display())
                .hint("expected PEM: -----BEGIN CERTIFICATE-----"));
        }
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| unreadable("the TLS key cannot be read", key, error))?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
                .map_err(|error| unreadable("the TLS key is not the certificate's", key, error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.0
    }
}

fn unreadable(
    what: &'static str,
    file: &Path,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::new(ErrorKind::User, what).with("file", file.display()).caused_by(error)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
