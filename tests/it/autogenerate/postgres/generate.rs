//! Random schemas for PostgreSQL, and random changes of them.
//!
//! Every value that a row can hold fits before and after any change: numbers are 1 to 9 in whatever type they stand,
//! keys count up, and checks are true of all of them. What a change leaves without its column or table is taken out by
//! [`World::repaired`], so that every world is one that PostgreSQL accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Random numbers that a seed repeats (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One time in so many.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

const TABLES: [&str; 6] = [
    "users",
    "orders",
    "Line Items",
    "select",
    "ta\"g",
    "überweisung",
];
const COLUMNS: [&str; 9] = ["a", "b", "c", "Mixed", "order", "d e", "q\"q", "größe", "z"];
const VIEWS: [&str; 4] = ["v1", "v2", "View 3", "v4"];
const MATERIALIZED: [&str; 2] = ["m1", "M 2"];

/// Types among which values of 1 to 9 move.
const NUMBERS: [&str; 10] = [
    "smallint",
    "integer",
    "bigint",
    "numeric(12,2)",
    "numeric(6,0)",
    "numeric",
    "double precision",
    "text",
    "character varying(20)",
    "character varying(40)",
];
const TIMES: [&str; 3] = [
    "date",
    "timestamp without time zone",
    "timestamp(3) without time zone",
];
const ARRAYS: [&str; 3] = ["integer[]", "bigint[]", "text[]"];
const DOCUMENTS: [&str; 2] = ["json", "jsonb"];

/// What kind of values a column holds, and its type among those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Number(usize),
    Time(usize),
    Array(usize),
    Document(usize),
    Boolean,
    Uuid,
    Enum(String),
    Domain(String),
    Composite(String),
    Range,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub kind: Kind,
    pub not_null: bool,
    pub default: Option<u8>,
    /// Stored, of the column `id`.
    pub generated: Option<u8>,
    /// `ALWAYS`, start, increment.
    pub identity: Option<(bool, u32, u32)>,
    pub serial: bool,
    pub collate: bool,
    pub comment: Option<String>,
    pub storage: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    pub name: Option<String>,
    pub column: String,
    pub target: String,
    pub rest: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub unique: bool,
    pub columns: Vec<String>,
    pub form: usize,
    pub comment: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub aux: bool,
    pub columns: BTreeMap<String, Column>,
    /// `id`, or with further columns.
    pub primary: Option<Vec<String>>,
    pub primary_name: Option<String>,
    pub uniques: BTreeMap<String, (Vec<String>, String)>,
    /// By name, or a name that begins with `~` for one without.
    pub checks: BTreeMap<String, (String, u8)>,
    pub exclusions: BTreeMap<String, String>,
    pub foreign: Vec<Foreign>,
    pub indexes: Vec<Index>,
    /// By name: function, form.
    pub triggers: BTreeMap<String, (String, usize)>,
    pub policies: BTreeMap<String, usize>,
    pub rls: usize,
    pub unlogged: bool,
    pub comment: Option<String>,
    /// A partitioned table, and its partitions.
    pub partitions: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub table: String,
    pub columns: Vec<String>,
    pub over: Option<String>,
    pub form: usize,
    pub comment: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct World {
    pub aux: bool,
    pub extension: bool,
    pub enums: BTreeMap<String, (Vec<String>, Option<String>)>,
    pub domains: BTreeMap<String, usize>,
    pub composites: BTreeMap<String, usize>,
    pub sequences: BTreeMap<String, usize>,
    /// By name: form of arguments, form of the body.
    pub functions: BTreeMap<String, (usize, usize)>,
    pub procedures: BTreeMap<String, usize>,
    pub trigger_functions: BTreeMap<String, usize>,
    pub tables: BTreeMap<String, Table>,
    pub views: BTreeMap<String, View>,
    pub materialized: BTreeMap<String, View>,
}

const LABELS: [&str; 6] = ["sad", "ok", "glad", "it's", "Very Glad", "new"];

impl World {
    pub fn random(dice: &mut Dice) -> World {
        let mut world = World {
            aux: dice.one_in(2),
            extension: dice.one_in(6),
            ..World::default()
        };
        for name in ["mood", "Temper"] {
            if dice.one_in(2) {
                let labels = LABELS[..2 + dice.below(2)]
                    .iter()
                    .map(|&label| label.to_owned());
                world
                    .enums
                    .insert(name.to_owned(), (labels.collect(), comment(dice)));
            }
        }
        for name in ["positive", "Short"] {
            if dice.one_in(3) {
                world.domains.insert(name.to_owned(), dice.below(4));
            }
        }
        if dice.one_in(4) {
            world.composites.insert("pair".to_owned(), dice.below(2));
        }
        for name in ["counter", "Ticket Numbers"] {
            if dice.one_in(3) {
                world.sequences.insert(name.to_owned(), dice.below(5));
            }
        }
        for name in ["twice", "Half"] {
            if dice.one_in(3) {
                world
                    .functions
                    .insert(name.to_owned(), (dice.below(3), dice.below(3)));
            }
        }
        if dice.one_in(5) {
            world.procedures.insert("tidy".to_owned(), dice.below(2));
        }
        for name in ["touch", "audit"] {
            if dice.one_in(2) {
                world
                    .trigger_functions
                    .insert(name.to_owned(), dice.below(3));
            }
        }
        for name in TABLES {
            if dice.one_in(2) {
                let table = Table::random(dice, &world);
                world.tables.insert(name.to_owned(), table);
            }
        }
        for name in VIEWS {
            if dice.one_in(3) {
                world.add_view(dice, name, false);
            }
        }
        for name in MATERIALIZED {
            if dice.one_in(4) {
                world.add_view(dice, name, true);
            }
        }
        let names: Vec<String> = world.tables.keys().cloned().collect();
        for name in &names {
            if dice.one_in(2) {
                world.add_foreign(dice, name);
            }
        }
        world.repaired()
    }

