//! Tables with their parts.

use std::collections::BTreeMap;

use super::{Reading, Row, rows};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::mysql::query::Question;
use crate::autogenerate::mysql::render;
use crate::autogenerate::mysql::text::{filled, quoted, with_doubled_quotes};
use crate::autogenerate::schema::{
    Column, Constraint, ConstraintKind, Generated, Index, Name, Reference, Table, Thing,
};
use crate::backend::StatementResult;
use crate::dialect::Dialect;
use crate::sql;

impl Reading {
    pub(super) fn tables(&mut self, result: &StatementResult) {
        for row in rows(result) {
            let name = self.name(row.text(0));
            self.relations.insert(name.name.clone());
            match (row.text(1), row.word(2)) {
                ("VIEW", _) => {
                    self.views.insert(name.name);
                }
                ("SEQUENCE", _) => self.sequences.push(name),
                (kind @ ("BASE TABLE" | "SYSTEM VERSIONED"), Some(engine)) => {
                    let mut table = Table::new(name.clone());
                    table.attributes.insert("engine", engine.to_owned());
                    if let Some(collation) = row.word(4) {
                        table.attributes.insert("collation", collation.to_owned());
                    }
                    if kind == "SYSTEM VERSIONED" {
                        table.attributes.insert("versioning", "yes".to_owned());
                        self.unclear.insert(name.clone());
                    }
                    self.options(&mut table, row.text(5));
                    table.comment = row.word(6).map(str::to_owned);
                    self.schema.tables.insert(name, table);
                }
                // A table whose engine cannot open it, of a kind that is not known.
                (kind, engine) => {
                    let words = match engine {
                        None if row.word(6).is_some() => row.text(6),
                        _ => kind,
                    };
                    self.schema
                        .not_compared
                        .insert(format!("table {name}: {words}"));
                }
            }
        }
    }

    /// `create_options`: words such as `row_format=COMPRESSED`, and `partitioned`.
    fn options(&mut self, table: &mut Table, options: &str) {
        let mut unknown = Vec::new();
        for option in options.split_whitespace() {
            if option == "partitioned" {
                self.unclear.insert(table.name.clone());
                continue;
            }
            let (key, value) = option.split_once('=').unwrap_or((option, "1"));
            let key = key.trim_matches(['`', '"']).to_ascii_lowercase();
            match render::OPTIONS.iter().find(|(known, _)| *known == key) {
                // Aria's: another engine keeps the words and does nothing by them.
                Some(("page_checksum" | "transactional", default))
                    if table
                        .attributes
                        .get("engine")
                        .is_none_or(|engine| engine != "Aria")
                        || value == *default => {}
                Some((known, _)) => {
                    let value = value.trim_matches(['\'', '`', '"']).to_ascii_uppercase();
                    table.attributes.insert(known, value);
                }
                None => unknown.push(option),
            }
        }
        if !unknown.is_empty() {
            let words = format!("options of table {}: {}", table.name, unknown.join(" "));
            self.schema.not_compared.insert(words);
        }
    }

    pub(super) fn columns(&mut self, result: &StatementResult) {
        for row in rows(result) {
            let name = self.name(row.text(0));
            let column = self.column(row);
            if self.schema.tables.contains_key(&name) {
                self.look_closer(&name, &column);
            }
            if let Some(table) = self.schema.tables.get_mut(&name) {
                table.columns.push(column);
            }
        }
    }

