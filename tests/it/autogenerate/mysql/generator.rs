//! Random schemas that know every feature, and random changes of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::support::servers::MySqlServer;

/// What differs between the two servers.
fn pick<T>(mariadb: T, mysql: T) -> T {
    MySqlServer::here().pick(mariadb, mysql)
}

fn is_mysql() -> bool {
    pick(false, true)
}

/// One beside InnoDB.
fn other_engine() -> &'static str {
    pick("Aria", "MyISAM")
}

/// An index that the optimizer leaves alone.
fn unused() -> &'static str {
    pick(" IGNORED", " INVISIBLE")
}

/// A small generator of numbers: the same seed gives the same schema on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit.max(1) as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub kind: String,
    pub collation: Option<&'static str>,
    pub nullable: bool,
    pub default: Option<String>,
    pub on_update: bool,
    pub auto_increment: bool,
    /// Expression, column that it reads, stored.
    pub generated: Option<(String, String, bool)>,
    pub invisible: bool,
    pub compressed: bool,
    pub comment: Option<&'static str>,
    pub check: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    pub name: String,
    pub kind: &'static str,
    /// With what stands behind each: a length, `DESC`, or MySQL's `+ 1`, which makes an expression of it.
    pub columns: Vec<(String, &'static str)>,
    pub suffix: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub name: Option<String>,
    pub column: String,
    pub table: String,
    pub referenced: String,
    pub actions: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub name: Option<String>,
    pub column: String,
    pub expression: String,
    pub enforced: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub primary: Vec<String>,
    pub indexes: Vec<Index>,
    pub keys: Vec<Key>,
    pub checks: Vec<Check>,
    pub engine: &'static str,
    pub collation: &'static str,
    pub options: &'static str,
    pub comment: Option<&'static str>,
    pub partitions: &'static str,
    pub versioned: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub name: String,
    pub of: String,
    pub columns: Vec<String>,
    pub prefix: &'static str,
    pub suffix: &'static str,
    pub calls: Option<String>,
}

/// A thing that is one text: `(name, what stands behind CREATE)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub name: String,
    pub sql: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    pub name: String,
    pub table: String,
    pub event: &'static str,
    pub body: &'static str,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    pub tables: Vec<Table>,
    pub views: Vec<View>,
    pub sequences: Vec<Text>,
    pub functions: Vec<Text>,
    pub procedures: Vec<Text>,
    pub triggers: Vec<Trigger>,
    pub events: Vec<Text>,
}

const NAMES: [&str; 10] = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "order",
    "Mixed Case",
    "tick`s",
    "ünï",
    "e.f",
    "select",
];
const COLUMNS: [&str; 12] = [
    "a", "b", "c", "d", "e", "f", "key", "G h", "ï`j", "k.l", "from", "m",
];
const COMMENTS: [&str; 4] = [
    "plain",
    "it's \\ quoted",
    "über \"all\"",
    "semi; colon -- no",
];

fn collation(random: &mut Random) -> &'static str {
    random.pick(&[
        "utf8mb4_general_ci",
        "utf8mb4_bin",
        "latin1_swedish_ci",
        "utf8mb3_general_ci",
        pick("utf8mb4_unicode_520_ci", "utf8mb4_0900_as_cs"),
    ])
}

fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

impl Schema {
    pub fn random(random: &mut Random) -> Schema {
        let mut schema = Schema::default();
        for _ in 0..random.below(3) {
            schema.add_sequence(random);
        }
        for _ in 0..2 + random.below(3) {
            schema.add_table(random);
        }
        for _ in 0..random.below(4) {
            schema.add_key(random);
        }
        for _ in 0..random.below(3) {
            schema.add_function(random);
            schema.add_view(random);
        }
        for _ in 0..random.below(3) {
            schema.add_trigger(random);
        }
        if random.chance(40) {
            schema.add_procedure(random);
        }
        if random.chance(40) {
            schema.add_event(random);
        }
        schema.repair();
        schema
    }

    /// Some changes, of any kind.
    pub fn mutated(&self, random: &mut Random) -> Schema {
        let mut schema = self.clone();
        for _ in 0..1 + random.below(8) {
            schema.mutate(random);
        }
        schema.repair();
        schema
    }

    /// What was no JSON is none, whatever its type, and on MySQL what was no date is the zero date, with which it copies no
    /// table any more: such columns stay, or are not.
    pub fn keep_json_of(&mut self, old: &Schema) {
        for table in &mut self.tables {
            let Some(before) = old.tables.iter().find(|one| one.name == table.name) else {
                continue;
            };
            for column in &mut table.columns {
                let was = before.columns.iter().find(|one| one.name == column.name);
                // Nor has a row a place, or such a day.
                let has_no_zero = column.kind == "point" || strictness(&column.kind) != 0;
                if was.is_none() && has_no_zero && column.default.is_none() {
                    column.nullable = true;
                }
                if let Some(was) = was
                    && strictness(&was.kind) != strictness(&column.kind)
                {
                    *column = was.clone();
                }
            }
        }
        self.repair();
    }

    fn free_name(&self, random: &mut Random, kind: &str) -> Option<String> {
        for _ in 0..20 {
            let name = format!("{kind}{}", random.pick(&NAMES));
            let taken = self.tables.iter().any(|one| one.name == name)
                || self.views.iter().any(|one| one.name == name)
                || self.triggers.iter().any(|one| one.name == name)
                || [
                    &self.sequences,
                    &self.functions,
                    &self.procedures,
                    &self.events,
                ]
                .iter()
                .any(|all| all.iter().any(|one| one.name == name));
            if !taken {
                return Some(name);
            }
        }
        None
    }

    fn add_sequence(&mut self, random: &mut Random) {
        if is_mysql() {
            return;
        }
        let Some(name) = self.free_name(random, "q ") else {
            return;
        };
        let sql = sequence(random);
        self.sequences.push(Text { name, sql });
    }

