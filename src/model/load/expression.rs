//! What measures say over the columns of a fact: expressions, numbers, conditions.

use super::super::document::Text;
use super::super::{Column, ColumnType, Fact};
use super::sheet::Sheet;
use super::sql::{self, Names};

/// What can be counted: the members of a role, the values of a column or expression.
pub(super) fn column_or_role(text: &Text, fact: &Fact, sheet: &mut Sheet<'_>) -> Option<String> {
    if fact.role(text).is_some() {
        return Some(text.value.clone());
    }
    let columns = own_columns(fact);
    let is_name = text.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_name && !columns.iter().any(|column| column.name.eq_ignore_ascii_case(text)) {
        let roles = fact.roles.iter().map(|role| role.role.as_str());
        let names = roles.chain(columns.iter().map(|column| column.name.as_str()));
        sheet.unknown("column or role", text, &names.collect::<Vec<_>>());
        return None;
    }
    expression(text, fact, sheet).map(|(sql, _)| sql)
}

/// SQL over the columns of a fact, and its type where that is plain.
pub(super) fn expression(
    text: &Text,
    fact: &Fact,
    sheet: &mut Sheet<'_>,
) -> Option<(String, Option<ColumnType>)> {
    let columns = own_columns(fact);
    let names = columns.iter().map(|column| (column.name.as_str(), Some(column.ty))).collect();
    let scalar = sql::scalar(text, &Names { what: "column", names }, sheet)?;
    Some((text.value.clone(), scalar.ty))
}

/// The columns that measures may use: all but the partition's.
fn own_columns(fact: &Fact) -> Vec<Column> {
    let mut columns = fact.table_columns();
    columns.retain(|column| Some(column.name.as_str()) != fact.partition_column());
    columns
}

pub(super) fn number(
    text: &Text,
    verb: &str,
    fact: &Fact,
    sheet: &mut Sheet<'_>,
) -> Option<String> {
    let (sql, ty) = expression(text, fact, sheet)?;
    if let Some(ty) = ty.filter(|ty| !ty.is_numeric()) {
        let message = format!("the measure {verb} `{sql}`, which is {ty}; expected a number");
        sheet.fault(text.place, message);
        return None;
    }
    if let Some(role) = fact.roles.iter().find(|role| role.key_column() == sql) {
        let message = format!("the measure {verb} `{sql}`, the key of a dimension");
        let hint = format!("to count its members, say `count_distinct: {}`", role.role);
        sheet.fault_with_hint(text.place, message, hint);
        return None;
    }
    Some(sql)
}

pub(super) fn condition(text: &Text, fact: &Fact, sheet: &mut Sheet<'_>) -> Option<String> {
    let (sql, ty) = expression(text, fact, sheet)?;
    match ty {
        None | Some(ColumnType::Boolean) => Some(sql),
        Some(ty) => {
            sheet.fault(text.place, format!("filter `{sql}` is {ty}, expected a condition"));
            None
        }
    }
}
