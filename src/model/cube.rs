//! Cubes: facts, their dimensions in their roles, measures and declared aggregates.

use super::{Column, Measure, MeasureKind};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// A cube: what analysts ask. One fact, or several that share conformed dimensions; each measure
/// is aggregated at its own fact's grain before anything is joined.
#[derive(Debug, Clone, PartialEq)]
pub struct Cube {
    /// Its name; in SQL it is `cubes.<name>`.
    pub name: String,
    /// What it is about, in words.
    pub description: String,
    /// The facts it draws on.
    pub facts: Vec<String>,
    /// The dimensions in their roles. A role is a role of at least one of the facts.
    pub dimensions: Vec<CubeDimension>,
    /// The measures.
    pub measures: Vec<Measure>,
    /// The cuboids kept ready.
    pub aggregates: Vec<Aggregate>,
    /// Every level column in SQL order, resolved from the dimensions.
    pub columns: Vec<CubeColumn>,
    /// Members that have a name together.
    pub sets: Vec<NamedSet>,
    /// Members that count where a question says nothing of their dimension.
    pub default_members: Vec<DefaultMember>,
    /// What things are called in other languages.
    pub captions: Vec<Captions>,
}

/// What the things of a cube are called in a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captions {
    /// The language, by its code.
    pub language: String,
    /// By the name of a measure, a column, a set or a role, or by `role.level`.
    pub names: BTreeMap<String, String>,
    /// By a column's SQL name the column that has its members' names.
    pub members: BTreeMap<String, String>,
}

/// Members of a column that have a name together, which questions use in place of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSet {
    /// Its name, unique in the cube.
    pub name: String,
    /// What it means, in words.
    pub description: String,
    /// The SQL name of the column.
    pub column: String,
    /// Which members.
    pub members: SetMembers,
    /// Sets whose members are none of it.
    pub without: Vec<String>,
    /// What it is called where it is shown as one member.
    pub member: String,
}

/// Which members a set has; each member is given as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetMembers {
    /// These.
    Listed(Vec<String>),
    /// All but these.
    Except(Vec<String>),
    /// From one to another, both included; an end left out is open.
    Range {
        /// The first.
        from: Option<String>,
        /// The last.
        to: Option<String>,
    },
    /// Those of which an SQL condition over their dimension's columns holds.
    Where(String),
    /// Those of any of these sets of the same column.
    Sets(Vec<String>),
}

/// The member that counts where a question says nothing of its dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultMember {
    /// The SQL name of the column.
    pub column: String,
    /// The member, as text.
    pub member: String,
}

/// A dimension in a role of a cube.
#[derive(Debug, Clone, PartialEq)]
pub struct CubeDimension {
    /// The role's name, as in the facts.
    pub role: String,
    /// The dimension that plays it; `None` for a degenerate dimension, a column of the fact.
    pub dimension: Option<String>,
    /// Where the role is none of the facts': whose members it shows, and as of when.
    pub view: Option<View>,
    /// Where a row of the facts has several members: how it comes to them.
    pub link: Option<Link>,
}

/// The members of a role of the facts as they are, or as they were on some day, instead of as they
/// were at the time of each fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The role of the facts.
    pub of: String,
    /// The day at whose beginning members are seen; as they are now where there is none.
    pub day: Option<NaiveDate>,
}

/// The way from a role of the facts to members of which one fact may have several. A fact counts once
/// in a row of an answer if any of them is in that row, and once in a total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The role of the facts.
    pub of: String,
    /// What leads from there.
    pub by: LinkedBy,
}

/// What leads from a fact's member to several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkedBy {
    /// The bridge of that name.
    Bridge(String),
    /// The member's ancestors, itself included.
    Ancestors,
}

impl Link {
    /// The column of an ancestor's steps from its root, beside those of its dimension.
    pub const DEPTH: &str = "depth";
    /// The column of the steps from the fact's member up to an ancestor.
    pub const DISTANCE: &str = "distance";
}

/// A column that a cube offers for grouping and filtering: an attribute or natural-key column of
/// a dimension in a role, or a degenerate dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct CubeColumn {
    /// Its name in SQL: the attribute's, prefixed `<role>_` unless that name is unique in the cube;
    /// a view's and an ancestor's always have the prefix, and take no plain name from others.
    pub name: String,
    /// The role it belongs to; for a degenerate dimension the column's own name.
    pub role: String,
    /// The dimension, `None` for a degenerate dimension.
    pub dimension: Option<String>,
    /// The dimension's (or fact's) column.
    pub column: Column,
}

