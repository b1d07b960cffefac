//! The dimensions of a retailer's cube, beside the calendar: their levels, how many members each has,
//! and what they are called. All of it follows from one table.

use std::fmt::Write;

/// A dimension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dimension {
    pub(crate) name: &'static str,
    description: &'static str,
    /// Levels above a member, the coarsest first, with how many each has.
    levels: &'static [(&'static str, u32)],
    /// Attributes that are no level.
    beside: &'static [(&'static str, u32)],
    /// Members; of some there are more in a larger shop.
    members: u32,
}

const fn dimension(
    name: &'static str,
    description: &'static str,
    levels: &'static [(&'static str, u32)],
    beside: &'static [(&'static str, u32)],
    members: u32,
) -> Dimension {
    Dimension { name, description, levels, beside, members }
}

/// All but the calendar, which makes twelve.
pub(crate) const DIMENSIONS: [Dimension; 11] = [
    dimension(
        "store",
        "Where it was sold.",
        &[("store_country", 8), ("region", 40), ("city", 200)],
        &[("store_format", 4)],
        600,
    ),
    dimension(
        "product",
        "What was sold.",
        &[("department", 12), ("category", 80), ("subcategory", 400)],
        &[("brand", 500)],
        20_000,
    ),
    dimension(
        "customer",
        "Who bought.",
        &[("customer_country", 8), ("customer_city", 200)],
        &[("segment", 6), ("age_group", 7)],
        500_000,
    ),
    dimension("promotion", "What brought it about.", &[("promotion_type", 6)], &[], 200),
    dimension("channel", "How it was ordered.", &[("channel_group", 3)], &[], 8),
    dimension("payment", "How it was paid.", &[("payment_kind", 4)], &[], 12),
    dimension("carrier", "Who brought it.", &[("service_level", 4)], &[], 15),
    dimension("seller", "Who sold it.", &[("team", 60)], &[], 3_000),
    dimension("supplier", "Who made it.", &[("supplier_country", 20)], &[], 800),
    dimension("hour", "When on the day it was.", &[("daypart", 6)], &[], 24),
    dimension("status", "What became of it.", &[], &[], 5),
];

/// Facts of the shop whose customers the table counts.
const FACTS: f64 = 10_000_000.0;

impl Dimension {
    /// Its members in a shop of so many facts: customers come and go, all else is the retailer's.
    pub(crate) fn members(&self, facts: u64) -> u32 {
        match self.name {
            "customer" => ((f64::from(self.members) * facts as f64 / FACTS) as u32).max(1_000),
            _ => self.members,
        }
    }

    /// The column of its members' names.
    pub(crate) fn name_column(&self) -> String {
        format!("{}_name", self.name)
    }

    /// Its columns that questions group and filter by, but for the members' names.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.levels.iter().chain(self.beside).copied()
    }

    /// What its members say, as a heading and a line each.
    pub(crate) fn heading(&self) -> String {
        let columns: Vec<&str> = self.columns().map(|(name, _)| name).collect();
        let columns = columns.into_iter().map(|name| format!(",{name}")).collect::<String>();
        format!("number,name{columns}")
    }

    /// A member's line, members being numbered from 0.
    pub(crate) fn line(&self, member: u32, facts: u64) -> String {
        let mut line = format!("{member},{}", label(self.name, member));
        let mut above = Vec::new();
        let (mut below, mut of) = (member, self.members(facts));
        for (name, count) in self.levels.iter().rev() {
            // A level's members stand together under the one above: its index follows from theirs.
            below = (u64::from(below) * u64::from(*count) / u64::from(of)) as u32;
            of = *count;
            above.push(label(name, below));
        }
        let beside = self.beside.iter().map(|(name, count)| {
            label(name, member.wrapping_mul(2_654_435_761).rotate_left(13) % count)
        });
        for text in above.into_iter().rev().chain(beside) {
            // Writing into a string cannot fail.
            let _ = write!(line, ",{text}");
        }
        line.push('\n');
        line
    }

    /// Its schema.
    pub(crate) fn schema(&self) -> String {
        let Self { name, description, levels, .. } = self;
        let attributes: String = self
            .columns()
            .map(|(column, _)| {
                let words = column.replace('_', " ");
                format!("  - {{name: {column}, type: text, description: Its {words}.}}\n")
            })
            .collect();
        let levels: String = levels.iter().map(|(level, _)| format!("{level}, ")).collect();
        format!(
            "dimension: {name}\n\
             description: {description}\n\
             natural_key:\n  - {{name: {name}_no, type: int32, description: Its number.}}\n\
             attributes:\n  - {{name: {name}_name, type: text, description: Its name.}}\n{attributes}\
             hierarchies:\n  - name: main\n    levels: [{levels}{{level: {name}, attribute: {name}_name, \
             key: {name}_no, description: One of them.}}]\n"
        )
    }

    /// The job that loads it.
    pub(crate) fn job(&self) -> String {
        let Self { name, description, .. } = self;
        let attributes: String = self
            .columns()
            .map(|(column, _)| format!("      - {{name: {column}, type: text}}\n"))
            .collect();
        format!(
            "job: {name}\n\
             description: {description}\n\
             sources:\n  - name: {name}\n    from: {{csv: {{path: sources/{name}.csv}}}}\n    columns:\n\
             \x20     - {{name: {name}_no, from: number, type: int32}}\n\
             \x20     - {{name: {name}_name, from: name, type: text}}\n{attributes}\
             load: {{dimension: {{dimension: {name}}}}}\n"
        )
    }
}

/// What a member of a level is called.
pub(crate) fn label(level: &str, index: u32) -> String {
    format!("{} {index:06}", level.replace('_', " "))
}
