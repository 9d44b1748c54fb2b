//! What has to wait for a change that is withheld: MySQL and MariaDB. Pure.
//!
//! A column that keeps its old type cannot be joined by a foreign key to one of a new type, nor an `AUTO_INCREMENT` lose its
//! key. Such changes are classed as what they wait for, so that what is withheld is all that remains.

use std::collections::BTreeSet;

use super::change::{Change, Class, Operation};
use super::expression::Sql;
use super::mysql;
use super::schema::{
    Aspect, Constraint, ConstraintKind, Index, Name, ObjectId, Schema, Table, Thing,
};
use crate::dialect::Dialect;

type Place = (Name, String);

/// Classes what waits for others of `changes`, until nothing is left that does.
pub(crate) fn wait(from: &Schema, to: &Schema, changes: &mut [Change]) {
    // What waits for a person's decision does so itself.
    for level in [Class::Manual, Class::Lossy] {
        loop {
            let held = Held::of(from, changes, level);
            let mut found = false;
            for change in changes.iter_mut().filter(|change| change.class < level) {
                if let Some((class, reason)) = held.reason(from, to, &change.operation) {
                    change.class = class.max(level);
                    change.reason = Some(reason);
                    found = true;
                }
            }
            if !found {
                break;
            }
        }
    }
}

/// Leaves out the foreign keys of new tables that point at a column which keeps its old definition: they come with it.
pub(crate) fn mend(from: &Schema, kept: &mut Schema, withheld: &[&Change]) {
    let is_held = |place: &Name, columns: &[String]| {
        withheld.iter().any(|change| match &change.operation {
            Operation::AlterColumn { table, column, .. } => {
                table == place && columns.contains(column)
            }
            Operation::AlterTable { table, .. } => table == place,
            _ => false,
        })
    };
    let fresh = kept
        .tables
        .values_mut()
        .filter(|table| !from.tables.contains_key(&table.name));
    for table in fresh {
        table.constraints.retain(|one| {
            let other = one.references.as_ref();
            !other.is_some_and(|other| is_held(&other.table, &other.columns))
        });
    }
}

/// What stays as it is while lossy changes are withheld.
struct Held {
    /// Columns with their old definition.
    altered: BTreeSet<Place>,
    /// Columns that should go.
    dropped: BTreeSet<Place>,
    /// Tables that should go.
    tables: BTreeSet<Name>,
    /// Columns that do not come yet.
    missing: BTreeSet<Place>,
    /// Old indexes that stay.
    indexes: Vec<(Name, Index)>,
    /// Objects that do not come yet.
    objects: BTreeSet<ObjectId>,
    /// Tables whose partitioning or versioning stays.
    manual: BTreeSet<Name>,
    /// Old foreign keys that stay, with their tables: they go, or change, with what is withheld.
    keys: Vec<(Name, Constraint)>,
}

impl Held {
    fn of(from: &Schema, changes: &[Change], level: Class) -> Held {
        let mut held = Held {
            altered: BTreeSet::new(),
            dropped: BTreeSet::new(),
            tables: BTreeSet::new(),
            missing: BTreeSet::new(),
            indexes: Vec::new(),
            objects: BTreeSet::new(),
            manual: BTreeSet::new(),
            keys: Vec::new(),
        };
        let withheld = changes.iter().filter(|change| change.class >= level);
        for change in withheld {
            match &change.operation {
                Operation::AlterColumn { table, column, .. } => {
                    held.altered.insert((table.clone(), column.clone()));
                }
                Operation::DropColumn { table, column } => {
                    held.dropped.insert((table.clone(), column.clone()));
                }
                Operation::DropTable(table) => {
                    held.tables.insert(table.clone());
                    let keys = from.tables.get(table).map(foreign_keys);
                    let keys = keys.into_iter().flatten();
                    held.keys
                        .extend(keys.map(|key| (table.clone(), key.clone())));
                }
                Operation::AddColumn { table, column } => {
                    held.missing.insert((table.clone(), column.clone()));
                }
                Operation::DropIndex { table, index }
                | Operation::AlterIndex {
                    table, from: index, ..
                } => {
                    held.indexes.push((table.clone(), index.clone()));
                }
                Operation::CreateObject(id) => {
                    held.objects.insert(id.clone());
                }
                Operation::AlterTable { table, .. } if change.class == Class::Manual => {
                    held.manual.insert(table.clone());
                }
                Operation::DropConstraint { table, constraint }
                | Operation::AlterConstraint {
                    table,
                    from: constraint,
                    ..
                } if constraint.kind == ConstraintKind::Foreign => {
                    held.keys.push((table.clone(), constraint.clone()));
                }
                _ => {}
            }
        }
        held
    }

