//! What becomes of values when a column's type changes. Pure.

use super::text::values;
use crate::autogenerate::change::Class;
use crate::autogenerate::schema::Column;

pub(crate) fn conversion(from: &Column, to: &Column) -> (Class, Option<String>) {
    let (old, new) = (Type::of(from), Type::of(to));
    let lossy = |reason: String| (Class::Lossy, Some(reason));
    if old.is_geometry() != new.is_geometry() {
        let reason = format!("no {} can be made a {}", old.whole, new.whole);
        return (Class::Manual, Some(reason));
    }
    if from.data_type != to.data_type
        && let Some(reason) = old.narrows_to(&new)
    {
        return lossy(reason);
    }
    if let (Some(before), Some(after)) = (&from.collation, &to.collation) {
        let (before, after) = (charset(before), charset(after));
        if !contains(after, before) {
            return lossy(format!(
                "what {after} cannot say of {before} is replaced by question marks, or refused"
            ));
        }
        // These types are measured in bytes, and the others in characters.
        if let (Family::Text { bytes: old }, Family::Text { bytes: room }) =
            (old.family(), new.family())
            && old.saturating_mul(growth(after, before)) > room
        {
            return lossy(format!(
                "text takes more bytes in {after} than in {before}: a {} may be cut, or refused",
                new.name
            ));
        }
    }
    (Class::Safe, None)
}

pub(in crate::autogenerate) fn is_geometry(column: &Column) -> bool {
    Type::of(column).is_geometry()
}

fn charset(collation: &str) -> &str {
    collation.split('_').next().unwrap_or(collation)
}

/// Whether all text of the one character set can be said in the other.
fn contains(big: &str, small: &str) -> bool {
    const ALL: [&str; 4] = ["utf8mb4", "utf16", "utf16le", "utf32"];
    const BASIC: [&str; 3] = ["utf8mb3", "utf8", "ucs2"];
    if big == small || small == "ascii" && !matches!(big, "binary" | "swe7" | "dec8" | "hp8") {
        return true;
    }
    match small {
        "binary" => false,
        _ if BASIC.contains(&big) => !ALL.contains(&small) && small != "gb18030",
        _ => ALL.contains(&big),
    }
}

/// The most bytes that the one character set needs for a byte of the other.
fn growth(big: &str, small: &str) -> u64 {
    match (small, big) {
        _ if small == big => 1,
        (_, "utf32") => 4,
        ("utf32", _) => 1,
        (_, "utf16" | "utf16le" | "ucs2") => match small {
            "utf16" | "utf16le" | "ucs2" => 1,
            _ => 2,
        },
        ("utf16" | "utf16le" | "ucs2", _) => 2,
        ("ascii" | "utf8" | "utf8mb3", _) => 1,
        (_, "utf8" | "utf8mb3" | "utf8mb4") => 3,
        (_, "gb18030") => 4,
        _ => 1,
    }
}

/// A type in parts: `int(10) unsigned` is `int`, `[10]`, unsigned.
struct Type<'a> {
    whole: &'a str,
    name: &'a str,
    arguments: Vec<u32>,
    unsigned: bool,
}

/// What kind of values a type holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Integer { bytes: u32 },
    Decimal,
    Float,
    Double,
    Bit,
    Year,
    Char,
    Text { bytes: u64 },
    Binary,
    Varbinary,
    Blob { bytes: u64 },
    Date,
    Time,
    Datetime,
    Timestamp,
    Enum,
    Set,
    Geometry,
    Other,
}

impl<'a> Type<'a> {
    fn of(column: &'a Column) -> Self {
        let whole = column.data_type.as_str();
        let end = whole.find(['(', ' ']).unwrap_or(whole.len());
        let name = &whole[..end];
        let is_list = matches!(name, "enum" | "set");
        let arguments = whole
            .split_once('(')
            .filter(|_| !is_list)
            .and_then(|(_, rest)| rest.split_once(')'));
        let arguments = arguments.map(|(inner, _)| {
            let numbers = inner
                .split(',')
                .filter_map(|number| number.trim().parse().ok());
            numbers.collect()
        });
        Type {
            whole,
            name,
            arguments: arguments.unwrap_or_default(),
            unsigned: !is_list && whole.contains("unsigned"),
        }
    }

    fn argument(&self, at: usize) -> u32 {
        self.arguments.get(at).copied().unwrap_or(0)
    }

