//! The message that reads the catalog. Pure text.
//!
//! Everything is asked for in one simple message: outside of a transaction it is one of its own, so that a pooler
//! keeps it on one session and the settings end with it; inside of a caller's the settings are put back at its
//! end. Objects are told apart by their ids, which the reader joins: no query goes from row to row.

use crate::dialect::Dialect;

/// What changes how the server words things, and what it is set to while the catalog is read.
const SETTINGS: [(&str, &str); 9] = [
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
    ("jit", "off"),
];

/// The results that the message gives, in their order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Place = 0,
    Schemas = 2,
    Relations,
    Parents,
    Columns,
    Constraints,
    Indexes,
    Types,
    Labels,
    Sequences,
    Functions,
    Triggers,
    TriggerStates,
    Policies,
    Extensions,
    Rules,
    Statistics,
    Comments,
    Rights,
    DefaultRights,
    SecurityLabels,
    IndexTargets,
    Dependencies,
    NotCompared,
}

pub(super) const RESULTS: usize = Part::NotCompared as usize + 2;

/// The message for a server of that `server_version_num`. `current` is the schema that names are told relative to,
/// where it is not the session's current one.
pub(super) fn message(version: u32, current: Option<&str>) -> String {
    let current = match current {
        Some(schema) => format!("{}::pg_catalog.text", Dialect::Postgres.literal(schema)),
        None => "pg_catalog.current_schema()::pg_catalog.text".to_owned(),
    };
    let names = || std::iter::once("search_path").chain(SETTINGS.iter().map(|(name, _)| *name));
    let saved: Vec<String> = names()
        .map(|name| {
            format!(
                "pg_catalog.set_config('limbeck.{name}', pg_catalog.current_setting('{name}'), true)"
            )
        })
        .collect();
    let set: Vec<String> = SETTINGS
        .iter()
        .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', true)"))
        .collect();
    let restored: Vec<String> = names()
        .map(|name| {
            format!(
                "pg_catalog.set_config('{name}', pg_catalog.current_setting('limbeck.{name}'), true)"
            )
        })
        .collect();
    let mut statements = vec![
        format!("SELECT {current}, {}", saved.join(", ")),
        format!(
            "SELECT pg_catalog.set_config('search_path', CASE WHEN {current} IS NULL THEN 'pg_temp' \
             ELSE pg_catalog.format('%I, pg_temp', {current}) END, true), {}",
            set.join(", ")
        ),
    ];
    statements.extend(queries(version));
    statements.push(format!("SELECT {}", restored.join(", ")));
    statements.join(";\n")
}

/// Ids below are the server's own.
const FIRST: &str = "16384";

/// No schema of the server's.
const OWN_SCHEMA: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

