//! Two schemas, and what leads from the one to the other. Pure.

use std::collections::BTreeSet;

use super::change::{Change, Class, Operation};
use super::engine::{alteration, conversion, strict_goes_with};
use super::entangled;
use super::schema::{
    Aspect, Column, Constraint, ConstraintKind, Index, Kept, Name, Object, ObjectId, ObjectKind,
    Schema, Table, Thing,
};
use super::settle::settle;
use crate::dialect::{Dialect, Family};

/// Everything that differs, in an order that is fixed by the schemas alone: tables by name, each with its parts, then
/// objects. `from` has the new names of what is renamed; `stale` are its objects that name something renamed.
pub(crate) fn compare(from: &Schema, to: &Schema, stale: &BTreeSet<ObjectId>) -> Vec<Change> {
    let mut changes = differences(from, to, stale);
    if !to.dialect.is_mysql_family() {
        settle(from, to, &mut changes);
    }
    changes
}

/// The same, each classed by itself.
pub(super) fn differences(from: &Schema, to: &Schema, stale: &BTreeSet<ObjectId>) -> Vec<Change> {
    let mut changes = Vec::new();
    let names: BTreeSet<&Name> = from.tables.keys().chain(to.tables.keys()).collect();
    for name in names {
        match (from.tables.get(name), to.tables.get(name)) {
            (Some(old), None) => changes.push(dropped_table(from, to, old)),
            (None, Some(_)) => changes.push(Change::safe(Operation::CreateTable(name.clone()))),
            (Some(old), Some(new)) => compare_tables(from, to, old, new, &mut changes),
            (None, None) => {}
        }
    }
    let ids: BTreeSet<&ObjectId> = from.objects.keys().chain(to.objects.keys()).collect();
    for id in ids {
        match (from.objects.get(id), to.objects.get(id)) {
            (Some(_), None) => {
                // With a table that is kept, its triggers are.
                let gone = |table: &Name| {
                    from.tables.contains_key(table) && !to.tables.contains_key(table)
                };
                changes.push(match id.table().filter(gone) {
                    Some(table) => Change::lossy(
                        Operation::DropObject(id.clone()),
                        format!("it goes with the table {table}"),
                    ),
                    None => dropped_object(id),
                });
            }
            (None, Some(_)) => changes.push(Change::safe(Operation::CreateObject(id.clone()))),
            (Some(old), Some(new)) if !old.is_same(new) || stale.contains(id) => {
                changes.push(altered_object(from, old, new));
            }
            _ => {}
        }
    }
    if to.dialect.is_mysql_family() {
        entangled::wait(from, to, &mut changes);
    }
    changes
}

/// Tables whose columns stand in another order in both: said, and not changed.
pub(crate) fn reordered(from: &Schema, to: &Schema) -> Vec<Name> {
    let both = to.tables.iter().filter(|(name, new)| {
        let Some(old) = from.tables.get(*name) else {
            return false;
        };
        let shared = |one: &Table, other: &Table| -> Vec<String> {
            let columns = one.columns.iter().map(|column| column.name.clone());
            columns
                .filter(|name| other.column(name).is_some())
                .collect()
        };
        shared(old, new) != shared(new, old)
    });
    both.map(|(name, _)| name.clone()).collect()
}

fn dropped_table(from: &Schema, to: &Schema, old: &Table) -> Change {
    let operation = Operation::DropTable(old.name.clone());
    let partitioning = |schema: &Schema, table: &Name| {
        let table = schema.tables.get(table)?;
        table.attributes.get("partition_by").cloned()
    };
    let parent = old.depends_on.iter().find_map(|thing| match thing {
        Thing::Table(table)
            if old.attributes.contains_key("partition_of")
                && to.tables.contains_key(table)
                && partitioning(from, table) != partitioning(to, table) =>
        {
            Some(table)
        }
        _ => None,
    });
    match parent {
        // The rows are those of a table that stays.
        Some(parent) => Change::manual(
            operation,
            format!(
                "it holds rows of {parent}, which are to be moved when that is partitioned otherwise"
            ),
        ),
        None => Change::lossy(operation, "its rows are lost"),
    }
}

