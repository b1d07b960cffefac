//! Which measures add up: sums and counts, and what is computed from those by adding, subtracting and
//! multiplying by a number.
//!
//! What stands in the way is NULL. Where one part of `revenue - cost` is missing, so is the difference,
//! and a sum over members leaves out the other part, which the whole has. So such a measure is additive
//! without more ado only where its parts are missing together or never: sums of columns that are never
//! NULL are missing where there are no rows of their fact, counts are 0 there.

use super::super::{Additivity, Counted, Fact, Measure, MeasureKind, OverTime};
use super::sql;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    UnaryOperator, Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// Says of each measure how it adds up.
pub(super) fn judge(measures: &mut [Measure], facts: &[&Fact]) {
    let mut judge = Judge { measures, facts, known: BTreeMap::new() };
    let judged: Vec<Additivity> =
        (0..judge.measures.len()).map(|at| judge.additivity(at)).collect();
    for (measure, additivity) in measures.iter_mut().zip(judged) {
        measure.additivity = additivity;
    }
}

/// A measure that is linear in sums and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Linear {
    /// The facts whose rows it is of.
    facts: BTreeSet<String>,
    missing: Missing,
    /// Whether it adds up whatever is missing.
    strict: bool,
    /// Whether a row of the cube shows its part of it.
    by_row: bool,
}

/// Where it is NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Nowhere: it is 0 where its facts have no rows.
    Never,
    /// Where its fact has no rows, and nowhere else.
    WithoutRows,
    /// Elsewhere too.
    Sometimes,
}

impl Linear {
    fn of(fact: &str, missing: Missing, by_row: bool) -> Self {
        Self { facts: BTreeSet::from([fact.to_owned()]), missing, strict: true, by_row }
    }

    fn plus(self, other: Self) -> Self {
        use Missing::{Never, Sometimes, WithoutRows};
        let facts: BTreeSet<String> = self.facts.union(&other.facts).cloned().collect();
        let of_one = facts.len() == 1;
        let missing = match (self.missing, other.missing) {
            (Never, Never) => Never,
            (Never | WithoutRows, Never | WithoutRows) if of_one => WithoutRows,
            _ => Sometimes,
        };
        let strict = self.strict && other.strict && missing != Sometimes;
        // A row is of one fact, and has nothing of others.
        let by_row = self.by_row && other.by_row && of_one;
        Self { facts, missing, strict, by_row }
    }

    /// With 0 where it is NULL.
    fn or_zero(self) -> Self {
        let missing = if self.strict { Missing::Never } else { self.missing };
        Self { missing, ..self }
    }
}

struct Judge<'a> {
    measures: &'a [Measure],
    facts: &'a [&'a Fact],
    /// What is known already; nothing of what is being looked at, which is in a circle then.
    known: BTreeMap<usize, Option<Linear>>,
}

impl Judge<'_> {
    fn additivity(&mut self, at: usize) -> Additivity {
        if let Some(Measure { kind: MeasureKind::SemiAdditive { over, rule, .. }, .. }) =
            self.measures.get(at)
            && matches!(rule, OverTime::At { .. } | OverTime::Average)
        {
            return Additivity::SemiAdditive(over.clone());
        }
        match self.linear(at) {
            Some(Linear { strict: true, by_row, .. }) => Additivity::Additive { by_row },
            Some(_) => Additivity::WhereKnown,
            None => Additivity::NotAdditive,
        }
    }

    fn named(&mut self, name: &str) -> Option<Linear> {
        let at = self.measures.iter().position(|measure| measure.name == name)?;
        self.linear(at)
    }

    fn linear(&mut self, at: usize) -> Option<Linear> {
        if let Some(known) = self.known.get(&at) {
            return known.clone();
        }
        self.known.insert(at, None);
        let found = self.measures.get(at).and_then(|measure| self.of_kind(&measure.kind));
        self.known.insert(at, found.clone());
        found
    }

    fn of_kind(&mut self, kind: &MeasureKind) -> Option<Linear> {
        Some(match kind {
            MeasureKind::Sum { fact, sql, filter } => {
                let is_sure = filter.is_none() && self.is_never_null(sql, fact);
                let missing = if is_sure { Missing::WithoutRows } else { Missing::Sometimes };
                Linear::of(fact, missing, true)
            }
            MeasureKind::Count { fact, .. } => Linear::of(fact, Missing::Never, true),
            MeasureKind::Conversion { fact, counts: Counted::Events, .. } => {
                Linear::of(fact, Missing::Never, false)
            }
            MeasureKind::Calculated { sql, .. } => self.of_sql(&sql::parse(sql).ok()?)?,
            MeasureKind::Weighted { measure, .. } => {
                Linear { by_row: false, ..self.named(measure)? }
            }
            MeasureKind::Converted { measure, conversion } => {
                let of = self.named(measure)?;
                // Where a rate is missing, so is what has other amounts as well.
                Linear { by_row: false, strict: of.strict && conversion.refuses, ..of }
            }
            _ => return None,
        })
    }

    fn of_sql(&mut self, expr: &Expr) -> Option<Linear> {
        match expr {
            Expr::Nested(inner) => self.of_sql(inner),
            Expr::Identifier(name) => self.named(&sql::normalised(name)),
            Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
                self.of_sql(expr)
            }
            Expr::BinaryOp { left, op: BinaryOperator::Plus | BinaryOperator::Minus, right } => {
                let left = self.of_sql(left)?;
                Some(left.plus(self.of_sql(right)?))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Multiply, right } => {
                match (number(left), number(right)) {
                    (Some(_), None) => self.of_sql(right),
                    (None, Some(_)) => self.of_sql(left),
                    _ => None,
                }
            }
            Expr::Function(function) => match coalesced(function)?.as_slice() {
                [of, instead] if number(instead) == Some(0.0) => Some(self.of_sql(of)?.or_zero()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether every row of a fact has a value of an expression.
    fn is_never_null(&self, sql: &str, fact: &str) -> bool {
        let Some(fact) = self.facts.iter().find(|known| known.name == *fact) else { return false };
        let columns = fact.table_columns();
        let has_value = |name: &Ident| {
            let name = sql::normalised(name);
            columns.iter().any(|column| column.name == name && !column.nullable)
        };
        sql::parse(sql).is_ok_and(|expr| is_never_null(&expr, &has_value))
    }
}

fn is_never_null(expr: &Expr, has_value: &impl Fn(&Ident) -> bool) -> bool {
    match expr {
        Expr::Nested(inner) => is_never_null(inner, has_value),
        Expr::Identifier(name) => has_value(name),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            is_never_null(expr, has_value)
        }
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply,
            right,
        } => is_never_null(left, has_value) && is_never_null(right, has_value),
        Expr::Function(function) => {
            coalesced(function).is_some_and(|of| of.iter().any(|of| is_never_null(of, has_value)))
        }
        other => number(other).is_some(),
    }
}

