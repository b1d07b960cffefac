//! Telling others over HTTP what becomes of schedules.
//!
//! An address is often a secret in itself: it is read when it is needed, and no log names it. What
//! cannot be delivered after a few attempts is given up, with a warning; no run waits for it.

use super::Schedule;
use super::news::News;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{Secret, Setting};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a delivery is tried.
const ATTEMPTS: u32 = 4;
/// How long after the first failure; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long an attempt may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where news of a schedule go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The address.
    pub url: Setting,
    /// What goes into the header `Authorization`.
    pub authorization: Option<Secret>,
    /// What is told.
    pub on: Vec<News>,
}

/// Delivers news, each in the background.
#[derive(Debug, Clone)]
pub struct Deliveries {
    project: PathBuf,
    client: reqwest::Client,
}

impl Deliveries {
    /// Ready to deliver.
    ///
    /// # Errors
    /// Internal where there is no TLS.
    pub fn new(project: &Path) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // An answer that sends elsewhere would take the secret with it.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::internal("no HTTP client").caused_by(error.without_url()))?;
        Ok(Self { project: project.to_owned(), client })
    }

    /// Sends news to all webhooks of a schedule that want them.
    pub fn send(&self, schedule: &Schedule, news: News, body: &Value) {
        for (index, webhook) in schedule.webhooks.iter().enumerate() {
            if !webhook.on.contains(&news) {
                continue;
            }
            let (deliveries, webhook, body) = (self.clone(), webhook.clone(), body.to_string());
            let (name, number) = (schedule.name.clone(), index + 1);
            tokio::spawn(async move {
                if let Err(error) = deliveries.deliver(&webhook, &body).await {
                    tracing::warn!(schedule = name, webhook = number, %error, "news were not delivered");
                }
            });
        }
    }

    /// Delivers, trying again a few times where that may help.
    ///
    /// # Errors
    /// What the last attempt came to; the address is not in it.
    pub async fn deliver(&self, webhook: &Webhook, body: &str) -> Result<()> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            match self.attempt(webhook, body).await {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                outcome => return outcome,
            }
        }
        Ok(())
    }

    async fn attempt(&self, webhook: &Webhook, body: &str) -> Result<()> {
        let url = match &webhook.url {
            Setting::Here(url) => url.clone(),
            Setting::There(secret) => secret.read(&self.project)?,
        };
        let mut request = self.client.post(url.trim()).body(body.to_owned());
        request = request.header("content-type", "application/json");
        if let Some(secret) = &webhook.authorization {
            request = request.header("authorization", secret.read(&self.project)?);
        }
        let answer = request.send().await.map_err(|error| {
            let may_pass = !error.is_builder();
            Error::new(ErrorKind::Unavailable, "the webhook cannot be reached")
                .retryable(may_pass)
                .caused_by(error.without_url())
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let may_pass = status.is_server_error() || status.as_u16() == 429 || status.as_u16() == 408;
        Err(Error::new(ErrorKind::Unavailable, "the webhook refused the news")
            .with("status", status.as_u16())
            .retryable(may_pass))
    }
}