fn queries(version: u32) -> Vec<String> {
    let since = |number: u32, there: &'static str, before: &'static str| {
        if version >= number * 10_000 {
            there
        } else {
            before
        }
    };
    vec![
        format!("SELECT n.oid, n.nspname FROM pg_namespace n WHERE {OWN_SCHEMA}"),
        // Tables, views, and the rows of composite types; `s` and `i` are asked for below.
        format!(
            "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.reltype, t.typarray, \
             CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, \
             pg_get_expr(c.relpartbound, c.oid), c.relrowsecurity, c.relforcerowsecurity, \
             array_to_string(c.reloptions, ', '), nullif(am.amname, 'heap'), \
             CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END, \
             CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, c.relispopulated, c.relreplident, \
             (SELECT quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid \
             WHERE i.indrelid = c.oid AND i.indisreplident), \
             (SELECT quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid \
             WHERE i.indrelid = c.oid AND i.indisclustered) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_type t ON t.oid = c.reltype \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'c') AND c.relpersistence <> 't' AND {OWN_SCHEMA}"
        ),
        "SELECT i.inhrelid, i.inhparent FROM pg_inherits i ORDER BY i.inhrelid, i.inhseqno".to_owned(),
        format!(
            "SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
             pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, \
             CASE WHEN a.attcollation <> t.typcollation THEN \
             CASE WHEN cn.nspname = 'pg_catalog' THEN format('%I', co.collname) \
             ELSE format('%I.%I', cn.nspname, co.collname) END END, \
             a.attislocal, CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END, {}, a.attinhcount, \
             nullif(a.attstattarget, -1), array_to_string(a.attoptions, ', ') \
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_type t ON t.oid = a.atttypid \
             LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
             LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace \
             WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'c') \
             AND c.relpersistence <> 't' AND {OWN_SCHEMA} ORDER BY a.attrelid, a.attnum",
            since(14, "nullif(a.attcompression, '')", "NULL")
        ),
        format!(
            "SELECT o.oid, o.conrelid, o.contypid, o.conname, o.contype, pg_get_constraintdef(o.oid), \
             array_to_string(o.conkey, ','), o.confrelid, array_to_string(o.confkey, ','), o.conindid, \
             o.conislocal AND o.conparentid = 0, array_to_string(x.reloptions, ', ') \
             FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace \
             LEFT JOIN pg_class x ON x.oid = o.conindid AND o.contype IN ('p', 'u', 'x') \
             WHERE o.contype IN ('p', 'u', 'f', 'c', 'x') AND {OWN_SCHEMA} ORDER BY o.conname"
        ),
        format!(
            "SELECT i.indexrelid, i.indrelid, x.relname, i.indisunique, \
             substr(pg_get_indexdef(i.indexrelid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I ', \
             CASE WHEN i.indisunique THEN 'UNIQUE ' END, x.relname, CASE WHEN x.relkind = 'I' THEN 'ONLY ' END, \
             n.nspname, c.relname))), array_to_string(i.indkey, ','), i.indisvalid, \
             array_to_string(ARRAY(SELECT d.refobjsubid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass \
             AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid \
             AND d.refobjsubid > 0), ',') \
             FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND NOT x.relispartition AND {OWN_SCHEMA} \
             AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = i.indrelid \
             AND o.contype IN ('p', 'u', 'x')) ORDER BY x.relname"
        ),
        format!(
            "SELECT t.oid, n.nspname, t.typname, t.typtype, t.typarray, t.typrelid, \
             CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, t.typnotnull, \
             CASE WHEN t.typtype = 'd' THEN coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) END, \
             CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation THEN \
             CASE WHEN cn.nspname = 'pg_catalog' THEN format('%I', co.collname) \
             ELSE format('%I.%I', cn.nspname, co.collname) END END \
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
             LEFT JOIN pg_type b ON b.oid = t.typbasetype LEFT JOIN pg_class c ON c.oid = t.typrelid \
             LEFT JOIN pg_collation co ON co.oid = t.typcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace \
             WHERE (t.typtype IN ('e', 'd') OR t.typtype = 'c' AND c.relkind = 'c') AND {OWN_SCHEMA}"
        ),
        "SELECT e.enumtypid, e.enumlabel FROM pg_enum e ORDER BY e.enumtypid, e.enumsortorder".to_owned(),
        format!(
            "SELECT s.seqrelid, n.nspname, c.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, \
             s.seqmin, s.seqmax, s.seqcache, s.seqcycle, d.refobjid, d.refobjsubid, d.deptype, c.relpersistence \
             FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.objsubid = 0 \
             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') \
             WHERE c.relpersistence <> 't' AND {OWN_SCHEMA}"
        ),
        format!(
            "SELECT p.oid, n.nspname, p.proname, p.prokind, pg_get_functiondef(p.oid), \
             pg_get_function_identity_arguments(p.oid), pg_get_function_arguments(p.oid), \
             pg_get_function_result(p.oid), format('%I.%I', n.nspname, p.proname), \
             array_to_string(ARRAY(SELECT format_type(a.type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY \
             a(type, at) ORDER BY a.at), ', '), p.prosrc \
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE p.prokind IN ('f', 'p') AND p.oid >= {FIRST} AND {OWN_SCHEMA} AND NOT EXISTS (SELECT FROM pg_depend d \
             WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype IN ('e', 'i'))"
        ),
        format!(
            "SELECT g.oid, g.tgrelid, g.tgname, pg_get_triggerdef(g.oid, true), g.tgenabled \
             FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE NOT g.tgisinternal {} AND c.relkind IN ('r', 'p', 'v') AND c.relpersistence <> 't' AND {OWN_SCHEMA}",
            since(13, "AND g.tgparentid = 0", "")
        ),
        // Of partitions, where a trigger is enabled otherwise than its parent's.
        since(
            13,
            "SELECT g.tgrelid, quote_ident(g.tgname), g.tgenabled FROM pg_trigger g \
             JOIN pg_trigger p ON p.oid = g.tgparentid WHERE g.tgenabled <> p.tgenabled AND NOT g.tgisinternal \
             ORDER BY g.tgname",
            "SELECT NULL WHERE false",
        )
        .to_owned(),
        "SELECT p.oid, p.polrelid, p.polname, p.polcmd, p.polpermissive, \
         array_to_string(ARRAY(SELECT CASE WHEN r.oid = 0 THEN 'PUBLIC' ELSE quote_ident(a.rolname) END \
         FROM unnest(p.polroles) r(oid) LEFT JOIN pg_roles a ON a.oid = r.oid ORDER BY 1), ', '), \
         pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid) FROM pg_policy p"
            .to_owned(),
        "SELECT e.oid, e.extname, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
         WHERE e.extname <> 'plpgsql'"
            .to_owned(),
        format!(
            "SELECT w.oid, w.ev_class, w.rulename, pg_get_ruledef(w.oid), w.ev_enabled \
             FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE w.rulename <> '_RETURN' AND c.relpersistence <> 't' AND {OWN_SCHEMA}"
        ),
        format!(
            "SELECT x.oid, n.nspname, x.stxname, format('%I.%I', n.nspname, x.stxname), pg_get_statisticsobjdef(x.oid), {} \
             FROM pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace WHERE {OWN_SCHEMA}",
            since(13, "nullif(x.stxstattarget, -1)", "NULL")
        ),
        format!(
            "SELECT d.classoid::regclass, d.objoid, d.objsubid, d.description FROM pg_description d \
             WHERE d.objoid >= {FIRST} OR d.classoid = 'pg_namespace'::regclass"
        ),
        rights(),
        "SELECT d.defaclobjtype, n.nspname, CASE WHEN a.grantee = 0 THEN 'PUBLIC' \
         ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.privilege_type, a.is_grantable \
         FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace \
         LEFT JOIN LATERAL aclexplode(d.defaclacl) a ON a.grantee <> d.defaclrole \
         WHERE d.defaclrole = current_user::regrole"
            .to_owned(),
        "SELECT s.classoid::regclass, s.objoid, s.objsubid, quote_ident(s.provider), s.label FROM pg_seclabel s".to_owned(),
        format!(
            "SELECT a.attrelid, a.attnum, a.attstattarget FROM pg_attribute a JOIN pg_class x ON x.oid = a.attrelid \
             WHERE x.relkind IN ('i', 'I') AND x.oid >= {FIRST} AND a.attstattarget >= 0 AND NOT x.relispartition"
        ),
        // A view's dependencies are its rule's, a default's those of the column.
        format!(
            "SELECT CASE WHEN w.rulename = '_RETURN' THEN 'pg_class' ELSE d.classid::regclass::text END, \
             CASE WHEN w.rulename = '_RETURN' THEN w.ev_class ELSE d.objid END, d.objsubid, d.refclassid::regclass, d.refobjid, d.refobjsubid, d.deptype, f.adrelid, f.adnum \
             FROM pg_depend d LEFT JOIN pg_rewrite w ON w.oid = d.objid AND d.classid = 'pg_rewrite'::regclass \
             LEFT JOIN pg_attrdef f ON f.oid = d.objid AND d.classid = 'pg_attrdef'::regclass \
             WHERE d.objid >= {FIRST} AND (d.refobjid >= {FIRST} OR d.refclassid = 'pg_namespace'::regclass) \
             AND d.deptype IN ('n', 'a', 'e', 'i')"
        ),
        not_compared(version),
    ]
}

