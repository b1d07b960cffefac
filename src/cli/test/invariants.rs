//! What holds in any project: between the parts of a measure and the whole.

use super::{Cell, same};
use crate::model::{
    Additivity, Cube, CubeColumn, Fact, Measure, MeasureKind, Model, OverTime, Window,
};
use std::fmt::Write;

/// A question whose rows hold pairs of values, and how each pair must compare.
pub(super) struct Invariant {
    pub(super) name: String,
    /// Gives a label, then two values a pair.
    pub(super) sql: String,
    pairs: Vec<(String, Rule)>,
}

/// How the first value of a pair compares with the second.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Equal,
    AtLeast,
}

impl Invariant {
    /// Where it does not hold.
    pub(super) fn faults(&self, rows: &[Vec<Cell>]) -> Vec<String> {
        let mut faults = Vec::new();
        for row in rows {
            let label = row.first().cloned().flatten().unwrap_or_else(|| "NULL".to_owned());
            let values = row.get(1..).unwrap_or_default().chunks(2);
            for ((measure, rule), pair) in self.pairs.iter().zip(values) {
                let [parts, whole] = pair else { continue };
                if !holds(*rule, parts, whole) {
                    let shown = |cell: &Cell| cell.clone().unwrap_or_else(|| "NULL".to_owned());
                    let (parts, whole) = (shown(parts), shown(whole));
                    faults.push(format!("{measure}, {label}: {parts} against {whole}"));
                }
            }
        }
        faults
    }
}

fn holds(rule: Rule, parts: &Cell, whole: &Cell) -> bool {
    let number = |cell: &Cell| cell.as_ref().and_then(|text| text.parse::<f64>().ok());
    // No parts at all add up to nothing, which a count calls 0.
    let nothing = |cell: &Cell| number(cell).is_none_or(|number| number == 0.0);
    match rule {
        Rule::Equal => same(parts, whole) || (nothing(parts) && nothing(whole)),
        Rule::AtLeast => number(parts).unwrap_or(0.0) >= number(whole).unwrap_or(0.0),
    }
}

/// All invariants of a model.
pub(super) fn of(model: &Model) -> Vec<Invariant> {
    let mut found = Vec::new();
    for cube in &model.cubes {
        for name in &cube.facts {
            let Some(fact) = model.fact(name) else { continue };
            for column in coarsest(cube, fact, model) {
                found.extend(parts_and_whole(cube, fact, column));
            }
        }
        found.extend(cube.measures.iter().filter_map(|measure| to_date(cube, measure, model)));
    }
    found
}

/// One column of each of a fact's dimensions: the coarsest of its first hierarchy, else the first.
fn coarsest<'a>(cube: &'a Cube, fact: &Fact, model: &Model) -> Vec<&'a CubeColumn> {
    let column = |role: &crate::model::FactRole| {
        let dimension = model.dimension(&role.dimension)?;
        let levels = dimension.hierarchies.first().map(|hierarchy| &hierarchy.levels);
        let level = levels.and_then(|levels| levels.first()).map(|level| level.key_column());
        let first = dimension.attributes.first().map(|attribute| attribute.column.name.as_str());
        cube.role_column(&role.role, level.or(first)?)
    };
    fact.roles.iter().filter_map(column).collect()
}

/// What must hold between the members of a column and their total.
fn parts_and_whole(cube: &Cube, fact: &Fact, column: &CubeColumn) -> Option<Invariant> {
    let of_fact = cube.measures.iter().filter(|m| m.kind.fact() == Some(fact.name.as_str()));
    let pairs: Vec<(String, Rule)> = of_fact
        .filter_map(|measure| Some((measure.name.clone(), rule(measure, column)?)))
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let (cube_name, column_name) = (&cube.name, &column.name);
    let mut inner = format!("SELECT GROUPING({column_name}) AS is_total");
    let mut outer = "SELECT 'total'".to_owned();
    for (index, (measure, _)) in pairs.iter().enumerate() {
        // Writing into a string cannot fail.
        let _ = write!(inner, ", MEASURE({measure}) AS m{index}");
        let _ = write!(
            outer,
            ", SUM(CASE WHEN is_total = 0 THEN m{index} END) AS parts{index}, \
             MAX(CASE WHEN is_total = 1 THEN m{index} END) AS whole{index}"
        );
    }
    let sql = format!(
        "{outer} FROM ({inner} FROM cubes.{cube_name} GROUP BY ROLLUP ({column_name})) AS totals"
    );
    let name = format!("cube {cube_name}: parts and total of fact {} by {column_name}", fact.name);
    Some(Invariant { name, sql, pairs })
}

/// How a measure's parts by a column compare with the whole; `None` where nothing is known.
fn rule(measure: &Measure, column: &CubeColumn) -> Option<Rule> {
    match (&measure.additivity, &measure.kind) {
        (Additivity::Additive { .. }, _) => Some(Rule::Equal),
        (Additivity::SemiAdditive(role), MeasureKind::SemiAdditive { rule, .. }) => {
            let adds_up = matches!(rule, OverTime::At { .. } | OverTime::Average);
            (adds_up && column.role != *role).then_some(Rule::Equal)
        }
        (_, MeasureKind::CountDistinct { .. } | MeasureKind::Conversion { .. }) => {
            Some(Rule::AtLeast)
        }
        _ => None,
    }
}

/// A period to date is the period at its end, or as far as its facts go.
fn to_date(cube: &Cube, measure: &Measure, model: &Model) -> Option<Invariant> {
    let MeasureKind::Running { measure: of, over, window: Window::ToDate { period } } =
        &measure.kind
    else {
        return None;
    };
    let role = cube.dimensions.iter().find(|dimension| dimension.role == *over)?;
    let dimension = model.dimension(role.dimension.as_deref()?)?;
    let column = &cube.role_column(over, dimension.level(period)?.key_column())?.name;
    let (name, cube) = (&measure.name, &cube.name);
    let sql = format!(
        "SELECT {column}, MEASURE({name}), MEASURE({of}) FROM cubes.{cube} \
         WHERE {column} IS NOT NULL GROUP BY {column}"
    );
    let pairs = vec![(name.clone(), Rule::Equal)];
    Some(Invariant { name: format!("cube {cube}: {name} at the end of a {period}"), sql, pairs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Cell {
        (text != "NULL").then(|| text.to_owned())
    }

    #[test]
    fn parts_that_do_not_add_up_are_told() {
        let pairs = vec![("a".to_owned(), Rule::Equal), ("b".to_owned(), Rule::AtLeast)];
        let invariant = Invariant { name: String::new(), sql: String::new(), pairs };
        let row = |cells: [&str; 5]| vec![cells.map(cell).to_vec()];
        assert!(invariant.faults(&row(["total", "1.50", "1.5", "3", "2"])).is_empty());
        assert!(invariant.faults(&row(["total", "NULL", "0", "NULL", "0"])).is_empty());
        let faults = invariant.faults(&row(["total", "1", "2", "1", "2"]));
        assert_eq!(faults, ["a, total: 1 against 2", "b, total: 1 against 2"]);
    }
}
