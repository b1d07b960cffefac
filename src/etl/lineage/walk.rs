//! From a node to what it comes from, or to what comes from it: pure.

use crate::error::{Error, Result, did_you_mean};
use crate::store::LineageEdge;
use std::collections::{BTreeMap, BTreeSet};

/// Edges, to be followed either way.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    edges: Vec<LineageEdge>,
}

/// A node on the way, and those next to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The node.
    pub node: String,
    /// How it is connected with the one before; empty of the first.
    pub how: String,
    /// Those further on; none where they were shown already.
    pub next: Vec<Step>,
    /// Whether what is further on was shown already.
    pub is_repeated: bool,
}

impl Lineage {
    /// Over these edges.
    pub fn new(edges: Vec<LineageEdge>) -> Self {
        Self { edges }
    }

    /// The node that somebody means: the whole name, or without `warehouse` and `cubes`.
    ///
    /// # Errors
    /// Not found where no node has that name, with the one that may be meant.
    pub fn node(&self, written: &str) -> Result<String> {
        let nodes: BTreeSet<&str> =
            self.edges.iter().flat_map(|edge| [edge.from.as_str(), edge.to.as_str()]).collect();
        let short = |node: &str| -> String {
            let rest = node.strip_prefix("warehouse.").or_else(|| node.strip_prefix("cubes."));
            rest.unwrap_or(node).to_owned()
        };
        let known = |node: &&&str| **node == written || short(node) == written;
        if let Some(node) = nodes.iter().find(known) {
            return Ok((*node).to_owned());
        }
        let names: Vec<String> = nodes.iter().map(|node| short(node)).collect();
        let error = Error::not_found(format!("nothing is known of `{written}`"));
        Err(match did_you_mean(written, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(
                "name a measure (`cube.measure`), a column (`fact_sales.amount`), or a source's \
                 (`job.source.column`)",
            ),
        })
    }

    /// What a node comes from, or, `down`, what comes from it.
    pub fn tree(&self, node: &str, down: bool) -> Step {
        let mut next: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for edge in &self.edges {
            let (here, there) = if down { (&edge.from, &edge.to) } else { (&edge.to, &edge.from) };
            next.entry(here).or_default().push((there, &edge.how));
        }
        let mut seen = BTreeSet::new();
        step(node, "", &next, down, &mut seen)
    }

    /// The edges of a tree, each once.
    pub fn edges_of(&self, tree: &Step) -> Vec<LineageEdge> {
        let mut nodes = BTreeSet::new();
        collect(tree, &mut nodes);
        let within = |edge: &&LineageEdge| {
            nodes.contains(edge.from.as_str()) && nodes.contains(edge.to.as_str())
        };
        self.edges.iter().filter(within).cloned().collect()
    }
}

fn collect<'a>(step: &'a Step, nodes: &mut BTreeSet<&'a str>) {
    nodes.insert(&step.node);
    step.next.iter().for_each(|next| collect(next, nodes));
}

fn step(
    node: &str,
    how: &str,
    next: &BTreeMap<&str, Vec<(&str, &str)>>,
    down: bool,
    seen: &mut BTreeSet<String>,
) -> Step {
    let mut further: Vec<(String, &str)> = Vec::new();
    if let Some(edges) = next.get(node) {
        further.extend(edges.iter().map(|(node, how)| ((*node).to_owned(), *how)));
    }
    // A stored value is there because its row is.
    let rows =
        rows_of(node).filter(|rows| rows != node && !down && next.contains_key(rows.as_str()));
    further.extend(rows.map(|rows| (rows, "rows")));
    further.sort_by(|a, b| (rank(a.1), &a.0).cmp(&(rank(b.1), &b.0)));
    further.dedup();
    let is_repeated = !further.is_empty() && !seen.insert(node.to_owned());
    let next = match is_repeated {
        true => Vec::new(),
        false => further.iter().map(|(to, how)| step(to, how, next, down, seen)).collect(),
    };
    Step { node: node.to_owned(), how: how.to_owned(), next, is_repeated }
}

/// The node of a stored table's rows.
fn rows_of(node: &str) -> Option<String> {
    let (table, _) = node.strip_prefix("warehouse.")?.rsplit_once('.')?;
    Some(format!("warehouse.{table}.*"))
}

/// Values come first, then keys, then what decides about rows.
fn rank(how: &str) -> usize {
    let order = ["value", "key", "moment", "filter", "join", "group", "order", "rows"];
    order.iter().position(|known| *known == how).unwrap_or(order.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage() -> Lineage {
        let edge = |from: &str, to: &str, how: &str| LineageEdge {
            by: "job".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            how: how.to_owned(),
        };
        Lineage::new(vec![
            edge("j.s.a", "warehouse.fact_x.a", "value"),
            edge("j.s.b", "warehouse.fact_x.*", "filter"),
            edge("warehouse.fact_x.a", "cubes.c.m", "value"),
            edge("warehouse.fact_x.*", "cubes.c.m", "rows"),
            edge("cubes.c.m", "cubes.c.share", "value"),
        ])
    }

    fn lines(step: &Step, depth: usize, lines: &mut Vec<String>) {
        let again = if step.is_repeated { " again" } else { "" };
        lines.push(format!("{}{} {}{again}", "-".repeat(depth), step.node, step.how));
        step.next.iter().for_each(|next| self::lines(next, depth + 1, lines));
    }

    #[test]
    fn a_measure_comes_from_sources_and_a_source_reaches_measures() {
        let mut up = Vec::new();
        lines(&lineage().tree("cubes.c.share", false), 0, &mut up);
        assert_eq!(
            up,
            [
                "cubes.c.share ",
                "-cubes.c.m value",
                "--warehouse.fact_x.a value",
                "---j.s.a value",
                "---warehouse.fact_x.* rows",
                "----j.s.b filter",
                "--warehouse.fact_x.* rows again",
            ]
        );
        let mut down = Vec::new();
        lines(&lineage().tree("j.s.b", true), 0, &mut down);
        let expected =
            ["j.s.b ", "-warehouse.fact_x.* filter", "--cubes.c.m rows", "---cubes.c.share value"];
        assert_eq!(down, expected);
    }

    #[test]
    fn names_are_short_or_whole_and_slips_are_told() {
        assert_eq!(lineage().node("c.m").unwrap(), "cubes.c.m");
        assert_eq!(lineage().node("warehouse.fact_x.a").unwrap(), "warehouse.fact_x.a");
        assert_eq!(lineage().node("fact_x.a").unwrap(), "warehouse.fact_x.a");
        assert!(lineage().node("c.n").unwrap_err().to_string().contains("did you mean `c.m`"));
    }
}
