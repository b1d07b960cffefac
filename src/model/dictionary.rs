//! The data dictionary: what every table, column and measure means, as Markdown.

use super::{Bridge, Column, Cube, Dimension, DimensionKind, Fact, FactKind, History, Model};
use std::fmt::Write;

/// The dictionary of a model; of the tables and cubes with a word in their name, where one is
/// given.
pub fn markdown(model: &Model, about: Option<&str>) -> String {
    let wanted = |name: &str| about.is_none_or(|word| name.contains(word));
    let mut text = String::from("# Data dictionary\n");
    for dimension in model.dimensions.iter().filter(|d| wanted(&d.table())) {
        of_dimension(dimension, &mut text);
        expectations(model, &dimension.table(), &mut text);
    }
    for bridge in model.bridges.iter().filter(|bridge| wanted(&bridge.table())) {
        of_bridge(bridge, &mut text);
    }
    for fact in model.facts.iter().filter(|fact| wanted(&fact.table())) {
        of_fact(fact, &mut text);
        expectations(model, &fact.table(), &mut text);
    }
    for cube in model.cubes.iter().filter(|cube| wanted(&cube.name)) {
        of_cube(cube, &mut text);
    }
    text
}

fn of_dimension(dimension: &Dimension, text: &mut String) {
    let kind = match &dimension.kind {
        DimensionKind::Loaded => "dimension",
        DimensionKind::Calendar(_) => "generated calendar",
        DimensionKind::TimeOfDay(_) => "generated times of day",
        DimensionKind::Junk => "junk dimension",
        DimensionKind::MiniOf(_) => "mini-dimension",
        DimensionKind::LevelOf(_) => "rollup dimension",
    };
    heading(text, &dimension.table(), kind, &dimension.description);
    let history = |column: &Column| {
        let attribute = dimension.attributes.iter().find(|a| a.column.name == column.name);
        let word = match attribute.map(|attribute| &attribute.history) {
            Some(_) if !dimension.is_versioned() => "",
            Some(History::Original) => "the first value stays",
            Some(History::Overwrite) => "overwritten",
            Some(History::NewVersion) => "a change opens a version",
            Some(History::PreviousOf(of)) => return format!("what `{of}` was before"),
            Some(History::CurrentOf(of)) => return format!("what `{of}` is now"),
            None if dimension.natural_key.contains(column) => "natural key",
            None => "",
        };
        word.to_owned()
    };
    let columns = dimension.table_columns();
    table(
        text,
        ["column", "type", "unit", "history", "meaning"],
        columns.iter().map(|column| {
            [
                name(column),
                column.ty.to_string(),
                unit(column),
                history(column),
                column.description.clone(),
            ]
        }),
    );
    for hierarchy in &dimension.hierarchies {
        let levels: Vec<&str> = hierarchy.levels.iter().map(|level| level.name.as_str()).collect();
        let _ = writeln!(text, "\nHierarchy `{}`: {}", hierarchy.name, levels.join(" > "));
    }
    if let DimensionKind::MiniOf(base) = &dimension.kind {
        let table = dimension.table();
        let _ = writeln!(text, "\nWhen members of `dim_{base}` had which row: `{table}_history`.");
    }
    if let Some(parents) = &dimension.parent_child {
        let table = dimension.closure_table();
        let _ = writeln!(
            text,
            "\nMembers are one another's parents by {} (`{table}`): {}",
            parents.parent.join(", "),
            parents.description
        );
    }
}

fn of_bridge(bridge: &Bridge, text: &mut String) {
    heading(text, &bridge.table(), "bridge", &bridge.description);
    let _ = writeln!(text, "From `dim_{}` to `dim_{}`.\n", bridge.from, bridge.to);
    table(
        text,
        ["column", "type", "meaning"],
        bridge
            .table_columns()
            .iter()
            .map(|column| [name(column), column.ty.to_string(), column.description.clone()]),
    );
}

fn of_fact(fact: &Fact, text: &mut String) {
    let kind = match fact.kind {
        FactKind::Transaction => "transaction fact",
        FactKind::PeriodicSnapshot => "periodic snapshot",
        FactKind::AccumulatingSnapshot => "accumulating snapshot",
        FactKind::Factless => "factless fact",
    };
    heading(text, &fact.table(), kind, &fact.description);
    let _ = writeln!(text, "Grain: {}. Key: {}.\n", fact.grain, fact.key.join(", "));
    let columns = fact.table_columns();
    table(
        text,
        ["column", "type", "unit", "refers to", "meaning"],
        columns.iter().map(|column| {
            let role = fact.roles.iter().find(|role| role.key_column() == column.name);
            let lag = fact.lags.iter().find(|lag| lag.name == column.name);
            let refers = match (role, lag) {
                (Some(role), _) => format!("`dim_{}`", role.dimension),
                (None, Some(lag)) => format!("days from {} to {}", lag.from, lag.to),
                (None, None) => String::new(),
            };
            [name(column), column.ty.to_string(), unit(column), refers, column.description.clone()]
        }),
    );
}

fn of_cube(cube: &Cube, text: &mut String) {
    heading(text, &format!("cubes.{}", cube.name), "cube", &cube.description);
    let _ = writeln!(text, "Facts: {}.\n", cube.facts.join(", "));
    table(
        text,
        ["measure", "unit", "meaning"],
        cube.measures.iter().map(|measure| {
            let unit = measure.unit.clone().unwrap_or_default();
            [format!("`{}`", measure.name), unit, measure.description.clone()]
        }),
    );
    text.push('\n');
    table(
        text,
        ["column", "of", "meaning"],
        cube.columns.iter().map(|column| {
            [format!("`{}`", column.name), column.role.clone(), column.column.description.clone()]
        }),
    );
}

fn expectations(model: &Model, table: &str, text: &mut String) {
    let Some(expectations) = model.expectations.get(table) else { return };
    text.push_str("\nExpected before it is published:\n\n");
    for expectation in expectations {
        let why = match expectation.description.as_str() {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        let _ = writeln!(text, "* {}{why}", expectation.check.in_words());
    }
}

fn heading(text: &mut String, name: &str, kind: &str, description: &str) {
    let description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(text, "\n## {name}\n\n*{kind}*: {description}\n");
}

fn table<const N: usize>(
    text: &mut String,
    heading: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let _ = writeln!(text, "| {} |\n|{}", heading.join(" | "), "---|".repeat(N));
    for row in rows {
        // A bar would end the cell, a line's end the table.
        let cells = row.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

fn name(column: &Column) -> String {
    let null = if column.nullable { "" } else { ", never NULL" };
    format!("`{}`{null}", column.name)
}

fn unit(column: &Column) -> String {
    column.unit.clone().unwrap_or_default()
}
