//! The two forms of cleaning rules, in a job and in SQL, on the same values.

use crate::etl_project::Project;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A rule as a job has it, and as SQL does.
const FORMS: [(&str, &str); 37] = [
    ("trim", "clean_trim(v)"),
    ("case: upper", "clean_case(v, 'upper')"),
    ("case: lower", "clean_case(v, 'lower')"),
    ("case: title", "clean_case(v, 'title')"),
    ("nfkc", "clean_nfkc(v)"),
    ("fold", "clean_fold(v)"),
    ("simplified", "clean_simplified(v)"),
    ("null_if: [n/a, '', '-']", "clean_null_if(v, 'n/a', '', '-')"),
    ("fill: nothing", "clean_fill(v, 'nothing')"),
    ("map: {m: male, F: female}", "clean_map(v, 'm', 'male', 'F', 'female')"),
    ("one_of: [M, EUR, '12']", "clean_one_of(v, 'M', 'EUR', '12')"),
    ("matches: '[A-Z]+|[0-9]{2}'", "clean_matches(v, '[A-Z]+|[0-9]{2}')"),
    (
        "replace: {pattern: '([a-z])([0-9])', with: '$2$1'}",
        "clean_replace(v, '([a-z])([0-9])', '$2$1')",
    ),
    ("extract: {pattern: '[0-9]+'}", "clean_extract(v, '[0-9]+')"),
    (
        "extract: {pattern: '#([0-9])([0-9]*)', group: 2}",
        "clean_extract(v, '#([0-9])([0-9]*)', '2')",
    ),
    ("number: {decimal: ',', group: '.'}", "clean_number(v, ',', '.')"),
    ("number: {decimal: '.'}", "clean_number(v, '.')"),
    (
        "date_formats: ['%d.%m.%Y', '%Y-%m-%d %H:%M']",
        "clean_date_formats(v, '%d.%m.%Y', '%Y-%m-%d %H:%M')",
    ),
    ("date_names: de", "clean_date_names(v, 'de')"),
    ("time_zone: {zone: Europe/Berlin}", "clean_time_zone(v, 'Europe/Berlin')"),
    (
        "time_zone: {zone: Europe/Berlin, ambiguous: earlier, missing: later}",
        "clean_time_zone(v, 'Europe/Berlin', 'earlier', 'later')",
    ),
    ("email", "clean_email(v)"),
    ("phone: {}", "clean_phone(v)"),
    ("phone: {region: DE}", "clean_phone(v, 'DE')"),
    ("phone: {region: CN}", "clean_phone(v, 'CN')"),
    ("person_name: {}", "clean_person_name(v)"),
    ("person_name: {part: family}", "clean_person_name(v, 'family')"),
    (
        "person_name: {part: given, order: family_first}",
        "clean_person_name(v, 'given', 'family_first')",
    ),
    ("address: city", "clean_address(v, 'city')"),
    ("address: postcode", "clean_address(v, 'postcode')"),
    ("address: street", "clean_address(v, 'street')"),
    ("money: {}", "clean_money(v)"),
    ("money: {part: currency}", "clean_money(v, 'currency')"),
    ("money: {currency: USD, decimal: ','}", "clean_money(v, 'amount', 'USD', ',')"),
    ("money: {only: EUR}", "clean_money(v, 'amount', '', '', 'EUR')"),
    (
        "money: {part: currency, only: EUR, decimal: '.'}",
        "clean_money(v, 'currency', '', '.', 'EUR')",
    ),
    ("range: {min: '2', max: '100'}", "clean_range(TRY_CAST(trim(v) AS BIGINT), 2, 100)"),
];

/// Values as people write them; each rule has something to do with some of them, and refuses others.
const VALUES: [&str; 39] = [
    "3. März 2024",
    "2024-10-27 02:30:00",
    "2024-03-31 02:30",
    "",
    " ",
    "M",
    "f",
    "EUR",
    "12",
    "7",
    "-",
    "N/A",
    "101",
    "  two  words ",
    "\u{a0}x\u{3000}",
    "straße",
    "ÅSE o'neill",
    "ｆｕｌｌ　ｗｉｄｔｈ１２",
    "ﬁne",
    "張偉",
    "張國榮",
    "a1b2 #77",
    "1.234,56",
    "-0,5",
    "1.5",
    "29.02.2024",
    "31.02.2024",
    "2024-01-02 23:59",
    "Ann <ANN@Example.org>",
    "nobody@",
    "030 / 901820",
    "+86 138 0013 8000",
    "13800138000",
    "Lee, Dr. Ann",
    "Nagy Éva",
    "Hauptstr. 5, 10115 Berlin",
    "广东省广州市天河区中山路15号",
    "1.234,56 €",
    "$5",
];

