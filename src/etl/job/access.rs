//! How to get into places outside the project, and how patiently.

use super::{Secret, Setting};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How files whose path is a URL are reached. What is left out is usual: no password, and for
/// object stores what the environment says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// `http://` and `https://`.
    Http(HttpAccess),
    /// `s3://`: Amazon S3 and what speaks as it does.
    S3(S3Access),
    /// `gs://`: Google Cloud Storage.
    Gs(GsAccess),
    /// `az://`: Azure Blob Storage.
    Az(AzAccess),
}

/// How a web server is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAccess {
    /// The token of `Authorization: Bearer`.
    #[serde(default)]
    pub bearer: Option<Secret>,
    /// User and password of `Authorization: Basic`.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// More headers, by name.
    #[serde(default)]
    pub headers: BTreeMap<String, Setting>,
    /// Certificates (PEM) that the server's must go back to; the system's where left out.
    #[serde(default)]
    pub ca: Option<String>,
    /// Whether secrets may go unencrypted to another machine.
    #[serde(default)]
    pub unencrypted: bool,
    /// How long no byte may come before a request counts as failed.
    #[serde(default = "half_a_minute")]
    pub timeout_seconds: u64,
    /// How often a request is tried that fails for now: a connection that is cut, a server that is
    /// overloaded.
    #[serde(default = "five")]
    pub attempts: u32,
    /// How long a server may ask to be left alone (`Retry-After`) before the run fails instead.
    #[serde(default = "five_minutes")]
    pub wait_at_most_seconds: u64,
    /// Requests a second at most; as many as the server takes where left out.
    #[serde(default)]
    pub requests_a_second: Option<f64>,
    /// The largest answer that is taken, in MiB: 10,240 of a file, 64 of a page.
    #[serde(default)]
    pub answer_at_most_mib: Option<u64>,
}

/// User and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user.
    pub user: Setting,
    /// The password.
    pub password: Secret,
}

/// How an S3 bucket is reached. What is left out is taken from `AWS_*` in the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Access {
    /// The region.
    #[serde(default)]
    pub region: Option<String>,
    /// The server's URL, where it is not Amazon's.
    #[serde(default)]
    pub endpoint: Option<Setting>,
    /// The access key's id.
    #[serde(default)]
    pub key_id: Option<Setting>,
    /// The access key's secret.
    #[serde(default)]
    pub secret_key: Option<Secret>,
    /// The token of a session.
    #[serde(default)]
    pub session_token: Option<Secret>,
    /// Whether the bucket is open to all, and requests are not signed.
    #[serde(default)]
    pub anonymous: bool,
}

/// How a bucket of Google's is reached. What is left out is taken from `GOOGLE_*` in the
/// environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GsAccess {
    /// The service account's key, the JSON itself.
    #[serde(default)]
    pub service_account: Option<Secret>,
    /// The server's URL, where it is not Google's.
    #[serde(default)]
    pub endpoint: Option<Setting>,
    /// Whether the bucket is open to all, and requests are not signed.
    #[serde(default)]
    pub anonymous: bool,
}

/// How a container of Azure's is reached. What is left out is taken from `AZURE_*` in the
/// environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzAccess {
    /// The storage account.
    #[serde(default)]
    pub account: Option<Setting>,
    /// The account's key.
    #[serde(default)]
    pub key: Option<Secret>,
    /// The server's URL, where it is not Azure's.
    #[serde(default)]
    pub endpoint: Option<Setting>,
    /// Whether the container is open to all, and requests are not signed.
    #[serde(default)]
    pub anonymous: bool,
}

impl Default for HttpAccess {
    fn default() -> Self {
        Self {
            bearer: None,
            basic: None,
            headers: BTreeMap::new(),
            ca: None,
            unencrypted: false,
            timeout_seconds: half_a_minute(),
            attempts: five(),
            wait_at_most_seconds: five_minutes(),
            requests_a_second: None,
            answer_at_most_mib: None,
        }
    }
}

fn half_a_minute() -> u64 {
    30
}

fn five() -> u32 {
    5
}

fn five_minutes() -> u64 {
    300
}