    fn add_function(&mut self, random: &mut Random) {
        let Some(name) = self.free_name(random, "f ") else {
            return;
        };
        let sql = function(random);
        self.functions.push(Text { name, sql });
    }

    fn add_procedure(&mut self, random: &mut Random) {
        let Some(name) = self.free_name(random, "p ") else {
            return;
        };
        let sql = procedure(random);
        self.procedures.push(Text { name, sql });
    }

    fn add_event(&mut self, random: &mut Random) {
        let Some(name) = self.free_name(random, "ev ") else {
            return;
        };
        let sql = event(random);
        self.events.push(Text { name, sql });
    }

    fn add_table(&mut self, random: &mut Random) {
        let Some(name) = self.free_name(random, "") else {
            return;
        };
        let mut table = Table {
            name,
            columns: Vec::new(),
            primary: Vec::new(),
            indexes: Vec::new(),
            keys: Vec::new(),
            checks: Vec::new(),
            engine: if random.chance(85) {
                "InnoDB"
            } else {
                other_engine()
            },
            collation: collation(random),
            options: option(random),
            comment: random.chance(25).then(|| random.pick(&COMMENTS)),
            partitions: "",
            versioned: random.chance(pick(5, 0)),
        };
        if random.chance(90) {
            let mut id = self.column(random, "id");
            id.kind = random
                .pick(&["int(11)", "bigint(20)", "int(10) unsigned"])
                .to_string();
            id.collation = None;
            id.default = None;
            id.on_update = false;
            id.compressed = false;
            id.check = None;
            id.invisible = false;
            id.nullable = false;
            id.auto_increment = random.chance(60);
            table.columns.push(id);
            table.primary.push("id".into());
            if random.chance(10) {
                table.partitions = random.pick(&[
                    "PARTITION BY HASH (`id`) PARTITIONS 3",
                    "PARTITION BY RANGE (`id`) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
                ]);
            }
        }
        for _ in 0..2 + random.below(5) {
            self.add_column(random, &mut table);
        }
        for _ in 0..random.below(4) {
            add_index(random, &mut table);
        }
        for _ in 0..random.below(2) {
            add_check(random, &mut table);
        }
        self.tables.push(table);
    }

    fn add_column(&self, random: &mut Random, table: &mut Table) {
        let name = random.pick(&COLUMNS).to_string();
        if table.columns.iter().any(|one| one.name == name) {
            return;
        }
        let number = table
            .columns
            .iter()
            .find(|one| is_number(one) && one.generated.is_none() && !one.auto_increment);
        let mut column = self.column(random, &name);
        if let Some(number) = number
            && random.chance(18)
        {
            column = generated(random, &name, &number.name);
        }
        let at = if random.chance(70) {
            table.columns.len()
        } else {
            random.below(table.columns.len() + 1)
        };
        table.columns.insert(at, column);
    }

