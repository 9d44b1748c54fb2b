//! Random schemas of every feature, and random changes of one.

use std::collections::BTreeSet;

/// Numbers that a seed decides (splitmix64).
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// So many times in a hundred.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const TABLES: &[&str] = &[
    "users", "order", "a b", "größe", "it's", "quo\"te", "Select", "pets", "t1", "log",
];
const COLUMNS: &[&str] = &[
    "id", "name", "e mail", "group", "größe", "na`me", "q\"q", "Camel", "a", "b", "value", "x",
    "rowid", "length",
];
const STRICT_TYPES: &[&str] = &["INTEGER", "INT", "TEXT", "REAL", "BLOB", "ANY"];
const TYPES: &[&str] = &[
    "INTEGER",
    "INTEGER",
    "INT",
    "TEXT",
    "TEXT",
    "VARCHAR(10)",
    "DECIMAL(10,2)",
    "REAL",
    "BLOB",
    "",
    "DOUBLE PRECISION",
    "BOOLEAN",
];

/// A name in one of SQLite's quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| quoted(name))
        .collect::<Vec<_>>()
        .join(", ")
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub data_type: String,
    pub not_null: bool,
    pub on_conflict: Option<&'static str>,
    pub default: Option<String>,
    pub collation: Option<&'static str>,
    pub generated: Option<(String, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub name: Option<String>,
    pub columns: Vec<String>,
    pub descending: bool,
    pub on_conflict: Option<&'static str>,
    /// Where it stands.
    pub at_column: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub name: Option<String>,
    pub columns: Vec<String>,
    pub text: String,
    pub at_column: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    pub name: Option<String>,
    pub columns: Vec<String>,
    pub table: String,
    pub to: Vec<String>,
    pub clauses: String,
    /// `REFERENCES t` without columns, where they are its key.
    pub implicit: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub name: String,
    pub unique: bool,
    pub columns: Vec<String>,
    pub parts: String,
    pub predicate: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub primary: Option<Key>,
    pub autoincrement: bool,
    pub uniques: Vec<Key>,
    pub checks: Vec<Check>,
    pub foreign: Vec<Foreign>,
    pub indexes: Vec<Index>,
    pub strict: bool,
    pub without_rowid: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub name: String,
    /// Tables with the columns that are named of each, and views.
    pub tables: Vec<(String, Vec<String>)>,
    pub view: Option<String>,
    pub salt: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    pub name: String,
    pub on: String,
    pub on_view: bool,
    pub column: Option<String>,
    /// What it writes to.
    pub target: (String, String),
    pub salt: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    pub tables: Vec<Table>,
    pub views: Vec<View>,
    pub triggers: Vec<Trigger>,
}

impl Table {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn stored(&self) -> Vec<String> {
        let stored = self
            .columns
            .iter()
            .filter(|column| column.generated.is_none());
        stored.map(|column| column.name.clone()).collect()
    }

    /// The column that is the rowid.
    pub fn rowid(&self) -> Option<&str> {
        let key = self.primary.as_ref().filter(|key| key.columns.len() == 1)?;
        let column = self.column(&key.columns[0])?;
        let is = column.data_type == "INTEGER"
            && !self.without_rowid
            && !(key.descending && key.at_column);
        is.then_some(&column.name)
    }

    /// Whether a row must have a value there.
    pub fn requires(&self, column: &Column) -> bool {
        let in_key = self
            .primary
            .as_ref()
            .is_some_and(|key| key.columns.contains(&column.name));
        column.not_null
            || (in_key && (self.strict || self.without_rowid))
            || (in_key && self.rowid() == Some(&column.name))
    }

    /// Every list of columns that is unique, indexes included.
    pub fn unique_lists(&self) -> Vec<Vec<String>> {
        let mut lists: Vec<Vec<String>> = self
            .primary
            .iter()
            .chain(&self.uniques)
            .map(|key| key.columns.clone())
            .collect();
        lists.extend(
            self.indexes
                .iter()
                .filter(|index| index.unique)
                .map(|index| index.columns.clone()),
        );
        lists
    }

    /// What a foreign key may point at.
    fn keys(&self) -> Vec<Vec<String>> {
        self.primary
            .iter()
            .chain(&self.uniques)
            .map(|key| key.columns.clone())
            .collect()
    }