    /// What seldom comes by chance is there: one of nine things, which [`World::turned`] changes.
    pub fn prepared(mut self, what: u64) -> World {
        for (number, table) in self.tables.values_mut().enumerate() {
            let column = |kind: Kind| Column::plain(kind);
            match what {
                0 => {
                    table.columns.insert("z".to_owned(), column(Kind::Range));
                }
                1 => {
                    table
                        .columns
                        .insert("a".to_owned(), column(Kind::Number(2)));
                    table.checks.insert("ck1".to_owned(), ("a".to_owned(), 0));
                }
                2 if table.partitions.is_none() => {
                    let mut identity = column(Kind::Number(2));
                    identity.identity = Some((true, 1, 1));
                    identity.not_null = true;
                    table.columns.insert("a".to_owned(), identity);
                }
                3 if number == 0 => {
                    self.composites.insert("pair".to_owned(), 0);
                }
                4 | 8 => {
                    table
                        .columns
                        .insert("a".to_owned(), column(Kind::Number(2)));
                    table.primary = Some(vec!["id".to_owned()]);
                    table.primary_name = Some("The Key".to_owned());
                }
                5 => {
                    self.trigger_functions
                        .entry("touch".to_owned())
                        .or_insert(0);
                    table
                        .triggers
                        .insert("tr1".to_owned(), ("touch".to_owned(), 0));
                }
                6 if table.partitions.is_none() => {
                    table
                        .columns
                        .insert("a".to_owned(), column(Kind::Number(2)));
                    table
                        .uniques
                        .insert("uq1".to_owned(), (vec!["a".to_owned()], String::new()));
                }
                _ => {}
            }
        }
        let names: Vec<String> = self.tables.keys().cloned().collect();
        if what == 7
            && let Some(name) = names.first()
            && self.tables[name].foreign.is_empty()
        {
            self.add_foreign(&mut Dice::new(what), name);
        }
        self.repaired()
    }

    /// The same thing, otherwise.
    pub fn turned(mut self, what: u64) -> World {
        if what == 3
            && let Some(form) = self.composites.get_mut("pair")
        {
            *form = 1 - *form;
        }
        for table in self.tables.values_mut() {
            match what {
                0 if table.partitions.is_none() => {
                    table
                        .exclusions
                        .insert("no overlap".to_owned(), "z".to_owned());
                }
                1 => {
                    if let Some((_, form)) = table.checks.get_mut("ck1") {
                        *form = 2;
                    }
                }
                2 => {
                    if let Some(column) = table.columns.get_mut("a")
                        && let Some((always, start, _)) = column.identity
                    {
                        column.identity = Some((!always, start, 2));
                    }
                }
                4 if table.columns.contains_key("a") && table.primary.is_some() => {
                    table.primary = Some(vec!["id".to_owned(), "a".to_owned()]);
                }
                5 => {
                    if let Some((_, form)) = table.triggers.get_mut("tr1") {
                        *form = 2;
                    }
                }
                6 => {
                    if let Some((_, options)) = table.uniques.get_mut("uq1") {
                        *options = "DEFERRABLE INITIALLY DEFERRED".to_owned();
                    }
                }
                7 => {
                    for one in &mut table.foreign {
                        one.name = match one.name {
                            Some(_) => None,
                            None => Some("fk renamed".to_owned()),
                        };
                    }
                }
                8 => table.primary_name = None,
                _ => {}
            }
        }
        self.repaired()
    }

    /// Some random changes; now and then another world altogether.
    pub fn changed(&self, dice: &mut Dice) -> World {
        if dice.one_in(10) {
            return World::random(dice).fitting(self);
        }
        let mut world = self.clone();
        for _ in 0..1 + dice.below(6) {
            world.change(dice);
        }
        world.repaired().fitting(self)
    }

    /// What rows that are there cannot have is not asked for: a new column without a value that is NOT NULL, or a
    /// reference to a table that is new and empty.
    fn fitting(mut self, before: &World) -> World {
        let places: BTreeMap<String, bool> = self
            .tables
            .iter()
            .map(|(name, table)| (name.clone(), table.aux))
            .collect();
        for (name, table) in &mut self.tables {
            let Some(old) = before.tables.get(name) else {
                continue;
            };
            for (column, new) in &mut table.columns {
                if !old.columns.contains_key(column) && new.default.is_none() {
                    new.not_null = new.not_null
                        && (new.generated.is_some() || new.identity.is_some() || new.serial);
                }
            }
            table.foreign.retain(|one| {
                let target = before.tables.get(&one.target);
                target.is_some_and(|target| places.get(&one.target) == Some(&target.aux))
            });
        }
        self.repaired()
    }

