//! `starhouse aggregates advise`: which aggregates are worth their bytes.

use crate::aggregate::advise::{Advice, Advised, Request, SAMPLE_ROWS, Source, advise, written};
use crate::aggregate::automatic::{Choice, Kept};
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::project::Project;
use crate::cli::table::{self, headed, number};
use crate::config::Room;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::progress::{Progress, Quiet};
use crate::etl::run::{AggregateSummary, Summarising};
use crate::model::{self, Model};
use clap::ValueEnum;
use comfy_table::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What advice is asked, and what becomes of it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Room for all aggregates together, declared ones included: bytes (512MB), or a part of what
    /// the facts weigh (50%)
    #[arg(long, value_name = "SIZE", default_value = "25%", value_parser = room)]
    budget: Room,
    /// What counts as asked: the query log, or every level of the cubes' hierarchies alike; the log
    /// where it has questions of cubes, if nothing is said
    #[arg(long, value_enum, value_name = "FROM")]
    workload: Option<From>,
    /// Look at so many rows of larger facts to estimate sizes; smaller ones are counted
    #[arg(long, value_name = "ROWS", default_value_t = SAMPLE_ROWS,
          value_parser = clap::value_parser!(u64).range(1000..))]
    sample: u64,
    /// Print the advice as JSON
    #[arg(long)]
    json: bool,
    /// Write the advised aggregates as YAML; of several cubes a file each
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    write: Option<PathBuf>,
    /// Build the advised aggregates as a release, and declare those that fit the budget as they were
    /// built, in schemas/aggregates/
    #[arg(long)]
    apply: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// The questions that were asked
    Log,
    /// The hierarchies of the cubes
    Model,
}

fn room(text: &str) -> std::result::Result<Room, String> {
    text.parse()
}

/// Takes advice, tells it, and writes it where that is asked.
pub(super) async fn run(project: &Project, args: &Args) -> std::result::Result<(), Failure> {
    let source = args.workload.map(|from| match from {
        From::Log => Source::Log,
        From::Model => Source::Model,
    });
    let request = Request { source, budget: args.budget, sample_rows: args.sample };
    let mut advice = advise(&project.engine, &request).await?;
    let built = match args.apply && !advice.keep.is_empty() {
        true => Some(built(project, &mut advice).await?),
        false => None,
    };
    let files = match (&args.write, args.apply) {
        (Some(file), _) => beside(file, &advice),
        (None, true) => within(&project.declared.root, &advice),
        (None, false) => Vec::new(),
    };
    checked(project, &files)?;
    for (path, text) in &files {
        write_new(path, text)?;
    }
    let mut out = io::stdout();
    match args.json {
        true => writeln!(out, "{:#}", as_json(&advice))?,
        false => write!(out, "{}", in_words(&advice))?,
    }
    // What is read as JSON is nothing else.
    let mut told: Box<dyn Write> = if args.json { Box::new(io::stderr()) } else { Box::new(out) };
    for line in built.iter().flatten() {
        writeln!(told, "{line}")?;
    }
    for (path, _) in &files {
        writeln!(told, "wrote {}", path.display())?;
    }
    if files.is_empty() && !advice.keep.is_empty() && !args.json {
        writeln!(
            told,
            "--apply builds them and declares them in the project, --write FILE writes them elsewhere"
        )?;
    }
    Ok(())
}

/// Builds what is advised, and leaves out of the advice what is beyond the budget as it was built;
/// says what came of it.
async fn built(project: &Project, advice: &mut Advice) -> Result<Vec<String>> {
    let model = checked(project, &within(&project.declared.root, advice))?;
    let progress: Arc<dyn Progress> = Arc::new(Quiet);
    let Project { engine, clock, .. } = project;
    let mut choice = Choice::of(advice);
    // As the model's reader understands what is written: it is not built again then.
    for one in &mut choice.keep {
        let declared = model.cube(&one.cube).map(|cube| cube.aggregates.iter());
        let mut declared = declared.into_iter().flatten();
        if let Some(declared) = declared.find(|declared| declared.name == one.aggregate.name) {
            one.aggregate = declared.clone();
        }
    }
    let (summary, kept) =
        Summarising { engine, clock, progress: &progress }.adopt(&choice, false).await?;
    let Kept { keep, left_out } = kept;
    advice.keep.retain(|advised| {
        keep.iter()
            .any(|one| one.cube == advised.cube && one.aggregate.name == advised.aggregate.name)
    });
    if !left_out.is_empty() {
        let note =
            "some of it is left out as it was built: what is read then is a little more than told";
        advice.notes.push(note.to_owned());
    }
    let mut lines: Vec<String> = left_out
        .iter()
        .map(|one| {
            format!("{}.{} as built is beyond the budget: left out", one.cube, one.aggregate.name)
        })
        .collect();
    if let Some(release) = summary.release {
        lines.push(format!("built them in release {release}"));
    }
    lines.extend(summary.aggregates.iter().filter_map(AggregateSummary::told));
    lines.extend(summary.notes);
    Ok(lines)
}

