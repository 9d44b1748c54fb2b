//! Columns that MySQL does not rename while anything computes by them (3108, 3766, 3837, 3855, 3959), where MariaDB
//! follows: what does is said anew in the same statement.

use std::collections::BTreeSet;

use super::Writer;
use super::alter::table_checks;
use crate::autogenerate::mysql::render;
use crate::autogenerate::mysql::text::{names, partition_renamed};
use crate::autogenerate::schema::{Column, ConstraintKind, Table};

impl Writer<'_> {
    /// `table` has the new names everywhere; `columns` are old and new ones.
    pub(super) fn rename_columns(&mut self, table: &Table, columns: &[(&str, &str)]) {
        let new: BTreeSet<&str> = columns.iter().map(|(_, to)| *to).collect();
        let reads = |sql: &str, of: &BTreeSet<&str>| {
            let names = names(sql);
            of.iter().any(|column| names.contains(*column))
        };
        // What is computed from what is computed is said anew as well.
        let mut computed: BTreeSet<&str> = BTreeSet::new();
        loop {
            let known: BTreeSet<&str> = new.union(&computed).copied().collect();
            let more = table.columns.iter().filter(|column| {
                let generated = column.generated.as_ref();
                let by_default = column
                    .default
                    .as_ref()
                    .filter(|sql| is_expression(sql.as_str()));
                !computed.contains(column.name.as_str())
                    && (generated.is_some_and(|one| reads(one.expression.as_str(), &known))
                        || by_default.is_some_and(|sql| reads(sql.as_str(), &known)))
            });
            let more: Vec<&str> = more.map(|column| column.name.as_str()).collect();
            if more.is_empty() {
                break;
            }
            computed.extend(more);
        }
        let checks: Vec<_> = table_checks(table)
            .filter(|check| reads(check.definition.as_str(), &new))
            .collect();
        let indexes: Vec<_> = table
            .indexes
            .iter()
            .filter(|index| reads(&render::expressions(index), &new))
            .collect();

        let default = table.attributes.get("collation").map(String::as_str);
        let definition = |column: &Column| render::column(self.dialect, table, column, default);
        let mut parts = Vec::new();
        for check in &checks {
            let name = check.name.as_deref().unwrap_or_default();
            parts.push(format!("DROP CONSTRAINT {}", self.ident(name)));
        }
        for index in &indexes {
            parts.push(format!("DROP INDEX {}", self.ident(&index.name)));
        }
        for (from, to) in columns {
            let column = table.column(to).filter(|_| computed.contains(to));
            parts.push(match column {
                Some(column) => {
                    format!("CHANGE COLUMN {} {}", self.ident(from), definition(column))
                }
                None => format!("RENAME COLUMN {} TO {}", self.ident(from), self.ident(to)),
            });
        }
        for column in &table.columns {
            let name = column.name.as_str();
            if computed.contains(name) && !new.contains(name) {
                parts.push(format!("MODIFY COLUMN {}", definition(column)));
            }
        }
        for index in &indexes {
            parts.push(format!("ADD {}", render::index(self.dialect, index)));
        }
        for check in &checks {
            parts.push(format!("ADD {}", render::constraint(self.dialect, check)));
        }
        let Some(mut sql) = self.altered(&table.name, &parts) else {
            return;
        };
        if let Some(clause) = table.attributes.get("partition_by") {
            // Of a key that the partitions are made by.
            let undone = columns.iter().fold(clause.clone(), |clause, (from, to)| {
                partition_renamed(&clause, to, from)
            });
            let by_primary = table.constraints.iter().any(|one| {
                one.kind == ConstraintKind::Primary
                    && one
                        .columns
                        .iter()
                        .any(|column| new.contains(column.as_str()))
            });
            if undone != *clause || by_primary && clause.contains("KEY ()") {
                sql.push_str(&format!("\n{clause}"));
            }
        }
        self.script.push(sql);
    }
}

/// A default that is no literal.
fn is_expression(default: &str) -> bool {
    default.starts_with('(')
}
