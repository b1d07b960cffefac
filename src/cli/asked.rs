//! Whom statements are sent to: the project here, or a server.

use super::failure::Failure;
use super::output::{self, OutputArgs};
use super::project::{At, Project};
use super::remote::Remote;
use crate::engine::{Engine, Session, SessionOptions, Setting, TableInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::etl::sandbox::{Sandbox, Statement};
use crate::ids::ReleaseId;
use crate::policy::Principal;
use futures::FutureExt;
use std::io::Write;
use std::sync::Arc;

/// Whom statements are sent to.
#[derive(Clone)]
pub(super) enum Asked {
    /// The project here.
    Here(Box<Here>),
    /// A server.
    There(Box<Remote>),
}

/// A session in this process, on one release until it moves on.
#[derive(Clone)]
pub(super) struct Here {
    engine: Engine,
    sandbox: Sandbox,
    session: Session,
    options: SessionOptions,
}

impl Asked {
    /// A project, on the release asked for.
    pub(super) async fn here(project: &Project, at: &At) -> Result<Self> {
        let release = project.release(at).await?;
        let own = at.is_held().then_some(release.id);
        let options = SessionOptions { release: own, ..SessionOptions::default() };
        let (engine, sandbox) = (project.engine.clone(), Sandbox::new(project.engine.clone()));
        let session = engine.session(Principal::local(), release).with_options(&options)?;
        Ok(Self::Here(Box::new(Here { engine, sandbox, session, options })))
    }

    /// Runs a statement: writes the answer of a question, says on stderr what a change did, or sets
    /// an option.
    ///
    /// # Errors
    /// Whatever the statement fails with; user where a session that is held to a release of the past
    /// would change something.
    pub(super) async fn run(
        &mut self,
        statement: &str,
        output: &OutputArgs,
    ) -> std::result::Result<(), Failure> {
        output::writable(output)?;
        match self {
            Self::Here(here) => here.run(statement, output).await,
            Self::There(remote) => remote.run(statement, output).await,
        }
    }

    /// Says on stderr where answers so far were others than base rows give, where the project wants all of
    /// them looked at again: who asks one question alone does not wait for the log.
    pub(super) async fn warn(&self) -> std::io::Result<()> {
        if let Self::Here(here) = self {
            for told in here.engine.shadow_told().await {
                writeln!(std::io::stderr(), "warning: {told}")?;
            }
        }
        Ok(())
    }

    /// The tables there are.
    pub(super) async fn tables(&mut self) -> Result<Vec<TableInfo>> {
        match self {
            Self::Here(here) => here.session.tables(),
            Self::There(remote) => remote.tables().await,
        }
    }

    /// What is asked, for people.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Here(here) => format!("release {}", here.session.release().id),
            Self::There(remote) => remote.address().to_owned(),
        }
    }

    /// Asks the newest release from now on.
    pub(super) async fn move_on(&mut self) -> std::result::Result<(), Failure> {
        match self {
            Self::Here(here) => {
                here.options.release = None;
                Ok(here.reload().await?)
            }
            Self::There(remote) => remote.update("RESET release").await.map(|_| ()),
        }
    }

    /// The release asked, and the newest, where the session stays on one until it is told to move.
    pub(super) async fn releases(&self) -> Result<Option<(ReleaseId, ReleaseId)>> {
        match self {
            Self::Here(here) => {
                let latest = here.engine.warehouse().latest().await?.id;
                Ok(Some((here.session.release().id, latest)))
            }
            Self::There(_) => Ok(None),
        }
    }
}

impl Here {
    async fn run(
        &mut self,
        statement: &str,
        output: &OutputArgs,
    ) -> std::result::Result<(), Failure> {
        let Some(limit) = self.options.statement_timeout else {
            return self.run_unlimited(statement, output).await;
        };
        // What a statement would set it sets at once, so nothing is left half-way.
        let running = self.run_unlimited(statement, output).boxed();
        match tokio::time::timeout(limit, running).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::new(ErrorKind::Limit, "the statement ran past its time limit")
                .with("statement_timeout", format!("{} s", limit.as_secs_f64()))
                .hint("SET statement_timeout to more, or to 0 for no limit")
                .into()),
        }
    }

    async fn run_unlimited(
        &mut self,
        statement: &str,
        output: &OutputArgs,
    ) -> std::result::Result<(), Failure> {
        match self.sandbox.plan(&self.session, statement).await? {
            Statement::Question(query) => output::answer(&query, output).await,
            Statement::Setting(setting) if setting.is_change() => Ok(self.set(&setting).await?),
            Statement::Setting(setting) => {
                let answer = setting.answer(&self.options, &self.session)?;
                let (schema, rows) = (answer.schema(), futures::stream::iter([Ok(answer)]));
                output::write(schema, Box::pin(rows), output).await
            }
            Statement::Change(_) if self.options.release.is_some() => {
                Err(Error::user("a session on a release of its own changes nothing")
                    .hint("leave out --release and --as-of, or RESET release")
                    .into())
            }
            Statement::Change(change) => {
                changed(self.sandbox.run(&change).await?)?;
                // It sees what it did.
                Ok(self.reload().await?)
            }
        }
    }

    async fn set(&mut self, setting: &Setting) -> Result<()> {
        let wanted = setting.applied(&self.options)?;
        if wanted.release == self.options.release {
            // The release stays, also where a newer one is out.
            let release = Arc::clone(self.session.release());
            let session = self.engine.session(Principal::local(), release);
            self.session = session.with_options(&wanted)?;
            self.options = wanted;
            return Ok(());
        }
        self.session = self.engine.session_with(Principal::local(), &wanted).await?;
        self.options = wanted;
        Ok(())
    }

    async fn reload(&mut self) -> Result<()> {
        self.session = self.engine.session_with(Principal::local(), &self.options).await?;
        Ok(())
    }
}

/// Says what a change did.
pub(super) fn changed(rows: u64) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "{rows} {}", if rows == 1 { "row" } else { "rows" })
}
