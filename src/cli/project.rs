//! The composition root: a project's settings, model, jobs, warehouse and engine, put together.

use super::files::{self, Files};
use super::machine::{self, SystemClock};
use super::telemetry;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::engine::{Engine, EngineSettings, Session};
use crate::error::{Error, Result};
use crate::etl::jobs::Jobs;
use crate::etl::schedule::{self, Schedule};
use crate::ids::ReleaseId;
use crate::model::{self, Model};
use crate::policy::Principal;
use crate::store::{Release, Warehouse};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a project's files say, before anything is opened.
pub(crate) struct Declared {
    /// Its folder.
    pub(crate) root: PathBuf,
    /// Its settings.
    pub(crate) config: Config,
    /// Its dimensions, facts and cubes.
    pub(crate) model: Arc<Model>,
    /// Its jobs, as text.
    pub(crate) jobs: Files,
    /// Its schedules, as text.
    pub(crate) schedules: Files,
}

impl Declared {
    /// Reads and validates a project's files.
    ///
    /// # Errors
    /// Not found where the folder is no project; user errors list every fault of its settings
    /// and models.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let settings = files::text(root, config::FILE)?;
        let schemas = files::yaml(root, "schemas")?;
        if settings.is_none() && schemas.is_empty() {
            return Err(Error::not_found("no project here")
                .with("folder", root.display())
                .hint("name its folder with --project, or make one with `starhouse init`"));
        }
        let environment = |name: &str| std::env::var(name).ok();
        let config = Config::read(settings.as_deref(), environment, machine::this());
        let model = model::load(&schemas);
        let mut faults = crate::yaml::Faults::default();
        match (faults.take(config), faults.take(model)) {
            (Some(config), Some(model)) => Ok(Self {
                root: root.to_owned(),
                config,
                model: Arc::new(model),
                jobs: files::yaml(root, "etl")?,
                schedules: files::yaml(root, "schedules")?,
            }),
            _ => Err(faults.sorted().into()),
        }
    }

    /// How its engine is set.
    pub(super) fn engine_settings(&self) -> EngineSettings {
        let Config { memory_limit_bytes, threads, .. } = self.config;
        let spill_dir = self.root.join(&self.config.spill_dir);
        let defaults = EngineSettings::new(memory_limit_bytes, threads, spill_dir);
        EngineSettings {
            batch_size: self.config.batch_size,
            result_cache_bytes: self.config.result_cache_bytes,
            hot_columns_bytes: self.config.hot_columns_bytes.unwrap_or(defaults.hot_columns_bytes),
            star_scan: self.config.star_scan,
            shadow_one_in: self.config.shadow_one_in,
            automatic_aggregates: self.config.automatic_aggregates,
            ..defaults
        }
    }
}

/// An open project.
pub(crate) struct Project {
    /// What its files say.
    pub(crate) declared: Declared,
    /// Its tables and releases.
    pub(crate) warehouse: Warehouse,
    /// What answers questions about them.
    pub(crate) engine: Engine,
    /// The machine's clock.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Project {
    /// Opens a project.
    ///
    /// # Errors
    /// As [`Declared::read`]; unavailable where the warehouse cannot be opened.
    pub(crate) async fn open(root: &Path) -> Result<Self> {
        let declared = Declared::read(root)?;
        telemetry::log_to_stderr(&declared.config);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let folder = declared.root.join(&declared.config.warehouse_dir);
        let warehouse = Warehouse::open(&folder, Arc::clone(&clock)).await?;
        telemetry::trace(&declared.config, &warehouse, &clock)?;
        let engine = Engine::new(
            warehouse.clone(),
            Arc::clone(&declared.model),
            declared.engine_settings(),
            Arc::clone(&clock),
        )?;
        Ok(Self { declared, warehouse, engine, clock })
    }

    /// The local user's session on the release asked for.
    pub(crate) async fn session(&self, at: &At) -> Result<Session> {
        let release = self.release(at).await?;
        Ok(self.engine.session(Principal::local(), release))
    }

    /// The release asked for.
    pub(crate) async fn release(&self, at: &At) -> Result<Arc<Release>> {
        match (at.release, at.as_of) {
            (Some(number), _) => self.warehouse.release(ReleaseId(number)).await,
            (None, Some(moment)) => self.warehouse.release_as_of(moment).await,
            (None, None) => self.warehouse.latest().await,
        }
    }
}

/// A project's jobs, checked against its model and in order.
///
/// # Errors
/// User errors list every fault.
pub(super) fn jobs(declared: &Declared) -> Result<Jobs> {
    Ok(Jobs::load(&declared.jobs, &declared.model)?)
}

/// A project's schedules, checked against its jobs.
///
/// # Errors
/// User errors list every fault.
pub(super) fn schedules(declared: &Declared, jobs: &Jobs) -> Result<Vec<Schedule>> {
    Ok(schedule::load(&declared.schedules, jobs)?)
}

/// Which release a question is asked of; the latest where nothing is said.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct At {
    /// Ask this release instead of the latest
    #[arg(long, value_name = "N", conflicts_with = "as_of")]
    release: Option<u64>,
    /// Ask the release that was the latest then: 2025-03-31, '2025-03-31 18:00' or RFC 3339, in UTC
    #[arg(long, value_name = "TIME", value_parser = moment)]
    as_of: Option<DateTime<Utc>>,
}

impl At {
    /// A release by its number; the latest where there is none.
    pub(super) fn numbered(release: Option<u64>) -> Self {
        Self { release, as_of: None }
    }

    /// Whether a release of its own is asked for.
    pub(super) fn is_held(&self) -> bool {
        self.release.is_some() || self.as_of.is_some()
    }
}

/// A moment as people write one; a date alone is its midnight.
pub(super) fn moment(text: &str) -> std::result::Result<DateTime<Utc>, String> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let moments = formats.iter().filter_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
    let midnight = text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN));
    moments
        .chain(midnight)
        .next()
        .map(|moment| moment.and_utc())
        .ok_or_else(|| "expected a time such as 2025-03-31 or '2025-03-31 18:00'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments_as_people_write_them() {
        let cases = [
            ("2025-03-31", "2025-03-31T00:00:00+00:00"),
            ("2025-03-31 18:00", "2025-03-31T18:00:00+00:00"),
            ("2025-03-31 18:00:01.5", "2025-03-31T18:00:01.500+00:00"),
            ("2025-03-31T18:00:00+02:00", "2025-03-31T16:00:00+00:00"),
        ];
        for (text, expected) in cases {
            assert_eq!(moment(text).unwrap().to_rfc3339(), expected);
        }
        assert!(moment("yesterday").is_err());
    }
}
