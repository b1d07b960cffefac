//! `starhouse erase`: a person out of every retained release, with the proof.

use super::etl::bars::Bars;
use super::failure::Failure;
use super::project::Project;
use super::table::{self, headed, number};
use crate::error::{Error, ErrorKind, Result};
use crate::etl::erase::{Erased, Plan, Request, Who, complete, plan, run as erase};
use crate::etl::progress::{Progress, Quiet};
use comfy_table::Cell;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// Erase a person: one member of a dimension, out of every retained release
///
/// The member leaves its dimension with all versions, what sources said of it, and what matching
/// keeps of it. Facts stay with their numbers and go to the unknown member; texts in their rows
/// become NULL, or names that say nothing where a fact's key needs one. Rejected rows leave the
/// quarantine, and texts of the person are masked in the logs of runs and queries. Then everything
/// is looked at again, and what is left is told.
///
/// Erase the person at the sources first: a load brings back what they still hold. Backups, and
/// files that others have made, are not reached.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The dimension
    dimension: String,
    /// The natural key, a COLUMN=VALUE for each of its columns
    #[arg(required = true, value_name = "COLUMN=VALUE", value_parser = pair)]
    key: Vec<(String, String)>,
    /// Erase without asking
    #[arg(long)]
    yes: bool,
    /// Only say what would be erased
    #[arg(long, conflicts_with = "yes")]
    plan: bool,
    /// Also rejected rows that may be of the person: they hold a part of the key as a field
    #[arg(long)]
    doubtful: bool,
    /// As one JSON document, for programs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  starhouse erase customer source_system=crm customer_id=4711 --plan
  starhouse erase customer source_system=crm customer_id=4711
  starhouse erase customer source_system=crm customer_id=4711 --yes --json";

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected COLUMN=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Says what would be erased, asks, and erases.
pub(super) async fn run(project: &Path, args: Args) -> std::result::Result<(), Failure> {
    let project = Project::open(project).await?;
    let who = Who { dimension: args.dimension, key: args.key };
    let progress: Arc<dyn Progress> = match io::stderr().is_terminal() && args.yes {
        true => Arc::new(Bars::default()),
        false => Arc::new(Quiet),
    };
    let clock = Arc::clone(&project.clock);
    let (engine, doubtful) = (&project.engine, args.doubtful);
    let request = Request { engine, who: &who, doubtful, clock, progress };
    let mut out = io::stdout();
    if !args.yes {
        let planned = plan(&request).await?;
        match args.json {
            true => writeln!(out, "{:#}", json!({ "plan": planned }))?,
            false => write!(out, "{}", planned_in_words(&planned))?,
        }
        if args.plan {
            return Ok(());
        }
        confirm(&who)?;
    }
    let erased = erase(&request).await?;
    match args.json {
        true => writeln!(out, "{:#}", in_json(&erased))?,
        false => write!(out, "{}", in_words(&erased))?,
    }
    Ok(complete(&erased)?)
}

/// Asks whoever sits at the terminal.
fn confirm(who: &Who) -> Result<()> {
    let (input, error) = (io::stdin(), Error::new(ErrorKind::Usage, "nothing was erased"));
    if !input.is_terminal() {
        return Err(error.hint("say --yes to erase without being asked, or --plan to only look"));
    }
    let word = who.key.last().map(|(_, value)| value.as_str()).unwrap_or_default();
    let asked = write!(io::stderr(), "this cannot be undone; to erase, type {word}: ");
    let mut line = String::new();
    let read = asked.and_then(|()| input.read_line(&mut line));
    match read {
        Ok(_) if line.trim() == word => Ok(()),
        _ => Err(error.hint("what was typed is not the value asked for")),
    }
}

fn planned_in_words(plan: &Plan) -> String {
    let mut list = headed(["release", "table", "rows", "what becomes of them"]);
    for rows in &plan.rows {
        let what = match rows.leave {
            true => "leave",
            false => "stay, of the unknown member and without texts",
        };
        list.add_row([
            number(rows.release),
            Cell::new(&rows.table),
            number(table::count(rows.rows)),
            Cell::new(what),
        ]);
    }
    let mut told = format!("{list}\n");
    told += &format!(
        "{} versions of the member; {} rejected rows; {} texts that nobody else has\n",
        plan.keys.len(),
        table::count(plan.rejects),
        plan.texts
    );
    if plan.doubtful > 0 {
        told += &format!(
            "{} rejected rows hold a part of the key as a field: they leave with --doubtful\n",
            table::count(plan.doubtful)
        );
    }
    for left in &plan.told {
        told += &format!(
            "{} holds such a text {} times: that is yours to change\n",
            left.place, left.count
        );
    }
    told + BACKUPS
}

const BACKUPS: &str = "backups, and files that others have made of the warehouse, are not reached: delete or renew them; \
     a load brings back what sources still hold\n";

fn in_words(erased: &Erased) -> String {
    let mut told = match erased.release {
        Some(release) => format!("published release {release} without the person\n"),
        None => "the latest release knew nothing of the person\n".to_owned(),
    };
    let masked = &erased.masked;
    told += &format!(
        "{} files written anew; {} older releases changed; {} rejected rows, {} runs, {} logged queries and {} savepoints cleaned\n",
        erased.files,
        erased.older.len(),
        masked.rejects,
        masked.runs,
        masked.queries,
        masked.savepoints
    );
    told.extend(erased.notes.iter().map(|note| format!("{note}\n")));
    if erased.held.is_empty() && erased.left.is_empty() && erased.doubtful == 0 {
        told += "proof: no table of any release and no other file holds anything of the person\n";
    }
    told += &format!(
        "recorded as run {}, key {}\n{BACKUPS}done in {} s\n",
        erased.run,
        &erased.fingerprint[..16.min(erased.fingerprint.len())],
        table::seconds(erased.elapsed_ms)
    );
    told
}

fn in_json(erased: &Erased) -> serde_json::Value {
    json!({
        "run": erased.run,
        "release": erased.release,
        "files": erased.files,
        "older_releases": erased.older,
        "held_releases": erased.held,
        "rejects": erased.masked.rejects,
        "runs": erased.masked.runs,
        "queries": erased.masked.queries,
        "savepoints": erased.masked.savepoints,
        "left": erased.left,
        "doubtful_rejects": erased.doubtful,
        "key_sha256": erased.fingerprint,
        "notes": erased.notes,
        "elapsed_ms": erased.elapsed_ms,
    })
}