/// The advised aggregates of each cube, as YAML.
fn documents(advice: &Advice) -> BTreeMap<&str, String> {
    let mut cubes: BTreeMap<&str, Vec<&Advised>> = BTreeMap::new();
    for advised in &advice.keep {
        cubes.entry(&advised.cube).or_default().push(advised);
    }
    let documents = cubes.into_iter().map(|(cube, advised)| {
        (cube, written(cube, advised.iter().map(|advised| &advised.aggregate)))
    });
    documents.collect()
}

/// The file named, or where there are several cubes one beside it for each.
fn beside(file: &Path, advice: &Advice) -> Vec<(PathBuf, String)> {
    let documents = documents(advice);
    let is_one = documents.len() == 1;
    let named = |cube: &str| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let extension = file.extension().unwrap_or("yaml".as_ref()).to_string_lossy();
        file.with_file_name(format!("{stem}_{cube}.{extension}"))
    };
    let named = |cube| if is_one { file.to_owned() } else { named(cube) };
    documents.into_iter().map(|(cube, text)| (named(cube), text)).collect()
}

/// Files of the project that are not there yet.
fn within(root: &Path, advice: &Advice) -> Vec<(PathBuf, String)> {
    let folder = root.join("schemas").join("aggregates");
    let free = |cube: &str| {
        let names = std::iter::once(format!("{cube}.yaml"));
        let mut names = names.chain((2..).map(|number| format!("{cube}_{number}.yaml")));
        names.find(|name| !folder.join(name).exists()).unwrap_or_default()
    };
    documents(advice).into_iter().map(|(cube, text)| (folder.join(free(cube)), text)).collect()
}

/// Whether the files are free, and the project's model holds with them.
fn checked(project: &Project, files: &[(PathBuf, String)]) -> Result<Model> {
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        let error = Error::new(ErrorKind::Conflict, "the file is there already").retryable(false);
        return Err(error.with("file", path.display()).hint("name another, or delete it first"));
    }
    let mut schemas = files::yaml(&project.declared.root, "schemas")?;
    let named = files.iter().map(|(path, text)| (path.display().to_string(), text.clone()));
    schemas.extend(named);
    let faulty = "what is advised cannot be declared";
    model::load(&schemas).map_err(|faults| Error::internal(faulty).caused_by(faults))
}

/// What is there already is never overwritten.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let cannot = |error: io::Error| {
        Error::new(ErrorKind::Unavailable, "cannot write the file")
            .with("file", path.display())
            .caused_by(error)
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)
}

