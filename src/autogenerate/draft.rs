//! Revisions from a comparison: what is written, what is withheld, and in which sections. Pure.

use std::collections::BTreeSet;

use super::change::{Change, Class, Operation};
use super::compare::{compare, reordered};
use super::engine::{
    Direction, Lowering, Script, ScriptMode, Statement, Trial, does_not_follow, lower, spelt_like,
    stages, with_foreign_keys_off,
};
use super::rename::Renames;
use super::schema::{ObjectId, ObjectKind, Schema, Thing};
use super::withhold::without;
use crate::dialect::{self, Family};
use crate::revision::{ForeignKeys, Mode, NewSection, SectionKind};

/// What differs between a database and the desired schema.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The database's, with its own names.
    pub(super) live: Schema,
    /// The same after the renames.
    pub(super) renamed: Schema,
    pub(super) desired: Schema,
    pub(super) renames: Renames,
    changes: Vec<Change>,
}

/// What [`Comparison::drafts`] writes.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct DraftOptions {
    /// Write lossy changes as statements rather than comments. Default: no.
    pub allow_lossy: bool,
    /// Forms that do not lock large tables for long: on PostgreSQL in several revisions where one cannot do it, on MySQL and
    /// MariaDB as [`Autogenerate::drafts`](super::Autogenerate::drafts) asks the server for them. Default: no.
    pub online: bool,
}

impl DraftOptions {
    /// See [`allow_lossy`](Self::allow_lossy).
    #[must_use]
    pub fn allow_lossy(mut self, allow_lossy: bool) -> Self {
        self.allow_lossy = allow_lossy;
        self
    }

    /// See [`online`](Self::online).
    #[must_use]
    pub fn online(mut self, online: bool) -> Self {
        self.online = online;
        self
    }
}

/// The sections of one revision to be written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Draft {
    /// `@require`: what rows must not hold, where the server would not say so, or would change them.
    pub require: Option<NewSection>,
    /// `@upgrade`.
    pub upgrade: NewSection,
    /// `@downgrade`.
    pub downgrade: NewSection,
    /// What `@upgrade` makes other sessions wait for, as its comments say it: of
    /// [`Autogenerate::drafts`](super::Autogenerate::drafts) with `online`.
    pub notes: Vec<String>,
}

impl Draft {
    /// These two, with nothing required before.
    #[must_use]
    pub fn new(upgrade: NewSection, downgrade: NewSection) -> Self {
        Draft {
            require: None,
            upgrade,
            downgrade,
            notes: Vec::new(),
        }
    }

    /// All of them, in the order of a file.
    pub fn sections(self) -> impl Iterator<Item = NewSection> {
        let require = self.require.into_iter();
        require.chain([self.upgrade, self.downgrade])
    }
}

impl Comparison {
    pub(crate) fn new(live: Schema, desired: Schema, renames: &Renames) -> Self {
        let mut desired = spelt_like(&live, desired);
        let renames = renames.between(&live, &desired);
        let (renamed, stale) = renames.apply(&live);
        desired.keep(&renamed);
        let changes = changes(&renamed, &desired, &renames, &stale);
        Comparison {
            live,
            renamed,
            desired,
            renames,
            changes,
        }
    }

    /// Two schemas that were read from databases, without renames or filters.
    #[must_use]
    pub fn between(live: Schema, desired: Schema) -> Self {
        Comparison::new(live, desired, &Renames::default())
    }

