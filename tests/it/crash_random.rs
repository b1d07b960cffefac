//! The real binary killed with `kill -9` at moments by chance, again and again.
//!
//! Orders arrive, and runs, compactions and vacuums are killed wherever they are. Whoever looks then
//! finds whole files of orders, each once, never fewer than before; and the warehouse opens at once.

use crate::crash::{arrive, new_project, printed, starhouse, truth};
use starhouse::clock::FixedClock;
use starhouse::store::Warehouse;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who opens a warehouse after a kill must have it in this time.
const RECOVERY: Duration = Duration::from_secs(2);

/// Numbers by chance, the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

/// Orders, and their cents; none before the first release.
fn orders(project: &Path) -> (usize, usize) {
    const SQL: &str =
        "SELECT count(*), CAST(sum(amount) * 100 AS BIGINT) FROM warehouse.fact_orders";
    let output = starhouse(project, &["sql", "--format", "csv", SQL]).output().unwrap();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains("there is no table"), "{errors}");
        return (0, 0);
    }
    let rows = printed(&output);
    let (count, cents) = rows.lines().nth(1).unwrap().split_once(',').unwrap();
    (count.parse().unwrap(), cents.parse().unwrap())
}

async fn cycles(count: usize) {
    let project = new_project();
    let project = project.path();
    let mut dice = Dice(7);
    let (mut seen, mut arrived, mut killed, mut slowest) = (0, 0, 0, Duration::ZERO);
    let commands: [&[&str]; 5] = [
        &["etl", "run"],
        &["etl", "run"],
        &["etl", "run"],
        &["compact", "--all"],
        &["vacuum", "--keep", "2"],
    ];
    // What a run takes, to kill within it.
    let mut took = Duration::from_millis(600);
    for cycle in 0..count {
        if dice.roll(2) == 0 || cycle == 0 {
            arrive(project, arrived);
            arrived += 1;
        }
        let command = commands[usize::try_from(dice.roll(5)).unwrap()];
        let begun = Instant::now();
        let mut child = starhouse(project, command).spawn().unwrap();
        let until = took.mul_f64(dice.roll(1_100) as f64 / 1_000.0);
        while begun.elapsed() < until && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        } else if command[0] == "etl" {
            took = begun.elapsed().max(Duration::from_millis(50));
        }
        child.wait_with_output().unwrap();
        let opening = Instant::now();
        let clock = Arc::new(FixedClock("2026-01-01T00:00:00Z".parse().unwrap()));
        drop(Warehouse::open(&project.join("warehouse"), clock).await.unwrap());
        slowest = slowest.max(opening.elapsed());
        let now = orders(project);
        let whole = (seen..=arrived).find(|files| truth(*files) == now);
        seen = whole
            .unwrap_or_else(|| panic!("cycle {cycle}: {now:?} after {seen} files of {arrived}"));
    }
    printed(&starhouse(project, &["etl", "run"]).output().unwrap());
    assert_eq!(orders(project), truth(arrived), "in the end everything is there once");
    eprintln!(
        "{count} cycles, {killed} kills, {arrived} files; the slowest recovery took {} ms",
        slowest.as_millis()
    );
    assert!(killed * 3 > count, "only {killed} of {count} were killed in time");
    assert!(slowest < RECOVERY, "recovery took {slowest:?}");
}

#[tokio::test]
async fn kills_at_random_moments_lose_nothing() {
    cycles(25).await;
}

#[tokio::test]
#[ignore = "needs some minutes"]
async fn many_kills_at_random_moments_lose_nothing() {
    cycles(if std::env::var_os("STARHOUSE_FULL").is_some() { 5_000 } else { 200 }).await;
}
