//! `?` parameters become `$1`, `$2` ... in the order they are written: DataFusion reads every `?`
//! as one and the same name.

use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{Statement, Value, ValueWithSpan, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// Numbers the parameters of a statement.
pub(super) fn number(statement: &mut Statement) -> Result<()> {
    let mut numbering = Numbering::default();
    match statement.visit(&mut numbering) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) if numbering.marks > 0 && numbering.named => {
            Err(Error::user("parameters are written as `?` and as `$n` in one statement")
                .hint("use one of the two"))
        }
        ControlFlow::Continue(()) => Ok(()),
    }
}

#[derive(Default)]
struct Numbering {
    marks: usize,
    named: bool,
}

impl VisitorMut for Numbering {
    type Break = Box<Error>;

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<Self::Break> {
        let Value::Placeholder(name) = &mut value.value else {
            return ControlFlow::Continue(());
        };
        if name == "?" {
            self.marks += 1;
            *name = format!("${}", self.marks);
            return ControlFlow::Continue(());
        }
        let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
        if number.is_none_or(|number| number == 0) {
            let error = Error::user(format!("parameter `{name}` has no number"))
                .hint("write parameters as `?`, or as `$1`, `$2` ...");
            return ControlFlow::Break(Box::new(error));
        }
        self.named = true;
        ControlFlow::Continue(())
    }
}
