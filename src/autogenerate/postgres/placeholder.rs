//! Types as the server words them, and values for rows that have none.

/// A type as `format_type` words it, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type<'a> {
    /// Without arguments: `character varying`, `timestamp with time zone`, `app.mood`.
    pub base: String,
    pub arguments: Vec<&'a str>,
    pub is_array: bool,
}

impl<'a> Type<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let element = text.trim_end_matches("[]");
        let is_array = element.len() < text.len();
        let plain = |base: &str| Type {
            base: base.to_owned(),
            arguments: Vec::new(),
            is_array,
        };
        if element.contains('"') {
            return plain(element);
        }
        match element
            .split_once('(')
            .and_then(|(head, rest)| Some((head, rest.split_once(')')?)))
        {
            Some((head, (arguments, tail))) => Type {
                base: format!("{head}{tail}"),
                arguments: arguments.split(',').map(str::trim).collect(),
                is_array,
            },
            None => plain(element),
        }
    }

    fn argument(&self, at: usize) -> Option<i64> {
        self.arguments.get(at)?.parse().ok()
    }
}

/// A value for rows that have none, `n` being the row's number where each must have its own. None where only a
/// person knows one.
pub(super) fn placeholder(data_type: &str, n: Option<&str>) -> Option<String> {
    let of = Type::new(data_type);
    if of.is_array {
        return Some(match n {
            Some(n) => format!(
                "ARRAY[{}]",
                placeholder(data_type.trim_end_matches("[]"), Some(n))?
            ),
            None => "'{}'".to_owned(),
        });
    }
    let numbered = |expression: &dyn Fn(&str) -> String, plain: &str| match n {
        Some(n) => expression(n),
        None => plain.to_owned(),
    };
    Some(match of.base.as_str() {
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => {
            numbered(&|n| n.to_owned(), "0")
        }
        "money" => numbered(&|n| format!("{n}::numeric::money"), "0"),
        "text" | "character varying" | "character" | "name" => {
            numbered(&|n| format!("{n}::text"), "''")
        }
        "boolean" => numbered(&|n| format!("{n} = 1"), "false"),
        "date" => numbered(
            &|n| format!("date '1970-01-01' + {n}::integer"),
            "'1970-01-01'",
        ),
        "timestamp without time zone" => numbered(
            &|n| format!("timestamp '1970-01-01' + {n} * interval '1 second'"),
            "'1970-01-01 00:00:00'",
        ),
        "timestamp with time zone" => numbered(
            &|n| format!("timestamptz '1970-01-01 00:00:00+00' + {n} * interval '1 second'"),
            "'1970-01-01 00:00:00+00'",
        ),
        "time without time zone" | "time with time zone" => numbered(
            &|n| format!("time '00:00' + {n} * interval '1 second'"),
            "'00:00:00+00'",
        ),
        base if base.starts_with("interval") => {
            numbered(&|n| format!("{n} * interval '1 second'"), "'0'")
        }
        "uuid" => numbered(
            &|n| format!("lpad(to_hex({n}), 32, '0')::uuid"),
            "'00000000-0000-0000-0000-000000000000'",
        ),
        "json" | "jsonb" => numbered(&|n| format!("to_json({n})::{data_type}"), "'null'"),
        "bytea" => numbered(
            &|n| format!("decode(lpad(to_hex({n}), 16, '0'), 'hex')"),
            "''",
        ),
        "inet" | "cidr" => numbered(
            &|n| format!("(inet '0.0.0.0' + {n})::{data_type}"),
            "'0.0.0.0'",
        ),
        "macaddr" => "'00:00:00:00:00:00'".to_owned(),
        "bit" => format!(
            "'{}'",
            "0".repeat(usize::try_from(of.argument(0).unwrap_or(1)).unwrap_or(1))
        ),
        "bit varying" | "tsvector" | "tsquery" => "''".to_owned(),
        "point" => "'(0,0)'".to_owned(),
        "xml" => "'<empty/>'".to_owned(),
        "oid" => numbered(&|n| format!("{n}::oid"), "0"),
        base if base.ends_with("range") => "'empty'".to_owned(),
        _ => return None,
    })
}
