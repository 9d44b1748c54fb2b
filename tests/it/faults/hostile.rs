//! Names and values with SQL in them, in every place that reaches SQL: what is stored is what was given, and a
//! table that every injection tries to drop stays as it is.

use limbeck::error::RunError;
use limbeck::ledger::State;
use limbeck::plan::Purge;
use limbeck::revision::{NewRevision, NewSection, SectionKind};
use limbeck::{Dialect, Error, Migrations, Migrator, Range, Revision};

use crate::support::soak::tell;
use crate::support::{migrations, on_each};

/// Pieces that mean something to a parser of SQL, of formats or of terminals.
const HOSTILE: [&str; 30] = [
    "it's",
    "'",
    "''",
    "a\"b",
    "\"\"",
    "a`b",
    "``",
    "back\\slash",
    "\\",
    "\\'; DROP TABLE victim; --",
    "'; DROP TABLE victim; --",
    "\"; DROP TABLE victim; --",
    "`; DROP TABLE victim; --",
    "'); DROP TABLE victim; /*",
    "*/ DROP TABLE victim; /*",
    "/*! DROP TABLE victim */",
    "-- comment",
    "# comment",
    ";",
    "100%s %d %n %%",
    "{} {0} {name}",
    "$1 $$ $a$ $$; DROP TABLE victim; $$",
    "? ?1 :name @var @@global",
    "line\nbreak\r\nand\ttab",
    "שלום \u{202e}txt.sql",
    "e\u{301}\u{327}o\u{308}",
    "🦀 𝕊 \u{10ffff}",
    "\u{1b}[31m\u{7}\u{7f}",
    "E'\\x27' X'27' U&'\\0027'",
    "%27%20OR%201=1",
];

/// Each of them between two letters, without what the rule for words forbids.
fn words() -> Vec<String> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || ",@+-:".contains(c);
    HOSTILE
        .iter()
        .enumerate()
        .map(|(at, text)| format!("r{at}{}", text.replace(forbidden, "")))
        .collect()
}

const VICTIM: &str = "CREATE TABLE victim (id INT NOT NULL); INSERT INTO victim VALUES (7)";

/// A chain of revisions with these ids, each of which leaves its number.
fn chain(ids: &[String]) -> Migrations {
    let files = ids.iter().enumerate().map(|(at, id)| {
        let up =
            NewSection::new(SectionKind::Upgrade).body(format!("INSERT INTO seen VALUES ({at});"));
        let down = NewSection::new(SectionKind::Downgrade)
            .body(format!("DELETE FROM seen WHERE id = {at};"));
        let new = NewRevision::new(id)
            .message(HOSTILE[at % HOSTILE.len()])
            .section(up)
            .section(down);
        let new = match at {
            0 => new,
            at => new.down_revision([&ids[at - 1]]),
        };
        let text = new
            .branch_labels([format!("label_{id}")])
            .to_text()
            .expect("a file");
        Revision::parse(format!("{at}'\"`;.sql"), text).expect("what was written can be read")
    });
    Migrations::new(files.collect::<Vec<_>>()).expect("a graph")
}

fn run_error(error: &Error) -> &RunError {
    match error {
        Error::Run(run) => run,
        other => panic!("{other}"),
    }
}

