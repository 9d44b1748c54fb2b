//! The names of limbeck's own tables.

use super::{Dialect, Family};

/// What stands behind the ledger's name in the longest name that is made of it.
const LONGEST_SUFFIX: &str = "_revision";

/// A name of limbeck's own tables that the database would not take, or would cut.
#[derive(Debug)]
pub(crate) struct BadName {
    /// Which setting gives it.
    pub setting: &'static str,
    pub name: String,
    pub reason: String,
}

/// Where limbeck keeps its state: the version table, the ledger, and the table of leases beside it.
///
/// Several services may share a ledger: every row of it carries the name of the version table that it
/// belongs to, its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    dialect: Dialect,
    schema: Option<String>,
    version: String,
    history: String,
}

impl Names {
    pub(crate) fn new(
        dialect: Dialect,
        schema: Option<String>,
        version: String,
        history: String,
    ) -> Self {
        Names {
            dialect,
            schema,
            version,
            history,
        }
    }

    /// Refuses names that the database would not take, or would cut: two services with long names could share a
    /// version table without knowing. PostgreSQL's limit is 63 bytes
    /// (<https://www.postgresql.org/docs/current/limits.html>), MySQL's and MariaDB's 64 characters
    /// (<https://mariadb.com/kb/en/identifier-names/>), none of them beyond the basic plane
    /// (<https://dev.mysql.com/doc/refman/9.7/en/identifiers.html>); SQLite has none.
    pub(crate) fn check(&self) -> Result<(), BadName> {
        let names = [
            ("version_table", Some(&self.version), ""),
            ("history_table", Some(&self.history), LONGEST_SUFFIX),
            ("version_schema", self.schema.as_ref(), ""),
        ];
        for (setting, name, suffix) in names {
            let Some(name) = name else { continue };
            let refused = |reason: String| BadName {
                setting,
                name: name.clone(),
                reason,
            };
            if self.is_of_the_catalog(name, setting == "version_schema") {
                return Err(refused(format!(
                    "names like it are those of {}'s own catalog",
                    self.dialect
                )));
            }
            if name.is_empty() {
                return Err(refused("it is empty".to_owned()));
            }
            if name.contains('\0') {
                return Err(refused("it holds a NUL".to_owned()));
            }
            if self.dialect.family() == Family::Mysql
                && let Some(beyond) = name.chars().find(|c| *c > '\u{ffff}')
            {
                return Err(refused(format!(
                    "{beyond:?} takes four bytes of UTF-8, and names of MySQL and MariaDB hold three: MySQL would write `?` for it"
                )));
            }
            if setting != "version_schema"
                && let Some((schema, table)) = schema_and_table(name)
            {
                return Err(refused(format!(
                    "a schema has a setting of its own: `version_schema({schema:?})`, and here `{setting}({table:?})`"
                )));
            }
            let (length, limit, unit, what) = match self.dialect.family() {
                Family::Sqlite => continue,
                Family::Postgres => (name.len(), 63, "bytes", "PostgreSQL cuts names at"),
                Family::Mysql => {
                    let length = name.chars().count();
                    (length, 64, "characters", "the database takes no more than")
                }
            };
            if length + suffix.len() > limit {
                let longest = if suffix.is_empty() {
                    "it has".to_owned()
                } else {
                    format!("with `{suffix}` behind it, as its index is called, it has")
                };
                let length = length + suffix.len();
                return Err(refused(format!(
                    "{longest} {length} {unit}, and {what} {limit}"
                )));
            }
        }
        let tables = [&self.version, &self.history, &self.lock_name()];
        let same = |a: &str, b: &str| match self.dialect {
            Dialect::Postgres => a == b,
            // MySQL and MariaDB do so where `lower_case_table_names` says so, or their file system.
            _ => a.to_lowercase() == b.to_lowercase(),
        };
        if let Some(other) = tables[1..].iter().find(|other| same(other, &self.version)) {
            return Err(BadName {
                setting: "version_table",
                name: self.version.clone(),
                reason: format!("the table {other:?} beside it has that name"),
            });
        }
        Ok(())
    }

