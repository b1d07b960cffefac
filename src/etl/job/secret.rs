//! What a job does not say itself: secrets, and whatever else differs from machine to machine.
//!
//! A job names where to look, an environment variable or a file, and what is found there is read
//! when a run needs it. It is never part of a job, and so never of an error, a log or a release.

use crate::error::{Error, ErrorKind, Result};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::path::Path;

/// A secret: `{env: NAME}` or `{file: PATH}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// The value of an environment variable.
    Env(String),
    /// The content of a file, without the line end that closes it; relative to the project.
    File(String),
}

/// A text that is written in the job, or where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Setting {
    /// Written here.
    Here(String),
    /// Written elsewhere.
    There(Secret),
}

impl Secret {
    /// What is found there.
    ///
    /// # Errors
    /// User where there is nothing; unavailable where the file cannot be read.
    pub(crate) fn read(&self, project: &Path) -> Result<String> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(value),
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(Error::user(format!("the environment variable {name} is not text")))
                }
                _ => Err(Error::user(format!("the environment variable {name} is not set"))
                    .hint("set it where the run is started")),
            },
            Self::File(path) => {
                let text = std::fs::read_to_string(project.join(path)).map_err(|error| {
                    let kind = match error.kind() {
                        std::io::ErrorKind::NotFound => ErrorKind::User,
                        _ => ErrorKind::Unavailable,
                    };
                    Error::new(kind, "cannot read the secret's file")
                        .with("file", path)
                        .caused_by(error)
                })?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                match text {
                    "" => Err(Error::user("the secret's file is empty").with("file", path)),
                    text => Ok(text.to_owned()),
                }
            }
        }
    }
}

impl Setting {
    /// The text.
    ///
    /// # Errors
    /// Those of a secret.
    pub(crate) fn read(&self, project: &Path) -> Result<String> {
        match self {
            Self::Here(text) => Ok(text.clone()),
            Self::There(secret) => secret.read(project),
        }
    }
}

/// `{env: NAME}` or `{file: PATH}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    #[serde(default)]
    env: Option<String>,
    #[serde(default)]
    file: Option<String>,
}

const EXPECTED: &str = "`{env: NAME}` or `{file: PATH}`";

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    // What stands here may be the secret itself: no fault repeats it.
    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Secret, E> {
        Err(E::custom(format!("a secret is not written into a job, expected {EXPECTED}")))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Secret, E> {
        self.visit_str("")
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Secret, E> {
        self.visit_str("")
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Secret, E> {
        self.visit_str("")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
        match Reference::deserialize(MapAccessDeserializer::new(map))? {
            Reference { env: Some(name), file: None } => Ok(Secret::Env(name)),
            Reference { env: None, file: Some(path) } => Ok(Secret::File(path)),
            _ => Err(A::Error::custom(format!("expected {EXPECTED}"))),
        }
    }
}

struct SettingVisitor;

impl<'de> Visitor<'de> for SettingVisitor {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text, {EXPECTED}")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Setting, E> {
        Ok(Setting::Here(text.to_owned()))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Setting, E> {
        Ok(Setting::Here(value.to_string()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Setting, E> {
        Ok(Setting::Here(value.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Setting, E> {
        Ok(Setting::Here(value.to_string()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Setting, A::Error> {
        SecretVisitor.visit_map(map).map(Setting::There)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "s3 cret\n").unwrap();
        let read = |yaml: &str| crate::yaml::parse::<Secret>("job.yaml", yaml);
        let found = read("{file: password}").unwrap().read(folder.path());
        assert_eq!(found.unwrap(), "s3 cret");
        let nowhere = read("{env: STARHOUSE_NO_SUCH_SECRET}").unwrap().read(folder.path());
        assert!(nowhere.unwrap_err().to_string().contains("STARHOUSE_NO_SUCH_SECRET is not set"));
        for wrong in ["hunter2", "1234", "{env: A, file: B}", "{}", "{path: hunter2}"] {
            let fault = read(wrong).unwrap_err().to_string();
            assert!(fault.starts_with("job.yaml:1:1: ") && !fault.contains("hunter2"), "{fault}");
        }
        let setting = crate::yaml::parse::<Setting>("job.yaml", "a text").unwrap();
        assert_eq!(setting.read(folder.path()).unwrap(), "a text");
    }
}
