//! What is compared, and what is left as it is. Pure.
//!
//! What is left out of one side is left out of both. Only the tables of migration tools are taken out of the models:
//! anything else that is not compared is made the same in both, as the database has it. So whatever writes SQL knows
//! that it is there: SQLite's rebuild of a table brings an index back that nobody compares.

use std::collections::{BTreeMap, BTreeSet};

use super::pattern::{Pattern, Subject, SubjectKind};
use super::schema::{
    Column, Constraint, Index, Name, Object, ObjectId, ObjectKind, Schema, Table, Thing,
};
use crate::dialect::{Dialect, Family};

/// limbeck's own tables where nothing else is set, and those of other tools, with their locks. Their case is ignored.
const TOOLS: &[&str] = &[
    "limbeck_version",
    "limbeck_history",
    "limbeck_history_lock",
    "__diesel_schema_migrations",
    "__drizzle_migrations",
    "__efmigrationshistory",
    "_prisma_migrations",
    "_sqlx_migrations",
    "alembic_version",
    "ar_internal_metadata",
    "atlas_schema_revisions",
    "databasechangelog",
    "databasechangeloglock",
    "django_migrations",
    "doctrine_migration_versions",
    "flyway_schema_history",
    "goose_db_version",
    "gorp_migrations",
    "knex_migrations",
    "knex_migrations_lock",
    "mikro_orm_migrations",
    "phinxlog",
    "refinery_schema_history",
    "schema_migrations",
    "seaql_migrations",
    "sequelizemeta",
];

/// What is compared, by schema, table, kind and name. Default: everything but the version tables of limbeck and other
/// migration tools, which are always left out.
///
/// ```
/// use limbeck::autogenerate::Filter;
///
/// let filter = Filter::default()
///     .exclude("table:audit_*".parse()?)
///     .exclude("kind:trigger".parse()?);
/// # let _ = filter;
/// # Ok::<(), limbeck::autogenerate::FilterError>(())
/// ```
///
/// What is on an included table is included with it, and what is on an excluded one excluded. On PostgreSQL, schemas
/// that the desired schema does not make are left out, and said not to be compared, unless a pattern that names the
/// schema includes them: `schema:audit`, or `table:audit.*`.
#[must_use]
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Filter {
    /// Compares only what this or another included pattern matches. Default: all.
    pub fn include(mut self, pattern: Pattern) -> Self {
        self.include.push(pattern);
        self
    }

    /// Leaves out what this pattern matches, also where another one includes it. Default: nothing.
    pub fn exclude(mut self, pattern: Pattern) -> Self {
        self.exclude.push(pattern);
        self
    }

    pub(crate) fn apply(&self, live: &mut Schema, desired: &mut Schema, scope: &Scope<'_>) {
        remove_tools(live, scope);
        remove_tools(desired, scope);
        let unmade = unmade_schemas(live, desired);
        if self.include.is_empty() && self.exclude.is_empty() && unmade.is_empty() {
            return;
        }
        let rules = Rules {
            filter: self,
            current: scope.current.unwrap_or("main"),
            ignore_case: live.dialect.family() != Family::Postgres,
            unmade: &unmade,
        };
        let left_out: Vec<&String> = unmade
            .iter()
            .filter(|schema| !rules.includes_schema(live, schema))
            .collect();
        for schema in left_out {
            live.not_compared.insert(format!(
                "schema {schema}: the desired schema does not make it; --include 'schema:{schema}' compares it \
                 (with --include '*' beside it, all the rest too)"
            ));
        }
        rules.apply(live, desired);
    }

    /// Takes the tables of migration tools out of a schema. What the patterns leave out is returned and stays in it: made from
    /// there, the rest is all that is new.
    pub(crate) fn take_out(&self, schema: &mut Schema, scope: &Scope<'_>) -> Schema {
        remove_tools(schema, scope);
        let mut left_out = Schema::new(schema.dialect);
        let rules = Rules {
            filter: self,
            current: scope.current.unwrap_or("main"),
            ignore_case: schema.dialect.family() != Family::Postgres,
            unmade: &BTreeSet::new(),
        };
        rules.apply(schema, &mut left_out);
        left_out
    }
}

/// Where names stand, and whose tables are never compared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scope<'a> {
    /// The schema of names without one.
    pub current: Option<&'a str>,
    /// limbeck's tables: the schema that was set, and the name.
    pub own: &'a [Name],
}

impl Scope<'_> {
    fn is_tools(&self, dialect: Dialect, name: &Name) -> bool {
        let is_known = TOOLS
            .iter()
            .any(|tool| name.name.eq_ignore_ascii_case(tool));
        is_known
            || self.own.iter().any(|own| {
                let is_schema = |schema: &str| {
                    schema == name.schema.as_deref().or(self.current).unwrap_or_default()
                };
                let is_there = match &own.schema {
                    Some(schema) => is_schema(schema),
                    None => name.schema.is_none(),
                };
                let is_name = match dialect {
                    Dialect::Postgres => own.name == name.name,
                    // It keeps a character of four bytes in a name as a question mark.
                    Dialect::Mysql => own
                        .name
                        .replace(|one: char| one.len_utf8() == 4, "?")
                        .eq_ignore_ascii_case(&name.name),
                    _ => own.name.eq_ignore_ascii_case(&name.name),
                };
                is_there && is_name
            })
    }
}

