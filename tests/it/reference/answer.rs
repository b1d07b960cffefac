//! The table that answers a cube query: groups, totals, pivot, top, order.

use super::calculated::{Calculated, Choice, choices};
use super::caption::Captions;
use super::layout::laid;
use super::place::{Beside, Filter, Place, Row, Shift, columns, filters};
use super::{Reference, Value, measure};
use starhouse::model::{Cube, CubeColumn, Window};
use starhouse::query::{CubeQuery, Totals};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// A table: names and rows, in order.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// A row under way: a member a row column (`None`: aggregated away, a total), and its values.
#[derive(Clone)]
struct Line {
    members: Vec<Option<Value>>,
    /// For each name in `rows` the calculated member that stands there.
    calculated: Vec<Choice>,
    values: Vec<Value>,
    /// In a pivot, the measures by which lines go, of the line altogether.
    altogether: Vec<(String, Value)>,
    /// What each measure is elsewhere, where that is compared.
    compared: Vec<Value>,
    /// The place of its members on each axis.
    positions: Vec<usize>,
}

/// What stands across: members of the columns that show some, and which calculated ones stand there.
#[derive(Clone)]
struct Head {
    columns: Vec<CubeColumn>,
    members: Vec<Value>,
    calculated: Vec<Choice>,
}

impl Line {
    fn member(&self, index: usize) -> Value {
        self.members[index].clone().unwrap_or(Value::Null)
    }

    fn is_total(&self) -> bool {
        self.members.iter().any(Option::is_none)
    }
}

/// Combinations of members, by what they were sought for.
type Sought = HashMap<(Vec<String>, Vec<usize>, String, Shift), BTreeSet<Vec<Value>>>;

/// The question, its names resolved.
struct Asked<'a> {
    reference: &'a Reference<'a>,
    cube: &'a Cube,
    query: &'a CubeQuery,
    filters: Vec<Filter>,
    /// Which names of `rows` each grouping keeps.
    groupings: &'a BTreeSet<Vec<bool>>,
    /// The columns of each name in `rows`.
    rows: Vec<Vec<CubeColumn>>,
    /// The columns of each name in `columns`.
    across: Vec<Vec<CubeColumn>>,
    /// Sets that are shown as members.
    calculated: Vec<Calculated>,
    /// Combinations by the columns, measure and shift that they were sought for.
    sought: RefCell<Sought>,
}

pub(super) fn ask(reference: &Reference<'_>, query: &CubeQuery) -> Answer {
    let (model, cube) = (reference.model, reference.cube(&query.cube));
    let laid = laid(model, cube, query);
    let query = &laid.query;
    let resolve = |name: &String| columns(model, cube, name);
    let rows: Vec<Vec<CubeColumn>> = query.rows.iter().map(resolve).collect();
    let across: Vec<Vec<CubeColumn>> = query.columns.iter().map(resolve).collect();
    let asked = Asked {
        reference,
        cube,
        query,
        filters: filters(model, cube, query),
        groupings: &laid.groupings,
        calculated: Calculated::of(model, cube, query, &[&rows[..], &across[..]].concat()),
        rows,
        across,
        sought: RefCell::default(),
    };
    let heads = asked.heads();
    // Neither rows nor members across: there is nothing to show, not even a line.
    let is_blank = heads.is_empty() && query.rows.is_empty();
    let mut lines = if is_blank { Vec::new() } else { asked.lines(&heads) };
    lines.iter_mut().for_each(|line| asked.add_altogether(line));
    lines.retain(|line| line.is_total() || asked.admits(line));
    asked.keep_top(&mut lines);
    for (_, names) in &laid.axes {
        asked.add_positions(names, &mut lines);
    }
    lines.sort_by(|a, b| asked.order(a, b));
    let lines = lines.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX));
    let mut lines: Vec<Line> = lines.collect();
    asked.add_visible(&heads, &mut lines);
    let axes: Vec<String> = laid.axes.iter().map(|(name, _)| name.clone()).collect();
    asked.table(&heads, lines, &axes)
}

