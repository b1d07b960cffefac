//! The form of cubes.

use super::{AggregateFields, MeasureFields, Text};
use crate::yaml::Located;
use serde::Deserialize;

/// A cube.
#[derive(Debug, Clone, Deserialize)]
pub struct CubeDocument {
    /// Its name.
    pub cube: Text,
    /// What it is about.
    pub description: Option<Text>,
    /// The facts it draws on.
    pub facts: Vec<Text>,
    /// Roles and degenerate dimensions offered; all of the facts' where left out.
    pub dimensions: Option<Vec<Text>>,
    /// Roles whose members are shown as they are now, or were on some day.
    #[serde(default)]
    pub views: Vec<ViewFields>,
    /// Roles of which a row of the facts may have several members.
    #[serde(default)]
    pub links: Vec<LinkFields>,
    /// Members that have a name together.
    #[serde(default)]
    pub sets: Vec<SetFields>,
    /// Members that count where a question says nothing of their dimension.
    #[serde(default)]
    pub default_members: Vec<DefaultMemberFields>,
    /// What things are called in other languages.
    #[serde(default)]
    pub captions: Vec<CaptionFields>,
    /// The measures.
    pub measures: Vec<MeasureFields>,
    /// Ways to see measures over time, each of which makes a measure of others.
    #[serde(default)]
    pub templates: Vec<TemplateFields>,
    /// The cuboids kept ready.
    #[serde(default)]
    pub aggregates: Vec<AggregateFields>,
}

/// A way to see measures over time (year to date, last year): exactly one of the keys from `before` on.
/// Of a measure `revenue` a template `ytd` makes the measure `revenue_ytd`.
#[derive(Debug, Clone, Deserialize)]
pub struct TemplateFields {
    /// What follows the measure's name, after an underscore.
    pub name: Text,
    /// What it means; it follows the measure's description.
    pub description: Option<Text>,
    /// Of which measures; of all for which it has a meaning, where left out.
    #[serde(default)]
    pub of: Vec<Text>,
    /// Some periods before.
    pub before: Option<Located<TemplateBeforeFields>>,
    /// What it is more than some periods before.
    pub change: Option<Located<TemplateBeforeFields>>,
    /// That change over the earlier value.
    pub growth: Option<Located<TemplateBeforeFields>>,
    /// From the beginning of a period.
    pub to_date: Option<Located<TemplateToDateFields>>,
    /// Over some periods.
    pub rolling: Option<Located<TemplateRollingFields>>,
    /// From the first day on.
    pub cumulative: Option<Located<TemplateCumulativeFields>>,
}

/// `before: {over, by, periods}`
#[derive(Debug, Clone, Deserialize)]
pub struct TemplateBeforeFields {
    /// The calendar role.
    pub over: Text,
    /// Which period: a level of the calendar.
    pub by: Text,
    /// How many; one where left out.
    pub periods: Option<Located<u32>>,
}

/// `to_date: {over, by}`
#[derive(Debug, Clone, Deserialize)]
pub struct TemplateToDateFields {
    /// The calendar role.
    pub over: Text,
    /// The period at whose first day it begins: a level of the calendar.
    pub by: Text,
}

/// `rolling: {over, by, periods, current}`
#[derive(Debug, Clone, Deserialize)]
pub struct TemplateRollingFields {
    /// The calendar role.
    pub over: Text,
    /// Which period: a level of the calendar.
    pub by: Text,
    /// How many.
    pub periods: Located<u32>,
    /// Whether the period under way is one of them; it is where left out.
    pub current: Option<Located<bool>>,
}

/// `cumulative: {over}`
#[derive(Debug, Clone, Deserialize)]
pub struct TemplateCumulativeFields {
    /// The calendar role.
    pub over: Text,
}

/// A role of the facts, seen as of another time than the facts'.
#[derive(Debug, Clone, Deserialize)]
pub struct ViewFields {
    /// The name of the view, a role of the cube.
    pub role: Text,
    /// The role of the facts.
    pub of: Text,
    /// The day at whose beginning members are seen; as they are now where left out.
    pub day: Option<Text>,
}

/// The way from a role of the facts to several members: exactly one of `bridge` and `ancestors`.
#[derive(Debug, Clone, Deserialize)]
pub struct LinkFields {
    /// The name of the link, a role of the cube.
    pub role: Text,
    /// The role of the facts.
    pub of: Text,
    /// The bridge that leads there.
    pub bridge: Option<Text>,
    /// Whether it is the members above the role's own, itself included.
    pub ancestors: Option<Located<bool>>,
}

/// Members of a column that have a name together: `members`, `except`, `from` and `to`, `where`, or
/// `sets`. It can be shown as one member beside the others.
#[derive(Debug, Clone, Deserialize)]
pub struct SetFields {
    /// Its name.
    pub name: Text,
    /// What it means.
    pub description: Option<Text>,
    /// The column, as in SQL or as `role.attribute`.
    pub of: Text,
    /// Any of these.
    pub members: Option<Vec<Text>>,
    /// Any but these.
    pub except: Option<Vec<Text>>,
    /// From this one on.
    pub from: Option<Text>,
    /// Up to this one.
    pub to: Option<Text>,
    /// Those of which this SQL condition over their dimension's columns holds.
    #[serde(rename = "where")]
    pub condition: Option<Text>,
    /// Those of any of these sets, which stand above it and are of the same column.
    pub sets: Option<Vec<Text>>,
    /// But for the members of these sets, which stand above it and are of the same column.
    #[serde(default)]
    pub without: Vec<Text>,
    /// What it is called where it is shown as one member; its name where left out.
    pub member: Option<Text>,
}

/// `captions: [{language, names, members}]`
#[derive(Debug, Clone, Deserialize)]
pub struct CaptionFields {
    /// The language, by its code, such as `de`.
    pub language: Text,
    /// What is called how.
    #[serde(default)]
    pub names: Vec<NameFields>,
    /// Which columns have their members' names in another.
    #[serde(default)]
    pub members: Vec<MemberNameFields>,
}

/// `{of, caption}`
#[derive(Debug, Clone, Deserialize)]
pub struct NameFields {
    /// A measure, a column, a set, a role of the cube, or a level as `role.level`.
    pub of: Text,
    /// What it is called.
    pub caption: Text,
}

/// `{of, column}`
#[derive(Debug, Clone, Deserialize)]
pub struct MemberNameFields {
    /// The column.
    pub of: Text,
    /// The column of the same role that has its members' names.
    pub column: Text,
}

/// `default_members: [{of, member}]`
#[derive(Debug, Clone, Deserialize)]
pub struct DefaultMemberFields {
    /// The column, as in SQL or as `role.attribute`.
    pub of: Text,
    /// The member.
    pub member: Text,
}
