//! Who is to be erased: the keys of the member in all retained releases, and the texts by which the
//! person is known that nobody else has.

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::etl::load::quoted;
use crate::etl::rows;
use crate::model::{Column, ColumnType, Dimension, DimensionKind, Model};
use crate::policy::Principal;
use crate::store::Release;
use arrow::array::{Array, AsArray};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Texts shorter than this are not looked for in logs: too much else would look like them.
const SHORTEST_TEXT: usize = 4;

/// A member of a dimension, by its natural key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The dimension.
    pub dimension: String,
    /// The columns of its natural key, with their values.
    pub key: Vec<(String, String)>,
}

/// A member as releases know it.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    /// Its surrogate keys, of all versions.
    pub(super) keys: BTreeSet<i32>,
    /// Its rows in the dimension, of all releases that differ.
    pub(super) versions: u64,
    /// Texts that nobody else has in the same column.
    pub(super) texts: BTreeSet<String>,
}

impl Who {
    /// The dimension, once the natural key is known to be whole.
    pub(super) fn dimension<'a>(&self, model: &'a Model) -> Result<&'a Dimension> {
        let loaded = || model.dimensions.iter().filter(|d| d.kind == DimensionKind::Loaded);
        let Some(dimension) = loaded().find(|d| d.name == self.dimension) else {
            let message = format!("there is no dimension `{}` that jobs load", self.dimension);
            let error = Error::new(ErrorKind::Usage, message);
            let names: Vec<&str> = loaded().map(|dimension| dimension.name.as_str()).collect();
            return Err(match did_you_mean(&self.dimension, names.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("there are {}", names.join(", "))),
            });
        };
        let wanted: Vec<&str> = dimension.natural_key.iter().map(|c| c.name.as_str()).collect();
        let given: Vec<&str> = self.key.iter().map(|(name, _)| name.as_str()).collect();
        let whole = wanted.len() == given.len() && wanted.iter().all(|name| given.contains(name));
        if !whole {
            let form: Vec<String> = wanted.iter().map(|name| format!("{name}=VALUE")).collect();
            let message = format!("a member of `{}` is named by its natural key", dimension.name);
            return Err(
                Error::new(ErrorKind::Usage, message).hint(format!("say {}", form.join(" ")))
            );
        }
        Ok(dimension)
    }

    /// The condition of the member's rows, in a table that has the columns of the natural key.
    pub(super) fn condition(&self) -> String {
        let pairs = self
            .key
            .iter()
            .map(|(name, value)| format!("CAST({} AS VARCHAR) = {}", quoted(name), literal(value)));
        format!("({})", pairs.collect::<Vec<_>>().join(" AND "))
    }
}

/// A text as SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Finds the member in releases.
pub(super) async fn find(
    engine: &Engine,
    releases: &[Arc<Release>],
    dimension: &Dimension,
    who: &Who,
) -> Result<Person> {
    let mut person = Person::default();
    let mut looked: BTreeSet<Vec<String>> = BTreeSet::new();
    for release in releases {
        let Some(table) = release.tables.get(&dimension.table()) else { continue };
        // The same files hold the same rows.
        let files = table.files.iter().map(|file| file.sha256.clone()).collect();
        if !looked.insert(files) {
            continue;
        }
        let session =
            engine.load_session(Principal::pipeline(), Arc::clone(release), Vec::new(), None);
        let (from, of) = (format!("warehouse.{}", quoted(&dimension.table())), who.condition());
        let key = quoted(&dimension.key_column());
        let keys =
            rows::integers(&session, &format!("SELECT {key} FROM {from} WHERE {of}")).await?;
        person.versions += keys.len() as u64;
        person.keys.extend(keys);
        let texts = table.columns.iter().filter(|column| column.ty == ColumnType::Text);
        for Column { name, .. } in texts {
            let name = quoted(name);
            let sql = format!(
                "SELECT DISTINCT {name} FROM {from} WHERE {of} AND character_length({name}) >= {SHORTEST_TEXT} \
                 AND {name} NOT IN (SELECT {name} FROM {from} WHERE NOT {of} AND {name} IS NOT NULL)"
            );
            let answer = rows::answer(&session, &sql).await?;
            let column = arrow::compute::cast(answer.column(0), &arrow::datatypes::DataType::Utf8)
                .map_err(|error| Error::internal("texts are no texts").caused_by(error))?;
            let column = column.as_string::<i32>();
            let values = (0..column.len()).filter(|row| column.is_valid(*row));
            person.texts.extend(values.map(|row| column.value(row).to_owned()));
        }
    }
    Ok(person)
}

