//! Sessions: what a client wants of all its questions, kept between calls.
//!
//! Flight's messages for them, which arrow-flight lacks, are declared here. A session is found by
//! its cookie, where the client keeps cookies (JDBC does), else by the token of its handshake, else
//! by its connection.

use super::FlightSql;
use crate::engine::Session;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::ids::ReleaseId;
use crate::server::handles::Handles;
use crate::server::sign_in::{Client, cookie_key};
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

/// The one catalog.
const CATALOG: &str = "starhouse";

/// What a client may set.
const NAMES: [&str; 6] =
    ["catalog", "schema", "release", "aggregates", "statement_timeout", "compression"];

/// What a session wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    schema: Option<String>,
    /// A release of its own; the latest where none is asked for.
    pub(super) release: Option<ReleaseId>,
    aggregates: bool,
    /// How long a statement may run.
    pub(super) statement_timeout: Option<Duration>,
    /// How answers are compressed.
    compression: Option<CompressionType>,
}

impl Options {
    /// How answers are written.
    pub(super) fn encoding(&self) -> Result<IpcWriteOptions> {
        IpcWriteOptions::default().try_with_compression(self.compression).map_err(status::encoding)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schema: None,
            release: None,
            aggregates: true,
            statement_timeout: None,
            compression: None,
        }
    }
}

/// The sessions whose clients have set something.
pub(super) struct Sessions(Handles<Options>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Handles::new("session", MAX_SESSIONS, MAX_SESSION_AGE))
    }
}

impl Sessions {
    /// What a client's session wants.
    pub(super) fn of(&self, client: &Client) -> Options {
        let get = |key| self.0.get(&client.principal, key, Instant::now()).ok();
        client.session_keys.iter().find_map(get).unwrap_or_default()
    }

    /// Keeps what it wants; gives the value of the cookie to set where it has none.
    fn keep(&self, client: &Client, options: Options) -> Option<String> {
        let now = Instant::now();
        if let Some(key) = client.session_keys.first() {
            self.0.put(&client.principal, key.clone(), options.clone(), now);
        }
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

    async fn session_with(&self, client: &Client, options: &Options) -> Result<Session> {
        let warehouse = self.engine.warehouse();
        let release = match options.release {
            Some(id) => warehouse.release(id).await?,
            None => warehouse.latest().await?,
        };
        let session = self.engine.session(client.principal.clone(), release);
        let session = session.with_aggregates(options.aggregates);
        match &options.schema {
            Some(schema) => session.in_schema(schema),
            None => Ok(session),
        }
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
                    let unknown = !NAMES.contains(&name.as_str());
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
        let release = i64::try_from(session.release().id.0).unwrap_or(i64::MAX);
        let seconds = options.statement_timeout.map_or(0.0, |limit| limit.as_secs_f64());
        let compression = match options.compression {
            None => "none",
            Some(CompressionType::ZSTD) => "zstd",
            Some(_) => "lz4",
        };
        let values = [
            ("catalog", OptionValue::String(CATALOG.to_owned())),
            ("schema", OptionValue::String(session.default_schema().to_owned())),
            ("release", OptionValue::Int64(release)),
            ("aggregates", OptionValue::Bool(options.aggregates)),
            ("statement_timeout", OptionValue::Double(seconds)),
            ("compression", OptionValue::String(compression.to_owned())),
        ];
        let named = values.map(|(name, value)| {
            (name.to_owned(), SessionOptionValue { option_value: Some(value) })
        });
        Ok(GetSessionOptionsResult { session_options: named.into() }.encode_to_vec())
    }

    /// Forgets a client's session.
    pub(super) fn close_session(&self, client: &Client) -> Vec<u8> {
        let status = if self.sessions.close(client) { CLOSED } else { NOT_CLOSEABLE };
        CloseSessionResult { status }.encode_to_vec()
    }
}

/// The options with one of them set; an empty value takes it back.
fn with(options: &Options, name: &str, value: Option<&OptionValue>) -> Result<Options> {
    let mut options = options.clone();
    let text = value.map(text).transpose()?.filter(|text| !text.is_empty());
    match (name, text) {
        ("catalog", None) => {}
        ("catalog", Some(catalog)) if catalog == CATALOG => {}
        ("schema", schema) => options.schema = schema,
        ("release", release) => {
            let release = release.filter(|release| release != "latest");
            options.release = release.map(|id| number(name, &id).map(ReleaseId)).transpose()?;
        }
        ("aggregates", None) => options.aggregates = true,
        ("aggregates", Some(on)) => {
            options.aggregates = match on.to_lowercase().as_str() {
                "on" | "true" => true,
                "off" | "false" => false,
                _ => return Err(invalid(name, &on, "`on` or `off`")),
            };
        }
        ("statement_timeout", limit) => {
            let seconds = |text: String| match text.trim_end_matches('s').trim().parse::<f64>() {
                Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
                _ => Err(invalid(name, &text, "seconds such as `30`; 0 sets no limit")),
            };
            let seconds = limit.map(seconds).transpose()?.filter(|seconds| *seconds > 0.0);
            options.statement_timeout = seconds.map(Duration::from_secs_f64);
        }
        ("compression", kind) => {
            options.compression = match kind.as_deref() {
                None | Some("none") => None,
                Some("lz4") => Some(CompressionType::LZ4_FRAME),
                Some("zstd") => Some(CompressionType::ZSTD),
                Some(other) => return Err(invalid(name, other, "`none`, `lz4` or `zstd`")),
            };
        }
        (name, Some(value)) if NAMES.contains(&name) => {
            return Err(invalid(name, &value, &format!("`{CATALOG}`")));
        }
        (name, _) => {
            let error = Error::not_found(format!("there is no session option `{name}`"));
            return Err(match did_you_mean(name, NAMES) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("there are {}", NAMES.join(", "))),
            });
        }
    }
    Ok(options)
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

