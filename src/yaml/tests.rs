use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Deserialize)]
struct Recipe {
    name: Located<String>,
    #[serde(default)]
    serves: Option<u8>,
    #[serde(default)]
    vegetarian: bool,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    pantry: BTreeMap<String, String>,
    #[serde(default)]
    drink: Option<NameOr<Drink>>,
    #[serde(default)]
    season: Season,
    #[serde(default)]
    separator: Option<char>,
    #[serde(default)]
    note: Option<serde_json::Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Stir,
    Bake(Bake),
    Spice(Vec<String>),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Bake {
    minutes: i16,
    degrees: f64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Drink {
    drink: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Season {
    #[default]
    Winter,
    Null,
}

fn read(text: &str) -> Result<Recipe, String> {
    parse("r.yaml", text).map_err(|faults| faults.to_string())
}

#[test]
fn a_document_becomes_a_value() {
    let recipe = read(
        "\u{feff}# a comment\nname: Pie\nserves: 4\nvegetarian: true\nsteps:\n  - stir\n  - bake: \
         {minutes: 40, degrees: 180.5}\n  - spice: [salt, '01', 1.50]\npantry: {1: flour, 02: no}\n\
         drink: water\nseason: null\nseparator: ';'\nnote: [1, 2.5, true, x, null, '7']\n",
    )
    .unwrap();
    assert_eq!(recipe.name.value, "Pie");
    assert_eq!(recipe.name.place, Place { line: 2, column: 7 });
    assert_eq!((recipe.serves, recipe.vegetarian), (Some(4), true));
    // Text stays as it was written, whatever it looks like.
    let spices = Step::Spice(vec!["salt".to_owned(), "01".to_owned(), "1.50".to_owned()]);
    let bake = Step::Bake(Bake { minutes: 40, degrees: 180.5 });
    assert_eq!(recipe.steps, [Step::Stir, bake, spices]);
    let pantry: Vec<_> = recipe.pantry.into_iter().collect();
    assert_eq!(pantry, [("02".into(), "no".into()), ("1".into(), "flour".into())]);
    assert_eq!(recipe.drink, Some(NameOr::Name("water".to_owned())));
    assert_eq!(recipe.season, Season::Null);
    assert_eq!(recipe.separator, Some(';'));
    assert_eq!(recipe.note, Some(serde_json::json!([1, 2.5, true, "x", null, "7"])));
}

#[test]
fn json_is_yaml() {
    let recipe = read("{\"name\": \"Pie\", \"drink\": {\"drink\": \"tea\"}}").unwrap();
    assert_eq!(recipe.drink, Some(NameOr::Full(Drink { drink: "tea".to_owned() })));
}

#[test]
fn all_faults_are_found_in_one_reading() {
    let faults = read(
        "serves: 300\nvegetarian: maybe\nsteps:\n  - stirr\n  - bake: {minutes: long}\n  - spice: \
         salt\n  - bake\n  - {stir: 1, spice: []}\npantry: [flour]\ndrink: {drinks: tea}\nseparator: \
         ab\nseason: [winter]\ncolour: red\n",
    );
    let expected = "\
r.yaml:1:1: key `name` is missing
r.yaml:1:9: expected a whole number from 0 to 255, found `300`
r.yaml:2:13: expected true or false, found `maybe`
r.yaml:4:5: unknown value `stirr`, expected one of stir, bake, spice; did you mean `stir`?
r.yaml:5:11: key `degrees` is missing
r.yaml:5:21: expected a whole number from -32768 to 32767, found `long`
r.yaml:6:12: expected a list, found `salt`
r.yaml:7:5: `bake` needs a value: `bake: ...`
r.yaml:8:5: expected exactly one of the keys stir, bake, spice, found a mapping
r.yaml:9:9: expected a mapping of keys to values, found a list
r.yaml:10:8: key `drink` is missing
r.yaml:10:9: unknown key `drinks`, expected one of drink; did you mean `drink`?
r.yaml:11:12: expected one character, found `ab`
r.yaml:12:9: expected one of winter, null, found a list
r.yaml:13:1: unknown key `colour`, expected one of name, serves, vegetarian, steps, pantry, drink, \
season, separator, note";
    assert_eq!(faults.unwrap_err(), expected);
}

#[test]
fn null_is_not_text() {
    assert_eq!(
        read("name: NULL\nserves: ~\n").unwrap_err(),
        "r.yaml:1:7: expected text, found YAML's null, `NULL`; put the text in quotes if it is \
         meant"
    );
    assert_eq!(read("name:\n").unwrap_err(), "r.yaml:1:5: expected text, found nothing");
    assert_eq!(read("name: 'NULL'\n").unwrap().name.value, "NULL");
}

#[test]
fn one_error_lists_all_faults() {
    let mut faults = Faults::default();
    let place = |line| Place { line, column: 1 };
    faults.push(Fault::new("b.yaml", place(1), "second"));
    faults.push(Fault::new("a.yaml", place(10), "first").hint("mend it"));
    let error: crate::error::Error = faults.or(()).unwrap_err().into();
    assert_eq!(error.to_string(), "2 faults\na.yaml:10:1: first; mend it\nb.yaml:1:1: second");
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn deep_nesting_is_a_fault_and_no_overflow() {
    let text = format!("note: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(read(&text).unwrap_err().contains("not valid YAML"));
}