fn compare_tables(from: &Schema, to: &Schema, old: &Table, new: &Table, changes: &mut Vec<Change>) {
    let dialect = to.dialect;
    let table = &new.name;
    let mut attributes: BTreeSet<&'static str> = old
        .attributes
        .keys()
        .chain(new.attributes.keys())
        .filter(|key| old.attributes.get(*key) != new.attributes.get(*key))
        .copied()
        .collect();
    let comment = old.comment != new.comment;
    // SQLite's STRICT knows few types: it cannot come before the columns that it needs changed, nor go before others.
    let strict = attributes.contains("strict") && dialect.family() == Family::Sqlite;
    let goes_with = strict.then(|| strict_goes_with(old, new)).flatten();
    if goes_with.is_some() {
        attributes.remove("strict");
        let operation = Operation::AlterTable {
            table: table.clone(),
            attributes: BTreeSet::from(["strict"]),
            comment: false,
        };
        changes.push(Change::of(operation, goes_with));
    }
    // By itself, so that only it is withheld.
    for manual in ["partition", "versioning"] {
        let of_kind: BTreeSet<&'static str> = attributes
            .iter()
            .filter(|key| key.starts_with(manual))
            .copied()
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        attributes.retain(|key| !of_kind.contains(key));
        let operation = Operation::AlterTable {
            table: table.clone(),
            attributes: of_kind,
            comment: false,
        };
        let reason = match manual {
            "partition" => {
                "a table's partitioning cannot be changed in place: make a new table and move the rows"
            }
            _ => {
                "the history of its rows would be lost, or begin today, which only a person can decide"
            }
        };
        changes.push(Change::manual(operation, reason));
    }
    if !attributes.is_empty() || comment {
        changes.push(Change::safe(Operation::AlterTable {
            table: table.clone(),
            attributes,
            comment,
        }));
    }
    for column in &old.columns {
        if new.column(&column.name).is_none() {
            let operation = Operation::DropColumn {
                table: table.clone(),
                column: column.name.clone(),
            };
            changes.push(match column.generated {
                Some(_) => Change::safe(operation),
                None => Change::lossy(operation, "its data are lost"),
            });
        }
    }
    for column in &new.columns {
        match old.column(&column.name) {
            None => changes.push(Change::safe(Operation::AddColumn {
                table: table.clone(),
                column: column.name.clone(),
            })),
            Some(before) => {
                if let Some(change) = altered_column(dialect, table, before, column) {
                    changes.push(change);
                }
            }
        }
    }
    // What goes with a column is lost with it, and kept with it.
    let lost: Vec<&str> = old
        .columns
        .iter()
        .filter(|column| column.generated.is_none() && new.column(&column.name).is_none())
        .map(|column| column.name.as_str())
        .collect();
    let goes_with = |columns: &[String]| -> Option<String> {
        let lost = columns
            .iter()
            .find(|column| lost.contains(&column.as_str()))?;
        Some(format!("it goes with the column {lost}"))
    };
    let new_primary = new.constraints.iter().any(is_primary);
    compare_parts(
        &old.constraints,
        &new.constraints,
        &Parts {
            table,
            is_same: &|old, new| old.is_same(new) && !points_elsewhere(from, to, old, new),
            is_alike: &|old, new| {
                old.name.is_some() && old.name == new.name && old.kind == new.kind
            },
            does_same: &|old, new| old.does_same(new) && old.name.is_some() == new.name.is_some(),
            add: |table, constraint| Operation::AddConstraint { table, constraint },
            drop: &|table, constraint| {
                let goes_with = goes_with(&constraint.columns)
                    .filter(|_| !(new_primary && is_primary(&constraint)));
                Change::of(Operation::DropConstraint { table, constraint }, goes_with)
            },
            alter: |table, from, to| Operation::AlterConstraint { table, from, to },
        },
        changes,
    );
    compare_parts(
        &old.indexes,
        &new.indexes,
        &Parts {
            table,
            is_same: &Index::is_same,
            is_alike: &|old, new| old.name == new.name,
            does_same: &Index::does_same,
            add: |table, index| Operation::AddIndex { table, index },
            drop: &|table, index| {
                let goes_with = goes_with(&index.columns);
                Change::of(Operation::DropIndex { table, index }, goes_with)
            },
            alter: |table, from, to| Operation::AlterIndex { table, from, to },
        },
        changes,
    );
}

