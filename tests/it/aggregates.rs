//! `starhouse aggregates`, run as people run it, on the sample warehouse: questions are asked, advice
//! is taken of them, applied and built, and the same questions get the same answers from what was
//! advised.

use super::support::{starhouse, starhouse_output};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Questions that nothing which the sample declares answers, each with a fact's own way to be asked:
/// by attributes, a distinct count, a year before, a balance.
const QUESTIONS: [&str; 4] = [
    "SELECT month, segment, MEASURE(revenue) AS revenue, MEASURE(margin_rate) AS rate \
     FROM cubes.sales GROUP BY month, segment ORDER BY month, segment",
    "SELECT loyalty_tier, MEASURE(buyers) AS buyers, MEASURE(lines) AS lines \
     FROM cubes.sales GROUP BY loyalty_tier ORDER BY loyalty_tier",
    "SELECT quarter, category, MEASURE(revenue) AS revenue, MEASURE(revenue_last_year) AS before \
     FROM cubes.sales GROUP BY quarter, category ORDER BY quarter, category",
    "SELECT segment, month, MEASURE(balance_owed) AS owed FROM cubes.balances \
     GROUP BY segment, month ORDER BY segment, month",
];

fn sql(project: &str, question: &str) -> String {
    starhouse(&["sql", "--format", "csv", "--project", project, question])
}

/// Which aggregates answer, or why none does.
fn routing(project: &str, question: &str) -> String {
    let explained = sql(project, &format!("EXPLAIN {question}"));
    let plan = explained.find("logical_plan").unwrap_or(explained.len());
    explained[..plan].to_owned()
}

fn advice(project: &str, more: &[&str]) -> Value {
    let arguments = [&["aggregates", "advise", "--json", "--project", project], more].concat();
    serde_json::from_str(&starhouse(&arguments)).unwrap()
}

fn sum_of_bytes(advice: &Value) -> u64 {
    let keep = advice["keep"].as_array().unwrap().iter();
    keep.map(|advised| advised["bytes"].as_u64().unwrap()).sum()
}

#[test]
fn advice_answers_what_was_asked_with_the_same_answers() {
    let folder = TempDir::new().unwrap();
    let project = folder.path().to_str().unwrap();
    starhouse(&["demo", "--no-serve", "--dir", project]);
    let answers: Vec<String> = QUESTIONS.iter().map(|question| sql(project, question)).collect();
    for question in QUESTIONS {
        let why = routing(project, question);
        assert!(why.contains("base rows"), "{question}: {why}");
    }
    let again = folder.path().join("again.sql");
    fs::write(&again, QUESTIONS.map(|question| format!("{question};\n")).concat().repeat(9))
        .unwrap();
    starhouse(&["sql", "--project", project, "-f", again.to_str().unwrap()]);

    // What could be asked, of facts too that know a level only.
    assert_eq!(advice(project, &["--workload", "model"])["workload"]["source"], "model");
    let budget = ["--budget", "200%"];
    let advised = advice(project, &budget);
    assert_eq!(advised["workload"]["source"], "log", "{advised:#}");
    assert_eq!(advised["workload"]["unplanned"], 0, "{advised:#}");
    assert!(advised["workload"]["questions"].as_u64().unwrap() >= 40, "{advised:#}");
    let all = advised["declared_bytes"].as_u64().unwrap() + sum_of_bytes(&advised);
    assert!(all <= advised["budget_bytes"].as_u64().unwrap(), "{advised:#}");
    let read = |when| advised[format!("rows_read_{when}").as_str()].as_u64().unwrap();
    assert!(read("then") < read("now") / 2, "{advised:#}");
    assert_eq!(advised, advice(project, &budget), "advice is the same again");

    // From a sample of the rows the same names come, about as large.
    let sampled = advice(project, &[&budget[..], &["--sample", "20000"]].concat());
    assert_eq!(sampled, advice(project, &[&budget[..], &["--sample", "20000"]].concat()));
    sizes_are_alike(&advised, &sampled);

    // Within less there is less, and never more than that.
    let little = advice(project, &["--budget", "1%"]);
    assert!(little["keep"].as_array().unwrap().is_empty(), "{little:#}");
    assert!(little["notes"][0].as_str().unwrap().contains("leave no room"), "{little:#}");

    let applying = ["aggregates", "advise", "--apply", "--budget", "200%", "--project", project];
    let told = starhouse(&applying);
    assert!(told.contains("schemas/aggregates/sales.yaml"), "{told}");
    assert!(told.contains("built them in release 3"), "{told}");
    starhouse(&["check", "--project", project]);
    let nothing = starhouse(&["aggregates", "build", "--project", project]);
    assert!(nothing.contains("nothing new; nothing published"), "{nothing}");
    for (question, answer) in QUESTIONS.iter().zip(&answers) {
        let why = routing(project, question);
        assert!(!why.contains("base rows") && why.contains(" answers"), "{question}: {why}");
        assert_eq!(sql(project, question), *answer, "{question}");
    }
    sizes_are_as_told(project, &advised);

    // A load finds all in order, and further advice nothing that is worth more.
    let loaded = starhouse(&["etl", "run", "--project", project]);
    assert!(loaded.contains("nothing new"), "{loaded}");
    let more = advice(project, &budget);
    let now = |advice: &Value| advice["rows_read_now"].as_u64().unwrap();
    assert!(now(&more) < now(&advised) / 2, "{more:#}");
    let kept = |advice: &Value| advice["keep"].as_array().unwrap().len();
    assert!(kept(&more) < kept(&advised), "{more:#}");
}

