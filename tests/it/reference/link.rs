//! Links: the several members that a row of a fact leads to, and what of it goes to which.

use super::place::{Data, Place, Row, Seen};
use super::{Reference, Value};
use starhouse::model::{CubeColumn, Dimension, Link, LinkedBy};
use std::collections::BTreeSet;

/// The share of a row that goes to a member, beside the member's own columns.
const SHARE: &str = "the share";

impl Place<'_> {
    /// Whether the place says anything of a link.
    pub(crate) fn says(&self, role: &str) -> bool {
        let columns = self.conditions().map(|filter| filter.column());
        let mut columns = columns.chain(self.members.iter().map(|(column, _)| column));
        columns.any(|column| column.role == role)
    }

    /// The members of a link that what the place says of it is true of.
    pub(crate) fn meets<'r>(&self, row: &'r Seen, role: &str) -> Vec<&'r Row> {
        let own = |column: &CubeColumn| column.role == role;
        let is_meant = |member: &&Row| {
            let mut filters = self.conditions().filter(|filter| own(filter.column()));
            let members = self.members.iter().filter(|(column, _)| own(column));
            let value = |column: &CubeColumn| &member[&column.column.name];
            filters.all(|filter| filter.admits_member(member))
                && members.into_iter().all(|(column, wanted)| value(column) == wanted)
        };
        row.linked[role].iter().filter(is_meant).collect()
    }

    /// The part of a row that the place has of it.
    pub(crate) fn part(&self, row: &Seen) -> Option<Value> {
        let role = self.weighted.as_ref()?;
        let shares = self.meets(row, role).into_iter().map(|member| member[SHARE].clone());
        shares.reduce(|a, b| a.plus(&b))
    }
}

impl Seen {
    /// The values of columns in this row: of links every combination of what its members have.
    pub(crate) fn combinations(&self, of: &[CubeColumn], place: &Place<'_>) -> Vec<Vec<Value>> {
        let mut found = vec![vec![None; of.len()]];
        for (role, members) in self.linked.keys().map(|role| (role, place.meets(self, role))) {
            let own: Vec<usize> = (0..of.len()).filter(|index| of[*index].role == *role).collect();
            let tuples: BTreeSet<Vec<Value>> = members
                .iter()
                .map(|member| own.iter().map(|i| member[&of[*i].column.name].clone()).collect())
                .collect();
            if own.is_empty() {
                continue;
            }
            found = found
                .into_iter()
                .flat_map(|row: Vec<Option<Value>>| {
                    tuples.iter().map({
                        let own = &own;
                        move |tuple| {
                            let mut row = row.clone();
                            own.iter().zip(tuple).for_each(|(i, v)| row[*i] = Some(v.clone()));
                            row
                        }
                    })
                })
                .collect();
        }
        let whole = |row: Vec<Option<Value>>| {
            let cells = row.into_iter().zip(of);
            cells.map(|(cell, column)| cell.unwrap_or_else(|| self.value(column))).collect()
        };
        found.into_iter().map(whole).collect()
    }
}

impl Reference<'_> {
    /// The links that cubes have from a role.
    pub(super) fn links_of(&self, role: &str) -> Vec<(String, &Link)> {
        let offered = self.model.cubes.iter().flat_map(|cube| &cube.dimensions);
        let links = offered.filter_map(|own| Some((own.role.clone(), own.link.as_ref()?)));
        links.filter(|(_, link)| link.of == role).collect()
    }

    /// The members that a member leads to.
    pub(super) fn led_to(&self, dimension: &str, member: &Row, link: &Link) -> Vec<Row> {
        let LinkedBy::Bridge(name) = &link.by else {
            let line = self.data.line(self.model.dimension(dimension).unwrap(), member);
            let root = line.len() - 1;
            let above = line.into_iter().enumerate().map(|(distance, ancestor)| {
                let mut ancestor = ancestor.clone();
                ancestor.insert("distance".to_owned(), Value::int(distance as i128));
                ancestor.insert("depth".to_owned(), Value::int((root - distance) as i128));
                ancestor
            });
            return above.collect();
        };
        let bridge = self.model.bridge(name).unwrap();
        let own = &member[&bridge.from_column()];
        let with = |durable: &Value, share: Value| {
            let mut row = self.data.last(&bridge.to, durable).clone();
            row.insert(SHARE.to_owned(), share);
            row
        };
        let pairs = self.data.bridges[name].iter();
        let pairs = pairs.filter(|pair| pair[&bridge.from_column()] == *own);
        let share = |pair: &Row| match &bridge.weight {
            Some(weight) => pair[&weight.name].clone(),
            None => Value::Null,
        };
        let found: Vec<Row> =
            pairs.map(|pair| with(&pair[&bridge.to_column()], share(pair))).collect();
        match (found.is_empty(), *own < Value::int(0)) {
            (false, _) => found,
            (true, true) => vec![with(own, Value::Float(1.0))],
            (true, false) => vec![with(&Value::int(-2), Value::Float(1.0))],
        }
    }
}

impl Data {
    /// A member's last version.
    fn last(&self, dimension: &str, durable: &Value) -> &Row {
        let by = format!("{dimension}_durable_key");
        let versions = self.dimensions[dimension].iter().filter(|row| row[&by] == *durable);
        versions.max_by_key(|row| row["valid_to"].clone()).unwrap()
    }

    /// A member, its parent and so on, each in its last version.
    pub(crate) fn line(&self, dimension: &Dimension, member: &Row) -> Vec<&Row> {
        let (key, parent) =
            (&dimension.natural_key[0].name, &dimension.parent_child.as_ref().unwrap().parent[0]);
        let durable = dimension.durable_key_column();
        let mut line = vec![self.last(&dimension.name, &member[&durable])];
        loop {
            let above = &line[line.len() - 1][parent];
            let mut others = self.dimensions[&dimension.name].iter();
            let found = others.find(|row| row[key] == *above && row[&durable] > Value::int(0));
            let here = line[line.len() - 1][&durable] > Value::int(0);
            match found.filter(|_| here) {
                Some(found) => line.push(self.last(&dimension.name, &found[&durable])),
                None => return line,
            }
        }
    }
}
