//! The cleaning rules as SQL functions: `clean_phone(text, 'DE')`.
//!
//! Each calls the function of [`crate::text`] that the rule of the same name calls. Where a rule
//! would refuse a value, a function is NULL: SQL has no quarantine.

use crate::text;
use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use serde::Deserialize;
use std::sync::Arc;

/// A function's settings, as texts, and how it makes a function of one text out of them.
type Make = fn(&[&str]) -> std::result::Result<Apply, String>;
/// What becomes of a text; none where it is wrong or has nothing of what is wanted.
type Apply = Box<dyn Fn(&str) -> Option<String>>;

/// A function of a text and settings.
struct Rule {
    name: &'static str,
    /// The fewest and the most settings.
    settings: (usize, usize),
    make: Make,
}

const fn rule(name: &'static str, settings: (usize, usize), make: Make) -> Rule {
    Rule { name, settings, make }
}

/// All of them.
static RULES: [Rule; 8] = [
    rule("clean_trim", (0, 0), |_| {
        Ok(Box::new(|text| Some(trimmed(text)).filter(|text| !text.is_empty())))
    }),
    rule("clean_fold", (0, 0), |_| {
        Ok(Box::new(|text| Some(text::fold(text)).filter(|text| !text.is_empty())))
    }),
    rule("clean_simplified", (0, 0), |_| Ok(Box::new(|text| Some(text::to_simplified(text))))),
    rule("clean_email", (0, 0), |_| Ok(Box::new(|text| text::email(text).ok()))),
    rule("clean_phone", (0, 1), phone),
    rule("clean_person_name", (0, 2), person_name),
    rule("clean_address", (1, 1), address),
    rule("clean_money", (0, 3), money),
];

fn trimmed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn phone(settings: &[&str]) -> std::result::Result<Apply, String> {
    let region = settings.first().map(|region| (*region).to_owned());
    if let Some(region) = region.as_ref().filter(|region| !text::is_region(region)) {
        return Err(format!("`{region}` is no region, expected two letters such as DE"));
    }
    Ok(Box::new(move |text| text::phone(text, region.as_deref()).ok()))
}

fn person_name(settings: &[&str]) -> std::result::Result<Apply, String> {
    let (part, order) = (setting(settings, 0)?, setting(settings, 1)?);
    Ok(Box::new(move |text| text::person_name(text, part, order).ok().flatten()))
}

fn address(settings: &[&str]) -> std::result::Result<Apply, String> {
    let part = word(settings.first().copied().unwrap_or_default())?;
    Ok(Box::new(move |text| text::address(text, part).ok().flatten()))
}

/// `clean_money(text, 'amount', 'EUR', ',')`.
fn money(settings: &[&str]) -> std::result::Result<Apply, String> {
    let wants_currency = match settings.first() {
        None | Some(&"amount") => false,
        Some(&"currency") => true,
        Some(other) => {
            return Err(format!("`{other}` is no part of money, expected amount or currency"));
        }
    };
    let currency = settings.get(1).map(|code| (*code).to_owned());
    if let Some(code) = currency.as_ref().filter(|code| !text::is_currency(code)) {
        return Err(format!("`{code}` is no currency, expected a code such as EUR"));
    }
    let format =
        text::MoneyFormat { currency, decimal: settings.get(2).and_then(|s| s.chars().next()) };
    Ok(Box::new(move |text| {
        let money = text::money(text, &format).ok()?;
        if wants_currency { money.currency.map(str::to_owned) } else { Some(money.amount) }
    }))
}

/// A setting that is one of some words; the default where it is left out.
fn setting<T: for<'de> Deserialize<'de> + Default>(
    settings: &[&str],
    at: usize,
) -> std::result::Result<T, String> {
    settings.get(at).map_or_else(|| Ok(T::default()), |setting| word(setting))
}

fn word<T: for<'de> Deserialize<'de>>(word: &str) -> std::result::Result<T, String> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word))
        .map_err(|error| error.to_string())
}

/// The functions, to be registered.
pub(crate) fn all() -> impl Iterator<Item = Arc<ScalarUDF>> {
    let rules = 0..RULES.len();
    rules.map(|rule| Arc::new(ScalarUDF::new_from_impl(Function::new(rule))))
}

/// A function, by its place among them.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    rule: usize,
    signature: Signature,
}

impl Function {
    fn new(rule: usize) -> Self {
        let (fewest, most) = RULES[rule].settings;
        let arities = (fewest..=most).map(|settings| TypeSignature::String(settings + 1));
        let signature = Signature::one_of(arities.collect(), Volatility::Immutable);
        Self { rule, signature }
    }

    fn rule(&self) -> &'static Rule {
        &RULES[self.rule]
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.rule().name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((subject, settings)) = args.args.split_first() else {
            return plan_err!("{} needs a text", self.rule().name);
        };
        let settings = settings.iter().map(|value| constant(self.rule().name, value));
        let settings = settings.collect::<Result<Vec<String>>>()?;
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let apply = (self.rule().make)(&settings)
            .map_err(|why| exec_datafusion_err!("{}: {why}", self.rule().name))?;
        match subject {
            ColumnarValue::Array(texts) => Ok(ColumnarValue::Array(applied(texts, &*apply)?)),
            ColumnarValue::Scalar(text) => {
                let texts = applied(&text.to_array()?, &*apply)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&texts, 0)?))
            }
        }
    }
}

fn applied(texts: &ArrayRef, apply: &dyn Fn(&str) -> Option<String>) -> Result<ArrayRef> {
    let texts = cast(texts, &DataType::Utf8)?;
    let texts: &StringArray = texts.as_string();
    let mut cleaned = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
    for text in texts {
        cleaned.append_option(text.and_then(apply));
    }
    Ok(Arc::new(cleaned.finish()))
}

/// A setting is the same for all rows.
fn constant(name: &str, value: &ColumnarValue) -> Result<String> {
    match value {
        ColumnarValue::Scalar(value) => match value.try_as_str().flatten() {
            Some(text) => Ok(text.to_owned()),
            None => plan_err!("{name}: a setting cannot be NULL"),
        },
        ColumnarValue::Array(_) => plan_err!("{name}: settings must be constants"),
    }
}