/// What constraints and indexes have in common.
struct Parts<'a, T> {
    table: &'a Name,
    is_same: &'a dyn Fn(&T, &T) -> bool,
    /// The same by name.
    is_alike: &'a dyn Fn(&T, &T) -> bool,
    /// The same but for the name.
    does_same: &'a dyn Fn(&T, &T) -> bool,
    add: fn(Name, T) -> Operation,
    drop: &'a dyn Fn(Name, T) -> Change,
    alter: fn(Name, T, T) -> Operation,
}

/// Each part is matched once: by all that it is, then by its name, then by what it does.
fn compare_parts<T: Clone>(old: &[T], new: &[T], parts: &Parts<'_, T>, changes: &mut Vec<Change>) {
    let mut partners: Vec<Option<usize>> = vec![None; old.len()];
    let mut taken = vec![false; new.len()];
    for is_partner in [parts.is_same, parts.is_alike, parts.does_same] {
        for (at, part) in old.iter().enumerate() {
            if partners[at].is_some() {
                continue;
            }
            let partner =
                (0..new.len()).find(|&other| !taken[other] && is_partner(part, &new[other]));
            if let Some(other) = partner {
                partners[at] = Some(other);
                taken[other] = true;
            }
        }
    }
    let table = || parts.table.clone();
    for (part, partner) in old.iter().zip(&partners) {
        match partner {
            None => changes.push((parts.drop)(table(), part.clone())),
            Some(other) if !(parts.is_same)(part, &new[*other]) => {
                let operation = (parts.alter)(table(), part.clone(), new[*other].clone());
                changes.push(Change::safe(operation));
            }
            Some(_) => {}
        }
    }
    for (part, taken) in new.iter().zip(taken) {
        if !taken {
            changes.push(Change::safe((parts.add)(table(), part.clone())));
        }
    }
}

/// A foreign key written without columns follows the primary key, which is another one in the other schema: the same
/// text, written with columns, does not.
fn points_elsewhere(from: &Schema, to: &Schema, old: &Constraint, new: &Constraint) -> bool {
    let (Some(old), Some(new)) = (&old.references, &new.references) else {
        return false;
    };
    let key = |schema: &Schema| {
        let table = schema.tables.get(&new.table)?;
        let key = table.constraints.iter().find(|one| is_primary(one))?;
        Some(key.columns.clone())
    };
    old.implicit != new.implicit && key(from) != key(to)
}

fn is_primary(constraint: &Constraint) -> bool {
    constraint.kind == ConstraintKind::Primary
}