    fn column(&self, row: Row<'_>) -> Column {
        let mut column = Column::new(row.text(1), row.text(2));
        column.nullable = row.text(3) == "YES";
        if let Some((data_type, _)) = column.data_type.split_once(" /*M!100301 COMPRESSED*/") {
            column.data_type = data_type.to_owned();
            column.attributes.insert("compressed", "yes".to_owned());
        }
        column.collation = row.word(8).map(str::to_owned);
        column.comment = row.word(9).map(str::to_owned);
        let extra = row.text(5).to_ascii_lowercase();
        if extra.contains("auto_increment") {
            column.attributes.insert("auto_increment", "yes".to_owned());
        }
        if extra.contains("invisible") {
            column.attributes.insert("invisible", "yes".to_owned());
        }
        if extra.contains("without system versioning") {
            column
                .attributes
                .insert("without_versioning", "yes".to_owned());
        }
        if let Some(at) = extra.find("on update ") {
            let rest = &extra[at + "on update ".len()..];
            let end = rest.find([' ', ',']).unwrap_or(rest.len());
            column
                .attributes
                .insert("on_update", rest[..end].to_owned());
        }
        if let Some(srid) = row.word(11) {
            column.attributes.insert("srid", srid.to_owned());
        }
        if row.text(10) == "ALWAYS" {
            let expression = row.text(6);
            if expression == "ROW START" || expression == "ROW END" {
                column
                    .attributes
                    .insert("period_row", expression.to_owned());
                column.nullable = false;
            } else {
                column.generated = Some(Generated {
                    expression: self.expression(expression),
                    stored: extra.contains("stored"),
                });
            }
        } else {
            column.default = self.default(&column, row.get(4), &extra);
        }
        column
    }

    fn default(&self, column: &Column, text: Option<&str>, extra: &str) -> Option<Sql> {
        let text = text?;
        if self.dialect == Dialect::Mariadb {
            // What a nullable column has anyway.
            return (text != "NULL" || !column.nullable).then(|| self.expression(text));
        }
        // MySQL gives literals without quotes, and those of bytes and bits as they stand in SQL.
        let is_of = |types: &[&str]| types.iter().any(|name| column.data_type.starts_with(name));
        let is_bytes = is_of(&["binary", "varbinary"]) && text.starts_with("0x");
        let is_bits = is_of(&["bit"]) && text.starts_with("b'");
        let is_generated = extra.contains("default_generated");
        let is_time = is_now(text) && (is_generated || is_of(&["datetime", "timestamp"]));
        Some(Sql::exact(match is_bytes || is_bits || is_time {
            true => text.to_owned(),
            false if is_generated => format!("({})", self.strip(text)),
            false => quoted(text),
        }))
    }

    /// The catalog shows a character of four bytes as a question mark, in MariaDB's expressions as four.
    fn look_closer(&mut self, table: &Name, column: &Column) {
        let name = || (table.clone(), column.name.clone());
        let values = super::super::text::values(&column.data_type);
        if values.iter().any(|value| value.contains('?')) {
            let (table, name) = name();
            self.unclear_columns.push(Question::Values {
                table,
                column: name,
                count: values.len(),
                is_set: column.data_type.starts_with("set("),
            });
        }
        let default = column.default.as_ref().map_or("", Sql::as_str);
        if default.starts_with('\'') && default.contains('?') {
            let (table, name) = name();
            self.unclear_columns.push(Question::Default(table, name));
        }
        let generated = column.generated.as_ref();
        let expressions = [
            default,
            generated.map_or("", |generated| generated.expression.as_str()),
        ];
        if expressions.iter().any(|text| self.is_veiled(text)) {
            self.unclear.insert(table.clone());
        }
    }

    /// Whether only `SHOW CREATE TABLE` may tell the expression as it is.
    fn is_veiled(&self, expression: &str) -> bool {
        self.dialect == Dialect::Mariadb
            && expression.contains("????")
            && !expression.starts_with('\'')
    }

    pub(super) fn default_is(&mut self, table: &Name, column: &str, value: &str) {
        if let Some(column) = self.column_mut(table, column) {
            column.default = Some(Sql::exact(quoted(value)));
        }
    }

    pub(super) fn values_are(&mut self, table: &Name, column: &str, values: &[&str]) {
        if let Some(column) = self.column_mut(table, column) {
            let word = column.data_type.split('(').next().unwrap_or_default();
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            column.data_type = format!("{word}({})", values.join(","));
        }
    }

