//! The analysts' ten questions, each as a cube query and as SQL with the same answer.
//!
//! A question is two files of the same name: `NN_name.yaml` holds the cube query below its title,
//! `NN_name.sql` the SQL. "This year" is 2025, "last year" 2024.

use crate::error::{Error, Result};
use include_dir::{Dir, include_dir};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/sample/retail/questions");

/// A question of an analyst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Its file name without ending: `01_top_store`.
    pub name: &'static str,
    /// The question in words.
    pub title: &'static str,
    /// The cube query as YAML, without the title.
    pub cube_query: &'static str,
    /// The same in SQL.
    pub sql: &'static str,
}

/// All questions, in order.
///
/// # Errors
/// Internal where a question's files do not fit together.
pub fn all() -> Result<Vec<Question>> {
    let mut paths: Vec<_> =
        FILES.files().map(include_dir::File::path).filter(|path| ends_with(path, "yaml")).collect();
    paths.sort_unstable();
    paths.into_iter().map(|path| read(path).ok_or_else(|| unfit(path))).collect()
}

/// The files themselves, for a project's folder: name and content.
pub(crate) fn files() -> impl Iterator<Item = (&'static std::path::Path, &'static [u8])> {
    FILES.files().map(|file| (file.path(), file.contents()))
}

fn ends_with(path: &std::path::Path, ending: &str) -> bool {
    path.extension().is_some_and(|extension| extension == ending)
}

fn read(path: &'static std::path::Path) -> Option<Question> {
    let text = FILES.get_file(path)?.contents_utf8()?;
    let (first, rest) = text.split_once('\n')?;
    Some(Question {
        name: path.file_stem()?.to_str()?,
        title: first.strip_prefix("# ")?,
        cube_query: rest,
        sql: FILES.get_file(path.with_extension("sql"))?.contents_utf8()?,
    })
}

fn unfit(path: &std::path::Path) -> Error {
    Error::internal("a question of the sample lacks its title or its SQL")
        .with("file", path.display())
}
