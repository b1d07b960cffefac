//! How a command ends badly, and how that is told.

use crate::error::{Error, ErrorKind};
use crate::yaml::Faults;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something went wrong.
    Error(Error),
    /// Whoever read the output has seen enough (`starhouse sql ... | head`).
    OutputClosed,
}

impl Failure {
    /// Tells it on stderr and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Self::OutputClosed => ExitCode::SUCCESS,
            Self::Error(error) => {
                let _ = writeln!(io::stderr(), "error: {error}");
                ExitCode::from(error.exit_code())
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Error(faults.into())
    }
}

/// Errors of writing the output; files have errors of their own, with their names.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Error(
                Error::new(ErrorKind::Unavailable, "cannot write the output").caused_by(error),
            ),
        }
    }
}