    fn column(&self, random: &mut Random, name: &str) -> Column {
        let (kind, default, has_text) = kind(random);
        let mut column = Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            collation: (has_text && random.chance(30)).then(|| collation(random)),
            nullable: random.chance(65),
            default: (!default.is_empty() && random.chance(50)).then(|| default.to_owned()),
            on_update: kind.starts_with("datetime(3)") && random.chance(40),
            auto_increment: false,
            generated: None,
            invisible: false,
            compressed: kind == "text" && random.chance(pick(20, 0)),
            comment: random.chance(20).then(|| random.pick(&COMMENTS)),
            check: None,
        };
        // Rows that are there already get nothing that would be one of these.
        if kind == "json" && column.default.is_none() {
            column.nullable = true;
        }
        if column.nullable && random.chance(8) {
            column.invisible = true;
        }
        if is_number(&column) && random.chance(15) {
            column.check = Some(format!("{} <> {}", quote(name), 70 + random.below(3)));
        }
        if kind == "bigint(20)"
            && column.default.is_some()
            && random.chance(60)
            && !self.sequences.is_empty()
        {
            let sequence = random.pick(&self.sequences);
            column.default = Some(format!("(NEXT VALUE FOR {})", quote(&sequence.name)));
        }
        column
    }

    fn add_key(&mut self, random: &mut Random) {
        let (from, to) = (
            random.below(self.tables.len()),
            random.below(self.tables.len()),
        );
        if self.tables.is_empty() {
            return;
        }
        let target = self.tables[to].clone();
        let usable = |table: &Table| {
            table.engine == "InnoDB" && table.partitions.is_empty() && !table.versioned
        };
        let [referenced] = &target.primary[..] else {
            return;
        };
        if !usable(&target) || !usable(&self.tables[from]) {
            return;
        }
        let Some(pointed) = target.columns.iter().find(|one| one.name == *referenced) else {
            return;
        };
        let column = format!("{}_id{}", target.name, random.below(2));
        let table = &mut self.tables[from];
        if !table.columns.iter().any(|one| one.name == column) {
            table.columns.push(Column {
                name: column.clone(),
                auto_increment: false,
                nullable: true,
                comment: None,
                ..pointed.clone()
            });
        }
        let name = random
            .chance(75)
            .then(|| format!("fk {} {}", table.name, column));
        if table
            .keys
            .iter()
            .any(|one| one.name == name || one.column == column)
        {
            return;
        }
        table.keys.push(Key {
            name,
            column: column.clone(),
            table: target.name,
            referenced: referenced.clone(),
            actions: random.pick(&[
                "",
                " ON DELETE CASCADE",
                " ON UPDATE CASCADE ON DELETE SET NULL",
                " ON DELETE SET NULL",
            ]),
        });
        if random.chance(30) {
            let name = format!("i {column}");
            if !table.indexes.iter().any(|one| one.name == name) {
                table.indexes.push(Index {
                    name,
                    kind: "INDEX",
                    columns: vec![(column, "")],
                    suffix: "",
                });
            }
        }
    }

    fn add_view(&mut self, random: &mut Random) {
        let Some(name) = self.free_name(random, "v ") else {
            return;
        };
        let from_view = random.chance(35) && !self.views.is_empty();
        let (of, all): (String, Vec<String>) = if from_view {
            let view = random.pick(&self.views);
            (view.name.clone(), view.columns.clone())
        } else if !self.tables.is_empty() {
            let table = random.pick(&self.tables);
            (
                table.name.clone(),
                table.columns.iter().map(|one| one.name.clone()).collect(),
            )
        } else {
            return;
        };
        let mut columns: Vec<String> = all.into_iter().filter(|_| random.chance(60)).collect();
        columns.truncate(4);
        self.views.push(View {
            name,
            of,
            columns,
            prefix: random.pick(&[
                "",
                "",
                "ALGORITHM = MERGE ",
                "SQL SECURITY INVOKER ",
                "ALGORITHM = TEMPTABLE ",
            ]),
            suffix: random.pick(&["", "", " WHERE 1 = 1", " LIMIT 3"]),
            calls: (!self.functions.is_empty() && random.chance(40))
                .then(|| random.pick(&self.functions).name.clone()),
        });
    }

    fn add_trigger(&mut self, random: &mut Random) {
        if self.tables.is_empty() {
            return;
        }
        // One name in two tables is one too many while a table is kept that should go.
        let table = random.pick(&self.tables).name.clone();
        let Some(name) = self.free_name(random, &format!("t {table} ")) else {
            return;
        };
        let trigger = Trigger {
            name,
            table,
            event: random.pick(&[
                "BEFORE INSERT",
                "BEFORE INSERT",
                "AFTER UPDATE",
                "AFTER DELETE",
            ]),
            body: random.pick(&BODIES),
        };
        self.triggers.push(trigger);
    }

    fn mutate(&mut self, random: &mut Random) {
        match random.below(34) {
            0 => self.add_table(random),
            1 if self.tables.len() > 1 => {
                let at = random.below(self.tables.len());
                self.tables.remove(at);
            }
            2 => self.add_key(random),
            3 => self.add_view(random),
            4 => self.add_trigger(random),
            5 => self.add_sequence(random),
            6 => self.add_function(random),
            7 => self.add_event(random),
            8 => self.add_procedure(random),
            9 if !self.views.is_empty() => {
                let at = random.below(self.views.len());
                self.views.remove(at);
            }
            10 if !self.views.is_empty() => {
                let at = random.below(self.views.len());
                self.views[at].suffix = random.pick(&["", " WHERE 1 = 1", " LIMIT 5"]);
                self.views[at].prefix =
                    random.pick(&["", "ALGORITHM = MERGE ", "SQL SECURITY INVOKER "]);
            }
            11 => {
                let all = [
                    &mut self.sequences,
                    &mut self.functions,
                    &mut self.procedures,
                    &mut self.events,
                ];
                for things in all {
                    if !things.is_empty() && random.chance(40) {
                        let at = random.below(things.len());
                        things.remove(at);
                    }
                }
            }
            12 => {
                let at = random.below(9);
                let new = |things: &mut Vec<Text>, sql: String| {
                    let count = things.len().max(1);
                    if let Some(thing) = things.get_mut(at % count) {
                        thing.sql = sql;
                    }
                };
                match random.below(4) {
                    0 => new(&mut self.sequences, sequence(random)),
                    1 => new(&mut self.functions, function(random)),
                    2 => new(&mut self.procedures, procedure(random)),
                    _ => new(&mut self.events, event(random)),
                }
            }
            13 if !self.triggers.is_empty() => {
                let at = random.below(self.triggers.len());
                self.triggers.remove(at);
            }
            14 if !self.triggers.is_empty() => {
                let at = random.below(self.triggers.len());
                self.triggers[at].body = random.pick(&BODIES);
                let last = self.triggers.len() - 1;
                if random.chance(40) {
                    self.triggers.swap(at, last);
                }
            }
            _ if !self.tables.is_empty() => {
                let at = random.below(self.tables.len());
                let mut table = self.tables[at].clone();
                self.mutate_table(random, &mut table);
                self.tables[at] = table;
            }
            _ => {}
        }
    }

    fn mutate_table(&self, random: &mut Random, table: &mut Table) {
        let others: Vec<usize> = (0..table.columns.len())
            .filter(|at| {
                let column = &table.columns[*at];
                let in_key = table.keys.iter().any(|key| key.column == column.name)
                    || self
                        .tables
                        .iter()
                        .flat_map(|one| &one.keys)
                        .any(|key| key.table == table.name && key.referenced == column.name);
                !in_key
            })
            .collect();
        match random.below(21) {
            0 | 1 => self.add_column(random, table),
            2 if table.columns.len() > 2 && !others.is_empty() => {
                let at = random.pick(&others);
                table.columns.remove(at);
            }
            3 | 4 if !others.is_empty() => {
                // Another type altogether, or a wider or narrower one.
                let column = &mut table.columns[random.pick(&others)];
                let related: &[&str] = match column.kind.as_str() {
                    "int(11)" | "smallint(6)" | "bigint(20)" | "int(10) unsigned" => {
                        &["smallint(6)", "bigint(20)", "int(11)"]
                    }
                    "varchar(30)" | "varchar(8)" | "char(5)" => {
                        &["varchar(30)", "varchar(8)", "varchar(200)", "text"]
                    }
                    "enum('x','y','it''s')" | "enum('x')" => &[
                        "enum('x','y','it''s','new')",
                        "enum('x')",
                        "enum('y','x','it''s')",
                    ],
                    "decimal(8,2)" => &["decimal(10,3)", "decimal(6,1)"],
                    "datetime(3)" => &["datetime(6)", "datetime"],
                    "set('p','q')" => &["set('p','q','r')", "set('p')"],
                    _ => &[],
                };
                if !related.is_empty() && column.generated.is_none() {
                    let kind = random.pick(related).to_string();
                    let fits = column
                        .default
                        .as_deref()
                        .is_none_or(|default| fits(default, &kind));
                    column.kind = kind;
                    column.compressed = false;
                    if !fits {
                        column.default = None;
                        column.on_update = false;
                    }
                }
            }
            5 if !others.is_empty() => {
                let column = &mut table.columns[random.pick(&others)];
                if column.generated.is_none() && !column.auto_increment && !column.invisible {
                    column.nullable = !column.nullable;
                }
            }
            6 if !others.is_empty() => {
                let at = random.pick(&others);
                let name = table.columns[at].name.clone();
                let fresh = self.column(random, &name);
                let column = &mut table.columns[at];
                if column.kind == fresh.kind && column.generated.is_none() && !column.auto_increment
                {
                    column.default = fresh.default;
                } else {
                    column.default = None;
                    column.on_update = false;
                }
                if !column.nullable {
                    column.invisible = false;
                }
            }
            7 if !others.is_empty() => {
                let column = &mut table.columns[random.pick(&others)];
                column.comment = random.chance(60).then(|| random.pick(&COMMENTS));
            }
            8 if !others.is_empty() => {
                let column = &mut table.columns[random.pick(&others)];
                if is_text(&column.kind) {
                    column.collation = random.chance(70).then(|| collation(random));
                }
            }
            9 if !others.is_empty() => {
                let at = random.pick(&others);
                let name = table.columns[at].name.clone();
                if is_number(&table.columns[at])
                    && !table.columns[at].auto_increment
                    && table.columns[at].generated.is_none()
                {
                    table.columns[at].check = random
                        .chance(60)
                        .then(|| format!("{} <> {}", quote(&name), 70 + random.below(4)));
                }
            }
            10 if !others.is_empty() => {
                let at = random.pick(&others);
                let name = table.columns[at].name.clone();
                let reads = table.columns.iter().find(|one| {
                    is_number(one)
                        && one.name != name
                        && one.generated.is_none()
                        && !one.auto_increment
                });
                let reads = reads.map(|one| one.name.clone());
                if let Some(reads) = reads
                    && is_number(&table.columns[at])
                    && !table.primary.contains(&name)
                {
                    let column = &mut table.columns[at];
                    if column.generated.is_some() && random.chance(50) {
                        column.generated = None;
                        column.nullable = true;
                    } else if !column.auto_increment {
                        *column = generated(random, &name, &reads);
                    }
                }
            }
            11 | 12 => add_index(random, table),
            13 if !table.indexes.is_empty() => {
                let at = random.below(table.indexes.len());
                table.indexes.remove(at);
            }
            14 if !table.indexes.is_empty() => {
                let at = random.below(table.indexes.len());
                if random.chance(50) {
                    let name = format!("renamed {}", random.below(90));
                    if !table.indexes.iter().any(|one| one.name == name) {
                        table.indexes[at].name = name;
                    }
                } else {
                    table.indexes[at].suffix = random.pick(&["", " COMMENT 'it''s new'", unused()]);
                }
            }
            15 => add_check(random, table),
            16 if !table.checks.is_empty() => {
                let at = random.below(table.checks.len());
                if random.chance(50) {
                    table.checks.remove(at);
                } else if random.chance(pick(0, 30)) {
                    table.checks[at].enforced = !table.checks[at].enforced;
                } else {
                    let column = quote(&table.checks[at].column);
                    table.checks[at].expression = format!("{column} <> {}", 170 + random.below(9));
                }
            }
            17 if !table.keys.is_empty() => {
                let at = random.below(table.keys.len());
                if random.chance(50) {
                    table.keys.remove(at);
                } else {
                    table.keys[at].actions =
                        random.pick(&["", " ON DELETE CASCADE", " ON DELETE SET NULL"]);
                }
            }
            18 => match random.below(5) {
                0 => table.comment = random.chance(70).then(|| random.pick(&COMMENTS)),
                1 => table.collation = collation(random),
                2 => table.options = option(random),
                3 if table.keys.is_empty() => {
                    table.engine = if table.engine == "InnoDB" {
                        other_engine()
                    } else {
                        "InnoDB"
                    }
                }
                _ if table.primary == ["id"] => {
                    table.partitions = random.pick(&["", "PARTITION BY HASH (`id`) PARTITIONS 2"])
                }
                _ => {}
            },
            19 => {
                // Another primary key.
                let number = table.columns.iter().find(|one| {
                    is_number(one)
                        && one.generated.is_none()
                        && one.check.is_none()
                        && !one.invisible
                });
                let number = number.map(|one| one.name.clone());
                if let Some(number) = number {
                    if table.primary.contains(&number) && random.chance(40) {
                        table.primary.clear();
                    } else if !table.primary.contains(&number) {
                        table.primary.push(number);
                    }
                }
            }
            20 => {
                if let Some(id) = table.columns.iter_mut().find(|one| one.name == "id")
                    && table.primary.first().is_some_and(|first| first == "id")
                {
                    id.auto_increment = !id.auto_increment;
                }
                if random.chance(pick(30, 0)) {
                    table.versioned = !table.versioned;
                }
            }
            _ => {}
        }
    }

    /// Takes away what cannot be.
    pub fn repair(&mut self) {
        let sequences: Vec<String> = self.sequences.iter().map(|one| quote(&one.name)).collect();
        for table in &mut self.tables {
            let known: Vec<Column> = table.columns.clone();
            let find = |name: &str| known.iter().find(|one| one.name == name);
            table.columns.retain(|column| match &column.generated {
                Some((_, reads, _)) => find(reads).is_some_and(|one| {
                    is_number(one) && one.generated.is_none() && !one.auto_increment
                }),
                None => true,
            });
            // Of an Aria table with both, MariaDB 10.11 cannot read its own definition.
            if table.engine == "Aria" && table.columns.iter().any(|one| one.kind.starts_with("bit"))
            {
                let generated = table.columns.iter_mut();
                for (_, _, stored) in generated.filter_map(|one| one.generated.as_mut()) {
                    *stored = true;
                }
            }
            // To MySQL an expression's value is a generated one, which stands before what reads it.
            if is_mysql() {
                for at in 0..table.columns.len() {
                    let name = table.columns[at].name.clone();
                    let is_read = table.columns[..at].iter().any(|one| {
                        let reads = one.generated.as_ref().map(|(_, reads, _)| reads);
                        reads == Some(&name)
                    });
                    let default = &mut table.columns[at].default;
                    if is_read && default.as_ref().is_some_and(|one| one.starts_with('(')) {
                        *default = None;
                    }
                }
            }
            let known: Vec<Column> = table.columns.clone();
            let find = |name: &str| known.iter().find(|one| one.name == name);
            table
                .primary
                .retain(|name| find(name).is_some_and(|one| one.generated.is_none()));
            for column in &mut table.columns {
                if table.primary.contains(&column.name) {
                    column.nullable = false;
                    column.invisible = false;
                }
                if !is_text(&column.kind) {
                    column.collation = None;
                }
                if column.kind != "text" || column.generated.is_some() {
                    column.compressed = false;
                }
                if let Some(default) = &column.default
                    && default.contains("NEXT VALUE")
                    && !sequences.iter().any(|one| default.contains(one.as_str()))
                {
                    column.default = None;
                }
                if column.auto_increment {
                    column.default = None;
                    column.check = None;
                    if table.primary.first() != Some(&column.name) {
                        column.auto_increment = false;
                    }
                }
                if column.invisible && !column.nullable && column.default.is_none() {
                    column.invisible = false;
                }
            }
            let known: Vec<Column> = table.columns.clone();
            let find = |name: &str| known.iter().find(|one| one.name == name);
            let read: Vec<String> = known
                .iter()
                .filter_map(|one| Some(one.generated.as_ref()?.1.clone()))
                .collect();
            table.checks.retain(|one| {
                find(&one.column).is_some_and(|column| is_number(column) && !column.auto_increment)
            });
            for index in &mut table.indexes {
                index.columns.retain(|(name, _)| {
                    find(name).is_some_and(|one| one.kind != "json" || !is_mysql())
                });
                for (name, length) in &mut index.columns {
                    let column = find(name);
                    let is_expression = index.kind == "INDEX"
                        && table.engine == "InnoDB"
                        && column.is_some_and(|one| is_number(one) && !one.auto_increment);
                    if length.starts_with(" +") && !is_expression {
                        *length = "";
                    }
                    if *length == " DESC" && table.engine == "MyISAM" {
                        *length = "";
                    }
                    if !column.is_some_and(|one| needs_length(&one.kind)) && length.starts_with('(')
                    {
                        *length = "";
                    }
                    if column.is_some_and(|one| needs_length(&one.kind)) && !length.starts_with('(')
                    {
                        *length = "(4)";
                    }
                }
            }
            table.indexes.retain(|index| {
                !index.columns.is_empty()
                    && index
                        .columns
                        .iter()
                        .all(|(name, _)| find(name).is_some_and(|one| !one.compressed))
                    && match index.kind {
                        "FULLTEXT INDEX" => {
                            let collations: Vec<&str> = index
                                .columns
                                .iter()
                                .filter_map(|(name, _)| find(name))
                                .map(|one| one.collation.unwrap_or(table.collation))
                                .collect();
                            index.columns.iter().all(|(name, _)| {
                                find(name).is_some_and(|one| {
                                    is_text(&one.kind)
                                        && !one.kind.starts_with("enum")
                                        && !one.kind.starts_with("set")
                                })
                            }) && collations.windows(2).all(|pair| pair[0] == pair[1])
                        }
                        "SPATIAL INDEX" => index.columns.iter().all(|(name, _)| {
                            find(name).is_some_and(|one| one.kind == "point" && !one.nullable)
                        }),
                        "UNIQUE INDEX" => index.columns.iter().all(|(name, _)| {
                            find(name).is_some_and(|one| {
                                is_number(one) && one.generated.is_none()
                                    || one.kind.starts_with("varchar")
                            })
                        }),
                        _ => index
                            .columns
                            .iter()
                            .all(|(name, _)| find(name).is_some_and(|one| one.kind != "point")),
                    }
            });
            for index in &mut table.indexes {
                if index.kind == "FULLTEXT INDEX" {
                    for part in &mut index.columns {
                        part.1 = "";
                    }
                }
            }
            if table.columns.iter().all(|one| one.invisible)
                && let Some(first) = table.columns.first_mut()
            {
                first.invisible = false;
            }
            if table.engine != "InnoDB" {
                let is_virtual = |name: &str| {
                    find(name).is_some_and(|one| {
                        one.generated.as_ref().is_some_and(|(_, _, stored)| !stored)
                    })
                };
                table
                    .indexes
                    .retain(|index| !index.columns.iter().any(|(name, _)| is_virtual(name)));
            }
            if known.iter().any(|one| one.kind == "point") {
                table.partitions = "";
            }
            // A partitioned table has neither foreign keys nor these indexes, and its unique keys hold the column.
            if !table.partitions.is_empty() {
                if table.primary.first().is_none_or(|first| first != "id") {
                    table.partitions = "";
                } else {
                    table.indexes.retain(|index| index.kind == "INDEX");
                    table.keys.clear();
                    table.versioned = false;
                    table.engine = "InnoDB";
                }
            }
            if table.versioned || table.engine != "InnoDB" {
                table.keys.clear();
                table.options = "";
            }
            let reads = |key: &Key| read.contains(&key.column);
            table
                .keys
                .retain(|key| find(&key.column).is_some() && !reads(key));
        }
        self.tables.retain(|table| !table.columns.is_empty());
        let tables = self.tables.clone();
        for table in &mut self.tables {
            let own = table.columns.clone();
            table.keys.retain(|key| {
                let target = tables.iter().find(|one| one.name == key.table);
                let Some(target) = target else { return false };
                let pointed = target.columns.iter().find(|one| one.name == key.referenced);
                let column = own.iter().find(|one| one.name == key.column);
                target.engine == "InnoDB"
                    && target.partitions.is_empty()
                    && !target.versioned
                    && target.primary == [key.referenced.clone()]
                    && matches!((pointed, column), (Some(pointed), Some(column)) if pointed.kind == column.kind
                        && column.generated.is_none() && (column.nullable || !key.actions.contains("SET NULL")))
            });
            // A check on a column that an action changes is refused.
            let keys = table.keys.clone();
            table
                .checks
                .retain(|check| !keys.iter().any(|key| key.column == check.column));
            for column in &mut table.columns {
                if keys.iter().any(|key| key.column == column.name) {
                    column.check = None;
                }
            }
        }
        loop {
            let before = self.views.len();
            let known: Vec<(String, Vec<String>)> = self
                .tables
                .iter()
                .map(|one| {
                    (
                        one.name.clone(),
                        one.columns
                            .iter()
                            .map(|column| column.name.clone())
                            .collect(),
                    )
                })
                .chain(
                    self.views
                        .iter()
                        .map(|one| (one.name.clone(), one.columns.clone())),
                )
                .collect();
            let mut cut = false;
            for view in &mut self.views {
                if let Some((_, columns)) = known.iter().find(|(name, _)| *name == view.of) {
                    let count = view.columns.len();
                    view.columns.retain(|one| columns.contains(one));
                    cut |= view.columns.len() != count;
                }
                if view
                    .calls
                    .as_ref()
                    .is_some_and(|name| !self.functions.iter().any(|one| one.name == *name))
                {
                    view.calls = None;
                }
            }
            self.views.retain(|view| {
                known.iter().any(|(name, _)| *name == view.of) && !view.columns.is_empty()
            });
            if self.views.len() == before && !cut {
                break;
            }
        }
        let tables: Vec<String> = self.tables.iter().map(|one| one.name.clone()).collect();
        self.triggers.retain(|one| tables.contains(&one.table));
    }

    /// What MySQL has in its own way, and where.
    pub fn own_of_mysql(&self) -> BTreeSet<(&'static str, String)> {
        let mut found = BTreeSet::new();
        for table in &self.tables {
            for index in &table.indexes {
                let place = format!("{}.{}", table.name, index.name);
                if index.columns.iter().any(|(_, part)| part.starts_with(" +")) {
                    found.insert(("an index of an expression", place.clone()));
                }
                if index.suffix == " INVISIBLE" {
                    found.insert(("an invisible index", place));
                }
            }
            for check in table.checks.iter().filter(|one| !one.enforced) {
                let place = format!("{}.{}", table.name, check.expression);
                found.insert(("a check that is not enforced", place));
            }
        }
        found
    }

    /// The statements that build it, in an order that works.
    pub fn statements(&self) -> Vec<String> {
        let mut all = Vec::new();
        for one in &self.sequences {
            all.push(format!("CREATE SEQUENCE {} {}", quote(&one.name), one.sql));
        }
        all.extend(self.tables.iter().map(table_sql));
        for table in &self.tables {
            for key in &table.keys {
                let name = key
                    .name
                    .as_ref()
                    .map(|name| format!("CONSTRAINT {} ", quote(name)));
                all.push(format!(
                    "ALTER TABLE {} ADD {}FOREIGN KEY ({}) REFERENCES {} ({}){}",
                    quote(&table.name),
                    name.unwrap_or_default(),
                    quote(&key.column),
                    quote(&key.table),
                    quote(&key.referenced),
                    key.actions
                ));
            }
        }
        for one in &self.functions {
            all.push(format!("CREATE FUNCTION {}{}", quote(&one.name), one.sql));
        }
        for one in &self.procedures {
            all.push(format!("CREATE PROCEDURE {}{}", quote(&one.name), one.sql));
        }
        for view in &self.views {
            let mut columns: Vec<String> = view.columns.iter().map(|one| quote(one)).collect();
            if let Some(function) = &view.calls {
                columns.push(format!("{}(1) AS called", quote(function)));
            }
            all.push(format!(
                "CREATE {}VIEW {} AS SELECT {} FROM {}{}",
                view.prefix,
                quote(&view.name),
                columns.join(", "),
                quote(&view.of),
                view.suffix
            ));
        }
        for one in &self.triggers {
            all.push(format!(
                "CREATE TRIGGER {} {} ON {} FOR EACH ROW {}",
                quote(&one.name),
                one.event,
                quote(&one.table),
                one.body
            ));
        }
        for one in &self.events {
            all.push(format!("CREATE EVENT {} {}", quote(&one.name), one.sql));
        }
        all
    }

    /// Rows that fit, `count` in each table.
    pub fn rows(&self, count: impl Fn(&Table) -> usize) -> Vec<String> {
        let mut all = vec!["SET foreign_key_checks = 0".to_owned()];
        for table in &self.tables {
            for row in 1..=count(table) {
                let filled = table.columns.iter().filter(|one| {
                    one.generated.is_none() && !table.keys.iter().any(|key| key.column == one.name)
                });
                let (names, values): (Vec<String>, Vec<String>) = filled
                    .map(|one| (quote(&one.name), value(&one.kind, row)))
                    .unzip();
                all.push(format!(
                    "INSERT INTO {} ({}) VALUES ({})",
                    quote(&table.name),
                    names.join(", "),
                    values.join(", ")
                ));
            }
        }
        all.push("SET foreign_key_checks = 1".to_owned());
        all
    }
}

