//! Servers' own idea of statements: a whole script in one message against what `sql::split` makes of it,
//! run one by one. Both must leave the same data and catalog, and the server must count as many results.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use futures_util::StreamExt;
use limbeck::Dialect;
use limbeck::sql::{self, InTransaction};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Database, Either, Executor, Row};

use crate::support::servers::{MySqlServer, left_out, server};

/// Stands for the test's own schema or database in the texts here: tests run side by side.
const SCRATCH: &str = "limbeck_split";

/// A place that no other run's tests use.
fn place(name: &str) -> String {
    format!("{SCRATCH}_{name}_{}", std::process::id())
}

/// How many scripts each generator makes.
const GENERATED: u64 = 300;

/// One connection to a scratch schema or database that is emptied before each script.
struct Server<DB: Database> {
    dialect: Dialect,
    connection: DB::Connection,
    /// Makes the scratch place anew, with the table `log (id, txt)`.
    reset: String,
    /// Everything that a script can leave behind, one text a row.
    fingerprint: String,
}

impl<DB: Database> Server<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
{
    /// Sends `text` as it is, and answers how many results came.
    async fn run(&mut self, text: &str) -> Result<usize, String> {
        let mut results = 0;
        let text = sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
        let mut stream = (&mut self.connection).fetch_many(text);
        while let Some(item) = stream.next().await {
            if let Either::Left(_) = item.map_err(|error| error.to_string())? {
                results += 1;
            }
        }
        Ok(results)
    }

    async fn reset(&mut self) {
        let reset = self.reset.clone();
        self.run(&reset)
            .await
            .expect("the scratch place can be made");
    }

    async fn fingerprint(&mut self) -> Vec<String> {
        let query = sqlx::raw_sql(AssertSqlSafe(self.fingerprint.clone()));
        let rows = (&mut self.connection).fetch_all(query).await;
        let rows = rows.expect("the catalog can be read");
        rows.iter()
            .map(|row| {
                let text: String = row.try_get_unchecked(0).expect("text");
                // MySQL keeps behind some bodies what ends them in a whole script.
                let has_end = self.dialect == Dialect::Mysql && !text.starts_with("row ");
                let ends = |c: char| has_end && (c == ';' || c.is_whitespace());
                text.trim_end_matches(ends).to_owned()
            })
            .collect()
    }

    /// Runs what `split` makes of the script, one statement a message.
    async fn one_by_one(&mut self, script: &str) -> (usize, Vec<String>) {
        let statements =
            sql::split(self.dialect, script).unwrap_or_else(|error| panic!("{error}: {script}"));
        self.reset().await;
        for statement in &statements {
            self.run(statement.text())
                .await
                .unwrap_or_else(|error| panic!("{error}: {}\nin: {script}", statement.text()));
        }
        (statements.len(), self.fingerprint().await)
    }

    async fn compare(&mut self, script: &str) {
        self.reset().await;
        // MariaDB counts a comment at the end as one more, empty statement, and MySQL refuses it.
        let end = match sql::split(self.dialect, script) {
            Ok(statements) if self.dialect.is_mysql_family() => {
                statements.last().map_or(0, |last| last.span().end)
            }
            _ => script.len(),
        };
        let results = self
            .run(&script[..end])
            .await
            .unwrap_or_else(|error| panic!("{error}: {script}"));
        let whole = self.fingerprint().await;
        let (statements, single) = self.one_by_one(script).await;
        assert_eq!(statements, results, "the server counts otherwise: {script}");
        assert_eq!(single, whole, "{script}");
        assert!(
            whole.iter().any(|line| line.starts_with("row ")),
            "nothing was written: {script}"
        );
    }

    /// Compares the scripts of these folders, and scripts that the grammar makes.
    async fn compare_all(&mut self, folders: &[&str], grammar: &Grammar) {
        for script in folders.iter().flat_map(|folder| scripts(folder)) {
            self.compare(&script).await;
        }
        for seed in 1..=GENERATED {
            let script = Dice(seed * 7919).script(grammar, ";");
            self.compare(&script).await;
        }
    }
}

