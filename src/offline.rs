//! Scripts: the SQL of a run, for `psql`, `sqlite3` or `mariadb` to run without limbeck. Pure.

use std::collections::BTreeSet;

use crate::aim::{Bound, Range, Target, TargetError};
use crate::dialect::session::{Actor, Server, Timeout, see_all, set_timeout};
use crate::dialect::{Dialect, Family, Names, comment, mysql};
use crate::error::Error;
use crate::graph::RevisionId;
use crate::ledger::LedgerEntry;
use crate::ledger::tables;
use crate::ledger::write;
use crate::migrations::Migrations;
use crate::plan::{self, Action, Plan, Purge};
use crate::prepare::{self, Check, Needs, Prepared, RefusedError, Work};
use crate::sql::{self, Class};

pub(crate) fn upgrade(
    migrations: &Migrations,
    names: &Names,
    actor: &Actor,
    range: &Range,
) -> Result<String, Error> {
    let from = start(migrations, range)?;
    let to = match range.upper() {
        Bound::Open => Target::heads(),
        Bound::Current => return Err(no_database(range).into()),
        Bound::At(target) => target.clone(),
    };
    let plan = plan::upgrade(migrations.graph(), &from, &[to])?;
    script(migrations, names, actor, &plan)
}

pub(crate) fn downgrade(
    migrations: &Migrations,
    names: &Names,
    actor: &Actor,
    range: &Range,
) -> Result<String, Error> {
    let (Bound::At(_), Bound::At(to)) = (range.lower(), range.upper()) else {
        return Err(TargetError::Malformed {
            expression: range.to_string(),
            reason: "a downgrade's script needs both ends: `from:to`, without `current`",
        }
        .into());
    };
    let from = start(migrations, range)?;
    let plan = plan::downgrade(migrations.graph(), &from, to)?;
    script(migrations, names, actor, &plan)
}

/// Moves the version rows from where `from` is to `to`. With [`Purge::Clear`] it does not matter which rows
/// are there, and `from` says only what the ledger need not be told again.
pub(crate) fn stamp(
    migrations: &Migrations,
    names: &Names,
    actor: &Actor,
    from: &[Target],
    to: &[Target],
    purge: Purge,
) -> Result<String, Error> {
    let graph = migrations.graph();
    let mut named = Vec::new();
    for target in from {
        named.extend(plan::resolve(graph, target)?);
    }
    let from = graph.effective_heads_of(&named);
    let plan = plan::stamp(graph, &from, to, purge)?;
    let names = &in_known_schema(names);
    let mut writer = Writer {
        dialect: names.dialect(),
        text: String::new(),
    };
    writer.opening(&plan);
    writer.statements(tables::create(names));
    if purge == Purge::Keep {
        writer.expect(names, &plan);
    }
    writer.text.push('\n');
    writer.begin();
    writer.statements(see_all(names.dialect()));
    let after: BTreeSet<&RevisionId> = plan.heads().iter().collect();
    let before: BTreeSet<&RevisionId> = plan.from().iter().collect();
    let newly_there: Vec<&RevisionId> = after.difference(&before).copied().collect();
    match purge {
        Purge::Keep => {
            let removes: Vec<&RevisionId> = before.difference(&after).copied().collect();
            writer.statements(write::move_heads(names, &removes, &newly_there));
            writer.statements(write::prove_heads(names, &removes, &newly_there));
        }
        Purge::Clear => {
            writer.statement(&format!("DELETE FROM {}", names.version()));
            let adds: Vec<&RevisionId> = plan.heads().iter().collect();
            writer.statements(write::move_heads(names, &[], &adds));
            writer.statements(write::expect_heads(names, plan.heads()));
        }
    }
    let mut told: Vec<&RevisionId> = plan.newly_implied().iter().collect();
    let implied: BTreeSet<&RevisionId> = told.iter().copied().collect();
    told.extend(newly_there.into_iter().filter(|id| !implied.contains(id)));
    let rows: Vec<LedgerEntry> = told
        .into_iter()
        .map(|id| {
            let lineage = migrations.lineage(id).map(str::to_owned);
            prepare::ledger_row(migrations, names.dialect(), id, Action::Stamp, lineage)
        })
        .collect();
    writer.statements(write::insert_history(names, actor, &rows).concat());
    writer.statement("COMMIT");
    Ok(writer.text)
}