    fn column_mut(&mut self, table: &Name, column: &str) -> Option<&mut Column> {
        let table = self.schema.tables.get_mut(table)?;
        table.columns.iter_mut().find(|one| one.name == column)
    }

    /// Expressions with the characters that the catalog does not show.
    fn unveil(&mut self, name: &Name, text: &str) {
        let Some(mut table) = self.schema.tables.remove(name) else {
            return;
        };
        let text = with_doubled_quotes(&self.own.strip(text, &self.relations));
        let line = |begin: &str| {
            text.lines()
                .find(|line| line.trim_start().starts_with(begin))
        };
        let ident = |name: &str| self.dialect.ident(name);
        let mut unknown = Vec::new();
        let mut filled = |expression: &Sql, begin: &str, what: String| {
            if !self.is_veiled(expression.as_str()) {
                return None;
            }
            let sql = line(begin).and_then(|line| filled(expression.as_str(), line));
            if sql.is_none() {
                unknown.push(what);
            }
            Some(Sql::exact(sql?))
        };
        for column in &mut table.columns {
            let begin = format!("{} ", ident(&column.name));
            let what = format!("the expression of {name}.{}", column.name);
            if let Some(generated) = &mut column.generated
                && let Some(sql) = filled(&generated.expression, &begin, what.clone())
            {
                generated.expression = sql;
            }
            if let Some(default) = &mut column.default
                && let Some(sql) = filled(default, &begin, what)
            {
                *default = sql;
            }
        }
        for check in &mut table.constraints {
            if check.kind != ConstraintKind::Check {
                continue;
            }
            let (begin, what) = match &check.name {
                Some(one) => (format!("CONSTRAINT {} ", ident(one)), one),
                None => (format!("{} ", ident(&check.columns[0])), &check.columns[0]),
            };
            let what = format!("the check {what} of table {name}");
            if let Some(sql) = filled(&check.definition, &begin, what) {
                check.definition = sql;
            }
        }
        for what in unknown {
            self.unknown(&what, &Ok(Vec::new()));
        }
        self.schema.tables.insert(name.clone(), table);
    }

    pub(super) fn indexes(&mut self, result: &StatementResult) {
        let mut open: Option<(Name, Index, Vec<String>)> = None;
        let mut read = Vec::new();
        for row in rows(result) {
            let name = self.name(row.text(0));
            let same = open
                .as_ref()
                .is_some_and(|(table, index, _)| *table == name && index.name == row.text(1));
            if !same {
                read.extend(open.take());
                let index = self.index(&name, row);
                open = Some((name, index, Vec::new()));
            }
            let Some((_, index, parts)) = &mut open else {
                continue;
            };
            let kind = row.text(6);
            let mut part = match (row.word(3), row.word(9)) {
                (None, Some(expression)) => format!("({})", self.strip(expression)),
                (column, _) => {
                    let column = column.unwrap_or_default();
                    index.columns.push(column.to_owned());
                    self.dialect.ident(column)
                }
            };
            // A spatial key's length is the server's own business.
            if let Some(length) = row.word(4).filter(|_| kind != "SPATIAL") {
                part.push_str(&format!("({length})"));
            }
            if row.get(5) == Some("D") {
                part.push_str(" DESC");
            }
            parts.push(part);
        }
        read.extend(open);
        for (name, mut index, parts) in read {
            let definition = format!("({})", parts.join(", "));
            let Some(table) = self.schema.tables.get_mut(&name) else {
                continue;
            };
            if index.name == "PRIMARY" {
                table.constraints.push(Constraint {
                    name: Some("PRIMARY".to_owned()),
                    kind: ConstraintKind::Primary,
                    definition: Sql::exact(format!("PRIMARY KEY {definition}")),
                    columns: index.columns,
                    references: None,
                    comment: index.comment,
                    depends_on: Default::default(),
                });
            } else {
                // What its expressions read it stands on as well.
                for column in super::names(&definition) {
                    if table.column(&column).is_some() && !index.columns.contains(&column) {
                        index.columns.push(column);
                    }
                }
                index.definition = Sql::exact(definition);
                table.indexes.push(index);
            }
        }
    }

