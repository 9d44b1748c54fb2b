//! What a statement is, as far as whoever runs it must know.

use std::fmt;

/// What [`classify`](super::classify) says of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    pub(super) class: Class,
    pub(super) in_transaction: InTransaction,
    pub(super) safe_to_repeat: bool,
}

impl Kind {
    /// What sort of statement it is.
    #[must_use]
    pub fn class(&self) -> &Class {
        &self.class
    }

    /// What becomes of it, or of the transaction, when it runs inside one.
    #[must_use]
    pub fn in_transaction(&self) -> InTransaction {
        self.in_transaction
    }

    /// The details, if it changes the catalog.
    #[must_use]
    pub fn ddl(&self) -> Option<&Ddl> {
        match &self.class {
            Class::Ddl(ddl) => Some(ddl),
            _ => None,
        }
    }

    /// Whether running it again right after it ran does no harm and gives no error, judged by its words
    /// alone. After a crash such a statement is run again rather than asked about.
    ///
    /// True for: ANALYZE, OPTIMIZE, VACUUM, REINDEX and the like; `ALTER TABLE … FORCE`; GRANT; `CREATE OR
    /// REPLACE` of what holds no data (a view, trigger, routine, event or package); `CREATE … IF NOT EXISTS`
    /// but for `CREATE TABLE … SELECT`; `DROP … IF EXISTS`; an `ALTER` that only adds `IF NOT EXISTS` or
    /// only drops `IF EXISTS`. Never with `CONCURRENTLY`, but for a DROP, nor with a `/*! … */` in it.
    #[must_use]
    pub fn is_safe_to_repeat(&self) -> bool {
        self.safe_to_repeat
    }
}

/// What sort of statement it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// Begins or ends a transaction.
    Transaction(TransactionControl),
    /// SAVEPOINT, RELEASE, ROLLBACK TO.
    Savepoint,
    /// Changes the current or next transaction: SET TRANSACTION, SET CONSTRAINTS.
    TransactionSettings,
    /// Reads, by its words: SELECT, VALUES, TABLE, WITH, SHOW, EXPLAIN. What it calls may write.
    Query,
    /// Changes rows: INSERT, UPDATE, DELETE, REPLACE, MERGE, COPY, LOAD DATA, a WITH or SELECT that writes.
    Dml,
    /// Changes the catalog, rights and comments too.
    Ddl(Ddl),
    /// Changes neither rows nor catalog: VACUUM, ANALYZE, OPTIMIZE, REINDEX.
    Maintenance,
    /// Explicit table locks: LOCK; of MySQL and MariaDB UNLOCK, FLUSH TABLES WITH READ LOCK and FOR EXPORT too.
    Lock,
    /// The session's settings and connections: SET, RESET, USE, PRAGMA, ATTACH.
    Session,
    /// A setting of the whole process: SQLite's heap limits, and its folders for temporary and other files.
    Process,
    /// Runs code whose effect does not show: CALL, DO, EXECUTE, a compound statement.
    Procedural,
    /// Anything else.
    Other,
}

/// What a statement does to the transaction as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransactionControl {
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT, or END for it.
    Commit,
    /// ROLLBACK, ABORT.
    Rollback,
    /// Two-phase commit: PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED, XA.
    TwoPhase,
}

/// What becomes of a statement that runs inside a transaction, or of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InTransaction {
    /// It runs and the transaction goes on.
    Allowed,
    /// The database refuses it there: it needs to run by itself.
    Refused,
    /// It commits the transaction first, as MySQL does with DDL.
    Commits,
    /// It does nothing there and says nothing: SQLite's `PRAGMA foreign_keys = …`.
    Ignored,
    /// Its purpose is to begin or end a transaction.
    Controls,
    /// Its words do not tell.
    Unknown,
}

/// The details of a statement that changes the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ddl {
    /// What it does.
    pub verb: DdlVerb,
    /// To what kind of object.
    pub object: ObjectKind,
    /// The objects it names, in its order; empty where none is recognised. RENAME gives old and new
    /// names by turns.
    pub names: Vec<ObjectName>,
    /// The table of an index, trigger, policy or rule, if it is named after ON.
    pub table: Option<ObjectName>,
    /// CONCURRENTLY is said: of an index, a REFRESH or a DETACH PARTITION.
    pub concurrently: bool,
    /// IF EXISTS is said of the object itself.
    pub if_exists: bool,
    /// IF NOT EXISTS is said of the object itself.
    pub if_not_exists: bool,
    /// OR REPLACE is said.
    pub or_replace: bool,
    /// TEMP or TEMPORARY is said.
    pub temporary: bool,
}

impl Ddl {
    /// The object it names, if it names exactly one.
    #[must_use]
    pub fn name(&self) -> Option<&ObjectName> {
        match self.names.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}

/// What DDL does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the SQL verb of its name")]
pub enum DdlVerb {
    Create,
    Alter,
    Drop,
    Rename,
    Truncate,
    Comment,
    Grant,
    Revoke,
    /// REFRESH MATERIALIZED VIEW, SECURITY LABEL, REASSIGN OWNED, IMPORT FOREIGN SCHEMA.
    Other,
}

/// The kind of object that DDL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the SQL object of its name")]
pub enum ObjectKind {
    /// Virtual tables of SQLite too.
    Table,
    ForeignTable,
    View,
    MaterializedView,
    Index,
    Sequence,
    /// PostgreSQL's event triggers are [`ObjectKind::Other`].
    Trigger,
    Function,
    Procedure,
    Aggregate,
    Event,
    Package,
    PackageBody,
    Type,
    Domain,
    Schema,
    Database,
    /// Users and groups too.
    Role,
    Extension,
    Tablespace,
    Rule,
    Policy,
    Publication,
    Subscription,
    Server,
    /// The server's configuration: `ALTER SYSTEM`.
    System,
    /// Anything else, or nothing that is recognised.
    Other,
}

/// The name of an object as the catalog has it: quotes removed, and in PostgreSQL folded to lower case
/// where it has none and cut to 63 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ObjectName {
    /// The schema, or MySQL's database, if one is said.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

impl ObjectName {
    pub(super) fn new(schema: Option<String>, name: String) -> Self {
        ObjectName { schema, name }
    }
}

/// The parts joined by a dot, unquoted: for messages, not for SQL.
impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}