    fn change(&mut self, dice: &mut Dice) {
        let tables: Vec<String> = self.tables.keys().cloned().collect();
        match dice.below(34) {
            0 => self.aux = !self.aux,
            1 => self.extension = !self.extension,
            2 | 3 => {
                let name = *dice.of(&["mood", "Temper"]);
                match self.enums.get_mut(name) {
                    None => {
                        self.enums
                            .insert(name.to_owned(), (vec!["sad".into(), "ok".into()], None));
                    }
                    Some((labels, said)) => match dice.below(5) {
                        0 => {
                            self.enums.remove(name);
                        }
                        1 => *said = comment(dice),
                        2 if labels.len() > 2 => {
                            labels.pop();
                        }
                        _ => {
                            let fresh = LABELS
                                .iter()
                                .find(|label| !labels.iter().any(|old| old == *label));
                            if let Some(fresh) = fresh {
                                labels.insert(dice.below(labels.len() + 1), (*fresh).to_owned());
                            }
                        }
                    },
                }
            }
            4 => toggle(dice, &mut self.domains, &["positive", "Short"], |dice| {
                dice.below(4)
            }),
            5 => toggle(dice, &mut self.composites, &["pair"], |dice| dice.below(2)),
            6 => toggle(
                dice,
                &mut self.sequences,
                &["counter", "Ticket Numbers"],
                |dice| dice.below(5),
            ),
            7 => toggle(dice, &mut self.functions, &["twice", "Half"], |dice| {
                (dice.below(3), dice.below(3))
            }),
            8 => toggle(dice, &mut self.procedures, &["tidy"], |dice| dice.below(2)),
            9 => toggle(
                dice,
                &mut self.trigger_functions,
                &["touch", "audit"],
                |dice| dice.below(3),
            ),
            10 | 11 => {
                let name = *dice.of(&TABLES);
                if self.tables.remove(name).is_none() {
                    let table = Table::random(dice, self);
                    self.tables.insert(name.to_owned(), table);
                }
            }
            12 | 13 => {
                let name = *dice.of(&VIEWS);
                if self.views.remove(name).is_none() || dice.one_in(2) {
                    self.add_view(dice, name, false);
                }
            }
            14 => {
                let name = *dice.of(&MATERIALIZED);
                if self.materialized.remove(name).is_none() || dice.one_in(2) {
                    self.add_view(dice, name, true);
                }
            }
            15 if !tables.is_empty() => {
                let name = dice.of(&tables).clone();
                let table = self.tables.get_mut(&name).expect("it is there");
                if table.foreign.is_empty() || dice.one_in(2) {
                    self.add_foreign(dice, &name);
                } else {
                    table.foreign.pop();
                }
            }
            _ if !tables.is_empty() => {
                let name = dice.of(&tables).clone();
                let mut table = self.tables.remove(&name).expect("it is there");
                table.change(dice, self);
                self.tables.insert(name, table);
            }
            _ => {}
        }
    }

    fn add_view(&mut self, dice: &mut Dice, name: &str, materialized: bool) {
        let tables: Vec<String> = self.tables.keys().cloned().collect();
        if tables.is_empty() {
            return;
        }
        let table = dice.of(&tables).clone();
        let columns = self.tables[&table]
            .columns
            .keys()
            .filter(|_| dice.one_in(2));
        let columns = columns.cloned().collect();
        // A view stands on those before it.
        let before: Vec<String> = self
            .views
            .keys()
            .filter(|other| other.as_str() < name)
            .cloned()
            .collect();
        let over = (!before.is_empty() && dice.one_in(2)).then(|| dice.of(&before).clone());
        let view = View {
            table,
            columns,
            over,
            form: dice.below(4),
            comment: comment(dice),
        };
        if materialized {
            self.materialized.insert(name.to_owned(), view);
        } else {
            self.views.insert(name.to_owned(), view);
        }
    }

    fn add_foreign(&mut self, dice: &mut Dice, name: &str) {
        const RESTS: [&str; 6] = [
            "",
            "ON DELETE CASCADE",
            "ON DELETE SET NULL ON UPDATE CASCADE",
            "DEFERRABLE INITIALLY DEFERRED",
            "MATCH FULL ON UPDATE RESTRICT",
            "DEFERRABLE",
        ];
        let targets: Vec<String> = self.tables.keys().cloned().collect();
        let target = dice.of(&targets).clone();
        let rest = (*dice.of(&RESTS)).to_owned();
        let named = dice.one_in(2);
        let table = self.tables.get_mut(name).expect("it is there");
        let number = table.foreign.len();
        let column = format!("to_{number}");
        table
            .columns
            .insert(column.clone(), Column::plain(Kind::Number(2)));
        table.foreign.push(Foreign {
            name: named.then(|| format!("fk {number}")),
            column,
            target,
            rest,
        });
    }

