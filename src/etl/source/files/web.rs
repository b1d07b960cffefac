//! A file on a web server.
//!
//! It is fetched once, when it is looked for, and read from then on as if it lay here.

use super::Folder;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::HttpAccess;
use crate::etl::source::http::{self, Client};
use crate::etl::source::spool::{Spool, Spooled};
use crate::etl::source::{Alive, Found};
use crate::store::Input;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use url::Url;

/// The largest file, where a job does not say.
const FILE_AT_MOST_MIB: u64 = 10_240;

/// A file by its URL.
pub(super) struct Web {
    project: PathBuf,
    url: Url,
    access: HttpAccess,
    fetched: Mutex<Option<Spooled>>,
}

impl Web {
    /// # Errors
    /// User where the URL is none, or settings contradict each other.
    pub(super) fn new(project: &Path, path: &str, access: &HttpAccess) -> Result<Self> {
        let url = http::url(path)?;
        if url.path().contains('*') {
            return Err(Error::user("a web server does not list its files: a URL holds no `*`"));
        }
        http::check(access)?;
        let (project, access) = (project.to_owned(), access.clone());
        Ok(Self { project, url, access, fetched: Mutex::default() })
    }

    fn fetch(&self, alive: &mut Alive<'_>) -> Result<Spooled> {
        let secrets = Vec::new();
        let client =
            Client::new(&self.project, &self.access, &self.url, secrets, FILE_AT_MOST_MIB)?;
        let mut spool = Spool::new(self.url.path())?;
        client.download(&self.url, &mut spool, alive)?;
        spool.finish()
    }
}

impl Folder for Web {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        let fetched = match self.fetch(alive) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            fetched => fetched?,
        };
        let input = Input {
            name: self.url.to_string(),
            size_bytes: fetched.size_bytes,
            sha256: fetched.sha256.clone(),
        };
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
        Ok(vec![Found { input, modified: None }])
    }

    fn local(&self, _found: &Found, _alive: &mut Alive<'_>) -> Result<PathBuf> {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let path = fetched.as_ref().map(|fetched| fetched.path.to_path_buf());
        path.ok_or_else(|| Error::internal("a file is read before it is fetched"))
    }

    /// What was fetched stays as it is.
    fn check_unchanged(&self, _found: &Found) -> Result<()> {
        Ok(())
    }

    fn nothing_found(&self) -> Error {
        Error::not_found("the server has no such file")
            .with("url", http::without_secrets(&self.url))
    }
}
