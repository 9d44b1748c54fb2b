//! Names as SQL has them: without quotes where they need none.

use crate::autogenerate::schema::Name;
use crate::dialect::Dialect;

/// Words that are no names without quotes, in any version: the reserved ones, and those that name types and
/// functions only. The server's own `quote_ident` quotes the same.
const KEYWORDS: &str = " all analyse analyze and any array as asc asymmetric authorization between bigint binary \
bit boolean both case cast char character check coalesce collate collation column concurrently constraint create \
cross current_catalog current_date current_role current_schema current_time current_timestamp current_user dec \
decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign freeze \
from full grant greatest group grouping having ilike in initially inner inout int integer intersect interval into \
is isnull join json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar \
json_serialize json_table json_value lateral leading least left like limit localtime localtimestamp \
merge_action national natural nchar none normalize not notnull null nullif numeric offset on only or order out \
outer overlaps overlay placing position precision primary real references returning right row select session_user \
setof similar smallint some substring symmetric system_user table tablesample then time timestamp to trailing \
treat trim true union unique user using values varchar variadic verbose when where window with xmlattributes \
xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable ";

pub(super) fn ident(name: &str) -> String {
    let is_plain = name
        .bytes()
        .all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty();
    if is_plain && !KEYWORDS.contains(&format!(" {name} ")) {
        name.to_owned()
    } else {
        Dialect::Postgres.ident(name)
    }
}

pub(super) fn quoted(name: &Name) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(&name.name)),
        None => ident(&name.name),
    }
}