/// As text columns hold it: no database keeps a NUL in one.
fn stored(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

on_each! {
    /// Version table and ledger under each name, one after the other in one database: the names are in the catalog
    /// as they were given, or the server refuses one by name and nothing at all was created.
    async fn tables_of_any_name(db) {
        db.run(VICTIM).await;
        let (mut refused, mut runs) = (Vec::new(), 0);
        for name in HOSTILE {
            let before = db.tables().await;
            let files = migrations(&[("a", "", "", "-- @upgrade\nUPDATE victim SET id = id + 1;\n-- @downgrade\nUPDATE victim SET id = id - 1;\n")]);
            let history = format!("{name} history");
            let migrator = Migrator::new(&db.pool, files).version_table(name).history_table(&history).application(name);
            runs += 1;
            match migrator.upgrade_to_head().await {
                Ok(report) => {
                    assert_eq!(report.current, ["a"], "{name:?}");
                    let mut expected = before.clone();
                    expected.extend([name.to_owned(), history.clone(), format!("{history}_lock")]);
                    expected.sort();
                    let mut after = db.tables().await;
                    after.sort();
                    assert_eq!(after, expected, "{name:?}");
                    assert_eq!(migrator.current().await.expect("current"), ["a"]);
                    assert_eq!(migrator.status().await.expect("status").pending, [""; 0]);
                    assert_eq!(migrator.ledger().await.expect("the ledger").len(), 1, "{name:?}");
                    assert!(migrator.downgrade("base").await.expect("downgrade").current.is_empty());
                    migrator.stamp("a", Purge::Clear).await.map(drop).expect("stamp");
                    migrator.stamp("base", Purge::Keep).await.map(drop).expect("stamp");
                }
                Err(error) => {
                    let kind = error.kind();
                    assert!(matches!(kind, "bookkeeping" | "bad_name"), "{name:?}: {kind}: {error}");
                    assert_eq!(db.tables().await, before, "{name:?}: {error}");
                    if db.dialect.is_mysql_family() {
                        assert_eq!(kind, "bad_name", "{name:?}: {error}");
                    }
                    refused.push(name);
                }
            }
            assert_eq!(db.strings("SELECT id FROM victim").await, ["7"], "{name:?}");
        }
        // MySQL's names hold nothing beyond the basic plane.
        let expected: &[&str] = if db.dialect.is_mysql_family() { &["🦀 𝕊 \u{10ffff}"] } else { &[] };
        tell(&format!("hostile table names, {}", db.dialect), runs, refused.len() - expected.len().min(refused.len()), format!("refused by name: {}", refused.len()));
        assert_eq!(refused, expected);
    }

    /// Revision ids, labels, messages, paths and the application's name come back as they were given.
    async fn values_of_any_kind(db) {
        db.run(VICTIM).await;
        db.run("CREATE TABLE seen (id INT NOT NULL)").await;
        let ids = words();
        let application = HOSTILE.join("\0");
        let files = chain(&ids);
        let migrator = Migrator::new(&db.pool, files.clone()).application(&application);
        let report = migrator.upgrade_to_head().await.expect("upgrade");
        assert_eq!(report.steps.len(), ids.len());
        assert_eq!(db.strings("SELECT id FROM seen").await.len(), ids.len());
        let ledger = migrator.ledger().await.expect("the ledger");
        let mut wrong = 0;
        for (entry, id) in ledger.iter().zip(&ids) {
            let revision = files.get(id).expect("embedded");
            let expected = (id.clone(), revision.message().to_owned(), Some(stored(&application)));
            let found = (entry.revision.to_string(), entry.message.clone(), entry.application.clone());
            wrong += usize::from(found != expected);
            let parents: Vec<&str> = revision.down_revision().iter().map(|id| &**id).collect();
            assert_eq!(entry.down_revision, parents);
        }
        assert_eq!(ledger.len(), ids.len());
        assert_eq!(migrator.current().await.expect("current"), [ids.last().expect("one").clone()]);
        assert!(migrator.status().await.expect("status").unverified.is_empty(), "each row is found by its id");
        for id in ids.iter().rev() {
            assert_eq!(migrator.show(&format!("label_{id}")).await.expect("a label")[0].revision, *id);
            assert_eq!(migrator.current().await.expect("current"), [id.as_str()]);
            let _ = migrator.downgrade("-1").await.unwrap_or_else(|error| panic!("{id:?}: {error}"));
            wrong += usize::from(!matches!(run_error(&migrator.resolve(id, limbeck::Resolution::Applied).await.expect_err("nothing")), RunError::NothingToResolve { .. }));
        }
        assert!(db.strings("SELECT id FROM seen").await.is_empty());
        let script = migrator.script_dialect(db.dialect).upgrade_sql(&Range::all()).expect("a script");
        let mut connection = db.pool.acquire().await.expect("a connection");
        for statement in limbeck::sql::split(db.dialect, &without_client_commands(&script)).expect("SQL") {
            let text = sqlx::AssertSqlSafe(statement.text().to_owned());
            let ran = sqlx::raw_sql(text).execute(&mut *connection).await;
            ran.map(drop).unwrap_or_else(|error| panic!("{}: {error}", statement.text()));
        }
        drop(connection);
        assert_eq!(db.strings("SELECT id FROM seen").await.len(), ids.len(), "the script is the run");
        assert_eq!(db.strings("SELECT version_num FROM limbeck_version").await, [ids.last().expect("one").clone()]);
        assert_eq!(db.strings("SELECT id FROM victim").await, ["7"]);
        tell(&format!("hostile ids, labels, messages, {}", db.dialect), ids.len(), wrong, "each read back as it was written");
        assert_eq!(wrong, 0);
    }

    /// The server's error texts come back into the ledger, and what they quote does no harm there.
    async fn error_texts_of_any_kind(db) {
        db.run(VICTIM).await;
        let mut wrong = 0;
        for (at, text) in HOSTILE.iter().enumerate() {
            let files = raising(db.dialect, &format!("r{at}"), text);
            let migrator = Migrator::new(&db.pool, files).version_table(format!("v{at}"));
            migrator.ensure_tables().await.expect("limbeck's own tables");
            let error = migrator.upgrade_to_head().await.expect_err("it raises");
            let RunError::Statement(error) = run_error(&error) else { panic!("{text:?}: {error}") };
            let told = in_message(db.dialect, text);
            assert!(error.message.contains(&told), "{told:?} in {:?}", error.message);
            let ledger = migrator.ledger().await.expect("the ledger");
            let recorded = ledger[0].error.clone().unwrap_or_default();
            // A CALL that failed may have left a part of its effect.
            let state = if db.dialect.is_mysql_family() { State::Running } else { State::Failed };
            let is_there = ledger.len() == 1 && ledger[0].state == state && recorded.contains(&error.message);
            wrong += usize::from(!is_there);
            assert_eq!(db.strings("SELECT id FROM victim").await, ["7"], "{text:?}");
        }
        tell(&format!("hostile error texts, {}", db.dialect), HOSTILE.len(), wrong, "each in the error and in the ledger");
        assert_eq!(wrong, 0);
    }

    /// An error of a migration's own that reads like one of limbeck's guards is the migration's.
    async fn errors_that_look_like_limbecks(db) {
        db.run(VICTIM).await;
        let statements: &[&str] = match db.dialect {
            Dialect::Sqlite => &["SELECT abs(-9223372036854775808)"],
            Dialect::Postgres => &[
                "SELECT CAST('limbeck guard: rows changed 1' AS int)",
                "DO $$ BEGIN RAISE EXCEPTION 'limbeck guard: rows changed 0' USING ERRCODE = '22P02'; END $$",
                "DO $$ BEGIN RAISE EXCEPTION 'transaction blocks not allowed'; END $$",
                "DO $$ BEGIN RAISE EXCEPTION 'there is no transaction in progress' USING ERRCODE = '25P02'; END $$",
            ],
            _ => &[
                "INSERT INTO victim SELECT (SELECT 1 UNION SELECT 2)",
                "SIGNAL SQLSTATE '42000' SET MESSAGE_TEXT = 'Subquery returns more than 1 row'",
            ],
        };
        for (at, statement) in statements.iter().enumerate() {
            for mode in ["", " autocommit"] {
                let sections = format!("-- @upgrade{mode}\n{statement};\n-- @downgrade\n");
                let id = format!("r{at}");
                let migrator = Migrator::new(&db.pool, migrations(&[(&id, "", "", &sections)])).version_table(format!("v{at}{}", mode.trim()));
                migrator.ensure_tables().await.expect("limbeck's own tables");
                let error = migrator.upgrade_to_head().await.expect_err("it raises");
                assert!(matches!(run_error(&error), RunError::Statement(_)), "{statement}: {error}");
                assert_eq!(migrator.ledger().await.expect("the ledger").len(), 1, "{statement}");
            }
        }
    }

    /// What `@require` and `@verify` find is shown, and goes nowhere else than into the ledger.
    async fn violations_of_any_kind(db) {
        db.run(VICTIM).await;
        let kind = if db.dialect.is_mysql_family() { "VARCHAR(200) CHARACTER SET utf8mb4" } else { "TEXT" };
        db.run(&format!("CREATE TABLE bad (id INT, note {kind})")).await;
        for (at, text) in HOSTILE.iter().enumerate() {
            let note = quoted(db.dialect, text);
            db.run(&format!("DELETE FROM bad; INSERT INTO bad VALUES ({at}, {note})")).await;
            for check in ["@require", "@verify"] {
                let sections = format!("-- {check}\nSELECT id, note FROM bad WHERE note = {note};\n-- @upgrade\nUPDATE victim SET id = 7;\n");
                let migrator = Migrator::new(&db.pool, migrations(&[("a", "", "", &sections)])).version_table(format!("v{at}{}", &check[1..]));
                let error = migrator.upgrade_to_head().await.expect_err("a row is there");
                let RunError::Violation(violation) = run_error(&error) else { panic!("{error}") };
                assert_eq!(violation.rows, [[Some(at.to_string()), Some((*text).to_owned())]]);
                assert!(migrator.current().await.expect("current").is_empty());
                migrator.ledger().await.map(drop).expect("the ledger");
            }
        }
        assert_eq!(db.strings("SELECT id FROM victim").await, ["7"]);
    }
}

/// A script without the lines that only `psql`, `mariadb` or `sqlite3` reads.
fn without_client_commands(script: &str) -> String {
    script
        .lines()
        .filter(|line| !line.starts_with('\\') && !line.starts_with(".bail"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// A literal written by other rules than limbeck's own: by the bytes.
fn quoted(dialect: Dialect, text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    match dialect {
        Dialect::Sqlite => format!("CAST(x'{hex}' AS TEXT)"),
        Dialect::Postgres => format!("convert_from('\\x{hex}'::bytea, 'UTF8')"),
        _ => format!("CONVERT(X'{hex}' USING utf8mb4)"),
    }
}

/// A text as the server's message has it that quotes a statement of a file. The messages of MariaDB and MySQL hold nothing
/// beyond the basic plane, and MariaDB's show what a terminal would obey.
fn in_message(dialect: Dialect, text: &str) -> String {
    match dialect {
        // It stands in the file as it is, whose lines end in LF.
        Dialect::Sqlite => return text.replace("\r\n", "\n"),
        Dialect::Postgres => return text.to_owned(),
        _ => {}
    }
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' => c.to_string(),
        '\u{10000}'.. => "?".to_owned(),
        c if c.is_control() && dialect == Dialect::Mariadb => format!("\\{:04X}", c as u32),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// A revision whose statement fails with this text in the server's message.
fn raising(dialect: Dialect, id: &str, text: &str) -> Migrations {
    let statements = match dialect {
        // No such column as one of this name.
        Dialect::Sqlite => format!("SELECT [{text}] FROM victim;"),
        Dialect::Postgres => {
            let text = quoted(dialect, text);
            format!("DO $body$ BEGIN RAISE EXCEPTION USING MESSAGE = {text}; END $body$;")
        }
        _ => {
            let text = quoted(dialect, text);
            format!(
                "DELIMITER //\nCREATE PROCEDURE raise_{id}() BEGIN DECLARE told VARCHAR(200) CHARACTER SET utf8mb4 DEFAULT {text}; \
                 SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = told; END//\nDELIMITER ;\nCALL raise_{id}();"
            )
        }
    };
    migrations(&[(
        id,
        "",
        "",
        &format!("-- @upgrade [{dialect}]\n{statements}\n-- @upgrade\n"),
    )])
}