    /// Everything that differs, as what brings the database to the desired schema.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What is said and not changed: tables whose columns stand in another order, and what is not compared.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let order = reordered(&self.renamed, &self.desired)
            .into_iter()
            .map(|table| {
                format!("the columns of {table} stand in another order, which is left as it is")
            });
        let both = self.desired.tables.values().filter_map(|new| {
            let old = self.renamed.tables.get(&new.name)?;
            Some((old, new))
        });
        let local = both.flat_map(|(old, new)| {
            let columns = new.columns.iter().filter(|column| {
                let is_inherited = column.attributes.contains_key("inherited");
                let old = old.column(&column.name);
                is_inherited && old.is_some_and(|old| old.is_local != column.is_local)
            });
            columns.map(|column| {
                let own = match column.is_local {
                    true => "is to be its own as well",
                    false => "is its own as well",
                };
                format!(
                    "the column {} of {}, which it inherits, {own}: no ALTER TABLE changes that",
                    column.name, new.name
                )
            })
        });
        let is_renamed = |thing: &Thing| match thing {
            Thing::Table(table) => self.renames.tables.iter().any(|(_, to)| to == table),
            Thing::Column(table, name) => {
                let mut columns = self.renames.columns.iter();
                columns.any(|(of, _, to)| of == table && to == name)
            }
            _ => false,
        };
        let naming = self.renamed.needed.iter();
        let left_behind = naming
            .filter(|(_, needed)| needed.iter().any(is_renamed))
            .filter_map(|(words, _)| does_not_follow(self.desired.dialect, words));
        let left_behind: Vec<String> = left_behind.collect();
        let not_compared: BTreeSet<&str> = self
            .live
            .not_compared()
            .chain(self.desired.not_compared())
            .collect();
        let not_compared = not_compared
            .into_iter()
            .map(|what| format!("not compared: {what}"));
        order
            .chain(local)
            .chain(left_behind)
            .chain(not_compared)
            .collect()
    }

    /// The changes that are written as comments under these options.
    pub fn withheld(&self, options: DraftOptions) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(move |change| match change.class {
                Class::Safe => false,
                Class::Lossy => !options.allow_lossy,
                Class::Manual => true,
            })
    }

    /// The revisions to write, in their order: none where nothing differs, or all that does is withheld.
    #[must_use]
    pub fn drafts(&self, options: DraftOptions) -> Vec<Draft> {
        self.written(self.scripts(options), options)
    }

    /// The same as one script for a database's own client: what leads to the desired schema, in transactions where the database
    /// has them for DDL. Empty where nothing differs; comments alone where all that does is withheld.
    ///
    /// MariaDB's and MySQL's own clients need `DELIMITER` around the routines in it.
    #[must_use]
    pub fn script(&self, options: DraftOptions) -> String {
        if self.is_empty() {
            return String::new();
        }
        let mut scripts = self.scripts(options);
        if scripts.is_empty() {
            // All of it is withheld.
            scripts.push(Default::default());
        }
        let has_transactions = self.desired.dialect.family() != Family::Mysql;
        let how = "To do it, remove the `-- ` before these statements:";
        let sections = self.sections(scripts, options, how).into_iter();
        let parts = sections.map(|(up, _)| {
            let sql = up.body;
            match up.mode {
                ScriptMode::ForeignKeysOff => format!(
                    "PRAGMA foreign_keys = OFF;\nBEGIN;\n{sql}COMMIT;\nPRAGMA foreign_keys = ON;\n"
                ),
                ScriptMode::Plain if has_transactions => format!("BEGIN;\n{sql}COMMIT;\n"),
                ScriptMode::Plain | ScriptMode::Autocommit => sql,
            }
        });
        parts.collect::<Vec<String>>().join("\n")
    }

    /// The statements that would do what is withheld, as a script with its comments: what [`drafts`](Self::drafts) writes
    /// as comments, beside what it writes. Empty where nothing is withheld.
    #[must_use]
    pub fn withheld_sql(&self, options: DraftOptions) -> String {
        let reachable = without(&self.renamed, &self.desired, self.withheld(options));
        let none = Renames::default();
        let there = script(&reachable, &self.desired, &none, Direction::Up);
        Section::of(&there).body
    }

    /// What leads to the desired schema and back, for each revision: none where nothing differs.
    pub(super) fn scripts(&self, options: DraftOptions) -> Vec<(Script, Script)> {
        if self.is_empty() {
            return Vec::new();
        }
        let reachable = without(&self.renamed, &self.desired, self.withheld(options));
        // Renames belong to the first stage.
        let mut stage_from = self.live.clone();
        let mut renames = self.renames.clone();
        let mut scripts: Vec<(Script, Script)> = Vec::new();
        for stage in stages(&self.renamed, &reachable, options.online) {
            let up = script(&stage_from, &stage, &renames, Direction::Up);
            let down = script(&stage, &stage_from, &renames.inverse(), Direction::Down);
            scripts.push((up, down));
            renames = Renames::default();
            stage_from = stage;
        }
        scripts
    }

    /// What these scripts do, on tables like the live ones.
    pub(super) fn trial(&self, scripts: &[(Script, Script)]) -> Trial {
        let mut tables = self.live.clone();
        tables.kept.clear();
        tables
            .objects
            .retain(|id, _| id.kind == ObjectKind::Sequence);
        let none = Schema::new(tables.dialect);
        let texts = |script: &Script| -> Vec<String> {
            let statements = script.statements.iter();
            statements.map(|one| one.sql.clone()).collect()
        };
        Trial {
            tables: texts(&script(&none, &tables, &Renames::default(), Direction::Up)),
            statements: scripts
                .iter()
                .flat_map(|(up, down)| [texts(up), texts(down)])
                .flatten()
                .collect(),
        }
    }

    /// The revisions of these scripts, with what is withheld as comments.
    pub(super) fn written(
        &self,
        scripts: Vec<(Script, Script)>,
        options: DraftOptions,
    ) -> Vec<Draft> {
        let is_empty =
            |(up, down): &(Script, Script)| up.statements.is_empty() && down.statements.is_empty();
        if scripts.iter().all(is_empty) {
            return Vec::new();
        }
        // Before all of them: nothing is done where the last cannot be.
        let reachable = without(&self.renamed, &self.desired, self.withheld(options));
        let mut require = self.require(&reachable);
        let how = "To do it, remove the `-- ` before these statements, and before their undoing in @downgrade:";
        let sections = self.sections(scripts, options, how).into_iter();
        let drafts = sections.map(|(up, down)| Draft {
            require: require.take(),
            upgrade: up.into_new(SectionKind::Upgrade),
            downgrade: down.into_new(SectionKind::Downgrade),
            notes: Vec::new(),
        });
        drafts.collect()
    }

    /// Both sections of these scripts, with what is withheld as comments in the last: `how` says how it is done.
    fn sections(
        &self,
        mut scripts: Vec<(Script, Script)>,
        options: DraftOptions,
        how: &str,
    ) -> Vec<(Section, Section)> {
        let reachable = without(&self.renamed, &self.desired, self.withheld(options));
        let withheld: Vec<&Change> = self.withheld(options).collect();
        let none = Renames::default();
        let there = script(&reachable, &self.desired, &none, Direction::Up);
        let back = script(&self.desired, &reachable, &none, Direction::Down);
        if let Some((up, down)) = scripts.last_mut() {
            share_mode(up, &there);
            share_mode(down, &back);
        }
        let of = |(up, down): &(Script, Script)| (Section::of(up), Section::of(down));
        let mut sections: Vec<(Section, Section)> = scripts.iter().map(of).collect();
        if !withheld.is_empty()
            && let Some((up, down)) = sections.last_mut()
        {
            up.withhold(&withheld, &there, how);
            down.withhold_reverse(&back);
        }
        sections
    }
}