/// The heads of a database that is at the range's first end.
fn start(migrations: &Migrations, range: &Range) -> Result<Vec<RevisionId>, Error> {
    let graph = migrations.graph();
    match range.lower() {
        Bound::Open => Ok(Vec::new()),
        Bound::Current => Err(no_database(range).into()),
        Bound::At(target) => {
            let named = plan::resolve(graph, target)?;
            Ok(graph.effective_heads_of(&named))
        }
    }
}

fn no_database(range: &Range) -> TargetError {
    TargetError::Malformed {
        expression: range.to_string(),
        reason: "a script is written without a database: `current` means nothing there",
    }
}

fn script(
    migrations: &Migrations,
    names: &Names,
    actor: &Actor,
    plan: &Plan,
) -> Result<String, Error> {
    let needs = Needs {
        dialect: names.dialect(),
        single_transaction: false,
        has_code: &|_, _| true,
    };
    let steps = prepare::steps(migrations, plan.steps(), &needs)?;
    if let Some(step) = steps
        .iter()
        .find(|step| matches!(step.work, Work::Code | Work::Repeat(_)))
    {
        return Err(RefusedError::NotAsScript {
            revision: step.step.revision.clone(),
            path: step.path.clone(),
            reason: match step.work {
                Work::Code => "its section is code (`rust`), which only the service has",
                _ => "its section is `repeat`: how often it runs is known only when it does",
            },
        }
        .into());
    }
    if names.dialect().is_mysql_family()
        && names.schema().is_none()
        && let Some(step) = steps.iter().find(|step| changes_database(step))
    {
        return Err(RefusedError::NotAsScript {
            revision: step.step.revision.clone(),
            path: step.path.clone(),
            reason: "it changes the database (`USE`), and a script can change it back only to one that it knows: name \
                     it as the schema of limbeck's tables (`version_schema`)",
        }
        .into());
    }
    let names = &in_known_schema(names);
    let mut writer = Writer {
        dialect: names.dialect(),
        text: String::new(),
    };
    writer.opening(plan);
    writer.enter(names, &steps);
    for statement in tables::create(names) {
        writer.statement(&statement);
    }
    writer.statement(&tables::own_row(names, 0));
    writer.expect(names, plan);
    for step in &steps {
        writer.step(migrations, names, actor, step);
    }
    Ok(writer.text)
}

/// The same names, qualified where the schema is the same in every database.
fn in_known_schema(names: &Names) -> Names {
    match names.dialect().family() {
        Family::Sqlite => names.clone().in_schema(Some("main")),
        // PostgreSQL's path and role are reset before each use; MySQL's database is the client's.
        _ => names.clone(),
    }
}

/// Whether the step leaves the session another database.
fn changes_database(step: &Prepared) -> bool {
    let mut statements = step.statements().iter();
    statements.any(|statement| begins_with(&statement.text, &["USE"]))
}

fn begins_with(statement: &str, words: &[&str]) -> bool {
    let mut there = statement.split_whitespace();
    words.iter().all(|word| {
        there
            .next()
            .is_some_and(|first| first.eq_ignore_ascii_case(word))
    })
}

/// SQLite's settings of a connection that change what statements do, each as limbeck's own connections have it.
const PRAGMAS: [&str; 6] = [
    "PRAGMA foreign_keys = ON",
    "PRAGMA ignore_check_constraints = OFF",
    "PRAGMA recursive_triggers = OFF",
    "PRAGMA case_sensitive_like = OFF",
    "PRAGMA writable_schema = OFF",
    "PRAGMA legacy_alter_table = OFF",
];

struct Writer {
    dialect: Dialect,
    text: String,
}