const BODIES: [&str; 4] = [
    "SET @x = 1",
    "SET @x = 'a; b'",
    "BEGIN IF @x IS NULL THEN SET @x = 2; END IF; END",
    "BEGIN\n  -- it's a comment; really\n  SET @y = 3;\nEND",
];

fn sequence(random: &mut Random) -> String {
    random
        .pick(&[
            "",
            "START WITH 10 INCREMENT BY 5",
            "MINVALUE 1 MAXVALUE 5000 CYCLE",
            "NOCACHE",
            "START WITH 3 CACHE 10",
        ])
        .to_string()
}

fn function(random: &mut Random) -> String {
    random
        .pick(&[
            pick(
                "(a INT) RETURNS INT RETURN a + 1",
                "(a INT) RETURNS INT NO SQL RETURN a + 1",
            ),
            "(a INT) RETURNS INT DETERMINISTIC NO SQL COMMENT 'it''s' RETURN a",
            "(a INT UNSIGNED) RETURNS VARCHAR(20) CHARSET latin1 DETERMINISTIC SQL SECURITY INVOKER BEGIN DECLARE b INT; SET b = a; RETURN CONCAT(b, ';'); END",
            "(`odd ``name` INT) RETURNS DECIMAL(10,2) READS SQL DATA RETURN 1.5",
        ])
        .to_string()
}

