//! The kinds of stores, and who they let in. Secrets are named in the job or are in the
//! environment; no other place of the machine or its network is asked for them.

use super::super::other_access;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{Access, AzAccess, GsAccess, S3Access, Setting};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a request may take, its answer included; one that is cut off goes on where it was.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a request is tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often.
const RETRIES: usize = 5;

/// A bucket of some store.
pub(super) struct Place {
    kind: Kind,
    bucket: String,
}

enum Kind {
    S3(S3Access),
    Gs(GsAccess),
    Az(AzAccess),
}

impl Place {
    /// The bucket of a path, and the path inside it.
    pub(super) fn new(path: &str, access: Option<&Access>) -> Result<(Self, String)> {
        let (scheme, rest) = path.split_once("://").unwrap_or_default();
        let kind = match (scheme, access) {
            ("s3", None) => Kind::S3(S3Access::default()),
            ("s3", Some(Access::S3(access))) => Kind::S3(access.clone()),
            ("gs", None) => Kind::Gs(GsAccess::default()),
            ("gs", Some(Access::Gs(access))) => Kind::Gs(access.clone()),
            ("az", None) => Kind::Az(AzAccess::default()),
            ("az", Some(Access::Az(access))) => Kind::Az(access.clone()),
            _ => return Err(other_access(scheme, scheme)),
        };
        let wrong = || {
            Error::user(format!("`{path}` is no path of a file in a bucket"))
                .hint(format!("expected {scheme}://bucket/folder/file"))
        };
        let (bucket, key) = rest.split_once('/').ok_or_else(wrong)?;
        if bucket.is_empty() || bucket.contains(['*', '@', ':']) || key.is_empty() {
            return Err(wrong());
        }
        if key.split('/').any(str::is_empty) {
            return Err(wrong().hint("one `/` stands between two parts, and none at the end"));
        }
        Ok((Self { kind, bucket: bucket.to_owned() }, key.to_owned()))
    }

    /// What stands before the path inside it.
    pub(super) fn name(&self) -> String {
        let scheme = match self.kind {
            Kind::S3(_) => "s3",
            Kind::Gs(_) => "gs",
            Kind::Az(_) => "az",
        };
        format!("{scheme}://{}/", self.bucket)
    }

    /// The store.
    ///
    /// # Errors
    /// Those of secrets; user where there are none.
    pub(super) fn open(&self, project: &Path) -> Result<Arc<dyn ObjectStore>> {
        match &self.kind {
            Kind::S3(access) => self.s3(project, access),
            Kind::Gs(access) => self.gs(project, access),
            Kind::Az(access) => self.az(project, access),
        }
    }