    pub fn sql(&self) -> String {
        let named = |name: &Option<String>| {
            name.as_ref().map_or(String::new(), |name| {
                format!("CONSTRAINT {} ", quoted(name))
            })
        };
        let conflict = |action: &Option<&'static str>| {
            action.map_or(String::new(), |action| format!(" ON CONFLICT {action}"))
        };
        let mut lines = Vec::new();
        let mut rest = Vec::new();
        let single = |key: &Key| key.at_column && key.columns.len() == 1;
        for column in &self.columns {
            let mut line = format!("{} {}", quoted(&column.name), column.data_type);
            let is_of = |columns: &[String]| columns == [column.name.clone()];
            if let Some(key) = self
                .primary
                .as_ref()
                .filter(|key| single(key) && is_of(&key.columns))
            {
                line += &format!(
                    " {}PRIMARY KEY{}{}",
                    named(&key.name),
                    if key.descending { " DESC" } else { "" },
                    conflict(&key.on_conflict)
                );
                if self.autoincrement {
                    line += " AUTOINCREMENT";
                }
            }
            if column.not_null {
                line += &format!(" NOT NULL{}", conflict(&column.on_conflict));
            }
            for key in self
                .uniques
                .iter()
                .filter(|key| single(key) && is_of(&key.columns))
            {
                line += &format!(" {}UNIQUE{}", named(&key.name), conflict(&key.on_conflict));
            }
            if let Some(default) = &column.default {
                line += &format!(" DEFAULT {default}");
            }
            if let Some(collation) = column.collation {
                line += &format!(" COLLATE {collation}");
            }
            for check in self
                .checks
                .iter()
                .filter(|check| check.at_column && check.columns[0] == column.name)
            {
                line += &format!(" {}CHECK ({})", named(&check.name), check.text);
            }
            if let Some((expression, stored)) = &column.generated {
                line += &format!(" AS ({expression}) {}", if *stored { "STORED" } else { "" });
            }
            lines.push(line);
        }
        for (key, words) in self
            .primary
            .iter()
            .map(|key| (key, "PRIMARY KEY"))
            .chain(self.uniques.iter().map(|key| (key, "UNIQUE")))
        {
            if !single(key) {
                let descending = if key.descending { " DESC" } else { "" };
                let auto = if words == "PRIMARY KEY" && self.autoincrement {
                    " AUTOINCREMENT"
                } else {
                    ""
                };
                rest.push(format!(
                    "{}{words} ({}{descending}{auto}){}",
                    named(&key.name),
                    list(&key.columns),
                    conflict(&key.on_conflict)
                ));
            }
        }
        for check in self.checks.iter().filter(|check| !check.at_column) {
            rest.push(format!("{}CHECK ({})", named(&check.name), check.text));
        }
        for key in &self.foreign {
            let to = if key.implicit {
                String::new()
            } else {
                format!(" ({})", list(&key.to))
            };
            rest.push(format!(
                "{}FOREIGN KEY ({}) REFERENCES {}{to} {}",
                named(&key.name),
                list(&key.columns),
                quoted(&key.table),
                key.clauses
            ));
        }
        lines.extend(rest);
        let options: Vec<&str> = [
            self.strict.then_some("STRICT"),
            self.without_rowid.then_some("WITHOUT ROWID"),
        ]
        .into_iter()
        .flatten()
        .collect();
        format!(
            "CREATE TABLE {} (\n  {}\n) {}",
            quoted(&self.name),
            lines.join(",\n  "),
            options.join(", ")
        )
    }
}

impl Model {
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    pub fn tables_sql(&self) -> String {
        self.tables
            .iter()
            .map(|table| format!("{};\n", table.sql()))
            .collect()
    }

