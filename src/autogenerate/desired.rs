//! The facade: a desired schema, and a database to compare with it.

use std::borrow::Cow;
use std::fmt;

use sqlx::{Connection, Database, Pool};

use super::draft::{Comparison, Draft, DraftOptions};
use super::engine::{Reflect, Wish};
use super::error::AutogenerateError;
use super::filter::{Filter, Scope};
use super::hints;
use super::rename::Renames;
use super::schema::{Name, Schema};
use crate::dialect::{Dialect, Family};
use crate::snippet::Snippet;
use crate::sql::position;

/// Compares a live database with the schema that a service wants.
///
/// ```no_run
/// # async fn compare(pool: sqlx::SqlitePool) -> Result<(), limbeck::autogenerate::AutogenerateError> {
/// use limbeck::autogenerate::{Autogenerate, DraftOptions};
///
/// let desired = Autogenerate::from_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);");
/// let comparison = desired.compare(&pool).await?;
/// for change in comparison.changes() {
///     println!("{change}");
/// }
/// for draft in comparison.drafts(DraftOptions::default()) {
///     // Two sections, for `NewRevision::section`.
///     println!("{:?} {:?}", draft.upgrade, draft.downgrade);
/// }
/// # Ok(()) }
/// ```
///
/// # Renames
/// A comment says that something had another name: without it the old one is dropped and a new one added, which loses
/// its data.
///
/// ```sql
/// -- renamed from: people
/// CREATE TABLE users (
///     id BIGINT PRIMARY KEY,
///     email TEXT NOT NULL -- renamed from: mail
/// );
/// ```
///
/// It stands directly above the `CREATE TABLE` or the column, or behind the line on which one begins. It may stay: where
/// nothing has the old name any more, it says nothing.
#[must_use]
#[derive(Clone)]
pub struct Autogenerate {
    sql: String,
    /// The first line of each part, and its path if it is a file: of a list of statements, or of several files.
    parts: Vec<(usize, Option<String>)>,
    /// The lines at which the session is as new.
    sessions: Vec<usize>,
    path: String,
    filter: Filter,
    scratch_url: Option<String>,
    renames: Vec<Stated>,
}

/// A rename, with names as a person writes them.
#[derive(Debug, Clone)]
enum Stated {
    Table {
        old: String,
        new: String,
    },
    Column {
        table: String,
        old: String,
        new: String,
    },
}

/// Without the scratch database's URL, which may hold a password.
impl fmt::Debug for Autogenerate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Autogenerate")
            .field("path", &self.path)
            .field("filter", &self.filter)
            .field("renames", &self.renames)
            .finish_non_exhaustive()
    }
}

impl Autogenerate {
    /// The desired schema as SQL: statements that build it in an empty database. As in revision files, a byte-order mark
    /// is dropped and CRLF is read as LF.
    pub fn from_sql(sql: impl AsRef<str>) -> Self {
        Autogenerate {
            sql: plain(sql.as_ref()),
            parts: Vec::new(),
            sessions: Vec::new(),
            path: "<desired schema>".to_owned(),
            filter: Filter::default(),
            scratch_url: None,
            renames: Vec::new(),
        }
    }

    /// The same from a list of statements, such as a builder gives. Errors name the statement, and count its lines.
    pub fn from_statements(statements: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Autogenerate::from_parts(statements.into_iter().map(|statement| (None, statement)))
    }

    /// The same from several files, each with its path and its text, in the order in which they are run. A statement ends with
    /// its file. Errors name the file, and count its lines.
    pub fn from_files<P: Into<String>, T: AsRef<str>>(
        files: impl IntoIterator<Item = (P, T)>,
    ) -> Self {
        let files = files.into_iter();
        Autogenerate::from_parts(files.map(|(path, text)| (Some(path.into()), text)))
    }

    /// The same from the sections of applied revisions: each finds the session as its step finds it.
    pub(crate) fn from_revisions(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let desired = Autogenerate::from_files(files);
        let sessions = desired.parts.iter().map(|(line, _)| *line).collect();
        Autogenerate {
            sessions,
            ..desired
        }
    }