    fn altered(&self, table: &Name, columns: &[String]) -> Option<String> {
        let is_held = |column: &&String| {
            let place = (table.clone(), (*column).clone());
            self.altered.contains(&place) || self.missing.contains(&place)
        };
        let column = columns.iter().find(is_held)?;
        Some(format!("it waits for the column {table}.{column}"))
    }

    fn reason(&self, from: &Schema, to: &Schema, operation: &Operation) -> Option<(Class, String)> {
        let lossy = |reason: String| (Class::Lossy, reason);
        if let Some(reason) = self.partitioned(from, to, operation) {
            return Some((Class::Manual, reason));
        }
        match operation {
            Operation::AddIndex { table, index } => self.altered(table, &index.columns).map(lossy),
            Operation::AlterIndex {
                table,
                from: old,
                to: new,
            } => self
                .altered(table, &new.columns)
                .or_else(|| self.needed_key(from, to, table, &old.columns))
                .map(lossy),
            Operation::DropColumn { table, column } => {
                let mut indexes = self.indexes.iter();
                let (_, index) =
                    indexes.find(|(of, index)| of == table && index.columns.contains(column))?;
                Some(lossy(format!("it waits for the index {}", index.name)))
            }
            Operation::DropIndex { table, index } => {
                self.needed_key(from, to, table, &index.columns).map(lossy)
            }
            Operation::DropConstraint { table, constraint } => self
                .needed_key(from, to, table, &constraint.columns)
                .filter(|_| constraint.kind == ConstraintKind::Primary)
                .map(lossy),
            Operation::AddConstraint { table, constraint } => self.added(table, constraint),
            Operation::AlterConstraint {
                table,
                from: old,
                to: new,
            } => self.added(table, new).or_else(|| {
                self.needed_key(from, to, table, &old.columns)
                    .filter(|_| old.kind == ConstraintKind::Primary)
                    .map(lossy)
            }),
            Operation::AlterColumn {
                table,
                column,
                aspects,
            } => self
                .column(from, to, table, column, aspects)
                .or_else(|| self.read(to, table, column))
                .map(lossy),
            Operation::AddColumn { table, column } => self.read(to, table, column).map(lossy),
            Operation::CreateObject(id) | Operation::AlterObject(id) => {
                let needed = &to.objects.get(id)?.depends_on;
                let missing = needed.iter().find_map(|thing| match thing {
                    Thing::Column(table, column) => {
                        let place = (table.clone(), column.clone());
                        let is_missing = self.missing.contains(&place);
                        is_missing.then(|| format!("it waits for the column {table}.{column}"))
                    }
                    Thing::Object(other) => {
                        let is_missing = self.objects.contains(other);
                        is_missing.then(|| format!("it waits for the {other}"))
                    }
                    _ => None,
                });
                missing.map(lossy)
            }
            Operation::AlterTable {
                table, attributes, ..
            } if attributes.contains("engine") => {
                let of_key = self.keys.iter().find(|(of, key)| {
                    of == table
                        || key
                            .references
                            .as_ref()
                            .is_some_and(|other| other.table == *table)
                })?;
                Some(lossy(format!("it waits for a foreign key of {}", of_key.0)))
            }
            _ => None,
        }
    }

    /// What a generated column reads, and is not there as it should be.
    fn read(&self, to: &Schema, table: &Name, column: &str) -> Option<String> {
        let columns = &to.tables.get(table)?.columns;
        let column = columns.iter().find(|one| one.name == column)?;
        let names = column.generated.as_ref()?.expression.names(to.dialect);
        self.altered(table, &names)
    }

    /// Partitions that stay need their columns, beside no geometry, and the primary key that holds them; a history stays in its engine.
    fn partitioned(&self, from: &Schema, to: &Schema, operation: &Operation) -> Option<String> {
        let table = from.tables.get(operation.table()?)?;
        let names = table
            .attributes
            .get("partition_by")
            .filter(|_| self.manual.contains(&table.name));
        let names = names.map(|clause| Sql::exact(clause.clone()).names(from.dialect));
        let in_clause =
            |column: &String| names.as_ref().is_some_and(|names| names.contains(column));
        let waits = match operation {
            Operation::DropColumn { column, .. } => in_clause(column),
            Operation::AddColumn { column, .. } => {
                let new = to
                    .tables
                    .get(&table.name)
                    .and_then(|table| table.column(column));
                names.is_some() && new.is_some_and(mysql::types::is_geometry)
            }
            Operation::AlterColumn {
                column, aspects, ..
            } => {
                in_clause(column)
                    && (aspects.contains(&Aspect::Type) || aspects.contains(&Aspect::Generated))
            }
            Operation::DropConstraint { constraint, .. }
            | Operation::AlterConstraint {
                from: constraint, ..
            } => names.is_some() && constraint.kind == ConstraintKind::Primary,
            Operation::AddIndex { index, .. } | Operation::AlterIndex { to: index, .. } => {
                names.is_some() && (index.unique || index.attributes.contains_key("type"))
            }
            Operation::AlterTable { attributes, .. } => {
                // MySQL's InnoDB alone has partitions.
                let is_held = names.is_some() && from.dialect == Dialect::Mysql;
                attributes.contains("engine")
                    && (is_held || table.attributes.contains_key("versioning"))
            }
            _ => false,
        };
        waits.then(|| format!("it waits for the table {}", table.name))
    }

