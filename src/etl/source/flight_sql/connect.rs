//! The server, and how it is spoken to.

use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{FlightSqlPlace, Setting, Tls};
use crate::etl::source::tls::client_config;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Status};
use url::Url;

/// How long to wait for a server that does not answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a silent connection is asked whether somebody is there, and how long that may take.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// The largest message that is taken: a batch of rows.
const MESSAGE_AT_MOST_BYTES: usize = 512 << 20;
/// How the library says that a connection broke.
const LOST: [&str; 2] = ["h2 protocol error", "transport error"];
/// The port, where a URL does not say.
const PORT: u16 = 31_337;

pub(super) type Client = FlightSqlServiceClient<Channel>;

/// Whom to ask, and as whom.
pub(super) struct Server {
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    user: String,
    password: Option<String>,
    token: Option<String>,
}

/// Checks what can be checked of a place without looking at secrets.
///
/// # Errors
/// User where the URL is none, or holds what belongs elsewhere.
pub(super) fn check(place: &FlightSqlPlace) -> Result<()> {
    if place.token.is_some() && (place.password.is_some() || place.user.is_some()) {
        return Err(Error::user("a Flight SQL source has either `token` or `user` and `password`"));
    }
    match &place.url {
        Setting::Here(url) => parse(url).map(drop),
        Setting::There(_) => Ok(()),
    }
}

/// A URL's host and port. What is wrong with it is not repeated: it may hold a password.
fn parse(text: &str) -> Result<(String, u16)> {
    let wrong = || Error::user("`url` is no Flight SQL URL").hint("expected grpc://host:port");
    if text.starts_with("grpc+") {
        return Err(wrong().hint("say `grpc://host:port`, and `tls: verify` or `tls: off`"));
    }
    let url = Url::parse(text).map_err(|_| wrong())?;
    if url.scheme() != "grpc" || !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::user("a password is not written into a job")
            .hint("say `user: NAME` and `password: {env: NAME}`"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    Ok((host.to_owned(), url.port().unwrap_or(PORT)))
}

impl Server {
    /// # Errors
    /// Those of secrets, of the URL and of certificates.
    pub(super) fn new(project: &Path, place: &FlightSqlPlace) -> Result<Self> {
        let (host, port) = parse(&place.url.read(project)?)?;
        let plain = host.trim_matches(['[', ']']);
        let tls = match place.tls.unwrap_or_else(|| Tls::usual(plain)) {
            Tls::Off => None,
            Tls::Verify => {
                let ca = place.ca.as_ref().map(|path| project.join(path));
                let mut config = client_config(ca.as_deref())?;
                config.alpn_protocols = vec![b"h2".to_vec()];
                Some(TlsConnector::from(Arc::new(config)))
            }
        };
        let user = place.user.as_ref().map(|user| user.read(project)).transpose()?;
        let secret = |secret: &Option<crate::etl::job::Secret>| {
            secret.as_ref().map(|secret| secret.read(project)).transpose()
        };
        let (password, token) = (secret(&place.password)?, secret(&place.token)?);
        Ok(Self { host, port, tls, user: user.unwrap_or_default(), password, token })
    }

    /// Host and port: what tells it from others.
    pub(super) fn name(&self) -> String {
        format!("grpc://{}:{}", self.host, self.port)
    }

    /// A new connection, signed in.
    pub(super) async fn connect(&self) -> Result<Client> {
        let address = format!("http://{}:{}", self.host, self.port);
        let endpoint = Endpoint::from_shared(address).map_err(|error| {
            Error::user("`url` is no Flight SQL URL").caused_by(error.to_string())
        })?;
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        let name = self.host.trim_matches(['[', ']']).to_owned();
        let way = Way { name, port: self.port, tls: self.tls.clone() };
        let channel = endpoint.connect_with_connector(way).await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot connect to the server")
                .caused_by(chain(&error))
                .hint(match self.tls {
                    Some(_) => {
                        "is it there, and does it do TLS with a certificate for this name? `ca` \
                         names the authority's file; in a network you trust say `tls: off`"
                    }
                    None => "is it there, and does it listen on that port?",
                })
        })?;
        let client =
            FlightServiceClient::new(channel).max_decoding_message_size(MESSAGE_AT_MOST_BYTES);
        let mut client = FlightSqlServiceClient::new_from_inner(client);
        if let Some(token) = &self.token {
            client.set_token(token.clone());
        } else if let Some(password) = &self.password {
            let signed = client.handshake(&self.user, password).await;
            signed.map_err(|error| not_let_in().caused_by(error))?;
        }
        Ok(client)
    }
}

/// The way to the server, encrypted or not.
struct Way {
    name: String,
    port: u16,
    tls: Option<TlsConnector>,
}

/// What bytes go through.
trait Through: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Through for T {}

impl Service<Uri> for Way {
    type Response = TokioIo<Box<dyn Through>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let (name, port, tls) = (self.name.clone(), self.port, self.tls.clone());
        Box::pin(async move {
            let plain = TcpStream::connect((name.as_str(), port)).await?;
            plain.set_nodelay(true)?;
            let through: Box<dyn Through> = match tls {
                None => Box::new(plain),
                Some(tls) => {
                    let name = ServerName::try_from(name).map_err(io::Error::other)?;
                    Box::new(tls.connect(name, plain).await?)
                }
            };
            Ok(TokioIo::new(through))
        })
    }
}

/// The error for what the server, or the way there, did not do.
pub(super) fn failed(error: FlightError) -> Error {
    let FlightError::Tonic(status) = &error else {
        return Error::data("the server does not speak Flight SQL as it should").caused_by(error);
    };
    let unavailable = |message: &str| Error::new(ErrorKind::Unavailable, message);
    let error = match status.code() {
        Code::Unauthenticated => not_let_in(),
        Code::PermissionDenied => Error::user("the server does not let us read this"),
        Code::NotFound => Error::not_found("the server does not have what is read"),
        Code::InvalidArgument | Code::FailedPrecondition => {
            Error::user("the query of the source is wrong")
        }
        Code::Unimplemented => {
            Error::unsupported("the server does not do what is asked: is it a Flight SQL server?")
        }
        Code::ResourceExhausted => unavailable("the server has no room for the query"),
        Code::Cancelled | Code::DeadlineExceeded => unavailable("the server stopped the query"),
        Code::Unavailable => unavailable("the connection to the server was lost")
            .hint("nothing of this run was loaded; run again when the server is back"),
        _ if LOST.iter().any(|words| status.message().contains(words)) => {
            unavailable("the connection to the server was lost")
                .hint("does the server ask for TLS? then say `tls: verify`")
        }
        _ => unavailable("the server failed"),
    };
    error.caused_by(words(status))
}

fn not_let_in() -> Error {
    Error::user("the server does not let us in").hint("check `token`, or `user` and `password`")
}

/// What the server said.
fn words(status: &Status) -> String {
    match status.message() {
        "" => format!("{:?}", status.code()),
        said => said.to_owned(),
    }
}

/// An error and those beneath it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut beneath = error.source();
    while let Some(error) = beneath {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        beneath = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_a_host_and_a_port() {
        assert_eq!(parse("grpc://db.example.com:50051").unwrap().1, 50_051);
        assert_eq!(parse("grpc://[::1]").unwrap(), ("[::1]".to_owned(), PORT));
        for wrong in
            ["http://a", "grpc://", "grpc://a/b", "grpc+tls://a:1", "grpc://u:hunter2@a", "a:1"]
        {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
