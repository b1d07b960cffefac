//! Scalar SQL in the model (`net_amount - discount`) as expressions.

use crate::error::{Error, Result};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError, TableReference, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::sql::planner::{PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::sync::{Arc, LazyLock};

/// Parses a scalar expression over the columns of a schema.
///
/// # Errors
/// User errors where the text is no expression or names what the schema lacks.
pub(super) fn parse(text: &str, schema: &DFSchema) -> Result<Expr> {
    let wrong = |error: DataFusionError| {
        Error::user(format!("`{text}` is not a valid expression here")).caused_by(error)
    };
    let parsed = Parser::new(&GenericDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(|error| wrong(DataFusionError::from(error)))?;
    let functions: &ScalarFunctions = &FUNCTIONS;
    SqlToRel::new(functions).sql_to_expr(parsed, schema, &mut PlannerContext::new()).map_err(wrong)
}

static FUNCTIONS: LazyLock<ScalarFunctions> = LazyLock::new(|| ScalarFunctions {
    options: ConfigOptions::default(),
    planners: SessionStateDefaults::default_expr_planners(),
    functions: SessionStateDefaults::default_scalar_functions(),
});

/// Knows scalar functions and nothing else: a model's expression reaches no table.
struct ScalarFunctions {
    options: ConfigOptions,
    planners: Vec<Arc<dyn ExprPlanner>>,
    functions: Vec<Arc<ScalarUDF>>,
}

impl ContextProvider for ScalarFunctions {
    fn get_table_source(
        &self,
        name: TableReference,
    ) -> datafusion::common::Result<Arc<dyn TableSource>> {
        plan_err!("a measure's expression cannot read table {name}")
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.functions
            .iter()
            .find(|f| f.name() == name || f.aliases().iter().any(|alias| alias == name))
            .map(Arc::clone)
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.functions.iter().map(|f| f.name().to_owned()).collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}
