//! What a session may set, once: name, meaning, how it is read and what it is.
//!
//! The same options are set by Flight SQL's `SetSessionOptions`, by `SET name = value` in SQL
//! wherever SQL is written, and told by `SHOW ALL`.

use super::{Engine, Session, Temporary};
use crate::error::{Error, Result, did_you_mean};
use crate::ids::ReleaseId;
use crate::policy::Principal;
use chrono_tz::Tz;
use std::sync::Arc;
use std::time::Duration;

/// The one catalog.
pub(crate) const CATALOG: &str = super::catalog::CATALOG;

/// Parts that an answer is cut into, at most.
const MOST_ENDPOINTS: usize = 64;

/// What a session wants of all its questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Where bare names are looked for, if elsewhere than in `warehouse`.
    pub schema: Option<String>,
    /// A release of its own; the latest where none is asked for.
    pub release: Option<ReleaseId>,
    /// Whether aggregates may answer.
    pub aggregates: bool,
    /// How long a statement may run.
    pub statement_timeout: Option<Duration>,
    /// How answers are compressed on their way.
    pub compression: Compression,
    /// Into how many endpoints an answer is cut at most, to be fetched by as many at once; one is
    /// not kept, but sent as it is worked out.
    pub endpoints: usize,
    /// In which zone moments are shown, cut and understood; UTC where none is said.
    pub time_zone: Option<Tz>,
    /// The currency of measures that let it be chosen; the model's where none is said.
    pub currency: Option<Arc<str>>,
    /// What its questions are logged with.
    pub query_tag: Option<Arc<str>>,
    /// Its temporary tables, which are nobody else's.
    pub temporary: Temporary,
}

/// How answers are compressed on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4: little work.
    Lz4,
    /// Zstandard: small.
    Zstd,
}

/// A value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// A text.
    Text(String),
    /// On or off.
    Switch(bool),
    /// A whole number.
    Whole(u64),
    /// Any number.
    Number(f64),
}

impl OptionValue {
    /// As `SHOW` writes it, and `SET` reads it.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Switch(true) => "on".to_owned(),
            Self::Switch(false) => "off".to_owned(),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// An option.
pub struct SessionOption {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    expected: &'static str,
    /// Sets it, or takes it back where there is no value; none where the value is not right.
    set: fn(&mut SessionOptions, Option<&str>) -> Option<()>,
    get: fn(&SessionOptions, &Session) -> OptionValue,
}

/// All options.
pub static SESSION_OPTIONS: [SessionOption; 10] = [
    SessionOption {
        name: "catalog",
        doc: "the one catalog",
        expected: "`starhouse`",
        set: |_, value| value.is_none_or(|value| value == CATALOG).then_some(()),
        get: |_, _| OptionValue::Text(CATALOG.to_owned()),
    },
    SessionOption {
        name: "schema",
        doc: "where bare names are looked for",
        expected: "a schema's name",
        set: |options, value| {
            options.schema = value.map(str::to_owned);
            Some(())
        },
        get: |_, session| OptionValue::Text(session.default_schema().to_owned()),
    },
    SessionOption {
        name: "release",
        doc: "the release that is asked: a number, or `latest`",
        expected: "a release's number, or `latest`",
        set: |options, value| {
            let value = value.filter(|value| *value != "latest");
            options.release = value.map(|value| value.parse().ok().map(ReleaseId)).unwrap_or(None);
            (value.is_none() || options.release.is_some()).then_some(())
        },
        get: |_, session| OptionValue::Whole(session.release().id.0),
    },
    SessionOption {
        name: "aggregates",
        doc: "whether aggregates may answer",
        expected: "`on` or `off`",
        set: |options, value| {
            options.aggregates = value.map_or(Some(true), switch)?;
            Some(())
        },
        get: |options, _| OptionValue::Switch(options.aggregates),
    },
    SessionOption {
        name: "statement_timeout",
        doc: "how many seconds a statement may take; 0 sets no limit",
        expected: "seconds such as `30`; 0 sets no limit",
        set: |options, value| {
            let seconds = match value {
                None => 0.0,
                Some(text) => text.trim_end_matches('s').trim().parse::<f64>().ok()?,
            };
            let limit = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds <= 1e9)?;
            options.statement_timeout = Some(limit).filter(|limit| !limit.is_zero());
            Some(())
        },
        get: |options, _| {
            OptionValue::Number(options.statement_timeout.map_or(0.0, |limit| limit.as_secs_f64()))
        },
    },
    SessionOption {
        name: "compression",
        doc: "how answers are compressed on their way: none, lz4, zstd",
        expected: "`none`, `lz4` or `zstd`",
        set: |options, value| {
            options.compression = match value {
                None | Some("none") => Compression::None,
                Some("lz4") => Compression::Lz4,
                Some("zstd") => Compression::Zstd,
                Some(_) => return None,
            };
            Some(())
        },
        get: |options, _| OptionValue::Text(format!("{:?}", options.compression).to_lowercase()),
    },
    SessionOption {
        name: "endpoints",
        doc: "into how many parts an answer is cut, to be fetched at once: from 1 to 64",
        expected: "a whole number from 1 to 64",
        set: |options, value| {
            options.endpoints = value.map_or(Ok(1), str::parse).ok()?;
            (1..=MOST_ENDPOINTS).contains(&options.endpoints).then_some(())
        },
        get: |options, _| OptionValue::Whole(options.endpoints as u64),
    },
    SessionOption {
        name: "time_zone",
        doc: "the zone in which moments are shown, cut to days, and today is",
        expected: "a zone such as `Europe/Berlin` or `UTC`",
        set: |options, value| {
            let zone: Option<Tz> = value.map(str::parse).transpose().ok()?;
            options.time_zone = zone.filter(|zone| *zone != Tz::UTC);
            Some(())
        },
        get: |options, _| OptionValue::Text(options.time_zone.unwrap_or(Tz::UTC).name().to_owned()),
    },
    SessionOption {
        name: "currency",
        doc: "the currency of measures that let it be chosen",
        expected: "a currency as the rates have it, such as `USD`",
        set: |options, value| {
            options.currency = value.map(Arc::from);
            value.is_none_or(|value| value.chars().count() <= 16).then_some(())
        },
        get: |options, _| {
            OptionValue::Text(options.currency.as_deref().unwrap_or_default().to_owned())
        },
    },
    SessionOption {
        name: "query_tag",
        doc: "a text that system.queries shows beside the session's questions",
        expected: "a text of 256 characters at most",
        set: |options, value| {
            options.query_tag = value.map(Arc::from);
            value.is_none_or(|value| value.chars().count() <= 256).then_some(())
        },
        get: |options, _| {
            OptionValue::Text(options.query_tag.as_deref().unwrap_or_default().to_owned())
        },
    },
];

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            schema: None,
            release: None,
            aggregates: true,
            statement_timeout: None,
            compression: Compression::None,
            endpoints: 1,
            time_zone: None,
            currency: None,
            query_tag: None,
            temporary: Temporary::default(),
        }
    }
}