    /// Without what names something that is not there.
    pub fn repaired(mut self) -> World {
        let whole = self.clone();
        for table in self.tables.values_mut() {
            table.aux &= whole.aux;
            table.columns.retain(|_, column| match &column.kind {
                Kind::Enum(name) => whole.enums.contains_key(name),
                Kind::Domain(name) => whole.domains.contains_key(name),
                Kind::Composite(name) => whole.composites.contains_key(name),
                _ => true,
            });
            table.repair(&whole);
        }
        let keyed: BTreeSet<String> = self
            .tables
            .iter()
            .filter(|(_, table)| {
                table.primary.as_deref() == Some(&["id".to_owned()])
                    && table.partitions.is_none()
                    && !table.unlogged
            })
            .map(|(name, _)| name.clone())
            .collect();
        for table in self.tables.values_mut() {
            let columns = &table.columns;
            table.foreign.retain(|one| {
                keyed.contains(&one.target)
                    && columns
                        .get(&one.column)
                        .is_some_and(|column| column.kind == Kind::Number(2))
            });
        }
        let tables = &self.tables;
        let fits = |view: &View| {
            tables.get(&view.table).is_some_and(|table| {
                view.columns
                    .iter()
                    .all(|column| table.columns.contains_key(column))
            })
        };
        loop {
            let names: BTreeSet<String> = self.views.keys().cloned().collect();
            self.views.retain(|_, view| {
                fits(view) && view.over.as_ref().is_none_or(|over| names.contains(over))
            });
            if names.len() == self.views.len() {
                break;
            }
        }
        let names = &self.views;
        self.materialized.retain(|_, view| {
            fits(view)
                && view
                    .over
                    .as_ref()
                    .is_none_or(|over| names.contains_key(over))
        });
        self
    }

    /// The statements that build it.
    pub fn sql(&self) -> String {
        let mut sql = String::new();
        let out = &mut sql;
        if self.aux {
            out.push_str("CREATE SCHEMA aux;\n");
        }
        if self.extension {
            out.push_str("CREATE EXTENSION btree_gist;\n");
        }
        for (name, (labels, said)) in &self.enums {
            let labels: Vec<String> = labels.iter().map(|label| text(label)).collect();
            line(
                out,
                format!(
                    "CREATE TYPE {} AS ENUM ({})",
                    quoted(name),
                    labels.join(", ")
                ),
            );
            say(out, &format!("TYPE {}", quoted(name)), said);
        }
        for (name, form) in &self.domains {
            let body = [
                "integer CHECK (VALUE > 0)",
                "integer DEFAULT 3 CONSTRAINT small CHECK (VALUE < 100)",
                "integer CONSTRAINT small CHECK (VALUE < 99)",
                "integer",
            ][*form];
            line(out, format!("CREATE DOMAIN {} AS {body}", quoted(name)));
        }
        for (name, form) in &self.composites {
            let body = ["x integer, y text", "x integer, z text"][*form];
            line(out, format!("CREATE TYPE {} AS ({body})", quoted(name)));
        }
        for (name, form) in &self.sequences {
            let options = [
                "",
                "START 5 INCREMENT 2",
                "MINVALUE 1 MAXVALUE 900 CYCLE",
                "AS integer CACHE 7",
                "INCREMENT -1",
            ][*form];
            line(out, format!("CREATE SEQUENCE {} {options}", quoted(name)));
        }
        for (name, (arguments, body)) in &self.functions {
            let arguments = ["x integer", "x integer, y integer DEFAULT 1", "x bigint"][*arguments];
            let body = [
                "RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT x::bigint * 2 $$",
                "RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS 'SELECT x::bigint + 1; -- it''s'",
                "RETURNS text LANGUAGE plpgsql AS $body$\nBEGIN\n  RETURN x::text;\nEND\n$body$",
            ][*body];
            line(
                out,
                format!("CREATE FUNCTION {}({arguments}) {body}", quoted(name)),
            );
        }
        for (name, form) in &self.procedures {
            let body = ["SELECT 1", "SELECT 2"][*form];
            line(
                out,
                format!(
                    "CREATE PROCEDURE {}() LANGUAGE sql AS '{body}'",
                    quoted(name)
                ),
            );
        }
        for (name, form) in &self.trigger_functions {
            let body = ["", "-- nothing\n", "PERFORM 1; "][*form];
            line(
                out,
                format!(
                    "CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}RETURN NEW; END $$",
                    quoted(name)
                ),
            );
        }
        for (name, table) in &self.tables {
            table.sql(name, out);
        }
        for (name, table) in &self.tables {
            for one in &table.foreign {
                let constraint = one.name.as_ref().map_or(String::new(), |name| {
                    format!("CONSTRAINT {} ", quoted(name))
                });
                let target = &self.tables[&one.target];
                line(
                    out,
                    format!(
                        "ALTER TABLE {} ADD {constraint}FOREIGN KEY ({}) REFERENCES {} (id) {}",
                        table.place(name),
                        quoted(&one.column),
                        target.place(&one.target),
                        one.rest
                    ),
                );
            }
        }
        for (kind, views) in [
            ("VIEW", &self.views),
            ("MATERIALIZED VIEW", &self.materialized),
        ] {
            for (name, view) in views {
                let table = &self.tables[&view.table];
                let columns: String = view
                    .columns
                    .iter()
                    .map(|column| format!(", t.{}", quoted(column)))
                    .collect();
                let over = view.over.as_ref().map_or(String::new(), |over| {
                    format!(
                        " WHERE EXISTS (SELECT FROM {} o WHERE o.id = t.id)",
                        quoted(over)
                    )
                });
                let options = match (kind, view.form) {
                    ("VIEW", 1) => " WITH (security_barrier=true)",
                    _ => "",
                };
                let extra = ["", "", ", t.id + 1 AS next_id", ", 'x'::text AS mark"][view.form];
                line(
                    out,
                    format!(
                        "CREATE {kind} {}{options} AS SELECT t.id{columns}{extra} FROM {} t{over}",
                        quoted(name),
                        table.place(&view.table)
                    ),
                );
                say(out, &format!("{kind} {}", quoted(name)), &view.comment);
                if kind != "VIEW" && view.form > 1 {
                    line(
                        out,
                        format!(
                            "CREATE UNIQUE INDEX {} ON {} (id)",
                            quoted(&format!("{name} by id")),
                            quoted(name)
                        ),
                    );
                }
            }
        }
        sql
    }

