//! What the server can do, as Flight SQL's `GetSqlInfo` asks.
//!
//! JDBC fails on a code it does not know and on one that is missing where it wants a plain value,
//! so every code is given but `SQL_DEFAULT_TRANSACTION_ISOLATION`, whose declared type (int32) its
//! driver cannot read.

use crate::engine::substrait_version;
use crate::error::Result;
use crate::server::flight_sql::MAX_PREPARED_AGE;
use crate::server::status;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity,
    SqlSupportedGroupBy, SqlSupportedResultSetConcurrency, SqlSupportedResultSetType,
    SqlSupportedSubqueries, SqlSupportedTransaction, SqlSupportedUnions, SqlSupportsConvert,
    SqlTransactionIsolationLevel, SupportedSqlGrammar,
};
use std::collections::BTreeMap;

/// Yes-or-no questions answered with yes.
const SUPPORTED: [SqlInfo; 17] = [
    SqlInfo::FlightSqlServerBulkIngestion,
    SqlInfo::SqlDdlTable,
    SqlInfo::FlightSqlServerSql,
    SqlInfo::FlightSqlServerCancel,
    SqlInfo::SqlAllTablesAreSelectable,
    SqlInfo::SqlSupportsColumnAliasing,
    SqlInfo::SqlNullPlusNullIsNull,
    SqlInfo::SqlSupportsTableCorrelationNames,
    SqlInfo::SqlSupportsExpressionsInOrderBy,
    SqlInfo::SqlSupportsOrderByUnrelated,
    SqlInfo::SqlSupportsLikeEscapeClause,
    SqlInfo::SqlSupportsNonNullableColumns,
    SqlInfo::SqlCatalogAtStart,
    SqlInfo::SqlCorrelatedSubqueriesSupported,
    SqlInfo::SqlMaxRowSizeIncludesBlobs,
    SqlInfo::SqlDataDefinitionsInTransactionsIgnored,
    SqlInfo::SqlLocatorsUpdateCopy,
];

/// Yes-or-no questions answered with no.
const NOT_SUPPORTED: [SqlInfo; 14] = [
    SqlInfo::FlightSqlServerReadOnly,
    SqlInfo::FlightSqlServerIngestTransactionsSupported,
    SqlInfo::SqlDdlCatalog,
    SqlInfo::SqlDdlSchema,
    SqlInfo::SqlSupportsDifferentTableCorrelationNames,
    SqlInfo::SqlSupportsIntegrityEnhancementFacility,
    SqlInfo::SqlSelectForUpdateSupported,
    SqlInfo::SqlStoredProceduresSupported,
    SqlInfo::SqlTransactionsSupported,
    SqlInfo::SqlDataDefinitionCausesTransactionCommit,
    SqlInfo::SqlBatchUpdatesSupported,
    SqlInfo::SqlSavepointsSupported,
    SqlInfo::SqlNamedParametersSupported,
    SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported,
];

/// Limits we do not set: 0 says that there is none, or that it is not known.
const UNLIMITED: [SqlInfo; 20] = [
    SqlInfo::SqlMaxBinaryLiteralLength,
    SqlInfo::SqlMaxCharLiteralLength,
    SqlInfo::SqlMaxColumnNameLength,
    SqlInfo::SqlMaxColumnsInGroupBy,
    SqlInfo::SqlMaxColumnsInIndex,
    SqlInfo::SqlMaxColumnsInOrderBy,
    SqlInfo::SqlMaxColumnsInSelect,
    SqlInfo::SqlMaxColumnsInTable,
    SqlInfo::SqlMaxConnections,
    SqlInfo::SqlMaxCursorNameLength,
    SqlInfo::SqlMaxIndexLength,
    SqlInfo::SqlDbSchemaNameLength,
    SqlInfo::SqlMaxProcedureNameLength,
    SqlInfo::SqlMaxCatalogNameLength,
    SqlInfo::SqlMaxRowSize,
    SqlInfo::SqlMaxStatementLength,
    SqlInfo::SqlMaxStatements,
    SqlInfo::SqlMaxTableNameLength,
    SqlInfo::SqlMaxTablesInSelect,
    SqlInfo::SqlMaxUsernameLength,
];

