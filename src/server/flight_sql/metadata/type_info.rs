//! The SQL types there are, as ODBC and JDBC describe types.

use crate::error::Result;
use crate::server::status;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};

pub(super) fn data() -> Result<XdbcTypeInfoData> {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    builder.append(XdbcTypeInfo {
        literal_prefix: Some("'".to_owned()),
        literal_suffix: Some("'".to_owned()),
        case_sensitive: true,
        searchable: Searchable::Full,
        ..any_type("VARCHAR", XdbcDataType::XdbcVarchar, i32::MAX)
    });
    builder.append(any_type("BOOLEAN", XdbcDataType::XdbcBit, 1));
    builder.append(whole_number("TINYINT", XdbcDataType::XdbcTinyint, 3));
    builder.append(whole_number("SMALLINT", XdbcDataType::XdbcSmallint, 5));
    builder.append(whole_number("INTEGER", XdbcDataType::XdbcInteger, 10));
    builder.append(whole_number("BIGINT", XdbcDataType::XdbcBigint, 19));
    builder.append(XdbcTypeInfo {
        create_params: Some(vec!["precision".to_owned(), "scale".to_owned()]),
        maximum_scale: Some(38),
        ..whole_number("DECIMAL", XdbcDataType::XdbcDecimal, 38)
    });
    for (name, data_type, bits) in
        [("REAL", XdbcDataType::XdbcReal, 24), ("DOUBLE", XdbcDataType::XdbcDouble, 53)]
    {
        builder.append(XdbcTypeInfo {
            minimum_scale: None,
            maximum_scale: None,
            num_prec_radix: Some(2),
            ..whole_number(name, data_type, bits)
        });
    }
    builder.append(XdbcTypeInfo {
        literal_prefix: Some("X'".to_owned()),
        literal_suffix: Some("'".to_owned()),
        ..any_type("BYTEA", XdbcDataType::XdbcVarbinary, i32::MAX)
    });
    // Subcode 1 is the date, which arrow-flight calls by its other meaning, the year.
    let day = XdbcDatetimeSubcode::XdbcSubcodeYear;
    builder.append(moment("DATE", XdbcDataType::XdbcDate, 10, day));
    let time = XdbcDatetimeSubcode::XdbcSubcodeTime;
    builder.append(XdbcTypeInfo {
        minimum_scale: Some(0),
        maximum_scale: Some(9),
        ..moment("TIME", XdbcDataType::XdbcTime, 18, time)
    });
    let instant = XdbcDatetimeSubcode::XdbcSubcodeTimestamp;
    builder.append(XdbcTypeInfo {
        minimum_scale: Some(0),
        maximum_scale: Some(6),
        ..moment("TIMESTAMP", XdbcDataType::XdbcTimestamp, 26, instant)
    });
    builder.build().map_err(status::flight)
}

/// What is common to all; `size` is the most characters, digits or bits.
fn any_type(name: &str, data_type: XdbcDataType, size: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        type_name: name.to_owned(),
        local_type_name: Some(name.to_owned()),
        data_type,
        sql_data_type: data_type,
        column_size: Some(size),
        nullable: Nullable::NullabilityNullable,
        searchable: Searchable::Basic,
        ..XdbcTypeInfo::default()
    }
}

fn whole_number(name: &str, data_type: XdbcDataType, digits: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        unsigned_attribute: Some(false),
        auto_increment: Some(false),
        minimum_scale: Some(0),
        maximum_scale: Some(0),
        num_prec_radix: Some(10),
        ..any_type(name, data_type, digits)
    }
}

fn moment(
    name: &str,
    data_type: XdbcDataType,
    characters: i32,
    subcode: XdbcDatetimeSubcode,
) -> XdbcTypeInfo {
    XdbcTypeInfo {
        literal_prefix: Some(format!("{name} '")),
        literal_suffix: Some("'".to_owned()),
        sql_data_type: XdbcDataType::XdbcDatetime,
        datetime_subcode: Some(subcode),
        ..any_type(name, data_type, characters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::flight_sql::columns::SqlType;
    use arrow::array::AsArray;
    use arrow::datatypes::{DataType, TimeUnit};

    #[test]
    fn one_type_may_be_asked_for() {
        let types = data().unwrap();
        assert_eq!(types.record_batch(None).unwrap().num_rows(), 13);
        let dates = types.record_batch(XdbcDataType::XdbcDate as i32).unwrap();
        assert_eq!(dates.num_rows(), 1);
    }

    /// ODBC looks a column's type up among these.
    #[test]
    fn columns_have_types_of_these_names() {
        let types = data().unwrap().record_batch(None).unwrap();
        let names: Vec<_> = types.column(0).as_string::<i32>().iter().flatten().collect();
        for data_type in [
            DataType::Utf8,
            DataType::Binary,
            DataType::Boolean,
            DataType::Int8,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::Decimal128(12, 2),
            DataType::Float32,
            DataType::Float64,
            DataType::Date32,
            DataType::Time64(TimeUnit::Nanosecond),
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ] {
            let name = SqlType::of(&data_type).name;
            assert!(names.contains(&name.as_str()), "{name}: {names:?}");
        }
    }
}
