//! Questions whose answer is the same to the byte whenever they are asked of a release: what mining
//! tools learn from must be there again when a model is looked into.
//!
//! Such a question reads only what releases hold, by functions that always give the same; its rows come
//! in the order of a key, and one partition answers it from base rows, so that even the last digit of
//! a sum of doubles does not depend on which thread was first.

use super::ready::Ready;
use super::sql::{self, StarhouseDialect};
use super::{Query, Session};
use crate::error::{Error, Result, did_you_mean};
use chrono::NaiveDate;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use std::sync::Arc;

/// What stands in a question for the date that it is about.
const AS_OF: &str = "$as_of";

/// A question whose answer is the same whenever it is asked.
#[derive(Debug, Clone)]
pub struct Repeatable {
    /// The question.
    pub query: Query,
    /// The columns by which its rows come in order.
    pub key: Vec<String>,
}

impl Session {
    /// Plans a question whose answer is the same to the byte whenever it is asked of this release. Its
    /// rows come in the order of a key: of the first column where none is named. `$as_of` in it is
    /// a date.
    ///
    /// # Errors
    /// As [`plan_sql`](Self::plan_sql); user errors where the answer would not be the same, and where the
    /// date or the key is not that of the question.
    pub async fn plan_repeatable(
        &self,
        sql: &str,
        as_of: Option<NaiveDate>,
        key: &[String],
    ) -> Result<Repeatable> {
        let sql = dated(sql, as_of)?;
        let session = self.with_aggregates(false);
        let plain = session.plan_sql(&sql).await?;
        check(plain.ready())?;
        let (places, schema) = (places(&plain, key)?, plain.schema());
        // Within another question its columns are called otherwise than it heads them.
        let inner = plain.ready().plan.schema();
        let order = places.iter().map(|place| sql::quoted(inner.field(*place).name()));
        let order: Vec<String> = order.collect();
        let key = places.iter().map(|place| schema.field(*place).name().clone()).collect();
        // A comment may end the question.
        let ordered = format!("SELECT * FROM ({sql}\n) AS answer ORDER BY {}", order.join(", "));
        let query = session.plan_sql(&ordered).await?;
        let (is_small, operators) = (true, Arc::default());
        let ready = Ready { is_small, operators, schema, ..query.ready().clone() };
        Ok(Repeatable { query: query.with(query.parsed().clone(), ready), key })
    }
}

/// The question with the date in place of `$as_of`.
fn dated(sql: &str, as_of: Option<NaiveDate>) -> Result<String> {
    // As it is written: what stands in quotes is not read.
    let tokens = Tokenizer::new(&StarhouseDialect, sql).with_unescape(false).tokenize();
    let tokens = tokens.map_err(|error| Error::user(error.to_string()))?;
    let is_date = |token: &Token| matches!(token, Token::Placeholder(name) if name == AS_OF);
    match (tokens.iter().any(is_date), as_of) {
        (false, None) => Ok(sql.to_owned()),
        (true, Some(date)) => {
            let written = tokens.iter().map(|token| match is_date(token) {
                true => format!("DATE '{date}'"),
                false => token.to_string(),
            });
            Ok(written.collect())
        }
        (true, None) => Err(Error::user("the question asks `$as_of`, and no date is given")
            .hint("say which with --as-of, as 2025-06-30")),
        (false, Some(date)) => {
            Err(Error::user(format!("the question does not ask `$as_of`, so {date} means nothing"))
                .hint("write `$as_of` where it is about the date, as in `sold_on <= $as_of`"))
        }
    }
}

/// Refuses what would be another answer another time.
fn check(ready: &Ready) -> Result<()> {
    let refused = if ready.explain {
        ("the question explains a plan, and has no answer of its own", "leave `EXPLAIN` out")
    } else if ready.unbound {
        ("the question has parameters without values", "only `$as_of` has one")
    } else if ready.asks_the_time {
        (
            "the question asks what time it is: its answer would be another tomorrow",
            "`$as_of` is the date given with --as-of",
        )
    } else if !ready.repeats {
        (
            "the answer would be another when it is asked again: it is not of the release's tables alone",
            "read the schemas warehouse, cubes and sandbox, and leave random() and the like out",
        )
    } else {
        return Ok(());
    };
    Err(Error::user(refused.0).hint(refused.1))
}

/// The places of the key's columns in the answer.
fn places(query: &Query, key: &[String]) -> Result<Vec<usize>> {
    let schema = query.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let place = |name: &String| {
        if let Some(place) = names.iter().position(|own| own == name) {
            return Ok(place);
        }
        let error = Error::user(format!("the answer has no column `{name}` to be its key"));
        Err(match did_you_mean(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("it has {}", names.join(", "))),
        })
    };
    match key {
        [] => Ok((0..names.len()).take(1).collect()),
        key => key.iter().map(place).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::dated;

    #[test]
    fn a_date_stands_where_it_is_asked_and_nowhere_else() {
        let date = Some("2025-06-30".parse().unwrap());
        let sql =
            "SELECT '$as_of', 'it''s', \"a\"\"b\" -- $as_of\nFROM t WHERE day <= $as_of /* ; */";
        let expected = "SELECT '$as_of', 'it''s', \"a\"\"b\" -- $as_of\nFROM t WHERE day <= DATE '2025-06-30' /* ; */";
        assert_eq!(dated(sql, date).unwrap(), expected);
        assert_eq!(dated("SELECT 1", None).unwrap(), "SELECT 1");
        assert!(dated("SELECT 1", date).unwrap_err().to_string().contains("2025-06-30"));
        assert!(dated(sql, None).unwrap_err().to_string().contains("--as-of"));
    }
}