    /// Rows for each table, in an order that foreign keys allow (they are deferred by leaving them NULL).
    pub fn rows(&self) -> String {
        let mut sql = String::new();
        for (name, table) in &self.tables {
            let columns: Vec<(&String, &Column)> = table
                .columns
                .iter()
                .filter(|(_, column)| column.generated.is_none())
                .filter(|(column, _)| !table.foreign.iter().any(|one| &one.column == *column))
                .collect();
            for row in 1..=3 {
                let names: String = columns
                    .iter()
                    .map(|(name, _)| format!(", {}", quoted(name)))
                    .collect();
                let values: String = columns
                    .iter()
                    .map(|(_, column)| format!(", {}", column.value(row)))
                    .collect();
                line(
                    &mut sql,
                    format!(
                        "INSERT INTO {} (id{names}) OVERRIDING SYSTEM VALUE VALUES ({row}{values})",
                        table.place(name)
                    ),
                );
            }
        }
        for (name, table) in &self.tables {
            for one in &table.foreign {
                line(
                    &mut sql,
                    format!(
                        "UPDATE {} SET {} = 2 WHERE id = 1",
                        table.place(name),
                        quoted(&one.column)
                    ),
                );
            }
        }
        sql
    }

    /// Queries whose answers must be the same in both worlds: columns that nothing changes.
    pub fn kept(&self, other: &World) -> Vec<String> {
        let mut queries = Vec::new();
        for (name, table) in &self.tables {
            let Some(then) = other.tables.get(name).filter(|then| then.aux == table.aux) else {
                continue;
            };
            let same = table.columns.iter().filter(|(_, is)| match &is.kind {
                Kind::Composite(name) => self.composites.get(name) == other.composites.get(name),
                _ => true,
            });
            let same = same.filter(|(column, is)| {
                then.columns
                    .get(*column)
                    .is_some_and(|then| then.kind == is.kind && then.generated == is.generated)
            });
            let columns: String = same
                .map(|(column, _)| format!(" || ',' || COALESCE({}::text, 'NULL')", quoted(column)))
                .collect();
            queries.push(format!(
                "SELECT id::text{columns} FROM {} ORDER BY id",
                table.place(name)
            ));
        }
        queries
    }
}

impl Column {
    fn plain(kind: Kind) -> Column {
        Column {
            kind,
            not_null: false,
            default: None,
            generated: None,
            identity: None,
            serial: false,
            collate: false,
            comment: None,
            storage: false,
        }
    }

    fn random(dice: &mut Dice, world: &World) -> Column {
        let mut column = Column::plain(Kind::random(dice, world));
        column.change(dice, world, 3);
        column
    }

    fn change(&mut self, dice: &mut Dice, world: &World, times: usize) {
        for _ in 0..times {
            match dice.below(9) {
                0 => self.not_null = !self.not_null,
                1 => self.default = dice.one_in(2).then(|| 1 + dice.below(5) as u8),
                2 => {
                    self.generated = match (&self.kind, self.generated) {
                        (Kind::Number(1 | 2), None) => Some(dice.below(2) as u8),
                        _ => None,
                    }
                }
                3 => {
                    self.identity = match (&self.kind, &self.identity) {
                        (Kind::Number(0..=2), None) => Some((
                            dice.one_in(2),
                            1 + dice.below(2) as u32,
                            1 + dice.below(2) as u32,
                        )),
                        _ => None,
                    }
                }
                4 => self.serial = !self.serial && matches!(self.kind, Kind::Number(1 | 2)),
                5 => self.collate = !self.collate,
                6 => self.comment = comment(dice),
                _ => match &mut self.kind {
                    Kind::Number(at) => *at = dice.below(NUMBERS.len()),
                    Kind::Time(at) => *at = dice.below(TIMES.len()),
                    Kind::Array(at) => *at = dice.below(ARRAYS.len()),
                    Kind::Document(at) => *at = dice.below(DOCUMENTS.len()),
                    other if dice.one_in(4) => *other = Kind::random(dice, world),
                    _ => {}
                },
            }
        }
        if !matches!(self.kind, Kind::Number(1 | 2)) {
            self.generated = None;
            self.serial = false;
        }
        if !matches!(self.kind, Kind::Number(0..=2)) {
            self.identity = None;
        }
        if self.identity.is_some() || self.serial {
            (self.generated, self.default) = (None, None);
            self.not_null = true;
        }
        if self.identity.is_some() {
            self.serial = false;
        }
        if self.generated.is_some() {
            self.default = None;
        }
        self.collate &= matches!(self.kind, Kind::Number(7..));
    }

