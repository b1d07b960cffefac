//! Cubes: the facts' roles as dimensions, their columns in SQL, measures and aggregates.

use super::super::document::{CubeDocument, Text};
use super::super::{
    Column, ColumnType, Cube, CubeColumn, CubeDimension, Dimension, Fact, Link, LinkedBy, View,
};
use super::sheet::Sheet;
use super::{Known, additive, aggregate, captions, link, measure, members, template};

/// What a cube's measures and aggregates may refer to.
pub(super) struct Scope<'a> {
    pub(super) known: &'a Known,
    pub(super) facts: Vec<&'a Fact>,
    /// Dimensions in their roles, and degenerate dimensions, that the cube offers.
    pub(super) dimensions: Vec<CubeDimension>,
}

/// The resolved cube of a document; `None` where it builds on something faulty.
pub(super) fn resolve(
    document: &CubeDocument,
    known: &Known,
    sheet: &mut Sheet<'_>,
) -> Option<Cube> {
    let name = &document.cube;
    sheet.name("cube", name);
    let description = sheet.description("cube", name, document.description.as_ref());
    if document.facts.is_empty() {
        sheet.fault(name.place, format!("cube `{}` has no facts", name.value));
        return None;
    }
    sheet.unique("fact", &document.facts);
    measure::forms(&document.measures, sheet);
    aggregate::forms(&document.aggregates, sheet);
    let facts = document.facts.iter().filter_map(|fact| known.fact(fact, sheet)).collect();
    if !sheet.sound {
        return None;
    }
    let mut scope = Scope { known, facts, dimensions: Vec::new() };
    scope.dimensions = dimensions(document, &scope.facts, sheet);
    let views = views(document, &scope, sheet);
    scope.dimensions.extend(views);
    let links = link::links(document, &scope, sheet);
    scope.dimensions.extend(links);
    let mut measures = measure::resolve(&document.measures, &scope, sheet);
    let declared: Vec<&str> = document.measures.iter().map(|m| m.name.as_str()).collect();
    let made = template::measures(&document.templates, &measures, &declared, &scope, sheet);
    measures.extend(made.clone());
    additive::judge(&mut measures, &scope.facts);
    let made = made.iter().map(|measure| measure.name.as_str());
    let names: Vec<&str> = declared.into_iter().chain(made).collect();
    let columns = columns(document, &names, &scope, sheet);
    let mut cube = Cube {
        name: name.value.clone(),
        description,
        facts: document.facts.iter().map(|fact| fact.value.clone()).collect(),
        dimensions: scope.dimensions.clone(),
        measures,
        aggregates: Vec::new(),
        columns,
        sets: Vec::new(),
        default_members: Vec::new(),
        captions: Vec::new(),
    };
    cube.sets = members::sets(&document.sets, &cube, sheet);
    cube.default_members = members::defaults(&document.default_members, &cube, &scope.facts, sheet);
    cube.captions = captions::resolve(&document.captions, &cube, &scope, sheet);
    cube.aggregates = aggregate::resolve(&document.aggregates, &names, &cube, &scope, sheet);
    Some(cube)
}

/// All roles and degenerate dimensions of the facts, or those the document names.
fn dimensions(
    document: &CubeDocument,
    facts: &[&Fact],
    sheet: &mut Sheet<'_>,
) -> Vec<CubeDimension> {
    let roles = facts.iter().flat_map(|fact| &fact.roles).map(|role| CubeDimension {
        role: role.role.clone(),
        dimension: Some(role.conformed().to_owned()),
        view: None,
        link: None,
    });
    let degenerate = facts.iter().flat_map(|fact| &fact.degenerate).map(|column| CubeDimension {
        role: column.name.clone(),
        dimension: None,
        view: None,
        link: None,
    });
    let mut all: Vec<CubeDimension> = Vec::new();
    for dimension in roles.chain(degenerate) {
        match all.iter().find(|earlier| earlier.role == dimension.role) {
            Some(earlier) if *earlier == dimension => {}
            Some(_) => {
                let message = format!(
                    "`{}` means different dimensions in the facts of the cube",
                    dimension.role
                );
                sheet.fault(document.cube.place, message);
            }
            None => all.push(dimension),
        }
    }
    let Some(wanted) = &document.dimensions else { return all };
    sheet.unique("dimension", wanted);
    let names: Vec<&str> = all.iter().map(|dimension| dimension.role.as_str()).collect();
    let mut chosen = Vec::new();
    for role in wanted {
        match all.iter().find(|dimension| dimension.role == role.value) {
            Some(dimension) => chosen.push(dimension.clone()),
            None => sheet.unknown("role or degenerate dimension", role, &names),
        }
    }
    chosen
}