    fn index(&self, table: &Name, row: Row<'_>) -> Index {
        let mut index = Index {
            name: row.text(1).to_owned(),
            unique: row.text(2) == "0",
            definition: Sql::exact(""),
            columns: Vec::new(),
            comment: row.word(7).map(str::to_owned),
            attributes: Default::default(),
            depends_on: Default::default(),
        };
        // MEMORY makes another kind where nothing is said.
        let table = self.schema.tables.get(table);
        let engine = table.and_then(|table| table.attributes.get("engine"));
        if row.text(6) != "BTREE" || engine.is_some_and(|engine| engine == "MEMORY") {
            index.attributes.insert("type", row.text(6).to_owned());
        }
        if row.text(8) == "YES" {
            index.attributes.insert("ignored", "yes".to_owned());
        }
        index
    }

    pub(super) fn foreign_keys(&mut self, keys: &StatementResult, columns: &StatementResult) {
        type Target = (Option<String>, String);
        /// Columns, what they point at, and its columns.
        type Found = (Vec<String>, Target, Vec<String>);
        let mut found: BTreeMap<(String, String), Found> = BTreeMap::new();
        for row in rows(columns) {
            let database = Some(row.text(3).to_owned()).filter(|database| !self.own.is(database));
            let key = (row.text(0).to_owned(), row.text(1).to_owned());
            let entry = found
                .entry(key)
                .or_insert_with(|| (Vec::new(), (database, row.text(4).to_owned()), Vec::new()));
            entry.0.push(row.text(2).to_owned());
            entry.2.push(row.text(5).to_owned());
        }
        for row in rows(keys) {
            let key = (row.text(0).to_owned(), row.text(1).to_owned());
            let Some((columns, (database, target), referenced)) = found.remove(&key) else {
                continue;
            };
            let target = Name::new(database.as_deref(), &target);
            let mut definition = format!(
                "FOREIGN KEY ({}) REFERENCES {} ({})",
                render::list(self.dialect, &columns),
                target.quoted(self.dialect),
                render::list(self.dialect, &referenced)
            );
            // To InnoDB both of these mean the same, and are what is meant where nothing is said.
            let is_default = |rule: &str| matches!(rule, "RESTRICT" | "NO ACTION");
            for (words, rule) in [("ON UPDATE", row.text(2)), ("ON DELETE", row.text(3))] {
                if !is_default(rule) {
                    definition.push_str(&format!(" {words} {rule}"));
                }
            }
            let constraint = Constraint {
                name: Some(key.1.clone()),
                kind: ConstraintKind::Foreign,
                definition: Sql::exact(definition),
                columns,
                references: Some(Reference {
                    table: target,
                    implicit: false,
                    columns: referenced,
                }),
                comment: None,
                depends_on: Default::default(),
            };
            let name = self.name(&key.0);
            if let Some(table) = self.schema.tables.get_mut(&name) {
                table.constraints.push(constraint);
            }
        }
        for table in self.schema.tables.values_mut() {
            leave_out_implied(table);
        }
    }

    pub(super) fn checks(&mut self, result: &StatementResult) {
        for row in rows(result) {
            let name = self.name(row.text(0));
            let expression = self.strip(row.text(3));
            if self.is_veiled(&expression) {
                self.unclear.insert(name.clone());
            }
            let Some(table) = self.schema.tables.get_mut(&name) else {
                continue;
            };
            let mut definition = match expression.starts_with('(') && self.dialect == Dialect::Mysql
            {
                true => format!("CHECK {expression}"),
                false => format!("CHECK ({expression})"),
            };
            if row.text(4) == "NO" {
                definition.push_str(" NOT ENFORCED");
            }
            let is_column = row.text(2) == "Column";
            let mut columns: Vec<String> = super::names(&expression)
                .into_iter()
                .filter(|column| table.column(column).is_some())
                .collect();
            if is_column {
                // The column that it is written at comes first.
                let at = row.text(1).to_owned();
                columns.retain(|column| *column != at);
                columns.insert(0, at);
            } else if columns.len() == 2
                && expression == format!("`{}` < `{}`", columns[0], columns[1])
                || columns.len() == 2
                    && expression == format!("`{}` < `{}`", columns[1], columns[0])
            {
                // It may be what the catalog shows of a period.
                self.unclear.insert(name);
            }
            table.constraints.push(Constraint {
                name: (!is_column).then(|| row.text(1).to_owned()),
                kind: ConstraintKind::Check,
                definition: Sql::exact(definition),
                columns,
                references: None,
                comment: None,
                depends_on: Default::default(),
            });
        }
    }