/// Rows of what is advised either way: an estimate is within what its sample guarantees, and not all
/// of them are counted.
fn sizes_are_alike(counted: &Value, sampled: &Value) {
    let mut both = 0;
    for one in sampled["keep"].as_array().unwrap() {
        let same = |other: &&Value| {
            ["cube", "dimensions", "columns"].iter().all(|key| one[*key] == other[*key])
        };
        let Some(other) = counted["keep"].as_array().unwrap().iter().find(same) else { continue };
        let (told, rows) = (one["rows"].as_f64().unwrap(), other["rows"].as_f64().unwrap());
        println!("{}: {told} from a sample, {rows} counted", one["name"]);
        assert!((told / rows).max(rows / told) < 4.0, "{one:#}\n{other:#}");
        both += 1;
    }
    assert!(both > 0, "{sampled:#}");
    let exact = |one: &Value| one["rows_exact"].as_bool().unwrap();
    assert!(!sampled["keep"].as_array().unwrap().iter().all(exact), "{sampled:#}");
}

/// What was estimated is near what was built: exactly where all rows of the fact were looked at.
fn sizes_are_as_told(project: &str, advised: &Value) {
    let listed = starhouse(&["aggregates", "list", "--project", project]);
    for one in advised["keep"].as_array().unwrap() {
        let name = one["name"].as_str().unwrap();
        // Two cubes may each have one of that name.
        let own = [one["cube"].as_str().unwrap(), name];
        let is_own =
            |line: &&str| line.split('┆').map(|cell| cell.trim_matches([' ', '│'])).take(2).eq(own);
        let line = listed.lines().find(is_own);
        let line = line.unwrap_or_else(|| panic!("{name} is not in\n{listed}"));
        let rows = line.split('┆').nth(4).unwrap().trim().replace(',', "");
        let (rows, told) = (rows.parse::<u64>().unwrap(), one["rows"].as_u64().unwrap());
        let size = line.split('┆').nth(5).unwrap().trim_matches([' ', '│']);
        println!("{name}: {} bytes told, {size} built", one["bytes"]);
        match one["rows_exact"].as_bool().unwrap() {
            true => assert_eq!(told, rows, "{name}"),
            false => assert!(told <= rows * 2 && rows <= told * 2, "{name}: {told} for {rows}"),
        }
    }
}

