//! Long tables, page by page.

use super::output::{Format, OutputArgs};
use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, Stdio};

/// A program that shows what is written to it page by page; at once where it fits the screen.
pub(super) struct Pager(Child);

impl Pager {
    /// The pager of the user's choice, `less` where none is named; none where the answer is not for
    /// a person at a terminal, or there is no such program.
    pub(super) fn start(args: &OutputArgs) -> Option<Self> {
        if !args.paged || args.format != Format::Table || !io::stdout().is_terminal() {
            return None;
        }
        let chosen = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
        let chosen = chosen.unwrap_or_else(|| "less".to_owned());
        let mut words = chosen.split_whitespace();
        let mut command = Command::new(words.next()?);
        command.args(words).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            // Wide rows are cut, not folded; what fits the screen is left on it.
            command.env("LESS", "-SRFX");
        }
        command.spawn().ok().map(Self)
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0.stdin {
            Some(pipe) => match pipe.write(bytes) {
                // Whoever leaves the pager has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
                written => written,
            },
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0.stdin {
            Some(pipe) => match pipe.flush() {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                flushed => flushed,
            },
            None => Ok(()),
        }
    }
}

impl Drop for Pager {
    /// Waits until the user leaves it.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
