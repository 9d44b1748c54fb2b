//! PostgreSQL's search path, as a run's first message finds it and pins it.

use super::{BadName, Dialect, Family, Names};

/// The statement that goes before a look, in its message: none of the rows behind it is hidden by a policy (as
/// [`see_all`](super::session::see_all) does), and its first cell is `row_security` as the session had it. None on databases
/// that have nothing of that.
///
/// Until a schema is known it also pins the path to the current one, and its row is what [`SearchPath::read`] reads. The
/// schema of temporary tables and the catalog are never the current one here, and the former comes last, where a temporary
/// table hides nothing.
///
/// In a transaction that was open before it sets nothing, since that would stay.
pub(crate) fn before_look(names: &Names) -> Option<String> {
    if names.dialect().family() != Family::Postgres {
        return None;
    }
    let shown = format!(
        "SELECT pg_catalog.current_setting('row_security'), \
         {IS_OWN} pg_catalog.set_config('row_security', 'off', true) END"
    );
    if names.schema().is_some() {
        return Some(shown);
    }
    Some(format!(
        "{shown}, pg_catalog.current_setting('search_path'), current_user, s.name, \
         pg_catalog.pg_my_temp_schema() <> '0', {IS_OWN} pg_catalog.set_config('search_path', \
         COALESCE(pg_catalog.quote_ident(s.name), 'pg_catalog') || ', pg_temp', true) END \
         FROM (SELECT (SELECT u.name::pg_catalog.text \
         FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) u(name) WHERE u.name <> 'pg_catalog' \
         AND pg_catalog.left(u.name::pg_catalog.text, 8) <> 'pg_temp_' LIMIT 1) AS name OFFSET 0) s"
    ))
}

/// The search path and the role that settings pin for every transaction of a run, whatever the session has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pin {
    pub search_path: Vec<String>,
    pub role: Option<String>,
}

impl Pin {
    pub(crate) fn is_set(&self) -> bool {
        self.role.is_some() || !self.search_path.is_empty()
    }

    /// Refuses what the database does not have.
    pub(crate) fn check(&self, dialect: Dialect) -> Result<(), BadName> {
        let path = self.search_path.iter().map(|name| ("search_path", name));
        let role = self.role.iter().map(|name| ("role", name));
        for (setting, name) in path.chain(role) {
            let reason = if dialect.family() != Family::Postgres {
                format!("{dialect} has nothing of the kind that could be pinned")
            } else if name.is_empty() || name.contains('\0') {
                "it is empty, or holds a NUL".to_owned()
            } else {
                continue;
            };
            return Err(BadName {
                setting,
                name: name.clone(),
                reason,
            });
        }
        Ok(())
    }

    /// The settings, by name and value as an identifier or a list of them: the role first, since `$user` in the path is its.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let ident = |name: &String| Dialect::Postgres.ident(name);
        let role = self.role.iter().map(|role| ("ROLE", ident(role)));
        let path: Vec<String> = self.search_path.iter().map(ident).collect();
        let path = (!path.is_empty()).then(|| ("search_path =", path.join(", ")));
        role.chain(path).collect()
    }

    /// Statements that pin it to the end of the transaction.
    pub(crate) fn local(&self) -> Vec<String> {
        let settings = self.settings();
        let set = settings.iter();
        set.map(|(name, value)| format!("SET LOCAL {name} {value}"))
            .collect()
    }

    /// The same for the session, for a statement that allows no transaction.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))]
    pub(crate) fn in_session(&self) -> Vec<String> {
        let settings = self.settings();
        let set = settings.iter();
        set.map(|(name, value)| format!("SET {name} {value}"))
            .collect()
    }

    /// The same before a look: its first cell is the role as the session had it. In a transaction that was open before it
    /// sets nothing.
    pub(crate) fn before_look(&self) -> Option<String> {
        if !self.is_set() {
            return None;
        }
        let dialect = Dialect::Postgres;
        let path: Vec<String> = self
            .search_path
            .iter()
            .map(|name| dialect.ident(name))
            .collect();
        let mut select = "SELECT pg_catalog.current_setting('role')".to_owned();
        let role = self.role.as_deref().map(|role| ("role", role.to_owned()));
        let path = (!path.is_empty()).then(|| ("search_path", path.join(", ")));
        for (name, value) in role.into_iter().chain(path) {
            select.push_str(&format!(
                ", {IS_OWN} pg_catalog.set_config({}, {}, true) END",
                dialect.literal(name),
                dialect.literal(&value)
            ));
        }
        Some(select)
    }
}

