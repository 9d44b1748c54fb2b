//! The model of a schema: what a database holds, as its own server words it. Pure.
//!
//! Two models of one database system are compared with `==`, field by field, so whatever reflects one puts
//! into it only what a `CREATE` or `ALTER` can change, in a form that does not depend on how it came about.
//! `depends_on` says in what order things can be made, and is no part of that comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};

use super::expression::Sql;
use crate::dialect::Dialect;

/// The name of a table or another object.
///
/// The schema is none where it is the current one: PostgreSQL's first of the search path, MySQL's current
/// database, SQLite's `main`. Names are as the catalog has them, without quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub schema: Option<String>,
    pub name: String,
}

impl Name {
    pub(crate) fn new(schema: Option<&str>, name: &str) -> Self {
        Name {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// As it stands in SQL.
    pub(crate) fn quoted(&self, dialect: Dialect) -> String {
        let name = dialect.ident(&self.name);
        match &self.schema {
            Some(schema) => format!("{}.{name}", dialect.ident(schema)),
            None => name,
        }
    }
}

/// As a person reads it.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Something that other things can need.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Thing {
    Table(Name),
    Column(Name, String),
    /// A constraint or index of a table that something else stands on, by its name: PostgreSQL's foreign keys
    /// stand on a unique constraint or index.
    Key(Name, String),
    Object(ObjectId),
    /// Something that is not compared, in the words of [`Schema::not_compared`].
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))]
    Other(String),
}

/// Further properties of a thing: each by a name of the database's, such as `engine`, `strict`, `on_update`.
/// One that has its default is not there.
pub(crate) type Attributes = BTreeMap<&'static str, String>;

/// A property that is kept and not compared: what is made anew gets it again, and what is new gets it from the desired
/// schema.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(all(feature = "postgres", feature = "mysql")), allow(dead_code))]
pub(crate) enum Kept {
    /// The owner, quoted where it needs to be.
    Owner(String),
    /// `GRANT` or `REVOKE`: the words before and behind the thing that it is on.
    Privilege(String, String),
    /// Any other statement, likewise.
    Statement(String, String),
    /// The `sql_mode` that it was made under: MySQL and MariaDB.
    Mode(String),
    /// When an event's schedule started, where nobody said it: MySQL and MariaDB.
    Started(String),
    /// It cannot be read, and so not be given again: why.
    Unknown(String),
}

/// Everything in a database that is compared.
#[derive(Debug, Clone)]
pub struct Schema {
    pub(crate) dialect: Dialect,
    pub(crate) tables: BTreeMap<Name, Table>,
    /// Everything that is no table: views, types, sequences, functions, triggers, …
    pub(crate) objects: BTreeMap<ObjectId, Object>,
    /// Of everything in the database: see [`Kept`].
    pub(crate) kept: BTreeMap<Thing, Vec<Kept>>,
    /// What was met and is not compared, each in words such as `foreign table public.far`.
    pub(crate) not_compared: BTreeSet<String>,
    /// The compared things that those need: it cannot go, nor be made anew.
    pub(crate) needed: BTreeMap<String, BTreeSet<Thing>>,
    /// Of a stage on the way: the indexes that it adds are built concurrently. No part of what is compared.
    pub(crate) concurrently: bool,
}

impl Schema {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Schema {
            dialect,
            tables: BTreeMap::new(),
            objects: BTreeMap::new(),
            kept: BTreeMap::new(),
            not_compared: BTreeSet::new(),
            needed: BTreeMap::new(),
            concurrently: false,
        }
    }

    pub(crate) fn has(&self, thing: &Thing) -> bool {
        match thing {
            Thing::Table(table) => self.tables.contains_key(table),
            Thing::Column(table, column) => {
                let table = self.tables.get(table);
                table.is_some_and(|table| table.column(column).is_some())
            }
            Thing::Key(table, key) => self.tables.get(table).is_some_and(|table| {
                let mut constraints = table.constraints.iter();
                constraints.any(|one| one.name.as_ref() == Some(key))
                    || table.indexes.iter().any(|one| one.name == *key)
            }),
            Thing::Object(id) => self.objects.contains_key(id),
            Thing::Other(words) => self.not_compared.contains(words),
        }
    }

    /// Takes over what is kept of everything that is in both: it stays as the live database has it.
    pub(crate) fn keep(&mut self, live: &Schema) {
        self.kept.retain(|thing, _| !live.has(thing));
        let of_both = live.kept.iter().filter(|(thing, _)| live.has(thing));
        let of_both = of_both.map(|(thing, kept)| (thing.clone(), kept.clone()));
        self.kept.extend(of_both);
    }

    /// The database that it was read from.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What was met and is not compared: each in words, such as `foreign table far`.
    pub fn not_compared(&self) -> impl Iterator<Item = &str> {
        self.not_compared.iter().map(String::as_str)
    }
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub name: Name,
    /// In their order.
    pub columns: Vec<Column>,
    pub constraints: Vec<Constraint>,
    pub indexes: Vec<Index>,
    pub attributes: Attributes,
    pub comment: Option<String>,
    /// What the table itself needs: a parent, a partitioned table.
    pub depends_on: BTreeSet<Thing>,
}