async fn postgres(scratch: &str) -> Option<Server<sqlx::Postgres>> {
    let url = server("LIMBECK_TEST_POSTGRES_URL")?;
    let connection = sqlx::PgConnection::connect(&url).await;
    Some(Server {
        dialect: Dialect::Postgres,
        connection: connection.expect("PostgreSQL answers"),
        reset: "SET client_min_messages = warning; DROP SCHEMA IF EXISTS limbeck_split CASCADE; \
            CREATE SCHEMA limbeck_split; SET search_path = limbeck_split; \
            CREATE TABLE log (id serial PRIMARY KEY, txt text)"
            .replace(SCRATCH, scratch),
        fingerprint: "SELECT 'row ' || id || ' ' || coalesce(txt, 'NULL') FROM log \
            UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE pronamespace = 'limbeck_split'::regnamespace \
            UNION ALL SELECT pg_get_ruledef(r.oid) FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class \
                WHERE relnamespace = 'limbeck_split'::regnamespace \
            UNION ALL SELECT concat_ws(' ', table_name, column_name, data_type, column_default) \
                FROM information_schema.columns WHERE table_schema = 'limbeck_split' ORDER BY 1"
            .replace(SCRATCH, scratch),
    })
}

/// A connection to the test's MariaDB or MySQL.
async fn mysql(scratch: &str) -> Option<Server<sqlx::MySql>> {
    let here = MySqlServer::here();
    let options: sqlx::mysql::MySqlConnectOptions = here.url()?.parse().expect("a MySQL URL");
    let mut connection = options.connect().await.expect("the server answers");
    // sqlx sets modes and a collation of its own that change what SQL means.
    (&mut connection)
        .execute("SET SESSION sql_mode = @@GLOBAL.sql_mode, NAMES utf8mb4")
        .await
        .expect("they can be set");
    let parts = [
        ("CONCAT('row ', id, ' ', IFNULL(txt, 'NULL'))", "log"),
        (
            "CONCAT(routine_name, ' ', routine_comment, ' ', IFNULL(routine_definition, ''))",
            "information_schema.routines WHERE routine_schema = 'limbeck_split'",
        ),
        (
            "CONCAT(trigger_name, ' ', action_order, ' ', action_statement)",
            "information_schema.triggers WHERE trigger_schema = 'limbeck_split'",
        ),
        (
            "CONCAT(event_name, ' ', event_comment, ' ', event_definition)",
            "information_schema.events WHERE event_schema = 'limbeck_split'",
        ),
        (
            "CONCAT_WS(' ', table_name, column_name, column_type, column_default)",
            "information_schema.columns WHERE table_schema = 'limbeck_split'",
        ),
    ];
    let parts = parts.map(|(text, from)| {
        format!("SELECT CONVERT({text} USING utf8mb4) COLLATE utf8mb4_bin AS x FROM {from}")
    });
    Some(Server {
        dialect: here.dialect(),
        connection,
        reset: "DROP DATABASE IF EXISTS limbeck_split; CREATE DATABASE limbeck_split CHARACTER SET utf8mb4; \
            USE limbeck_split; CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, txt VARCHAR(200))"
            .replace(SCRATCH, scratch),
        fingerprint: format!("{} ORDER BY 1", parts.join(" UNION ALL ")).replace(SCRATCH, scratch),
    })
}

fn scripts(folder: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/splitter")
        .join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(path)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
        .into_iter()
        .map(|path| std::fs::read_to_string(path).expect("readable"))
        .collect()
}

/// A small deterministic generator: the same seed, the same scripts, on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Marsaglia's xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    /// A template with its `{L}` (a literal), `{_}` (white space and comments) and `{N}` (a number that
    /// no other statement of the script has) filled in.
    fn fill(&mut self, grammar: &Grammar, template: &str, number: usize) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            match &rest[at..at + 3] {
                "{L}" => out.push_str(self.pick(&grammar.literals)),
                "{_}" => out.push_str(self.pick(&grammar.spaces)),
                "{N}" => out.push_str(&number.to_string()),
                other => panic!("{other} in {template}"),
            }
            rest = &rest[at + 3..];
        }
        out + rest
    }

    fn script(&mut self, grammar: &Grammar, end: &str) -> String {
        let mut out = String::new();
        for number in 0..2 + self.roll(8) {
            out.push_str(self.pick(&grammar.spaces));
            let template = if number == 0 {
                grammar.statements[0]
            } else {
                self.pick(&grammar.statements)
            };
            out.push_str(&self.fill(grammar, template, number));
            out.push_str(self.pick(&grammar.tails));
            out.push_str(end);
            out.push_str(self.pick(&grammar.between));
        }
        out
    }
}