    fn family(&self) -> Family {
        match self.name {
            "tinyint" => Family::Integer { bytes: 1 },
            "smallint" => Family::Integer { bytes: 2 },
            "mediumint" => Family::Integer { bytes: 3 },
            "int" => Family::Integer { bytes: 4 },
            "bigint" => Family::Integer { bytes: 8 },
            "decimal" => Family::Decimal,
            "float" => Family::Float,
            "double" => Family::Double,
            "bit" => Family::Bit,
            "year" => Family::Year,
            "char" | "varchar" => Family::Char,
            "tinytext" => Family::Text { bytes: 255 },
            "text" => Family::Text { bytes: 65_535 },
            "mediumtext" => Family::Text { bytes: 16_777_215 },
            "longtext" => Family::Text {
                bytes: u64::from(u32::MAX),
            },
            "binary" => Family::Binary,
            "varbinary" => Family::Varbinary,
            "tinyblob" => Family::Blob { bytes: 255 },
            "blob" => Family::Blob { bytes: 65_535 },
            "mediumblob" => Family::Blob { bytes: 16_777_215 },
            "longblob" => Family::Blob {
                bytes: u64::from(u32::MAX),
            },
            "date" => Family::Date,
            "time" => Family::Time,
            "datetime" => Family::Datetime,
            "timestamp" => Family::Timestamp,
            "enum" => Family::Enum,
            "set" => Family::Set,
            "geometry" => Family::Geometry,
            _ => Family::Other,
        }
    }

    fn is_geometry(&self) -> bool {
        matches!(
            self.name,
            "geometry"
                | "point"
                | "linestring"
                | "polygon"
                | "multipoint"
                | "multilinestring"
                | "multipolygon"
                | "geometrycollection"
        )
    }

    /// How many decimal digits an integer type's values have at most.
    fn digits(&self, bytes: u32) -> u32 {
        match (bytes, self.unsigned) {
            (1, _) => 3,
            (2, _) => 5,
            (3, false) => 7,
            (3, true) => 8,
            (4, _) => 10,
            (_, false) => 19,
            (_, true) => 20,
        }
    }

