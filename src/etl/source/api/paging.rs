//! Which page comes next, and that it comes to an end.
//!
//! A server that repeats itself would be read for ever, or its rows counted twice: a page that was
//! asked for before is not asked for again, and one that says what the page before has said is an
//! error.

use super::value::value_at;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{ApiPlace, Paging};
use crate::etl::source::http::without_secrets;
use crate::etl::source::json::path;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use url::Url;

/// What a page said.
pub(super) struct Said<'a> {
    /// How many rows.
    pub(super) rows: u64,
    /// All of it.
    pub(super) body: &'a [u8],
    /// Its headers `Link`.
    pub(super) links: &'a [String],
    /// Where it came from.
    pub(super) url: &'a Url,
}

/// The way from page to page.
pub(super) struct Walk {
    paging: Option<Paging>,
    first: Url,
    pages_at_most: u64,
    pages: u64,
    rows: u64,
    /// The number of each page by what was asked for.
    asked: HashMap<[u8; 32], u64>,
    before: Option<[u8; 32]>,
}

impl Paging {
    /// The parameter that tells one page from another.
    pub(super) fn parameter(&self) -> Option<&String> {
        match self {
            Self::Page(by) => Some(&by.parameter),
            Self::Offset(by) => Some(&by.parameter),
            Self::Cursor(by) => Some(&by.parameter),
            Self::Next(_) | Self::LinkHeader => None,
        }
    }
}

impl Walk {
    pub(super) fn new(place: &ApiPlace, first: Url) -> Self {
        Self {
            paging: place.paging.clone(),
            asked: HashMap::new(),
            first,
            pages_at_most: place.pages_at_most,
            pages: 0,
            rows: 0,
            before: None,
        }
    }

    /// The first page. A numbered one is asked for by its number, as those after it are: what a
    /// server gives to who names none is its own affair.
    ///
    /// # Errors
    /// User where the URL says another number.
    pub(super) fn begin(&mut self) -> Result<Url> {
        let mut url = self.first.clone();
        if let Some(Paging::Page(by)) = &self.paging {
            let number = by.first.to_string();
            let said = url.query_pairs().find(|(name, _)| *name == by.parameter);
            if let Some((_, other)) = said.filter(|(_, said)| *said != number) {
                return Err(Error::user(format!(
                    "the URL begins with `{}={other}`, and `paging` with {number}",
                    by.parameter
                ))
                .hint("say `first` in `paging`, and leave the parameter out of the URL"));
            }
            url = with_parameter(&url, &by.parameter, &number);
        }
        self.asked.insert(digest(url.as_str().as_bytes()), 1);
        Ok(url)
    }

    /// Pages read so far.
    pub(super) fn pages(&self) -> u64 {
        self.pages
    }

    /// The page behind the one that said this; none behind the last.
    ///
    /// # Errors
    /// Data where the server leads us in a circle or elsewhere; limit where it does not stop.
    pub(super) fn next(&mut self, said: &Said<'_>) -> Result<Option<Url>> {
        self.pages += 1;
        self.rows += said.rows;
        let body = digest(said.body);
        if said.rows > 0 && self.before.replace(body) == Some(body) {
            return Err(Error::data("the server says what the page before has said")
                .hint("does it heed the parameter that `paging` names?"));
        }
        let Some(next) = self.follow(said)? else { return Ok(None) };
        if self.pages >= self.pages_at_most {
            return Err(Error::new(ErrorKind::Limit, "the server does not come to an end")
                .with("pages", self.pages)
                .hint("where there are more pages, say so: `pages_at_most`"));
        }
        match self.asked.insert(digest(next.as_str().as_bytes()), self.pages + 1) {
            Some(page) => Err(Error::data(format!("the server leads back to page {page}"))
                .hint("it would be read for ever: is `paging` what its documentation says?")),
            None => Ok(Some(next)),
        }
    }

    fn follow(&self, said: &Said<'_>) -> Result<Option<Url>> {
        let Some(paging) = &self.paging else { return Ok(None) };
        let value = |at: &str| {
            value_at(said.body, &path(Some(at))).map_err(|error| {
                Error::data("the page does not say what comes next").with("at", at).caused_by(error)
            })
        };
        let with =
            |parameter: &str, value: &str| Some(with_parameter(&self.first, parameter, value));
        let more = said.rows > 0;
        Ok(match paging {
            Paging::Page(by) if more => with(&by.parameter, &(by.first + self.pages).to_string()),
            Paging::Offset(by) if more => with(&by.parameter, &self.rows.to_string()),
            Paging::Page(_) | Paging::Offset(_) => None,
            _ if said.body.is_empty() => None,
            Paging::Cursor(by) => value(&by.at)?.and_then(|value| with(&by.parameter, &value)),
            Paging::Next(by) => {
                value(&by.at)?.map(|next| self.there(said.url, &next)).transpose()?
            }
            Paging::LinkHeader => {
                let next = said.links.iter().find_map(|header| next_link(header));
                next.map(|next| self.there(said.url, next)).transpose()?
            }
        })
    }

    /// The URL that a page calls the next, which is at the same server.
    fn there(&self, page: &Url, next: &str) -> Result<Url> {
        let wrong = || Error::data("the page's URL of the next one is none");
        let url = page.join(next).map_err(|error| wrong().caused_by(error))?;
        if url.origin() == self.first.origin() && url.username().is_empty() {
            return Ok(url);
        }
        Err(Error::data("the page leads to another server, which is not asked")
            .with("to", without_secrets(&url)))
    }
}

/// A URL with a parameter, in the place of those of that name.
fn with_parameter(url: &Url, parameter: &str, value: &str) -> Url {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| name != parameter)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(parameter, value);
    url
}

/// The target of `rel="next"` in a header `Link`: `<https://...>; rel="next", <...>; rel="last"`.
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, link)) = rest.split_once('<') {
        let (target, after) = link.split_once('>')?;
        let parameters = after.split_once('<').map_or(after, |(parameters, _)| parameters);
        let is_next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let value = value.trim().trim_end_matches(',').trim_end().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests;
