//! NULL filled from other columns, rows and files; values that must be found somewhere; elements of
//! arrays as rows.

use super::{Project, causes, row, spec};
use proptest::prelude::*;
use starhouse::error::ErrorKind;
use starhouse::etl::extract;
use std::collections::HashMap;

fn of_csv(columns: &str) -> String {
    format!("name: t\nfrom: {{csv: {{path: t.csv}}}}\ncolumns:\n{columns}")
}

const SHEET: &str = "
  - {name: region, type: text, clean: [{null_if: [x]}, {fill_previous: {}}, required]}
  - {name: shop, type: int32, clean: [{fill_previous: {within: [region]}}]}
  - {name: n, type: int32}";

#[tokio::test]
async fn what_is_written_once_is_that_of_the_rows_below() {
    let project = Project::new().await;
    project.write("t.csv", "region,shop,n\n,,0\nNorth,1,1\n,,2\nSouth,,3\n,7,4\n,,5\nNorth,,6\n");
    let outcome = project.extract(&spec(&of_csv(SHEET))).await.unwrap();
    let rows = [
        ["North", "1", "1"],
        ["North", "1", "2"],
        ["South", "~", "3"],
        ["South", "7", "4"],
        ["South", "7", "5"],
        ["North", "1", "6"],
    ];
    assert_eq!(outcome.rows, rows.map(|cells| row(&cells)));
    assert_eq!(causes(&outcome.rejects), vec![(2, "required", Some("region"))]);
}

#[tokio::test]
async fn a_value_that_could_not_be_read_is_not_jumped_over() {
    let project = Project::new().await;
    project.write(
        "t.csv",
        "region,shop,n\nNorth,1,1\n,one,2\n,,3\n,2,4\n,,5\nragged\n,,6\nSouth,3,7\n,,8\n",
    );
    let outcome = project.extract(&spec(&of_csv(SHEET))).await.unwrap();
    let rows = [["North", "1", "1"], ["North", "2", "4"], ["North", "2", "5"]];
    let after = [["South", "3", "7"], ["South", "3", "8"]];
    assert_eq!(
        outcome.rows,
        [&rows[..], &after].concat().iter().map(|r| row(r)).collect::<Vec<_>>()
    );
    let told = causes(&outcome.rejects);
    assert_eq!(
        told,
        vec![
            (3, "type", Some("shop")),
            (4, "fill_previous", Some("shop")),
            (7, "ragged", None),
            (8, "fill_previous", Some("region"))
        ]
    );
    assert!(outcome.rejects[1].reason.contains("line 3 may have had another one"));
    // what may be NULL is
    let null =
        of_csv(SHEET).replace("{within: [region]}}]", "{within: [region]}}], on_error: 'null'");
    let outcome = project.extract(&spec(&null)).await.unwrap();
    assert_eq!(outcome.rows[2], row(&["North", "~", "3"]));
}

#[tokio::test]
async fn nothing_is_carried_from_one_file_into_another() {
    let project = Project::new().await;
    project.write("t1.csv", "region,shop,n\nNorth,1,1\n");
    project.write("t2.csv", "region,shop,n\n,,2\n");
    let outcome = project.extract(&spec(&of_csv(SHEET).replace("t.csv", "t*.csv"))).await.unwrap();
    assert_eq!(outcome.rows.len(), 1);
    assert_eq!(causes(&outcome.rejects), vec![(2, "required", Some("region"))]);
}

/// A row of the random sheets: its group, its value, and whether the row is ragged.
type Drawn = (Option<u8>, Option<u8>, bool);