    /// Indexes, views, triggers.
    pub fn rest_sql(&self) -> String {
        let mut sql = String::new();
        for table in &self.tables {
            for index in &table.indexes {
                let predicate = index
                    .predicate
                    .as_ref()
                    .map_or(String::new(), |text| format!(" WHERE {text}"));
                sql += &format!(
                    "CREATE {}INDEX {} ON {} ({}){predicate};\n",
                    if index.unique { "UNIQUE " } else { "" },
                    quoted(&index.name),
                    quoted(&table.name),
                    index.parts
                );
            }
        }
        for view in &self.views {
            let mut parts: Vec<String> = view
                .tables
                .iter()
                .map(|(table, columns)| {
                    let columns: Vec<String> = columns
                        .iter()
                        .map(|column| format!("typeof({}.{})", quoted(table), quoted(column)))
                        .collect();
                    format!(
                        "SELECT {} AS one FROM {}",
                        columns.join(" || "),
                        quoted(table)
                    )
                })
                .collect();
            parts.extend(
                view.view
                    .iter()
                    .map(|other| format!("SELECT * FROM {}", quoted(other))),
            );
            sql += &format!(
                "CREATE VIEW {} AS {} LIMIT {};\n",
                quoted(&view.name),
                parts.join(" UNION ALL "),
                90 + view.salt
            );
        }
        for trigger in &self.triggers {
            let when = match (&trigger.column, trigger.on_view) {
                (_, true) => "INSTEAD OF INSERT".to_owned(),
                (Some(column), _) => format!("AFTER UPDATE OF {}", quoted(column)),
                (None, _) => "AFTER DELETE".to_owned(),
            };
            let (table, column) = (quoted(&trigger.target.0), quoted(&trigger.target.1));
            sql += &format!(
                "CREATE TRIGGER {} {when} ON {} BEGIN\n  UPDATE {table} SET {column} = {column} WHERE {column} = {};\n  SELECT ';';\nEND;\n",
                quoted(&trigger.name),
                quoted(&trigger.on),
                trigger.salt
            );
        }
        sql
    }

    pub fn sql(&self) -> String {
        self.tables_sql() + &self.rest_sql()
    }
}

/// What was renamed on the way: tables old and new, columns by the table's new name.
#[derive(Clone, Debug, Default)]
pub struct Renamed {
    pub tables: Vec<(String, String)>,
    pub columns: Vec<(String, String, String)>,
}

