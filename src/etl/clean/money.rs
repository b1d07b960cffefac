//! `money`: the amount of a sum of money, or its currency.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::{MoneyPart, MoneyRule};
use crate::text::{MoneyFormat, is_currency, money};

/// Reads sums of money.
pub(super) struct ReadMoney {
    part: MoneyPart,
    format: MoneyFormat,
    only: Option<String>,
}

impl ReadMoney {
    /// # Errors
    /// User where a currency is none.
    pub(super) fn new(rule: &MoneyRule) -> Result<Self> {
        for currency in rule.currency.iter().chain(&rule.only) {
            if !is_currency(currency) {
                return Err(Error::user(format!(
                    "`{currency}` is no currency, expected a code of ISO 4217 such as EUR or CNY"
                )));
            }
        }
        let currency = rule.currency.clone().or_else(|| rule.only.clone());
        let format = MoneyFormat { currency, decimal: rule.decimal };
        Ok(Self { part: rule.part, format, only: rule.only.clone() })
    }
}

impl Clean for ReadMoney {
    fn name(&self) -> &'static str {
        "money"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        let Some(text) = cell else { return Ok(None) };
        let money = money(&text, &self.format)?;
        let is_other = |only: &String| {
            money.currency.is_some_and(|currency| !currency.eq_ignore_ascii_case(only))
        };
        if let Some(only) = self.only.as_ref().filter(|only| is_other(only)) {
            return Err(format!("`{text}` is not in {only}"));
        }
        Ok(match self.part {
            MoneyPart::Amount => Some(money.amount.into()),
            MoneyPart::Currency => money.currency.map(Into::into),
        })
    }

    fn is_about_writing(&self) -> bool {
        self.part == MoneyPart::Amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_currencies() {
        let rule = |part, only: Option<&str>| {
            let only = only.map(str::to_owned);
            ReadMoney::new(&MoneyRule { part, currency: None, only, decimal: None }).unwrap()
        };
        let amount = rule(MoneyPart::Amount, Some("EUR"));
        assert_eq!(amount.apply(Some("1.234,56 €".into())), Ok(Some("1234.56".into())));
        assert_eq!(amount.apply(Some("12.5".into())), Ok(Some("12.5".into())));
        assert_eq!(amount.apply(None), Ok(None));
        assert_eq!(amount.apply(Some("£3".into())), Err("`£3` is not in EUR".to_owned()));
        let currency = rule(MoneyPart::Currency, None);
        assert_eq!(currency.apply(Some("£3".into())), Ok(Some("GBP".into())));
        assert_eq!(currency.apply(Some("3".into())), Ok(None));
        let wrong = MoneyRule {
            part: MoneyPart::Amount,
            currency: Some("EURO".to_owned()),
            only: None,
            decimal: None,
        };
        assert!(ReadMoney::new(&wrong).err().unwrap().to_string().contains("ISO 4217"));
    }
}