/// Takes the tables of migration tools out, with what is on them and their sequences.
fn remove_tools(schema: &mut Schema, scope: &Scope<'_>) {
    let dialect = schema.dialect;
    let gone: BTreeSet<Name> = schema
        .tables
        .keys()
        .filter(|name| scope.is_tools(dialect, name))
        .cloned()
        .collect();
    schema.tables.retain(|name, _| !gone.contains(name));
    schema.objects.retain(|id, object| {
        let on = owner(id, object);
        let is_gone = on.is_some_and(|table| gone.contains(&table));
        // As PostgreSQL names what `serial` makes.
        let is_serial = id.kind == ObjectKind::Sequence
            && id.name.name.ends_with("_seq")
            && gone.iter().any(|table| {
                table.schema == id.name.schema
                    && id.name.name.starts_with(&format!("{}_", table.name))
            });
        !is_gone && !is_serial
    });
}

/// The table or view that an object is on: a sequence is on the table of the column that owns it.
fn owner(id: &ObjectId, object: &Object) -> Option<Name> {
    id.table()
        .or_else(|| object.owning_column().map(|(table, _)| table))
}

/// The schemas of the database, beside the current one, that the desired schema does not make.
fn unmade_schemas(live: &Schema, desired: &Schema) -> BTreeSet<String> {
    if live.dialect.family() != Family::Postgres {
        return BTreeSet::new();
    }
    let names = |schema: &Schema| -> BTreeSet<String> {
        let tables = schema.tables.keys().filter_map(|name| name.schema.clone());
        let objects = schema.objects.keys().filter_map(|id| match id.kind {
            ObjectKind::Schema => Some(id.name.name.clone()),
            _ => id.name.schema.clone(),
        });
        tables.chain(objects).collect()
    };
    let made = names(desired);
    names(live)
        .into_iter()
        .filter(|name| !made.contains(name))
        .collect()
}

struct Rules<'a> {
    filter: &'a Filter,
    current: &'a str,
    ignore_case: bool,
    unmade: &'a BTreeSet<String>,
}

