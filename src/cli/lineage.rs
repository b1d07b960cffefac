//! `starhouse lineage`: where a measure or column comes from, or what comes from it.

use super::failure::Failure;
use super::project::{Project, jobs};
use crate::error::Result;
use crate::etl::lineage::{Lineage, Step, edges};
use crate::store::LineageEdge;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// Where a measure or column comes from, back to the sources
///
/// It is read off the plans of jobs and measures as they are written now; `system.lineage` has it
/// as the last run found it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A measure (`sales.revenue`), a column (`fact_sales.amount`), or a source's
    /// (`job.source.column`)
    name: String,
    /// What comes from it instead
    #[arg(long)]
    down: bool,
    /// As a Mermaid flow chart
    #[arg(long)]
    mermaid: bool,
}

const EXAMPLES: &str = "\
Examples:
  starhouse lineage sales.revenue
  starhouse lineage dim_customer.city --down
  starhouse lineage sales.revenue --mermaid > revenue.mmd";

/// Shows it.
pub(super) async fn run(folder: &Path, args: Args) -> std::result::Result<(), Failure> {
    let project = Project::open(folder).await?;
    let lineage = Lineage::new(edges(&project.engine, &jobs(&project.declared)?).await?);
    let text = text(&lineage, &args)?;
    write!(io::stdout(), "{text}")?;
    Ok(())
}

fn text(lineage: &Lineage, args: &Args) -> Result<String> {
    let tree = lineage.tree(&lineage.node(&args.name)?, args.down);
    Ok(match args.mermaid {
        true => mermaid(&lineage.edges_of(&tree)),
        false => {
            let mut lines = format!("{}\n", tree.node);
            branches(&tree, "", &mut lines);
            lines
        }
    })
}

fn branches(step: &Step, indent: &str, lines: &mut String) {
    for (index, next) in step.next.iter().enumerate() {
        let is_last = index + 1 == step.next.len();
        let (corner, more) = if is_last { ("└─", "   ") } else { ("├─", "│  ") };
        let again = if next.is_repeated { " (as above)" } else { "" };
        // A string takes everything.
        let _ = writeln!(lines, "{indent}{corner} {}: {}{again}", next.how, next.node);
        branches(next, &format!("{indent}{more}"), lines);
    }
}

fn mermaid(edges: &[LineageEdge]) -> String {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for edge in edges {
        for node in [&edge.from, &edge.to] {
            let next = names.len();
            names.entry(node).or_insert(next);
        }
    }
    let mut chart = "flowchart LR\n".to_owned();
    for (node, number) in &names {
        let _ = writeln!(chart, "  n{number}[\"{}\"]", node.replace('"', "#quot;"));
    }
    for edge in edges {
        let (Some(from), Some(to)) = (names.get(edge.from.as_str()), names.get(edge.to.as_str()))
        else {
            continue;
        };
        let _ = match edge.how.as_str() {
            "value" => writeln!(chart, "  n{from} --> n{to}"),
            how => writeln!(chart, "  n{from} -. {how} .-> n{to}"),
        };
    }
    chart
}