fn altered_column(dialect: Dialect, table: &Name, old: &Column, new: &Column) -> Option<Change> {
    let aspects = old.aspects(new);
    if aspects.is_empty() {
        return None;
    }
    let reads_values = [Aspect::Type, Aspect::Collation, Aspect::Attributes];
    let converted = reads_values.iter().any(|aspect| aspects.contains(aspect));
    let (class, reason) = match (&old.generated, &new.generated) {
        (None, Some(_)) => (
            Class::Lossy,
            Some("its data are replaced by what is computed".to_owned()),
        ),
        // Computed anew.
        (Some(_), Some(_)) => (Class::Safe, None),
        // SQLite copies the values when it rebuilds the table; the others know no way to keep them.
        (Some(generated), None) if !generated.stored && dialect.family() != Family::Sqlite => {
            let computed = "what it computes is not stored, and rows have NULL or the default then";
            match conversion(dialect, old, new) {
                (Class::Manual, reason) => (Class::Manual, reason),
                _ => (Class::Lossy, Some(computed.to_owned())),
            }
        }
        _ if converted => conversion(dialect, old, new),
        _ => (Class::Safe, None),
    };
    Some(Change {
        operation: Operation::AlterColumn {
            table: table.clone(),
            column: new.name.clone(),
            aspects,
        },
        class,
        reason,
    })
}

fn dropped_object(id: &ObjectId) -> Change {
    let operation = Operation::DropObject(id.clone());
    match id.kind {
        ObjectKind::Sequence => Change::lossy(operation, "its position is lost"),
        _ => Change::safe(operation),
    }
}

