//! Who asks.
//!
//! There is one user, [`Principal::local`]. Where the server has no password it takes what clients
//! send and checks nothing: a handshake with any name (JDBC and ADBC make one where a user is
//! given), a bearer token with or without a handshake, or nothing at all; only a header that is not
//! even well-formed is refused, so that a client's mistake shows. Where it has one, a handshake
//! must give it and gets a token, and every other call must bring such a token, or the password
//! itself: as a bearer token, or with any user's name.

use super::connection::ConnectionId;
use super::handles::Handles;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Principal;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request};
use uuid::Uuid;

const HEADER: &str = "authorization";
/// The cookie that holds a session's key.
const COOKIE: &str = "starhouse_session";

/// Bytes of a `traceparent`: 55 today, and later versions may add to it.
const MAX_TRACE_PARENT: usize = 256;

/// Tokens given by handshakes: how many, and how long after their last use.
const MAX_TOKENS: usize = 65_536;
const MAX_TOKEN_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Base64 with or without padding: the Go driver, beneath Python's ADBC, leaves it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A password, kept as its hash; long and random, it needs no salt.
#[derive(Clone, PartialEq, Eq)]
pub struct Password([u8; 32]);

impl Password {
    /// A password, without the line end that files have.
    ///
    /// # Errors
    /// User where it is shorter than 12 characters: it is all that stands before the warehouse.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.chars().count() < 12 {
            return Err(Error::user("the server's password is too short")
                .hint("give at least 12 characters, as `openssl rand -base64 24` makes them"));
        }
        Ok(Self(hash(text)))
    }

    /// Hashes are compared, so that the time it takes tells nothing of the password.
    fn is(&self, given: &str) -> bool {
        self.0 == hash(given)
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Who calls: the principal that acts, and the keys its session may be kept under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    /// Whose rights it has.
    pub(super) principal: Principal,
    /// What tells its session from others, the surest first: a cookie, a token, the connection.
    pub(super) session_keys: Vec<Bytes>,
    /// Whether it brought a session's cookie.
    pub(super) has_cookie: bool,
    /// The trace that its request is part of, as it says: W3C's `traceparent`.
    pub(super) trace_parent: Option<Arc<str>>,
}

impl Client {
    /// What its queries wait for their turn under.
    pub(super) fn session_key(&self) -> Bytes {
        self.session_keys.first().cloned().unwrap_or_default()
    }
}

/// What a client said of itself.
#[derive(PartialEq, Eq)]
enum Credentials {
    /// Nothing.
    None,
    /// A password, of whatever user.
    Basic(String),
    /// A token, ours or one it brought.
    Bearer(String),
}

/// Signs clients in.
pub(super) struct SignIn {
    password: Option<Password>,
    tokens: Handles<()>,
}

impl SignIn {
    pub(super) fn new(password: Option<Password>) -> Self {
        Self { password, tokens: Handles::new("token", MAX_TOKENS, MAX_TOKEN_AGE) }
    }

    /// Who makes a request.
    ///
    /// # Errors
    /// Unauthenticated where the `authorization` header is malformed, or says not what it should.
    pub(super) fn client<T>(&self, request: &Request<T>) -> Result<Client> {
        let (metadata, extensions) = (request.metadata(), request.extensions());
        let credentials = credentials(metadata)?;
        let token = match &credentials {
            Credentials::Bearer(token) => Some(Bytes::from(format!("token:{token}"))),
            Credentials::None | Credentials::Basic(_) => None,
        };
        self.check(&credentials)?;
        let cookie = cookie(metadata);
        let has_cookie = cookie.is_some();
        let session_keys = [cookie, token, connection(extensions)].into_iter().flatten().collect();
        let trace_parent = trace_parent(metadata);
        Ok(Client { principal: Principal::local(), session_keys, has_cookie, trace_parent })
    }

    /// The token that a handshake gives: without a password the client's own if it brought one;
    /// else a random one.
    ///
    /// # Errors
    /// As [`client`](Self::client).
    pub(super) fn token(&self, metadata: &MetadataMap) -> Result<String> {
        let credentials = credentials(metadata)?;
        self.check(&credentials)?;
        match (credentials, &self.password) {
            (Credentials::Bearer(token), None) => Ok(token),
            (_, None) => Ok(Uuid::new_v4().to_string()),
            (_, Some(_)) => {
                let token = self.tokens.insert(&Principal::local(), (), Instant::now());
                Ok(String::from_utf8_lossy(&token).into_owned())
            }
        }
    }

    fn check(&self, credentials: &Credentials) -> Result<()> {
        let Some(password) = &self.password else { return Ok(()) };
        let known = match credentials {
            Credentials::None => return Err(unknown("this server wants a password")),
            Credentials::Basic(given) => password.is(given),
            Credentials::Bearer(token) => password.is(token) || self.gave(token),
        };
        if known { Ok(()) } else { Err(unknown("the password or token is not right")) }
    }