    /// Why not every value of this type is one of `to`, unchanged; none where each is.
    fn narrows_to(&self, to: &Type<'_>) -> Option<String> {
        let holds = match (self.family(), to.family()) {
            (Family::Integer { bytes: old }, Family::Integer { bytes: new }) => {
                match (self.unsigned, to.unsigned) {
                    (false, true) => false,
                    (true, false) => new > old,
                    _ => new >= old,
                }
            }
            (Family::Integer { bytes }, Family::Decimal) => {
                to.argument(0) >= to.argument(1) + self.digits(bytes)
                    && (self.unsigned || !to.unsigned)
            }
            (Family::Integer { bytes }, Family::Double) => {
                bytes <= 4 && (self.unsigned || !to.unsigned) && to.arguments.is_empty()
            }
            (Family::Integer { bytes }, Family::Float) => {
                bytes <= 2 && (self.unsigned || !to.unsigned) && to.arguments.is_empty()
            }
            // A sign counts as a character; leading zeros of `zerofill` are the display's.
            (Family::Integer { bytes }, Family::Char) => {
                to.argument(0) > self.digits(bytes) && !self.whole.contains("zerofill")
            }
            (Family::Decimal, Family::Decimal) => {
                let whole = |of: &Type<'_>| of.argument(0).saturating_sub(of.argument(1));
                whole(to) >= whole(self)
                    && to.argument(1) >= self.argument(1)
                    && (self.unsigned || !to.unsigned)
            }
            (Family::Float, Family::Float | Family::Double) | (Family::Double, Family::Double) => {
                let same = self.arguments == to.arguments || to.arguments.is_empty();
                // Not every float's text survives as the same double: only its value does.
                same && (self.unsigned || !to.unsigned)
            }
            (Family::Bit, Family::Bit) => to.argument(0) >= self.argument(0),
            (Family::Char, Family::Char) => {
                // A `char` loses the spaces at its end.
                to.argument(0) >= self.argument(0) && !(self.name == "varchar" && to.name == "char")
            }
            (Family::Char, Family::Text { bytes }) => bytes >= u64::from(self.argument(0)) * 4,
            (Family::Text { bytes: old }, Family::Text { bytes: new }) => new >= old,
            (Family::Blob { bytes: old }, Family::Blob { bytes: new }) => new >= old,
            (Family::Varbinary, Family::Varbinary) | (Family::Binary, Family::Varbinary) => {
                to.argument(0) >= self.argument(0)
            }
            (Family::Binary | Family::Varbinary, Family::Blob { bytes }) => {
                bytes >= u64::from(self.argument(0))
            }
            (Family::Date, Family::Datetime) => true,
            (Family::Time, Family::Time)
            | (Family::Datetime, Family::Datetime)
            | (Family::Timestamp, Family::Timestamp) => to.argument(0) >= self.argument(0),
            (Family::Enum, Family::Enum) | (Family::Set, Family::Set) => {
                let (old, new) = (values(self.whole), values(to.whole));
                let gone: Vec<&str> = old
                    .iter()
                    .filter(|value| !new.contains(value))
                    .map(String::as_str)
                    .collect();
                if !gone.is_empty() {
                    return Some(format!("rows that hold `{}` lose it", gone.join("`, `")));
                }
                // Values are kept by their text, wherever they stand.
                true
            }
            (Family::Enum, Family::Char) => {
                let longest = values(self.whole)
                    .iter()
                    .map(|value| value.chars().count())
                    .max();
                to.argument(0) as usize >= longest.unwrap_or(0) && to.name == "varchar"
            }
            (Family::Enum, Family::Text { bytes }) => bytes >= 65_535,
            (Family::Other, Family::Geometry) => self.is_geometry(),
            _ => self.whole == to.whole,
        };
        (!holds).then(|| format!("not every {} is a {}", self.whole, to.whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(from: &str, to: &str) -> Class {
        conversion(&Column::new("c", from), &Column::new("c", to)).0
    }

    #[test]
    fn what_widens_is_safe_and_what_narrows_is_not() {
        let safe = [
            ("int(11)", "bigint(20)"),
            ("int(10) unsigned", "bigint(20)"),
            ("tinyint(4)", "decimal(5,2)"),
            ("varchar(10)", "varchar(300)"),
            ("varchar(10)", "text"),
            ("char(3)", "varchar(3)"),
            ("decimal(10,2)", "decimal(12,3)"),
            ("datetime", "datetime(6)"),
            ("date", "datetime"),
            ("enum('a','b')", "enum('a','b','c')"),
            ("enum('a','b')", "enum('b','a')"),
            ("set('a')", "set('a','b')"),
            ("int(11)", "int(10)"),
            ("binary(3)", "varbinary(3)"),
            ("int(11)", "varchar(11)"),
        ];
        for (from, to) in safe {
            assert_eq!(class(from, to), Class::Safe, "{from} to {to}");
        }
        let lossy = [
            ("bigint(20)", "int(11)"),
            ("int(11)", "int(10) unsigned"),
            ("int(10) unsigned", "int(11)"),
            ("decimal(10,2)", "decimal(10,3)"),
            ("varchar(10)", "varchar(9)"),
            ("varchar(3)", "char(3)"),
            ("varchar(100)", "tinytext"),
            ("datetime(6)", "datetime"),
            ("datetime", "date"),
            ("datetime", "timestamp"),
            ("enum('a','b')", "enum('a')"),
            ("text", "blob"),
            ("binary(3)", "binary(4)"),
            ("bigint(20)", "double"),
            ("int(11)", "varchar(10)"),
        ];
        for (from, to) in lossy {
            assert_eq!(class(from, to), Class::Lossy, "{from} to {to}");
        }
    }

    #[test]
    fn nothing_becomes_a_geometry() {
        assert_eq!(class("int(11)", "point"), Class::Manual);
        assert_eq!(class("point", "text"), Class::Manual);
        assert_eq!(class("point", "geometry"), Class::Safe);
        assert_eq!(class("geometry", "point"), Class::Lossy);
    }

    #[test]
    fn character_sets_that_hold_the_old_one_are_safe() {
        let class = |from: &str, to: &str| {
            let of = |collation: &str| Column {
                collation: Some(collation.to_owned()),
                ..Column::new("c", "varchar(10)")
            };
            conversion(&of(from), &of(to)).0
        };
        assert_eq!(class("utf8mb3_general_ci", "utf8mb4_bin"), Class::Safe);
        assert_eq!(
            class("latin1_swedish_ci", "utf8mb3_general_ci"),
            Class::Safe
        );
        assert_eq!(class("utf8mb4_bin", "utf8mb4_general_ci"), Class::Safe);
        assert_eq!(class("utf8mb4_bin", "latin1_swedish_ci"), Class::Lossy);
        assert_eq!(class("utf8mb4_bin", "utf8mb3_bin"), Class::Lossy);
        assert_eq!(class("latin1_bin", "latin2_general_ci"), Class::Lossy);
        let class = |from: (&str, &str), to: (&str, &str)| {
            let of = |(data_type, collation): (&str, &str)| Column {
                collation: Some(collation.to_owned()),
                ..Column::new("c", data_type)
            };
            conversion(&of(from), &of(to)).0
        };
        let latin = ("text", "latin1_swedish_ci");
        assert_eq!(class(latin, ("text", "utf8mb4_bin")), Class::Lossy);
        assert_eq!(class(latin, ("mediumtext", "utf8mb4_bin")), Class::Safe);
        let utf8 = ("tinytext", "utf8mb3_bin");
        assert_eq!(class(utf8, ("tinytext", "utf8mb4_bin")), Class::Safe);
        assert_eq!(class(utf8, ("tinytext", "utf16_bin")), Class::Lossy);
        assert_eq!(
            class(("tinytext", "ascii_bin"), ("tinytext", "utf8mb4_bin")),
            Class::Safe
        );
    }
}