    fn data_type(&self) -> String {
        match &self.kind {
            Kind::Number(at) => NUMBERS[*at].to_owned(),
            Kind::Time(at) => TIMES[*at].to_owned(),
            Kind::Array(at) => ARRAYS[*at].to_owned(),
            Kind::Document(at) => DOCUMENTS[*at].to_owned(),
            Kind::Boolean => "boolean".to_owned(),
            Kind::Uuid => "uuid".to_owned(),
            Kind::Range => "int4range".to_owned(),
            Kind::Enum(name) | Kind::Domain(name) | Kind::Composite(name) => quoted(name),
        }
    }

    /// A literal of a row: never NULL, so that what becomes NOT NULL can.
    fn value(&self, row: usize) -> String {
        match &self.kind {
            Kind::Number(_) => format!("'{row}'"),
            Kind::Time(_) => format!("'2026-01-0{row}'"),
            Kind::Array(_) => format!("'{{{row}}}'"),
            Kind::Document(_) => format!("'{{\"a\": {row}}}'"),
            Kind::Boolean => "true".to_owned(),
            Kind::Uuid => format!("'00000000-0000-0000-0000-00000000000{row}'"),
            Kind::Range => format!("'[{row}0,{row}5)'"),
            Kind::Enum(_) => "'sad'".to_owned(),
            Kind::Domain(_) => format!("{row}"),
            Kind::Composite(_) => format!("ROW({row}, 'x')"),
        }
    }

    fn sql(&self, name: &str) -> String {
        let mut sql = format!("{} {}", quoted(name), self.data_type());
        if self.serial {
            sql = format!(
                "{} {}",
                quoted(name),
                if self.kind == Kind::Number(1) {
                    "serial"
                } else {
                    "bigserial"
                }
            );
        }
        if self.collate {
            sql += " COLLATE \"C\"";
        }
        if self.not_null && !self.serial {
            sql += " NOT NULL";
        }
        if let Some(default) = self.default {
            let row = usize::from(default);
            write!(sql, " DEFAULT {}", self.value(row)).expect("a String");
        }
        if let Some(factor) = self.generated {
            write!(sql, " GENERATED ALWAYS AS (id * {}) STORED", factor + 2).expect("a String");
        }
        if let Some((always, start, increment)) = self.identity {
            let how = if always { "ALWAYS" } else { "BY DEFAULT" };
            write!(
                sql,
                " GENERATED {how} AS IDENTITY (START {start} INCREMENT {increment})"
            )
            .expect("a String");
        }
        sql
    }
}

impl Kind {
    fn random(dice: &mut Dice, world: &World) -> Kind {
        let owned = |names: Vec<&String>, dice: &mut Dice| {
            (!names.is_empty()).then(|| (*dice.of(&names)).clone())
        };
        let special = match dice.below(8) {
            0 | 1 => owned(world.enums.keys().collect(), dice).map(Kind::Enum),
            2 => owned(world.domains.keys().collect(), dice).map(Kind::Domain),
            3 => owned(world.composites.keys().collect(), dice).map(Kind::Composite),
            4 => Some(match dice.below(3) {
                0 => Kind::Boolean,
                1 => Kind::Uuid,
                _ => Kind::Range,
            }),
            5 => Some(match dice.below(3) {
                0 => Kind::Time(dice.below(TIMES.len())),
                1 => Kind::Array(dice.below(ARRAYS.len())),
                _ => Kind::Document(dice.below(DOCUMENTS.len())),
            }),
            _ => None,
        };
        special.unwrap_or_else(|| Kind::Number(dice.below(NUMBERS.len())))
    }
}

impl Table {
    fn random(dice: &mut Dice, world: &World) -> Table {
        let mut table = Table {
            aux: dice.one_in(4),
            primary: dice
                .one_in(8)
                .then(Vec::new)
                .or_else(|| Some(vec!["id".to_owned()])),
            unlogged: dice.one_in(10),
            comment: comment(dice),
            ..Table::default()
        };
        if table.primary == Some(Vec::new()) {
            table.primary = None;
        }
        if dice.one_in(10) {
            table.partitions = Some(1 + dice.below(2));
        }
        for name in COLUMNS {
            if dice.one_in(2) {
                table
                    .columns
                    .insert(name.to_owned(), Column::random(dice, world));
            }
        }
        for _ in 0..6 {
            table.change(dice, world);
        }
        table
    }

