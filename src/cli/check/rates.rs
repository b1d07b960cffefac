//! Whether every amount that a cube converts has a rate.

use super::proofs::{Proof, Rows, sql_name};
use crate::model::{
    Conversion, Cube, Dimension, Fact, FactRole, Measure, MeasureKind, Model, RateAt,
};

/// The amounts of each measure that is converted have rates; where they have none, which currencies
/// lack how many, and from when to when.
pub(super) fn of(cube: &Cube, model: &Model, proofs: &mut Vec<Proof>) {
    for measure in &cube.measures {
        let MeasureKind::Converted { conversion, .. } = &measure.kind else { continue };
        for amount in amounts(cube, measure) {
            let proof = proof(cube, measure, amount, conversion, model);
            proofs.extend(proof);
        }
    }
}

/// The measures whose rows' amounts are converted for another.
fn amounts<'m>(cube: &'m Cube, measure: &'m Measure) -> Vec<&'m Measure> {
    let uses = measure.kind.uses().into_iter().filter_map(|name| cube.measure(name));
    let mut found: Vec<&Measure> = Vec::new();
    for used in uses {
        let own = if used.kind.fact().is_some() { vec![used] } else { amounts(cube, used) };
        found.extend(
            own.into_iter()
                .filter(|own| !found.iter().any(|f| f.name == own.name))
                .collect::<Vec<_>>(),
        );
    }
    found
}

fn proof(
    cube: &Cube,
    measure: &Measure,
    amount: &Measure,
    conversion: &Conversion,
    model: &Model,
) -> Option<Proof> {
    let fact = model.fact(amount.kind.fact()?)?;
    let rates = model.fact(&conversion.rates)?;
    let role = fact.role(&conversion.over)?;
    let calendar = model.dimension(&role.dimension)?;
    let (MeasureKind::Sum { sql, .. }
    | MeasureKind::Average { sql, .. }
    | MeasureKind::SemiAdditive { sql, .. }) = &amount.kind
    else {
        return None;
    };
    let filter = amount.kind.filter().map(|filter| format!(" AND ({filter})")).unwrap_or_default();
    let from = &conversion.from;
    let rated = rated(conversion, rates, role, calendar)?;
    let (table, to) = (fact.table(), conversion.to.replace('\'', "''"));
    let day = sql_name(&role.key_column());
    let amounts = format!(
        "SELECT ({from}) AS currency, {day} AS day FROM warehouse.{table} \
         WHERE ({sql}) IS NOT NULL AND ({from}) IS DISTINCT FROM '{to}'{filter}"
    );
    Some(Proof {
        name: format!(
            "cube {}: {} has a rate of each amount of {}",
            cube.name, measure.name, amount.name
        ),
        sql: format!(
            "SELECT a.currency, count(*) AS amounts, min(a.day) AS first_day, max(a.day) AS last_day \
             FROM ({amounts}) a LEFT JOIN ({rated}) r ON r.currency = a.currency AND r.day = a.day \
             WHERE r.day IS NULL GROUP BY a.currency ORDER BY a.currency"
        ),
        rows: if conversion.refuses { Rows::Fault } else { Rows::Doubt },
    })
}

/// The currencies and days, by their keys, that have a rate.
fn rated(
    conversion: &Conversion,
    rates: &Fact,
    role: &FactRole,
    calendar: &Dimension,
) -> Option<String> {
    let own = rates.roles.iter().find(|own| own.dimension == role.dimension)?;
    let (table, own) = (rates.table(), sql_name(&own.key_column()));
    let (rate, source) = (sql_name(&conversion.rate), sql_name(&conversion.source));
    let (target, to) = (sql_name(&conversion.target), conversion.to.replace('\'', "''"));
    let known = format!(
        "SELECT {source} AS currency, {own} AS day FROM warehouse.{table} \
         WHERE {target} = '{to}' AND {rate} IS NOT NULL AND {own} > 0"
    );
    let (days, key) = (calendar.table(), sql_name(&calendar.key_column()));
    Some(match &conversion.at {
        RateAt::Day => known,
        RateAt::Latest => format!(
            "SELECT f.currency, d.{key} AS day FROM warehouse.{days} d JOIN \
             (SELECT currency, min(day) AS day FROM ({known}) k GROUP BY currency) f ON d.{key} >= f.day"
        ),
        RateAt::End(period) | RateAt::Average(period) => {
            let level = calendar.level(period);
            let period = sql_name(level.map_or(period, |level| level.key_column()));
            format!(
                "SELECT DISTINCT k.currency, d.{key} AS day FROM ({known}) k \
                 JOIN warehouse.{days} o ON o.{key} = k.day \
                 JOIN warehouse.{days} d ON d.{period} = o.{period} AND d.{key} > 0"
            )
        }
    })
}