impl Comparison {
    /// A column that becomes NOT NULL: PostgreSQL and SQLite only refuse then, without the row, and MariaDB may put
    /// a 0 or an empty string in its place.
    fn require(&self, reachable: &Schema) -> Option<NewSection> {
        let dialect = self.desired.dialect;
        let mut body = String::new();
        let undo = self.renames.inverse();
        for (name, new) in &reachable.tables {
            let Some(renamed) = self.renamed.tables.get(name) else {
                continue;
            };
            let live = undo.tables.iter().find(|(new, _)| new == name);
            let live = live.map_or(name, |(_, old)| old);
            for column in new.columns.iter().filter(|column| !column.nullable) {
                let before = renamed.column(&column.name);
                if !before.is_some_and(|old| old.nullable && column.generated.is_none()) {
                    continue;
                }
                let old_name = undo
                    .columns
                    .iter()
                    .find(|(table, new, _)| table == live && *new == column.name)
                    .map_or(&column.name, |(_, _, old)| old);
                if body.is_empty() {
                    comment(
                        &mut body,
                        "Rows without what becomes NOT NULL. Drop this where @upgrade fills them first.",
                    );
                }
                body.push_str(&format!(
                    "SELECT * FROM {} WHERE {} IS NULL LIMIT 3;\n",
                    live.quoted(dialect),
                    dialect.ident(old_name)
                ));
            }
        }
        (!body.is_empty()).then(|| NewSection::new(SectionKind::Require).body(body))
    }
}

fn changes(
    from: &Schema,
    to: &Schema,
    renames: &Renames,
    stale: &BTreeSet<ObjectId>,
) -> Vec<Change> {
    let tables = renames.tables.iter().map(|(from, to)| {
        Change::safe(Operation::RenameTable {
            from: from.clone(),
            to: to.clone(),
        })
    });
    let columns = renames.columns.iter().map(|(table, from, to)| {
        Change::safe(Operation::RenameColumn {
            table: table.clone(),
            from: from.clone(),
            to: to.clone(),
        })
    });
    let mut all: Vec<Change> = tables.chain(columns).collect();
    all.extend(compare(from, to, stale));
    all
}