fn altered_object(from: &Schema, old: &Object, new: &Object) -> Change {
    let operation = Operation::AlterObject(new.id.clone());
    let kept = from.kept.get(&Thing::Object(old.id.clone()));
    let unknown = kept.into_iter().flatten().find_map(|kept| match kept {
        Kept::Unknown(why) => Some(why.clone()),
        _ => None,
    });
    if let Some(why) = unknown {
        return Change::manual(operation, why);
    }
    let (class, reason) = alteration(from, old, new);
    Change {
        operation,
        class,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autogenerate::expression::Sql;
    use crate::autogenerate::withhold::without;

    fn name(name: &str) -> Name {
        Name::new(None, name)
    }

    /// A table with columns `name type`, `!` behind the type for NOT NULL.
    fn table(name_: &str, columns: &[&str]) -> Table {
        let mut table = Table::new(name(name_));
        for column in columns {
            let (name, data_type) = column.split_once(' ').expect("name and type");
            let mut column = Column::new(name, data_type.trim_end_matches('!'));
            column.nullable = !data_type.ends_with('!');
            table.columns.push(column);
        }
        table
    }

    fn check(name: &str, definition: &str, columns: &[&str]) -> Constraint {
        Constraint {
            name: Some(name.to_owned()),
            kind: ConstraintKind::Check,
            definition: Sql::exact(definition),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            references: None,
            comment: None,
            depends_on: BTreeSet::new(),
        }
    }

    fn schema(tables: impl IntoIterator<Item = Table>) -> Schema {
        let mut schema = Schema::new(Dialect::Postgres);
        for table in tables {
            schema.tables.insert(table.name.clone(), table);
        }
        schema
    }

    fn told(from: &Schema, to: &Schema) -> Vec<String> {
        let changes = compare(from, to, &BTreeSet::new());
        changes.iter().map(Change::to_string).collect()
    }

    #[test]
    fn a_schema_does_not_differ_from_itself() {
        let one = schema([table("users", &["id bigint!", "email text"])]);
        assert_eq!(told(&one, &one), Vec::<String>::new());
    }

    #[test]
    fn constraints_are_matched_once_and_by_the_best_there_is() {
        let mut old = table("t", &["a integer"]);
        let mut new = old.clone();
        old.constraints = vec![
            check("t_a_check", "CHECK ((a > 0))", &["a"]),
            check("t_a_check1", "CHECK ((a < 9))", &["a"]),
            check("gone", "CHECK ((a <> 5))", &["a"]),
        ];
        new.constraints = vec![
            check("t_a_check1", "CHECK ((a > 0))", &["a"]),
            check("t_a_check", "CHECK ((a < 9))", &["a"]),
            check("fresh", "CHECK ((a <> 6))", &["a"]),
        ];
        assert_eq!(
            told(&schema([old]), &schema([new])),
            [
                "alter check constraint t_a_check of t",
                "alter check constraint t_a_check1 of t",
                "drop check constraint gone of t",
                "add check constraint fresh of t",
            ]
        );
    }

    #[test]
    fn the_same_check_under_another_name_is_renamed() {
        let mut old = table("t", &["a integer"]);
        let mut new = old.clone();
        old.constraints = vec![check("t_a_check", "CHECK ((a > 0))", &["a"])];
        new.constraints = vec![check("positive", "CHECK ((a > 0))", &["a"])];
        assert_eq!(
            told(&schema([old]), &schema([new])),
            ["rename check constraint t_a_check to check constraint positive of t"]
        );
    }

    /// What is withheld stays with all that it stands on, and is all that then differs.
    #[test]
    fn what_is_withheld_is_all_that_remains() {
        let mut users = table("users", &["id bigint!", "email text", "age integer"]);
        users.constraints = vec![check("adult", "CHECK ((age > 17))", &["age"])];
        let mood = ObjectId::new(ObjectKind::Enum, name("mood"));
        let mut moods = table("moods", &["of mood"]);
        moods.columns[0]
            .depends_on
            .insert(Thing::Object(mood.clone()));
        let mut from = schema([users, moods]);
        from.objects.insert(
            mood.clone(),
            Object {
                id: mood.clone(),
                definition: Sql::exact(""),
                labels: vec!["glad".to_owned()],
                attributes: Default::default(),
                comment: None,
                depends_on: BTreeSet::new(),
            },
        );
        let to = schema([table("users", &["id bigint!", "email text!"])]);
        let changes = compare(&from, &to, &BTreeSet::new());
        let told: Vec<String> = changes.iter().map(Change::to_string).collect();
        assert_eq!(
            told,
            [
                "drop table moods (lossy: its rows are lost)",
                "drop column users.age (lossy: its data are lost)",
                "alter column users.email: nullability",
                "drop check constraint adult of users (lossy: it goes with the column age)",
                "drop enum mood (lossy: it stands on something that stays as it is)",
            ]
        );
        let withheld = || changes.iter().filter(|change| change.class != Class::Safe);
        let reachable = without(&from, &to, withheld());
        assert!(
            reachable.objects.contains_key(&mood),
            "a table that stays needs it"
        );
        assert_eq!(
            self::told(&from, &reachable),
            ["alter column users.email: nullability"]
        );
        let remaining = self::told(&reachable, &to);
        let expected: Vec<&String> = told
            .iter()
            .filter(|one| !one.contains("nullability"))
            .collect();
        assert_eq!(remaining.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn enums_grow_and_do_not_shrink() {
        let mood = |labels: &[&str]| {
            let id = ObjectId::new(ObjectKind::Enum, name("mood"));
            let mut schema = Schema::new(Dialect::Postgres);
            let labels = labels.iter().map(|&label| label.to_owned()).collect();
            let object = Object {
                id: id.clone(),
                definition: Sql::exact(""),
                labels,
                attributes: Default::default(),
                comment: None,
                depends_on: BTreeSet::new(),
            };
            schema.objects.insert(id, object);
            schema
        };
        let class =
            |from: &[&str], to: &[&str]| compare(&mood(from), &mood(to), &BTreeSet::new())[0].class;
        assert_eq!(class(&["a", "c"], &["a", "b", "c", "d"]), Class::Safe);
        assert_eq!(class(&["a", "b"], &["a"]), Class::Manual);
        assert_eq!(class(&["a", "b"], &["b", "a"]), Class::Manual);
        assert_eq!(class(&["a", "b"], &["a", "c"]), Class::Manual);
    }

    #[test]
    fn order_is_said_and_no_change() {
        let from = schema([table("t", &["a text", "b text"])]);
        let to = schema([table("t", &["b text", "a text"])]);
        assert_eq!(told(&from, &to), Vec::<String>::new());
        assert_eq!(reordered(&from, &to), [name("t")]);
    }
}