/// The condition that no transaction was open before this message, of which what follows would be a part.
const IS_OWN: &str = "CASE WHEN pg_catalog.now() = pg_catalog.statement_timestamp() THEN";

/// The search path of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SearchPath {
    setting: String,
    user: String,
    /// The current schema; none where the path names none that exists.
    pub current: Option<String>,
    /// Tells whether the session has temporary tables, or had some.
    pub has_temporary: bool,
}

impl SearchPath {
    /// Reads the row of [`before_look`]; none where that pinned nothing.
    pub(crate) fn read(row: &[Option<String>]) -> Option<SearchPath> {
        let [_, _, row @ ..] = row else { return None };
        let text = |index: usize| row.get(index).cloned().flatten();
        (!row.is_empty()).then(|| SearchPath {
            setting: text(0).unwrap_or_default(),
            user: text(1).unwrap_or_default(),
            current: text(2),
            has_temporary: text(3).as_deref() == Some("t"),
        })
    }

    /// The schemas that it names, in its order, those of the server aside.
    fn names(&self) -> impl Iterator<Item = (String, bool)> + '_ {
        let names = identifiers(&self.setting).into_iter();
        names
            .filter(|name| name != "pg_temp" && name != "pg_catalog")
            .map(|name| match name == "$user" {
                true => (self.user.clone(), true),
                false => (name, false),
            })
    }

    /// The schema that it names before the current one and that is not there, or not for this role. `"$user"` is there
    /// only for those who have such a schema.
    pub(crate) fn missing(&self) -> Option<String> {
        let current = self.current.as_deref()?;
        let before = self.names().take_while(|(name, _)| name != current);
        let mut named = before.filter(|(_, is_user)| !is_user);
        named.next().map(|(name, _)| name)
    }

    /// The other schemas that it names.
    pub(crate) fn others(&self) -> Vec<String> {
        let names = self.names().map(|(name, _)| name);
        names
            .filter(|name| Some(&**name) != self.current.as_deref())
            .collect()
    }
}

/// The names of a list of identifiers, as the server reads it: unquoted ones in lower case.
fn identifiers(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = list.chars().peekable();
    while rest.peek().is_some() {
        let mut name = String::new();
        let (mut is_quoted, mut was_quoted) = (false, false);
        while let Some(character) = rest.next() {
            match character {
                '"' if is_quoted && rest.next_if_eq(&'"').is_some() => name.push('"'),
                '"' => {
                    is_quoted = !is_quoted;
                    was_quoted = true;
                }
                ',' if !is_quoted => break,
                _ if is_quoted => name.push(character),
                _ if character.is_whitespace() => {}
                _ => name.extend(character.to_lowercase()),
            }
        }
        if was_quoted || !name.is_empty() {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(setting: &str, current: &str) -> SearchPath {
        SearchPath {
            setting: setting.to_owned(),
            user: "bob".to_owned(),
            current: (!current.is_empty()).then(|| current.to_owned()),
            has_temporary: false,
        }
    }

    #[test]
    fn a_list_of_identifiers_is_read_as_the_server_does() {
        for (list, names) in [
            ("", &[][..]),
            ("public", &["public"]),
            (
                " Tenant ,\"Odd, \"\"S\"\"\",public ",
                &["tenant", "Odd, \"S\"", "public"],
            ),
            ("\"\", a", &["", "a"]),
        ] {
            assert_eq!(identifiers(list), names, "{list}");
        }
    }

    #[test]
    fn a_schema_before_the_current_one_is_missing_unless_it_is_the_users() {
        for (setting, current, missing) in [
            ("\"$user\", public", "public", None),
            ("\"$user\", public", "bob", None),
            ("tenant42, public", "public", Some("tenant42")),
            ("tenant42, public", "tenant42", None),
            ("\"$user\", tenant42, bob", "bob", None),
            ("\"$user\", tenant42, public", "public", Some("tenant42")),
            ("pg_temp, pg_catalog, public", "public", None),
            ("nowhere", "", None),
        ] {
            let seen = path(setting, current).missing();
            assert_eq!(seen.as_deref(), missing, "{setting}");
        }
        assert_eq!(path("\"$user\", a, b", "a").others(), ["bob", "b"]);
    }
}