impl Asked<'_> {
    /// The row columns.
    fn columns(&self) -> Vec<CubeColumn> {
        self.rows.concat()
    }

    /// The members across the top; one empty head where nothing goes across.
    fn heads(&self) -> Vec<Head> {
        if self.across.is_empty() {
            return vec![Head { columns: Vec::new(), members: Vec::new(), calculated: Vec::new() }];
        }
        let names: Vec<usize> = (0..self.across.len()).map(|at| self.rows.len() + at).collect();
        let only = self.query.calculated_members.is_only();
        let mut heads = Vec::new();
        for calculated in choices(&self.calculated, &names, only) {
            let shown = self.across.iter().zip(&calculated).filter(|(_, own)| own.is_none());
            let shown: Vec<CubeColumn> = shown.flat_map(|(columns, _)| columns.clone()).collect();
            // What runs has members at the end of one row's period that it has not at another's.
            let columns: Vec<CubeColumn> = shown.iter().chain(&self.columns()).cloned().collect();
            let sets: Vec<usize> = calculated.iter().flatten().copied().collect();
            let members = self.combinations(&columns, &sets).into_iter();
            let members = members.map(|members| members[..shown.len()].to_vec());
            let mut members: Vec<Vec<Value>> =
                members.collect::<BTreeSet<_>>().into_iter().collect();
            members.sort_by_key(|head| {
                let own: Vec<_> = shown.iter().zip(head.iter().cloned()).collect();
                own.last().map_or(Value::Null, |_| placed(self.reference, &own))
            });
            let head =
                |members| Head { columns: shown.clone(), members, calculated: calculated.clone() };
            heads.extend(members.into_iter().map(head));
        }
        heads
    }

    /// Every combination of members that any measure has a row for, among those of calculated members.
    fn combinations(&self, of: &[CubeColumn], sets: &[usize]) -> BTreeSet<Vec<Value>> {
        let places = Calculated::places(&self.calculated, sets);
        let measures = self.query.measures.iter();
        let all = measures.flat_map(|name| {
            places.iter().flat_map(|sets| self.combinations_of(name, &None, of, sets))
        });
        all.collect()
    }

    /// Those that one measure, seen under a shift, has a row for.
    fn combinations_of(
        &self,
        name: &str,
        shift: &Shift,
        of: &[CubeColumn],
        sets: &[usize],
    ) -> BTreeSet<Vec<Value>> {
        let columns = of.iter().map(|column| column.name.clone()).collect();
        let key = (columns, sets.to_vec(), name.to_owned(), shift.clone());
        if let Some(known) = self.sought.borrow().get(&key) {
            return known.clone();
        }
        let mut found = BTreeSet::new();
        if of.is_empty() && sets.is_empty() {
            found.insert(Vec::new());
        }
        for (fact, shift, running) in measure::contexts(self.cube, name, shift) {
            // What is repeated has no rows by all that is asked.
            let columns = self.columns();
            let asked = columns.iter().chain(self.across.iter().flatten());
            let mut asked = asked.chain(self.filters.iter().map(Filter::column));
            if !asked.all(|column| self.reference.has(self.cube, &fact, column)) {
                continue;
            }
            match running {
                None => {
                    let rows = self.reference.rows(&fact, &shift);
                    let place = self.place(Vec::new(), sets);
                    for row in rows.iter().filter(|row| place.sees(row)) {
                        found.extend(row.combinations(of, &place));
                    }
                }
                Some((role, window)) => {
                    let of = (of, sets);
                    self.seen_in_windows(of, (&fact, &shift), (&role, &window), &mut found);
                }
            }
        }
        self.sought.borrow_mut().insert(key, found.clone());
        found
    }

    /// Every combination of a period's members with those of rows in its window.
    fn seen_in_windows(
        &self,
        (of, sets): (&[CubeColumn], &[usize]),
        (fact, shift): (&str, &Shift),
        (role, window): (&str, &Window),
        found: &mut BTreeSet<Vec<Value>>,
    ) {
        let time: Vec<&CubeColumn> = of.iter().filter(|column| column.role == role).collect();
        let days = self.reference.days(fact, role);
        let value = |day: &Row, column: &CubeColumn| day[&column.column.name].clone();
        let periods: BTreeSet<Vec<Value>> =
            days.iter().map(|day| time.iter().map(|c| value(day, c)).collect()).collect();
        let others = self.filters.iter().filter(|filter| filter.column().role != role);
        let others: Vec<Filter> = others.cloned().collect();
        for period in periods {
            let members = time.iter().map(|column| (*column).clone()).zip(period).collect();
            let place = Place { shift: shift.clone(), ..self.place(members, sets) };
            let seen = self.reference.windowed(fact, role, window, &place, &others);
            let Some(seen) = seen else { continue };
            let rows = self.reference.rows(fact, shift);
            for row in rows.iter().filter(|row| seen.sees(row)) {
                let own = |column: &CubeColumn| {
                    place.members.iter().find(|(known, _)| known == column).map(|(_, m)| m.clone())
                };
                found.extend(row.combinations(of, &seen).into_iter().map(|values| {
                    let cells = values.into_iter().zip(of);
                    cells.map(|(value, column)| own(column).unwrap_or(value)).collect()
                }));
            }
        }
    }

    /// A place with these members, of which some are calculated.
    fn place(&self, members: Vec<(CubeColumn, Value)>, sets: &[usize]) -> Place<'_> {
        let sets = sets.iter().map(|set| self.calculated[*set].filter.clone()).collect();
        let (shift, window, weighted, converted) = (None, None, None, None);
        let (filters, beside) = (&self.filters, Beside::default());
        Place { filters, members, sets, shift, window, weighted, converted, beside }
    }

    fn lines(&self, heads: &[Head]) -> Vec<Line> {
        let mut lines = Vec::new();
        for kept in self.groupings {
            let names: Vec<usize> = (0..kept.len()).filter(|row| kept[*row]).collect();
            for chosen in choices(&self.calculated, &names, self.query.calculated_members.is_only())
            {
                let mut calculated = vec![None; kept.len()];
                names.iter().zip(chosen).for_each(|(row, choice)| calculated[*row] = choice);
                lines.extend(self.lines_of(kept, &calculated, heads));
            }
        }
        lines
    }

    /// The lines of a grouping in which some names show one calculated member each.
    fn lines_of(&self, kept: &[bool], calculated: &[Choice], heads: &[Head]) -> Vec<Line> {
        let rows = || self.rows.iter().zip(kept).zip(calculated);
        let shown = rows().filter(|((_, kept), choice)| **kept && choice.is_none());
        let shown: Vec<CubeColumn> = shown.flat_map(|((row, _), _)| row.clone()).collect();
        let sets: Vec<usize> = calculated.iter().flatten().copied().collect();
        let mut lines = Vec::new();
        for members in self.combinations_across((&shown, &sets), heads) {
            let values = self.values((&shown, &sets), &members, heads);
            let mut members = members.into_iter();
            let members = rows().flat_map(|((row, kept), choice)| {
                let member = |_: &CubeColumn| match (kept, choice) {
                    (false, _) => None,
                    (true, Some(_)) => Some(Value::Null),
                    (true, None) => members.next(),
                };
                row.iter().map(member).collect::<Vec<_>>()
            });
            let members = members.collect();
            let (values, compared) = values;
            let line = Line {
                members,
                calculated: calculated.to_vec(),
                values,
                altogether: Vec::new(),
                compared,
                positions: Vec::new(),
            };
            lines.extend(Some(line).filter(|line| !self.is_placeholder(line)));
        }
        lines
    }

    /// Every combination of members of lines that has something across. Where calculated members stand
    /// there alone, what others have makes no line.
    fn combinations_across(
        &self,
        (shown, sets): (&[CubeColumn], &[usize]),
        heads: &[Head],
    ) -> BTreeSet<Vec<Value>> {
        let is_total = shown.is_empty() && sets.is_empty();
        if is_total || !self.query.calculated_members.is_only() {
            return self.combinations(shown, sets);
        }
        let across: BTreeSet<&[Choice]> = heads.iter().map(|head| &head.calculated[..]).collect();
        let all = across.into_iter().flat_map(|own| {
            let sets: Vec<usize> = sets.iter().chain(own.iter().flatten()).copied().collect();
            self.combinations(shown, &sets)
        });
        all.collect()
    }

    /// The calculated member that a column of a line shows.
    fn calculated_at(&self, line: &Line, index: usize) -> Choice {
        let rows = self.rows.iter().zip(&line.calculated);
        let mut by_column = rows.flat_map(|(row, choice)| vec![*choice; row.len()]);
        by_column.nth(index).unwrap()
    }

    /// Whether a subtotal is of a level that is skipped there: no finer level is shown, a coarser is.
    fn is_placeholder(&self, line: &Line) -> bool {
        let columns = self.columns();
        let roles = self
            .cube
            .dimensions
            .iter()
            .filter_map(|own| Some((&own.role, own.dimension.as_ref()?)));
        roles.into_iter().any(|(role, dimension)| {
            let hierarchies = &self.reference.model.dimension(dimension).unwrap().hierarchies;
            hierarchies.iter().any(|hierarchy| {
                let shown: Vec<(bool, bool, &Option<Value>)> = hierarchy
                    .levels
                    .iter()
                    .filter_map(|level| {
                        let is_level =
                            |c: &CubeColumn| c.role == *role && c.column.name == level.attribute;
                        let place = columns.iter().position(is_level)?;
                        let is_calculated = self.calculated_at(line, place).is_some();
                        Some((level.skippable, is_calculated, &line.members[place]))
                    })
                    .collect();
                shown.iter().enumerate().any(|(depth, (skippable, is_calculated, member))| {
                    let (coarser, finer) = (&shown[..depth], &shown[depth + 1..]);
                    *skippable
                        && !is_calculated
                        && **member == Some(Value::Null)
                        && !finer.is_empty()
                        && finer.iter().all(|(_, _, member)| member.is_none())
                        && coarser.iter().any(|(_, _, member)| member.is_some())
                })
            })
        })
    }

    /// A line's cells. In a pivot, a combination that no measure has a row for holds nothing:
    /// counts are 0, all else is NULL.
    fn values(
        &self,
        (shown, sets): (&[CubeColumn], &[usize]),
        members: &[Value],
        heads: &[Head],
    ) -> (Vec<Value>, Vec<Value>) {
        let (mut values, mut compared) = (Vec::new(), Vec::new());
        for head in heads {
            let columns: Vec<CubeColumn> = shown.iter().chain(&head.columns).cloned().collect();
            let across = head.calculated.iter().flatten();
            let sets: Vec<usize> = sets.iter().chain(across).copied().collect();
            let cells = |name: &str, shift: &Shift| {
                let cells = self.combinations_of(name, shift, &columns, &sets).into_iter();
                cells.map(|cell| columns.iter().cloned().zip(cell).collect()).collect()
            };
            let beside = Beside { cells: Some(&cells), shown: None };
            let members: Vec<Value> = members.iter().chain(&head.members).cloned().collect();
            // What is compared with may be there where nothing else is.
            let exists = !self.query.compare.is_empty()
                || self.combinations(&columns, &sets).contains(&members);
            let members: Vec<_> = columns.iter().cloned().zip(members).collect();
            let of = |sets: &[usize]| Place { beside, ..self.place(members.clone(), sets) };
            for name in &self.query.measures {
                // Of what is computed a part may have no rows.
                let value = |own: &[usize]| {
                    let cell: Vec<Value> =
                        members.iter().map(|(_, member)| member.clone()).collect();
                    match own == sets || self.combinations(&columns, own).contains(&cell) {
                        true => self.reference.value(self.cube, name, &of(own)),
                        false if self.counts(name) => Value::int(0),
                        false => Value::Null,
                    }
                };
                values.push(match exists {
                    true => Calculated::value(&self.calculated, &sets, &value),
                    false if self.counts(name) => Value::int(0),
                    false => Value::Null,
                });
            }
            if !self.query.compare.is_empty() {
                let names = self.query.measures.iter();
                compared.extend(names.map(|name| self.compared(name, &of(&sets))));
            }
        }
        (values, compared)
    }

    /// A measure where the columns of `compare` have other members.
    fn compared(&self, name: &str, place: &Place<'_>) -> Value {
        let elsewhere = CubeQuery {
            cube: self.cube.name.clone(),
            slice: self.query.compare.clone(),
            ..CubeQuery::default()
        };
        let model = self.reference.model;
        let said = self.query.compare.keys().map(|name| columns(model, self.cube, name));
        let said: Vec<CubeColumn> = said.map(|mut columns| columns.pop().unwrap()).collect();
        let stays = |column: &CubeColumn| !said.contains(column);
        let own = place.filters.iter().filter(|filter| stays(filter.column())).cloned();
        let there = filters(model, self.cube, &elsewhere);
        let there = there.into_iter().filter(|filter| said.contains(filter.column()));
        let filters: Vec<Filter> = own.chain(there).collect();
        let members = place.members.iter().filter(|(column, _)| stays(column)).cloned().collect();
        let sets = place.sets.iter().filter(|set| stays(set.column())).cloned().collect();
        let beside = Beside::default();
        let place = Place { filters: &filters, members, sets, beside, ..place.clone() };
        self.reference.value(self.cube, name, &place)
    }

    /// What stands calculated in a line, and across.
    fn sets(line: &Line, head: &Head) -> Vec<usize> {
        line.calculated.iter().chain(&head.calculated).flatten().copied().collect()
    }

    /// The place of a line, whatever goes across.
    fn place_of_line(&self, line: &Line, head: &Head, sets: &[usize]) -> Place<'_> {
        let own = self.columns().into_iter().enumerate().filter_map(|(index, column)| {
            let is_calculated = self.calculated_at(line, index).is_some();
            Some((column, line.members[index].clone().filter(|_| !is_calculated)?))
        });
        let across = head.columns.iter().cloned().zip(head.members.clone());
        self.place(own.chain(across).collect(), sets)
    }

    /// Adds to a line of a pivot what it goes by.
    fn add_altogether(&self, line: &mut Line) {
        let query = self.query;
        if query.columns.is_empty() {
            return;
        }
        let nowhere = Head { columns: Vec::new(), members: Vec::new(), calculated: Vec::new() };
        let names = query.having.keys().chain(query.order.iter().map(|order| &order.by));
        let names = names.chain(query.top.iter().map(|top| &top.by));
        for name in names.filter(|name| self.cube.measure(name).is_some()) {
            let value = |sets: &[usize]| {
                self.reference.value(self.cube, name, &self.place_of_line(line, &nowhere, sets))
            };
            let sets = Self::sets(line, &nowhere);
            let value = Calculated::value(&self.calculated, &sets, &value);
            line.altogether.push((name.clone(), value));
        }
    }

    /// Adds the place of each line's members among all of an axis.
    fn add_positions(&self, names: &Range<usize>, lines: &mut [Line]) {
        let columns = |names: &[Vec<CubeColumn>]| names.iter().map(Vec::len).sum::<usize>();
        let (first, last) = (columns(&self.rows[..names.start]), columns(&self.rows[..names.end]));
        let key = |line: &Line| self.row_key(line)[first..last].to_vec();
        let all: BTreeSet<_> = lines.iter().map(key).collect();
        for line in lines {
            let own = self.row_key(line)[first..last].to_vec();
            line.positions.push(all.iter().position(|other| *other == own).unwrap() + 1);
        }
    }

    /// Adds what each measure is of the rows shown alone.
    fn add_visible(&self, heads: &[Head], lines: &mut [Line]) {
        if !self.query.visual {
            return;
        }
        let columns = self.columns();
        let rows = lines.iter().filter(|line| !line.is_total());
        let shown: BTreeSet<Vec<Value>> =
            rows.map(|line| (0..columns.len()).map(|index| line.member(index)).collect()).collect();
        let beside = Beside { cells: None, shown: Some((&columns, &shown)) };
        for line in lines {
            for head in heads {
                let sets = Self::sets(line, head);
                let place = Place { beside, ..self.place_of_line(line, head, &sets) };
                let visible = self.query.measures.iter();
                let visible = visible.map(|name| self.reference.value(self.cube, name, &place));
                line.values.extend(visible.collect::<Vec<_>>());
            }
        }
    }

    fn counts(&self, measure: &str) -> bool {
        self.cube.measure(measure).unwrap().kind.counts()
    }

    /// Whether `having` and `non_empty` let a line through.
    fn admits(&self, line: &Line) -> bool {
        let number = |end: &serde_json::Value| Value::int(end.as_i64().unwrap());
        let within = self.query.having.iter().all(|(name, range)| {
            let value = self.sort_value(name, line);
            let from = range.from.as_ref().is_none_or(|from| value >= number(from));
            !value.is_null() && from && range.to.as_ref().is_none_or(|to| value <= number(to))
        });
        let mut measures = self.query.measures.iter().cycle().zip(&line.values);
        let is_nothing = |name: &str, value: &Value| {
            value.is_null() || (self.counts(name) && *value == Value::int(0))
        };
        let has_value = measures.any(|(name, value)| !is_nothing(name, value));
        within && (has_value || !self.query.non_empty)
    }

    /// What a name in `order` or `top` stands for.
    fn sort_value(&self, name: &str, line: &Line) -> Value {
        if let Some((_, value)) = line.altogether.iter().find(|(known, _)| known == name) {
            return value.clone();
        }
        if let Some(index) = self.query.measures.iter().position(|known| known == name) {
            return line.values[index].clone();
        }
        line.member(self.row_column(name).unwrap())
    }

    /// The row column that a name in `order` or `top` stands for, where it is none of a measure.
    fn row_column(&self, name: &str) -> Option<usize> {
        if self.cube.measure(name).is_some() {
            return None;
        }
        let wanted = columns(self.reference.model, self.cube, name).pop().unwrap();
        self.columns().iter().position(|column| *column == wanted)
    }

    /// All that tells the members of a row apart: a level's key as well as what is shown.
    fn member_values(&self, name: &str, line: &Line) -> Vec<Value> {
        let asked = self.query.rows.iter().find(|row| {
            let columns = columns(self.reference.model, self.cube, row);
            *row == name || columns.last().is_some_and(|shown| shown.name == name)
        });
        let wanted = columns(self.reference.model, self.cube, asked.map_or(name, String::as_str));
        let place = |wanted| self.columns().iter().position(|column| column == wanted).unwrap();
        wanted.iter().map(|wanted| line.member(place(wanted))).collect()
    }

    /// Keeps the best members; ties fall to the row columns' order unless they are wanted. Totals
    /// stay.
    fn keep_top(&self, lines: &mut Vec<Line>) {
        let Some(top) = &self.query.top else { return };
        let all = lines.clone();
        // A calculated member stands beside the best, unless they are the best within it.
        let is_beside = |line: &Line| {
            let mut rows = line.calculated.iter().zip(&self.query.rows);
            rows.any(|(choice, row)| choice.is_some() && !top.per.contains(row))
        };
        lines.retain(|line| {
            let place = |line: &Line| -> Vec<Value> {
                top.per.iter().flat_map(|name| self.member_values(name, line)).collect()
            };
            let better = all.iter().filter(|other| {
                let ahead = directed(
                    &self.sort_value(&top.by, other),
                    &self.sort_value(&top.by, line),
                    !top.bottom,
                );
                let ahead =
                    if top.with_ties { ahead } else { ahead.then(self.by_rows(other, line)) };
                !other.is_total()
                    && other.calculated == line.calculated
                    && place(other) == place(line)
                    && ahead == Ordering::Less
            });
            line.is_total() || is_beside(line) || better.count() < top.n
        });
    }

    /// The stated order: what the query says, else best first within `top.per`; then the row
    /// columns, each total after its members.
    fn order(&self, a: &Line, b: &Line) -> Ordering {
        let mut order = Ordering::Equal;
        let by = |name: &str, descending: bool| {
            let place = |line: &Line| match self.row_column(name) {
                Some(index) => self.place_of(line, index),
                None => Value::Null,
            };
            directed(&place(a), &place(b), descending).then(directed(
                &self.sort_value(name, a),
                &self.sort_value(name, b),
                descending,
            ))
        };
        for key in &self.query.order {
            order = order.then(by(&key.by, key.descending));
        }
        if let (Some(top), true) = (&self.query.top, self.query.order.is_empty()) {
            for name in &top.per {
                order = order.then(by(name, false));
            }
            let totals = |line: &Line| line.members.iter().map(Option::is_none).collect::<Vec<_>>();
            order = order.then(totals(a).cmp(&totals(b)));
            order = order.then(a.calculated.cmp(&b.calculated));
            order = order.then(by(&top.by, !top.bottom));
        }
        order.then(self.by_rows(a, b))
    }

    /// By the row columns in turn, ascending, a total after the members it is of.
    fn by_rows(&self, a: &Line, b: &Line) -> Ordering {
        self.row_key(a).cmp(&self.row_key(b))
    }

    /// By what a line is ordered, for each row column.
    fn row_key(&self, line: &Line) -> Vec<(bool, Choice, Value, Value)> {
        let members = line.members.iter().enumerate();
        let member = |(index, member): (usize, &Option<Value>)| {
            let calculated = self.calculated_at(line, index);
            (member.is_none(), calculated, self.place_of(line, index), line.member(index))
        };
        members.map(member).collect()
    }

    /// The place of a member that goes by another column: the first of all members shown so.
    fn place_of(&self, line: &Line, index: usize) -> Value {
        let mut start = 0;
        let row = self.rows.iter().find(|row| {
            start += row.len();
            index < start
        });
        let row = row.unwrap();
        let own: Vec<(&CubeColumn, Value)> =
            row.iter().zip(start - row.len()..).map(|(own, at)| (own, line.member(at))).collect();
        placed(self.reference, &own)
    }

    /// The names in `rows` beside whose members calculated ones stand, each with its last column.
    fn marked(&self) -> impl Iterator<Item = (usize, usize)> {
        let last = |name: usize| self.rows[..=name].iter().map(Vec::len).sum::<usize>() - 1;
        let has = |name: &usize| self.calculated.iter().any(|own| own.name_index == *name);
        (0..self.rows.len()).filter(has).map(move |name| (name, last(name)))
    }

    /// What stands above a column across.
    fn caption(&self, head: &Head) -> String {
        let mut members = head.members.iter();
        let mut captions = Vec::new();
        for (columns, choice) in self.across.iter().zip(&head.calculated) {
            match choice {
                Some(set) => captions.push(self.calculated[*set].name.clone()),
                None => captions.extend(columns.iter().map(|_| match members.next().unwrap() {
                    Value::Null => "(none)".to_owned(),
                    member => member.to_string(),
                })),
            }
        }
        captions.join(" / ")
    }

    fn table(&self, heads: &[Head], lines: Vec<Line>, axes: &[String]) -> Answer {
        let with_totals = self.query.totals != Totals::None || self.groupings.len() > 1;
        let columns = self.columns();
        let captions = Captions::of(self.cube, self.query);
        let mut names = captions.headings(&self.query.rows, &self.rows);
        if with_totals {
            names.extend(columns.iter().map(|column| format!("{}_is_total", column.name)));
        }
        names
            .extend(self.marked().map(|(_, last)| format!("{}_is_calculated", columns[last].name)));
        names.extend(axes.iter().map(|axis| format!("{axis}_position")));
        let mut cells: Vec<String> = Vec::new();
        for head in heads {
            for measure in &self.query.measures {
                let caption = self.caption(head);
                let name = format!("{caption} {measure}").trim_start().to_owned();
                let again = names.iter().filter(|known| known.starts_with(&name)).count();
                let name = if again == 0 { name } else { format!("{name} ({})", again + 1) };
                let heading = captions.heading(None, &name, &names);
                names.push(heading);
                cells.push(name);
            }
        }
        let visible = cells.iter().filter(|_| self.query.visual);
        names.extend(visible.map(|name| format!("{name}_visible")));
        for cell in cells.iter().filter(|_| !self.query.compare.is_empty()) {
            names.extend(["compared", "change", "growth"].map(|more| format!("{cell}_{more}")));
        }
        let rows = lines.into_iter().map(|mut line| {
            let member = |index: usize| {
                captions.member(self.reference.data, &columns[index], line.member(index))
            };
            let mut row: Vec<Value> = (0..columns.len()).map(member).collect();
            for (name, last) in self.marked() {
                row[last] = match (line.calculated[name], &row[last]) {
                    (Some(set), _) => Value::text(&self.calculated[set].name),
                    (None, Value::Null) => Value::Null,
                    (None, member) => Value::text(member.to_string()),
                };
            }
            if with_totals {
                let flags = line.members.iter().map(|member| u8::from(member.is_none()));
                row.extend(flags.map(Value::int));
            }
            let marks = self.marked().map(|(name, _)| u8::from(line.calculated[name].is_some()));
            row.extend(marks.map(Value::int));
            row.extend(line.positions.iter().map(|place| Value::int(*place as i128)));
            for (own, there) in line.values.clone().iter().zip(&line.compared) {
                let change = own.minus(there);
                let growth = change.over(there);
                line.values.extend([there.clone(), change, growth]);
            }
            row.extend(line.values);
            row
        });
        Answer { names, rows: rows.collect() }
    }
}

