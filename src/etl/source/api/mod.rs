//! A JSON API over HTTP: an array of objects, page after page.
//!
//! All pages are fetched when the source is looked at, into a temporary file that holds the rows
//! alone; they are read from there, as often as it takes. So the manifest is a checksum of the very
//! rows that are loaded, and of nothing else that an answer says (a request's number, the time). A
//! run that cannot fetch every page to the last fetches none.
//!
//! | file | what it knows |
//! |---|---|
//! | `paging` | which page comes next, and that it comes to an end. Pure |
//! | `value` | a value inside a document |

mod paging;
mod value;

use super::headings::Wanted;
use super::http::{self, Client};
use super::json::{Elements, Place, path};
use super::json_lines::{Each, Scanner, push_at};
use super::lines::{Line, escape_utf8};
use super::spool::{Spool, Spooled};
use super::{Alive, Bound, Found, Position, Sink, Source, headings};
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{ApiPlace, NoMore, Paging, Setting};
use crate::store::Input;
use paging::{Said, Walk};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use url::Url;

/// The largest page, where a job does not say.
const PAGE_AT_MOST_MIB: u64 = 64;

/// An API.
pub(super) struct Api {
    project: PathBuf,
    place: ApiPlace,
    columns: Wanted,
    since: Option<Bound>,
    fetched: Mutex<Option<Spooled>>,
}

impl Api {
    pub(super) fn new(project: &Path, place: &ApiPlace, columns: Wanted) -> Result<Self> {
        http::check(&place.access)?;
        if let Setting::Here(url) = &place.url {
            http::url(url)?;
        }
        for (name, value) in &place.query {
            http::secret_in_the_open("parameter", name, value)?;
            if place.paging.as_ref().is_some_and(|paging| paging.parameter() == Some(name)) {
                return Err(Error::user(format!("`query` and `paging` both say `{name}`")));
            }
        }
        if let (Some(no_more), Some(paging)) = (place.no_more, &place.paging)
            && !matches!(paging, Paging::Page(_) | Paging::Offset(_))
        {
            let word = match no_more {
                NoMore::NotFound => "not_found",
                NoMore::NoArray => "no_array",
            };
            return Err(Error::user(format!(
                "`no_more: {word}` is for pages by number or offset; this paging says itself which is the last"
            )));
        }
        if place.pages_at_most == 0 {
            return Err(Error::user("`pages_at_most` counts from 1"));
        }
        let (project, place) = (project.to_owned(), place.clone());
        Ok(Self { project, place, columns, since: None, fetched: Mutex::default() })
    }

    /// The first page's URL, what a release calls the API, and the secrets among the parameters.
    fn begin(&self) -> Result<(Url, String, Vec<String>)> {
        let mut url = http::url(&self.place.url.read(&self.project)?)?;
        let mut secrets = Vec::new();
        let mut shown = url.clone();
        for (name, value) in &self.place.query {
            let text = value.read(&self.project)?;
            url.query_pairs_mut().append_pair(name, &text);
            match value {
                Setting::Here(_) => {
                    shown.query_pairs_mut().append_pair(name, &text);
                }
                Setting::There(_) => secrets.push(text),
            }
        }
        if let (Some(parameter), Some(Bound { at_least: Some(value), .. })) =
            (&self.place.since, &self.since)
        {
            url.query_pairs_mut().append_pair(parameter, value);
        }
        Ok((url, shown.into(), secrets))
    }

    /// Fetches all rows.
    fn fetch(&self, alive: &mut Alive<'_>) -> Result<(String, Spooled)> {
        let (first, name, secrets) = self.begin()?;
        let client =
            Client::new(&self.project, &self.place.access, &first, secrets, PAGE_AT_MOST_MIB)?;
        let mut spool = Spool::new("rows")?;
        let mut walk = Walk::new(&self.place, first);
        let mut next = Some(walk.begin()?);
        while let Some(url) = next {
            let number = walk.pages() + 1;
            let at = |error: Error| error.with("from", &name).with("page", number);
            let may_end = |no_more| number > 1 && self.place.no_more == Some(no_more);
            let page = match client.page(&url, alive) {
                Err(error) if error.kind() == ErrorKind::NotFound && may_end(NoMore::NotFound) => {
                    break;
                }
                Err(error) if error.kind() == ErrorKind::NotFound && number > 1 => {
                    return Err(at(Error::data("a page leads to one that is not there")
                        .caused_by(error.to_string())));
                }
                page => page?,
            };
            let rows = self.keep(&page.body, may_end(NoMore::NoArray), &mut spool).map_err(at)?;
            let said = Said { rows, body: &page.body, links: &page.links, url: &page.url };
            next = walk.next(&said).map_err(at)?;
        }
        Ok((name, spool.finish()?))
    }

