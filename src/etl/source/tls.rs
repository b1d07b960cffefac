//! Encryption of connections, by rustls: whose certificates are trusted.

use crate::error::{Error, ErrorKind, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Certificates must go back to those of a file, or to the system's.
///
/// # Errors
/// User where the file holds no certificate; unavailable where the system has none.
pub(super) fn client_config(ca: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let broken = |error: rustls::pki_types::pem::Error| {
                Error::user("cannot read the certificates of `ca`")
                    .with("file", path.display())
                    .caused_by(error.to_string())
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(broken)? {
                roots.add(certificate.map_err(broken)?).map_err(|error| {
                    Error::user("`ca` holds what is no certificate")
                        .with("file", path.display())
                        .caused_by(error)
                })?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(Error::new(ErrorKind::User, "there is no certificate to trust")
            .hint("name a PEM file with the server's authority in `ca`"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal("cannot set up TLS").caused_by(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