/// The SQL from one schema to another.
pub(super) fn script(
    from: &Schema,
    to: &Schema,
    renames: &Renames,
    direction: Direction,
) -> Script {
    let mut renames = renames.clone();
    renames.make_room(from);
    let renames = &renames;
    let (renamed, stale) = renames.apply(from);
    let changes = changes(&renamed, to, renames, &stale);
    if changes.is_empty() {
        return Script::default();
    }
    let mut script = lower(&Lowering {
        from: &renamed,
        to,
        renames,
        changes: &changes,
        direction,
    });
    let first = renames.of_sequences().map(|sql| Statement {
        sql,
        notes: Vec::new(),
    });
    script.statements.splice(0..0, first);
    script
}

/// What is commented out in a section must run as it is meant once it is not, and what runs there too.
fn share_mode(script: &mut Script, commented_out: &Script) {
    if commented_out.mode == ScriptMode::ForeignKeysOff && script.mode == ScriptMode::Plain {
        *script = with_foreign_keys_off(std::mem::take(script));
    }
}

/// A section's text as it grows.
struct Section {
    mode: ScriptMode,
    body: String,
}

impl Section {
    fn of(script: &Script) -> Self {
        let mut body = String::new();
        for statement in &script.statements {
            for note in statement.notes.iter().flat_map(|note| note.lines()) {
                comment(&mut body, note);
            }
            if !statement.sql.is_empty() {
                body.push_str(&indented_markers(&statement.sql));
                body.push_str(";\n");
            }
        }
        Section {
            mode: script.mode,
            body,
        }
    }

    fn withhold(&mut self, changes: &[&Change], script: &Script, how: &str) {
        self.gap();
        comment(
            &mut self.body,
            "WARNING: the following is left out, since it loses data or needs a person's decision:",
        );
        for change in changes {
            comment(&mut self.body, &format!("  {change}"));
        }
        self.comment_out(script, how);
    }

    fn withhold_reverse(&mut self, script: &Script) {
        if script.statements.is_empty() {
            return;
        }
        // Undone first what would be done last.
        let live = std::mem::take(&mut self.body);
        self.comment_out(
            script,
            "What undoes the statements that are left out in @upgrade:",
        );
        self.gap();
        self.body.push_str(&live);
    }

    fn comment_out(&mut self, script: &Script, heading: &str) {
        if script.statements.is_empty() {
            return;
        }
        comment(&mut self.body, heading);
        for line in Section::of(script).body.lines() {
            comment(&mut self.body, line);
        }
    }

    fn gap(&mut self) {
        if !self.body.is_empty() {
            self.body.push('\n');
        }
    }

    fn into_new(self, kind: SectionKind) -> NewSection {
        let section = NewSection::new(kind).body(self.body);
        match self.mode {
            ScriptMode::Plain => section,
            ScriptMode::Autocommit => section.mode(Mode::Autocommit),
            ScriptMode::ForeignKeysOff => section.foreign_keys(ForeignKeys::Off),
        }
    }
}

/// A line of comment that no reader of revision files takes for a marker.
pub(super) fn comment(body: &mut String, line: &str) {
    let line = dialect::comment(line.trim_end());
    body.push_str("--");
    if !line.is_empty() {
        body.push(' ');
        if line.starts_with('@') {
            body.push(' ');
        }
        body.push_str(&line);
    }
    body.push('\n');
}

/// A function's body may hold a line that looks like a section's marker.
fn indented_markers(sql: &str) -> String {
    if !sql.contains("\n--") {
        return sql.to_owned();
    }
    sql.replace("\n-- @", "\n -- @").replace("\n--@", "\n --@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn withheld_sql_stays_a_comment() {
        let mut body = String::new();
        for line in [
            "DROP TABLE a; -- x\rDROP TABLE b;",
            "@upgrade",
            "\tindented",
            "",
        ] {
            comment(&mut body, line);
        }
        assert_eq!(
            body,
            "-- DROP TABLE a; -- x DROP TABLE b;\n--  @upgrade\n-- \tindented\n--\n"
        );
    }
}