    /// Adds the rows of a page to the file, each behind its length, and counts them.
    fn keep(&self, body: &[u8], may_lack: bool, spool: &mut Spool) -> Result<u64> {
        if body.is_empty() {
            return Ok(0); // "no content" is an answer
        }
        let found = Elements::find(body, &path(self.place.at.as_deref()))?;
        let mut elements = match found {
            Place::Array(elements) => elements,
            // how some servers write an array without elements
            Place::Null => return Ok(0),
            Place::NoKey(_) if may_lack => return Ok(0),
            Place::NoKey(error) => return Err(error),
        };
        let mut rows = 0;
        while let Some(element) = elements.next()? {
            let text = element.text.as_bytes();
            let length = u32::try_from(text.len()).map_err(|_| Error::data("a row has no end"))?;
            spool.write(&[u8::from(element.decoded)])?;
            spool.write(&length.to_le_bytes())?;
            spool.write(text)?;
            rows += 1;
        }
        Ok(rows)
    }
}

impl Source for Api {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        let (name, fetched) = match self.fetch(alive) {
            // The API itself is not there; a page that is not is an error like any other.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            fetched => fetched?,
        };
        let (size_bytes, sha256) = (fetched.size_bytes, fetched.sha256.clone());
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
        Ok(vec![Found { input: Input { name, size_bytes, sha256 }, modified: None }])
    }

    fn nothing_found(&self) -> Error {
        let error = Error::not_found("the server has no such thing");
        match self.begin() {
            Ok((_, name, _)) => error.with("url", name),
            Err(_) => error,
        }
    }

    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        let name = &found.input.name;
        let path = {
            let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            let path = fetched.as_ref().map(|fetched| fetched.path.to_path_buf());
            path.ok_or_else(|| Error::internal("an API is read before it is fetched"))?
        };
        let file = File::open(path).map_err(lost)?;
        let read = self.read_rows(BufReader::new(file), name, sink);
        read.map_err(|error| error.with("from", name))?;
        Ok(found.input.clone())
    }

    fn since(&mut self, bound: Bound) -> Result<()> {
        if self.place.since.is_none() {
            return Err(Error::user("nothing says how the API is asked for what is new")
                .hint("say `since: PARAMETER` in `api`, the one that takes the watermark"));
        }
        self.since = Some(bound);
        Ok(())
    }
}

impl Api {
    fn read_rows(&self, mut rows: impl Read, name: &str, sink: &mut Sink<'_>) -> Result<()> {
        let each = Each::of(self.place.each.as_deref(), self.place.if_empty);
        let mut scanner = Scanner::new(self.columns.iter().map(headings::heading), each);
        let mut batch = scanner.batch(name);
        let (mut number, mut bytes_read) = (0, 0);
        while let Some((decoded, text)) = row(&mut rows).map_err(lost)? {
            number += 1;
            bytes_read += text.len() as u64 + 5;
            let text = match String::from_utf8(text) {
                Ok(text) => Cow::Owned(text),
                Err(error) => Cow::Owned(escape_utf8(error.as_bytes())),
            };
            let line = Line { number, offset: 0, text, decoded };
            // where it stood in which page, nobody remembers
            push_at(Position { line: number, offset: None }, &line, &mut scanner, &mut batch);
            if batch.is_full() {
                sink(batch.take(bytes_read).into())?;
            }
        }
        if !batch.is_empty() {
            sink(batch.take(bytes_read).into())?;
        }
        scanner.end(&self.columns, sink)
    }
}

/// The next row of the file, and whether it is text.
fn row(file: &mut impl Read) -> std::io::Result<Option<(bool, Vec<u8>)>> {
    let mut decoded = [0];
    if file.read(&mut decoded)? == 0 {
        return Ok(None);
    }
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    let mut text = vec![0; u32::from_le_bytes(length) as usize];
    file.read_exact(&mut text)?;
    Ok(Some((decoded == [1], text)))
}

fn lost(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot read back what was fetched").caused_by(error)
}