pub struct Generator {
    pub random: Random,
    serial: usize,
    /// Names of what was renamed: where they come again, a hint says nothing.
    gone: BTreeSet<String>,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Generator {
            random: Random(seed),
            serial: 0,
            gone: BTreeSet::new(),
        }
    }

    fn fresh(&mut self, word: &str) -> String {
        self.serial += 1;
        format!("{word} {}", self.serial)
    }

    pub fn model(&mut self) -> Model {
        let mut model = Model::default();
        for _ in 0..1 + self.random.below(4) {
            self.add_table(&mut model);
        }
        for _ in 0..self.random.below(4) {
            self.add_foreign(&mut model);
        }
        for _ in 0..self.random.below(3) {
            self.add_view(&mut model);
        }
        for _ in 0..self.random.below(3) {
            self.add_trigger(&mut model);
        }
        repair(&mut model);
        model
    }

    fn add_table(&mut self, model: &mut Model) {
        let names: Vec<&&str> = TABLES
            .iter()
            .filter(|name| model.table(name).is_none() && !self.gone.contains(**name))
            .collect();
        let Some(&name) = (!names.is_empty()).then(|| *self.random.pick(&names)) else {
            return;
        };
        let mut table = Table {
            name: name.to_owned(),
            columns: Vec::new(),
            primary: None,
            autoincrement: false,
            uniques: Vec::new(),
            checks: Vec::new(),
            foreign: Vec::new(),
            indexes: Vec::new(),
            strict: self.random.percent(25),
            without_rowid: false,
        };
        for _ in 0..2 + self.random.below(4) {
            self.add_column(&mut table);
        }
        self.set_primary(&mut table);
        for _ in 0..self.random.below(3) {
            self.add_part(&mut table);
        }
        model.tables.push(table);
    }

    fn data_type(&mut self, strict: bool) -> String {
        let types = if strict { STRICT_TYPES } else { TYPES };
        (*self.random.pick(types)).to_owned()
    }

    fn add_column(&mut self, table: &mut Table) {
        let names: Vec<&&str> = COLUMNS
            .iter()
            .filter(|name| table.column(name).is_none() && !self.gone.contains(**name))
            .collect();
        let Some(&name) = (!names.is_empty()).then(|| *self.random.pick(&names)) else {
            return;
        };
        let mut column = Column {
            name: name.to_owned(),
            data_type: self.data_type(table.strict),
            not_null: self.random.percent(30),
            on_conflict: None,
            default: None,
            collation: None,
            generated: None,
        };
        let stored = table.stored();
        if self.random.percent(15) && !stored.is_empty() {
            let of = self.random.pick(&stored).clone();
            column.data_type = if table.strict {
                "TEXT".to_owned()
            } else {
                (*self.random.pick(&["TEXT", ""])).to_owned()
            };
            column.generated = Some((
                format!("{} || '-{}'", quoted(&of), self.random.below(3)),
                self.random.percent(50),
            ));
            column.not_null = false;
        } else {
            self.set_default(&mut column);
            if self.random.percent(15) {
                column.collation = Some(*self.random.pick(&["NOCASE", "RTRIM"]));
            }
            if column.not_null && self.random.percent(20) {
                column.on_conflict = Some(*self.random.pick(&["IGNORE", "FAIL", "REPLACE"]));
            }
        }
        table.columns.push(column);
    }

    fn set_default(&mut self, column: &mut Column) {
        let number = self.random.below(9);
        let kind = column.data_type.as_str();
        let fitting = match kind {
            "TEXT" | "VARCHAR(10)" => vec![
                format!("'it''s {number}'"),
                format!("word{number}"),
                "(lower('A'))".to_owned(),
                "CURRENT_TIMESTAMP".to_owned(),
            ],
            "REAL" | "DOUBLE PRECISION" => vec![
                format!("-{number}.5"),
                format!("{number}e1"),
                "(1.5 * 2)".to_owned(),
            ],
            "BLOB" | "" => vec![
                format!("x'0{number}'"),
                "(x'00')".to_owned(),
                "(zeroblob(2))".to_owned(),
            ],
            _ => vec![
                format!("{number}"),
                format!("-{number}"),
                format!("({number})"),
                format!("(1 + {number})"),
                "TRUE".to_owned(),
            ],
        };
        column.default = self
            .random
            .percent(45)
            .then(|| self.random.pick(&fitting).clone());
        if column.default.is_none() && !column.not_null && self.random.percent(10) {
            column.default = Some("NULL".to_owned());
        }
    }

    fn set_primary(&mut self, table: &mut Table) {
        table.primary = None;
        table.autoincrement = false;
        table.without_rowid = false;
        let stored = table.stored();
        if stored.is_empty() || self.random.percent(12) {
            return;
        }
        let mut columns = vec![self.random.pick(&stored).clone()];
        if self.random.percent(45)
            && let Some(column) = table
                .columns
                .iter_mut()
                .find(|column| column.name == columns[0])
        {
            column.data_type = "INTEGER".to_owned();
            column.default = None;
        }
        if self.random.percent(25) {
            columns.extend(stored.iter().find(|name| **name != columns[0]).cloned());
        }
        let key = Key {
            name: self.random.percent(20).then(|| self.fresh("pk")),
            columns,
            descending: self.random.percent(15),
            on_conflict: self.random.percent(10).then_some("REPLACE"),
            at_column: self.random.percent(60),
        };
        table.primary = Some(key);
        if table.rowid().is_some() {
            table.autoincrement =
                self.random.percent(35) && !table.primary.as_ref().expect("a key").descending;
        }
        table.without_rowid = !table.autoincrement && self.random.percent(25);
    }

    fn add_part(&mut self, table: &mut Table) {
        let stored = table.stored();
        if stored.is_empty() {
            return;
        }
        let column = self.random.pick(&stored).clone();
        let name = self.random.percent(50).then(|| self.fresh("c"));
        match self.random.below(4) {
            0 => {
                let mut columns = vec![column];
                if self.random.percent(40) {
                    columns.extend(stored.iter().find(|name| **name != columns[0]).cloned());
                }
                let at_column = self.random.percent(50);
                let on_conflict = self
                    .random
                    .percent(20)
                    .then(|| *self.random.pick(&["IGNORE", "REPLACE"]));
                table.uniques.push(Key {
                    name,
                    columns,
                    descending: false,
                    on_conflict,
                    at_column,
                });
            }
            1 => {
                let q = quoted(&column);
                let own = quoted(&table.name);
                let number = self.random.below(3);
                let (text, columns) = match self.random.below(4) {
                    0 => (format!("{q} IS NOT 'forbidden{number}'"), vec![column]),
                    1 => (
                        format!("length({own}.{q}) < 100 /* short {number} */"),
                        vec![column],
                    ),
                    2 => (
                        format!("{q} IS NULL OR {q} NOT IN ('no', 'never {number}')"),
                        vec![column],
                    ),
                    _ => {
                        let other = self.random.pick(&stored).clone();
                        (
                            format!("coalesce({q}, {}) IS NOT 'none{number}'", quoted(&other)),
                            vec![column, other],
                        )
                    }
                };
                table.checks.push(Check {
                    name,
                    columns,
                    text,
                    at_column: self.random.percent(50),
                });
            }
            _ => {
                let all: Vec<String> = table
                    .columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect();
                let column = self.random.pick(&all).clone();
                let generated = table
                    .column(&column)
                    .is_some_and(|column| column.generated.is_some());
                let q = quoted(&column);
                let parts = match self.random.below(5) {
                    0 => format!("{q} DESC"),
                    1 => format!("{q} COLLATE NOCASE ASC"),
                    2 => format!("lower({q}), {q}"),
                    3 => format!("{q} || 'x'"),
                    _ => q.clone(),
                };
                let predicate = self
                    .random
                    .percent(30)
                    .then(|| format!("{q} IS NOT NULL AND {q} <> 'skip'"));
                let unique = !generated && self.random.percent(35);
                table.indexes.push(Index {
                    name: self.fresh("index"),
                    unique,
                    columns: vec![column],
                    parts,
                    predicate,
                });
            }
        }
    }

    fn add_foreign(&mut self, model: &mut Model) {
        if model.tables.is_empty() {
            return;
        }
        let to = self.random.below(model.tables.len());
        let from = if self.random.percent(20) {
            to
        } else {
            self.random.below(model.tables.len())
        };
        let parent = model.tables[to].clone();
        let keys = parent.keys();
        if keys.is_empty() {
            return;
        }
        let key = self.random.pick(&keys).clone();
        let types: Vec<String> = key
            .iter()
            .filter_map(|name| Some(parent.column(name)?.data_type.clone()))
            .collect();
        let fits =
            |data_type: &String| data_type != "ANY" && STRICT_TYPES.contains(&data_type.as_str());
        if model.tables[from].strict && !types.iter().all(fits) {
            return;
        }
        let is_primary = parent
            .primary
            .as_ref()
            .is_some_and(|primary| primary.columns == key);
        let mut columns = Vec::new();
        for data_type in types {
            let child = &model.tables[from];
            let fits = |column: &&Column| {
                column.data_type == data_type
                    && column.generated.is_none()
                    && !columns.contains(&column.name)
            };
            let found = child
                .columns
                .iter()
                .find(fits)
                .map(|column| column.name.clone());
            columns.push(found.unwrap_or_else(|| {
                let name = self.fresh("ref");
                let column = Column {
                    name: name.clone(),
                    data_type,
                    not_null: false,
                    on_conflict: None,
                    default: None,
                    collation: None,
                    generated: None,
                };
                model.tables[from].columns.push(column);
                name
            }));
        }
        let clauses = [
            "",
            "ON DELETE CASCADE",
            "ON DELETE CASCADE ON UPDATE CASCADE",
            "ON UPDATE RESTRICT",
            "ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
            "DEFERRABLE INITIALLY DEFERRED",
            "NOT DEFERRABLE",
            "ON DELETE NO ACTION ON UPDATE SET DEFAULT",
            "MATCH FULL",
        ];
        let clauses = (*self.random.pick(&clauses)).to_owned();
        let name = self.random.percent(40).then(|| self.fresh("fk"));
        let implicit = is_primary && self.random.percent(50);
        model.tables[from].foreign.push(Foreign {
            name,
            columns,
            table: parent.name,
            to: key,
            clauses,
            implicit,
        });
    }

    fn add_view(&mut self, model: &mut Model) {
        if model.tables.is_empty() {
            return;
        }
        let mut tables = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let table = self.random.pick(&model.tables).clone();
            let column = self.random.pick(&table.columns).name.clone();
            tables.push((table.name, vec![column]));
        }
        let view = (self.random.percent(40) && !model.views.is_empty())
            .then(|| self.random.pick(&model.views).name.clone());
        let salt = self.random.below(5);
        let name = self.fresh("view");
        model.views.push(View {
            name,
            tables,
            view,
            salt,
        });
    }

    fn add_trigger(&mut self, model: &mut Model) {
        if model.tables.is_empty() {
            return;
        }
        let target = self.random.pick(&model.tables).clone();
        let stored = target.stored();
        if stored.is_empty() {
            return;
        }
        let column = self.random.pick(&stored).clone();
        let salt = self.random.below(5);
        let name = self.fresh("trigger");
        let target = (target.name, column);
        if self.random.percent(35) && !model.views.is_empty() {
            let on = self.random.pick(&model.views).name.clone();
            model.triggers.push(Trigger {
                name,
                on,
                on_view: true,
                column: None,
                target,
                salt,
            });
            return;
        }
        let on = self.random.pick(&model.tables).clone();
        let column = self
            .random
            .percent(60)
            .then(|| self.random.pick(&on.columns).name.clone());
        model.triggers.push(Trigger {
            name,
            on: on.name,
            on_view: false,
            column,
            target,
            salt,
        });
    }

    /// Another schema, some steps away.
    pub fn changed(&mut self, model: &Model, renamed: &mut Renamed) -> Model {
        let mut changed = model.clone();
        for _ in 0..1 + self.random.below(5) {
            self.step(model, &mut changed, renamed);
        }
        repair(&mut changed);
        changed
    }

    fn step(&mut self, before: &Model, model: &mut Model, renamed: &mut Renamed) {
        if model.tables.is_empty() {
            self.add_table(model);
            return;
        }
        let at = self.random.below(model.tables.len());
        let choice = self.random.below(24);
        match choice {
            0 => self.add_table(model),
            1 => {
                model.tables.remove(at);
            }
            2 => self.rename_table(before, model, at, renamed),
            3 => self.rename_column(before, model, at, renamed),
            4 | 5 => {
                self.add_column(&mut model.tables[at]);
            }
            6 | 7 => {
                let table = &mut model.tables[at];
                if table.columns.len() > 1 {
                    let gone = self.random.below(table.columns.len());
                    table.columns.remove(gone);
                }
            }
            8 | 9 => self.change_column(&mut model.tables[at]),
            10 => self.set_primary(&mut model.tables[at]),
            11 => {
                let table = &mut model.tables[at];
                table.autoincrement = !table.autoincrement
                    && table.rowid().is_some()
                    && !table.primary.as_ref().is_some_and(|key| key.descending);
            }
            12 => {
                let table = &mut model.tables[at];
                table.strict = !table.strict;
                if table.strict {
                    for column in &mut table.columns {
                        if column.generated.is_some() {
                            column.data_type = "TEXT".to_owned();
                        }
                        if !STRICT_TYPES.contains(&column.data_type.as_str()) {
                            column.data_type = match column.data_type.as_str() {
                                "VARCHAR(10)" => "TEXT",
                                "DOUBLE PRECISION" => "REAL",
                                "" => "BLOB",
                                _ => "INTEGER",
                            }
                            .to_owned();
                        }
                    }
                }
            }
            13 => {
                let table = &mut model.tables[at];
                table.without_rowid = !table.without_rowid && table.primary.is_some();
                table.autoincrement &= !table.without_rowid;
            }
            14 | 15 => self.add_part(&mut model.tables[at]),
            16 => {
                let table = &mut model.tables[at];
                match self.random.below(3) {
                    0 => drop(table.uniques.pop()),
                    1 => drop(table.checks.pop()),
                    _ => drop(table.indexes.pop()),
                }
            }
            17 => {
                // The same under another name, or another under the same name.
                let fresh = self.fresh("named");
                let table = &mut model.tables[at];
                if let Some(index) = table.indexes.first_mut() {
                    if self.random.percent(50) {
                        index.name.clone_from(&fresh);
                    } else {
                        index.unique = false;
                        index.parts = format!("{}, {}", index.parts, quoted(&index.columns[0]));
                    }
                }
                if let Some(check) = table.checks.first_mut() {
                    if self.random.percent(50) {
                        check.name = Some(fresh);
                    } else {
                        check.text += " OR 1";
                    }
                }
            }
            18 | 19 => self.add_foreign(model),
            20 => {
                model.tables[at].foreign.pop();
            }
            21 => match self.random.below(3) {
                0 => self.add_view(model),
                1 => drop(model.views.pop()),
                _ => model.views.iter_mut().for_each(|view| view.salt += 7),
            },
            22 => match self.random.below(3) {
                0 => self.add_trigger(model),
                1 => drop(model.triggers.pop()),
                _ => model
                    .triggers
                    .iter_mut()
                    .for_each(|trigger| trigger.salt += 7),
            },
            _ => model.tables[at].columns.reverse(),
        }
        repair(model);
    }

    fn change_column(&mut self, table: &mut Table) {
        let strict = table.strict;
        let at = self.random.below(table.columns.len());
        let data_type = self.data_type(strict);
        let of = table
            .stored()
            .into_iter()
            .find(|name| *name != table.columns[at].name);
        let column = &mut table.columns[at];
        match self.random.below(6) {
            0 if column.generated.is_none() => {
                column.data_type = data_type;
                self.set_default(column);
            }
            1 if column.generated.is_none() => {
                column.not_null = !column.not_null;
                column.on_conflict = None;
            }
            2 if column.generated.is_none() => self.set_default(column),
            3 => {
                column.collation = if column.collation.is_some() {
                    None
                } else {
                    Some("NOCASE")
                }
            }
            4 if column.generated.is_some() => {
                column.generated = None;
            }
            _ => {
                if let Some(of) = of {
                    let stored = self.random.percent(50);
                    column.generated = Some((format!("{} || '+'", quoted(&of)), stored));
                    column.data_type = "TEXT".to_owned();
                    (column.not_null, column.default, column.on_conflict) = (false, None, None);
                }
            }
        }
    }

    fn rename_table(
        &mut self,
        before: &Model,
        model: &mut Model,
        at: usize,
        renamed: &mut Renamed,
    ) {
        let old = model.tables[at].name.clone();
        if before.table(&old).is_none() || renamed.tables.iter().any(|(_, to)| *to == old) {
            return;
        }
        let new = self.fresh("renamed");
        for table in &mut model.tables {
            if table.name == old {
                for check in &mut table.checks {
                    check.text = check
                        .text
                        .replace(&format!("{}.", quoted(&old)), &format!("{}.", quoted(&new)));
                }
                table.name.clone_from(&new);
            }
            for key in table.foreign.iter_mut().filter(|key| key.table == old) {
                key.table.clone_from(&new);
            }
        }
        for view in &mut model.views {
            for (table, _) in view.tables.iter_mut().filter(|(table, _)| *table == old) {
                table.clone_from(&new);
            }
        }
        for trigger in &mut model.triggers {
            for name in [&mut trigger.on, &mut trigger.target.0] {
                if *name == old {
                    name.clone_from(&new);
                }
            }
        }
        for (table, _, _) in renamed
            .columns
            .iter_mut()
            .filter(|(table, _, _)| *table == old)
        {
            table.clone_from(&new);
        }
        self.gone.insert(old.clone());
        renamed.tables.push((old, new));
    }

    fn rename_column(
        &mut self,
        before: &Model,
        model: &mut Model,
        at: usize,
        renamed: &mut Renamed,
    ) {
        let table = model.tables[at].name.clone();
        let old_table = renamed
            .tables
            .iter()
            .find(|(_, to)| *to == table)
            .map_or(&table, |(from, _)| from)
            .clone();
        let columns: Vec<String> = model.tables[at]
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
        let old = self.random.pick(&columns).clone();
        if before
            .table(&old_table)
            .is_none_or(|table| table.column(&old).is_none())
        {
            return;
        }
        let new = self.fresh("column");
        let (old_q, new_q) = (quoted(&old), quoted(&new));
        let swap = |names: &mut Vec<String>| {
            names
                .iter_mut()
                .filter(|name| **name == old)
                .for_each(|name| name.clone_from(&new))
        };
        for other in &mut model.tables {
            let own = other.name == table;
            for key in &mut other.foreign {
                if own {
                    swap(&mut key.columns);
                }
                if key.table == table {
                    swap(&mut key.to);
                }
            }
            if !own {
                continue;
            }
            for column in &mut other.columns {
                if let Some((text, _)) = &mut column.generated {
                    *text = text.replace(&old_q, &new_q);
                }
                if column.name == old {
                    column.name.clone_from(&new);
                }
            }
            for key in other.primary.iter_mut().chain(&mut other.uniques) {
                swap(&mut key.columns);
            }
            for check in &mut other.checks {
                swap(&mut check.columns);
                let qualifier = format!("{}.", quoted(&table));
                check.text = check.text.replace(&qualifier, "").replace(&old_q, &new_q);
            }
            for index in &mut other.indexes {
                swap(&mut index.columns);
                index.parts = index.parts.replace(&old_q, &new_q);
                index.predicate = index
                    .predicate
                    .as_ref()
                    .map(|text| text.replace(&old_q, &new_q));
            }
        }
        for view in &mut model.views {
            for (of, columns) in &mut view.tables {
                if *of == table {
                    swap(columns);
                }
            }
        }
        for trigger in &mut model.triggers {
            if trigger.on == table && trigger.column.as_ref() == Some(&old) {
                trigger.column = Some(new.clone());
            }
            if trigger.target == (table.clone(), old.clone()) {
                trigger.target.1.clone_from(&new);
            }
        }
        self.gone.insert(old.clone());
        renamed.columns.push((table, old, new));
    }
}