struct Grammar {
    statements: Vec<&'static str>,
    literals: Vec<&'static str>,
    spaces: Vec<&'static str>,
    /// Before the delimiter.
    tails: Vec<&'static str>,
    /// After it.
    between: Vec<&'static str>,
}

fn of_postgres() -> Grammar {
    Grammar {
        statements: vec![
            "INSERT INTO log{_}(txt) VALUES{_}({L}),{_}({L})",
            "INSERT INTO log (txt) SELECT{_}CASE WHEN {L} = {L} THEN {L}{_}ELSE {L} END{_}AS{_}end",
            "CREATE TABLE t{N} (a text DEFAULT {L},{_}\"b;{N}\" int,{_}a$b$c int)",
            "CREATE{_}FUNCTION f{N}(a int) RETURNS text{_}BEGIN{_}ATOMIC{_}SELECT {L};{_}SELECT CASE{_}WHEN a > 1 THEN {L}{_}ELSE (SELECT CASE WHEN true THEN {L} END) END{_};{_}END",
            "CREATE{_}OR{_}REPLACE PROCEDURE p{N}() LANGUAGE sql BEGIN ATOMIC INSERT INTO log (txt) VALUES ({L});{_}UPDATE log SET txt = {L} WHERE txt = {L};{_}END;{_}CALL p{N}()",
            "CREATE FUNCTION g{N}() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN{_}IF true THEN RETURN 1;{_}END IF; RETURN 'x;'; END $f$",
            "CREATE TABLE r{N} (a text);{_}CREATE RULE u{N} AS ON INSERT TO r{N} DO ALSO{_}({_}INSERT INTO log (txt) VALUES ({L});{_}DELETE FROM log WHERE txt = {L}){_};{_}INSERT INTO r{N} VALUES ({L})",
            "DO $do${_}BEGIN INSERT INTO log (txt) VALUES ('do;'); END $do$",
            "SELECT{_}{L} AS begin,{_}{L} AS case",
        ],
        literals: vec![
            "'a'",
            "';'",
            "'it''s; '",
            "'\\'",
            "E'\\';'",
            "E'\\\\'",
            "$$;$$",
            "$a$ $$;' $a$",
            "$q$;$qq$q$",
            "'--;'",
            "'/*;'",
            "E'x'\n '\\';'",
            "E'x' -- ;'\n '\\';'",
            "U&'\\0041;'",
            "'é;'",
            "'BEGIN ATOMIC'",
            "N';'",
            "('(;')",
            "E''",
        ],
        spaces: vec![
            " ",
            " ",
            " ",
            "\n",
            "\t",
            " /* ; ' */ ",
            " /* /* ; */ \" */ ",
            " -- ; ' $$\n",
            " --\n",
            " -- ; '\r",
            "/* END */",
        ],
        tails: vec!["", " ", "\n", " -- ; '\n", "/* ; */"],
        between: vec!["", "", "\n", ";", " ;\n; ", "-- ;\n", "/* ; */"],
    }
}