fn number(name: &str, text: &str) -> Result<u64> {
    text.parse().map_err(|_| invalid(name, text, "a release's number, or `latest`"))
}

fn invalid(name: &str, value: &str, expected: &str) -> Error {
    Error::user(format!("the session option {name} cannot be `{value}`, expected {expected}"))
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

    fn set(name: &str, value: OptionValue) -> Result<Options> {
        with(&Options::default(), name, Some(&value))
    }

    #[test]
    fn values_of_every_kind_are_understood() {
        let text = |text: &str| OptionValue::String(text.to_owned());
        let pinned = Options { release: Some(ReleaseId(7)), ..Options::default() };
        assert_eq!(set("release", OptionValue::Int64(7)).unwrap(), pinned);
        assert_eq!(set("release", text("7")).unwrap(), pinned);
        assert_eq!(with(&pinned, "release", Some(&text("latest"))).unwrap(), Options::default());
        assert_eq!(with(&pinned, "release", None).unwrap(), Options::default());
        let off = Options { aggregates: false, ..Options::default() };
        assert_eq!(set("aggregates", OptionValue::Bool(false)).unwrap(), off);
        assert_eq!(set("aggregates", text("OFF")).unwrap(), off);
        let limit = |seconds| set("statement_timeout", seconds).unwrap().statement_timeout;
        assert_eq!(limit(text("1.5s")), Some(Duration::from_millis(1500)));
        assert_eq!(limit(OptionValue::Int64(0)), None);
        assert_eq!(set("catalog", text("starhouse")).unwrap(), Options::default());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let text = |text: &str| OptionValue::String(text.to_owned());
        for (name, value, words) in [
            ("shema", text("x"), "did you mean `schema`?"),
            ("release", text("first"), "a release's number"),
            ("aggregates", text("maybe"), "`on` or `off`"),
            ("statement_timeout", text("soon"), "seconds"),
            ("catalog", text("other"), "`starhouse`"),
            ("compression", text("gzip"), "`lz4`"),
            ("schema", OptionValue::StringList(StringList::default()), "one value"),
        ] {
            let error = set(name, value).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