/// The values for which the two forms of a rule differ, and for how many it gives one.
async fn compare(values: &[Option<String>]) -> (Vec<String>, BTreeMap<String, usize>) {
    let column = |(at, (rule, _)): (usize, &(&str, &str))| {
        let ty = if rule.starts_with("range") { "int64" } else { "text" };
        let rule = if rule.contains(':') { format!("{{{rule}}}") } else { (*rule).to_owned() };
        format!("      - {{name: c{at}, from: v, type: {ty}, clean: [{rule}], on_error: 'null'}}\n")
    };
    let columns: String = FORMS.iter().enumerate().map(column).collect();
    let select = |(at, (rule, sql)): (usize, &(&str, &str))| {
        let rule = rule.replace('\'', "''");
        format!(
            "SELECT concat_ws(' ', {at}, n) AS customer_id, '{rule}' AS source_system, \
             concat(v, ' -> ', c{at}, ' | ', {sql}) AS customer_name, \
             CASE WHEN CAST(c{at} AS VARCHAR) IS DISTINCT FROM CAST({sql} AS VARCHAR) THEN 'other' \
             WHEN c{at} IS NULL THEN 'nothing' ELSE 'same' END AS city FROM t"
        )
    };
    let selects: Vec<String> = FORMS.iter().enumerate().map(select).collect();
    let sql = selects.join("\n  UNION ALL\n  ");
    let job = format!(
        "job: forms\ndescription: both forms of each rule\nsources:\n  - name: t\n    from: {{json_lines: {{path: \
         t.jsonl}}}}\n    columns:\n      - {{name: n, type: int32}}\n      - {{name: v, type: text}}\n{columns}\
         transform: |\n  {sql}\nload: {{dimension: {{dimension: customer}}}}\n"
    );
    let project = Project::new(&[&job]);
    let line = |(n, v): (usize, &Option<String>)| serde_json::json!({"n": n, "v": v}).to_string();
    let lines: Vec<String> = values.iter().enumerate().map(line).collect();
    project.write("t.jsonl", &lines.join("\n"));
    project.run("2025-01-01").await.unwrap();
    let others =
        "SELECT source_system, customer_name FROM warehouse.dim_customer WHERE city = 'other'";
    let given =
        "SELECT source_system, count(*) FROM warehouse.dim_customer WHERE city = 'same' GROUP BY 1";
    let given = project.sql(given).await.into_iter().map(|row| {
        let (rule, count) = row.rsplit_once('|').unwrap();
        (rule.to_owned(), count.parse().unwrap())
    });
    (project.sql(others).await, given.collect())
}

#[tokio::test]
async fn both_forms_of_a_rule_say_the_same() {
    let values = VALUES.iter().map(|value| Some((*value).to_owned()));
    let values: Vec<Option<String>> = values.chain([None]).collect();
    let (others, given) = compare(&values).await;
    assert_eq!(others, Vec::<String>::new());
    let refuses = [
        "one_of",
        "matches",
        "extract",
        "number",
        "date_formats",
        "time",
        "email",
        "phone",
        "address",
        "money",
        "range",
    ];
    for (rule, _) in FORMS {
        let given = given.get(rule).copied().unwrap_or(0);
        assert!(given > 0, "`{rule}` has nothing to do");
        if refuses.iter().any(|name| rule.starts_with(name)) {
            assert!(given < values.len() - 1, "`{rule}` refuses nothing");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4) })]
    #[test]
    fn both_forms_say_the_same_of_any_text(
        values in prop::collection::vec(
            prop::option::weighted(0.95, prop_oneof![
                (prop::sample::select(&VALUES[..]), "[ -~€ß張]{0,3}").prop_map(|(a, b)| format!("{a}{b}")),
                "[0-9.,€$ +()-]{1,14}",
                "\\PC{0,12}",
            ]),
            20..60,
        ),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (mut others, _) = runtime.block_on(compare(&values));
        // What is a number at all is the cast's say in SQL, and the source's in a job: `96.`
        others.retain(|other| !other.starts_with("range"));
        prop_assert_eq!(others, Vec::<String>::new());
    }
}