/// A declared cuboid: measures kept at chosen columns, one row a combination.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Aggregate {
    /// Its name, unique in the cube; the table is `agg_<cube>_<name>`.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The fact it summarises.
    pub fact: String,
    /// Roles whose members it keeps apart by their keys, as the fact does: it answers for all their
    /// columns, of whatever version, and by day where the role is a calendar's.
    pub roles: Vec<String>,
    /// SQL names of the cube columns it keeps (see [`CubeColumn::name`]), each level after those
    /// above it.
    pub columns: Vec<String>,
    /// The measures whose state it keeps.
    pub measures: Vec<String>,
    /// Whether the warehouse has chosen it by itself: no file declares it.
    pub is_automatic: bool,
}

impl Aggregate {
    /// Whether it keeps all that another does, and nothing else.
    pub fn keeps_what(&self, other: &Self) -> bool {
        let same = |own: &[String], others: &[String]| {
            own.len() == others.len() && own.iter().all(|name| others.contains(name))
        };
        self.fact == other.fact
            && same(&self.roles, &other.roles)
            && same(&self.columns, &other.columns)
            && same(&self.measures, &other.measures)
    }
}

impl Cube {
    /// The measure of that name.
    pub fn measure(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.name == name)
    }

    /// Whether a measure is in a currency that a question may choose.
    pub fn has_currency_to_choose(&self, measure: &str) -> bool {
        self.currency_to_choose(measure).is_some()
    }

    /// The currency of a measure where the question chooses none, if it may choose one.
    pub fn currency_to_choose(&self, measure: &str) -> Option<&str> {
        let kind = &self.measure(measure)?.kind;
        match kind {
            MeasureKind::Converted { conversion, .. } if conversion.choose => Some(&conversion.to),
            _ => kind.uses().into_iter().find_map(|used| self.currency_to_choose(used)),
        }
    }

    /// The column of that SQL name.
    pub fn column(&self, name: &str) -> Option<&CubeColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// What things are called in a language.
    pub fn captions(&self, language: &str) -> Option<&Captions> {
        self.captions.iter().find(|captions| captions.language == language)
    }

    /// The named set of that name.
    pub fn set(&self, name: &str) -> Option<&NamedSet> {
        self.sets.iter().find(|set| set.name == name)
    }

    /// The column of a role's attribute.
    pub fn role_column(&self, role: &str, attribute: &str) -> Option<&CubeColumn> {
        self.columns.iter().find(|c| c.role == role && c.column.name == attribute)
    }

    /// The view that a role of the cube is, if it is one.
    pub fn view(&self, role: &str) -> Option<&View> {
        self.dimensions.iter().find(|offered| offered.role == role)?.view.as_ref()
    }

    /// The link that a role of the cube is, if it is one.
    pub fn link(&self, role: &str) -> Option<&Link> {
        self.dimensions.iter().find(|offered| offered.role == role)?.link.as_ref()
    }

    /// The role of the facts that a role of the cube stands on: itself, unless it is a view or link.
    pub fn fact_role<'a>(&'a self, role: &'a str) -> &'a str {
        let of_view = self.view(role).map(|view| view.of.as_str());
        of_view.or_else(|| self.link(role).map(|link| link.of.as_str())).unwrap_or(role)
    }

    /// The table of a declared aggregate.
    pub fn aggregate_table(&self, aggregate: &Aggregate) -> String {
        Self::table_of_aggregate(&self.name, &aggregate.name)
    }

    /// The declared aggregate that a table holds.
    pub(crate) fn aggregate_in(&self, table: &str) -> Option<&Aggregate> {
        let name = table.strip_prefix("agg_")?.strip_prefix(self.name.as_str())?;
        let name = name.strip_prefix('_')?;
        self.aggregates.iter().find(|aggregate| aggregate.name == name)
    }

    /// The table of a cube's aggregate, by their names.
    pub(crate) fn table_of_aggregate(cube: &str, aggregate: &str) -> String {
        format!("agg_{cube}_{aggregate}")
    }
}