/// Words that are no identifiers without quotes.
const KEYWORDS: [&str; 8] =
    ["EXCEPT", "GROUPING", "INTERSECT", "LATERAL", "MEASURE", "OVER", "QUALIFY", "WINDOW"];
const NUMERIC_FUNCTIONS: [&str; 14] = [
    "abs", "ceil", "exp", "floor", "ln", "log", "log10", "mod", "power", "random", "round", "sign",
    "sqrt", "trunc",
];
const STRING_FUNCTIONS: [&str; 14] = [
    "concat", "left", "length", "lower", "lpad", "ltrim", "replace", "reverse", "right", "rpad",
    "rtrim", "strpos", "substr", "upper",
];
const SYSTEM_FUNCTIONS: [&str; 3] = ["coalesce", "nullif", "version"];
const DATETIME_FUNCTIONS: [&str; 8] = [
    "current_date",
    "current_time",
    "date_bin",
    "date_part",
    "date_trunc",
    "now",
    "to_char",
    "to_timestamp",
];

pub(super) fn data() -> Result<SqlInfoData> {
    let mut builder = SqlInfoDataBuilder::new();
    for name in SUPPORTED {
        builder.append(name, true);
    }
    for name in NOT_SUPPORTED {
        builder.append(name, false);
    }
    for name in UNLIMITED {
        builder.append(name, 0_i64);
    }
    names_and_words(&mut builder);
    choices(&mut builder);
    masks(&mut builder);
    builder.build().map_err(status::flight)
}

fn names_and_words(builder: &mut SqlInfoDataBuilder) {
    builder.append(SqlInfo::FlightSqlServerName, "Starhouse");
    builder.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    builder.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    // JDBC wants the versions even where there are none.
    let version = substrait_version();
    builder.append(SqlInfo::FlightSqlServerSubstrait, version.is_some());
    let version = version.unwrap_or_default();
    builder.append(SqlInfo::FlightSqlServerSubstraitMinVersion, version.as_str());
    builder.append(SqlInfo::FlightSqlServerSubstraitMaxVersion, version.as_str());
    builder.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    builder.append(SqlInfo::SqlSearchStringEscape, "\\");
    builder.append(SqlInfo::SqlExtraNameCharacters, "");
    builder.append(SqlInfo::SqlSchemaTerm, "schema");
    builder.append(SqlInfo::SqlProcedureTerm, "procedure");
    builder.append(SqlInfo::SqlCatalogTerm, "catalog");
    builder.append(SqlInfo::SqlKeywords, KEYWORDS.as_slice());
    builder.append(SqlInfo::SqlNumericFunctions, NUMERIC_FUNCTIONS.as_slice());
    builder.append(SqlInfo::SqlStringFunctions, STRING_FUNCTIONS.as_slice());
    builder.append(SqlInfo::SqlSystemFunctions, SYSTEM_FUNCTIONS.as_slice());
    builder.append(SqlInfo::SqlDatetimeFunctions, DATETIME_FUNCTIONS.as_slice());
}

