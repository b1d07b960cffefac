//! `starhouse init`: a new project with a small shop in it, to be changed into one's own.

use super::failure::Failure;
use crate::config::{self, SETTINGS, environment_variable};
use crate::error::{Error, ErrorKind, Result};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Make a new project: settings, a small star schema, its jobs and sources
///
/// What is there already is never overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse init shop\n  starhouse etl run --project shop")]
pub(super) struct Args {
    /// The folder; made if need be
    #[arg(value_name = "D")]
    folder: PathBuf,
}

/// The starter project: where a file goes, and what is in it.
const FILES: [(&str, &str); 11] = [
    ("schemas/date.yaml", include_str!("../../schemas/starter/date.yaml")),
    ("schemas/product.yaml", include_str!("../../schemas/starter/product.yaml")),
    ("schemas/orders.yaml", include_str!("../../schemas/starter/orders.yaml")),
    ("schemas/shop.yaml", include_str!("../../schemas/starter/shop.yaml")),
    ("etl/products.yaml", include_str!("../../etl/starter/products.yaml")),
    ("etl/orders.yaml", include_str!("../../etl/starter/orders.yaml")),
    (
        "tests/revenue_by_month.yaml",
        include_str!("../../tests/projects/starter/revenue_by_month.yaml"),
    ),
    (
        "tests/no_sum_of_averages.yaml",
        include_str!("../../tests/projects/starter/no_sum_of_averages.yaml"),
    ),
    ("sources/products.csv", include_str!("../../etl/starter/sources/products.csv")),
    ("sources/orders_2025_01.csv", include_str!("../../etl/starter/sources/orders_2025_01.csv")),
    ("sources/orders_2025_02.csv", include_str!("../../etl/starter/sources/orders_2025_02.csv")),
];

/// Writes the project.
pub(super) fn run(args: &Args) -> std::result::Result<(), Failure> {
    let settings = settings();
    let all = FILES.iter().copied();
    // The settings come last: a folder that has them is whole.
    let all: Vec<(&str, &str)> =
        all.chain([(".gitignore", "/warehouse/\n/.spill/\n"), (config::FILE, &settings)]).collect();
    if let Some((name, _)) = all.iter().find(|(name, _)| args.folder.join(name).exists()) {
        return Err(Error::user("the folder is not free for a new project")
            .with("file", args.folder.join(name).display())
            .hint("name another folder")
            .into());
    }
    for (name, text) in &all {
        write(&args.folder.join(name), text)?;
    }
    let folder = args.folder.display();
    writeln!(
        io::stdout(),
        "made {} files in {folder}. Next:\n  \
         starhouse check --project {folder}\n  \
         starhouse etl run --project {folder}\n  \
         starhouse test --project {folder}\n  \
         starhouse sql --project {folder} 'SELECT month, category, MEASURE(revenue) FROM cubes.shop \
         GROUP BY month, category ORDER BY month, category'",
        all.len()
    )?;
    Ok(())
}

/// A settings file with every setting commented out.
fn settings() -> String {
    let mut text = "# Settings of this project; every one has a default.\n".to_owned();
    for setting in &SETTINGS {
        let variable = environment_variable(setting.key);
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "\n# {}\n# Default: {}. Environment: {variable}.\n#{}: {}\n",
            setting.doc, setting.default, setting.key, setting.example
        );
    }
    text
}

fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: io::Error| {
        Error::new(ErrorKind::Unavailable, "cannot write")
            .with("file", path.display())
            .caused_by(error)
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Machine};
    use crate::model;

    const MACHINE: Machine = Machine { memory_bytes: None, processors: 4 };

    #[test]
    fn the_starter_model_is_right() {
        let schemas: Vec<_> =
            FILES.into_iter().filter(|(name, _)| name.starts_with("schemas/")).collect();
        let model = model::load(&schemas).map_err(|faults| faults.to_string()).unwrap();
        assert_eq!(model.cubes.len(), 1);
    }

    #[test]
    fn the_settings_are_defaults_and_their_examples_are_right() {
        let text = settings();
        assert_eq!(Config::read(Some(&text), |_| None, MACHINE), Ok(Config::defaults(MACHINE)));
        let examples: String = text
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' '))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(examples.lines().count(), SETTINGS.len());
        Config::read(Some(&examples), |_| None, MACHINE).unwrap();
    }
}
