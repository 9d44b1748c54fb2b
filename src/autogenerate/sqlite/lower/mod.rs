//! From changes to SQL. Pure.
//!
//! The order is the same for every pair of schemas: what stands on something changed goes first (triggers, views,
//! indexes); then renames and what `ALTER TABLE` can do by itself, while all tables are still there, since SQLite reads
//! the whole schema again then; then tables that go, tables that are built anew, new tables; then indexes, views and
//! triggers. Nothing here depends on the order of the tables: SQLite looks at foreign keys at the end only.

mod plan;
mod rebuild;
mod sound;
mod table;

use std::collections::BTreeSet;

use self::plan::Plan;
#[cfg(feature = "sqlite")]
pub(super) use self::table::is_value_word;
pub(super) use self::table::{primary_key, rowid_column};
use super::names::ident;
use crate::autogenerate::engine::{Lowering, Script, ScriptMode, Statement};
use crate::autogenerate::order::sorted;
use crate::autogenerate::schema::{Index, Name, ObjectId, ObjectKind, Schema, Thing};

const LEGACY_OFF: &str = "PRAGMA legacy_alter_table = OFF";
const LEGACY_ON: &str = "PRAGMA legacy_alter_table = ON";
const LEGACY_NOTE: &str =
    "Foreign keys of other tables follow a rename only without this; what is below needs it again.";

pub(crate) fn lower(lowering: &Lowering<'_>) -> Script {
    let plan = Plan::of(lowering);
    let mut script = Script {
        mode: match plan.foreign_keys_off() {
            true => ScriptMode::ForeignKeysOff,
            false => ScriptMode::Plain,
        },
        statements: Vec::new(),
    };
    for id in in_order(&plan.objects_to_drop, lowering.from).iter().rev() {
        let kind = match id.kind {
            ObjectKind::Trigger => "TRIGGER",
            _ => "VIEW",
        };
        script.push(format!("DROP {kind} {}", ident(&id.name.name)));
    }
    for index in &plan.indexes_to_drop {
        script.push(format!("DROP INDEX {}", ident(&index.name)));
    }
    rename(lowering, &mut script);
    for (name, alter) in &plan.altered {
        let name_sql = ident(&name.name);
        for column in &alter.add {
            script.push(format!("ALTER TABLE {name_sql} ADD COLUMN {column}"));
        }
        for column in &alter.drop {
            let column = ident(column);
            script.push(format!("ALTER TABLE {name_sql} DROP COLUMN {column}"));
        }
    }
    for name in &plan.tables_to_drop {
        script.push(format!("DROP TABLE {}", ident(&name.name)));
    }
    for name in &plan.rebuilt {
        if let (Some(old), Some(new)) =
            (lowering.from.tables.get(name), lowering.to.tables.get(name))
        {
            rebuild::rebuild(lowering, old, new, &mut script);
        }
    }
    for name in &plan.tables_to_create {
        if let Some(new) = lowering.to.tables.get(name) {
            script.push(table::create(new, &name.name));
        }
    }
    for (name, index) in &plan.indexes_to_create {
        script.push(create_index(name, index));
    }
    for id in in_order(&plan.objects_to_create, lowering.to) {
        if let Some(object) = lowering.to.objects.get(&id) {
            script.push(object.definition.as_str());
        }
    }
    script
}

/// Table and column renames rewrite what refers to them only while `legacy_alter_table` is off, and the mode that a
/// rebuild needs has it on.
fn rename(lowering: &Lowering<'_>, script: &mut Script) {
    if lowering.renames.is_empty() {
        return;
    }
    let legacy = script.mode == ScriptMode::ForeignKeysOff;
    if legacy {
        script.push_with_note(LEGACY_OFF, LEGACY_NOTE);
    }
    for (from, to) in &lowering.renames.table_steps() {
        let notes = left_behind(lowering, &Thing::Table(to.clone()));
        let (from, to) = (ident(&from.name), ident(&to.name));
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        script.statements.push(Statement { sql, notes });
    }
    for (table, from, to) in &lowering.renames.column_steps() {
        let notes = left_behind(lowering, &Thing::Column(table.clone(), to.clone()));
        let (table, from, to) = (ident(&table.name), ident(from), ident(to));
        let sql = format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}");
        script.statements.push(Statement { sql, notes });
    }
    if legacy {
        script.push(LEGACY_ON);
    }
}

/// What names a renamed thing and does not follow.
fn left_behind(lowering: &Lowering<'_>, thing: &Thing) -> Vec<String> {
    let naming = lowering
        .from
        .needed
        .iter()
        .filter(|(_, needed)| needed.contains(thing));
    naming.map(|(words, _)| does_not_follow(words)).collect()
}

/// Of a full-text table, beside the rename of what it names.
pub(crate) fn does_not_follow(words: &str) -> String {
    format!(
        "WARNING: the {words} names what is renamed and does not follow: make it anew in this revision, by DROP TABLE, \
         CREATE VIRTUAL TABLE and, where its text is another table's, INSERT INTO it ... VALUES ('rebuild')."
    )
}

/// The same for a script that was made for another mode: its renames stand together.
pub(crate) fn with_foreign_keys_off(script: Script) -> Script {
    let is_rename = |sql: &str| sql.starts_with("ALTER TABLE ") && sql.contains(" RENAME ");
    let renames = |statement: &Statement| is_rename(&statement.sql);
    let first = script.statements.iter().position(renames);
    let last = script.statements.iter().rposition(renames);
    let mut with = Script {
        mode: ScriptMode::ForeignKeysOff,
        statements: Vec::new(),
    };
    for (at, statement) in script.statements.into_iter().enumerate() {
        if Some(at) == first {
            with.push_with_note(LEGACY_OFF, LEGACY_NOTE);
        }
        with.statements.push(statement);
        if Some(at) == last {
            with.push(LEGACY_ON);
        }
    }
    with
}

fn create_index(table: &Name, index: &Index) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    format!(
        "CREATE {unique}INDEX {} ON {} {}",
        ident(&index.name),
        ident(&table.name),
        index.definition
    )
}

/// Views so that each stands behind those that it names, then triggers, which nothing names.
fn in_order(ids: &BTreeSet<ObjectId>, schema: &Schema) -> Vec<ObjectId> {
    let (triggers, views): (Vec<ObjectId>, Vec<ObjectId>) = ids
        .iter()
        .cloned()
        .partition(|id| id.kind == ObjectKind::Trigger);
    let needs = |id: &ObjectId| -> Vec<ObjectId> {
        let object = schema.objects.get(id);
        let things = object.into_iter().flat_map(|object| &object.depends_on);
        things
            .filter_map(|thing| match thing {
                Thing::Object(id) => Some(id.clone()),
                _ => None,
            })
            .collect()
    };
    let mut order = sorted(&views, needs);
    order.extend(triggers);
    order
}