    fn from_parts(parts: impl Iterator<Item = (Option<String>, impl AsRef<str>)>) -> Self {
        let mut desired = Autogenerate::from_sql("");
        let mut line = 1;
        for (path, text) in parts {
            let text = plain(text.as_ref());
            desired.parts.push((line, path));
            desired.sql.push_str(&text);
            // On a line of its own: the text may end with a comment.
            desired.sql.push_str("\n;\n");
            line += text.matches('\n').count() + 2;
        }
        desired
    }

    /// What errors call the desired schema: its file. Default: `<desired schema>`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// What is compared. Default: everything but the tables of migration tools.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// An empty database to build the desired schema on, where the role may not create databases; it is left
    /// empty again. Default: limbeck creates and drops one of its own.
    pub fn scratch_url(mut self, url: impl Into<String>) -> Self {
        self.scratch_url = Some(url.into());
        self
    }

    /// A table that has another name in the database, as a hint in the desired schema says it. Names are written as in
    /// SQL, with a schema and quotes where they need them. Default: none but the hints.
    pub fn renamed_table(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        self.renames.push(Stated::Table {
            old: old.into(),
            new: new.into(),
        });
        self
    }

    /// A column that has another name in the database; the table by its new name. Default: none but the hints.
    pub fn renamed_column(
        mut self,
        table: impl Into<String>,
        old: impl Into<String>,
        new: impl Into<String>,
    ) -> Self {
        self.renames.push(Stated::Column {
            table: table.into(),
            old: old.into(),
            new: new.into(),
        });
        self
    }

    /// Compares. The version tables of limbeck's default names are left out, as are other tools';
    /// [`Migrator::compare_schema`](crate::Migrator::compare_schema) knows the names that its settings give.
    ///
    /// # Errors
    /// [`AutogenerateError`]: the database is as it was before.
    pub async fn compare<DB: Reflect>(
        &self,
        pool: &Pool<DB>,
    ) -> Result<Comparison, AutogenerateError> {
        self.compare_pool(pool, &[]).await
    }

