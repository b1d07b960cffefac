//! Sessions: what a client wants of all its questions, kept between calls.
//!
//! Flight's messages for them, which arrow-flight lacks, are declared here. A session is found by
//! its cookie, where the client keeps cookies (JDBC does), else by the token of its handshake, else
//! by its connection.

use super::FlightSql;
use crate::engine::{
    self, Compression, SESSION_OPTIONS, Session, SessionOptions, Setting, Temporary,
};
use crate::error::{Error, ErrorKind, Result};
use crate::server::connection::ConnectionId;
use crate::server::handles::Handles;
use crate::server::sign_in::{Client, connection_key, cookie_key};
use crate::server::status;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::IpcWriteOptions;
use bytes::Bytes;
use prost::Message;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Sessions with options: how many, and how long after their last use.
const MAX_SESSIONS: usize = 65_536;
const MAX_SESSION_AGE: Duration = Duration::from_secs(60 * 60);

/// How answers are written.
pub(super) fn encoding(options: &SessionOptions) -> Result<IpcWriteOptions> {
    let compression = match options.compression {
        Compression::None => None,
        Compression::Lz4 => Some(CompressionType::LZ4_FRAME),
        Compression::Zstd => Some(CompressionType::ZSTD),
    };
    IpcWriteOptions::default().try_with_compression(compression).map_err(status::encoding)
}

/// The sessions whose clients have set something.
pub(in crate::server) struct Sessions(Handles<SessionOptions>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Handles::new("session", MAX_SESSIONS, MAX_SESSION_AGE))
    }
}

impl Sessions {
    /// What a client's session wants.
    pub(super) fn of(&self, client: &Client) -> SessionOptions {
        let get = |key| self.0.get(&client.principal, key, Instant::now()).ok();
        client.session_keys.iter().find_map(get).unwrap_or_default()
    }

    /// Keeps what it wants, for as long as it is found by what the client brings already.
    pub(super) fn put(&self, client: &Client, options: SessionOptions) {
        if let Some(key) = client.session_keys.first() {
            self.0.put(&client.principal, key.clone(), options, Instant::now());
        }
    }

    /// Keeps its temporary tables: what else it wants may be nothing.
    pub(super) fn hold(&self, client: &Client, temporary: &Temporary) {
        let options = self.of(client);
        if options.temporary != *temporary {
            self.put(client, SessionOptions { temporary: temporary.clone(), ..options });
        }
    }

    /// Forgets what was kept for a connection that is closed, its temporary tables among it.
    pub(in crate::server) fn forget(&self, connection: ConnectionId) {
        self.0.forget(&connection_key(connection));
    }

    /// Keeps what it wants; gives the value of the cookie to set where it has none.
    pub(super) fn keep(&self, client: &Client, options: SessionOptions) -> Option<String> {
        let now = Instant::now();
        self.put(client, options.clone());
        (!client.has_cookie).then(|| {
            let value = Uuid::new_v4().to_string();
            self.0.put(&client.principal, cookie_key(&value), options, now);
            value
        })
    }

    /// Forgets a session; false where there was none.
    fn close(&self, client: &Client) -> bool {
        let take = |key| self.0.take(&client.principal, key, Instant::now()).is_ok();
        client.session_keys.iter().map(take).fold(false, |any, taken| any | taken)
    }
}

impl FlightSql {
    /// A client's session on its release: the latest now, unless it has asked for one.
    pub(super) async fn session(&self, client: &Client) -> Result<Session> {
        self.session_with(client, &self.sessions.of(client)).await
    }

    async fn session_with(&self, client: &Client, options: &SessionOptions) -> Result<Session> {
        let session = self.engine.session_with(client.principal.clone(), options).await?;
        Ok(session.traced(client.trace_parent.clone()))
    }

    /// What is wanted after a statement sets an option, if that can be had.
    pub(super) async fn set(&self, client: &Client, setting: &Setting) -> Result<()> {
        let wanted = setting.applied(&self.sessions.of(client))?;
        self.session_with(client, &wanted).await?;
        // Who sets in SQL keeps no cookie for it: the token or connection is the session.
        self.sessions.put(client, wanted);
        Ok(())
    }

    /// Sets what can be set, and says of the rest what is wrong; and the cookie to set, if any.
    pub(super) async fn set_options(
        &self,
        client: &Client,
        body: &Bytes,
    ) -> Result<(Vec<u8>, Option<String>)> {
        let request = SetSessionOptionsRequest::decode(body.clone()).map_err(malformed)?;
        let mut options = self.sessions.of(client);
        let mut errors = HashMap::new();
        for (name, value) in request.session_options {
            let wanted = with(&options, &name, value.option_value.as_ref());
            let checked = match wanted {
                Ok(wanted) => self.session_with(client, &wanted).await.map(|_| wanted),
                Err(error) => Err(error),
            };
            match checked {
                Ok(wanted) => options = wanted,
                Err(error) => {
                    tracing::info!(%error, name, "a session option was refused");
                    let unknown = SESSION_OPTIONS.iter().all(|option| option.name != name);
                    let value = if unknown { INVALID_NAME } else { INVALID_VALUE };
                    errors.insert(name, SetSessionOptionsError { value });
                }
            }
        }
        let cookie = self.sessions.keep(client, options);
        Ok((SetSessionOptionsResult { errors }.encode_to_vec(), cookie))
    }

