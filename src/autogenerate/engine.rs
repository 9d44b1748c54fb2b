//! What each database does in its own way, behind one face.

use futures_util::future::BoxFuture;

use super::change::{Change, Class};
use super::error::AutogenerateError;
use super::rename::Renames;
use super::schema::{ObjectKind, Schema};
use super::settle::{Fault, Part};
use super::{mysql, postgres, sqlite};
use crate::backend::Backend;
use crate::dialect::{Dialect, Family};

/// A database whose schema can be read. Sealed, as [`Backend`] is.
pub trait Reflect: Backend {
    /// Reads the schema through one connection, in a number of queries that does not depend on the number of
    /// tables. Of an open transaction's changes it sees what that connection sees.
    #[doc(hidden)]
    fn reflect(
        connection: &mut Self::Connection,
    ) -> BoxFuture<'_, Result<Schema, AutogenerateError>>;

    /// Makes a scratch database beside the one that the connection options name, runs the SQL on it, reads its
    /// schema and removes it again, also where the SQL failed. Left-overs of killed runs are removed first.
    ///
    /// `like` is a connection to the live database: the scratch takes its character set and collations from it,
    /// and the name of the schema that is current there.
    #[doc(hidden)]
    fn scratch<'c>(
        like: &'c mut Self::Connection,
        options: &'c <Self::Connection as sqlx::Connection>::Options,
        wish: Wish<'c>,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>>;

    /// The same on an empty database that the user made: it is left empty again. Refuses one that is the live
    /// one, or not empty.
    #[doc(hidden)]
    fn scratch_in<'c>(
        like: &'c mut Self::Connection,
        scratch: &'c mut Self::Connection,
        wish: Wish<'c>,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>>;

    /// Why a statement is not run on a scratch database, if it reaches beyond it: to the server, another database or a file.
    #[doc(hidden)]
    fn reaches_beyond(statement: &str) -> Option<String>;

    /// Runs the trial on a scratch database, made and removed as by [`scratch`](Self::scratch), and says in which form the
    /// server takes each of its statements. Where all forms are known without the server there are none.
    #[doc(hidden)]
    fn forms<'c>(
        _like: &'c mut Self::Connection,
        _options: &'c <Self::Connection as sqlx::Connection>::Options,
        _trial: &'c Trial,
    ) -> BoxFuture<'c, Result<Vec<Form>, AutogenerateError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The same on an empty database that the user made, as [`scratch_in`](Self::scratch_in) does.
    #[doc(hidden)]
    fn forms_in<'c>(
        _like: &'c mut Self::Connection,
        _scratch: &'c mut Self::Connection,
        _trial: &'c Trial,
    ) -> BoxFuture<'c, Result<Vec<Form>, AutogenerateError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// The SQL of a desired schema.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub(super) sql: &'a str,
    /// The lines at which the session is as new, as each revision finds it: none for a file that people write.
    pub(super) sessions: &'a [usize],
}

/// What is tried on a scratch database.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "mysql"), allow(dead_code))]
pub struct Trial {
    /// What makes the live database's tables.
    pub(super) tables: Vec<String>,
    /// What a revision does to them, and then undoes.
    pub(super) statements: Vec<String>,
}

/// How a server takes a statement.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// What goes at its end.
    pub(super) clause: Option<&'static str>,
    /// What other sessions have to wait for.
    pub(super) note: Option<String>,
}

/// What an engine writes SQL for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lowering<'a> {
    /// Where the database is, with the new names of what is renamed, in the tables and in everything that depends
    /// on them. The first statements written rename; all others speak of the new names.
    pub from: &'a Schema,
    pub to: &'a Schema,
    pub renames: &'a Renames,
    /// What [`compare`](super::compare::compare) says of the two.
    pub changes: &'a [Change],
    pub direction: Direction,
}

/// Which way SQL goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the desired schema. A NOT NULL column without a default that is added fails where there are rows: only a
    /// person knows what they get.
    Up,
    /// Back again. A NOT NULL column without a default comes back with a placeholder, which a note names: its data
    /// are gone, and the schema is what a downgrade promises.
    Down,
}

/// SQL in order, for one section of a revision.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub mode: ScriptMode,
    pub statements: Vec<Statement>,
}

impl Script {
    pub(crate) fn push(&mut self, sql: impl Into<String>) {
        self.statements.push(Statement {
            sql: sql.into(),
            notes: Vec::new(),
        });
    }

    /// Writes each statement in its form. What other sessions wait for is said above it, and returned.
    pub(super) fn take(&mut self, forms: &mut impl Iterator<Item = Form>) -> Vec<String> {
        let mut notes = Vec::new();
        for (statement, form) in self.statements.iter_mut().zip(forms) {
            if let Some(clause) = form.clause {
                statement.sql.push_str(&format!(",\n  {clause}"));
            }
            if let Some(note) = form.note {
                statement.notes.push(note.clone());
                notes.push(note);
            }
        }
        notes
    }

