//! `starhouse aggregates advise`: which aggregates are worth their bytes.

use crate::aggregate::advise::{Advice, Advised, Budget, Request, Source, advise, written};
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::project::Project;
use crate::cli::table::{self, headed, number};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::model;
use clap::ValueEnum;
use comfy_table::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What advice is asked, and what becomes of it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Room for all aggregates together, declared ones included: bytes (512MB), or a part of what
    /// the facts weigh (50%)
    #[arg(long, value_name = "SIZE", default_value = "25%", value_parser = budget)]
    budget: Budget,
    /// What counts as asked: the query log, or every level of the cubes' hierarchies alike; the log
    /// where it has questions of cubes, if nothing is said
    #[arg(long, value_enum, value_name = "FROM")]
    workload: Option<From>,
    /// Look at so many rows of larger facts to estimate sizes; smaller ones are counted
    #[arg(long, value_name = "ROWS", default_value_t = 200_000,
          value_parser = clap::value_parser!(u64).range(1000..))]
    sample: u64,
    /// Print the advice as JSON
    #[arg(long)]
    json: bool,
    /// Write the advised aggregates as YAML; of several cubes a file each
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    write: Option<PathBuf>,
    /// Write the advised aggregates into the project, to schemas/aggregates/
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

fn budget(text: &str) -> std::result::Result<Budget, String> {
    let Some(percent) = text.trim().strip_suffix('%') else {
        let told =
            |_| format!("expected bytes such as 512MB, or a share such as 50%, found `{text}`");
        return config::bytes(text).map(|bytes| Budget::Bytes(bytes as u64)).map_err(told);
    };
    match percent.trim().parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent <= 10_000.0 => Ok(Budget::Share(percent / 100.0)),
        _ => Err(format!("expected a share such as 50%, found `{text}`")),
    }
}

/// Takes advice, tells it, and writes it where that is asked.
pub(super) async fn run(project: &Project, args: &Args) -> std::result::Result<(), Failure> {
    let source = args.workload.map(|from| match from {
        From::Log => Source::Log,
        From::Model => Source::Model,
    });
    let request = Request { source, budget: args.budget, sample_rows: args.sample };
    let advice = advise(&project.engine, &request).await?;
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
    for (path, _) in &files {
        writeln!(told, "wrote {}", path.display())?;
    }
    match (args.apply, files.is_empty()) {
        (true, false) => {
            writeln!(told, "`starhouse aggregates build` builds them; so does a load")?
        }
        (false, true) if !advice.keep.is_empty() && !args.json => {
            writeln!(
                told,
                "--apply declares them in the project, --write FILE writes them elsewhere"
            )?;
        }
        _ => {}
    }
    Ok(())
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
fn checked(project: &Project, files: &[(PathBuf, String)]) -> Result<()> {
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        let error = Error::new(ErrorKind::Conflict, "the file is there already").retryable(false);
        return Err(error.with("file", path.display()).hint("name another, or delete it first"));
    }
    let mut schemas = files::yaml(&project.declared.root, "schemas")?;
    let named = files.iter().map(|(path, text)| (path.display().to_string(), text.clone()));
    schemas.extend(named);
    match model::load(&schemas) {
        Ok(_) => Ok(()),
        Err(faults) => Err(Error::internal("what is advised cannot be declared").caused_by(faults)),
    }
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

#[cfg(test)]
mod tests {
    use super::{Budget, budget};

    #[test]
    fn budgets_as_people_write_them() {
        assert_eq!(budget("25%"), Ok(Budget::Share(0.25)));
        assert_eq!(budget(" 12.5 %"), Ok(Budget::Share(0.125)));
        assert_eq!(budget("512MB"), Ok(Budget::Bytes(512_000_000)));
        assert_eq!(budget("1 GiB"), Ok(Budget::Bytes(1 << 30)));
        for wrong in ["-5%", "0%", "much", "12 %%", ""] {
            let told = budget(wrong).unwrap_err();
            assert!(told.contains("expected"), "{wrong}: {told}");
        }
    }
}