    /// Compares through a connection, so that what an open transaction of its own did is seen. `options` are those that
    /// it was opened with: the scratch database is made beside the one that they name.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub async fn compare_on<C>(
        &self,
        connection: &mut C,
        options: &C::Options,
    ) -> Result<Comparison, AutogenerateError>
    where
        C: Connection,
        C::Database: Reflect<Connection = C>,
    {
        self.compare_between::<C::Database>(connection, options, &[])
            .await
    }

    /// [`Comparison::drafts`]; with `online`, MySQL and MariaDB are asked on a scratch database which form they take for each
    /// `ALTER TABLE`: `ALGORITHM=INSTANT`, else `ALGORITHM=INPLACE, LOCK=NONE`. Where they take neither, a comment and the
    /// draft's `notes` say that the table is copied, or that its rows cannot be written meanwhile.
    ///
    /// # Errors
    /// [`AutogenerateError`]: the database is as it was before.
    pub async fn drafts<DB: Reflect>(
        &self,
        pool: &Pool<DB>,
        comparison: &Comparison,
        options: DraftOptions,
    ) -> Result<Vec<Draft>, AutogenerateError> {
        let mut scripts = comparison.scripts(options);
        if !options.online || DB::FAMILY.family() != Family::Mysql || scripts.is_empty() {
            return Ok(comparison.written(scripts, options));
        }
        let trial = comparison.trial(&scripts);
        let mut live = pool.acquire().await?;
        let forms = match &self.scratch_url {
            None => DB::forms(&mut live, &pool.connect_options(), &trial).await?,
            Some(url) => {
                let mut scratch = self.connected::<DB>(url).await?;
                let forms = DB::forms_in(&mut live, &mut scratch, &trial).await;
                let _ = scratch.close().await;
                forms?
            }
        };
        drop(live);
        let mut notes: Vec<Vec<String>> = Vec::new();
        let mut forms = forms.into_iter();
        for (up, down) in &mut scripts {
            notes.push(up.take(&mut forms));
            down.take(&mut forms);
        }
        let mut drafts = comparison.written(scripts, options);
        for (draft, notes) in drafts.iter_mut().zip(notes) {
            draft.notes = notes;
        }
        Ok(drafts)
    }

    /// `own` are limbeck's tables.
    pub(crate) async fn compare_pool<DB: Reflect>(
        &self,
        pool: &Pool<DB>,
        own: &[Name],
    ) -> Result<Comparison, AutogenerateError> {
        let mut live = pool.acquire().await?;
        let options = pool.connect_options();
        self.compare_between::<DB>(&mut live, &options, own).await
    }

    async fn compare_between<DB: Reflect>(
        &self,
        live: &mut DB::Connection,
        options: &<DB::Connection as Connection>::Options,
        own: &[Name],
    ) -> Result<Comparison, AutogenerateError> {
        // Whatever is wrong with the text is said before anything is connected to.
        let stated = self.stated(DB::FAMILY)?;
        let text = self.text(DB::FAMILY);
        let built = match &self.scratch_url {
            None => DB::scratch(live, options, self.wish(&text)).await,
            Some(url) => self.build_in::<DB>(live, url).await,
        };
        let mut desired = built.map_err(|error| self.placed(error))?;
        let mut found = DB::reflect(live).await?;
        let current = current_schema::<DB>(live).await?;
        let current = current.as_deref();
        self.filter
            .apply(&mut found, &mut desired, &Scope { current, own });
        let renames = hints::resolved(&stated, &found, &desired, current);
        Ok(Comparison::new(found, desired, &renames))
    }

    /// On the user's scratch database.
    async fn build_in<DB: Reflect>(
        &self,
        live: &mut DB::Connection,
        url: &str,
    ) -> Result<Schema, AutogenerateError> {
        let mut scratch = self.connected::<DB>(url).await?;
        let text = self.text(DB::FAMILY);
        let built = DB::scratch_in(live, &mut scratch, self.wish(&text)).await;
        // What was wanted of it is done: how the connection ends changes nothing.
        let _ = scratch.close().await;
        built
    }

    /// To the user's scratch database.
    async fn connected<DB: Reflect>(&self, url: &str) -> Result<DB::Connection, AutogenerateError> {
        let scheme = url.split(':').next().unwrap_or_default();
        if !<DB as Database>::URL_SCHEMES.contains(&scheme) {
            return Err(AutogenerateError::InvalidScratchUrl {
                reason: format!(
                    "that of this kind of database begins with {}",
                    DB::URL_SCHEMES
                        .iter()
                        .map(|scheme| format!("`{scheme}:`"))
                        .collect::<Vec<_>>()
                        .join(" or ")
                ),
            });
        }
        if crate::dialect::lacks_slashes(url) {
            return Err(AutogenerateError::InvalidScratchUrl {
                reason: "its user and host stand not behind two slashes, as in postgres://user@host/name"
                    .to_owned(),
            });
        }
        let options: <DB::Connection as Connection>::Options =
            url.parse()
                .map_err(|error: sqlx::Error| AutogenerateError::InvalidScratchUrl {
                    reason: error.to_string(),
                })?;
        DB::Connection::connect_with(&options)
            .await
            .map_err(|source| AutogenerateError::ScratchConnection { source })
    }

    fn wish<'a>(&'a self, sql: &'a str) -> Wish<'a> {
        Wish {
            sql,
            sessions: &self.sessions,
        }
    }

    /// The SQL that the database is given: every character stands where it stands in the file.
    fn text(&self, dialect: Dialect) -> Cow<'_, str> {
        match dialect.family() {
            Family::Postgres => without_restrictions(&self.sql),
            _ => Cow::Borrowed(&self.sql),
        }
    }

    /// The hints, and what was said beside them.
    fn stated(&self, dialect: Dialect) -> Result<Renames, AutogenerateError> {
        let mut renames = hints::read(dialect, &self.text(dialect)).map_err(|fault| {
            let (line, column) = position(&self.sql, fault.offset);
            self.placed(AutogenerateError::Syntax {
                path: String::new(),
                line,
                column,
                message: fault.message,
                snippet: None,
            })
        })?;
        let name = |text: &str| hints::stated_name(dialect, text);
        let column = |text: &str| hints::stated_column(dialect, text);
        for stated in &self.renames {
            match stated {
                Stated::Table { old, new } => renames.tables.push((name(old), name(new))),
                Stated::Column { table, old, new } => {
                    renames
                        .columns
                        .push((name(table), column(old), column(new)));
                }
            }
        }
        Ok(renames)
    }

    /// The error with the path, and with the place in the statement where a list was given.
    fn placed(&self, mut error: AutogenerateError) -> AutogenerateError {
        let (path, line, column, number, snippet) = match &mut error {
            AutogenerateError::Desired {
                path,
                line,
                column,
                statement,
                snippet,
                ..
            } => (path, line, column, Some(statement), snippet),
            AutogenerateError::Syntax {
                path,
                line,
                column,
                snippet,
                ..
            } => (path, line, column, None, snippet),
            _ => return error,
        };
        let text = self.sql.split('\n').nth(*line - 1).unwrap_or_default();
        path.clone_from(&self.path);
        let before = self.parts.partition_point(|(first, _)| first <= line);
        if let Some((first, file)) = before.checked_sub(1).map(|at| &self.parts[at]) {
            *line = *line - first + 1;
            match (file, number) {
                (Some(file), _) => path.clone_from(file),
                (None, Some(number)) => *number = before,
                (None, None) => *path = format!("{}, statement {before}", self.path),
            }
        }
        let shown = Snippet::in_line(path, (*line, *column), text);
        let is_hint = text.chars().skip(*column - 1).take(2).eq("--".chars());
        *snippet = Some(Box::new(if is_hint { shown.up_to_end() } else { shown }));
        error
    }
}