/// The roles whose members are seen as of another time.
fn views(document: &CubeDocument, scope: &Scope<'_>, sheet: &mut Sheet<'_>) -> Vec<CubeDimension> {
    sheet.unique("view", document.views.iter().map(|view| &view.role));
    let roles: Vec<&str> = scope.dimensions.iter().map(|offered| offered.role.as_str()).collect();
    let mut views = Vec::new();
    for fields in &document.views {
        sheet.name("view", &fields.role);
        if roles.contains(&fields.role.as_str()) {
            let message = format!("`{}` is a role of the cube already", fields.role.value);
            sheet.fault_with_hint(fields.role.place, message, "choose another name for the view");
            continue;
        }
        if views.iter().any(|earlier: &CubeDimension| earlier.role == fields.role.value) {
            continue;
        }
        let Some(seen) = scope.dimensions.iter().find(|offered| offered.role == fields.of.value)
        else {
            sheet.unknown("role of the cube", &fields.of, &roles);
            continue;
        };
        let dimension =
            seen.dimension.as_deref().and_then(|name| scope.known.sound_dimension(name));
        if !dimension.is_some_and(Dimension::is_versioned) {
            let message = format!("`{}` has no versions, it always is as it was", fields.of.value);
            sheet.fault_with_hint(fields.of.place, message, "leave the view out");
        }
        let day = fields.day.as_ref().and_then(|text| match text.parse() {
            Ok(day) => Some(day),
            Err(_) => {
                let message =
                    format!("`{}` is no day, expected one such as 2025-01-31", text.value);
                sheet.fault(text.place, message);
                None
            }
        });
        let (role, of) = (fields.role.value.clone(), fields.of.value.clone());
        let view = Some(View { of, day });
        let dimension = seen.dimension.clone();
        views.push(CubeDimension { role, dimension, view, link: None });
    }
    views
}

/// Every column of every dimension: by its plain name where that is unique in the cube and no
/// measure's, else as `<role>_<column>`.
fn columns(
    document: &CubeDocument,
    measures: &[&str],
    scope: &Scope<'_>,
    sheet: &mut Sheet<'_>,
) -> Vec<CubeColumn> {
    let mut columns: Vec<CubeColumn> = Vec::new();
    for offered in &scope.dimensions {
        for column in columns_of(offered, scope) {
            columns.push(CubeColumn {
                name: column.name.clone(),
                role: offered.role.clone(),
                dimension: offered.dimension.clone(),
                column,
            });
        }
    }
    // What shows the dimension of another role takes no plain name from it.
    let is_second = |role: &str| {
        let second = |offered: &CubeDimension| offered.view.is_some() || is_ancestry(offered);
        scope.dimensions.iter().any(|offered| offered.role == role && second(offered))
    };
    let own = columns.iter().filter(|column| !is_second(&column.role));
    let plain: Vec<String> = own.map(|column| column.name.clone()).collect();
    for column in &mut columns {
        let bearers = plain.iter().filter(|name| **name == column.name).count();
        if is_second(&column.role) || bearers > 1 || measures.contains(&column.name.as_str()) {
            column.name = format!("{}_{}", column.role, column.column.name);
        }
    }
    clashes(&columns, measures, document, sheet);
    columns
}

fn columns_of(offered: &CubeDimension, scope: &Scope<'_>) -> Vec<Column> {
    match &offered.dimension {
        Some(name) => {
            let dimension = scope.known.sound_dimension(name);
            let own = dimension.into_iter().flat_map(Dimension::described_columns).cloned();
            let steps = is_ancestry(offered).then(steps);
            own.chain(steps.into_iter().flatten()).collect()
        }
        None => {
            let mut all = scope.facts.iter().flat_map(|fact| &fact.degenerate);
            all.find(|column| column.name == offered.role).cloned().into_iter().collect()
        }
    }
}

fn is_ancestry(offered: &CubeDimension) -> bool {
    offered.link.as_ref().is_some_and(|link| link.by == LinkedBy::Ancestors)
}

/// Where an ancestor stands.
fn steps() -> [Column; 2] {
    let meanings = [
        (Link::DEPTH, "Steps from the ancestor up to its root, 0 at the root."),
        (Link::DISTANCE, "Steps from the fact's member up to the ancestor, 0 for itself."),
    ];
    meanings.map(|(name, meaning)| Column::new(name, ColumnType::Int32, true).described(meaning))
}

fn clashes(
    columns: &[CubeColumn],
    measures: &[&str],
    document: &CubeDocument,
    sheet: &mut Sheet<'_>,
) {
    let full = |column: &CubeColumn| format!("{}.{}", column.role, column.column.name);
    for (i, column) in columns.iter().enumerate() {
        let earlier = columns.iter().take(i).find(|earlier| earlier.name == column.name);
        let other = match earlier {
            Some(earlier) => full(earlier),
            None if measures.contains(&column.name.as_str()) => "a measure".to_owned(),
            None => continue,
        };
        let message = format!(
            "column `{}` of the cube would be both {} and {other}",
            column.name,
            full(column)
        );
        sheet.fault_with_hint(document.cube.place, message, "rename one of them");
    }
}

impl Scope<'_> {
    /// The fact that a measure or aggregate is about.
    pub(super) fn fact(
        &self,
        named: Option<&Text>,
        of: &Text,
        sheet: &mut Sheet<'_>,
    ) -> Option<&Fact> {
        let names: Vec<&str> = self.facts.iter().map(|fact| fact.name.as_str()).collect();
        match (named, self.facts.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => {
                let message = format!("`{}` does not say which fact it is of", of.value);
                let hint = format!("add `fact:` with one of {}", names.join(", "));
                sheet.fault_with_hint(of.place, message, hint);
                None
            }
            (Some(name), facts) => {
                let found = facts.iter().find(|fact| fact.name == name.value);
                if found.is_none() {
                    sheet.unknown("fact of the cube", name, &names);
                }
                found.copied()
            }
        }
    }
}
