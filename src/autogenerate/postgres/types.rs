//! What becomes of values when a column's type changes, and how the server is told to convert them.
//!
//! By the casts of the PostgreSQL manual, section 10 ("Type Conversion"), and the catalog `pg_cast`.

use crate::autogenerate::change::Class;
use crate::autogenerate::schema::Column;

/// How a conversion is written in `ALTER COLUMN … TYPE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cast {
    /// Without a word: an assignment cast, which refuses what does not fit rather than cut it.
    Assignment,
    /// `USING column::type`.
    Explicit,
    /// `USING column::text::type`.
    ThroughText,
}

/// What becomes of the values; see [`engine::conversion`](crate::autogenerate::engine::conversion).
pub(crate) fn conversion(from: &Column, to: &Column) -> (Class, Option<String>) {
    if from.data_type == to.data_type {
        // Another collation sorts the same values otherwise.
        return (Class::Safe, None);
    }
    let (class, reason) = judge(&Type::parse(&from.data_type), &Type::parse(&to.data_type));
    let reason = match class {
        Class::Safe => None,
        _ => Some(format!(
            "{} becomes {}: {reason}",
            from.data_type, to.data_type
        )),
    };
    (class, reason)
}

/// How to write it. Where the class is [`Class::Manual`], the nearest thing to it.
pub(crate) fn cast(from: &str, to: &str) -> Cast {
    let (from, to) = (Type::parse(from), Type::parse(to));
    if from.array != to.array {
        return Cast::ThroughText;
    }
    match (from.family, to.family) {
        _ if from.base == to.base => Cast::Assignment,
        (_, Family::Text) => Cast::Assignment,
        (
            Family::Integer(_) | Family::Decimal | Family::Float(_),
            Family::Integer(_) | Family::Decimal | Family::Float(_),
        ) => Cast::Assignment,
        (Family::Date | Family::Timestamp(_), Family::Date | Family::Timestamp(_)) => {
            Cast::Assignment
        }
        (Family::Json(_), Family::Json(_))
        | (Family::Net, Family::Net)
        | (Family::Bit, Family::Bit) => Cast::Assignment,
        (Family::Boolean, Family::Integer(2)) | (Family::Integer(2), Family::Boolean) => {
            Cast::Explicit
        }
        (Family::Timestamp(_) | Family::Interval, Family::Time) => Cast::Explicit,
        (Family::Text, _) => Cast::Explicit,
        _ => Cast::ThroughText,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Boolean,
    /// 1, 2, 3: two, four and eight bytes.
    Integer(u8),
    Decimal,
    /// 1, 2: four and eight bytes.
    Float(u8),
    Text,
    Date,
    /// Whether it has a time zone.
    Timestamp(bool),
    Time,
    Interval,
    /// Whether it is `jsonb`.
    Json(bool),
    Uuid,
    Net,
    Bit,
    Bytes,
    /// Enums, domains, ranges, and whatever an extension brings.
    Other,
}

/// A type as `format_type` words it.
#[derive(Debug)]
struct Type {
    base: String,
    arguments: Vec<u32>,
    array: bool,
    family: Family,
}

impl Type {
    fn parse(text: &str) -> Type {
        let element = text.trim_end_matches("[]");
        let array = element.len() != text.len();
        // `timestamp(3) without time zone` has its arguments in the middle.
        let quoted = element.contains('"');
        let (base, arguments) = match (element.find('('), element.find(')')) {
            (Some(open), Some(close)) if open < close && !quoted => {
                let arguments = element[open + 1..close]
                    .split(',')
                    .filter_map(|argument| argument.trim().parse().ok());
                (
                    format!("{}{}", &element[..open], &element[close + 1..]),
                    arguments.collect(),
                )
            }
            _ => (element.to_owned(), Vec::new()),
        };
        let family = match base.as_str() {
            "boolean" => Family::Boolean,
            "smallint" => Family::Integer(1),
            "integer" => Family::Integer(2),
            "bigint" => Family::Integer(3),
            "numeric" => Family::Decimal,
            "real" => Family::Float(1),
            "double precision" => Family::Float(2),
            "text" | "character varying" | "character" | "name" | "citext" => Family::Text,
            "date" => Family::Date,
            "timestamp without time zone" => Family::Timestamp(false),
            "timestamp with time zone" => Family::Timestamp(true),
            "time without time zone" | "time with time zone" => Family::Time,
            "interval" => Family::Interval,
            "json" => Family::Json(false),
            "jsonb" => Family::Json(true),
            "uuid" => Family::Uuid,
            "inet" | "cidr" => Family::Net,
            "bit" | "bit varying" => Family::Bit,
            "bytea" => Family::Bytes,
            _ => Family::Other,
        };
        Type {
            base,
            arguments,
            array,
            family,
        }
    }

    /// How many characters it holds; none without a limit.
    fn length(&self) -> Option<u32> {
        match self.base.as_str() {
            "character" | "bit" => Some(self.arguments.first().copied().unwrap_or(1)),
            "name" => Some(63),
            _ => self.arguments.first().copied(),
        }
    }

    /// Digits before the point and behind it; none without a limit.
    fn digits(&self) -> Option<(i64, i64)> {
        let precision = i64::from(*self.arguments.first()?);
        let scale = i64::from(self.arguments.get(1).copied().unwrap_or(0));
        Some((precision - scale, scale))
    }

    /// Of a second, six unless it says otherwise.
    fn fraction(&self) -> u32 {
        self.arguments.first().copied().unwrap_or(6)
    }
}

fn judge(from: &Type, to: &Type) -> (Class, &'static str) {
    const SAFE: (Class, &str) = (Class::Safe, "");
    const NARROW: (Class, &str) = (Class::Lossy, "values that do not fit are refused or cut");
    const REWRITTEN: (Class, &str) = (
        Class::Lossy,
        "the values are read anew, and what they looked like is lost",
    );
    const ZONE: (Class, &str) = (
        Class::Lossy,
        "the moments depend on the session's time zone",
    );
    const ROUNDED: (Class, &str) = (Class::Lossy, "values are rounded");
    const NO_CAST: (Class, &str) = (
        Class::Manual,
        "only a person knows what the values become: write the USING",
    );
    let safe_if = |fits: bool, otherwise| if fits { SAFE } else { otherwise };
    if from.array != to.array {
        // An array's text is still all of it.
        return safe_if(
            to.family == Family::Text && !to.array && to.length().is_none(),
            NO_CAST,
        );
    }
    // Hardly anything else is one.
    if from.base != to.base && to.family == Family::Other && to.base.ends_with("range") {
        return NO_CAST;
    }
    match (from.family, to.family) {
        (Family::Text, Family::Text) => {
            // Case or trailing blanks begin to count, or no longer do.
            let same_rules = (from.base == "citext") == (to.base == "citext")
                && (to.base != "character" || from.base == "character");
            let fits = match (from.length(), to.length()) {
                (_, None) => true,
                (Some(from), Some(to)) => from <= to,
                (None, Some(_)) => false,
            };
            safe_if(same_rules && fits, NARROW)
        }
        // Every type has a text, and all of the value is in it; bytes have one that nobody means.
        (Family::Bytes, Family::Text) => NO_CAST,
        (_, Family::Text) => safe_if(to.length().is_none() && to.base != "character", NARROW),
        (Family::Integer(old), Family::Integer(new)) => safe_if(new >= old, NARROW),
        (Family::Integer(old), Family::Decimal) => {
            let needed = [5, 10, 19][usize::from(old - 1)];
            safe_if(
                to.digits().is_none_or(|(before, _)| before >= needed),
                NARROW,
            )
        }
        // 24 and 53 bits of a number.
        (Family::Integer(old), Family::Float(new)) => safe_if(old <= new, ROUNDED),
        (Family::Decimal, Family::Decimal) => safe_if(
            match (from.digits(), to.digits()) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(old), Some(new)) => new.0 >= old.0 && new.1 >= old.1,
            },
            NARROW,
        ),
        (Family::Float(old), Family::Float(new)) => safe_if(new >= old, ROUNDED),
        (
            Family::Decimal | Family::Float(_),
            Family::Integer(_) | Family::Decimal | Family::Float(_),
        ) => ROUNDED,
        (Family::Date, Family::Timestamp(zone)) => safe_if(!zone, ZONE),
        (Family::Timestamp(old), Family::Timestamp(new)) if old != new => ZONE,
        (Family::Timestamp(_), Family::Timestamp(_)) | (Family::Interval, Family::Interval) => {
            safe_if(
                from.base == to.base && to.fraction() >= from.fraction(),
                ROUNDED,
            )
        }
        (Family::Time, Family::Time) if from.base != to.base => ZONE,
        (Family::Time, Family::Time) => safe_if(to.fraction() >= from.fraction(), ROUNDED),
        (Family::Timestamp(_), Family::Date | Family::Time) => NARROW,
        (Family::Json(_), Family::Json(binary)) => safe_if(!binary, REWRITTEN),
        (Family::Net, Family::Net) => safe_if(to.base == "inet", NARROW),
        (Family::Bit, Family::Bit) => safe_if(
            to.base == "bit varying"
                && match (from.length(), to.length()) {
                    (_, None) => true,
                    (Some(old), Some(new)) => old <= new,
                    (None, Some(_)) => false,
                },
            NARROW,
        ),
        (Family::Boolean, Family::Integer(2)) => SAFE,
        (Family::Integer(2), Family::Boolean) => NARROW,
        // A label of an enum is itself, or refused.
        (Family::Text, Family::Other) => SAFE,
        (Family::Text, Family::Bytes) => NO_CAST,
        (Family::Text, _) => REWRITTEN,
        (Family::Other, Family::Other) => REWRITTEN,
        _ => NO_CAST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_values() {
        let cases = [
            ("integer", "bigint", Class::Safe),
            ("bigint", "integer", Class::Lossy),
            ("smallint", "real", Class::Safe),
            ("integer", "real", Class::Lossy),
            ("integer", "numeric(12,2)", Class::Safe),
            ("integer", "numeric(11,2)", Class::Lossy),
            (
                "character varying(20)",
                "character varying(30)",
                Class::Safe,
            ),
            (
                "character varying(30)",
                "character varying(20)",
                Class::Lossy,
            ),
            ("character varying(30)", "text", Class::Safe),
            ("text", "character varying(30)", Class::Lossy),
            ("text", "integer", Class::Lossy),
            ("integer", "text", Class::Safe),
            ("numeric(10,2)", "numeric(12,2)", Class::Safe),
            ("numeric(10,2)", "numeric(12,4)", Class::Safe),
            ("numeric(10,2)", "numeric(10,4)", Class::Lossy),
            ("numeric", "numeric(10,4)", Class::Lossy),
            (
                "timestamp(3) without time zone",
                "timestamp without time zone",
                Class::Safe,
            ),
            (
                "timestamp without time zone",
                "timestamp(3) without time zone",
                Class::Lossy,
            ),
            (
                "timestamp without time zone",
                "timestamp with time zone",
                Class::Lossy,
            ),
            ("date", "timestamp without time zone", Class::Safe),
            ("json", "jsonb", Class::Lossy),
            ("jsonb", "json", Class::Safe),
            ("text", "mood", Class::Safe),
            ("mood", "text", Class::Safe),
            ("integer[]", "bigint[]", Class::Safe),
            ("integer[]", "integer", Class::Manual),
            ("bytea", "integer", Class::Manual),
            ("integer", "uuid", Class::Manual),
            ("integer", "date", Class::Manual),
        ];
        for (from, to, expected) in cases {
            let (class, reason) = conversion(&Column::new("c", from), &Column::new("c", to));
            assert_eq!(class, expected, "{from} to {to}: {reason:?}");
            assert_eq!(reason.is_none(), class == Class::Safe, "{from} to {to}");
        }
    }

    #[test]
    fn how_a_conversion_is_written() {
        for (from, to, expected) in [
            ("integer", "bigint", Cast::Assignment),
            ("text", "integer", Cast::Explicit),
            ("mood", "text", Cast::Assignment),
            ("text", "mood", Cast::Explicit),
            ("mood", "temper", Cast::ThroughText),
            ("boolean", "integer", Cast::Explicit),
        ] {
            assert_eq!(cast(from, to), expected, "{from} to {to}");
        }
    }
}