fn plain(sql: &str) -> String {
    let sql = sql.strip_prefix('\u{feff}').unwrap_or(sql);
    sql.replace("\r\n", "\n")
}

/// Blanks out the lines that `pg_dump` writes for `psql` alone, so that all else stands where it stood.
fn without_restrictions(sql: &str) -> Cow<'_, str> {
    let is_for_psql = |line: &str| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("\\restrict" | "\\unrestrict"))
            && words.next().is_some()
            && words.next().is_none()
    };
    if !sql.lines().any(is_for_psql) {
        return Cow::Borrowed(sql);
    }
    let lines = sql
        .split_inclusive('\n')
        .map(|line| match is_for_psql(line) {
            true => line
                .chars()
                .map(|c| if c.is_whitespace() { c } else { ' ' })
                .collect(),
            false => line.to_owned(),
        });
    Cow::Owned(lines.collect())
}

/// The schema whose things have names without one.
async fn current_schema<DB: Reflect>(
    live: &mut DB::Connection,
) -> Result<Option<String>, AutogenerateError> {
    let query = match DB::FAMILY.family() {
        Family::Sqlite => return Ok(Some("main".to_owned())),
        Family::Postgres => "SELECT pg_catalog.current_schema()::pg_catalog.text",
        Family::Mysql => "SELECT DATABASE()",
    };
    let results = DB::send(live, query.to_owned(), vec![1]).await;
    let results = results.map_err(|failed| AutogenerateError::Reflect {
        what: "live",
        source: failed.error,
    })?;
    let cell = results.into_iter().next().and_then(|result| {
        let row = result.rows.into_iter().next()?;
        row.into_iter().next()?
    });
    Ok(cell)
}