    /// What only `SHOW CREATE TABLE` says: partitions and periods.
    pub(super) fn clear_up(&mut self, name: &Name, text: &str) {
        let text = text.replace("\r\n", "\n");
        self.unveil(name, &text);
        let Some(table) = self.schema.tables.get_mut(name) else {
            return;
        };
        let mut periods = Vec::new();
        for line in text.lines() {
            let line = line.trim().trim_end_matches(',');
            if let Some(period) = line.strip_prefix("PERIOD FOR ") {
                let end = period.find(" (").unwrap_or(period.len());
                let of = period[..end].trim_matches('`').replace("``", "`");
                table.constraints.retain(|one| {
                    one.kind != ConstraintKind::Check || one.name.as_deref() != Some(&of)
                });
                periods.push(line.to_owned());
            }
            if line.ends_with("WITHOUT OVERLAPS)") {
                let words = format!("WITHOUT OVERLAPS in a key of table {name}");
                self.schema.not_compared.insert(words);
            }
        }
        if !periods.is_empty() {
            table
                .attributes
                .insert("versioning_period", periods.join(", "));
        }
        // MySQL has them in a comment that is code.
        let marks = [
            "\n PARTITION BY ",
            "\n/*!50100 PARTITION BY ",
            "\n/*!50500 PARTITION BY ",
        ];
        let start = marks.iter().find_map(|mark| {
            let at = text.find(mark)?;
            Some(at + mark.find("PARTITION").unwrap_or_default())
        });
        if let Some(start) = start {
            let clause = text[start..].trim_end_matches(" */").trim();
            let engine = table.attributes.get("engine").cloned().unwrap_or_default();
            let clause = without_engine(clause, &engine);
            table.attributes.insert("partition_by", clause);
        }
    }
}

/// A partitioning without the engine that each partition has anyway.
fn without_engine(clause: &str, engine: &str) -> String {
    let pieces = sql::pieces(Dialect::Mariadb, clause);
    let mut rest = String::with_capacity(clause.len());
    let mut copied = 0;
    for at in 1..pieces.len().saturating_sub(2) {
        let words = &pieces[at..at + 3];
        if words[0].is("ENGINE") && words[1].text == "=" && words[2].text == engine {
            rest.push_str(&clause[copied..pieces[at - 1].range.end]);
            copied = words[2].range.end;
        }
    }
    rest.push_str(&clause[copied..]);
    rest
}

/// `CURRENT_TIMESTAMP`, with or without a precision.
fn is_now(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let rest = text.strip_prefix("current_timestamp");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('('))
}

/// InnoDB makes an index for a foreign key where there is none, by the key's name, and takes it away again as soon as
/// another serves; after a dump and restore it stays. So it is a matter of the foreign key, and is left out on both
/// sides; the key remembers that it is there.
fn leave_out_implied(table: &mut Table) {
    let name = table.name.clone();
    for key in &mut table.constraints {
        if key.kind != ConstraintKind::Foreign {
            continue;
        }
        let implied = table
            .indexes
            .iter()
            .position(|index| render::is_implied(index, key));
        if let Some(at) = implied {
            let index = table.indexes.remove(at);
            key.depends_on.insert(Thing::Key(name.clone(), index.name));
        }
    }
}