/// Takes away what names something that is not there any more.
fn repair(model: &mut Model) {
    for table in &mut model.tables {
        loop {
            let names: BTreeSet<String> = table.stored().into_iter().collect();
            let count = table.columns.len();
            table.columns.retain(|column| {
                column.generated.as_ref().is_none_or(|(text, _)| {
                    names
                        .iter()
                        .any(|name| text.starts_with(&format!("{} ||", quoted(name))))
                })
            });
            if table.columns.len() == count {
                break;
            }
        }
        if table.stored().is_empty() {
            table.columns.push(Column {
                name: "kept".to_owned(),
                data_type: "INTEGER".to_owned(),
                not_null: false,
                on_conflict: None,
                default: None,
                collation: None,
                generated: None,
            });
        }
        let stored: BTreeSet<String> = table.stored().into_iter().collect();
        let all: BTreeSet<String> = table
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
        let has = |columns: &[String]| columns.iter().all(|name| stored.contains(name));
        table.primary = table.primary.take().filter(|key| has(&key.columns));
        table.uniques.retain(|key| has(&key.columns));
        // SQLite wants one `ON CONFLICT` for the same columns.
        let mut lists: Vec<Vec<String>> = table
            .primary
            .iter()
            .map(|key| sorted(&key.columns))
            .collect();
        table.uniques.retain(|key| {
            let list = sorted(&key.columns);
            let new = !lists.contains(&list);
            lists.push(list);
            new
        });
        table
            .checks
            .retain(|check| check.columns.iter().all(|name| all.contains(name)));
        table
            .indexes
            .retain(|index| index.columns.iter().all(|name| all.contains(name)));
        let generated: Vec<String> = all.difference(&stored).cloned().collect();
        table.indexes.iter_mut().for_each(|index| {
            index.unique &= !index.columns.iter().any(|name| generated.contains(name))
        });
        table.without_rowid &= table.primary.is_some();
        table.autoincrement &=
            table.rowid().is_some() && !table.primary.as_ref().is_some_and(|key| key.descending);
    }
    let tables = model.tables.clone();
    for table in &mut model.tables {
        let own = table.clone();
        table.foreign.retain(|key| {
            let Some(parent) = tables.iter().find(|other| other.name == key.table) else {
                return false;
            };
            let typed = |table: &Table, names: &[String]| -> Vec<Option<String>> {
                names
                    .iter()
                    .map(|name| {
                        table
                            .column(name)
                            .filter(|column| column.generated.is_none())
                            .map(|column| column.data_type.clone())
                    })
                    .collect()
            };
            let types = typed(&own, &key.columns);
            types.iter().all(Option::is_some)
                && types == typed(parent, &key.to)
                && parent.keys().contains(&key.to)
                && (!key.implicit
                    || parent
                        .primary
                        .as_ref()
                        .is_some_and(|primary| primary.columns == key.to))
        });
    }
    let is_column = |table: &str, column: &str| {
        tables
            .iter()
            .any(|other| other.name == table && other.column(column).is_some())
    };
    model.views.retain(|view| {
        view.tables
            .iter()
            .all(|(table, columns)| columns.iter().all(|column| is_column(table, column)))
    });
    loop {
        let names: BTreeSet<String> = model.views.iter().map(|view| view.name.clone()).collect();
        let count = model.views.len();
        model
            .views
            .retain(|view| view.view.as_ref().is_none_or(|other| names.contains(other)));
        if model.views.len() == count {
            break;
        }
    }
    let views: BTreeSet<String> = model.views.iter().map(|view| view.name.clone()).collect();
    model.triggers.retain(|trigger| {
        let on = if trigger.on_view {
            views.contains(&trigger.on)
        } else {
            let table = tables.iter().find(|table| table.name == trigger.on);
            table.is_some_and(|table| {
                trigger
                    .column
                    .as_ref()
                    .is_none_or(|column| table.column(column).is_some())
            })
        };
        let target = tables.iter().find(|table| table.name == trigger.target.0);
        on && target.is_some_and(|table| {
            table
                .column(&trigger.target.1)
                .is_some_and(|column| column.generated.is_none())
        })
    });
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names
}