impl Table {
    pub(crate) fn new(name: Name) -> Self {
        Table {
            name,
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            attributes: Attributes::new(),
            comment: None,
            depends_on: BTreeSet::new(),
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// What it and all parts of it need.
    pub(crate) fn all_dependencies(&self) -> BTreeSet<Thing> {
        let columns = self.columns.iter().flat_map(|column| &column.depends_on);
        let constraints = self.constraints.iter().flat_map(|one| {
            let references = one.references.iter().map(|other| &other.table);
            one.depends_on
                .iter()
                .cloned()
                .chain(references.cloned().map(Thing::Table))
        });
        let indexes = self.indexes.iter().flat_map(|index| &index.depends_on);
        let mut all: BTreeSet<Thing> = self.depends_on.clone();
        all.extend(columns.cloned());
        all.extend(indexes.cloned());
        all.extend(constraints);
        all
    }
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub name: String,
    /// With its arguments, as the server words it; empty where SQLite has none.
    pub data_type: String,
    pub nullable: bool,
    pub default: Option<Sql>,
    pub generated: Option<Generated>,
    pub identity: Option<Identity>,
    pub collation: Option<String>,
    pub comment: Option<String>,
    pub attributes: Attributes,
    /// Of an inherited column: it stays where the parent's goes. No part of what is compared.
    pub is_local: bool,
    /// The types and functions that it names.
    pub depends_on: BTreeSet<Thing>,
}

impl Column {
    /// A nullable column without anything.
    pub(crate) fn new(name: &str, data_type: &str) -> Self {
        Column {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            nullable: true,
            default: None,
            generated: None,
            identity: None,
            collation: None,
            comment: None,
            attributes: Attributes::new(),
            is_local: false,
            depends_on: BTreeSet::new(),
        }
    }

    pub(crate) fn is_same(&self, other: &Column) -> bool {
        self.name == other.name && self.aspects(other).is_empty()
    }

    /// In what the two differ, name aside.
    pub(crate) fn aspects(&self, other: &Column) -> BTreeSet<Aspect> {
        [
            (Aspect::Type, self.data_type != other.data_type),
            (Aspect::Nullable, self.nullable != other.nullable),
            (Aspect::Default, self.default != other.default),
            (Aspect::Generated, self.generated != other.generated),
            (Aspect::Identity, self.identity != other.identity),
            (Aspect::Collation, self.collation != other.collation),
            (Aspect::Comment, self.comment != other.comment),
            (Aspect::Attributes, self.attributes != other.attributes),
        ]
        .into_iter()
        .filter_map(|(aspect, differs)| differs.then_some(aspect))
        .collect()
    }
}

/// A property of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Aspect {
    Type,
    Nullable,
    Default,
    Generated,
    Identity,
    Collation,
    Comment,
    Attributes,
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Aspect::Type => "type",
            Aspect::Nullable => "nullability",
            Aspect::Default => "default",
            Aspect::Generated => "generated expression",
            Aspect::Identity => "identity",
            Aspect::Collation => "collation",
            Aspect::Comment => "comment",
            Aspect::Attributes => "attributes",
        })
    }
}

/// A column computed from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generated {
    pub expression: Sql,
    pub stored: bool,
}

/// An identity column, PostgreSQL's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `GENERATED ALWAYS`, else `BY DEFAULT`.
    pub always: bool,
    /// `start`, `increment`, `minvalue`, `maxvalue`, `cache`, `cycle`, where they are not the defaults.
    pub options: Attributes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ConstraintKind {
    Primary,
    Unique,
    Check,
    Foreign,
    Exclude,
}

/// A constraint of a table.
#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    /// None where the database keeps none (SQLite's unnamed ones).
    pub name: Option<String>,
    pub kind: ConstraintKind,
    /// All that stands after `CONSTRAINT name`.
    pub definition: Sql,
    /// The table's own columns that it names, a key's in their order.
    pub columns: Vec<String>,
    pub references: Option<Reference>,
    pub comment: Option<String>,
    /// Beside the table's columns and the table that it references.
    pub depends_on: BTreeSet<Thing>,
}

impl Constraint {
    pub(crate) fn is_same(&self, other: &Constraint) -> bool {
        self.name == other.name && self.does_same(other) && self.comment == other.comment
    }

    /// The same but for name and comment.
    pub(crate) fn does_same(&self, other: &Constraint) -> bool {
        self.kind == other.kind && self.definition == other.definition
    }

