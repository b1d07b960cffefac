//! Analysts' questions, each as a cube query and as SQL with the same answer.
//!
//! A question is two files of the same name: `NN_name.yaml` holds the cube query below its title,
//! `NN_name.sql` the SQL.

use crate::error::{Error, Result};
use include_dir::{Dir, File};
use std::path::Path;

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

/// All questions of a folder, in order.
///
/// # Errors
/// Internal where a question's files do not fit together.
pub(super) fn of(files: &'static Dir<'static>) -> Result<Vec<Question>> {
    let yaml = |path: &&Path| path.extension().is_some_and(|extension| extension == "yaml");
    let mut paths: Vec<&'static Path> = files.files().map(File::path).filter(yaml).collect();
    paths.sort_unstable();
    paths.into_iter().map(|path| read(files, path).ok_or_else(|| unfit(path))).collect()
}

fn read(files: &'static Dir<'static>, path: &'static Path) -> Option<Question> {
    let text = files.get_file(path)?.contents_utf8()?;
    let (first, rest) = text.split_once('\n')?;
    Some(Question {
        name: path.file_stem()?.to_str()?,
        title: first.strip_prefix("# ")?,
        cube_query: rest,
        sql: files.get_file(path.with_extension("sql"))?.contents_utf8()?,
    })
}

fn unfit(path: &Path) -> Error {
    Error::internal("a question of the sample lacks its title or its SQL")
        .with("file", path.display())
}