/// The place of a member, by the columns that tell it apart; the last is what is shown.
fn placed(reference: &Reference<'_>, own: &[(&CubeColumn, Value)]) -> Value {
    let shown = own.last().unwrap().0;
    let Some(name) = &shown.dimension else { return Value::Null };
    let mut attributes = reference.model.dimension(name).unwrap().attributes.iter();
    let attribute = attributes.find(|known| known.column.name == shown.column.name);
    let Some(by) = attribute.and_then(|known| known.order_by.as_ref()) else { return Value::Null };
    let rows = reference.data.dimensions[name].iter();
    let alike = rows.filter(|row| own.iter().all(|(c, value)| row[&c.column.name] == *value));
    alike.map(|row| row[by].clone()).min().unwrap_or(Value::Null)
}

/// NULL comes last both ways.
fn directed(a: &Value, b: &Value, descending: bool) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (false, false) if descending => b.cmp(a),
        _ => a.cmp(b),
    }
}

impl Answer {
    /// Equal as answers are: the same names, and the same rows in the same order.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.names == other.names
            && self.rows.len() == other.rows.len()
            && self.rows.iter().zip(&other.rows).all(|(row, other)| {
                row.len() == other.len() && row.iter().zip(other).all(|(a, b)| a.answers(b))
            })
    }

    /// A column by name.
    pub(crate) fn column(&self, name: &str) -> Vec<Value> {
        let index = self.names.iter().position(|known| known == name).unwrap();
        self.rows.iter().map(|row| row[index].clone()).collect()
    }
}

/// As people read it in a test.
impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.names.join(" | "))?;
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(Value::to_string).collect();
            writeln!(f, "{}", cells.join(" | "))?;
        }
        Ok(())
    }
}
