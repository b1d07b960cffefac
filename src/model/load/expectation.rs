//! Expectations as written: one check each, of columns that are there.

use super::super::document::{ExpectFields, OnFailWord, Text};
use super::super::{Check, Column, ColumnType, Dimension, Expectation, Fact, OnFail};
use super::sheet::Sheet;
use super::sql::{self, Names};
use crate::yaml::{Located, Place};

/// The checks, as keys.
const CHECKS: &str = "unique, not_null, accepted, known, row_drift, sum_drift, fresh, holds, query";

/// What is expected of a dimension.
pub(super) fn of_dimension(
    fields: &[Located<ExpectFields>],
    dimension: &Dimension,
    sheet: &mut Sheet<'_>,
) -> Vec<Expectation> {
    let scope = Scope { columns: dimension.table_columns(), roles: Vec::new() };
    fields.iter().filter_map(|fields| scope.expectation(fields, sheet)).collect()
}

/// What is expected of a fact.
pub(super) fn of_fact(
    fields: &[Located<ExpectFields>],
    fact: &Fact,
    sheet: &mut Sheet<'_>,
) -> Vec<Expectation> {
    let roles = fact.roles.iter().map(|role| role.role.clone()).collect();
    let scope = Scope { columns: fact.table_columns(), roles };
    fields.iter().filter_map(|fields| scope.expectation(fields, sheet)).collect()
}

/// What an expectation may name.
struct Scope {
    columns: Vec<Column>,
    roles: Vec<String>,
}

impl Scope {
    fn expectation(
        &self,
        fields: &Located<ExpectFields>,
        sheet: &mut Sheet<'_>,
    ) -> Option<Expectation> {
        let mut checks = self.checks(fields, sheet);
        if checks.len() != 1 {
            let message = format!("an expectation is one check, found {}", checks.len());
            sheet.fault_with_hint(fields.place, message, format!("the checks are {CHECKS}"));
            return None;
        }
        let (check, place) = checks.pop()?;
        let at_most = fields.at_most.map_or(0.0, |share| share.value);
        if let Some(written) = fields.at_most {
            let of_rows =
                !matches!(check, Check::RowDrift(_) | Check::SumDrift { .. } | Check::Fresh { .. });
            if !of_rows {
                sheet.fault(
                    written.place,
                    "`at_most` is a share of rows, and this is not about rows",
                );
            } else if !(0.0..=1.0).contains(&at_most) {
                sheet.fault(written.place, "`at_most` is a share of the rows, from 0 to 1");
            }
        }
        self.judge(&check, place, sheet);
        Some(Expectation {
            check,
            at_most,
            on_fail: match fields.on_fail {
                Some(OnFailWord::Warn) => OnFail::Warn,
                Some(OnFailWord::Stop) | None => OnFail::Stop,
            },
            description: fields.description.as_ref().map(|t| t.value.clone()).unwrap_or_default(),
        })
    }

    /// The checks that an entry has, and where.
    fn checks(&self, fields: &ExpectFields, sheet: &mut Sheet<'_>) -> Vec<(Check, Place)> {
        let mut checks = Vec::new();
        for (list, check) in [
            (&fields.unique, Check::Unique as fn(Vec<String>) -> Check),
            (&fields.not_null, Check::NotNull),
        ] {
            let Some(list) = list else { continue };
            let names = list.value.iter().map(|name| self.column(name, sheet)).collect();
            checks.push((check(names), list.place));
        }
        if let Some(accepted) = &fields.accepted {
            let values = accepted.values.iter().map(|value| value.value.clone()).collect();
            let column = self.column(&accepted.column, sheet);
            checks.push((Check::Accepted { column, values }, accepted.place));
        }
        if let Some(role) = &fields.known {
            if !self.roles.contains(&role.value) {
                let roles: Vec<&str> = self.roles.iter().map(String::as_str).collect();
                sheet.unknown("role", role, &roles);
            }
            checks.push((Check::Known(role.value.clone()), role.place));
        }
        if let Some(share) = fields.row_drift {
            checks.push((Check::RowDrift(share.value), share.place));
        }
        if let Some(drift) = &fields.sum_drift {
            let column = self.column(&drift.column, sheet);
            checks.push((Check::SumDrift { column, share: drift.share }, drift.place));
        }
        if let Some(fresh) = &fields.fresh {
            let column = self.column(&fresh.column, sheet);
            let check = Check::Fresh { column, within_hours: fresh.within_hours };
            checks.push((check, fresh.place));
        }
        if let Some(condition) = &fields.holds {
            let names = self.columns.iter().map(|column| (column.name.as_str(), Some(column.ty)));
            let names = Names { what: "column", names: names.collect() };
            sql::scalar(condition, &names, sheet);
            checks.push((Check::Holds(condition.value.clone()), condition.place));
        }
        if let Some(query) = &fields.query {
            checks.push((Check::Query(query.value.clone()), query.place));
        }
        checks
    }

    fn column(&self, name: &Text, sheet: &mut Sheet<'_>) -> String {
        // Where columns had to be left out, an unknown name is an echo.
        if sheet.sound && self.find(&name.value).is_none() {
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            sheet.unknown("column", name, &names);
        }
        name.value.clone()
    }

    fn find(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether a check can be met at all.
    fn judge(&self, check: &Check, place: Place, sheet: &mut Sheet<'_>) {
        match check {
            Check::Unique(names) | Check::NotNull(names) if names.is_empty() => {
                sheet.fault(place, "expected one column or more");
            }
            Check::Accepted { values, .. } if values.is_empty() => {
                sheet.fault(place, "`accepted` has no `values`");
            }
            Check::RowDrift(share) | Check::SumDrift { share, .. } if *share < 0.0 => {
                sheet.fault(place, "a drift is a share, not negative");
            }
            Check::SumDrift { column, .. } => {
                self.typed(column, place, "a number", ColumnType::is_numeric, sheet);
            }
            Check::Fresh { column, .. } => {
                let is_moment = |ty| matches!(ty, ColumnType::Date | ColumnType::Timestamp);
                self.typed(column, place, "a date or timestamp", is_moment, sheet);
            }
            _ => {}
        }
    }

    fn typed(
        &self,
        name: &str,
        place: Place,
        expected: &str,
        fits: impl Fn(ColumnType) -> bool,
        sheet: &mut Sheet<'_>,
    ) {
        if let Some(column) = self.find(name).filter(|column| !fits(column.ty)) {
            let message = format!("column `{name}` is {}, expected {expected}", column.ty);
            sheet.fault(place, message);
        }
    }
}
