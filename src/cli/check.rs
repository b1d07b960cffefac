//! `starhouse check`: are the settings, models and jobs right, and does the data hold to them?

mod proofs;
mod rates;
mod sets;

use super::failure::Failure;
use super::project::{At, Declared, Project, jobs, schedules};
use crate::engine::{Session, error_of};
use crate::error::{Error, ErrorKind, Result};
use arrow::array::{Array, RecordBatch};
use arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use proofs::{Proof, Rows};
use std::io::{self, Write};
use std::path::Path;

/// Validate the settings, models, jobs and schedules; every fault is told with its place
///
/// Opens nothing and changes nothing. With --data, the latest release is asked as well: that keys are
/// one row's, that facts have their members and bridges are whole, that every measure is answered, and
/// that amounts which are converted have a rate; and it is told where a member of a level is in several
/// members of the level above, and which members that sets name are not there.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  starhouse check\n  starhouse check --project shop\n  starhouse check --data"
)]
pub(super) struct Args {
    /// Prove on the rows of the latest release that answers can be right, with examples where not
    #[arg(long)]
    data: bool,
}

/// Examples of a fault that are shown.
const EXAMPLES: usize = 3;

/// Says what is declared, or what is wrong with it.
pub(super) async fn run(project: &Path, args: &Args) -> std::result::Result<(), Failure> {
    let declared = Declared::read(project)?;
    let (model, jobs) = (&declared.model, jobs(&declared)?);
    let measures: usize = model.cubes.iter().map(|cube| cube.measures.len()).sum();
    let bridges = (!model.bridges.is_empty()).then(|| amount(model.bridges.len(), "bridge"));
    let all = [
        Some(amount(model.dimensions.len(), "dimension")),
        bridges,
        Some(amount(model.facts.len(), "fact")),
        Some(amount(model.cubes.len(), "cube")),
        Some(amount(measures, "measure")),
        Some(amount(jobs.len(), "job")),
    ];
    let schedules = schedules(&declared, &jobs)?;
    let scheduled = (!schedules.is_empty()).then(|| amount(schedules.len(), "schedule"));
    let all: Vec<String> = all.into_iter().flatten().chain(scheduled).collect();
    writeln!(io::stdout(), "all right: {}", all.join(", "))?;
    if args.data { prove(project).await } else { Ok(()) }
}

pub(super) fn amount(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Proves what the model needs of the rows, one after the other.
async fn prove(project: &Path) -> std::result::Result<(), Failure> {
    let project = Project::open(project).await?;
    // What is proved is not what is asked: advice on aggregates is taken of the log.
    let session = project.session(&At::default()).await?.unlogged();
    let (mut out, mut failed, mut doubted) = (io::stdout(), 0, 0);
    let proofs = proofs::of(&project.declared.model);
    for proof in &proofs {
        let faults = faults(&session, proof).await?;
        if faults.is_empty() {
            writeln!(out, "ok      {}", proof.name)?;
            continue;
        }
        let word = match proof.rows {
            Rows::Doubt => "WARNED",
            Rows::Fault | Rows::Nothing => "FAILED",
        };
        *(if word == "WARNED" { &mut doubted } else { &mut failed }) += 1;
        writeln!(out, "{word}  {}", proof.name)?;
        for fault in faults {
            writeln!(out, "        {fault}")?;
        }
    }
    let release = session.release().id;
    if failed == 0 {
        let doubts =
            if doubted > 0 { format!(", {}", amount(doubted, "warning")) } else { String::new() };
        writeln!(out, "release {release} holds: {}{doubts}", amount(proofs.len(), "proof"))?;
        return Ok(());
    }
    let message =
        format!("{failed} of {} do not hold in release {release}", amount(proofs.len(), "proof"));
    Err(Error::new(ErrorKind::Data, message)
        .hint("mend the source or the job that loads the table, or say in the model what is so")
        .into())
}

/// Where a proof does not hold; a question that cannot be asked is a fault as well.
async fn faults(session: &Session, proof: &Proof) -> Result<Vec<String>> {
    let found = match session.plan_sql(&proof.sql).await {
        Ok(query) => match query.execute().await {
            Ok(rows) => rows.try_collect::<Vec<RecordBatch>>().await.map_err(error_of),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    Ok(match found {
        Ok(_) if proof.rows == Rows::Nothing => Vec::new(),
        Ok(batches) => examples(&batches)?,
        Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
        Err(error) => vec![error.to_string()],
    })
}

/// Some rows in words, and how many more there are.
fn examples(batches: &[RecordBatch]) -> Result<Vec<String>> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let each = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    let mut shown = Vec::new();
    for (batch, row) in each.take(EXAMPLES) {
        let mut cells = Vec::new();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let value = match column.is_null(row) {
                true => "NULL".to_owned(),
                false => array_value_to_string(column, row)
                    .map_err(|error| Error::internal("a value cannot be shown").caused_by(error))?,
            };
            cells.push(format!("{} = {value}", field.name()));
        }
        shown.push(cells.join(", "));
    }
    if rows > EXAMPLES {
        shown.push(format!("and {} more", rows - EXAMPLES));
    }
    Ok(shown)
}