impl SessionOptions {
    /// The options with one of them set; no value, or an empty one, takes it back.
    ///
    /// # Errors
    /// Not found where there is no such option, user where the value is not right.
    pub fn with(&self, name: &str, value: Option<&str>) -> Result<Self> {
        let option = find(name)?;
        let value = value.filter(|value| !value.is_empty());
        let mut options = self.clone();
        match (option.set)(&mut options, value) {
            Some(()) => Ok(options),
            None => {
                let shown = value.unwrap_or_default();
                let error = Error::user(format!("the session option {name} cannot be `{shown}`"));
                let error = error.with("expected", option.expected);
                let zones = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
                let near = (name == "time_zone").then(|| did_you_mean(shown, zones())).flatten();
                Err(match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                })
            }
        }
    }

    /// All of them with their values, and what a session gets where it has said nothing.
    pub fn values(
        &self,
        session: &Session,
    ) -> impl Iterator<Item = (&'static SessionOption, OptionValue)> {
        SESSION_OPTIONS.iter().map(|option| (option, (option.get)(self, session)))
    }
}

/// The option of a name.
///
/// # Errors
/// Not found, with what may have been meant; unsupported what will be one.
pub(crate) fn find(name: &str) -> Result<&'static SessionOption> {
    if let Some(option) = SESSION_OPTIONS.iter().find(|option| option.name == name) {
        return Ok(option);
    }
    if name == "language" {
        return Err(Error::unsupported("a session has no language of its own")
            .hint("SQL has the names of the model; a cube query asks for captions: `language`"));
    }
    let names = || SESSION_OPTIONS.iter().map(|option| option.name);
    let error = Error::not_found(format!("there is no session option `{name}`"));
    Err(match did_you_mean(name, names()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
    })
}

fn switch(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => None,
    }
}

impl Engine {
    /// A principal's session as its options want it: on the latest release now, unless they name
    /// one.
    ///
    /// # Errors
    /// Not found where there is no such release or schema.
    pub async fn session_with(
        &self,
        principal: Principal,
        options: &SessionOptions,
    ) -> Result<Session> {
        let warehouse = self.warehouse();
        let release = match options.release {
            Some(id) => warehouse.release(id).await?,
            None => warehouse.latest().await?,
        };
        self.session(principal, release).with_options(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<SessionOptions> {
        SessionOptions::default().with(name, Some(value))
    }

    #[test]
    fn values_of_every_kind_are_understood() {
        // Each session has temporary tables of its own: all are of the same one here.
        let plain = SessionOptions::default();
        let set = |name: &str, value: &str| plain.with(name, Some(value));
        let pinned = set("release", "7").unwrap();
        assert_eq!(pinned, SessionOptions { release: Some(ReleaseId(7)), ..plain.clone() });
        assert_eq!(pinned.with("release", Some("latest")).unwrap(), plain);
        assert_eq!(pinned.with("release", None).unwrap(), plain);
        for off in ["false", "OFF"] {
            assert!(!set("aggregates", off).unwrap().aggregates);
        }
        let limit = |seconds| set("statement_timeout", seconds).unwrap().statement_timeout;
        assert_eq!(limit("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(limit("0"), None);
        assert_eq!(set("catalog", "starhouse").unwrap(), plain);
        assert_eq!(set("time_zone", "Asia/Kolkata").unwrap().time_zone, Some(Tz::Asia__Kolkata));
        assert_eq!(set("time_zone", "UTC").unwrap(), plain);
        assert_eq!(set("query_tag", "report 7").unwrap().query_tag.as_deref(), Some("report 7"));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (name, value, words) in [
            ("shema", "x", "did you mean `schema`?"),
            ("release", "first", "a release's number"),
            ("aggregates", "maybe", "`on` or `off`"),
            ("statement_timeout", "soon", "seconds"),
            ("statement_timeout", "NaN", "seconds"),
            ("statement_timeout", "-1", "seconds"),
            ("catalog", "other", "`starhouse`"),
            ("compression", "gzip", "`lz4`"),
            ("time_zone", "Europe/Belin", "did you mean `Europe/Berlin`?"),
            ("query_tag", &"x".repeat(257), "256 characters"),
            ("currency", &"x".repeat(17), "such as `USD`"),
            ("language", "fr", "a session has no language"),
        ] {
            let error = set(name, value).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