impl Writer {
    fn opening(&mut self, plan: &Plan) {
        let list = |ids: &[RevisionId]| {
            if ids.is_empty() {
                "an empty database".to_owned()
            } else {
                ids.join(", ")
            }
        };
        let (client, stop) = match self.dialect.family() {
            Family::Postgres => ("psql", "\\set ON_ERROR_STOP on\n"),
            Family::Sqlite => ("sqlite3", ".bail on\n"),
            Family::Mysql => ("mariadb or mysql", ""),
        };
        self.comment(&format!(
            "{} from {} to {}, for {client}.",
            plan.action().name(),
            list(plan.from()),
            list(plan.heads()),
        ));
        self.comment(
            "It stops at the first error, and at once where the database is not where it should be.",
        );
        self.text.push_str(stop);
        self.text.push('\n');
    }

    fn comment(&mut self, words: &str) {
        self.text.push_str(&format!("-- {}\n", comment(words)));
    }

    /// The session as each revision finds it.
    fn enter(&mut self, names: &Names, steps: &[Prepared]) {
        match self.dialect.family() {
            Family::Postgres => {}
            Family::Sqlite => self.statement(PRAGMAS[0]),
            Family::Mysql => {
                if let Some(schema) = names
                    .schema()
                    .filter(|_| steps.iter().any(changes_database))
                {
                    let database = self.dialect.literal(schema);
                    self.statement(&format!(
                        "SELECT IF(DATABASE() = {database}, 1, (SELECT 1 UNION SELECT 2)) LIMIT 1"
                    ));
                }
                self.statement(&mysql::enter(self.dialect));
                if self.dialect == Dialect::Mariadb {
                    self.statement("SET @limbeck_role = CURRENT_ROLE()");
                }
            }
        }
    }

    /// Ends what a step set in the session, outside of transactions.
    fn leave(&mut self, names: &Names, prepared: &Prepared) {
        match self.dialect.family() {
            // Settings, role, temporary tables, prepared statements, cursors and locks.
            Family::Postgres => self.statement("DISCARD ALL"),
            Family::Sqlite => {
                let sets = |statement: &sql::Kind| matches!(statement.class(), Class::Session);
                if prepared.statements().iter().any(|one| sets(&one.kind)) {
                    self.statements(PRAGMAS);
                }
            }
            Family::Mysql => {
                let mut statements = prepared.statements().iter();
                if statements.any(|statement| begins_with(&statement.text, &["SET", "ROLE"])) {
                    self.statement(match self.dialect {
                        Dialect::Mariadb => {
                            "EXECUTE IMMEDIATE IF(@limbeck_role IS NULL, 'SET ROLE NONE', \
                             CONCAT('SET ROLE `', REPLACE(@limbeck_role, '`', '``'), '`'))"
                        }
                        _ => "SET ROLE DEFAULT",
                    });
                }
                let database = names.schema().filter(|_| changes_database(prepared));
                let server = Server {
                    schema: database.map(str::to_owned),
                    ..Server::default()
                };
                self.statements(mysql::leave(self.dialect, &server));
            }
        }
    }

    /// Refuses a database whose heads are others, of whose rows no policy hides any.
    fn expect(&mut self, names: &Names, plan: &Plan) {
        let see_all = see_all(self.dialect);
        if see_all.is_some() {
            self.begin();
            self.statements(see_all);
        }
        self.statements(write::expect_heads(names, plan.from()));
        if see_all.is_some() {
            self.statement("COMMIT");
        }
    }

    fn begin(&mut self) {
        self.statement(match self.dialect.family() {
            Family::Sqlite => "BEGIN IMMEDIATE",
            Family::Postgres => "BEGIN",
            Family::Mysql => "START TRANSACTION",
        });
    }

    fn statement(&mut self, statement: &str) {
        if self.dialect.is_mysql_family() && statement.contains(';') {
            // The client would end the statement at the first semicolon of a compound body.
            let mut delimiter = "//".to_owned();
            while statement.contains(&delimiter) {
                delimiter.push('/');
            }
            self.text.push_str(&format!(
                "DELIMITER {delimiter}\n{statement}\n{delimiter}\nDELIMITER ;\n"
            ));
            return;
        }
        self.text.push_str(statement);
        // On a line of its own where a comment could swallow it.
        let ends_in_comment = statement
            .lines()
            .last()
            .is_some_and(|line| line.contains("--") || line.contains('#'));
        self.text
            .push_str(if ends_in_comment { "\n;\n" } else { ";\n" });
    }

