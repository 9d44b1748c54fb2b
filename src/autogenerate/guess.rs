//! A drop and an add that look alike: offered as a rename, never taken for one.

use std::collections::BTreeSet;
use std::fmt;

use super::change::Operation;
use super::draft::Comparison;
use super::rename::Renames;
use super::schema::{Aspect, Column, Name, Table};
use crate::dialect::comment;

/// Something that is dropped and something like it that is added: perhaps the same under a new name.
///
/// Nobody but a person knows. Its `Display` is `table people to users` or `column users.mail to email`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PossibleRename {
    /// The column's table, by its new name; none where it is a table itself.
    table: Option<Name>,
    from: Name,
    to: Name,
}

impl PossibleRename {
    /// What it is now, as `table people` or `column users.mail`.
    #[must_use]
    pub fn old(&self) -> String {
        match &self.table {
            Some(table) => format!("column {table}.{}", self.from),
            None => format!("table {}", self.from),
        }
    }

    /// Its name in the desired schema.
    #[must_use]
    pub fn new_name(&self) -> String {
        self.to.to_string()
    }

    /// The comment that says so in the desired schema: `-- renamed from: mail`.
    #[must_use]
    pub fn hint(&self) -> String {
        let is_plain = |name: &str| {
            name.bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        };
        let quoted = |name: &str| {
            if is_plain(name) {
                name.to_owned()
            } else {
                format!("\"{}\"", name.replace('"', "\"\""))
            }
        };
        let name = quoted(&self.from.name);
        let hint = match &self.from.schema {
            Some(schema) if self.from.schema != self.to.schema => {
                format!("-- renamed from: {}.{name}", quoted(schema))
            }
            _ => format!("-- renamed from: {name}"),
        };
        comment(&hint)
    }
}

impl fmt::Display for PossibleRename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.old(), self.to)
    }
}

impl Comparison {
    /// Each drop and add that look alike: tables with the same columns; columns of a table with the same type, default
    /// and whether they can be NULL. One thing may stand in several.
    #[must_use]
    pub fn possible_renames(&self) -> Vec<PossibleRename> {
        let mut possible = Vec::new();
        let (from, to) = (&self.renamed.tables, &self.desired.tables);
        let operations = self.changes().iter().map(|change| &change.operation);
        let (mut dropped, mut added) = (Vec::new(), Vec::new());
        for operation in operations {
            match operation {
                Operation::DropTable(_) | Operation::DropColumn { .. } => dropped.push(operation),
                Operation::CreateTable(_) | Operation::AddColumn { .. } => added.push(operation),
                _ => {}
            }
        }
        for (dropped, added) in dropped
            .iter()
            .flat_map(|dropped| added.iter().map(move |added| (*dropped, *added)))
        {
            let rename = match (dropped, added) {
                (Operation::DropTable(old), Operation::CreateTable(new)) => {
                    let tables = from.get(old).zip(to.get(new));
                    let is_like = tables.is_some_and(|(old, new)| is_like_table(old, new));
                    is_like.then(|| (None, old.clone(), new.clone()))
                }
                (
                    Operation::DropColumn { table, column: old },
                    Operation::AddColumn {
                        table: of,
                        column: new,
                    },
                ) if table == of => {
                    let old_column = from.get(table).and_then(|table| table.column(old));
                    let new_column = to.get(table).and_then(|table| table.column(new));
                    let columns = old_column.zip(new_column);
                    let is_like = columns.is_some_and(|(old, new)| is_like_column(old, new));
                    is_like.then(|| {
                        let names = (Name::new(None, old), Name::new(None, new));
                        (Some(table.clone()), names.0, names.1)
                    })
                }
                _ => None,
            };
            if let Some((table, from, to)) = rename {
                possible.push(PossibleRename { table, from, to });
            }
        }
        possible
    }

    /// The same comparison where these are renames. One that can no longer be, since another one has taken what it
    /// names, is none.
    #[must_use]
    pub fn with_renames<'a>(
        self,
        renames: impl IntoIterator<Item = &'a PossibleRename>,
    ) -> Comparison {
        let mut all: Renames = self.renames.clone();
        for rename in renames {
            let (from, to) = (&rename.from, &rename.to);
            match &rename.table {
                None if !all.tables.iter().any(|(a, b)| a == from || b == to) => {
                    all.tables.push((from.clone(), to.clone()));
                }
                Some(table)
                    if !all
                        .columns
                        .iter()
                        .any(|(of, a, b)| of == table && (*a == from.name || *b == to.name)) =>
                {
                    let column = (table.clone(), from.name.clone(), to.name.clone());
                    all.columns.push(column);
                }
                _ => {}
            }
        }
        Comparison::new(self.live, self.desired, &all)
    }
}

fn is_like_column(old: &Column, new: &Column) -> bool {
    old.generated.is_none()
        && old
            .aspects(new)
            .iter()
            .all(|aspect| *aspect == Aspect::Comment)
}

fn is_like_table(old: &Table, new: &Table) -> bool {
    let columns = |table: &Table| -> BTreeSet<(String, String)> {
        let columns = table.columns.iter();
        columns
            .map(|column| (column.name.clone(), column.data_type.clone()))
            .collect()
    };
    old.name.schema == new.name.schema && columns(old) == columns(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autogenerate::schema::Schema;
    use crate::dialect::Dialect;

    fn schema(tables: &[(&str, &[(&str, &str)])]) -> Schema {
        let mut schema = Schema::new(Dialect::Sqlite);
        for (name, columns) in tables {
            let mut table = Table::new(Name::new(None, name));
            table.columns = columns
                .iter()
                .map(|(name, data_type)| Column::new(name, data_type))
                .collect();
            schema.tables.insert(table.name.clone(), table);
        }
        schema
    }

    fn told(comparison: &Comparison) -> Vec<String> {
        let possible = comparison.possible_renames();
        possible.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_drop_and_an_add_that_look_alike() {
        let live = schema(&[
            ("people", &[("id", "INTEGER"), ("mail", "TEXT")]),
            ("orders", &[("a", "TEXT"), ("b", "TEXT"), ("n", "INTEGER")]),
        ]);
        let desired = schema(&[
            ("users", &[("id", "INTEGER"), ("mail", "TEXT")]),
            ("orders", &[("c", "TEXT"), ("d", "BLOB")]),
        ]);
        let comparison = Comparison::between(live, desired);
        assert_eq!(
            told(&comparison),
            [
                "column orders.a to c",
                "column orders.b to c",
                "table people to users"
            ]
        );
        let possible = comparison.possible_renames();
        assert_eq!(possible[0].hint(), "-- renamed from: a");
        let comparison = comparison.with_renames(&possible);
        let changes: Vec<String> = comparison
            .changes()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            changes,
            [
                "rename table people to users",
                "rename column orders.a to c",
                "drop column orders.b (lossy: its data are lost)",
                "drop column orders.n (lossy: its data are lost)",
                "add column orders.d"
            ]
        );
        assert_eq!(told(&comparison), [""; 0]);
    }
}
