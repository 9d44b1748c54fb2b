//! What differs between two schemas, in words.

use std::collections::BTreeSet;
use std::fmt;

use super::schema::{Aspect, Constraint, ConstraintKind, Index, Name, ObjectId, Thing};

/// What a change does to the data, and whether limbeck can write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum Class {
    /// No data are lost. It may still fail on what the rows hold, and then nothing is changed.
    Safe,
    /// It drops data or narrows them. Written as a comment, unless lossy changes are allowed.
    Lossy,
    /// It cannot be done right without a person's knowledge. Always written as a comment.
    Manual,
}

impl Class {
    /// `safe`, `lossy` or `manual`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Safe => "safe",
            Class::Lossy => "lossy",
            Class::Manual => "manual",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One difference between a database and the desired schema, as what brings the database there.
#[derive(Debug, Clone)]
pub struct Change {
    pub(crate) operation: Operation,
    pub(crate) class: Class,
    /// Why it is not safe.
    pub(crate) reason: Option<String>,
}

impl Change {
    pub(crate) fn safe(operation: Operation) -> Self {
        Change {
            operation,
            class: Class::Safe,
            reason: None,
        }
    }

    /// Lossy where there is a reason.
    pub(crate) fn of(operation: Operation, lossy: Option<String>) -> Self {
        match lossy {
            Some(reason) => Change::lossy(operation, reason),
            None => Change::safe(operation),
        }
    }

    pub(crate) fn lossy(operation: Operation, reason: impl Into<String>) -> Self {
        Change {
            operation,
            class: Class::Lossy,
            reason: Some(reason.into()),
        }
    }

    pub(crate) fn manual(operation: Operation, reason: impl Into<String>) -> Self {
        Change {
            operation,
            class: Class::Manual,
            reason: Some(reason.into()),
        }
    }

    /// What it does to the data.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// Why it is lossy or manual.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// A short, stable name: `create_table`, `drop_column`, `alter_object`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.operation.kind()
    }

    /// What is changed: `table users`, `column users.email`, `view active`.
    #[must_use]
    pub fn subject(&self) -> String {
        self.operation.subject()
    }

    /// The table that is changed, or of which a part is, with its schema unless that is the current one.
    #[must_use]
    pub fn table(&self) -> Option<String> {
        self.operation.table().map(Name::to_string)
    }
}

/// As a person reads it: `drop column users.email (lossy: its data are lost)`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        match (&self.class, &self.reason) {
            (Class::Safe, _) => Ok(()),
            (class, Some(reason)) => write!(f, " ({class}: {reason})"),
            (class, None) => write!(f, " ({class})"),
        }
    }
}

/// What is to be done. Names are those after all renames; what is added is looked up in the new schema, what is
/// dropped in the old one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    RenameTable {
        from: Name,
        to: Name,
    },
    RenameColumn {
        table: Name,
        from: String,
        to: String,
    },
    CreateTable(Name),
    DropTable(Name),
    /// Its comment, or the attributes that differ.
    AlterTable {
        table: Name,
        attributes: BTreeSet<&'static str>,
        comment: bool,
    },
    AddColumn {
        table: Name,
        column: String,
    },
    DropColumn {
        table: Name,
        column: String,
    },
    AlterColumn {
        table: Name,
        column: String,
        aspects: BTreeSet<Aspect>,
    },
    AddConstraint {
        table: Name,
        constraint: Constraint,
    },
    DropConstraint {
        table: Name,
        constraint: Constraint,
    },
    /// The same name with another definition or comment; or the same definition with another name.
    AlterConstraint {
        table: Name,
        from: Constraint,
        to: Constraint,
    },
    AddIndex {
        table: Name,
        index: Index,
    },
    DropIndex {
        table: Name,
        index: Index,
    },
    /// As for constraints.
    AlterIndex {
        table: Name,
        from: Index,
        to: Index,
    },
    CreateObject(ObjectId),
    DropObject(ObjectId),
    /// Also where the text is the same and something that it names was renamed: it has to be made again then.
    AlterObject(ObjectId),
}