    fn s3(&self, project: &Path, access: &S3Access) -> Result<Arc<dyn ObjectStore>> {
        use object_store::aws::AmazonS3ConfigKey::{AccessKeyId, Region, WebIdentityTokenFile};
        let endpoint = read(project, access.endpoint.as_ref())?;
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&self.bucket)
            .with_retry(patience())
            .with_client_options(options(endpoint.as_deref()));
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &access.region {
            builder = builder.with_region(region);
        } else if builder.get_config_value(&Region).is_none() {
            builder = builder.with_region("us-east-1");
        }
        if let Some(key_id) = read(project, access.key_id.as_ref())? {
            builder = builder.with_access_key_id(key_id);
        }
        if let Some(secret) = &access.secret_key {
            builder = builder.with_secret_access_key(secret.read(project)?);
        }
        if let Some(token) = &access.session_token {
            builder = builder.with_token(token.read(project)?);
        }
        let known = [AccessKeyId, WebIdentityTokenFile];
        let signs = known.iter().any(|key| builder.get_config_value(key).is_some());
        if access.anonymous {
            builder = builder.with_skip_signature(true);
        } else if !signs {
            return Err(no_secrets(
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                "key_id: ..., secret_key: {env: NAME}",
            ));
        }
        Ok(Arc::new(builder.build().map_err(failed)?))
    }

    fn gs(&self, project: &Path, access: &GsAccess) -> Result<Arc<dyn ObjectStore>> {
        use object_store::gcp::GoogleConfigKey::{
            ApplicationCredentials, ServiceAccount, ServiceAccountKey,
        };
        let endpoint = read(project, access.endpoint.as_ref())?;
        let mut builder = GoogleCloudStorageBuilder::from_env()
            .with_bucket_name(&self.bucket)
            .with_retry(patience())
            .with_client_options(options(endpoint.as_deref()));
        if let Some(endpoint) = &endpoint {
            builder = builder.with_base_url(endpoint);
        }
        if let Some(key) = &access.service_account {
            builder = builder.with_service_account_key(key.read(project)?);
        }
        let known = [ApplicationCredentials, ServiceAccount, ServiceAccountKey];
        let signs = known.iter().any(|key| builder.get_config_value(key).is_some());
        if access.anonymous {
            builder = builder.with_skip_signature(true);
        } else if !signs {
            return Err(no_secrets("GOOGLE_SERVICE_ACCOUNT", "service_account: {file: PATH}"));
        }
        Ok(Arc::new(builder.build().map_err(failed)?))
    }

    fn az(&self, project: &Path, access: &AzAccess) -> Result<Arc<dyn ObjectStore>> {
        use object_store::azure::AzureConfigKey::{
            AccessKey, AccountName, ClientSecret, FederatedTokenFile, SasKey, Token,
        };
        let endpoint = read(project, access.endpoint.as_ref())?;
        let mut builder = MicrosoftAzureBuilder::from_env()
            .with_container_name(&self.bucket)
            .with_retry(patience())
            .with_client_options(options(endpoint.as_deref()));
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(account) = read(project, access.account.as_ref())? {
            builder = builder.with_account(account);
        }
        if let Some(key) = &access.key {
            builder = builder.with_access_key(key.read(project)?);
        }
        if builder.get_config_value(&AccountName).is_none() {
            return Err(Error::user("nothing says which storage account it is")
                .hint("set AZURE_STORAGE_ACCOUNT_NAME, or say `access: {az: {account: ...}}`"));
        }
        let known = [AccessKey, ClientSecret, FederatedTokenFile, SasKey, Token];
        let signs = known.iter().any(|key| builder.get_config_value(key).is_some());
        if access.anonymous {
            builder = builder.with_skip_signature(true);
        } else if !signs {
            return Err(no_secrets("AZURE_STORAGE_ACCOUNT_KEY", "key: {env: NAME}"));
        }
        Ok(Arc::new(builder.build().map_err(failed)?))
    }
}

fn read(project: &Path, setting: Option<&Setting>) -> Result<Option<String>> {
    setting.map(|setting| setting.read(project)).transpose()
}

fn options(endpoint: Option<&str>) -> ClientOptions {
    let in_the_open = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    ClientOptions::new().with_timeout(REQUEST_TIMEOUT).with_allow_http(in_the_open)
}

fn patience() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    }
}

fn no_secrets(variables: &str, written: &str) -> Error {
    Error::user("there is no key to get into the store with").hint(format!(
        "set {variables}, say `access` with `{written}`, or `anonymous: true` if it is open to all"
    ))
}

/// The error for what a store did not do.
pub(super) fn failed(error: object_store::Error) -> Error {
    use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
    let said = without_parameters(&error.to_string());
    match error {
        NotFound { .. } => Error::not_found("the store has no such bucket or file"),
        PermissionDenied { .. } | Unauthenticated { .. } => {
            Error::user("the store does not let us in").hint("check `access` and the environment")
        }
        _ => Error::new(ErrorKind::Unavailable, "the store does not do what it is asked")
            .hint("is it there, and are region, endpoint and bucket right?"),
    }
    .caused_by(said)
}

/// Text in which URLs have no parameters: those may be secrets.
fn without_parameters(text: &str) -> String {
    let words = text.split(' ');
    let words = words.map(|word| match word.split_once('?') {
        Some((before, _)) if word.contains("://") => before,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_urls_are_not_told() {
        let said = "Error performing GET http://a/b?sig=x in 3 s? yes";
        assert_eq!(without_parameters(said), "Error performing GET http://a/b in 3 s? yes");
    }

    #[test]
    fn paths_have_a_bucket_and_a_file() {
        let (place, key) = Place::new("s3://b/2024/*/t.csv", None).unwrap();
        assert_eq!((place.name(), key.as_str()), ("s3://b/".to_owned(), "2024/*/t.csv"));
        for wrong in ["s3://b", "s3:///t", "s3://*/t", "s3://b//t", "s3://b/t/", "s3://u:p@b/t"] {
            assert!(Place::new(wrong, None).is_err(), "{wrong}");
        }
        let other = Access::Gs(GsAccess::default());
        assert!(Place::new("s3://b/t", Some(&other)).is_err());
    }
}