    fn change(&mut self, dice: &mut Dice, world: &World) {
        let columns: Vec<String> = self.columns.keys().cloned().collect();
        let some = |dice: &mut Dice| -> Vec<String> {
            let mut some: Vec<String> = (0..1 + dice.below(2))
                .map(|_| dice.of(&columns).clone())
                .collect();
            some.dedup();
            some
        };
        match dice.below(22) {
            0 | 1 => {
                let name = *dice.of(&COLUMNS);
                if self.columns.remove(name).is_none() {
                    self.columns
                        .insert(name.to_owned(), Column::random(dice, world));
                }
            }
            2..=7 if !columns.is_empty() => {
                let name = dice.of(&columns).clone();
                if !name.starts_with("to_") {
                    let column = self.columns.get_mut(&name).expect("it is there");
                    column.change(dice, world, 1);
                }
            }
            8 => {
                self.primary = match dice.below(4) {
                    0 => None,
                    1 if !columns.is_empty() => {
                        let mut key = vec!["id".to_owned()];
                        key.extend(some(dice));
                        Some(key)
                    }
                    _ => Some(vec!["id".to_owned()]),
                };
                self.primary_name = dice.one_in(3).then(|| "The Key".to_owned());
            }
            9 | 10 if !columns.is_empty() => {
                let name = (*dice.of(&["uq1", "Uq 2"])).to_owned();
                let options = ["", "DEFERRABLE INITIALLY DEFERRED", "INCLUDE (id)"];
                if self.uniques.remove(&name).is_none() || dice.one_in(2) {
                    let one = vec![dice.of(&columns).clone()];
                    self.uniques
                        .insert(name, (one, (*dice.of(&options)).to_owned()));
                }
            }
            11 | 12 if !columns.is_empty() => {
                let name = (*dice.of(&["ck1", "Ck 2", "~1", "~2"])).to_owned();
                if self.checks.remove(&name).is_none() || dice.one_in(2) {
                    let column = dice.of(&columns).clone();
                    self.checks.insert(name, (column, dice.below(3) as u8));
                }
            }
            13 if !columns.is_empty() && self.exclusions.remove("no overlap").is_none() => {
                let column = dice.of(&columns).clone();
                self.exclusions.insert("no overlap".to_owned(), column);
            }
            14..=16 if !columns.is_empty() => {
                let name = (*dice.of(&["ix1", "Ix 2", "ix3"])).to_owned();
                let before = self.indexes.len();
                self.indexes.retain(|index| index.name != name);
                if before == self.indexes.len() || dice.one_in(2) {
                    self.indexes.push(Index {
                        name,
                        unique: dice.one_in(4),
                        columns: some(dice),
                        form: dice.below(6),
                        comment: comment(dice),
                    });
                }
            }
            17 => {
                let functions: Vec<String> = world.trigger_functions.keys().cloned().collect();
                let name = *dice.of(&["tr1", "Tr 2"]);
                if self.triggers.remove(name).is_none() && !functions.is_empty() {
                    let function = dice.of(&functions).clone();
                    self.triggers
                        .insert(name.to_owned(), (function, dice.below(4)));
                }
            }
            18 => {
                self.rls = dice.below(3);
                toggle(dice, &mut self.policies, &["own rows", "all"], |dice| {
                    dice.below(3)
                });
            }
            19 => self.comment = comment(dice),
            20 => self.unlogged = !self.unlogged && dice.one_in(2),
            21 => self.aux = dice.one_in(3),
            _ => {}
        }
    }

    fn repair(&mut self, world: &World) {
        let columns = &self.columns;
        let has = |name: &String| name == "id" || columns.contains_key(name);
        let is_plain = |name: &String| {
            name == "id"
                || columns
                    .get(name)
                    .is_some_and(|column| matches!(column.kind, Kind::Number(_)))
        };
        if let Some(primary) = &mut self.primary {
            primary.retain(is_plain);
            let mut seen = BTreeSet::new();
            primary.retain(|column| seen.insert(column.clone()));
        }
        self.uniques
            .retain(|_, (names, _)| names.iter().all(is_plain));
        self.checks.retain(|_, (name, _)| is_plain(name));
        self.exclusions.retain(|_, name| {
            columns
                .get(name)
                .is_some_and(|column| column.kind == Kind::Range)
        });
        let sortable = |name: &String| {
            has(name)
                && columns.get(name).is_none_or(|column| {
                    matches!(
                        column.kind,
                        Kind::Number(_)
                            | Kind::Time(_)
                            | Kind::Uuid
                            | Kind::Enum(_)
                            | Kind::Domain(_)
                    )
                })
        };
        self.indexes
            .retain(|index| index.columns.iter().all(sortable));
        self.triggers
            .retain(|_, (function, _)| world.trigger_functions.contains_key(function));
        if self.partitions.is_some() {
            self.unlogged = false;
            self.exclusions.clear();
            self.uniques.clear();
            self.foreign.clear();
            self.columns
                .values_mut()
                .for_each(|column| column.identity = None);
            self.indexes.retain(|index| !index.unique);
            if self.primary.is_some() {
                self.primary = Some(vec!["id".to_owned()]);
            }
        }
        // A unique column is unlike in each row: with a default or a value that all rows share it is not, nor where it
        // comes back with a placeholder.
        let unique: BTreeSet<String> = self
            .uniques
            .values()
            .flat_map(|(names, _)| names.clone())
            .chain(
                self.indexes
                    .iter()
                    .filter(|index| index.unique)
                    .flat_map(|index| index.columns.clone()),
            )
            .chain(self.primary.iter().flatten().cloned())
            .collect();
        let in_primary: BTreeSet<String> = self.primary.iter().flatten().cloned().collect();
        for (name, column) in &mut self.columns {
            if unique.contains(name) && !in_primary.contains(name) {
                column.not_null = column.serial || column.identity.is_some();
                column.default = None;
            }
        }
        // Logged tables cannot point at unlogged ones.
        if !self.foreign.is_empty() {
            self.unlogged = false;
        }
    }

    pub fn place(&self, name: &str) -> String {
        if self.aux {
            format!("aux.{}", quoted(name))
        } else {
            quoted(name)
        }
    }