/// Statements that MariaDB and MySQL have.
const BOTH: &[&str] = &[
    "INSERT INTO log{_}(txt) VALUES{_}({L}),{_}({L})",
    "INSERT INTO log (txt) SELECT{_}CASE WHEN {L} = {L} THEN {L}{_}ELSE IF({L} = {L}, {L}, REPEAT({L}, 2)) END{_}AS{_}end",
    "CREATE TABLE t{N} (a VARCHAR(50) DEFAULT 'x;',{_}`b;{N}` INT,{_}end INT, begin INT)",
    "CREATE{_}PROCEDURE p{N}(n INT){_}BEGIN{_}DECLARE end INT DEFAULT 2;{_}IF{_}(n > 1){_}THEN{_}INSERT INTO log (txt) VALUES ({L});{_}ELSE{_}INSERT INTO log (txt) VALUES (CASE{_}WHEN end > 1 THEN {L} END);{_}END{_}IF;{_}END;{_}CALL p{N}(1)",
    "CREATE{_}PROCEDURE{_}q{N}(n INT) l:{_}LOOP{_}SET n = n + 1;{_}IF n > 3 THEN LEAVE l;{_}END IF;{_}END{_}LOOP{_}l;{_}CALL q{N}(1)",
    "CREATE PROCEDURE r{N}(n INT) BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION{_}BEGIN{_}INSERT INTO log (txt) VALUES ({L});{_}END;{_}REPEAT SET n = n + 1;{_}UNTIL n > CASE WHEN 1 THEN 2 END{_}END{_}REPEAT;{_}WHILE{_}n < 9 DO SET n = n + 1;{_}END WHILE;{_}SIGNAL SQLSTATE '45000';{_}END;{_}CALL r{N}(1)",
    "CREATE FUNCTION f{N}(a INT) RETURNS VARCHAR(60) DETERMINISTIC{_}RETURN IF(a IS NULL, {L}, {L});{_}INSERT INTO log (txt) VALUES (f{N}(1))",
    "CREATE FUNCTION g{N}(a INT) RETURNS VARCHAR(60) CHARSET utf8mb4 DETERMINISTIC{_}CASE{_}a WHEN 1 THEN RETURN {L};{_}ELSE BEGIN{_}RETURN {L};{_}END; END{_}CASE;{_}INSERT INTO log (txt) VALUES (g{N}(1))",
    "CREATE TABLE s{N} (a VARCHAR(60), end INT);{_}CREATE TRIGGER u{N} BEFORE INSERT ON s{N} FOR EACH{_}ROW{_}IF{_}NEW.end > 0 THEN INSERT INTO log (txt) VALUES ({L});{_}ELSE{_}BEGIN{_}SET NEW.a = {L};{_}END;{_}END IF;{_}INSERT INTO s{N} (a, end) VALUES ({L}, 1), ({L}, 0)",
    "CREATE EVENT e{N} ON SCHEDULE EVERY 1 DAY DISABLE DO{_}BEGIN{_}DELETE FROM log;{_}DELETE FROM log WHERE txt = {L};{_}END",
    "/*!40101 INSERT INTO log (txt) VALUES ({L}) */",
    "SELECT{_}{L} AS begin,{_}{L} AS end",
    "CREATE PROCEDURE x{N}(){_}((SELECT {L}{_}AS{_}a){_}UNION{_}(SELECT {L})){_}ORDER BY IF(a = {L}, 1,{_}2);{_}DO 0",
];

const MARIADB_ALONE: &[&str] = &[
    "CREATE{_}OR REPLACE{_}PROCEDURE o{N}() CASE{_}WHEN 1 THEN INSERT INTO log (txt) VALUES ({L});{_}END{_}CASE;{_}CALL o{N}()",
    "BEGIN{_}NOT ATOMIC{_}INSERT INTO log (txt) VALUES ({L});{_}FOR i IN 1..2 DO INSERT INTO log (txt) VALUES ({L});{_}END FOR;{_}END",
    "IF{_}1 THEN{_}INSERT INTO log (txt) VALUES ({L});{_}END{_}IF",
];

const MYSQL_ALONE: &[&str] = &[
    "CREATE FUNCTION j{N}(a INT) RETURNS VARCHAR(60){_}DETERMINISTIC{_}LANGUAGE{_}JAVASCRIPT AS{_}$${_}return ';';{_}$$",
    "CREATE PROCEDURE k{N}() LANGUAGE JAVASCRIPT AS{_}$1a$ $$;{_}$1$ $1a$;{_}SELECT 1 AS{_}$1",
    "CREATE LIBRARY i{N}{_}LANGUAGE JAVASCRIPT COMMENT 'as $$;'{_}AS{_}'$$;'",
    "INSERT INTO log (txt) VALUES{_}ROW({L}),{_}ROW({L})",
    "INSERT /*+ SET_VAR(sort_buffer_size = 300000) ; ' */{_}INTO log (txt) VALUES ({L})",
    "/*!80400 INSERT INTO log (txt) VALUES ({L}) */",
    "CREATE PROCEDURE v{N}() EXPLAIN{_}FORMAT = JSON INTO @x{_}SELECT{_}CASE{_}WHEN 1 THEN {L} END",
];

