//! What the server can do, as Flight SQL's `GetSqlInfo` asks.
//!
//! JDBC fails on a code it does not know and on one that is missing where it wants a plain value,
//! so every code is given but `SQL_DEFAULT_TRANSACTION_ISOLATION`, whose declared type (int32) its
//! driver cannot read.

use crate::engine::substrait_version;
use crate::error::Result;
use crate::server::flight_sql::MAX_PREPARED_AGE;
use crate::server::status;
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, TimeUnit};
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity,
    SqlSupportedGroupBy, SqlSupportedResultSetConcurrency, SqlSupportedResultSetType,
    SqlSupportedSubqueries, SqlSupportedTransaction, SqlSupportedUnions, SqlSupportsConvert,
    SqlTransactionIsolationLevel, SupportedSqlGrammar,
};
use std::collections::BTreeMap;

/// Yes-or-no questions answered with yes.
const SUPPORTED: [SqlInfo; 18] = [
    SqlInfo::SqlBatchUpdatesSupported,
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
const NOT_SUPPORTED: [SqlInfo; 13] = [
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

/// Words beyond SQL-92's that are no identifiers without quotes, or no functions of one's own.
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
    // JDBC asks for neither: it believes that names are kept in upper case.
    // The protocol has no word for "kept as written, and told apart by case".
    let unknown = SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown;
    builder.append(Info::SqlQuotedIdentifierCase, unknown as i32);
    builder.append(Info::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32);
    builder.append(Info::SqlSupportsConvert, conversions());
}

/// Sets of choices, each the place of a bit.
fn masks(builder: &mut SqlInfoDataBuilder) {
    use SqlInfo as Info;
    let masks: [(Info, &[i32]); 15] = [
        // The protocol speaks of one level, and its Java driver reads a set of bits: with this, which is
        // no level, DBeaver and Tableau know of full joins.
        (
            Info::SqlOuterJoinsSupportLevel,
            &[
                SqlOuterJoinsSupportLevel::SqlLimitedOuterJoins as i32,
                SqlOuterJoinsSupportLevel::SqlFullOuterJoins as i32,
            ],
        ),
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
                SqlSupportedSubqueries::SqlSubqueriesInQuantifieds as i32,
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

/// Types by the protocol's codes, and what they are here.
const CONVERTED: [(SqlSupportsConvert, DataType); 15] = [
    (SqlSupportsConvert::SqlConvertBigint, DataType::Int64),
    (SqlSupportsConvert::SqlConvertBit, DataType::Boolean),
    (SqlSupportsConvert::SqlConvertChar, DataType::Utf8),
    (SqlSupportsConvert::SqlConvertDate, DataType::Date32),
    (SqlSupportsConvert::SqlConvertDecimal, DataType::Decimal128(20, 4)),
    (SqlSupportsConvert::SqlConvertFloat, DataType::Float32),
    (SqlSupportsConvert::SqlConvertInteger, DataType::Int32),
    (SqlSupportsConvert::SqlConvertNumeric, DataType::Decimal128(20, 4)),
    (SqlSupportsConvert::SqlConvertReal, DataType::Float32),
    (SqlSupportsConvert::SqlConvertSmallint, DataType::Int16),
    (SqlSupportsConvert::SqlConvertTime, DataType::Time64(TimeUnit::Nanosecond)),
    (SqlSupportsConvert::SqlConvertTimestamp, DataType::Timestamp(TimeUnit::Microsecond, None)),
    (SqlSupportsConvert::SqlConvertTinyint, DataType::Int8),
    (SqlSupportsConvert::SqlConvertVarbinary, DataType::Binary),
    (SqlSupportsConvert::SqlConvertVarchar, DataType::Utf8),
];

/// What CAST makes of what: what Arrow's does, which is the one that runs.
fn conversions() -> BTreeMap<i32, Vec<i32>> {
    let to = |from: &DataType| {
        let known = CONVERTED.iter().filter(|(_, to)| can_cast_types(from, to));
        known.map(|(code, _)| *code as i32).collect()
    };
    CONVERTED.iter().map(|(code, from)| (*code as i32, to(from))).collect()
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
