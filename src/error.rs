//! The one error of the crate: a kind, a message, context, and whether trying again may help.
//!
//! Every interface maps the kind in one place: [`Error::exit_code`] for the shell,
//! [`Error::grpc_code`] for Flight SQL, [`Error::sqlstate`] for SQL clients.

use std::fmt;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is, and so what its reader can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The command line or a request is malformed: mend the call.
    Usage,
    /// A model, job, configuration or query is wrong: mend what was written.
    User,
    /// Input data, or a value, is not what it should be.
    Data,
    /// A stored file is gone, or not what was written.
    Damaged,
    /// A named thing does not exist.
    NotFound,
    /// Another writer was first: run again.
    Conflict,
    /// A source, disk or service cannot be reached for now.
    Unavailable,
    /// A limit on memory, time, rows or requests refused the work.
    Limit,
    /// The principal may not do or see this.
    Denied,
    /// The caller has not signed in.
    Unauthenticated,
    /// The work was cancelled.
    Cancelled,
    /// The work ran past the time it was given.
    TimedOut,
    /// Valid, but Starhouse does not do it.
    Unsupported,
    /// A defect of Starhouse.
    Internal,
}

/// What went wrong, where, and what to do about it.
///
/// Messages are lower-case sentences without a full stop; context pairs say where
/// (`file`, `line`, `table`, `release` ...); `hint` says what to do.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retryable: bool,
}

impl Error {
    /// A new error; conflicts and unavailability count as retryable from the start.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retryable = matches!(kind, ErrorKind::Conflict | ErrorKind::Unavailable);
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            hint: None,
            source: None,
            retryable,
        }))
    }

    /// What was written (model, job, query) is wrong.
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::User, message)
    }

    /// Input data, or a value, is not what it should be.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// A stored file is gone, or not what was written.
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, message)
    }

    /// A named thing does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Valid, but not something Starhouse does.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A defect of Starhouse itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds where it happened, unless that has been said already.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        let pair = (key, value.to_string());
        if !self.0.context.contains(&pair) {
            self.0.context.push(pair);
        }
        self
    }

    /// Adds what the reader can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the error beneath this one.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says whether trying again may help.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// The same error once more, for who was only lent it: what is beneath it is text now.
    #[must_use]
    pub fn as_lent(&self) -> Self {
        let Inner { kind, message, context, hint, source, retryable } = &*self.0;
        Self(Box::new(Inner {
            kind: *kind,
            message: message.clone(),
            context: context.clone(),
            hint: hint.clone(),
            source: source.as_ref().map(|source| source.to_string().into()),
            retryable: *retryable,
        }))
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The sentence alone, without context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The value of a context pair.
    pub fn context(&self, key: &str) -> Option<&str> {
        let pair = self.0.context.iter().find(|(name, _)| *name == key);
        pair.map(|(_, value)| value.as_str())
    }

    /// All context pairs, in the order they were added.
    pub fn contexts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.context.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// What the reader can do, if that is said.
    pub fn what_to_do(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether trying again may help.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The process's exit code: 2 for wrong usage, 130 for Ctrl-C, else 1.
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            ErrorKind::Usage => 2,
            ErrorKind::Cancelled => 130,
            _ => 1,
        }
    }

    /// The gRPC status that says the same.
    pub fn grpc_code(&self) -> tonic::Code {
        match self.kind() {
            ErrorKind::Usage | ErrorKind::User | ErrorKind::Data => tonic::Code::InvalidArgument,
            ErrorKind::Damaged => tonic::Code::DataLoss,
            ErrorKind::NotFound => tonic::Code::NotFound,
            ErrorKind::Conflict => tonic::Code::Aborted,
            ErrorKind::Unavailable => tonic::Code::Unavailable,
            ErrorKind::Limit => tonic::Code::ResourceExhausted,
            ErrorKind::Denied => tonic::Code::PermissionDenied,
            ErrorKind::Unauthenticated => tonic::Code::Unauthenticated,
            ErrorKind::Cancelled => tonic::Code::Cancelled,
            ErrorKind::TimedOut => tonic::Code::DeadlineExceeded,
            ErrorKind::Unsupported => tonic::Code::Unimplemented,
            ErrorKind::Internal => tonic::Code::Internal,
        }
    }

    /// The SQLSTATE class a SQL client expects.
    pub fn sqlstate(&self) -> &'static str {
        match self.kind() {
            ErrorKind::Usage | ErrorKind::User => "42000",
            ErrorKind::Data => "22000",
            ErrorKind::Damaged => "XX001",
            ErrorKind::NotFound => "42P01",
            ErrorKind::Conflict => "40001",
            ErrorKind::Unavailable => "08006",
            ErrorKind::Limit => "53000",
            ErrorKind::Denied => "42501",
            ErrorKind::Unauthenticated => "28000",
            ErrorKind::Cancelled | ErrorKind::TimedOut => "57014",
            ErrorKind::Unsupported => "0A000",
            ErrorKind::Internal => "XX000",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if !self.0.context.is_empty() {
            let pairs: Vec<String> =
                self.0.context.iter().map(|(key, value)| format!("{key} {value}")).collect();
            write!(f, " ({})", pairs.join(", "))?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// The candidate nearest to what was written, for "did you mean": in its letters, else by whole
/// words (`country`, `store_country`); none if nothing is near.
pub fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let near = candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&written, &candidate.to_lowercase()), *candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate);
    near.or_else(|| {
        candidates
            .into_iter()
            .filter_map(|candidate| Some((words_apart(&written, candidate)?, candidate)))
            .min_by_key(|(words, _)| *words)
            .map(|(_, candidate)| candidate)
    })
}

/// How many words one name has beyond the other, if it has all of the other's.
fn words_apart(written: &str, candidate: &str) -> Option<usize> {
    let candidate = candidate.to_lowercase();
    let a: Vec<&str> = written.split('_').collect();
    let b: Vec<&str> = candidate.split('_').collect();
    let within = |few: &[&str], many: &[&str]| few.iter().all(|word| many.contains(word));
    (within(&a, &b) || within(&b, &a)).then(|| a.len().abs_diff(b.len()))
}

/// How many of something, in words: `1 row has`, `2 rows have`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{Error, ErrorKind, did_you_mean};

    #[test]
    fn what_is_said_twice_is_said_once_and_what_is_lent_is_the_same() {
        let error = Error::new(ErrorKind::Unavailable, "gone")
            .with("job", "a")
            .with("line", 1)
            .with("job", "a")
            .with("job", "b")
            .hint("look")
            .caused_by("why");
        assert_eq!(error.to_string(), "gone (job a, line 1, job b): why; look");
        let lent = error.as_lent();
        assert_eq!(format!("{lent:?}"), format!("{error:?}"));
        assert_eq!((lent.context("job"), lent.is_retryable()), (Some("a"), true));
    }

    #[test]
    fn what_is_near_in_letters_or_words_is_meant() {
        let names = ["fiscal_year", "year", "customer_home_country", "store_country", "revenue"];
        let meant = |written| did_you_mean(written, names);
        assert_eq!(meant("revenu"), Some("revenue"));
        assert_eq!(meant("country"), Some("store_country"));
        assert_eq!(meant("Calendar_Year"), Some("year"));
        assert_eq!(meant("margin"), None);
        assert_eq!(meant(""), None);
    }
}
