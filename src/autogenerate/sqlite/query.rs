//! What the catalog is asked. Pure.

/// Everything in one statement, so that it is of one moment and costs the same for any number of tables. Each row
/// begins with what it is: an `object` of the schema, a `kind` that the text does not give away (virtual and shadow
/// tables), a `column` and the number of foreign `keys` by which the reading of the text is checked.
///
/// `sqlite_master` rather than `sqlite_schema`, and no `ORDER BY`: both are for older versions, and rows are sorted
/// when they have arrived.
pub(super) const CATALOG: &str = "\
    SELECT 'object' AS what, type AS a, name AS b, tbl_name AS c, sql AS d, NULL AS e FROM main.sqlite_master \
    UNION ALL \
    SELECT 'kind', type, name, NULL, NULL, NULL FROM pragma_table_list WHERE schema = 'main' AND type IN ('virtual', 'shadow') \
    UNION ALL \
    SELECT 'column', x.cid, m.name, x.name, x.hidden, x.pk \
    FROM main.sqlite_master AS m, pragma_table_xinfo(m.name, 'main') AS x \
    WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' \
    UNION ALL \
    SELECT 'keys', NULL, m.name, count(DISTINCT f.id), NULL, NULL \
    FROM main.sqlite_master AS m, pragma_foreign_key_list(m.name, 'main') AS f \
    WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' GROUP BY m.name";