    fn gave(&self, token: &str) -> bool {
        let token = Bytes::copy_from_slice(token.as_bytes());
        self.tokens.get(&Principal::local(), &token, Instant::now()).is_ok()
    }
}

/// The header that gives a client the key of its session.
pub(super) fn set_cookie(key: &str) -> String {
    format!("{COOKIE}={key}; HttpOnly; SameSite=Strict")
}

/// The key of a session whose cookie has a value.
pub(super) fn cookie_key(value: &str) -> Bytes {
    Bytes::from(format!("cookie:{value}"))
}

/// The `traceparent` header; what cannot be one is none.
fn trace_parent(metadata: &MetadataMap) -> Option<Arc<str>> {
    let parent = metadata.get("traceparent")?.to_str().ok()?;
    (parent.len() <= MAX_TRACE_PARENT).then(|| parent.into())
}

fn cookie(metadata: &MetadataMap) -> Option<Bytes> {
    let headers = metadata.get_all("cookie").into_iter().filter_map(|header| header.to_str().ok());
    let mut pairs = headers.flat_map(|header| header.split(';')).filter_map(|p| p.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, value)| cookie_key(value.trim()))
}

fn connection(extensions: &Extensions) -> Option<Bytes> {
    extensions.get::<ConnectionId>().copied().map(connection_key)
}

/// The key of the session of a connection.
pub(super) fn connection_key(id: ConnectionId) -> Bytes {
    Bytes::from(format!("connection:{}", id.0))
}

fn unknown(message: &'static str) -> Error {
    Error::new(ErrorKind::Unauthenticated, message)
        .hint("sign in with a user and the server's password, or send it as a bearer token")
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
    let (_user, password) =
        text.split_once(':').ok_or_else(|| refuse("no colon after the name"))?;
    Ok(Credentials::Basic(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in headers {
            request.metadata_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    fn authorized(value: &str) -> Request<()> {
        request(&[(HEADER, value)])
    }

    #[test]
    fn without_a_password_every_well_formed_client_is_the_local_user() {
        let sign_in = SignIn::new(None);
        // "ann:secret", "ann:" in base64
        let basic = ["Basic YW5uOnNlY3JldA==", "Basic YW5uOnNlY3JldA", "basic YW5uOg=="];
        for header in basic.into_iter().chain(["Bearer abc", "bearer abc"]) {
            let client = sign_in.client(&authorized(header)).unwrap();
            assert_eq!(client.principal, Principal::local(), "{header}");
        }
        assert_eq!(sign_in.client(&request(&[])).unwrap().session_keys, Vec::<Bytes>::new());
        assert_eq!(sign_in.token(authorized("Bearer abc").metadata()).unwrap(), "abc");
        let fresh = || sign_in.token(&MetadataMap::new()).unwrap();
        assert_ne!(fresh(), fresh());
    }

    #[test]
    fn malformed_headers_are_refused() {
        for header in ["Basic ???", "Basic YW5u", "Digest abc", "Basic"] {
            let error = SignIn::new(None).client(&authorized(header)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{header}");
        }
    }

    #[test]
    fn a_password_lets_in_who_knows_it_or_was_let_in() {
        let password = Password::new("correct horse battery\n").unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
        let sign_in = SignIn::new(Some(password));
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        let right = authorized(&basic("ann:correct horse battery"));
        let token = sign_in.token(right.metadata()).unwrap();
        for header in [
            basic(":correct horse battery"),
            "Bearer correct horse battery".to_owned(),
            format!("Bearer {token}"),
        ] {
            assert!(sign_in.client(&authorized(&header)).is_ok(), "{header}");
        }
        let other = Uuid::new_v4();
        for header in [basic("ann:wrong"), basic("ann:"), format!("Bearer {other}")] {
            let error = sign_in.client(&authorized(&header)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{header}");
            assert!(!error.to_string().contains("horse"), "{error}");
        }
        assert!(sign_in.client(&request(&[])).is_err());
        assert!(sign_in.token(&MetadataMap::new()).is_err());
        assert!(Password::new("short").is_err());
    }

    #[test]
    fn a_session_is_known_by_its_cookie_before_all_else() {
        let mut given =
            request(&[(HEADER, "Bearer abc"), ("cookie", "a=b; starhouse_session=s1;c=d")]);
        given.extensions_mut().insert(ConnectionId(7));
        let client = SignIn::new(None).client(&given).unwrap();
        assert_eq!(client.session_keys, [&b"cookie:s1"[..], b"token:abc", b"connection:7"]);
        assert!(client.has_cookie);
        assert_eq!(set_cookie("s1").split(';').next(), Some("starhouse_session=s1"));
    }
}