    fn added(&self, table: &Name, constraint: &Constraint) -> Option<(Class, String)> {
        let other = constraint.references.as_ref();
        let manual = std::iter::once(table)
            .chain(other.map(|other| &other.table))
            .find(|table| self.manual.contains(*table))
            .filter(|_| {
                matches!(
                    constraint.kind,
                    ConstraintKind::Foreign | ConstraintKind::Primary
                )
            });
        if let Some(manual) = manual {
            return Some((Class::Manual, format!("it waits for the table {manual}")));
        }
        let own = self.altered(table, &constraint.columns);
        let reason =
            own.or_else(|| other.and_then(|other| self.altered(&other.table, &other.columns)));
        reason.map(|reason| (Class::Lossy, reason))
    }

    /// Why a key of these columns stays: a column that numbers itself, or a foreign key, has no other.
    fn needed_key(
        &self,
        from: &Schema,
        to: &Schema,
        table: &Name,
        columns: &[String],
    ) -> Option<String> {
        let old = from.tables.get(table)?;
        let first = columns.first()?;
        let place = (table.clone(), first.clone());
        let numbers = old
            .column(first)
            .is_some_and(|column| column.attributes.contains_key("auto_increment"));
        let new = to.tables.get(table)?;
        let served = |columns: &[String]| {
            let primary = new
                .constraints
                .iter()
                .filter(|one| one.kind == ConstraintKind::Primary);
            primary.clone().any(|one| one.columns.starts_with(columns))
                || new.indexes.iter().any(|one| {
                    // What an expression reads is no part of the index.
                    one.columns.starts_with(columns) && !one.definition.as_str().starts_with("((")
                })
        };
        if numbers
            && (self.dropped.contains(&place) || self.altered.contains(&place))
            && !served(std::slice::from_ref(first))
        {
            return Some(format!("it waits for the column {table}.{first}"));
        }
        let key = self.keys.iter().find(|(_, key)| {
            key.references.as_ref().is_some_and(|other| {
                other.table == *table
                    && columns.starts_with(&other.columns)
                    && !served(&other.columns)
            })
        })?;
        Some(format!("it waits for a foreign key of {}", key.0))
    }

    fn column(
        &self,
        from: &Schema,
        to: &Schema,
        table: &Name,
        column: &str,
        aspects: &BTreeSet<Aspect>,
    ) -> Option<String> {
        let old = from.tables.get(table)?;
        // A generated column that stays reads it.
        let reader = old.columns.iter().find(|other| {
            let reads = other.generated.as_ref().is_some_and(|generated| {
                let names = generated.expression.names(from.dialect);
                names.iter().any(|name| name == column)
            });
            reads && self.altered.contains(&(table.clone(), other.name.clone()))
        });
        if let Some(reader) = reader {
            return Some(format!("it waits for the column {table}.{}", reader.name));
        }
        let matters = [
            Aspect::Type,
            Aspect::Collation,
            Aspect::Generated,
            Aspect::Nullable,
        ];
        if !matters.iter().any(|aspect| aspects.contains(aspect)) {
            return None;
        }
        // The two sides of a foreign key are of one type.
        let stays = self.keys.iter().map(|(of, key)| (of, key, true));
        let in_both = from.tables.iter().flat_map(|(name, table)| {
            let new = to.tables.get(name);
            foreign_keys(table)
                .filter(move |key| {
                    new.is_some_and(|new| foreign_keys(new).any(|other| other.does_same(key)))
                })
                .map(move |key| (name, key, false))
        });
        for (of, key, is_held) in stays.chain(in_both) {
            let Some(other) = &key.references else {
                continue;
            };
            let pairs = key.columns.iter().zip(&other.columns);
            for (own, pointed) in pairs {
                let (own, pointed) = (
                    (of.clone(), own.clone()),
                    (other.table.clone(), pointed.clone()),
                );
                let this = (table.clone(), column.to_owned());
                let partner = match this {
                    _ if this == own => &pointed,
                    _ if this == pointed => &own,
                    _ => continue,
                };
                if is_held || self.altered.contains(partner) {
                    return Some(format!(
                        "it waits for the foreign key of {of} to {}",
                        other.table
                    ));
                }
            }
        }
        None
    }
}

fn foreign_keys(table: &Table) -> impl Iterator<Item = &Constraint> {
    let all = table.constraints.iter();
    all.filter(|one| one.kind == ConstraintKind::Foreign)
}