    /// All that a client's session wants, and what it gets where it has said nothing.
    pub(super) async fn get_options(&self, client: &Client) -> Result<Vec<u8>> {
        let options = self.sessions.of(client);
        let session = self.session_with(client, &options).await?;
        let named = options.values(&session).map(|(option, value)| {
            (option.name.to_owned(), SessionOptionValue { option_value: Some(value.into()) })
        });
        Ok(GetSessionOptionsResult { session_options: named.collect() }.encode_to_vec())
    }

    /// Forgets a client's session.
    pub(super) fn close_session(&self, client: &Client) -> Vec<u8> {
        let status = if self.sessions.close(client) { CLOSED } else { NOT_CLOSEABLE };
        CloseSessionResult { status }.encode_to_vec()
    }
}

/// The options with one of them set; an empty value takes it back.
fn with(
    options: &SessionOptions,
    name: &str,
    value: Option<&OptionValue>,
) -> Result<SessionOptions> {
    let text = value.map(text).transpose()?;
    options.with(name, text.as_deref())
}

fn text(value: &OptionValue) -> Result<String> {
    Ok(match value {
        OptionValue::String(text) => text.clone(),
        OptionValue::Bool(on) => on.to_string(),
        OptionValue::Int64(number) => number.to_string(),
        OptionValue::Double(number) => number.to_string(),
        OptionValue::StringList(_) => return Err(Error::user("a session option is one value")),
    })
}

impl From<engine::OptionValue> for OptionValue {
    fn from(value: engine::OptionValue) -> Self {
        match value {
            engine::OptionValue::Text(text) => Self::String(text),
            engine::OptionValue::Switch(on) => Self::Bool(on),
            engine::OptionValue::Whole(number) => {
                Self::Int64(i64::try_from(number).unwrap_or(i64::MAX))
            }
            engine::OptionValue::Number(number) => Self::Double(number),
        }
    }
}

fn malformed(error: prost::DecodeError) -> Error {
    Error::new(ErrorKind::Usage, "malformed body of an action").caused_by(error)
}

/// Flight's `SetSessionOptionsRequest`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SetSessionOptionsRequest {
    #[prost(map = "string, message", tag = "1")]
    pub(super) session_options: HashMap<String, SessionOptionValue>,
}

/// Flight's `SessionOptionValue`; none takes the option back.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionOptionValue {
    #[prost(oneof = "OptionValue", tags = "1, 2, 3, 4, 5")]
    pub(super) option_value: Option<OptionValue>,
}

/// A value of a session option.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum OptionValue {
    #[prost(string, tag = "1")]
    String(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(sfixed64, tag = "3")]
    Int64(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    StringList(StringList),
}

/// Several texts.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct StringList {
    #[prost(string, repeated, tag = "1")]
    pub(super) values: Vec<String>,
}

/// Flight's `SetSessionOptionsResult`.
#[derive(Clone, PartialEq, Eq, Message)]
struct SetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, SetSessionOptionsError>,
}

/// Why an option was not set: one of the numbers below.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct SetSessionOptionsError {
    #[prost(int32, tag = "1")]
    value: i32,
}

const INVALID_NAME: i32 = 1;
const INVALID_VALUE: i32 = 2;

/// Flight's `GetSessionOptionsResult`.
#[derive(Clone, PartialEq, Message)]
struct GetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    session_options: HashMap<String, SessionOptionValue>,
}

/// Flight's `CloseSessionResult`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct CloseSessionResult {
    #[prost(int32, tag = "1")]
    status: i32,
}

const CLOSED: i32 = 1;
const NOT_CLOSEABLE: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_are_understood() {
        let plain = SessionOptions::default();
        let set = |name, value| with(&plain, name, Some(&value)).unwrap();
        assert!(!set("aggregates", OptionValue::Bool(false)).aggregates);
        let pinned = set("release", OptionValue::Int64(7));
        assert_eq!(pinned.release.map(|release| release.0), Some(7));
        assert_eq!(with(&pinned, "release", None).unwrap(), plain);
        let limit = set("statement_timeout", OptionValue::Double(1.5)).statement_timeout;
        assert_eq!(limit, Some(Duration::from_millis(1500)));
        let list = OptionValue::StringList(StringList::default());
        assert!(with(&plain, "schema", Some(&list)).unwrap_err().to_string().contains("one value"));
    }
}