    fn sql(&self, name: &str, out: &mut String) {
        let mut parts = vec!["id bigint NOT NULL".to_owned()];
        parts.extend(self.columns.iter().map(|(name, column)| column.sql(name)));
        let list = |names: &[String]| {
            names
                .iter()
                .map(|name| quoted(name))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if let Some(primary) = &self.primary {
            let named = self.primary_name.as_ref().map_or(String::new(), |name_| {
                format!("CONSTRAINT {} ", quoted(&format!("{name_} of {name}")))
            });
            parts.push(format!("{named}PRIMARY KEY ({})", list(primary)));
        }
        for (unique, (names, options)) in &self.uniques {
            let (before, after) = if options.starts_with("INCLUDE") {
                (options.as_str(), "")
            } else {
                ("", options.as_str())
            };
            parts.push(format!(
                "CONSTRAINT {} UNIQUE ({}) {before} {after}",
                quoted(&format!("{unique} {name}")),
                list(names)
            ));
        }
        for (check, (column, form)) in &self.checks {
            let named = if check.starts_with('~') {
                String::new()
            } else {
                format!("CONSTRAINT {} ", quoted(check))
            };
            let body = [
                format!("length({}::text) < 90", quoted(column)),
                format!("{}::text <> 'no'", quoted(column)),
                format!("{}::text <> 'no' OR id > 1000", quoted(column)),
            ];
            parts.push(format!("{named}CHECK ({})", body[usize::from(*form)]));
        }
        for (exclusion, column) in &self.exclusions {
            parts.push(format!(
                "CONSTRAINT {} EXCLUDE USING gist ({} WITH &&)",
                quoted(&format!("{exclusion} {name}")),
                quoted(column)
            ));
        }
        let unlogged = if self.unlogged { "UNLOGGED " } else { "" };
        let partition = if self.partitions.is_some() {
            " PARTITION BY RANGE (id)"
        } else {
            ""
        };
        let place = self.place(name);
        line(
            out,
            format!(
                "CREATE {unlogged}TABLE {place} (\n  {}\n){partition}",
                parts.join(",\n  ")
            ),
        );
        for part in 0..self.partitions.unwrap_or(0) {
            let child = Table {
                aux: self.aux,
                ..Table::default()
            }
            .place(&format!("{name} part {part}"));
            let (from, to) = (part * 100, part * 100 + 100);
            line(
                out,
                format!(
                    "CREATE TABLE {child} PARTITION OF {place} FOR VALUES FROM ({from}) TO ({to})"
                ),
            );
        }
        for index in &self.indexes {
            let unique = if index.unique { "UNIQUE " } else { "" };
            let columns = list(&index.columns);
            let body = match index.form {
                0 => format!("({columns})"),
                1 => format!("({columns}) WHERE id > 0"),
                2 => format!("({columns} DESC NULLS LAST)"),
                3 => format!("({columns}, (id + 1))"),
                4 => format!("({columns}) INCLUDE (id)"),
                _ => format!("({columns}) WITH (fillfactor=70)"),
            };
            let full = quoted(&format!("{} {name}", index.name));
            line(
                out,
                format!("CREATE {unique}INDEX {full} ON {place} {body}"),
            );
            let full = if self.aux {
                format!("aux.{full}")
            } else {
                full
            };
            say(out, &format!("INDEX {full}"), &index.comment);
        }
        for (trigger, (function, form)) in &self.triggers {
            let body = [
                "BEFORE INSERT",
                "AFTER UPDATE OF id",
                "BEFORE UPDATE",
                "AFTER DELETE",
            ][*form];
            line(
                out,
                format!(
                    "CREATE TRIGGER {} {body} ON {place} FOR EACH ROW EXECUTE FUNCTION {}()",
                    quoted(trigger),
                    quoted(function)
                ),
            );
            if *form == 3 {
                line(
                    out,
                    format!("ALTER TABLE {place} DISABLE TRIGGER {}", quoted(trigger)),
                );
            }
        }
        if self.rls > 0 {
            line(
                out,
                format!("ALTER TABLE {place} ENABLE ROW LEVEL SECURITY"),
            );
        }
        if self.rls > 1 {
            line(out, format!("ALTER TABLE {place} FORCE ROW LEVEL SECURITY"));
        }
        for (policy, form) in &self.policies {
            let body = [
                "USING (id > 0)",
                "FOR INSERT WITH CHECK (id > 1)",
                "AS RESTRICTIVE FOR SELECT USING (id < 900)",
            ][*form];
            line(
                out,
                format!("CREATE POLICY {} ON {place} {body}", quoted(policy)),
            );
        }
        say(out, &format!("TABLE {place}"), &self.comment);
        for (column, is) in &self.columns {
            say(
                out,
                &format!("COLUMN {place}.{}", quoted(column)),
                &is.comment,
            );
        }
    }
}

/// Adds, removes or changes one.
fn toggle<T>(
    dice: &mut Dice,
    all: &mut BTreeMap<String, T>,
    names: &[&str],
    make: impl Fn(&mut Dice) -> T,
) {
    let name = *dice.of(names);
    if all.remove(name).is_none() || dice.one_in(2) {
        let made = make(dice);
        all.insert(name.to_owned(), made);
    }
}

fn comment(dice: &mut Dice) -> Option<String> {
    let said = dice.of(&["", "", "", "It's a comment", "two\nlines", "back\\slash"]);
    (!said.is_empty()).then(|| (*said).to_owned())
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn line(out: &mut String, statement: String) {
    out.push_str(statement.trim_end());
    out.push_str(";\n");
}

fn say(out: &mut String, what: &str, said: &Option<String>) {
    if let Some(said) = said {
        line(out, format!("COMMENT ON {what} IS {}", text(said)));
    }
}