/// Writes the schema of a database as SQL that builds it in an empty one: a desired schema from which that database does not
/// differ. limbeck's own tables of their default names are left out, as are other tools';
/// [`Migrator::dump_schema`](crate::Migrator::dump_schema) knows the names that its settings give.
///
/// Owners and privileges are not in it, nor is what is not compared, which comments at its head name. The statements of
/// MySQL and MariaDB end with `;` inside of routines as well: the servers' own clients need `DELIMITER` there, limbeck
/// does not.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use limbeck::autogenerate::{Autogenerate, Filter, dump};
/// use sqlx::sqlite::SqlitePoolOptions;
///
/// let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
/// sqlx::raw_sql("CREATE TABLE users (id INTEGER PRIMARY KEY)").execute(&pool).await?;
/// let text = dump(&pool, &Filter::default()).await?;
/// assert!(text.contains("CREATE TABLE users"));
/// assert!(Autogenerate::from_sql(text).compare(&pool).await?.is_empty());
/// # Ok(()) }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
///
/// # Errors
/// [`AutogenerateError`].
pub async fn dump<DB: Reflect>(
    pool: &Pool<DB>,
    filter: &Filter,
) -> Result<String, AutogenerateError> {
    dump_without(pool, filter, &[]).await
}

/// `own` are limbeck's tables.
pub(crate) async fn dump_without<DB: Reflect>(
    pool: &Pool<DB>,
    filter: &Filter,
    own: &[Name],
) -> Result<String, AutogenerateError> {
    let mut live = pool.acquire().await?;
    let schema = DB::reflect(&mut live).await?;
    let current = current_schema::<DB>(&mut live).await?;
    let current = current.as_deref();
    Ok(super::dump::dump(schema, filter, &Scope { current, own }))
}

/// Reads the schema of the database behind a connection.
///
/// # Errors
/// [`AutogenerateError`].
pub async fn reflect<DB: Reflect>(
    connection: &mut DB::Connection,
) -> Result<Schema, AutogenerateError> {
    DB::reflect(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(line: usize) -> AutogenerateError {
        AutogenerateError::Desired {
            path: "<desired schema>".to_owned(),
            line,
            column: 3,
            statement: 7,
            message: "no such type".to_owned(),
            snippet: None,
        }
    }

    #[test]
    fn errors_name_the_file_or_the_statement() {
        let file = Autogenerate::from_sql("\u{feff}CREATE TABLE a (x INT);\r\n").path("schema.sql");
        assert_eq!(file.sql, "CREATE TABLE a (x INT);\n");
        let said = file.placed(failed(4)).to_string();
        assert!(said.starts_with("schema.sql:4:3: statement 7 of"), "{said}");

        let list =
            Autogenerate::from_statements(["CREATE TABLE a (x INT)", "CREATE\nTABLE b", "C"]);
        assert_eq!(
            list.sql,
            "CREATE TABLE a (x INT)\n;\nCREATE\nTABLE b\n;\nC\n;\n"
        );
        for (line, expected) in [
            (1, "1:3: statement 1"),
            (4, "2:3: statement 2"),
            (6, "1:3: statement 3"),
        ] {
            let said = list.placed(failed(line)).to_string();
            let expected = format!("<desired schema>:{expected} of");
            assert!(said.starts_with(&expected), "{said}");
        }
        let files = [
            ("a.sql", "CREATE TABLE a (x INT)\r\n"),
            ("b.sql", "-- b\nCREATE TABLE b (x INT);"),
        ];
        let files = Autogenerate::from_files(files);
        for (line, expected) in [(1, "a.sql:1:3"), (4, "b.sql:1:3"), (5, "b.sql:2:3")] {
            let said = files.placed(failed(line)).to_string();
            assert!(
                said.starts_with(&format!("{expected}: statement 7 of")),
                "{said}"
            );
        }
        let open = Autogenerate::from_statements(["SELECT 1", "SELECT\n 'x"]);
        let error = open.stated(Dialect::Sqlite).unwrap_err();
        assert_eq!(
            error.to_string(),
            "<desired schema>, statement 2:2:2: a string is not closed"
        );
    }

    #[test]
    fn a_password_is_not_shown() {
        let desired = Autogenerate::from_sql("").scratch_url("postgres://u:hunter2@h/d");
        assert!(!format!("{desired:?}").contains("hunter2"));
    }
}