impl Rules<'_> {
    fn excludes(&self, subject: &Subject<'_>) -> bool {
        let mut patterns = self.filter.exclude.iter();
        patterns.any(|pattern| pattern.matches(subject, self.ignore_case))
    }

    /// Whether a pattern says so; all is included where there is none.
    fn includes(&self, subject: &Subject<'_>) -> bool {
        let mut patterns = self.filter.include.iter();
        if self.unmade.contains(subject.schema) {
            return patterns.any(|pattern| pattern.matches_with_schema(subject, self.ignore_case));
        }
        self.filter.include.is_empty()
            || patterns.any(|pattern| pattern.matches(subject, self.ignore_case))
    }

    fn compares(&self, subject: &Subject<'_>) -> bool {
        self.includes(subject) && !self.excludes(subject)
    }

    fn compares_table(&self, name: &Name) -> bool {
        self.compares(&Subject::table(name, self.current))
    }

    /// Whether anything in a schema that was not made is compared, or nothing is there that could be.
    fn includes_schema(&self, live: &Schema, schema: &str) -> bool {
        let table = live
            .tables
            .keys()
            .filter(|name| name.schema.as_deref() == Some(schema))
            .map(|name| self.compares_table(name));
        let objects = live
            .objects
            .keys()
            .filter(|id| id.name.schema.as_deref() == Some(schema))
            .map(|id| self.compares(&Subject::object(id, self.current)));
        let all: Vec<bool> = table.chain(objects).collect();
        let is_excluded = self.excludes(&Subject {
            kind: SubjectKind::Object(ObjectKind::Schema),
            schema,
            on: None,
            name: schema,
        });
        is_excluded || all.is_empty() || all.contains(&true)
    }

    fn apply(&self, live: &mut Schema, desired: &mut Schema) {
        let names: BTreeSet<Name> = live
            .tables
            .keys()
            .chain(desired.tables.keys())
            .cloned()
            .collect();
        for name in &names {
            let merged = self.table(name, live.tables.get(name), desired.tables.get(name));
            match merged {
                Some(table) => desired.tables.insert(name.clone(), table),
                None => desired.tables.remove(name),
            };
        }
        let ids: BTreeMap<ObjectId, bool> = live
            .objects
            .iter()
            .chain(&desired.objects)
            .map(|(id, object)| (id.clone(), self.compares_object(id, object, live, desired)))
            .collect();
        let mirrored: Vec<&ObjectId> = ids
            .iter()
            .filter_map(|(id, compared)| (!compared).then_some(id))
            .collect();
        for &id in &mirrored {
            match live.objects.get(id) {
                Some(object) => desired.objects.insert(id.clone(), object.clone()),
                None => desired.objects.remove(id),
            };
        }
        // What is on a table goes with it.
        for &id in &mirrored {
            let is_orphan = id.table().is_some_and(|table| {
                !desired.tables.contains_key(&table) && !has_view(desired, &table)
            });
            if is_orphan {
                desired.objects.remove(id);
            }
        }
        // What is left as it is needs what it stands on.
        let mut needed: Vec<Thing> = Vec::new();
        for (name, table) in &desired.tables {
            if !self.includes(&Subject::table(name, self.current)) {
                needed.extend(table.all_dependencies());
            }
        }
        for &id in &mirrored {
            let object = desired.objects.get(id);
            needed.extend(
                object
                    .into_iter()
                    .flat_map(|object| object.depends_on.iter().cloned()),
            );
        }
        while let Some(thing) = needed.pop() {
            let Thing::Object(id) = thing else {
                continue;
            };
            if let (Some(object), false) =
                (live.objects.get(&id), desired.objects.contains_key(&id))
            {
                needed.extend(object.depends_on.iter().cloned());
                desired.objects.insert(id, object.clone());
            }
        }
    }

    fn compares_object(
        &self,
        id: &ObjectId,
        object: &Object,
        live: &Schema,
        desired: &Schema,
    ) -> bool {
        let subject = Subject::object(id, self.current);
        if self.excludes(&subject) {
            return false;
        }
        let Some(on) = owner(id, object) else {
            return self.includes(&subject);
        };
        let table = match view_of(live, &on).or_else(|| view_of(desired, &on)) {
            Some(view) => Subject::object(view, self.current),
            None => Subject::table(&on, self.current),
        };
        !self.excludes(&table) && (self.includes(&subject) || self.includes(&table))
    }

    /// The table as it is desired in all that is compared, and as it is in all else.
    fn table(&self, name: &Name, live: Option<&Table>, desired: Option<&Table>) -> Option<Table> {
        let subject = Subject::table(name, self.current);
        if self.excludes(&subject) {
            return live.cloned();
        }
        let whole = self.includes(&subject);
        let part = |kind, name: &str| {
            let part = Subject::part(kind, subject, name);
            !self.excludes(&part) && (whole || self.includes(&part))
        };
        let (base, other) = match (live, desired) {
            (Some(live), Some(desired)) if whole => (desired, live),
            (Some(live), Some(desired)) => (live, desired),
            (live, None) => return live.filter(|_| !whole).cloned(),
            (None, Some(desired)) if whole => (desired, desired),
            (None, Some(_)) => return None,
        };
        let live_column = |name: &str| live.and_then(|live| live.column(name));
        let desired_column = |name: &str| desired.and_then(|desired| desired.column(name));
        let mut table = base.clone();
        let names = base.columns.iter().chain(
            other
                .columns
                .iter()
                .filter(|column| base.column(&column.name).is_none()),
        );
        let columns = names.filter_map(|column| {
            let name = &column.name;
            match part(SubjectKind::Column, name) {
                true => desired_column(name),
                false => live_column(name),
            }
        });
        table.columns = columns.cloned().collect::<Vec<Column>>();
        let constraint = |one: &Constraint| {
            let name = one.name.as_deref().unwrap_or_default();
            part(SubjectKind::Constraint(one.kind), name)
        };
        let index = |one: &Index| part(SubjectKind::Index, &one.name);
        let known = |columns: &[String]| {
            columns.iter().all(|name| {
                let is_column = live_column(name).or(desired_column(name)).is_some();
                !is_column || table.columns.iter().any(|column| column.name == *name)
            })
        };
        let constraints = chosen(live, desired, |table| &table.constraints, constraint);
        let indexes = chosen(live, desired, |table| &table.indexes, index);
        // What stands on a column goes with it.
        let constraints = constraints.filter(|one| known(&one.columns));
        let constraints: Vec<Constraint> = constraints.cloned().collect();
        let indexes: Vec<Index> = indexes.filter(|one| known(&one.columns)).cloned().collect();
        table.constraints = constraints;
        table.indexes = indexes;
        Some(table)
    }
}

/// The parts that are compared, as they are desired, and the others as they are.
fn chosen<'a, T: 'a>(
    live: Option<&'a Table>,
    desired: Option<&'a Table>,
    parts: impl Fn(&'a Table) -> &'a Vec<T>,
    compared: impl Fn(&T) -> bool + Copy,
) -> impl Iterator<Item = &'a T> {
    let wanted = desired.map(&parts).into_iter().flatten();
    let kept = live.map(&parts).into_iter().flatten();
    let wanted = wanted.filter(move |part| compared(part));
    wanted.chain(kept.filter(move |part| !compared(part)))
}

fn view_of<'a>(schema: &'a Schema, name: &Name) -> Option<&'a ObjectId> {
    [ObjectKind::View, ObjectKind::MaterializedView]
        .into_iter()
        .find_map(|kind| {
            let id = ObjectId::new(kind, name.clone());
            Some(schema.objects.get_key_value(&id)?.0)
        })
}

fn has_view(schema: &Schema, name: &Name) -> bool {
    view_of(schema, name).is_some()
}

#[cfg(test)]
mod tests;
