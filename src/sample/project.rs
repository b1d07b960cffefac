//! The sample projects: models, jobs and questions, embedded in the binary.

use super::questions::{self, Question};
use crate::config::FILE;
use crate::error::{Error, ErrorKind, Result};
use include_dir::{Dir, include_dir};
use std::path::Path;

/// A sample project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// A retail group with stores, a web shop, a service centre and a credit card; generated.
    Retail,
    /// The Complete Journey: a year of one retailer's transactions and campaigns; fetched.
    CompleteJourney,
}

/// A sample's embedded files.
struct Files {
    settings: &'static str,
    schemas: Dir<'static>,
    jobs: Dir<'static>,
    questions: Dir<'static>,
    tests: Option<Dir<'static>>,
}

static RETAIL: Files = Files {
    settings: "\
# The sample warehouse of a retail group, made by `starhouse demo`.
# Models are in schemas/, jobs in etl/, the source systems' files in sources/, the analysts'
# questions in questions/, what `starhouse test` asks in tests/, the warehouse itself in warehouse/.
",
    schemas: include_dir!("$CARGO_MANIFEST_DIR/schemas/retail"),
    jobs: include_dir!("$CARGO_MANIFEST_DIR/etl/retail"),
    questions: include_dir!("$CARGO_MANIFEST_DIR/src/sample/retail/questions"),
    tests: Some(include_dir!("$CARGO_MANIFEST_DIR/tests/projects/retail")),
};

static COMPLETE_JOURNEY: Files = Files {
    settings: "\
# The Complete Journey as a warehouse, made by `starhouse demo --dataset complete-journey`.
# Models are in schemas/, jobs in etl/, the data set's files in sources/, the analysts'
# questions in questions/, the warehouse itself in warehouse/.
",
    schemas: include_dir!("$CARGO_MANIFEST_DIR/schemas/complete_journey"),
    jobs: include_dir!("$CARGO_MANIFEST_DIR/etl/complete_journey"),
    questions: include_dir!("$CARGO_MANIFEST_DIR/src/sample/complete_journey/questions"),
    tests: None,
};

impl Sample {
    fn files(self) -> &'static Files {
        match self {
            Self::Retail => &RETAIL,
            Self::CompleteJourney => &COMPLETE_JOURNEY,
        }
    }

    /// The questions its analysts ask, in order.
    ///
    /// # Errors
    /// Internal where a question's files do not fit together.
    pub fn questions(self) -> Result<Vec<Question>> {
        questions::of(&self.files().questions)
    }

    /// Writes its settings, models, jobs, questions and tests into a folder. Files that are there already
    /// stay as they are: whoever plays with the sample keeps their changes.
    ///
    /// # Errors
    /// User where the folder is another project; unavailable where it cannot be written.
    pub fn write(self, folder: &Path) -> Result<()> {
        let files = self.files();
        self.check_folder(folder)?;
        write_new(&folder.join(FILE), files.settings.as_bytes())?;
        write_tree(&files.schemas, &folder.join("schemas"))?;
        write_tree(&files.jobs, &folder.join("etl"))?;
        write_tree(&files.questions, &folder.join("questions"))?;
        let tests = files.tests.iter();
        tests.into_iter().try_for_each(|tests| write_tree(tests, &folder.join("tests")))
    }
}

impl Sample {
    /// Refuses a folder that holds another project: the settings, which come first, say whose it
    /// is.
    fn check_folder(self, folder: &Path) -> Result<()> {
        let Ok(settings) = std::fs::read_to_string(folder.join(FILE)) else { return Ok(()) };
        if settings.lines().next() == self.files().settings.lines().next() {
            return Ok(());
        }
        Err(Error::user("the folder holds another project")
            .with("file", folder.join(FILE).display())
            .hint("name another folder with --dir"))
    }
}

fn write_tree(tree: &Dir<'_>, folder: &Path) -> Result<()> {
    for file in tree.files() {
        write_new(&folder.join(file.path()), file.contents())?;
    }
    tree.dirs().try_for_each(|inner| write_tree(inner, folder))
}

/// Writes a file unless it exists, in one step, so that a kill leaves no half of it.
fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    write_whole(path, content)
}

/// Puts a whole file in place, whatever stood there: a reader sees the old one or the new one.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let fault = |error: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "cannot write a file of the sample")
            .with("file", path.display())
            .caused_by(error)
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    let unfinished = unfinished_name(path);
    std::fs::write(&unfinished, content).map_err(fault)?;
    std::fs::rename(&unfinished, path).map_err(fault)
}

/// The name a file bears until it is whole; no job's pattern matches it.
pub(crate) fn unfinished_name(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    path.with_file_name(name)
}