/// The grammar of the test's MariaDB or MySQL.
fn of_mysql() -> Grammar {
    let here = MySqlServer::here();
    let skipped: &[&str] = here.pick(
        &[" /*!50700 ; ' */ "],
        &[" /*!99999 ; ' */ ", " /*M! ; ' */ ", " /*+ ; ' */ "],
    );
    Grammar {
        statements: [BOTH, here.pick(MARIADB_ALONE, MYSQL_ALONE)].concat(),
        literals: vec![
            "'a'",
            "';'",
            "'it''s; '",
            "'\\';'",
            "\"\\\";\"",
            "\"a'\"\";\"",
            "'\\\\'",
            "'-- ;'",
            "'#;'",
            "'/*;'",
            "'é;'",
            "'BEGIN'",
            "_utf8mb4';'",
            "('(;')",
            "'END IF;'",
        ],
        spaces: [SPACES, skipped].concat(),
        // A comment there stays in what the server stores of a body, where the client sends it along.
        tails: vec!["", " ", "\n"],
        between: vec!["", "", "\n", "-- ;\n", "/* ; */", "# '\n"],
    }
}

const SPACES: &[&str] = &[
    " ",
    " ",
    " ",
    "\n",
    "\t",
    " /* ; ' */ ",
    " -- ; '\n",
    " # ; \"\n",
    " --\n",
    " -- ; \r'\n",
    " /*! */ ",
];

#[tokio::test]
async fn postgres_agrees() {
    let Some(mut server) = postgres(&place("whole")).await else {
        return;
    };
    server.compare_all(&["postgres"], &of_postgres()).await;
}

async fn the_server_agrees() {
    let Some(mut server) = mysql(&place("whole")).await else {
        return;
    };
    let own = MySqlServer::here().pick("mariadb", "mysql");
    let folders = ["mysql_family", own];
    server.compare_all(&folders, &of_mysql()).await;
}

/// Whatever might end a line: what stands behind it is code, or a comment, as the server has it.
fn what_might_end_a_comment() -> impl Iterator<Item = String> {
    let ends = "\n\r\u{b}\u{c}\u{8}\u{1a}\u{1c}\u{85}\u{2028}\u{2029}";
    ends.chars().map(|end| {
        format!(
            "INSERT INTO log (txt) VALUES ('a'); -- note{end}INSERT INTO log (txt) VALUES ('b')\n"
        )
    })
}

#[tokio::test]
async fn comments_end_where_postgres_ends_them() {
    let Some(mut server) = postgres(&place("ends")).await else {
        return;
    };
    for script in what_might_end_a_comment() {
        server.compare(&script).await;
    }
}

async fn comments_end_where_the_server_ends_them() {
    let Some(mut server) = mysql(&place("ends")).await else {
        return;
    };
    for script in what_might_end_a_comment() {
        server.compare(&script).await;
    }
}

#[tokio::test]
async fn comments_end_where_sqlite_ends_them() {
    for script in what_might_end_a_comment() {
        let split = sql::split(Dialect::Sqlite, &script).expect("statements");
        let one_by_one = split.iter().map(|one| one.text().to_owned()).collect();
        assert_eq!(
            written_by_sqlite(one_by_one).await,
            written_by_sqlite(vec![script.clone()]).await,
            "{script:?}"
        );
    }
}

async fn written_by_sqlite(texts: Vec<String>) -> Vec<String> {
    let mut sqlite = sqlx::SqliteConnection::connect("sqlite::memory:")
        .await
        .expect("SQLite");
    for text in [vec!["CREATE TABLE log (txt TEXT)".to_owned()], texts].concat() {
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut sqlite)
            .await
            .expect("it runs");
    }
    sqlx::query_scalar::<_, String>("SELECT txt FROM log ORDER BY 1")
        .fetch_all(&mut sqlite)
        .await
        .expect("rows")
}

/// Under the setting that is not the default the server reads a backslash in a string otherwise.
#[tokio::test]
async fn a_backslash_is_what_postgres_makes_it() {
    let Some(mut server) = postgres(&place("backslash")).await else {
        return;
    };
    server
        .run("SET standard_conforming_strings = off; SET escape_string_warning = off")
        .await
        .expect("it can be set");
    for script in [
        "INSERT INTO log (txt) VALUES ('it\\'s; x');INSERT INTO log (txt) VALUES ('a\\\\');",
        "INSERT INTO log (txt) VALUES ('it\\'s; x'), (E'it\\'s;'), ('that\\'s') -- it's\n;SELECT ';\\''",
    ] {
        server.compare(script).await;
    }
}