fn procedure(random: &mut Random) -> String {
    random
        .pick(&[
            "() SELECT 1",
            "(IN a INT, OUT b VARCHAR(10), INOUT c ENUM('x','y')) MODIFIES SQL DATA BEGIN SET b = a; SET c = 'x'; END",
            "(a INT) COMMENT 'p' BEGIN WHILE a > 0 DO SET a = a - 1; END WHILE; END",
        ])
        .to_string()
}

fn event(random: &mut Random) -> String {
    random
        .pick(&[
            "ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DISABLE DO SET @x = 1",
            "ON SCHEDULE EVERY 2 HOUR STARTS '2030-01-01 03:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'e; e' DO SET @x = 1",
            "ON SCHEDULE AT '2036-01-01 00:00:00' DISABLE DO BEGIN SET @x = 2; END",
            "ON SCHEDULE EVERY 3 DAY DISABLE DO SET @x = 4",
        ])
        .to_string()
}

fn option(random: &mut Random) -> &'static str {
    random.pick(&[
        "",
        "",
        "",
        "ROW_FORMAT=COMPACT",
        "ROW_FORMAT=DYNAMIC STATS_PERSISTENT=1",
        "MAX_ROWS=1000",
    ])
}

/// A type, a default for it or none, and whether it has a character set.
fn kind(random: &mut Random) -> (&'static str, &'static str, bool) {
    random.pick(&[
        ("int(11)", "5", false),
        ("int(11)", "(1 + 2)", false),
        ("smallint(6)", "-3", false),
        ("bigint(20)", "7", false),
        ("int(10) unsigned", "9", false),
        ("decimal(8,2)", "1.50", false),
        ("double", "1e10", false),
        ("varchar(30)", "'it''s \\\\ é'", true),
        ("varchar(8)", "(concat('a','b'))", true),
        ("char(5)", "'x'", true),
        ("text", "('long')", true),
        ("longtext", "", true),
        ("blob", "", false),
        ("varbinary(10)", "x'4142'", false),
        ("enum('x','y','it''s')", "'y'", true),
        ("set('p','q')", "'p,q'", true),
        ("date", "'2001-02-03'", false),
        ("datetime(3)", "current_timestamp(3)", false),
        ("time", "'01:02:03'", false),
        ("year(4)", "2001", false),
        ("timestamp", "'2001-02-03 04:05:06'", false),
        ("bit(4)", "b'101'", false),
        ("json", "('{}')", false),
        pick(("uuid", "uuid()", false), ("varchar(36)", "(uuid())", true)),
        pick(
            ("inet6", "'::1'", false),
            ("json", "(json_array(1, 'a'))", false),
        ),
        ("point", pick("", "(point(1, 2))"), false),
        ("decimal(8,2)", "2", false),
        ("tinyint(1)", "1", false),
    ])
}