fn plainly(rows: &[Drawn]) -> Vec<(usize, Option<u8>)> {
    let mut last: HashMap<Option<u8>, u8> = HashMap::new();
    let mut is_lost = false;
    let mut kept = Vec::new();
    for (index, (group, value, ragged)) in rows.iter().enumerate() {
        if *ragged {
            last.clear();
            is_lost = true;
        } else if let Some(value) = value {
            last.insert(*group, *value);
            kept.push((index, Some(*value)));
        } else if last.contains_key(group) || !is_lost {
            kept.push((index, last.get(group).copied()));
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn batches_do_not_matter(
        rows in prop::collection::vec(
            (prop::option::of(0..3_u8), prop::option::weighted(0.2, 0..9_u8), prop::bool::weighted(0.001)),
            8_000..20_000,
        ),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let text = |value: &Option<u8>| value.map(|value| value.to_string()).unwrap_or_default();
        let lines = rows.iter().enumerate().map(|(n, (group, value, ragged))| match ragged {
            true => "x\n".to_owned(),
            false => format!("{},{},{n}\n", text(group), text(value)),
        });
        let lines = format!("g,v,n\n{}", lines.collect::<String>());
        let outcome = runtime.block_on(async {
            let project = Project::new().await;
            project.write("t.csv", lines);
            let yaml = of_csv(
                "  - {name: g, type: int32}\n  - {name: v, type: int32, clean: [{fill_previous: {within: [g]}}]}\n  \
                 - {name: n, type: int32}",
            );
            project.extract(&spec(&yaml)).await.unwrap()
        });
        let found: Vec<(usize, Option<u8>)> = outcome
            .rows
            .iter()
            .map(|row| {
                let number = |at: usize| row[at].as_ref().map(|text| text.parse::<usize>().unwrap());
                (number(2).unwrap(), number(1).map(|value| value as u8))
            })
            .collect();
        prop_assert_eq!(found, plainly(&rows));
    }
}

const LOOKED_UP: &str = "
  - {name: shop, type: int32, clean: [trim, required]}
  - {name: town, type: text, clean: [{fill_lookup: {from: {csv: {path: shops.csv}}, by: {shop: No}, value: Town}}]}
  - {name: size, type: int32, clean: [{fill_expression: \"shop * 10\"}]}
  - {name: note, type: text, clean: [{fill: none}]}
must_exist:
  - {name: a shop is known, from: {csv: {path: shops.csv}}, by: {shop: No}, otherwise: OTHERWISE}";

#[tokio::test]
async fn values_are_looked_up_and_must_exist() {
    let project = Project::new().await;
    project.write("shops.csv", "No;Town\n 07;York\n8;\n9;Bath\n9;Bath\n");
    project.write("t.csv", "shop,town,size,note\n7,,,\n8,,1,a\n9,Leeds,,\n10,,,\n11,,,\n");
    let read = async |otherwise: &str| {
        let yaml = of_csv(LOOKED_UP).replace("OTHERWISE", otherwise);
        project.extract(&spec(&yaml)).await.unwrap()
    };
    let known = [
        row(&["7", "York", "70", "none"]),
        row(&["8", "~", "1", "a"]),
        row(&["9", "Leeds", "90", "none"]),
    ];
    let outcome = read("reject").await;
    assert_eq!(outcome.rows, known);
    assert_eq!(causes(&outcome.rejects), vec![(5, "must_exist", None), (6, "must_exist", None)]);
    let reason = &outcome.rejects[0].reason;
    assert_eq!(reason, "a shop is known: `10` is no No of shops.csv");
    let names: Vec<_> =
        outcome.extracted.extent.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["shops.csv", "t.csv"]);

    let outcome = read("warn").await;
    assert_eq!(outcome.rows[..3], known);
    assert_eq!(outcome.rows[3], row(&["10", "~", "100", "none"]));
    let told: Vec<_> = outcome.extracted.extent.counts.told.iter().collect();
    assert_eq!(
        told,
        ["2 rows stay in spite of `a shop is known`, such as: `10` is no No of \
          shops.csv (t.csv:5)"]
    );
    let spec = spec(&of_csv(LOOKED_UP).replace("OTHERWISE", "warn"));
    let seen = outcome.extracted.extent.inputs;
    let plan = async || extract::plan(project.path(), &spec, Some(&seen)).await.unwrap();
    assert!(plan().await.is_unchanged());
    project.write("shops.csv", "No;Town\n7;York\n10;Hull\n");
    assert!(!plan().await.is_unchanged());
}

#[tokio::test]
async fn a_lookup_that_is_not_right_is_told() {
    let project = Project::new().await;
    project.write("t.csv", "shop,town,size,note\n7,,,\n");
    project.write("shops.csv", "No;Town\n7;York\n");
    let yaml = of_csv(LOOKED_UP).replace("OTHERWISE", "reject");
    assert_eq!(project.extract(&spec(&yaml)).await.unwrap().rows.len(), 1);
    for (from, to, says) in [
        ("value: Town", "value: Twon", "did you mean `Town`"),
        ("by: {shop: No}, value", "by: {shp: No}, value", "did you mean `shop`"),
        ("by: {shop: No}, value", "by: {}, value", "nothing would be found"),
        ("shop * 10", "'x'", "does not become int32 by itself"),
        ("shop * 10", "shp * 10", "no expression over the columns"),
        (
            "{path: shops.csv}}, by: {shop: No}, value",
            "{path: shosp.csv}}, by: {shop: No}, value",
            "shosp.csv",
        ),
        (
            "from: {csv: {path: shops.csv}}, by: {shop: No}, value",
            "by: {shop: No}, value",
            "one of the two",
        ),
        (
            "{fill_expression: \"shop * 10\"}",
            "{fill_expression: shop}, {range: {min: '1'}}",
            "only `required` comes after",
        ),
    ] {
        let wrong = yaml.replacen(from, to, 1);
        assert_ne!(wrong, yaml, "{from}");
        let error = project.extract(&spec(&wrong)).await.err().expect(to);
        assert!(error.to_string().contains(says), "{to}: {error}");
    }
    project.write("shops.csv", "No;Town\n7;York\n07;Bath\n");
    let error = project.extract(&spec(&yaml)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("`7` stands for two values"), "{error}");
    let table = "name: t\nfrom: {sqlite: {path: t.db, table: t}}\ncolumns: [{name: a, type: text, \
                 clean: [{fill_previous: {}}]}]";
    let error = project.extract(&spec(table)).await.err().unwrap();
    assert!(error.to_string().contains("a table has none"), "{error}");
}

const LINES: &str = "
  - {name: order, from: id, type: int32}
  - {name: line, from: lines.#, type: int32}
  - {name: sku, from: lines.sku, type: text, clean: [required]}
  - {name: price, from: lines.price.amount, type: \"decimal(8,2)\"}
  - {name: tags, from: lines.tags, type: text}";

const ORDERS: [&str; 3] = [
    r#"{"id": 1, "lines": [{"sku": "a", "price": {"amount": 1.10}, "tags": ["x"]}, {"sku": "b"}]}"#,
    r#"{"id": 2, "lines": []}"#,
    r#"{"id": 3, "lines": [{"sku": null}, {"sku": "c", "price": null}]}"#,
];

#[tokio::test]
async fn elements_of_arrays_are_rows() {
    let project = Project::new().await;
    project.write("t.jsonl", ORDERS.join("\n"));
    project.write("t.json", format!("{{\"data\": [{}]}}", ORDERS.join(",\n")));
    let rows = [
        row(&["1", "1", "a", "1.10", "[\"x\"]"]),
        row(&["1", "2", "b", "~", "~"]),
        row(&["3", "2", "c", "~", "~"]),
    ];
    for from in
        ["json_lines: {path: t.jsonl, each: lines}", "json: {path: t.json, at: data, each: lines}"]
    {
        let yaml = format!("name: t\nfrom: {{{from}}}\ncolumns:{LINES}");
        let outcome = project.extract(&spec(&yaml)).await.unwrap();
        assert_eq!(outcome.rows, rows, "{from}");
        assert_eq!(causes(&outcome.rejects), vec![(3, "required", Some("sku"))], "{from}");
        let cells =
            r#"{"id":3,"lines.#":1,"lines.sku":null,"lines.price.amount":null,"lines.tags":null}"#;
        assert_eq!(outcome.rejects[0].raw, cells);
        let keep = yaml
            .replace("each: lines", "each: lines, if_empty: keep")
            .replace(", clean: [required]", "");
        let outcome = project.extract(&spec(&keep)).await.unwrap();
        assert_eq!(outcome.rows.len(), 5, "{from}");
        assert_eq!(outcome.rows[2], row(&["2", "~", "~", "~", "~"]));
        let typo = yaml.replace("lines.sku", "lines.skuu");
        let error = project.extract(&spec(&typo)).await.err().unwrap();
        assert!(error.to_string().contains("no column `lines.skuu`"), "{error}");
    }
}