    /// The names of a run's first message. SQLite would look for an unqualified name in attached files too.
    pub(crate) fn at_first(self) -> Self {
        let schema = (self.dialect.family() == Family::Sqlite).then_some("main");
        self.in_schema(schema)
    }

    /// Names that the database looks up in its catalog before any schema, or that it reserves: what stands there is
    /// never limbeck's.
    fn is_of_the_catalog(&self, name: &str, is_schema: bool) -> bool {
        let begins = |with: &str| {
            name.get(..with.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(with))
        };
        let is_one_of = |names: &[&str]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
        match self.dialect.family() {
            Family::Sqlite => !is_schema && begins("sqlite_"),
            Family::Postgres => {
                name.starts_with("pg_") || (is_schema && name == "information_schema")
            }
            Family::Mysql => {
                is_schema && is_one_of(&["information_schema", "performance_schema", "sys"])
            }
        }
    }

    /// The same names with the schema that the server said is current, unless one was set: from then on no
    /// `SET search_path` or `USE` of a migration changes what limbeck's statements mean.
    pub(crate) fn in_schema(mut self, current: Option<&str>) -> Self {
        if self.schema.is_none() {
            self.schema = current.map(str::to_owned);
        }
        self
    }

    pub(crate) fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(crate) fn version_name(&self) -> &str {
        &self.version
    }

    pub(crate) fn history_name(&self) -> &str {
        &self.history
    }

    pub(crate) fn lock_name(&self) -> String {
        format!("{}_lock", self.history)
    }

    pub(crate) fn version(&self) -> String {
        self.qualified(&self.version)
    }

    pub(crate) fn history(&self) -> String {
        self.qualified(&self.history)
    }

    pub(crate) fn lock(&self) -> String {
        self.qualified(&self.lock_name())
    }

    /// The condition that selects this service's rows of the shared tables.
    pub(crate) fn scope(&self) -> String {
        format!("scope = {}", self.scope_literal())
    }

    pub(crate) fn scope_literal(&self) -> String {
        self.dialect.literal(&self.version)
    }

    fn qualified(&self, table: &str) -> String {
        match &self.schema {
            Some(schema) => format!(
                "{}.{}",
                self.dialect.ident(schema),
                self.dialect.ident(table)
            ),
            None => self.dialect.ident(table),
        }
    }
}

/// The parts of a name such as `public.v`, each a word, in quotes or not. All else with a dot in it is a name.
fn schema_and_table(name: &str) -> Option<(&str, &str)> {
    let (before, table) = name.rsplit_once('.')?;
    let schema = before.rsplit('.').next().unwrap_or(before);
    let word = |part| {
        let quoted = [('"', '"'), ('`', '`'), ('[', ']')].into_iter();
        let mut inside = quoted.filter_map(|(opens, closes)| {
            str::strip_prefix(part, opens).and_then(|part| part.strip_suffix(closes))
        });
        let word = inside.next().unwrap_or(part);
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        (!word.is_empty() && word.chars().all(is_word)).then_some(word)
    };
    Some((word(schema)?, word(table)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_a_schema_is_seen() {
        for (name, parts) in [
            ("public.v", Some(("public", "v"))),
            ("\"Public\".\"v\"", Some(("Public", "v"))),
            ("`shop`.`v`", Some(("shop", "v"))),
            ("main.[v]", Some(("main", "v"))),
            ("shop.public.v", Some(("public", "v"))),
            ("größe.v_1", Some(("größe", "v_1"))),
            ("v", None),
            ("v.", None),
            (".v", None),
            ("v 1.2", None),
            ("a.b c", None),
            ("\".v", None),
        ] {
            assert_eq!(schema_and_table(name), parts, "{name}");
        }
    }
}
