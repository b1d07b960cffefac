//! The cleaning rules as SQL functions: `clean_phone(text, 'DE')`.
//!
//! Each is named for its rule and calls the function of [`crate::text`] that the rule calls
//! (`rules.rs`; `range`, which compares values of any type, is apart). Where a rule would refuse a
//! value, a function is NULL: SQL has no quarantine. `docs/cleaning.md` lists them all. `round` is
//! DataFusion's, mended.

mod range;
mod round;
mod rules;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use range::Range;
use round::Round;
use rules::{Apply, RULES, Rule};
use std::sync::Arc;

/// The functions, to be registered.
pub(crate) fn all() -> impl Iterator<Item = Arc<ScalarUDF>> {
    let rules = 0..RULES.len();
    let rules = rules.map(|rule| ScalarUDF::new_from_impl(Function::new(rule)));
    let others = [ScalarUDF::new_from_impl(Range::new()), ScalarUDF::new_from_impl(Round::new())];
    rules.chain(others).map(Arc::new)
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
            ColumnarValue::Array(texts) => Ok(ColumnarValue::Array(applied(texts, &apply)?)),
            ColumnarValue::Scalar(text) => {
                let texts = applied(&text.to_array()?, &apply)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&texts, 0)?))
            }
        }
    }
}

fn applied(texts: &ArrayRef, apply: &Apply) -> Result<ArrayRef> {
    let texts = cast(texts, &DataType::Utf8)?;
    let texts: &StringArray = texts.as_string();
    let mut cleaned = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
    for text in texts {
        cleaned.append_option(apply(text));
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