/// `NO_BACKSLASH_ESCAPES` is that setting of MariaDB and MySQL.
async fn a_backslash_is_what_the_server_makes_it() {
    let Some(mut server) = mysql(&place("backslash")).await else {
        return;
    };
    server
        .run("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
        .await
        .expect("it can be set");
    let bodies =
        "BEGIN INSERT INTO log (txt) VALUES ('C:\\'); INSERT INTO log (txt) VALUES (\"D:\\\"); END";
    let mut scripts = vec![
        "INSERT INTO log (txt) VALUES ('C:\\');INSERT INTO log (txt) VALUES (\"D:\\\");".to_owned(),
        format!("CREATE PROCEDURE p() {bodies}; CALL p()"),
    ];
    if MySqlServer::here() == MySqlServer::Mariadb {
        scripts.push(bodies.replace("BEGIN", "BEGIN NOT ATOMIC"));
    }
    for script in scripts {
        server.compare(&script).await;
    }
}

/// The client runs what it splits by `DELIMITER`; a server never sees that command.
async fn the_client_agrees_on_delimiters() {
    if Command::new("mariadb").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("LIMBECK_TEST_REQUIRE_SERVERS").is_none(),
            "servers are required, and the mariadb client is not there"
        );
        left_out("no mariadb client, DELIMITER is not compared with it");
        return;
    }
    let here = MySqlServer::here();
    let Some(url) = here.url() else {
        return;
    };
    let Some(mut server) = mysql(&place("client")).await else {
        return;
    };
    let mut all = scripts("mariadb_client");
    let grammar = Grammar {
        // Dollar quotes would hold a delimiter, which the client does not know.
        statements: [BOTH, here.pick(MARIADB_ALONE, &[])].concat(),
        // The client is MariaDB's: it reads quotes in a `/*!` comment even where the server skips it, and code in `/*M!`.
        spaces: vec![
            " ",
            " ",
            "\n",
            "\t",
            " /* ; ' */ ",
            " -- ; '\n",
            " # ; \"\n",
            " /*! */ ",
        ],
        // Without white space the client takes the `//` out of `*///`.
        tails: vec![" ", "\n"],
        between: vec!["", "\n", " \n\n"],
        ..of_mysql()
    };
    for seed in 1..=GENERATED / 10 {
        for delimiter in ["//", "$$", ";;", "|"] {
            let script = Dice(seed * 104_729).script(&grammar, delimiter);
            all.push(format!(
                "DELIMITER {delimiter}\n{script}\nDELIMITER ;\nINSERT INTO log (txt) VALUES ('z')"
            ));
        }
    }
    for script in all {
        server.reset().await;
        client(&url, &script);
        let whole = server.fingerprint().await;
        let (_, single) = server.one_by_one(&script).await;
        assert_eq!(single, whole, "{script}");
    }
}

