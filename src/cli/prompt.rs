//! The prompt of `starhouse sql`: one release for the whole session, until `\r`.

mod editor;

use super::failure::Failure;
use super::interrupt::{asked_to_stop, interrupted};
use super::output::{Format, OutputArgs};
use super::project::{At, Project};
use super::statements;
use super::table::headed;
use crate::engine::{Session, TableInfo};
use crate::error::{Error, Result};
use crate::etl::sandbox::Sandbox;
use crate::ids::ReleaseId;
use comfy_table::Cell;
use editor::{Editor, Line};
use std::io::{self, Write};
use std::time::Instant;

const HELP: &str = "\
Statements end with a semicolon; Ctrl-C stops one, Tab completes names.
  \\d          the tables        \\d NAME   a table's columns
  \\r          move on to the newest release
  \\x FORMAT   write answers as table, csv or json
  \\q          leave";

/// Runs the prompt.
pub(super) async fn run(
    project: Project,
    session: Session,
    at: At,
    output: OutputArgs,
) -> std::result::Result<(), Failure> {
    let (known, held) = (session.release().id, at.is_held());
    let sandbox = Sandbox::new(project.engine.clone());
    Prompt { project, session, held, sandbox, output, known }.interactive().await
}

struct Prompt {
    project: Project,
    session: Session,
    /// Whether the user has asked for a release of the past.
    held: bool,
    sandbox: Sandbox,
    output: OutputArgs,
    /// The newest release that the user was told of.
    known: ReleaseId,
}

impl Prompt {
    async fn interactive(mut self) -> std::result::Result<(), Failure> {
        self.tell(&format!("release {}; \\? helps, \\q leaves", self.session.release().id))?;
        let mut editor = Editor::new(self.names())?;
        loop {
            self.mention_newer().await?;
            // Ctrl-C comes as a line while one is typed; any other signal ends the prompt.
            let (line, returned) = tokio::select! {
                read = editor.read() => read?,
                () = asked_to_stop() => return Err(interrupted().into()),
            };
            editor = returned;
            let outcome = match line {
                Line::Interrupted => continue,
                Line::End => return Ok(()),
                Line::Text(text) => match text.trim().strip_prefix('\\') {
                    Some("q") => return Ok(()),
                    Some(command) => self.command(command.trim(), &mut editor).await,
                    None => self.statements(&text).await,
                },
            };
            match outcome {
                Ok(()) => {}
                Err(Failure::Error(error)) => self.tell(&format!("error: {error}"))?,
                Err(closed) => return Err(closed),
            }
        }
    }

    /// Runs statements; Ctrl-C stops the one that runs and the rest.
    async fn statements(&mut self, text: &str) -> std::result::Result<(), Failure> {
        for statement in statements::split(text) {
            let started = Instant::now();
            let (session, output) = (self.session.clone(), self.output.clone());
            let (sandbox, held, statement) =
                (self.sandbox.clone(), self.held, statement.to_owned());
            // On a task of its own: an operator that is busy for long would not let Ctrl-C be seen.
            let mut answering = tokio::spawn(async move {
                statements::run(&sandbox, &session, held, &statement, &output).await
            });
            let changed = tokio::select! {
                answered = &mut answering => answered
                    .map_err(|error| Error::internal("the statement died").caused_by(error))??,
                () = asked_to_stop() => {
                    answering.abort();
                    return Err(interrupted().into());
                }
            };
            if changed {
                self.move_on().await?;
            }
            self.tell(&format!("{:.3} s", started.elapsed().as_secs_f64()))?;
        }
        Ok(())
    }

    async fn command(
        &mut self,
        command: &str,
        editor: &mut Editor,
    ) -> std::result::Result<(), Failure> {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        match (word, rest.trim()) {
            ("?" | "h" | "help", _) => self.tell(HELP)?,
            ("d", "") => self.tell(&list(&self.session.tables()?))?,
            ("d", name) => self.tell(&describe(&self.session.tables()?, name)?)?,
            ("r", _) => {
                self.held = false;
                self.move_on().await?;
                editor.complete(self.names());
                self.tell(&format!("release {}", self.known))?;
            }
            ("x", format) => {
                self.output.format = match format {
                    "csv" => Format::Csv,
                    "json" => Format::Json,
                    "table" => Format::Table,
                    other => {
                        let message =
                            format!("unknown format `{other}`, expected table, csv or json");
                        return Err(Error::user(message).into());
                    }
                };
            }
            _ => {
                let error = Error::user(format!("unknown command `\\{command}`"));
                return Err(error.hint("\\? lists them").into());
            }
        }
        Ok(())
    }

    /// Asks the newest release from now on.
    async fn move_on(&mut self) -> Result<()> {
        self.session = self.project.session(&At::default()).await?;
        self.known = self.session.release().id;
        Ok(())
    }

    async fn mention_newer(&mut self) -> std::result::Result<(), Failure> {
        let latest = self.project.warehouse.latest().await?.id;
        if latest > self.known {
            self.known = latest;
            let own = self.session.release().id;
            self.tell(&format!("release {latest} is out; this session asks {own}, \\r moves on"))?;
        }
        Ok(())
    }

    /// Names to complete: tables, with and without schema, and columns.
    fn names(&self) -> Vec<String> {
        // Completion is a convenience; asking will tell what is wrong with the tables.
        let tables = self.session.tables().unwrap_or_default();
        let mut names: Vec<String> = Vec::new();
        for table in &tables {
            names.push(table.name.clone());
            names.push(format!("{}.{}", table.schema_name, table.name));
            names.extend(table.schema.fields().iter().map(|field| field.name().clone()));
        }
        names.sort();
        names.dedup();
        names
    }

    fn tell(&self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{text}")
    }
}

fn list(tables: &[TableInfo]) -> String {
    let mut list = headed(["schema", "table", "what it holds"]);
    for table in tables {
        list.add_row([&table.schema_name, &table.name, &table.description]);
    }
    list.to_string()
}

fn describe(tables: &[TableInfo], name: &str) -> Result<String> {
    let named = |table: &&TableInfo| {
        table.name == name || format!("{}.{}", table.schema_name, table.name) == name
    };
    let Some(table) = tables.iter().find(named) else {
        let names = tables.iter().map(|table| table.name.as_str());
        let error = Error::not_found(format!("no table `{name}`"));
        return Err(match crate::error::did_you_mean(name, names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("\\d lists the tables"),
        });
    };
    let mut columns = headed(["column", "type", "what it means"]);
    for (field, remark) in table.schema.fields().iter().zip(&table.remarks) {
        columns.add_row([Cell::new(field.name()), Cell::new(field.data_type()), Cell::new(remark)]);
    }
    Ok(format!("{}\n{columns}", table.description))
}