fn fits(default: &str, kind: &str) -> bool {
    !(default.contains("current_timestamp")
        || default.contains("NEXT")
        || kind.starts_with("enum")
        || kind.starts_with("set")
        || (kind.starts_with("varchar(8)") && default.len() > 8))
        && !(kind.starts_with("char") && default.len() > 5)
        // MySQL takes but expressions there.
        && !(is_mysql() && needs_length(kind) && !default.starts_with('('))
}

fn is_number(column: &Column) -> bool {
    let kind = column.kind.as_str();
    kind.starts_with("int") || kind.starts_with("smallint") || kind.starts_with("bigint")
}

fn is_text(kind: &str) -> bool {
    ["varchar", "char", "text", "longtext", "enum", "set"]
        .iter()
        .any(|one| kind.starts_with(one))
}

/// Types between which not everything can be converted.
fn strictness(kind: &str) -> u8 {
    let is_date = ["date", "datetime", "timestamp"]
        .iter()
        .any(|one| kind.starts_with(one));
    match kind {
        "json" => 1,
        _ if is_mysql() && is_date => 2,
        _ => 0,
    }
}

fn needs_length(kind: &str) -> bool {
    ["text", "longtext", "blob", "json"].contains(&kind) || kind == "varchar(200)"
}

fn generated(random: &mut Random, name: &str, reads: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind: "bigint(20)".to_owned(),
        collation: None,
        nullable: true,
        default: None,
        on_update: false,
        auto_increment: false,
        generated: Some((
            format!("{} * {}", quote(reads), 2 + random.below(3)),
            reads.to_owned(),
            random.chance(50),
        )),
        invisible: false,
        compressed: false,
        comment: random.chance(20).then(|| random.pick(&COMMENTS)),
        check: None,
    }
}

