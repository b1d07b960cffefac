//! The prompt of `starhouse sql`, here or of a server. Here it asks one release, until `\r`.

mod editor;

use super::asked::Asked;
use super::failure::Failure;
use super::interrupt::{asked_to_stop, interrupted};
use super::output::{Format, OutputArgs};
use super::statements;
use super::table::headed;
use crate::engine::{SESSION_OPTIONS, TableInfo, update_of};
use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use comfy_table::Cell;
use editor::{Editor, Line};
use std::io::{self, Write};
use std::time::Instant;

const HELP: &str = "\
Statements end with a semicolon; Ctrl-C stops one, Tab completes names. SET and SHOW ALL are for
the session's options: release, time_zone, statement_timeout ...
  \\d          the tables        \\d NAME   a table's columns
  \\r          move on to the newest release
  \\x FORMAT   write answers as table, csv or json
  \\timing     tell how long statements take, or no more
  \\pager      show long tables page by page, or no more
  \\q          leave";

/// Runs the prompt.
pub(super) async fn run(asked: Asked, output: OutputArgs) -> std::result::Result<(), Failure> {
    let output = OutputArgs { paged: true, ..output };
    Prompt { asked, output, timing: true, known: None }.interactive().await
}

struct Prompt {
    asked: Asked,
    output: OutputArgs,
    timing: bool,
    /// The newest release that the user was told of.
    known: Option<ReleaseId>,
}

impl Prompt {
    async fn interactive(mut self) -> std::result::Result<(), Failure> {
        self.known = self.asked.releases().await?.map(|(own, _)| own);
        self.tell(&format!("{}; \\? helps, \\q leaves", self.asked.described()))?;
        let mut editor = Editor::new(self.names().await)?;
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
                    None => self.statements(&text, &mut editor).await,
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
    async fn statements(
        &mut self,
        text: &str,
        editor: &mut Editor,
    ) -> std::result::Result<(), Failure> {
        for statement in statements::split(text) {
            let started = Instant::now();
            let (mut asked, output) = (self.asked.clone(), self.output.clone());
            let running = statement.to_owned();
            // On a task of its own: an operator that is busy for long would not let Ctrl-C be seen.
            let mut answering = tokio::spawn(async move {
                let outcome = asked.run(&running, &output).await;
                (asked, outcome)
            });
            let outcome = tokio::select! {
                answered = &mut answering => {
                    let (asked, outcome) = answered.map_err(|error| {
                        Error::internal("the statement died").caused_by(error)
                    })?;
                    self.asked = asked;
                    outcome
                }
                () = asked_to_stop() => {
                    answering.abort();
                    return Err(interrupted().into());
                }
            };
            outcome?;
            if update_of(statement).is_some() {
                // There may be other tables now, or the same of another release.
                self.known = self.asked.releases().await?.map(|(own, _)| own);
                editor.complete(self.names().await);
            }
            if self.timing {
                self.tell(&format!("{:.3} s", started.elapsed().as_secs_f64()))?;
            }
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
            ("d", name) => {
                let tables = self.asked.tables().await?;
                let text = if name.is_empty() { list(&tables) } else { describe(&tables, name)? };
                self.tell(&text)?;
            }
            ("r", _) => {
                self.asked.move_on().await?;
                self.known = self.asked.releases().await?.map(|(own, _)| own);
                editor.complete(self.names().await);
                self.tell(&self.asked.described())?;
            }
            ("timing", "") => self.timing = self.switched("timing", self.timing)?,
            ("pager", "") => self.output.paged = self.switched("pager", self.output.paged)?,
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

    /// Turns something on or off, and says so.
    fn switched(&self, what: &str, on: bool) -> io::Result<bool> {
        self.tell(&format!("{what} is {}", if on { "off" } else { "on" }))?;
        Ok(!on)
    }

    async fn mention_newer(&mut self) -> std::result::Result<(), Failure> {
        let Some((own, latest)) = self.asked.releases().await? else { return Ok(()) };
        if self.known.is_none_or(|known| latest > known) {
            self.known = Some(latest);
            self.tell(&format!("release {latest} is out; this session asks {own}, \\r moves on"))?;
        }
        Ok(())
    }

    /// Names to complete: tables, with and without schema, columns and measures, and options.
    async fn names(&mut self) -> Vec<String> {
        // Completion is a convenience; asking will tell what is wrong with the tables.
        let tables = self.asked.tables().await.unwrap_or_default();
        let options = SESSION_OPTIONS.iter().map(|option| option.name.to_owned());
        let mut names: Vec<String> = options.collect();
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
    for (place, field) in table.schema.fields().iter().enumerate() {
        let remark = Cell::new(table.remark(place));
        columns.add_row([Cell::new(field.name()), Cell::new(field.data_type()), remark]);
    }
    Ok(format!("{}\n{columns}", table.description))
}