    /// A statement with a comment above it, one line each.
    pub(crate) fn push_with_note(&mut self, sql: impl Into<String>, note: impl Into<String>) {
        self.statements.push(Statement {
            sql: sql.into(),
            notes: vec![note.into()],
        });
    }
}

/// How a section runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ScriptMode {
    /// As sections do by default.
    #[default]
    Plain,
    /// `autocommit`.
    Autocommit,
    /// `foreign_keys=off`, for SQLite's rebuild of a table.
    ForeignKeysOff,
}

/// A statement, without what ends it, and what a reader should know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub sql: String,
    pub notes: Vec<String>,
}

/// The SQL that brings `from` to `to`. Never fails: what cannot be said in SQL becomes a note.
pub(crate) fn lower(lowering: &Lowering<'_>) -> Script {
    match lowering.to.dialect.family() {
        Family::Sqlite => sqlite::lower::lower(lowering),
        Family::Postgres => postgres::lower::lower(lowering),
        Family::Mysql => mysql::lower::lower(lowering),
    }
}

/// What a script begins with that makes a whole schema: PostgreSQL looks for what a function's body names when the function is
/// made, and of two that call each other one comes first.
pub(crate) fn preamble(schema: &Schema) -> Option<&'static str> {
    let mut kinds = schema.objects.keys().map(|id| id.kind);
    let has_routines =
        kinds.any(|kind| matches!(kind, ObjectKind::Function | ObjectKind::Procedure));
    let is_looked_at = schema.dialect.family() == Family::Postgres && has_routines;
    is_looked_at.then_some("SET check_function_bodies = off")
}

/// The schemas on the way from `from` to `to`, the last of which is `to`: one revision each. More than one only
/// where one revision cannot do it: PostgreSQL's new enum values, which no statement of the same transaction may
/// use, and what `online` splits. An engine gives every stage a mode of its own in [`lower`].
pub(crate) fn stages(from: &Schema, to: &Schema, online: bool) -> Vec<Schema> {
    match to.dialect.family() {
        Family::Postgres => postgres::stages::stages(from, to, online),
        _ => vec![to.clone()],
    }
}

/// What becomes of the values when a column's type changes, with its collation or character set, and why where
/// that is not [`Class::Safe`].
pub(crate) fn conversion(
    dialect: Dialect,
    from: &super::schema::Column,
    to: &super::schema::Column,
) -> (Class, Option<String>) {
    match dialect.family() {
        Family::Sqlite => sqlite::types::conversion(from, to),
        Family::Postgres => postgres::types::conversion(from, to),
        Family::Mysql => mysql::types::conversion(from, to),
    }
}

/// The class of an object's change, by what becomes of data, and the reason where that is not [`Class::Safe`].
pub(crate) fn alteration(
    from: &Schema,
    old: &super::schema::Object,
    new: &super::schema::Object,
) -> (Class, Option<String>) {
    match from.dialect.family() {
        Family::Postgres => postgres::alteration::alteration(from, old, new),
        Family::Sqlite | Family::Mysql => (Class::Safe, None),
    }
}

/// The parts of a schema that the database would refuse. None is known of a schema that was read from a database.
pub(crate) fn faults(schema: &Schema) -> Vec<Fault> {
    let mut faults = match schema.dialect.family() {
        Family::Sqlite => sqlite::faults::faults(schema),
        Family::Postgres => postgres::faults::faults(schema),
        Family::Mysql => Vec::new(),
    };
    for (words, needed) in &schema.needed {
        for thing in needed.iter().filter(|thing| !schema.has(thing)) {
            let reason = format!("the {words}, which limbeck does not change, needs it");
            faults.push(Fault::new(reason, [Part::Gone(thing.clone())]));
        }
    }
    faults
}

/// What is said of a rename of something that the server's own objects name and limbeck does not compare, if they do not
/// follow it.
pub(crate) fn does_not_follow(dialect: Dialect, words: &str) -> Option<String> {
    (dialect.family() == Family::Sqlite).then(|| sqlite::lower::does_not_follow(words))
}

/// Gives each part what follows from the others, as the database does when they are made together.
pub(crate) fn imply(schema: &mut Schema) {
    if schema.dialect.family() == Family::Sqlite {
        schema.tables.values_mut().for_each(sqlite::types::imply);
    }
}

/// SQLite: why STRICT stays as it is while lossy changes of columns are withheld, if it does.
pub(crate) fn strict_goes_with(
    from: &super::schema::Table,
    to: &super::schema::Table,
) -> Option<String> {
    sqlite::types::strict_goes_with(from, to)
}

/// `desired` in the words of `live` where both mean the same: names that compare without case (SQLite), the time at which
/// an event was made (MySQL and MariaDB).
pub(crate) fn spelt_like(live: &Schema, desired: Schema) -> Schema {
    match desired.dialect.family() {
        Family::Sqlite => sqlite::spelling::like(live, desired),
        Family::Mysql => mysql::events::like(live, desired),
        Family::Postgres => desired,
    }
}

/// SQLite: the same script in the mode that a rebuild needs.
pub(crate) fn with_foreign_keys_off(script: Script) -> Script {
    sqlite::lower::with_foreign_keys_off(script)
}