    fn statements<I: IntoIterator<Item: AsRef<str>>>(&mut self, statements: I) {
        for statement in statements {
            self.statement(statement.as_ref());
        }
    }

    /// Statements that raise an error where a check finds rows.
    fn checks(&mut self, name: &str, prepared: &Prepared, check: &Check) {
        for statement in &check.statements {
            self.comment(&format!("{name}, {}:{}", prepared.path, statement.line));
            self.statement(&write::refuse_rows(self.dialect, &statement.text));
        }
    }

    /// The section's time-outs, where the database has such settings.
    fn limits(&mut self, prepared: &Prepared) {
        let limits = [
            (Timeout::Lock, prepared.lock_timeout),
            (Timeout::Statement, prepared.statement_timeout),
        ];
        for (timeout, value) in limits {
            let statement = value.and_then(|value| set_timeout(self.dialect, timeout, value));
            if let Some(statement) = statement.filter(|_| self.dialect.family() != Family::Sqlite) {
                if timeout == Timeout::Statement && self.dialect == Dialect::Mysql {
                    self.comment(
                        "statement_timeout: MySQL itself ends a SELECT by it, and no other statement. A run of limbeck's ends \
                         those from a second connection, which a script has not.",
                    );
                }
                let in_transaction = prepared.is_transactional(self.dialect);
                let statement = if in_transaction {
                    statement
                } else {
                    statement.replace("SET LOCAL", "SET")
                };
                self.statement(&statement);
            }
        }
    }

    fn step(&mut self, migrations: &Migrations, names: &Names, actor: &Actor, prepared: &Prepared) {
        let step = &prepared.step;
        let title = prepared.message.lines().next().unwrap_or_default();
        self.text.push('\n');
        self.comment(&format!(
            "{} {}: {title}",
            step.action.name(),
            step.revision
        ));
        let in_transaction = prepared.is_transactional(self.dialect);
        if prepared.foreign_keys_off {
            self.statements([
                "PRAGMA foreign_keys = OFF",
                "PRAGMA legacy_alter_table = ON",
            ]);
        }
        if in_transaction {
            self.begin();
        }
        self.checks("@require", prepared, &prepared.require);
        self.limits(prepared);
        let texts = prepared
            .statements()
            .iter()
            .map(|statement| &statement.text);
        self.statements(texts.cloned().collect::<Vec<_>>());
        self.checks("@verify", prepared, &prepared.verify);
        if prepared.foreign_keys_off {
            self.statement(&write::refuse_rows(
                self.dialect,
                "SELECT 1 FROM pragma_foreign_key_check",
            ));
        }
        if !in_transaction {
            self.leave(names, prepared);
            self.begin();
        } else if self.dialect.family() == Family::Postgres {
            // What waits for the commit wants the section's settings, limbeck's own statements those that were.
            self.statements([
                "SET CONSTRAINTS ALL IMMEDIATE",
                "RESET SESSION AUTHORIZATION",
                "RESET ROLE",
                "RESET ALL",
            ]);
        }
        self.statements(see_all(self.dialect));
        self.statements(write::move_heads(names, &step.removes, &step.adds));
        self.statements(write::prove_heads(names, &step.removes, &step.adds));
        let count = prepared.statements().len() as u64;
        let lineage = migrations.lineage(&step.revision).map(str::to_owned);
        let mut row = prepare::ledger_row(
            migrations,
            self.dialect,
            &step.revision,
            step.action,
            lineage,
        );
        row.statements = count;
        row.statements_done = count;
        self.statements(write::insert_history(names, actor, &[row]).concat());
        self.statement("COMMIT");
        if prepared.foreign_keys_off {
            self.statements([
                "PRAGMA legacy_alter_table = OFF",
                "PRAGMA foreign_keys = ON",
            ]);
        }
        if in_transaction {
            self.leave(names, prepared);
        }
        debug_assert!(matches!(step.action, Action::Upgrade | Action::Downgrade));
    }
}