fn in_words(advice: &Advice) -> String {
    let mut text = asked(advice);
    if advice.keep.is_empty() {
        text += "nothing more is worth keeping\n";
    } else {
        let heading =
            ["keep", "by", "measures", "rows", "size", "answers", "rows read: now", "then"];
        let mut list = headed(heading);
        for advised in &advice.keep {
            let about = if advised.is_exact { "" } else { "~" };
            let by = advised.aggregate.roles.iter().chain(&advised.aggregate.columns);
            list.add_row([
                Cell::new(format!("{}.{}", advised.cube, advised.aggregate.name)),
                Cell::new(folded(by)),
                Cell::new(folded(&advised.aggregate.measures)),
                number(format!("{about}{}", table::count(advised.rows))),
                number(format!("~{}", table::bytes(advised.bytes))),
                number(percent(advised.share)),
                number(table::count(advised.rows_read.0)),
                number(format!("{about}{}", table::count(advised.rows_read.1))),
            ]);
        }
        let _ = writeln!(text, "{list}");
    }
    let new: u64 = advice.keep.iter().map(|advised| advised.bytes).sum();
    let _ = writeln!(
        text,
        "room: {} beside facts of {}; declared aggregates take {}, these about {}",
        table::bytes(advice.budget_bytes),
        table::bytes(advice.facts_bytes),
        table::bytes(advice.declared_bytes),
        table::bytes(new)
    );
    let (now, then) = advice.rows_read;
    let part = then as f64 / (now as f64).max(1.0);
    if advice.workload.source == Source::Log && !advice.keep.is_empty() {
        let (now, then) = (table::count(now), table::count(then));
        let _ = writeln!(
            text,
            "rows read by all questions: {now} now, {then} then ({})",
            percent(part)
        );
    } else if !advice.keep.is_empty() {
        let _ = writeln!(text, "rows read by all questions: {} of now", percent(part));
    }
    for unused in &advice.unused {
        let (name, size) = (format!("{}.{}", unused.cube, unused.name), table::bytes(unused.bytes));
        let _ = writeln!(text, "declared, but answers none of these questions: {name} ({size})");
    }
    text
}

/// What counts as asked.
fn asked(advice: &Advice) -> String {
    let workload = &advice.workload;
    let mut text = match workload.source {
        Source::Log => format!(
            "{} questions of cubes in the log, {} different; {} of other tables; loads meanwhile: {}\n",
            table::count(workload.questions),
            table::count(workload.texts as u64),
            table::count(workload.elsewhere),
            table::count(workload.loads)
        ),
        Source::Model => format!(
            "{} questions that the cubes' hierarchies allow, by one or two levels each\n",
            table::count(workload.texts as u64)
        ),
    };
    for note in &advice.notes {
        let _ = writeln!(text, "{note}");
    }
    let (count, first) = &workload.unplanned;
    if *count > 0 {
        let _ =
            writeln!(text, "{count} texts of the log cannot be planned any more and do not count:");
    }
    for unplanned in first {
        let asked: String = unplanned.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ =
            writeln!(text, "  {} ({} times): {}", short(&asked), unplanned.times, unplanned.why);
    }
    if workload.left_out > 0 {
        let left_out = table::count(workload.left_out as u64);
        let _ = writeln!(text, "{left_out} texts that are asked least do not count");
    }
    text
}

/// Names, three to a line.
fn folded<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    names.chunks(3).map(|line| line.join(", ")).collect::<Vec<_>>().join(",\n")
}

fn short(text: &str) -> String {
    const MOST: usize = 60;
    match text.chars().count() > MOST {
        true => text.chars().take(MOST - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn as_json(advice: &Advice) -> serde_json::Value {
    let keep = advice.keep.iter().map(|advised| {
        let aggregate = &advised.aggregate;
        serde_json::json!({
            "cube": advised.cube,
            "name": aggregate.name,
            "fact": aggregate.fact,
            "dimensions": aggregate.roles,
            "columns": aggregate.columns,
            "measures": aggregate.measures,
            "rows": advised.rows,
            "rows_exact": advised.is_exact,
            "bytes": advised.bytes,
            "share_of_questions": advised.share,
            "rows_read_now": advised.rows_read.0,
            "rows_read_then": advised.rows_read.1,
        })
    });
    let unused = advice.unused.iter().map(|unused| {
        serde_json::json!({"cube": unused.cube, "name": unused.name, "bytes": unused.bytes})
    });
    let workload = &advice.workload;
    serde_json::json!({
        "workload": {
            "source": match workload.source { Source::Log => "log", Source::Model => "model" },
            "questions": workload.questions,
            "different": workload.texts,
            "elsewhere": workload.elsewhere,
            "unplanned": workload.unplanned.0,
            "left_out": workload.left_out,
            "loads": workload.loads,
        },
        "facts_bytes": advice.facts_bytes,
        "budget_bytes": advice.budget_bytes,
        "declared_bytes": advice.declared_bytes,
        "rows_read_now": advice.rows_read.0,
        "rows_read_then": advice.rows_read.1,
        "keep": keep.collect::<Vec<_>>(),
        "unused": unused.collect::<Vec<_>>(),
        "notes": advice.notes,
    })
}
