//! Who asks.
//!
//! The server listens on this machine only and knows one user, [`Principal::local`]. So it takes
//! what clients send and checks nothing: a handshake with any name and password (JDBC and ADBC
//! make one where a user is given), a bearer token with or without a handshake, or nothing at all.
//! Only a header that is not even well-formed is refused, so that a client's mistake shows.

use crate::error::{Error, ErrorKind, Result};
use crate::policy::Principal;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

const HEADER: &str = "authorization";

/// Base64 with or without padding: the Go driver, beneath Python's ADBC, leaves it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a client said of itself.
#[derive(Debug, PartialEq, Eq)]
enum Credentials {
    /// Nothing.
    None,
    /// A user name (and a password, which nobody checks yet).
    Basic(String),
    /// A token, ours or one it brought.
    Bearer(String),
}

/// The principal a request acts for.
///
/// # Errors
/// Unauthenticated where the `authorization` header is malformed.
pub(super) fn principal(metadata: &MetadataMap) -> Result<Principal> {
    credentials(metadata).map(|_| Principal::local())
}

/// The token that a handshake gives: the client's own if it brought one, else a random one.
///
/// # Errors
/// As [`principal`].
pub(super) fn token(metadata: &MetadataMap) -> Result<String> {
    Ok(match credentials(metadata)? {
        Credentials::Bearer(token) => token,
        Credentials::None | Credentials::Basic(_) => Uuid::new_v4().to_string(),
    })
}

fn credentials(metadata: &MetadataMap) -> Result<Credentials> {
    let refuse = |what: &str| {
        Error::new(ErrorKind::Unauthenticated, format!("malformed authorization header: {what}"))
    };
    let Some(header) = metadata.get(HEADER) else { return Ok(Credentials::None) };
    let header = header.to_str().map_err(|_| refuse("not ASCII"))?;
    let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credentials::Bearer(value.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(refuse("expected Basic or Bearer"));
    }
    let decoded = BASE64.decode(value.trim()).map_err(|_| refuse("not base64"))?;
    let text = String::from_utf8(decoded).map_err(|_| refuse("not UTF-8"))?;
    let (user, _password) =
        text.split_once(':').ok_or_else(|| refuse("no colon after the name"))?;
    Ok(Credentials::Basic(user.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert(HEADER, value.parse().unwrap());
        metadata
    }

    #[test]
    fn every_well_formed_client_is_the_local_user() {
        // "ann:secret", "ann:" in base64
        let basic = ["Basic YW5uOnNlY3JldA==", "Basic YW5uOnNlY3JldA", "basic YW5uOg=="];
        let given = basic.into_iter().chain(["Bearer abc", "bearer abc"]);
        for header in given {
            assert_eq!(principal(&headers(header)).unwrap(), Principal::local(), "{header}");
        }
        assert_eq!(principal(&MetadataMap::new()).unwrap(), Principal::local());
        let basic = credentials(&headers("Basic YW5uOnNlY3JldA==")).unwrap();
        assert_eq!(basic, Credentials::Basic("ann".to_owned()));
    }

    #[test]
    fn malformed_headers_are_refused() {
        for header in ["Basic ???", "Basic YW5u", "Digest abc", "Basic"] {
            let error = principal(&headers(header)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{header}");
        }
    }

    #[test]
    fn a_handshake_keeps_a_token_and_else_makes_a_new_one() {
        assert_eq!(token(&headers("Bearer abc")).unwrap(), "abc");
        let (one, two) = (token(&MetadataMap::new()).unwrap(), token(&MetadataMap::new()).unwrap());
        assert_ne!(one, two);
    }
}
