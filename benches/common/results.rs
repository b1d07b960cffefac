//! `benches/results/`: figures as JSON for programs, and what is drawn from them: the plots and
//! the table in the document that shows it.

use super::load::{Load, Loaded, Store};
use super::machine::Run;
use super::measured::{Column, Measured};
use super::{Args, Benchmark, Outcome, document, plot, tables};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The figures of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    benchmark: String,
    pub(crate) scale: Number,
    threads: usize,
    memory_gib: usize,
    pub(crate) run: Run,
    /// Facts, the bytes of the warehouse, and those of the text it was loaded from.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    text_bytes: u64,
    /// Of now, or of when the warehouse was loaded.
    pub(crate) loads: Vec<Loaded>,
    engines: Vec<EngineFigures>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EngineFigures {
    engine: String,
    /// By query, in their order.
    times_ms: Map<String, Value>,
    /// Why queries have no answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    failed: BTreeMap<String, String>,
    /// The most memory its process held while it was asked.
    peak_bytes: Option<u64>,
}

impl Figures {
    pub(crate) fn new(
        benchmark: &Benchmark,
        args: &Args,
        run: &Run,
        load: &Load,
        columns: &[Column],
    ) -> Self {
        let whole = args.scale.fract() == 0.0;
        let scale = if whole { None } else { Number::from_f64(args.scale) };
        let ours = |one: &&Loaded| one.store == Store::Starhouse;
        let loads = load.loads.all.iter().filter(|one| !args.no_peers || ours(one));
        Self {
            benchmark: benchmark.name.to_owned(),
            scale: scale.unwrap_or_else(|| Number::from(args.scale as u64)),
            threads: args.threads,
            memory_gib: args.memory_gib,
            run: run.clone(),
            rows: load.rows,
            bytes: load.bytes,
            text_bytes: load.text_bytes,
            loads: loads.cloned().collect(),
            engines: columns.iter().map(EngineFigures::of).collect(),
        }
    }

    /// The name of its files, without an ending.
    fn file(&self) -> String {
        format!("{}-{}", self.benchmark, self.scale)
    }

    /// Puts the figures into a folder of results.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.json", self.file()));
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(path)
    }

    /// The figures of the last run of a benchmark's scale.
    #[allow(dead_code, reason = "not every benchmark makes claims of its figures")]
    pub(crate) fn last(benchmark: &str, scale: f64, folder: &Path) -> Outcome<Self> {
        let path = folder.join(format!("{benchmark}-{scale}.json"));
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// What each engine took, without its answers.
    pub(crate) fn columns(&self) -> Outcome<Vec<Column>> {
        self.engines.iter().map(EngineFigures::column).collect()
    }

    /// How the warehouse came about, if that was measured.
    pub(crate) fn loaded_by_starhouse(&self) -> Option<&Loaded> {
        self.loads.iter().find(|load| load.store == Store::Starhouse)
    }
}

impl EngineFigures {
    fn of(column: &Column) -> Self {
        let times = column.answered().map(|one| (one.query.clone(), one.times_ms.clone().into()));
        let failed = column.measured.iter();
        let failed = failed.filter_map(|one| Some((one.query.clone(), one.failed.clone()?)));
        Self {
            engine: column.title.clone(),
            times_ms: times.collect(),
            failed: failed.collect(),
            peak_bytes: column.peak_bytes,
        }
    }

    fn column(&self) -> Outcome<Column> {
        let mut measured = Vec::new();
        for (query, times) in &self.times_ms {
            let times_ms = serde_json::from_value(times.clone())?;
            measured.push(Measured { query: query.clone(), times_ms, rows: vec![], failed: None });
        }
        for (query, why) in &self.failed {
            let (query, failed) = (query.clone(), Some(why.clone()));
            measured.push(Measured { query, times_ms: vec![], rows: vec![], failed });
        }
        let (title, peak_bytes) = (self.engine.clone(), self.peak_bytes);
        Ok(Column { title, measured, peak_bytes })
    }
}

/// Draws all plots of a benchmark again, and the table of its largest scale in its document.
pub(crate) fn redraw(benchmark: &Benchmark, root: &Path) -> Outcome<()> {
    let mut largest: Option<Figures> = None;
    for entry in std::fs::read_dir(root.join("benches/results"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !(name.starts_with(&format!("{}-", benchmark.name)) && name.ends_with(".json")) {
            continue;
        }
        let figures: Figures = serde_json::from_slice(&std::fs::read(&path)?)?;
        let queries = benchmark.query_names();
        let plot = plot::draw(benchmark.title, &queries, &figures)?;
        std::fs::write(path.with_extension("svg"), plot)?;
        if largest.as_ref().is_none_or(|other| other.scale.as_f64() < figures.scale.as_f64()) {
            largest = Some(figures);
        }
    }
    let Some(figures) = largest else { return Ok(()) };
    let table = tables::engines(&figures)?;
    let file = figures.file();
    document::put(root, benchmark.name, |to_root| {
        let link = |kind| format!("[{file}.{kind}]({to_root}benches/results/{file}.{kind})");
        format!("\n{table}\n{}: every query, and {} as a plot.\n\n", link("md"), link("svg"))
    })
}
