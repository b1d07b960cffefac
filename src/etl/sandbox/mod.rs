//! The sandbox: tables that users write, in SQL or out of their programs.
//!
//! ```text
//! INSERT, UPDATE ... -> taken apart (engine) -> the question whose answer the table becomes, or
//!                       takes in -> assigned to its columns -> files -> a release
//! rows of a client   -> staged ----------------^
//! ```
//!
//! A change is a release of its own: it is there whole or not at all, the past can be asked and
//! gone back to, and every other tool reads the tables as Delta tables. In a release a table of
//! the sandbox bears the prefix `sandbox_`, so that it meets no table of the model's.
//!
//! A temporary table is changed in the same way, but in memory: it is the session's and in no
//! release.

mod arrived;
mod arrow_types;
mod assign;
mod ingest;
mod question;
mod staging;
mod target;
mod temporary;
mod write;

pub use target::{IfExists, IfMissing, Target};

use self::question::Place;
use crate::engine::{self, Engine, Query, Session, Setting, Temporary, Verb};
use crate::error::{Error, Result};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Writes the tables of the sandbox, one change at a time.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    /// Held by whoever writes: changes to one table would only lose against each other.
    turn: Arc<Mutex<()>>,
}

/// What a statement asks for.
#[derive(Debug, Clone)]
pub enum Statement {
    /// An answer.
    Question(Query),
    /// A change to a table of the sandbox.
    Change(Change),
    /// An option of the session, set or shown.
    Setting(Setting),
}

/// A planned change to a table of the sandbox.
#[derive(Debug, Clone)]
pub struct Change {
    session: Session,
    asked: Arc<engine::Change>,
    /// What is asked on the release it was planned on; none where nothing need be.
    question: Option<Query>,
    /// The types of parameters that are columns' values, by name.
    types: BTreeMap<String, DataType>,
    /// Rows of values for its parameters; none before any is bound.
    rows: Option<Arc<Vec<Vec<ScalarValue>>>>,
    /// Whether the table is the session's own.
    temporary: bool,
}

impl Sandbox {
    /// The sandbox of an engine's warehouse.
    pub fn new(engine: Engine) -> Self {
        Self { engine, turn: Arc::default() }
    }

    /// Plans a statement; nothing is changed before [`run`](Self::run).
    ///
    /// # Errors
    /// As [`Session::plan_sql`]; denied where another table than one of the sandbox would change,
    /// user where the table or its columns do not fit.
    pub async fn plan(&self, session: &Session, sql: &str) -> Result<Statement> {
        if let Some(setting) = session.setting(sql)? {
            return Ok(Statement::Setting(setting));
        }
        let Some(asked) = session.change(sql)? else {
            return session.plan_sql(sql).await.map(Statement::Question);
        };
        let place = Place::of(session, &asked)?;
        let question = question::plan(session, &asked, place).await?;
        let types = question::parameter_types(session, &asked, place)?;
        let temporary = matches!(place, Place::Temporary(_));
        let (session, asked) = (session.clone(), Arc::new(asked));
        let change = Change { session, asked, question, types, rows: None, temporary };
        Ok(Statement::Change(change))
    }

    /// Makes a change, for every row of bound values, as one release, or to a temporary table; gives
    /// how many rows it inserted, changed or deleted.
    ///
    /// # Errors
    /// User where parameters have no values or the table is not what it was when the change was
    /// planned, data where a value does not fit its column; nothing has changed then.
    pub async fn run(&self, change: &Change) -> Result<u64> {
        if change.temporary {
            return temporary::run(&self.engine, change).await;
        }
        let _turn = self.turn.lock().await;
        write::run(&self.engine, change).await
    }
}

impl Statement {
    /// The parameters `$1`, `$2` ... as fields in their order.
    ///
    /// # Errors
    /// As [`Query::parameters`].
    pub fn parameters(&self) -> Result<Schema> {
        match self {
            Self::Question(query) => query.parameters(),
            Self::Change(change) => change.parameters(),
            Self::Setting(_) => Ok(Schema::empty()),
        }
    }
}

impl Change {
    /// The parameters `$1`, `$2` ... as fields in their order.
    ///
    /// # Errors
    /// As [`Query::parameters`].
    pub fn parameters(&self) -> Result<Schema> {
        let Some(question) = &self.question else { return Ok(Schema::empty()) };
        let parameters = question.parameters()?;
        let typed = parameters.fields().iter().map(|field| match self.types.get(field.name()) {
            Some(ty) => Arc::new(field.as_ref().clone().with_data_type(ty.clone())),
            None => Arc::clone(field),
        });
        Ok(Schema::new(typed.collect::<Vec<_>>()))
    }

    /// The temporary tables that it changes one of, if it does.
    pub fn temporary(&self) -> Option<&Temporary> {
        self.temporary.then(|| self.session.temporary())
    }

    /// The same change with rows of values for its parameters, in place of those bound before.
    #[must_use]
    pub fn bind(&self, rows: Vec<Vec<ScalarValue>>) -> Self {
        Self { rows: Some(Arc::new(rows)), ..self.clone() }
    }

    /// Whether it is made once for each row of values, on what the row before it left: INSERT takes them
    /// all at once, and what is neither that, UPDATE nor DELETE takes one.
    fn in_turns(&self) -> Result<Option<Vec<Self>>> {
        let repeats = matches!(self.asked.verb, Verb::Update { .. } | Verb::Delete { .. });
        let rows = self.bound()?;
        let turns = || rows.iter().map(|row| self.bind(vec![row.clone()])).collect();
        Ok((repeats && rows.len() != 1).then(turns))
    }

    /// The rows of values to make it with; one without values where it has no parameters.
    fn bound(&self) -> Result<Arc<Vec<Vec<ScalarValue>>>> {
        match &self.rows {
            Some(rows) => Ok(Arc::clone(rows)),
            None if self.parameters()?.fields().is_empty() => Ok(Arc::new(vec![Vec::new()])),
            None => Err(Error::user("the statement has parameters but no values for them")
                .hint("prepare it and bind values")),
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}
