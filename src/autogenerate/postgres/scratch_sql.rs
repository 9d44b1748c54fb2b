//! What is said to the server about scratch databases. Pure text.

use crate::dialect::Dialect;
use crate::sql::{Piece, pieces};

/// The answers: database, its oid, when the server started, the current schema, the search path, the server's version,
/// its clock in seconds, and what a new database must have in common with this one.
pub(super) const SITUATION: &str = "\
SELECT d.datname::pg_catalog.text, d.oid::pg_catalog.text, \
    pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::pg_catalog.text, \
    COALESCE(pg_catalog.current_schema()::pg_catalog.text, 'public'), \
    pg_catalog.current_setting('search_path'), \
    pg_catalog.current_setting('server_version_num'), \
    pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()))::pg_catalog.int8::pg_catalog.text, \
    pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text, \
    d.datcollate::pg_catalog.text, d.datctype::pg_catalog.text, \
    pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.->>) 'datlocprovider', \
    COALESCE(pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.->>) 'datlocale', \
        pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.->>) 'daticulocale') \
FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";

/// A database of this name with this limit is one of limbeck's scratch databases: `CREATE DATABASE` sets both at once,
/// so there is no moment in which one cannot be told.
pub(super) const CONNECTION_LIMIT: u32 = 13;

/// Left-overs of killed runs: nobody is connected, and no run takes so long to connect.
pub(super) const LEFT_OVERS: &str = "\
SELECT d.datname::pg_catalog.text FROM pg_catalog.pg_database d \
WHERE d.datname OPERATOR(pg_catalog.~) '^limbeck_scratch_[0-9]{10}_[0-9a-f]{12}$' AND d.datconnlimit = 13 \
  AND pg_catalog.substr(d.datname::pg_catalog.text, 17, 10)::pg_catalog.int8 \
    < pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) - 600 \
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)";

/// Something that stands in the database, in words; no row where it is empty.
pub(super) const CONTENT: &str = "\
SELECT found FROM ( \
  SELECT CASE c.relkind WHEN 'v' THEN 'the view ' WHEN 'm' THEN 'the materialized view ' WHEN 'S' THEN 'the sequence ' \
    WHEN 'i' THEN 'the index ' WHEN 'c' THEN 'the type ' ELSE 'the table ' END \
    || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS found, 1 AS place, c.oid \
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)' AND c.relkind <> 't' \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
      AND e.objid = c.oid AND e.deptype = 'e') \
  UNION ALL \
  SELECT 'the function ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname), 2, p.oid \
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_' \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
      AND e.objid = p.oid AND e.deptype = 'e') \
  UNION ALL \
  SELECT 'the type ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname), 3, t.oid \
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
  WHERE t.typtype IN ('e', 'd', 'r') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
    AND n.nspname !~ '^pg_' \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass \
      AND e.objid = t.oid AND e.deptype = 'e') \
  UNION ALL \
  SELECT 'the schema ' || pg_catalog.quote_ident(n.nspname), 4, n.oid \
  FROM pg_catalog.pg_namespace n WHERE n.nspname NOT IN ('information_schema', 'public') AND n.nspname !~ '^pg_' \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e \
      WHERE e.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND e.objid = n.oid AND e.deptype = 'e') \
) all_of_it ORDER BY place, oid LIMIT 1";

/// The live database, as far as a scratch one must be like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Situation {
    pub database: String,
    oid: String,
    started: String,
    schema: String,
    search_path: String,
    version: u32,
    pub clock: u64,
    encoding: String,
    collate: String,
    ctype: String,
    provider: Option<String>,
    locale: Option<String>,
}

impl Situation {
    /// From the row of [`SITUATION`].
    pub(super) fn of_row(row: Vec<Option<String>>) -> Option<Situation> {
        let mut cells = row.into_iter();
        let mut next = || cells.next().flatten();
        Some(Situation {
            database: next()?,
            oid: next()?,
            started: next()?,
            schema: next()?,
            search_path: next()?,
            version: next()?.parse().ok()?,
            clock: next()?.parse().ok()?,
            encoding: next()?,
            collate: next()?,
            ctype: next()?,
            provider: next(),
            locale: next(),
        })
    }

    /// Whether both are one database: of one server, which started at one microsecond.
    pub(super) fn is_same_database(&self, other: &Situation) -> bool {
        (&self.database, &self.oid, &self.started) == (&other.database, &other.oid, &other.started)
    }

    pub(super) fn create(&self, name: &str) -> String {
        let literal = |text: &str| Dialect::Postgres.literal(text);
        let mut sql = format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {} CONNECTION LIMIT {CONNECTION_LIMIT}",
            Dialect::Postgres.ident(name),
            literal(&self.encoding),
            literal(&self.collate),
            literal(&self.ctype),
        );
        match (self.provider.as_deref(), &self.locale) {
            (Some("i"), Some(locale)) => {
                sql += &format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", literal(locale));
            }
            (Some("b"), Some(locale)) => {
                sql += &format!(
                    " LOCALE_PROVIDER builtin BUILTIN_LOCALE {}",
                    literal(locale)
                );
            }
            _ => {}
        }
        sql
    }

    /// Ends its sessions too: a pooler may hold one.
    pub(super) fn drop(&self, name: &str) -> Vec<String> {
        let ident = Dialect::Postgres.ident(name);
        if self.version >= 130_000 {
            return vec![format!("DROP DATABASE IF EXISTS {ident} WITH (FORCE)")];
        }
        let literal = Dialect::Postgres.literal(name);
        vec![
            format!(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = {literal}"
            ),
            format!("DROP DATABASE IF EXISTS {ident}"),
        ]
    }

    /// Whether a statement makes a schema that the scratch database has from its making.
    pub(super) fn is_made_before(&self, statement: &str) -> bool {
        let words = pieces(Dialect::Postgres, statement);
        let is = |at: usize, word: &str| words.get(at).is_some_and(|piece| piece.is(word));
        if !(is(0, "CREATE") && is(1, "SCHEMA")) {
            return false;
        }
        let conditional = is(2, "IF") && is(3, "NOT") && is(4, "EXISTS");
        let at = if conditional { 5 } else { 2 };
        let Some(name) = words.get(at).and_then(Piece::name) else {
            return false;
        };
        // What else the statement makes is not there.
        let is_all = words.len() == at + 1 || is(at + 1, "AUTHORIZATION") && words.len() == at + 3;
        is_all && (name == self.schema || name == "public")
    }

    /// The schema that is current in the live database, and its search path, in a scratch one.
    pub(super) fn prepare(&self, in_transaction: bool) -> String {
        format!(
            "CREATE SCHEMA IF NOT EXISTS {}; {}",
            Dialect::Postgres.ident(&self.schema),
            self.search_path(in_transaction)
        )
    }

    /// The session as the next of several revisions finds it.
    pub(super) fn fresh(&self, in_transaction: bool) -> String {
        format!(
            "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; DISCARD TEMP; {};",
            self.search_path(in_transaction)
        )
    }

    /// Set again behind the desired schema: a dump empties it.
    pub(super) fn search_path(&self, in_transaction: bool) -> String {
        format!(
            "SELECT pg_catalog.set_config('search_path', {}, {in_transaction})",
            Dialect::Postgres.literal(&self.search_path)
        )
    }
}