fn add_index(random: &mut Random, table: &mut Table) {
    if table.columns.is_empty() {
        return;
    }
    let name = format!("ix {}", random.pick(&NAMES));
    if table.indexes.iter().any(|one| one.name == name) {
        return;
    }
    let has_point = table
        .columns
        .iter()
        .find(|one| one.kind == "point" && !one.nullable);
    if let Some(point) = has_point
        && random.chance(50)
    {
        let columns = vec![(point.name.clone(), "")];
        table.indexes.push(Index {
            name,
            kind: "SPATIAL INDEX",
            columns,
            suffix: "",
        });
        return;
    }
    let kind = random.pick(&["INDEX", "INDEX", "INDEX", "UNIQUE INDEX", "FULLTEXT INDEX"]);
    let mut columns: Vec<(String, &'static str)> = Vec::new();
    for _ in 0..1 + random.below(2) {
        let column = random.pick(&table.columns);
        if columns.iter().any(|(one, _)| *one == column.name) {
            continue;
        }
        let part = if needs_length(&column.kind) {
            "(5)"
        } else if column.kind == "varchar(30)" && random.chance(30) {
            "(6)"
        } else if random.chance(15) {
            " DESC"
        } else if random.chance(pick(0, 30)) {
            random.pick(&[" + 1", " + 2"])
        } else {
            ""
        };
        columns.push((column.name.clone(), part));
    }
    let suffix = if kind == "INDEX" {
        random.pick(&["", "", " COMMENT 'ix; it''s'", unused()])
    } else {
        ""
    };
    table.indexes.push(Index {
        name,
        kind,
        columns,
        suffix,
    });
}

fn add_check(random: &mut Random, table: &mut Table) {
    let numbers: Vec<&Column> = table
        .columns
        .iter()
        .filter(|one| is_number(one) && !one.auto_increment)
        .collect();
    if numbers.is_empty() {
        return;
    }
    let column = random.pick(&numbers).name.clone();
    let name = random
        .chance(70)
        .then(|| format!("ck {} {}", table.name, random.pick(&NAMES)));
    if name.is_some() && table.checks.iter().any(|one| one.name == name) {
        return;
    }
    let expression = format!("{} <> {}", quote(&column), 170 + random.below(5));
    table.checks.push(Check {
        name,
        column,
        expression,
        enforced: !random.chance(pick(0, 25)),
    });
}

fn value(kind: &str, row: usize) -> String {
    match kind.split(['(', ' ']).next().unwrap_or_default() {
        "varchar" | "char" | "text" | "longtext" => format!("'{row}bc'"),
        "blob" | "varbinary" => format!("x'0{row}ff'"),
        "enum" => format!("{}", 1 + row % kind.split("','").count()),
        "set" => "1".to_owned(),
        "date" => format!("'2020-01-0{row}'"),
        "datetime" | "timestamp" => format!("'2020-01-0{row} 01:02:03'"),
        "time" => format!("'0{row}:00:00'"),
        "year" => format!("200{row}"),
        "json" => format!("'[{row}]'"),
        "uuid" => "uuid()".to_owned(),
        "inet6" => format!("'::{row}'"),
        "point" => format!("point({row}, 1)"),
        "decimal" | "double" => format!("{row}.5"),
        _ => row.to_string(),
    }
}

fn table_sql(table: &Table) -> String {
    let mut lines: Vec<String> = table.columns.iter().map(column_sql).collect();
    if !table.primary.is_empty() {
        let columns: Vec<String> = table.primary.iter().map(|one| quote(one)).collect();
        lines.push(format!("PRIMARY KEY ({})", columns.join(", ")));
    }
    for index in &table.indexes {
        let parts: Vec<String> = index
            .columns
            .iter()
            .map(|(name, part)| match part.starts_with(" +") {
                true => format!("(({}{part}))", quote(name)),
                false => format!("{}{part}", quote(name)),
            })
            .collect();
        lines.push(format!(
            "{} {} ({}){}",
            index.kind,
            quote(&index.name),
            parts.join(", "),
            index.suffix
        ));
    }
    for check in &table.checks {
        let name = check
            .name
            .as_ref()
            .map(|name| format!("CONSTRAINT {} ", quote(name)));
        lines.push(format!(
            "{}CHECK ({}){}",
            name.unwrap_or_default(),
            check.expression,
            if check.enforced { "" } else { " NOT ENFORCED" }
        ));
    }
    let charset = table.collation.split('_').next().unwrap_or_default();
    let mut sql = format!(
        "CREATE TABLE {} (\n  {}\n) ENGINE={} DEFAULT CHARSET={charset} COLLATE={} {}",
        quote(&table.name),
        lines.join(",\n  "),
        table.engine,
        table.collation,
        table.options
    );
    if let Some(comment) = table.comment {
        let _ = write!(sql, " COMMENT={}", text(comment));
    }
    if table.versioned {
        sql.push_str(" WITH SYSTEM VERSIONING");
    }
    let _ = write!(sql, " {}", table.partitions);
    sql
}

fn column_sql(column: &Column) -> String {
    let mut sql = format!("{} {}", quote(&column.name), column.kind);
    if column.compressed {
        sql.push_str(" COMPRESSED");
    }
    if let Some(collation) = column.collation {
        let charset = collation.split('_').next().unwrap_or_default();
        let _ = write!(sql, " CHARACTER SET {charset} COLLATE {collation}");
    }
    if let Some((expression, _, stored)) = &column.generated {
        let _ = write!(
            sql,
            " AS ({expression}) {}",
            if *stored { "STORED" } else { "VIRTUAL" }
        );
    } else {
        sql.push_str(if column.nullable {
            " NULL"
        } else {
            " NOT NULL"
        });
    }
    if let Some(default) = &column.default {
        let _ = write!(sql, " DEFAULT {default}");
    }
    if column.on_update && column.kind == "datetime(3)" {
        sql.push_str(" ON UPDATE current_timestamp(3)");
    }
    if column.auto_increment {
        sql.push_str(" AUTO_INCREMENT");
    }
    if column.invisible {
        sql.push_str(" INVISIBLE");
    }
    if let Some(comment) = column.comment {
        let _ = write!(sql, " COMMENT {}", text(comment));
    }
    if let Some(check) = &column.check {
        let _ = write!(sql, " CHECK ({check})");
    }
    sql
}