/// A new project, loaded.
fn shop() -> TempDir {
    let folder = TempDir::new().unwrap();
    let project = folder.path().to_str().unwrap();
    starhouse(&["init", project]);
    starhouse(&["etl", "run", "--project", project]);
    folder
}

#[test]
fn without_questions_every_level_counts_alike() {
    let folder = shop();
    let project = folder.path().to_str().unwrap();
    let told = starhouse(&["aggregates", "advise", "--project", project]);
    assert!(told.contains("the log has no question of a cube"), "{told}");
    let advised = advice(project, &["--workload", "model", "--budget", "1000%"]);
    assert_eq!(advised["workload"]["source"], "model", "{advised:#}");
    assert!(advised["workload"]["different"].as_u64().unwrap() > 10, "{advised:#}");
    assert!(advised["unused"].as_array().unwrap().is_empty(), "{advised:#}");
}

#[test]
fn texts_that_no_longer_plan_are_told() {
    let folder = shop();
    let project = folder.path().to_str().unwrap();
    let question = "SELECT category, MEASURE(pieces) FROM cubes.shop GROUP BY category";
    sql(project, question);
    let (cube, without) = without_a_measure(folder.path(), "pieces");
    fs::write(cube, without).unwrap();
    let told = starhouse(&["aggregates", "advise", "--project", project]);
    assert!(told.contains("1 texts of the log cannot be planned any more"), "{told}");
    assert!(told.contains("pieces") && told.contains("(1 times)"), "{told}");
}

/// The shop's cube without a measure and what is made of it.
fn without_a_measure(project: &Path, measure: &str) -> (std::path::PathBuf, String) {
    let cube = project.join("schemas/shop.yaml");
    let text = fs::read_to_string(&cube).unwrap().replace(&format!(", {measure}]"), "]");
    let kept = text.lines().filter(|line| !line.contains(measure));
    (cube, kept.map(|line| format!("{line}\n")).collect())
}

#[test]
fn what_is_written_is_a_document_that_holds_and_is_never_overwritten() {
    let folder = shop();
    let project = folder.path().to_str().unwrap();
    let file = folder.path().join("schemas/advised.yaml");
    let writing = [
        "aggregates",
        "advise",
        "--workload",
        "model",
        "--budget",
        "1000%",
        "--project",
        project,
        "--write",
        file.to_str().unwrap(),
    ];
    let told = starhouse(&writing);
    assert!(!told.contains("nothing more is worth keeping"), "{told}");
    assert!(fs::read_to_string(&file).unwrap().contains("aggregates: shop\nkeep:\n"));
    starhouse(&["check", "--project", project]);
    let built = starhouse(&["aggregates", "build", "--project", project]);
    assert!(built.contains("agg_shop_"), "{built}");

    let again = starhouse_output(&writing);
    let error = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(1), "{error}");
    assert!(error.contains("the file is there already"), "{error}");

    // What is not declared any more is dropped.
    fs::remove_file(&file).unwrap();
    let built = starhouse(&["aggregates", "build", "--project", project]);
    assert!(built.contains("is declared no more: dropped"), "{built}");
}

#[test]
fn wrong_use_is_told() {
    let folder = shop();
    let project = folder.path().to_str().unwrap();
    let wrong = |arguments: &[&str]| {
        let output = starhouse_output(&[arguments, &["--project", project]].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, error) = wrong(&["aggregates", "advise", "--budget", "lots"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("expected bytes such as 512MB, or a share such as 50%"), "{error}");
    let (code, error) = wrong(&["aggregates", "advise", "--workload", "lag"]);
    assert_eq!(code, Some(2), "{error}");
    let (code, error) = wrong(&["aggregates", "advise", "--apply", "--write", "x.yaml"]);
    assert_eq!(code, Some(2), "{error}");

    let empty = TempDir::new().unwrap();
    let project = empty.path().to_str().unwrap();
    starhouse(&["init", project]);
    let output = starhouse_output(&["aggregates", "advise", "--project", project]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("no fact of a cube is loaded yet"), "{error}");
}
