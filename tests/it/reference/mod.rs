//! The reference: cube questions answered by brute force, to hold the engine against.
//!
//! Written from the documents (the model's and the cube query's docs), in plain Rust over rows as
//! maps, and it shares no planning or execution with the engine. Slow and obvious on purpose:
//! every cell of an answer looks at every row of its fact again.
//!
//! In reading order: [`value`], [`place`] (which rows a cell sees), [`link`] (roles with several members
//! a row), [`time`] (windows of days),
//! [`measure`] (a cell), [`rank`] (a cell among others), [`rate`] (money in
//! one currency), [`followed`] (events that others follow), then [`caption`] (names in a language), [`calculated`] (sets shown as members), [`layout`] (axes) and [`answer`] (the table: groups, totals, pivot, top, order).

mod answer;
mod calculated;
mod caption;
mod expression;
mod followed;
mod layout;
mod link;
mod measure;
mod place;
mod rank;
mod rate;
mod time;
mod value;

pub(crate) use answer::Answer;
pub(crate) use place::{Data, Row};
pub(crate) use value::Value;

use place::Seen;
use starhouse::model::{Cube, Model};
use starhouse::query::CubeQuery;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A fact, and how it is moved in time.
type Scan = (String, place::Shift);

/// The evaluator over one model's data.
pub(crate) struct Reference<'a> {
    model: &'a Model,
    data: &'a Data,
    /// Facts as cubes see them, joined to their members, by fact and shift.
    seen: RefCell<HashMap<Scan, Rc<Vec<Seen>>>>,
    /// The last days of facts, by fact and role.
    last_days: RefCell<HashMap<(String, String), Value>>,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(model: &'a Model, data: &'a Data) -> Self {
        Self { model, data, seen: RefCell::default(), last_days: RefCell::default() }
    }

    /// The answer to a cube query.
    pub(crate) fn ask(&self, query: &CubeQuery) -> Answer {
        answer::ask(self, query)
    }

    fn cube(&self, name: &str) -> &'a Cube {
        self.model.cube(name).unwrap()
    }
}