/// A number as it is written.
fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Nested(inner) => number(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => number(expr).map(|number| -number),
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.to_string().parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// What `coalesce` is asked of; `None` where it is another function.
fn coalesced(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    if !function.name.to_string().eq_ignore_ascii_case("coalesce") {
        return None;
    }
    let of = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    of.collect()
}

#[cfg(test)]
mod tests {
    use crate::model::{Additivity, load};

    const FACTS: [&str; 4] = [
        "dimension: date\ndescription: A day.\ncalendar: {from: 2024-01-01, to: 2024-12-31}\n",
        "
fact: sales
description: What was sold.
grain: one row a line
kind: transaction
dimensions: [date]
degenerate:
  - {name: line_no, type: int32, description: The line.}
columns:
  - {name: net, type: 'decimal(12,2)', nullable: false, description: Paid.}
  - {name: cost, type: 'decimal(12,2)', nullable: false, description: What it cost.}
  - {name: discount, type: 'decimal(12,2)', description: Given where there was one.}
key: [line_no]
",
        "
fact: visits
description: Who came.
grain: one row a visit
kind: transaction
dimensions: [date]
degenerate:
  - {name: visit_no, type: int32, description: The visit.}
columns:
  - {name: spent, type: 'decimal(12,2)', nullable: false, description: What it cost us.}
key: [visit_no]
",
        "
cube: shop
description: Sales beside visits.
facts: [sales, visits]
measures:
  - {name: revenue, fact: sales, sum: net, description: Paid.}
  - {name: cost, fact: sales, sum: cost, description: What it cost.}
  - {name: given, fact: sales, sum: discount, description: Given.}
  - {name: half, fact: sales, sum: net, filter: line_no > 5, description: Of some.}
  - {name: lines, fact: sales, count: true, description: Lines.}
  - {name: dear, fact: sales, count: true, filter: net > 10, description: Dear lines.}
  - {name: visits, fact: visits, count: true, description: Visits.}
  - {name: dearest, fact: sales, max: net, description: The dearest.}
MORE",
    ];

    /// How the measures `m0`, `m1` ... that are calculated so add up.
    fn of<const N: usize>(calculated: [&str; N]) -> [Additivity; N] {
        let more = calculated.iter().enumerate();
        let more: String = more
            .map(|(at, sql)| {
                format!("  - {{name: m{at}, calculated: \"{sql}\", description: It.}}\n")
            })
            .collect();
        let files: Vec<(String, String)> = FACTS
            .iter()
            .enumerate()
            .map(|(at, text)| (format!("{at}.yaml"), text.replace("MORE", &more)))
            .collect();
        let model = load(&files).unwrap_or_else(|faults| panic!("{faults}"));
        std::array::from_fn(|at| {
            model.cubes[0].measure(&format!("m{at}")).unwrap().additivity.clone()
        })
    }

    #[test]
    fn sums_and_differences_of_what_is_missing_together_add_up() {
        let rows = Additivity::Additive { by_row: true };
        let calculated = [
            "revenue - cost",
            "-(revenue - 2 * cost)",
            "given * 0.19",
            "lines - dear",
            "revenue - lines * 3",
            "m0 - m1",
            "coalesce(half, 0) + lines",
            "coalesce(revenue - cost, 0)",
        ];
        assert_eq!(of(calculated), [(); 8].map(|()| rows.clone()));
        // A row is of sales or of visits, and has nothing of the other.
        let elsewhere = [Additivity::Additive { by_row: false }];
        assert_eq!(of(["lines + visits"]), elsewhere);
    }

    /// Of lines 1 to 3 the first has a discount: the sum of what each has of `revenue - given` is that of
    /// the first, and the whole is more.
    #[test]
    fn what_may_be_missing_beside_what_is_not_adds_up_where_it_is_there() {
        let calculated =
            ["revenue - given", "half + revenue", "given - half", "coalesce(revenue - given, 0)"];
        assert_eq!(of(calculated), [(); 4].map(|()| Additivity::WhereKnown));
        // Nobody came on a day of sales, and no line is dear when nobody buys.
        assert_eq!(of(["revenue - visits"]), [Additivity::WhereKnown]);
    }

    #[test]
    fn nothing_else_adds_up() {
        let calculated = [
            "revenue * cost",
            "revenue + 5",
            "revenue / 2",
            "dearest - 1 * revenue",
            "coalesce(revenue, 1)",
            "abs(revenue)",
            "round(revenue)",
            "CASE WHEN lines > 3 THEN revenue END",
        ];
        assert_eq!(of(calculated), [(); 8].map(|()| Additivity::NotAdditive));
    }
}