/// Owners that are another role than the current one, and privileges that are not the defaults: one row for each
/// privilege, and one without where there is none.
fn rights() -> String {
    let of = |class: &str, column: &str, kind: &str, owner: &str, acl: &str, from: &str| {
        format!(
            "SELECT '{class}', x.oid, {column}, {kind}, n.nspname, quote_ident(pg_get_userbyid({owner})), \
             {owner} = current_user::regrole, {acl} IS NULL, \
             CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
             a.privilege_type, a.is_grantable FROM {from} LEFT JOIN LATERAL aclexplode({acl}) a ON true \
             WHERE {OWN_SCHEMA} AND x.oid >= {FIRST}"
        )
    };
    let differs = |owner: &str, acl: &str| {
        format!(
            "({acl} IS NOT NULL OR {owner} <> current_user::regrole OR EXISTS (SELECT FROM pg_default_acl d \
             WHERE d.defaclrole = current_user::regrole))"
        )
    };
    let relations = of(
        "pg_class",
        "0",
        "CASE x.relkind WHEN 'S' THEN 'S' ELSE 'r' END",
        "x.relowner",
        "x.relacl",
        "pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace",
    );
    let columns = of(
        "pg_class",
        "t.attnum",
        "'c'",
        "x.relowner",
        "t.attacl",
        "pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace JOIN pg_attribute t ON t.attrelid = x.oid",
    );
    let routines = of(
        "pg_proc",
        "0",
        "'f'",
        "x.proowner",
        "x.proacl",
        "pg_proc x JOIN pg_namespace n ON n.oid = x.pronamespace",
    );
    let types = of(
        "pg_type",
        "0",
        "'T'",
        "x.typowner",
        "x.typacl",
        "pg_type x JOIN pg_namespace n ON n.oid = x.typnamespace",
    );
    format!(
        "{relations} AND x.relkind IN ('r', 'p', 'v', 'm', 'S') AND x.relpersistence <> 't' AND {} \
         UNION ALL {columns} AND x.relkind IN ('r', 'p', 'v', 'm') AND x.relpersistence <> 't' \
         AND t.attnum > 0 AND NOT t.attisdropped AND t.attacl IS NOT NULL \
         UNION ALL {routines} AND {} UNION ALL {types} AND (x.typtype IN ('e', 'd') OR x.typtype = 'c' AND EXISTS \
         (SELECT FROM pg_class k WHERE k.oid = x.typrelid AND k.relkind = 'c')) AND {}",
        differs("x.relowner", "x.relacl"),
        differs("x.proowner", "x.proacl"),
        differs("x.typowner", "x.typacl"),
    )
}