    /// Tells whether a foreign key can point at the constraint.
    pub(crate) fn is_key(&self) -> bool {
        matches!(self.kind, ConstraintKind::Primary | ConstraintKind::Unique)
    }
}

/// As [`is_same`](Constraint::is_same).
impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other)
    }
}

impl Eq for Constraint {}

impl Hash for Constraint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.kind, &self.definition, &self.comment).hash(state);
    }
}

/// What a foreign key points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub table: Name,
    pub columns: Vec<String>,
    /// Written without columns, which means whatever the primary key is: SQLite.
    pub implicit: bool,
}

/// An index that no constraint owns.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub name: String,
    pub unique: bool,
    /// All that stands after the table's name in `CREATE INDEX name ON table`, with the method.
    pub definition: Sql,
    /// The table's columns that it names, in expressions and predicates too.
    pub columns: Vec<String>,
    pub comment: Option<String>,
    pub attributes: Attributes,
    pub depends_on: BTreeSet<Thing>,
}

impl Index {
    pub(crate) fn is_same(&self, other: &Index) -> bool {
        self.name == other.name && self.does_same(other) && self.comment == other.comment
    }

    /// The same but for name and comment.
    pub(crate) fn does_same(&self, other: &Index) -> bool {
        self.unique == other.unique
            && self.definition == other.definition
            && self.attributes == other.attributes
    }
}

/// As [`is_same`](Index::is_same).
impl PartialEq for Index {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other)
    }
}

impl Eq for Index {}

impl Hash for Index {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.unique, &self.definition).hash(state);
        (&self.attributes, &self.comment).hash(state);
    }
}

/// The kinds of things that are no tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ObjectKind {
    Schema,
    Extension,
    Enum,
    Domain,
    CompositeType,
    Sequence,
    Function,
    Procedure,
    View,
    MaterializedView,
    Trigger,
    Policy,
    Rule,
    Statistics,
    Event,
}

impl ObjectKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ObjectKind::Schema => "schema",
            ObjectKind::Extension => "extension",
            ObjectKind::Enum => "enum",
            ObjectKind::Domain => "domain",
            ObjectKind::CompositeType => "composite type",
            ObjectKind::Sequence => "sequence",
            ObjectKind::Function => "function",
            ObjectKind::Procedure => "procedure",
            ObjectKind::View => "view",
            ObjectKind::MaterializedView => "materialized view",
            ObjectKind::Trigger => "trigger",
            ObjectKind::Policy => "policy",
            ObjectKind::Rule => "rule",
            ObjectKind::Statistics => "statistics",
            ObjectKind::Event => "event",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an object is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId {
    pub kind: ObjectKind,
    pub name: Name,
    /// The table or view of a trigger, policy or rule; `name.schema` is its schema.
    pub on: Option<String>,
    /// A function's types of arguments, as they stand in `DROP FUNCTION name(…)`.
    pub arguments: Option<String>,
}

impl ObjectId {
    pub(crate) fn new(kind: ObjectKind, name: Name) -> Self {
        ObjectId {
            kind,
            name,
            on: None,
            arguments: None,
        }
    }

    /// The table or view that it is on.
    pub(crate) fn table(&self) -> Option<Name> {
        let on = self.on.as_deref()?;
        Some(Name::new(self.name.schema.as_deref(), on))
    }
}

/// As a person reads it: `trigger touch of users`.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.on, &self.arguments) {
            (Some(on), _) => {
                let on = Name::new(self.name.schema.as_deref(), on);
                write!(f, "{} {} of {on}", self.kind, self.name.name)
            }
            (None, Some(arguments)) => write!(f, "{} {}({arguments})", self.kind, self.name),
            (None, None) => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Something that is no table.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub id: ObjectId,
    /// The statement that makes it, whole; empty where `labels` and `attributes` say everything.
    pub definition: Sql,
    /// An enum's values in their order; the columns of a view or composite type where they matter.
    pub labels: Vec<String>,
    pub attributes: Attributes,
    pub comment: Option<String>,
    pub depends_on: BTreeSet<Thing>,
}

impl Object {
    /// The column that a sequence of PostgreSQL's is owned by: its labels are schema (empty for the current one), table
    /// and column.
    pub(crate) fn owning_column(&self) -> Option<(Name, &str)> {
        let [schema, table, column] = &self.labels[..] else {
            return None;
        };
        let schema = Some(schema.as_str()).filter(|schema| !schema.is_empty());
        (self.id.kind == ObjectKind::Sequence).then(|| (Name::new(schema, table), column.as_str()))
    }

    pub(crate) fn is_same(&self, other: &Object) -> bool {
        self.definition == other.definition
            && self.labels == other.labels
            && self.attributes == other.attributes
            && self.comment == other.comment
    }
}
