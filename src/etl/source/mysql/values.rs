//! Values as text.

use crate::etl::source::lines::escape_utf8;
use crate::etl::source::number_text;
use crate::model::ColumnType;
use mysql_async::consts::ColumnType as Wire;
use mysql_async::{Column, Value};
use std::borrow::Cow;
use std::fmt::Write;

/// The character set of what is no text.
const BINARY: u16 = 63;

/// A value's text and whether it is a number or a date; an error if it is bytes that are no text.
pub(super) fn text<'v>(
    value: &'v Value,
    column: &Column,
    ty: ColumnType,
) -> Result<(Option<Cow<'v, str>>, bool), ()> {
    let native = |text: String| (Some(Cow::Owned(text)), true);
    Ok(match value {
        Value::NULL => (None, false),
        Value::Int(value) => native(value.to_string()),
        Value::UInt(value) => native(value.to_string()),
        Value::Float(value) => native(value.to_string()),
        Value::Double(value) => native(number_text(*value, ty)),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let time = (*hour, *minute, *second, *micros);
            native(moment((*year, *month, *day), time, column.column_type()))
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if *negative { "-" } else { "" };
            let hours = days * 24 + u32::from(*hours);
            native(fraction(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"), *micros))
        }
        Value::Bytes(bytes) => match column.column_type() {
            Wire::MYSQL_TYPE_BIT => native(bits(bytes)),
            Wire::MYSQL_TYPE_DECIMAL | Wire::MYSQL_TYPE_NEWDECIMAL => {
                (Some(std::str::from_utf8(bytes).map_err(|_| ())?.into()), true)
            }
            wire if column.character_set() == BINARY && wire != Wire::MYSQL_TYPE_JSON => {
                (Some(Cow::Owned(hexadecimal(bytes))), false)
            }
            _ => (Some(std::str::from_utf8(bytes).map_err(|_| ())?.into()), false),
        },
    })
}

/// A value as quarantine shows it.
pub(super) fn render(value: &Value, column: &Column) -> Option<String> {
    match (value, text(value, column, ColumnType::Text)) {
        (_, Ok((text, _))) => text.map(Cow::into_owned),
        (Value::Bytes(bytes), Err(())) => Some(escape_utf8(bytes)),
        _ => None,
    }
}

/// A zero date, which is none, reads `0000-00-00` whatever its column's type.
fn moment(
    (year, month, day): (u16, u8, u8),
    time @ (hour, minute, second, micros): (u8, u8, u8, u32),
    wire: Wire,
) -> String {
    let date = format!("{year:04}-{month:02}-{day:02}");
    let is_date = matches!(wire, Wire::MYSQL_TYPE_DATE | Wire::MYSQL_TYPE_NEWDATE);
    if is_date || ((year, month, day) == (0, 0, 0) && time == (0, 0, 0, 0)) {
        return date;
    }
    fraction(format!("{date} {hour:02}:{minute:02}:{second:02}"), micros)
}

fn fraction(time: String, micros: u32) -> String {
    if micros == 0 { time } else { format!("{time}.{micros:06}") }
}

/// Up to 64 bits as a number.
fn bits(bytes: &[u8]) -> String {
    bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)).to_string()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        // writing to a string does not fail
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_bits_read_as_numbers_do() {
        let datetime = Wire::MYSQL_TYPE_DATETIME;
        assert_eq!(moment((2024, 2, 29), (23, 59, 59, 5), datetime), "2024-02-29 23:59:59.000005");
        assert_eq!(moment((2024, 2, 29), (0, 0, 0, 0), datetime), "2024-02-29 00:00:00");
        assert_eq!(moment((2024, 2, 29), (0, 0, 0, 0), Wire::MYSQL_TYPE_DATE), "2024-02-29");
        assert_eq!(moment((0, 0, 0), (0, 0, 0, 0), datetime), "0000-00-00");
        assert_eq!(bits(&[1, 2]), "258");
        assert_eq!(hexadecimal(&[0, 255]), "\\x00ff");
    }
}