fn client(url: &str, script: &str) {
    let options: sqlx::mysql::MySqlConnectOptions = url.parse().expect("a MySQL URL");
    let password = url
        .split_once("://")
        .and_then(|(_, rest)| rest.rsplit_once('@')?.0.split_once(':'))
        .map_or("", |(_, password)| password);
    let mut child = Command::new("mariadb")
        .args([
            "--no-defaults",
            "--comments",
            "--default-character-set=utf8mb4",
            // The server's collation, not the client's.
            "--init-command=SET NAMES utf8mb4",
        ])
        .args([
            "--protocol=tcp",
            "-h",
            options.get_host(),
            "-u",
            options.get_username(),
        ])
        .args(["-P", &options.get_port().to_string(), &place("client")])
        .env("MYSQL_PWD", password)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the client starts");
    child
        .stdin
        .take()
        .expect("it is piped")
        .write_all(script.as_bytes())
        .expect("the client reads");
    let output = child.wait_with_output().expect("the client ends");
    assert!(
        output.status.success(),
        "{}: {script}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The classifier's word on implicit commits against the server's deed.
async fn the_server_commits_where_classify_says_so() {
    let scratch = place("commits");
    let Some(mut server) = mysql(&scratch).await else {
        return;
    };
    let here = MySqlServer::here();
    let prepare = "CREATE TABLE t (a INT); DROP TEMPORARY TABLE IF EXISTS tt; CREATE TEMPORARY TABLE tt (a INT); \
        CREATE VIEW v AS SELECT 1 AS a; CREATE PROCEDURE pr() DO 1; PREPARE ready FROM 'SELECT 1'";
    let both = [
        "CREATE TABLE c1 (a INT)",
        "CREATE TEMPORARY TABLE c2 (a INT)",
        "DROP TEMPORARY TABLE tt",
        "ALTER TABLE tt ADD b INT",
        "CREATE INDEX i ON tt (a)",
        "TRUNCATE t",
        "ANALYZE TABLE t",
        "OPTIMIZE TABLE t",
        "CHECK TABLE t",
        "CHECKSUM TABLE t",
        "REPAIR TABLE t",
        "FLUSH STATUS",
        "LOCK TABLES t READ, log READ",
        "GRANT SELECT ON limbeck_split_commits.* TO CURRENT_USER",
        "RENAME TABLE t TO t2",
        "CREATE OR REPLACE VIEW v AS SELECT 2 AS a",
        "DO 1",
        "SHOW TABLES",
        "EXPLAIN SELECT 1",
        "USE limbeck_split_commits",
        "CREATE TABLE c3 SELECT 1 AS a",
        "SAVEPOINT s",
        "DROP TABLE IF EXISTS nope",
        "INSERT INTO t VALUES (1)",
        "REPLACE INTO t VALUES (1)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "/*!40101 CREATE TABLE c5 (a INT) */",
        "BEGIN",
        "START TRANSACTION",
        "COMMIT",
        "ROLLBACK",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
        "PREPARE s FROM 'SELECT 1'",
        "DROP PREPARE ready",
        "DEALLOCATE PREPARE ready",
        "ALTER PROCEDURE pr COMMENT 'x'",
        "CREATE TEMPORARY TABLE c6 SELECT 1 AS a",
        "TRUNCATE tt",
        "FLUSH TABLES t",
        "HELP 'x'",
        "HANDLER t OPEN",
        "CACHE INDEX t IN default",
        "LOAD INDEX INTO CACHE t",
        "ALTER DATABASE limbeck_split_commits CHARACTER SET utf8mb4",
        "SET ROLE NONE",
        "SIGNAL SQLSTATE '01000'",
        "GET DIAGNOSTICS @n = NUMBER",
    ];
    let alone: &[&str] = here.pick(
        &[
            "SET SESSION max_statement_time = 0",
            "CREATE OR REPLACE PROCEDURE pr() DO 2",
            "CREATE SEQUENCE sq",
            "CREATE TEMPORARY SEQUENCE ts",
            "DROP TEMPORARY SEQUENCE IF EXISTS ts",
            "RESET QUERY CACHE",
            "CHECK VIEW v",
            "ANALYZE SELECT 1",
            "ALTER SEQUENCE fine RESTART 5",
            "SELECT NEXTVAL(fine)",
            "ALTER DATABASE limbeck_split_commits COMMENT 'x'",
            "SET STATEMENT max_statement_time = 1 FOR CREATE TABLE c4 (a INT)",
        ],
        &[
            "SET SESSION max_execution_time = 0",
            "TABLE log",
            "VALUES ROW(1)",
            "EXPLAIN ANALYZE SELECT 1",
            "EXPLAIN FORMAT = JSON INTO @x SELECT 1",
            "ANALYZE TABLE t UPDATE HISTOGRAM ON a",
            "ALTER DATABASE limbeck_split_commits READ ONLY = 0",
            "RESET PERSIST IF EXISTS max_execution_time",
            "CREATE LIBRARY l LANGUAGE JAVASCRIPT AS $$ ; $$",
            "DROP LIBRARY IF EXISTS l",
            "CREATE JSON RELATIONAL DUALITY VIEW jv AS SELECT JSON_DUALITY_OBJECT('_id': id, 'txt': txt) FROM log",
            "ALTER TABLE t DISCARD TABLESPACE",
            "/*!99999 CREATE TABLE c5 (a INT) */",
        ],
    );
    for statement in both.iter().chain(alone) {
        let statement = statement.replace("limbeck_split_commits", &scratch);
        let statement = statement.as_str();
        server.reset().await;
        server.run(prepare).await.expect("it can be prepared");
        if here == MySqlServer::Mariadb {
            let sequence = server.run("CREATE SEQUENCE fine").await;
            sequence.expect("it can be made");
        }
        server
            .run("START TRANSACTION; INSERT INTO log (txt) VALUES ('x')")
            .await
            .expect("a transaction begins");
        server
            .run(statement)
            .await
            .unwrap_or_else(|error| panic!("{error}: {statement}"));
        server
            .run("ROLLBACK; UNLOCK TABLES")
            .await
            .expect("the transaction ends");
        let rows = server.fingerprint().await;
        let committed = rows.iter().any(|line| line.starts_with("row "));
        let expected = match sql::classify(here.dialect(), statement).in_transaction() {
            InTransaction::Commits => true,
            InTransaction::Controls => statement != "ROLLBACK",
            _ => false,
        };
        assert_eq!(committed, expected, "{statement}");
    }
}

/// The classifier's word on what cannot run in a transaction block against the server's refusal (25001).
#[tokio::test]
async fn postgres_refuses_where_classify_says_so() {
    let scratch = place("refused");
    let Some(mut server) = postgres(&scratch).await else {
        return;
    };
    let prepare = "CREATE TABLE t (a int PRIMARY KEY); CREATE INDEX i ON t (a); CREATE TYPE e AS ENUM ('a'); \
        CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE UNIQUE INDEX vi ON v (a); \
        CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2)";
    let statements = [
        "VACUUM t",
        "VACUUM (ANALYZE) t",
        "ANALYZE t",
        "CLUSTER",
        "CLUSTER t USING t_pkey",
        "REINDEX TABLE t",
        "REINDEX INDEX CONCURRENTLY i",
        "REINDEX (CONCURRENTLY) TABLE t",
        "REINDEX SCHEMA limbeck_split_refused",
        "CREATE INDEX CONCURRENTLY j ON t (a)",
        "CREATE INDEX j ON t (a)",
        "DROP INDEX CONCURRENTLY i",
        "DROP INDEX i",
        "CREATE DATABASE limbeck_never",
        "DROP DATABASE IF EXISTS limbeck_never",
        "CREATE TABLESPACE x LOCATION '/nowhere'",
        "DROP TABLESPACE IF EXISTS limbeck_never",
        "ALTER SYSTEM SET work_mem = '4MB'",
        "DISCARD ALL",
        "DISCARD TEMP",
        "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
        "ALTER TABLE p DETACH PARTITION p1",
        "ALTER TYPE e ADD VALUE 'b'",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
        "REFRESH MATERIALIZED VIEW v",
        "COMMIT PREPARED 'x'",
        "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p",
        "LOCK TABLE t",
        "TRUNCATE t",
        "SAVEPOINT s",
        "SET TRANSACTION READ ONLY",
        "DO $$ BEGIN END $$",
        "COMMENT ON TABLE t IS 'x'",
        "CHECKPOINT",
        "ALTER DATABASE postgres SET TABLESPACE pg_default",
    ];
    for statement in
        statements.map(|statement| statement.replace("limbeck_split_refused", &scratch))
    {
        let statement = statement.as_str();
        server.reset().await;
        server.run(prepare).await.expect("it can be prepared");
        server.run("BEGIN").await.expect("a transaction begins");
        let refused = match server.run(statement).await {
            Ok(_) => false,
            Err(error) if error.contains("transaction block") => true,
            Err(error) => panic!("{error}: {statement}"),
        };
        server.run("ROLLBACK").await.expect("the transaction ends");
        let said = sql::classify(Dialect::Postgres, statement).in_transaction();
        assert_eq!(said == InTransaction::Refused, refused, "{statement}");
    }
}

crate::support::on_mysql!(
    the_server_agrees,
    comments_end_where_the_server_ends_them,
    a_backslash_is_what_the_server_makes_it,
    the_client_agrees_on_delimiters,
    the_server_commits_where_classify_says_so,
);
