//! Stored values and the formats in which they come in and go out.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Number, Value};

use super::id::SfId;
use super::schema::FieldType;

/// A stored value; null is the absence of one. Dates and times of day are text, which sorts as they do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Bool(bool),
    Num(f64),
    Ms(i64),
    Id(SfId),
    Text(Box<str>),
}

/// A value as read from a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Num(f64),
    Ms(i64),
    Id(SfId),
    Text(&'a str),
}

impl Cell {
    pub fn view(&self) -> Val<'_> {
        match self {
            Self::Bool(b) => Val::Bool(*b),
            Self::Num(n) => Val::Num(*n),
            Self::Ms(ms) => Val::Ms(*ms),
            Self::Id(id) => Val::Id(*id),
            Self::Text(text) => Val::Text(text),
        }
    }

    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Val<'_> {
    /// As REST writes it.
    pub fn json(self, kind: FieldType) -> Value {
        match self {
            Val::Null => Value::Null,
            Val::Bool(b) => Value::Bool(b),
            Val::Num(n) if kind == FieldType::Int => Value::from(n as i64),
            Val::Num(n) => Number::from_f64(n).map_or(Value::Null, Value::Number),
            Val::Ms(ms) => Value::String(datetime(ms)),
            Val::Id(id) => Value::String(id.to_string()),
            Val::Text(text) => Value::String(text.to_owned()),
        }
    }

    /// As SOAP and bulk CSV write it; null is the empty string.
    pub fn plain(self, kind: FieldType) -> String {
        match self {
            Val::Null => String::new(),
            Val::Bool(b) => b.to_string(),
            Val::Num(n) if kind == FieldType::Int => (n as i64).to_string(),
            Val::Num(n) => Number::from_f64(n).map_or_else(String::new, |n| n.to_string()),
            Val::Ms(ms) => datetime_z(ms),
            Val::Id(id) => id.to_string(),
            Val::Text(text) => text.to_owned(),
        }
    }

    pub fn is_null(self) -> bool {
        self == Val::Null
    }

    pub fn id(self) -> Option<SfId> {
        match self {
            Val::Id(id) => Some(id),
            _ => None,
        }
    }
}

/// `2014-02-14T00:53:26.000+0000`.
pub(crate) fn datetime(ms: i64) -> String {
    format!("{}+0000", datetime_bare(ms))
}

/// `2014-02-14T00:53:26.000Z`.
pub(crate) fn datetime_z(ms: i64) -> String {
    format!("{}Z", datetime_bare(ms))
}

fn datetime_bare(ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).datetime();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// Reads a date-time with a zone (`Z`, `+00:00`, `+0000`, any offset) into milliseconds since 1970.
pub(crate) fn read_datetime(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let colonless = bytes.len() > 19
        && matches!(bytes[bytes.len() - 5], b'+' | b'-')
        && bytes[bytes.len() - 4..].iter().all(u8::is_ascii_digit)
        && text.contains('T');
    let parsed = if colonless {
        let (head, minutes) = text.split_at(text.len() - 2);
        format!("{head}:{minutes}").parse::<Timestamp>()
    } else {
        text.parse::<Timestamp>()
    };
    parsed.ok().map(Timestamp::as_millisecond)
}

/// Reads a date within the vendor's range of years, 1700 to 4000.
pub(crate) fn read_date(text: &str) -> Option<String> {
    if text.len() != 10 {
        return None;
    }
    let date: Date = text.parse().ok()?;
    (1700..=4000).contains(&date.year()).then(|| date.to_string())
}

/// The day of an instant, in UTC.
pub(crate) fn day_of(ms: i64) -> String {
    datetime_bare(ms)[..10].to_owned()
}

/// Reads an HTTP date into whole seconds since 1970.
pub(crate) fn read_http_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::http_date;

    #[test]
    fn datetimes_come_in_with_any_zone_and_go_out_in_the_vendors_form() {
        for text in ["2014-02-14T00:53:26.000Z", "2014-02-14T00:53:26+00:00", "2014-02-14T00:53:26.000+0000", "2014-02-14T01:53:26+0100"] {
            let ms = read_datetime(text).unwrap();
            assert_eq!(datetime(ms), "2014-02-14T00:53:26.000+0000", "{text}");
        }
        assert_eq!(read_datetime("2014-02-14"), None);
        assert_eq!(read_date("2014-13-01"), None);
    }

    #[test]
    fn http_dates_go_round() {
        let text = http_date(1_700_000_000_123);
        assert_eq!(text, "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(read_http_date(&text), Some(1_700_000_000));
    }
}