/// Class, id and words of everything that is met and not compared.
fn not_compared(version: u32) -> String {
    let in_schema = |catalog: &str, short: &str, words: &str, and: &str| {
        format!(
            "SELECT '{catalog}', x.oid, '{words} ' || format('%s', concat(\
             CASE WHEN n.nspname = current_schema() THEN '' ELSE n.nspname || '.' END, x.{short}name)) \
             FROM {catalog} x JOIN pg_namespace n ON n.oid = x.{short}namespace \
             WHERE {OWN_SCHEMA} AND x.oid >= {FIRST} {and}"
        )
    };
    let global = |catalog: &str, name: &str, words: &str, and: &str| {
        format!(
            "SELECT '{catalog}', x.oid, '{words} ' || x.{name} FROM {catalog} x WHERE x.oid >= {FIRST} {and}"
        )
    };
    let mut parts = vec![
        in_schema("pg_class", "rel", "foreign table", "AND x.relkind = 'f'"),
        format!(
            "SELECT 'pg_proc', x.oid, CASE x.prokind WHEN 'a' THEN 'aggregate ' ELSE 'window function ' END || \
             x.oid::regprocedure FROM pg_proc x JOIN pg_namespace n ON n.oid = x.pronamespace \
             WHERE {OWN_SCHEMA} AND x.prokind IN ('a', 'w') AND x.oid >= {FIRST}"
        ),
        global("pg_event_trigger", "evtname", "event trigger", ""),
        format!(
            "SELECT 'pg_operator', x.oid, 'operator ' || x.oid::regoperator FROM pg_operator x WHERE x.oid >= {FIRST}"
        ),
        in_schema("pg_opclass", "opc", "operator class", ""),
        in_schema("pg_opfamily", "opf", "operator family", ""),
        format!(
            "SELECT 'pg_cast', x.oid, format('cast from %s to %s', format_type(x.castsource, NULL), \
             format_type(x.casttarget, NULL)) FROM pg_cast x WHERE x.oid >= {FIRST}"
        ),
        in_schema("pg_collation", "coll", "collation", ""),
        in_schema("pg_conversion", "con", "conversion", ""),
        in_schema("pg_ts_config", "cfg", "text search configuration", ""),
        in_schema("pg_ts_dict", "dict", "text search dictionary", ""),
        in_schema("pg_ts_parser", "prs", "text search parser", ""),
        in_schema("pg_ts_template", "tmpl", "text search template", ""),
        in_schema(
            "pg_type",
            "typ",
            "type",
            "AND (x.typtype = 'r' OR x.typtype = 'b' AND x.typelem = 0)",
        ),
        global("pg_publication", "pubname", "publication", ""),
        global(
            "pg_foreign_data_wrapper",
            "fdwname",
            "foreign-data wrapper",
            "",
        ),
        global("pg_foreign_server", "srvname", "server", ""),
        global("pg_language", "lanname", "language", ""),
        global("pg_am", "amname", "access method", ""),
        format!(
            "SELECT 'pg_transform', x.oid, format('transform for %s', format_type(x.trftype, NULL)) \
             FROM pg_transform x WHERE x.oid >= {FIRST}"
        ),
        format!(
            "SELECT 'pg_default_acl', x.oid, 'default privileges of ' || pg_get_userbyid(x.defaclrole) \
             FROM pg_default_acl x WHERE x.oid >= {FIRST}"
        ),
    ];
    if version >= 180_000 {
        parts.push(format!(
            "SELECT 'pg_constraint', x.oid, format('not valid not-null constraint %s of %s', x.conname, \
             x.conrelid::regclass) FROM pg_constraint x WHERE x.contype = 'n' AND NOT x.convalidated \
             AND x.oid >= {FIRST}"
        ));
    }
    parts.join("\nUNION ALL ")
}
