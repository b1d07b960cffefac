//! Python with the packages that peers need, in environments of their own.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A virtual environment in a folder, with the packages that a list names.
pub(crate) fn environment(folder: &Path, list: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let (python, done) = (folder.join("bin/python"), folder.join("complete"));
    let wanted = std::fs::read_to_string(list)?;
    if std::fs::read_to_string(&done).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    eprintln!("installing the peers");
    step(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--requirement"];
    step(Command::new(&python).args(install).arg(list))?;
    std::fs::write(done, wanted)?;
    Ok(python)
}

fn step(command: &mut Command) -> Result<(), Box<dyn Error>> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(format!(
            "{command:?} failed: the peers need Python 3 with venv and pip; --no-peers leaves them out"
        )
        .into()),
    }
}