impl Operation {
    fn kind(&self) -> &'static str {
        match self {
            Operation::RenameTable { .. } => "rename_table",
            Operation::RenameColumn { .. } => "rename_column",
            Operation::CreateTable(_) => "create_table",
            Operation::DropTable(_) => "drop_table",
            Operation::AlterTable { .. } => "alter_table",
            Operation::AddColumn { .. } => "add_column",
            Operation::DropColumn { .. } => "drop_column",
            Operation::AlterColumn { .. } => "alter_column",
            Operation::AddConstraint { .. } => "add_constraint",
            Operation::DropConstraint { .. } => "drop_constraint",
            Operation::AlterConstraint { .. } => "alter_constraint",
            Operation::AddIndex { .. } => "add_index",
            Operation::DropIndex { .. } => "drop_index",
            Operation::AlterIndex { .. } => "alter_index",
            Operation::CreateObject(_) => "create_object",
            Operation::DropObject(_) => "drop_object",
            Operation::AlterObject(_) => "alter_object",
        }
    }

    /// The table that is changed, or of which a part is.
    pub(crate) fn table(&self) -> Option<&Name> {
        match self {
            Operation::RenameTable { to: table, .. }
            | Operation::RenameColumn { table, .. }
            | Operation::CreateTable(table)
            | Operation::DropTable(table)
            | Operation::AlterTable { table, .. }
            | Operation::AddColumn { table, .. }
            | Operation::DropColumn { table, .. }
            | Operation::AlterColumn { table, .. }
            | Operation::AddConstraint { table, .. }
            | Operation::DropConstraint { table, .. }
            | Operation::AlterConstraint { table, .. }
            | Operation::AddIndex { table, .. }
            | Operation::DropIndex { table, .. }
            | Operation::AlterIndex { table, .. } => Some(table),
            Operation::CreateObject(_) | Operation::DropObject(_) | Operation::AlterObject(_) => {
                None
            }
        }
    }

    /// The thing that is gone afterwards.
    pub(crate) fn drops(&self) -> Option<Thing> {
        Some(match self {
            Operation::DropTable(table) => Thing::Table(table.clone()),
            Operation::DropColumn { table, column } => Thing::Column(table.clone(), column.clone()),
            Operation::DropConstraint { table, constraint } => {
                Thing::Key(table.clone(), constraint.name.clone()?)
            }
            Operation::DropIndex { table, index } => Thing::Key(table.clone(), index.name.clone()),
            Operation::DropObject(id) => Thing::Object(id.clone()),
            _ => return None,
        })
    }

    fn subject(&self) -> String {
        match self {
            Operation::RenameTable { to: table, .. }
            | Operation::CreateTable(table)
            | Operation::DropTable(table)
            | Operation::AlterTable { table, .. } => format!("table {table}"),
            Operation::RenameColumn {
                table, to: column, ..
            }
            | Operation::AddColumn { table, column }
            | Operation::DropColumn { table, column }
            | Operation::AlterColumn { table, column, .. } => format!("column {table}.{column}"),
            Operation::AddConstraint { table, constraint }
            | Operation::DropConstraint { table, constraint }
            | Operation::AlterConstraint {
                table,
                to: constraint,
                ..
            } => format!("{} of {table}", constraint_words(constraint)),
            Operation::AddIndex { table, index }
            | Operation::DropIndex { table, index }
            | Operation::AlterIndex {
                table, to: index, ..
            } => format!("index {} of {table}", index.name),
            Operation::CreateObject(id)
            | Operation::DropObject(id)
            | Operation::AlterObject(id) => id.to_string(),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject();
        match self {
            Operation::RenameTable { from, to } => {
                write!(f, "rename table {from} to {to}")
            }
            Operation::RenameColumn { table, from, to } => {
                write!(f, "rename column {table}.{from} to {to}")
            }
            Operation::CreateTable(_) | Operation::CreateObject(_) => write!(f, "create {subject}"),
            Operation::DropTable(_)
            | Operation::DropColumn { .. }
            | Operation::DropConstraint { .. }
            | Operation::DropIndex { .. }
            | Operation::DropObject(_) => write!(f, "drop {subject}"),
            Operation::AddColumn { .. }
            | Operation::AddConstraint { .. }
            | Operation::AddIndex { .. } => write!(f, "add {subject}"),
            Operation::AlterTable {
                attributes,
                comment,
                ..
            } => {
                let words = attributes.iter().copied();
                let words = words.chain(comment.then_some("comment"));
                write!(
                    f,
                    "alter {subject}: {}",
                    words.collect::<Vec<_>>().join(", ")
                )
            }
            Operation::AlterColumn { aspects, .. } => {
                let words: Vec<String> = aspects.iter().map(Aspect::to_string).collect();
                write!(f, "alter {subject}: {}", words.join(", "))
            }
            Operation::AlterConstraint { from, to, .. }
                if from.does_same(to) && from.name != to.name =>
            {
                write!(f, "rename {} to {subject}", constraint_words(from))
            }
            Operation::AlterIndex { table, from, to }
                if from.does_same(to) && from.name != to.name =>
            {
                write!(f, "rename index {} to {} of {table}", from.name, to.name)
            }
            Operation::AlterConstraint { .. }
            | Operation::AlterIndex { .. }
            | Operation::AlterObject(_) => write!(f, "alter {subject}"),
        }
    }
}

fn constraint_words(constraint: &Constraint) -> String {
    let kind = match constraint.kind {
        ConstraintKind::Primary => "primary key",
        ConstraintKind::Unique => "unique constraint",
        ConstraintKind::Check => "check constraint",
        ConstraintKind::Foreign => "foreign key",
        ConstraintKind::Exclude => "exclusion constraint",
    };
    match &constraint.name {
        Some(name) => format!("{kind} {name}"),
        None => format!("{kind} ({})", constraint.definition),
    }
}
