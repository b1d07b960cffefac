//! Lines from the terminal: history, completion of names, statements over several lines.

use super::super::failure::Failure;
use super::super::statements;
use crate::error::{Error, ErrorKind, Result};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use std::path::PathBuf;

/// What came from the terminal.
pub(super) enum Line {
    /// Statements or a command.
    Text(String),
    /// Ctrl-C: whatever was typed is forgotten.
    Interrupted,
    /// Ctrl-D.
    End,
}

/// The editor; reading blocks, so it goes to a thread of its own and comes back.
pub(super) struct Editor {
    editor: rustyline::Editor<Names, FileHistory>,
    history: Option<PathBuf>,
}

impl Editor {
    pub(super) fn new(names: Vec<String>) -> Result<Self> {
        let mut editor = rustyline::Editor::new().map_err(unusable)?;
        editor.set_helper(Some(Names(names)));
        let history = history_file();
        if let Some(path) = &history {
            // The first session has no history yet.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// Completes other names from now on.
    pub(super) fn complete(&mut self, names: Vec<String>) {
        self.editor.set_helper(Some(Names(names)));
    }

    /// The next line.
    pub(super) async fn read(mut self) -> std::result::Result<(Line, Self), Failure> {
        let reading = tokio::task::spawn_blocking(move || {
            let line = self.editor.readline("starhouse> ");
            (line, self)
        });
        let (line, mut editor) =
            reading.await.map_err(|error| Error::internal("the prompt died").caused_by(error))?;
        let line = match line {
            Ok(text) => {
                editor.remember(&text);
                Line::Text(text)
            }
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(ReadlineError::Eof) => Line::End,
            Err(error) => return Err(unusable(error).into()),
        };
        Ok((line, editor))
    }

    fn remember(&mut self, text: &str) {
        // A history that cannot be kept is no reason to stop.
        let _ = self.editor.add_history_entry(text.trim());
        if let Some(path) = &self.history {
            if let Some(folder) = path.parent() {
                let _ = std::fs::create_dir_all(folder);
            }
            let _ = self.editor.save_history(path);
        }
    }
}

fn unusable(error: ReadlineError) -> Error {
    Error::new(ErrorKind::Unavailable, "the terminal cannot be read").caused_by(error)
}

fn history_file() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = variable("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")))?;
    Some(state.join("starhouse").join("history"))
}

/// Names to complete, sorted.
struct Names(Vec<String>);

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..position).unwrap_or_default();
        let outside = |c: char| !c.is_alphanumeric() && c != '_' && c != '.';
        let start = typed.rfind(outside).map_or(0, |at| {
            at + typed.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
        });
        let word = typed.get(start..).unwrap_or_default().to_lowercase();
        let fitting = self.0.iter().filter(|name| !word.is_empty() && name.starts_with(&word));
        Ok((start, fitting.cloned().collect()))
    }
}

impl Validator for Names {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let complete = text.trim_start().starts_with('\\') || statements::is_complete(text);
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {}

impl Helper for Names {}