/// A text shorter than this stands in too many rows of others.
const TELLING_LETTERS: usize = 3;

/// Whether a rejected row holds the whole natural key, and that says whose it is.
pub(super) fn is_key_in(who: &Who, raw: &str) -> bool {
    // One short number says nothing.
    let tells = |(_, value): &(String, String)| value.chars().count() >= TELLING_LETTERS;
    let tells = who.key.len() > 1 || who.key.iter().any(tells);
    tells && who.key.iter().all(|(_, value)| stands_in(value, raw))
}

/// Whether a rejected row may be of the person: the part of the key that tells members of one source
/// apart, that with a digit, is a field of it. The rest may be what the job adds.
pub(super) fn may_be_of(who: &Who, raw: &str) -> bool {
    let values = || who.key.iter().map(|(_, value)| value.as_str());
    let numbered = values().filter(|value| value.contains(|c: char| c.is_ascii_digit()));
    let numbered: Vec<&str> = numbered.collect();
    let telling = if numbered.is_empty() { values().collect() } else { numbered };
    !is_key_in(who, raw) && telling.iter().all(|value| is_field(value, raw))
}

/// Whether a text is a field of a row as its source wrote it: between separators, in quotes or not.
fn is_field(text: &str, raw: &str) -> bool {
    let blank = [' ', '"', '\''];
    let begins = |before: &str| {
        let before = before.trim_end_matches(blank);
        before.is_empty() || before.ends_with([',', ';', '|', '\t', ':', '[', '\n'])
    };
    let ends = |after: &str| {
        let after = after.trim_start_matches(blank);
        after.is_empty() || after.starts_with([',', ';', '|', '\t', '}', ']', '\r', '\n'])
    };
    raw.match_indices(text).any(|(at, _)| begins(&raw[..at]) && ends(&raw[at + text.len()..]))
}

/// Whether a text stands in another by itself: not as a part of a longer word or number.
pub(super) fn stands_in(text: &str, raw: &str) -> bool {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    raw.match_indices(text).any(|(at, _)| {
        apart(raw[..at].chars().next_back()) && apart(raw[at + text.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_key_may_be_a_field_and_a_long_one_says_so() {
        let who = |key: &[(&str, &str)]| Who {
            dimension: "customer".to_owned(),
            key: key.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        };
        let seven = who(&[("id", "7")]);
        for (raw, is) in [
            ("7,Ada,x", true),
            ("x;\"7\";y", true),
            ("{\"id\": 7, \"a\": 1}", true),
            ("17,x", false),
            ("flat 7 b,x", false),
            ("2025-07-07,x", false),
        ] {
            assert!(!is_key_in(&seven, raw), "{raw}");
            assert_eq!(may_be_of(&seven, raw), is, "{raw}");
        }
        // The system is a word that the job adds.
        let known = who(&[("system", "CRM"), ("id", "1001")]);
        assert!(is_key_in(&known, "CRM,1001,x") && !may_be_of(&known, "CRM,1001,x"));
        assert!(may_be_of(&known, "A-1,1001,x") && !is_key_in(&known, "A-1,1001,x"));
        assert!(!may_be_of(&known, "CRM,1002,x"));
    }

    #[test]
    fn a_text_stands_by_itself_or_not_at_all() {
        assert!(stands_in("C-12", "crm;C-12;x"));
        assert!(stands_in("12", "12"));
        assert!(!stands_in("12", "112;123"));
        assert!(stands_in("Ärger", "a,\"Ärger\",b"));
        assert!(!stands_in("Ada", "Adam,Adalbert"));
    }
}