fn choices(builder: &mut SqlInfoDataBuilder) {
    use SqlInfo as Info;
    let prepared_age_ms = i32::try_from(MAX_PREPARED_AGE.as_millis()).unwrap_or(i32::MAX);
    builder.append(Info::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    builder.append(Info::FlightSqlServerStatementTimeout, prepared_age_ms);
    builder.append(Info::FlightSqlServerTransactionTimeout, 0_i32);
    let lowercase = SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase;
    builder.append(Info::SqlIdentifierCase, lowercase as i32);
    // The protocol has no word for "kept as written, and told apart by case".
    let unknown = SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown;
    builder.append(Info::SqlQuotedIdentifierCase, unknown as i32);
    builder.append(Info::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32);
    let outer_joins = SqlOuterJoinsSupportLevel::SqlFullOuterJoins;
    builder.append(Info::SqlOuterJoinsSupportLevel, outer_joins as i32);
    builder.append(Info::SqlSupportsConvert, conversions());
}

/// Sets of choices, each the place of a bit.
fn masks(builder: &mut SqlInfoDataBuilder) {
    use SqlInfo as Info;
    let masks: [(Info, &[i32]); 14] = [
        (
            Info::SqlSupportedGroupBy,
            &[
                SqlSupportedGroupBy::SqlGroupByUnrelated as i32,
                SqlSupportedGroupBy::SqlGroupByBeyondSelect as i32,
            ],
        ),
        (
            Info::SqlSupportedGrammar,
            &[
                SupportedSqlGrammar::SqlMinimumGrammar as i32,
                SupportedSqlGrammar::SqlCoreGrammar as i32,
            ],
        ),
        // Entry level is claimed by DataFusion's SQL; the bit's place is 0.
        (Info::SqlAnsi92SupportedLevel, &[0]),
        (Info::SqlSchemasSupportedActions, &[]),
        (Info::SqlCatalogsSupportedActions, &[]),
        (Info::SqlSupportedPositionedCommands, &[]),
        (
            Info::SqlSupportedSubqueries,
            &[
                SqlSupportedSubqueries::SqlSubqueriesInComparisons as i32,
                SqlSupportedSubqueries::SqlSubqueriesInExists as i32,
                SqlSupportedSubqueries::SqlSubqueriesInIns as i32,
            ],
        ),
        (
            Info::SqlSupportedUnions,
            &[SqlSupportedUnions::SqlUnion as i32, SqlSupportedUnions::SqlUnionAll as i32],
        ),
        (
            Info::SqlSupportedTransactionsIsolationLevels,
            &[SqlTransactionIsolationLevel::SqlTransactionNone as i32],
        ),
        (
            Info::SqlSupportedResultSetTypes,
            &[SqlSupportedResultSetType::SqlResultSetTypeForwardOnly as i32],
        ),
        (Info::SqlSupportedConcurrenciesForResultSetUnspecified, &[]),
        (
            Info::SqlSupportedConcurrenciesForResultSetForwardOnly,
            &[SqlSupportedResultSetConcurrency::SqlResultSetConcurrencyReadOnly as i32],
        ),
        (Info::SqlSupportedConcurrenciesForResultSetScrollSensitive, &[]),
        (Info::SqlSupportedConcurrenciesForResultSetScrollInsensitive, &[]),
    ];
    for (name, bits) in masks {
        builder.append(name, bits.iter().fold(0, |mask, bit| mask | 1 << bit));
    }
}

/// Every type casts to text and back; numbers to one another; dates and timestamps likewise.
fn conversions() -> BTreeMap<i32, Vec<i32>> {
    use SqlSupportsConvert as To;
    let text = To::SqlConvertVarchar;
    let numbers = [
        To::SqlConvertBigint,
        To::SqlConvertDecimal,
        To::SqlConvertFloat,
        To::SqlConvertInteger,
        To::SqlConvertSmallint,
    ];
    let moments = [To::SqlConvertDate, To::SqlConvertTimestamp];
    let codes = |to: &[To]| to.iter().chain([&text]).map(|to| *to as i32).collect::<Vec<i32>>();
    let mut conversions = BTreeMap::new();
    for family in [numbers.as_slice(), &moments, &[To::SqlConvertBit]] {
        conversions.extend(family.iter().map(|from| (*from as i32, codes(family))));
    }
    let all = conversions.keys().copied().chain([text as i32]).collect();
    conversions.insert(text as i32, all);
    conversions
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::UInt32Type;

    #[test]
    fn every_code_but_one_is_given_once() {
        let batch = data().unwrap().record_batch([]).unwrap();
        let given = batch.column(0).as_primitive::<UInt32Type>().values().to_vec();
        let known: Vec<u32> = (0..=576)
            .filter(|code| SqlInfo::try_from(*code).is_ok())
            .filter(|code| *code != SqlInfo::SqlDefaultTransactionIsolation as i32)
            .map(i32::cast_unsigned)
            .collect();
        assert_eq!(given, known);
    }

    #[test]
    fn one_code_may_be_asked_for() {
        let transaction = SqlInfo::FlightSqlServerTransaction as u32;
        let batch = data().unwrap().record_batch([transaction]).unwrap();
        assert_eq!(batch.num_rows(), 1);
    }
}
