//! What measures are computed from: no circles, and nothing that cannot stand within another.

use super::super::document::Text;
use super::super::{Counted, Measure, MeasureKind, Whole};
use super::sheet::Sheet;

/// A measure by its name, and the measures it is computed from.
pub(super) type Uses<'a> = (&'a Text, Vec<String>);

/// Faults each circle of measures once; whether there is none.
pub(super) fn circles(uses: &[Uses<'_>], sheet: &mut Sheet<'_>) -> bool {
    let mut done: Vec<&str> = Vec::new();
    let mut none = true;
    for (name, _) in uses {
        let mut path = Vec::new();
        if let Some(circle) = circle_from(name, uses, &mut path, &mut done) {
            let message = format!("measures are computed from each other: {circle}");
            sheet.fault(name.place, message);
            none = false;
        }
    }
    none
}

fn circle_from<'a>(
    name: &'a str,
    uses: &'a [Uses<'_>],
    path: &mut Vec<&'a str>,
    done: &mut Vec<&'a str>,
) -> Option<String> {
    if let Some(start) = path.iter().position(|earlier| *earlier == name) {
        let mut circle: Vec<&str> = path.get(start..).unwrap_or_default().to_vec();
        circle.push(name);
        return Some(circle.join(" -> "));
    }
    if done.contains(&name) {
        return None;
    }
    path.push(name);
    let next = uses.iter().find(|(measure, _)| measure.value == name);
    let circle = next
        .into_iter()
        .flat_map(|(_, uses)| uses)
        .find_map(|next| circle_from(next, uses, path, done));
    path.pop();
    done.push(name);
    circle
}

/// Faults measures that move or widen time over something for which that has no meaning. There must
/// be no circles.
pub(super) fn nesting(uses: &[Uses<'_>], measures: &[Measure], sheet: &mut Sheet<'_>) {
    for (name, _) in uses {
        let Some(outer) = measures.iter().find(|measure| measure.name == name.value) else {
            continue;
        };
        let inner = below(&outer.kind, measures);
        if let Some(reason) = inner.iter().find_map(|inner| misfit(&outer.kind, inner)) {
            sheet.fault(name.place, format!("measure `{}` {reason}", name.value));
        }
    }
}

/// The measures that a measure is computed from, directly or not.
pub(super) fn below<'a>(kind: &MeasureKind, measures: &'a [Measure]) -> Vec<&'a Measure> {
    let mut found: Vec<&Measure> = Vec::new();
    let mut pending = kind.uses();
    while let Some(name) = pending.pop() {
        let Some(measure) = measures.iter().find(|measure| measure.name == name) else { continue };
        if !found.iter().any(|known| known.name == name) {
            pending.extend(measure.kind.uses());
            found.push(measure);
        }
    }
    found
}

/// Why one measure cannot be computed from another.
pub(super) fn misfit(outer: &MeasureKind, inner: &Measure) -> Option<String> {
    let name = &inner.name;
    match (outer, &inner.kind) {
        (
            MeasureKind::Weighted { .. },
            MeasureKind::CountDistinct { .. }
            | MeasureKind::ApproximateDistinct { .. }
            | MeasureKind::ApproximateOverlap { .. }
            | MeasureKind::Min { .. }
            | MeasureKind::Max { .. }
            | MeasureKind::Percentile { .. }
            | MeasureKind::ApproximatePercentile { .. }
            | MeasureKind::Correlation { .. }
            | MeasureKind::Conversion { counts: Counted::Members, .. },
        ) => Some(format!("allocates `{name}`, which is no sum: a part of a row is nothing of it")),
        (MeasureKind::Converted { .. }, MeasureKind::Converted { .. }) => {
            Some(format!("converts `{name}`, which is converted already"))
        }
        (MeasureKind::Weighted { .. }, MeasureKind::Weighted { .. }) => {
            Some(format!("allocates `{name}`, which is allocated already"))
        }
        (
            MeasureKind::Running { .. }
            | MeasureKind::Weighted { .. }
            | MeasureKind::Share { .. }
            | MeasureKind::ShareOfTotal { .. }
            | MeasureKind::Rank { .. },
            MeasureKind::Rank { measure, .. },
        ) => Some(format!(
            "is computed from the rank `{name}`, which has no parts and no whole; rank such a measure \
             of `{measure}` instead"
        )),
        (MeasureKind::Running { .. }, MeasureKind::SemiAdditive { .. }) => {
            Some(format!("runs over `{name}`, which is not additive over time"))
        }
        (MeasureKind::Running { .. }, MeasureKind::Running { .. }) => {
            Some(format!("runs over `{name}`, which runs itself"))
        }
        (
            MeasureKind::Before { over, period, .. },
            MeasureKind::Before { over: other, period: its, .. },
        ) => {
            if over != other {
                return Some(format!("moves `{over}`, and `{name}` below it moves `{other}`"));
            }
            // A month and a day later is not a day and a month later.
            (period.unit() != its.unit()).then(|| {
                format!(
                    "moves time by the {}, and `{name}` below it by the {}: those do not add up",
                    period.word(),
                    its.word()
                )
            })
        }
        (
            MeasureKind::Share { role, of: Whole::Parent, .. },
            MeasureKind::Share { role: other, of: Whole::Parent, .. },
        ) if role == other => {
            Some(format!("is a share of the parent of `{name}`, which is one itself"))
        }
        _ => None,
    }
}
