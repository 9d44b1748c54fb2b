//! `check`: what it tells, by which exit code, and what it does not take.

use serde_json::json;

use crate::cli::{Place, Said};
use crate::support::on_each;

/// A database at the head of one revision.
fn place(upgrade: &str) -> Place {
    let place = Place::new(&[(
        "a1",
        "",
        "",
        &format!("-- @upgrade\n{upgrade}\n-- @downgrade\n"),
    )]);
    let said = place.call(&["upgrade", "head", "--database-url", "sqlite:app.db"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    place
}

/// `check` of the place's database with this `schema.sql`.
fn check(place: &Place, schema: &str, arguments: &[&str]) -> Said {
    place.write("schema.sql", schema);
    let command = ["check", "--database-url", "sqlite:app.db"];
    place.call(&[&command, arguments].concat())
}

fn told(said: &Said) -> String {
    format!("{}{}exit code {}", said.stdout, said.stderr, said.code)
}

const LIVE: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, age INTEGER);
CREATE INDEX users_age ON users (age);
CREATE TABLE audit_log (entry TEXT);
CREATE VIEW adults AS SELECT id FROM users WHERE age >= 18;";

#[test]
fn nothing_differs() {
    let place = place(LIVE);
    let said = check(&place, LIVE, &[]);
    assert_eq!(
        (said.code, &*said.stdout, &*said.stderr),
        (0, "nothing differs from schema.sql\n", "")
    );
    let said = check(&place, LIVE, &["--json"]);
    assert_eq!(said.json(), json!({ "changes": [], "notes": [] }));
    // Without a folder of revisions, and with another file.
    place.write("other.sql", LIVE);
    std::fs::remove_file(place.path("schema.sql")).expect("a file");
    let arguments = [
        "check",
        "--database-url=sqlite:app.db",
        "--schema=other.sql",
        "--dir=nowhere",
    ];
    let said = place.call(&arguments);
    assert_eq!(
        (said.code, &*said.stdout),
        (0, "nothing differs from other.sql\n")
    );
}

#[test]
fn what_differs_is_listed_by_table() {
    let place = place(LIVE);
    let desired = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, age INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id));
CREATE VIEW adults AS SELECT id FROM users WHERE age >= 21;";
    let said = check(&place, desired, &[]);
    insta::assert_snapshot!(told(&said), @r"
    audit_log:
      drop table audit_log (lossy: its rows are lost)
    orders:
      create table orders
    users:
      drop column users.mail (lossy: its data are lost)
      add column users.email
      drop index users_age of users
    other objects:
      alter view adults
    6 changes lead from the database to schema.sql (2 lossy)
    note: perhaps column users.mail was renamed to email: if so, write `-- renamed from: mail` above the new one
    exit code 3
    ");
    let said = check(&place, desired, &["--json"]);
    assert_eq!((said.code, &*said.stderr), (3, ""));
    insta::assert_snapshot!(said.stdout, @r#"
    {
      "changes": [
        {
          "kind": "drop_table",
          "subject": "table audit_log",
          "table": "audit_log",
          "class": "lossy",
          "reason": "its rows are lost"
        },
        {
          "kind": "create_table",
          "subject": "table orders",
          "table": "orders",
          "class": "safe",
          "reason": null
        },
        {
          "kind": "drop_column",
          "subject": "column users.mail",
          "table": "users",
          "class": "lossy",
          "reason": "its data are lost"
        },
        {
          "kind": "add_column",
          "subject": "column users.email",
          "table": "users",
          "class": "safe",
          "reason": null
        },
        {
          "kind": "drop_index",
          "subject": "index users_age of users",
          "table": "users",
          "class": "safe",
          "reason": null
        },
        {
          "kind": "alter_object",
          "subject": "view adults",
          "table": null,
          "class": "safe",
          "reason": null
        }
      ],
      "notes": [
        "perhaps column users.mail was renamed to email: if so, write `-- renamed from: mail` above the new one"
      ]
    }
    "#);
    let said = check(
        &place,
        desired,
        &[
            "--exclude",
            "table:audit_*",
            "--exclude",
            "kind:view",
            "--exclude=orders",
        ],
    );
    insta::assert_snapshot!(told(&said), @r"
    users:
      drop column users.mail (lossy: its data are lost)
      add column users.email
      drop index users_age of users
    3 changes lead from the database to schema.sql (1 lossy)
    note: perhaps column users.mail was renamed to email: if so, write `-- renamed from: mail` above the new one
    exit code 3
    ");
    let said = check(&place, desired, &["--include", "view:a*"]);
    insta::assert_snapshot!(told(&said), @r"
    other objects:
      alter view adults
    1 change leads from the database to schema.sql
    exit code 3
    ");
    let said = check(&place, desired, &["--exclude", "*"]);
    assert_eq!((said.code, &*said.stderr), (0, ""));
}

/// A difference that the next upgrade makes is told as one.
#[test]
fn a_database_that_is_behind() {
    let place = place(LIVE);
    place.write(
        "migrations/b2.sql",
        "-- revision: b2\n-- down_revision: a1\n\n-- @upgrade\nDROP TABLE audit_log;\n-- @downgrade\n",
    );
    let desired = LIVE.replace("CREATE TABLE audit_log (entry TEXT);\n", "");
    insta::assert_snapshot!(told(&check(&place, &desired, &[])), @r"
    audit_log:
      drop table audit_log (lossy: its rows are lost)
    1 change leads from the database to schema.sql (1 lossy)
    note: the database is not at the heads: `b2` is not applied (`limbeck upgrade heads` applies it); what differs may be what is pending
    exit code 3
    ");
    let said = place.call(&["upgrade", "head", "--database-url=sqlite:app.db"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(check(&place, &desired, &[]).code, 0);
}

#[test]
fn the_schema_from_standard_input() {
    let place = place(LIVE);
    place.write("schema.sql", LIVE);
    let command = format!(
        "{} check --schema - --database-url sqlite:app.db < schema.sql",
        env!("CARGO_BIN_EXE_limbeck")
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &command])
        .current_dir(place.path(""))
        .output()
        .expect("a shell");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "nothing differs from <standard input>\n"
    );
}

/// What a file of another system has: a byte-order mark, CRLF.
#[test]
fn a_file_from_elsewhere() {
    let place = place(LIVE);
    let schema = format!("\u{feff}{}", LIVE.replace('\n', "\r\n"));
    assert_eq!(check(&place, &schema, &[]).code, 0);
}

#[test]
fn a_schema_that_is_none() {
    let place = place(LIVE);
    let said = place.call(&["check", "--database-url=sqlite:app.db", "--schema=no.sql"]);
    insta::assert_snapshot!(told(&said), @r"
    error: the desired schema, no.sql, could not be read: --schema names another file
      caused by: No such file or directory (os error 2)
    exit code 1
    ");
    let kind = |schema: &str| {
        let said = check(&place, schema, &["--json"]);
        assert_eq!(said.code, 1, "{}", said.stderr);
        said.kind()
    };
    std::fs::write(place.path("no.sql"), b"\xff").expect("a file");
    let said = place.call(&[
        "check",
        "--database-url=sqlite:app.db",
        "--schema=no.sql",
        "--json",
    ]);
    assert_eq!((said.code, &*said.kind()), (1, "unreadable_schema"));

    let open = "CREATE TABLE a (x INTEGER);\n\nCREATE TABLE b (x TEXT DEFAULT 'x);";
    insta::assert_snapshot!(told(&check(&place, open, &[])), @r"
    error: schema.sql:3:32: a string is not closed
     --> schema.sql:3:32
      |
    3 | CREATE TABLE b (x TEXT DEFAULT 'x);
      |                                ^
    exit code 1
    ");
    assert_eq!(kind(open), "invalid_schema_file");
    let stray = "CREATE TABLE a (x INTEGER);\n-- renamed from: b\n";
    insta::assert_snapshot!(told(&check(&place, stray, &[])), @r"
    error: schema.sql:2:1: `renamed from: b` belongs to no table or column here: it stands directly above a `CREATE TABLE` or a column, or behind the line on which one begins
     --> schema.sql:2:1
      |
    2 | -- renamed from: b
      | ^^^^^^^^^^^^^^^^^^
    exit code 1
    ");
    assert_eq!(kind(stray), "invalid_schema_file");
    let failing = "CREATE TABLE a (x INTEGER);\n\n  CREATE INDEX i ON b (x);";
    insta::assert_snapshot!(told(&check(&place, failing, &[])), @r"
    error: schema.sql:3:3: statement 2 of the desired schema failed on the scratch database, and nothing was changed: no such table: main.b
     --> schema.sql:3:3
      |
    3 |   CREATE INDEX i ON b (x);
      |   ^^^^^^
    exit code 1
    ");
    assert_eq!(kind(failing), "desired_schema_failed");
}

#[test]
fn wrong_usage() {
    let place = place(LIVE);
    for arguments in [
        &["--include", "tables:x"][..],
        &["--exclude", "a.b.c.d"],
        &["--allow-lossy"],
    ] {
        let said = check(&place, LIVE, arguments);
        assert_eq!((said.code, &*said.stdout), (2, ""), "{arguments:?}");
    }
    let said = check(&place, LIVE, &["--include", "tables:x"]);
    assert!(
        said.stderr.contains("there is no kind `tables`"),
        "{}",
        said.stderr
    );
    let said = place.call(&["check", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "no_database_url"));
}

const PASSWORD: &str = "hunter2-Kw9";

#[test]
fn a_scratch_database_of_ones_own() {
    let place = place(LIVE);
    let said = check(
        &place,
        LIVE,
        &["--scratch-url", "sqlite:scratch.db?mode=rwc"],
    );
    assert_eq!((said.code, &*said.stderr), (0, ""));
    // It is left empty, and can be used again.
    let said = check(&place, LIVE, &["--scratch-url", "sqlite:scratch.db"]);
    assert_eq!((said.code, &*said.stderr), (0, ""));

    let refused = |url: &str, kind: &str| {
        let said = check(&place, LIVE, &["--scratch-url", url, "--json"]);
        assert_eq!((said.code, &*said.kind()), (1, kind), "{}", said.stderr);
        let said = check(&place, LIVE, &["--scratch-url", url]);
        assert!(!said.stderr.contains(PASSWORD), "{}", said.stderr);
        told(&said).replace(&place.path("").display().to_string(), "PLACE/")
    };
    insta::assert_snapshot!(refused("sqlite:app.db", "scratch_is_live"), @r"
    error: the scratch database is the live one (PLACE/app.db): the desired schema is built on the scratch one, so it must be another
    exit code 1
    ");
    insta::assert_snapshot!(refused(&format!("sqlite:nowhere/{PASSWORD}@x.db"), "no_scratch"), @r"
    error: no connection to the scratch database
      caused by: unable to open database file
    exit code 1
    ");
    insta::assert_snapshot!(refused(&format!("postgres://u:{PASSWORD}@h/d"), "invalid_scratch_url"), @r"
    error: the scratch database's URL cannot be used: that of this kind of database begins with `sqlite:`
    exit code 1
    ");
    let other = place.path("other.db");
    let said = place.call(&[
        "upgrade",
        "head",
        "--database-url",
        &format!("sqlite:{}?mode=rwc", other.display()),
    ]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    insta::assert_snapshot!(refused("sqlite:other.db", "scratch_not_empty"), @r"
    error: the scratch database PLACE/other.db is not empty (it has view adults): what is in it could be lost, so name an empty one
    exit code 1
    ");
    // What was refused was not touched.
    let said = check(&place, LIVE, &[]);
    assert_eq!((said.code, &*said.stderr), (0, ""));
    let said = place.call(&["check", "--database-url=sqlite:other.db"]);
    assert_eq!((said.code, &*said.stderr), (0, ""));
}

async fn run(pool: &sqlx::PgPool, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(pool)
        .await
        .expect("a statement");
}

/// A server that is not there, and a role that may not create databases.
#[tokio::test]
async fn a_scratch_database_on_a_server() {
    let Some((pool, url)) = crate::support::servers::postgres().await else {
        return;
    };
    let place = Place::new(&[]);
    place.write("schema.sql", "CREATE TABLE a (x INTEGER);");
    let check = |url: &str, arguments: &[&str]| {
        let said = place.call(&[&["check", "--database-url", url], arguments].concat());
        assert!(!said.stderr.contains(PASSWORD), "{}", said.stderr);
        said
    };
    let scratch = format!("postgres://u:{PASSWORD}@127.0.0.1:1/d");
    let said = check(&url, &["--scratch-url", &scratch, "--json"]);
    assert_eq!(said.kind(), "no_scratch", "{}", said.stderr);
    let said = check(&url, &["--scratch-url", &url, "--json"]);
    assert_eq!(said.kind(), "scratch_is_live", "{}", said.stderr);

    let name = |url: &str| {
        let name = url.rsplit('/').next().expect("a database");
        name.split('?').next().expect("a name").to_owned()
    };
    let role = format!("r{}", name(&url));
    let with_role = |url: &str| {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        format!("{scheme}://{role}:{PASSWORD}@{rest}")
    };
    run(
        &pool,
        format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"),
    )
    .await;
    let refused = check(&with_role(&url), &["--json"]);
    let (own, own_url) = crate::support::servers::postgres()
        .await
        .expect("a server, as before");
    run(
        &own,
        format!("ALTER DATABASE {} OWNER TO {role}", name(&own_url)),
    )
    .await;
    let given: Vec<Said> = (0..2)
        .map(|_| check(&with_role(&url), &["--scratch-url", &with_role(&own_url)]))
        .collect();
    run(&own, format!("REASSIGN OWNED BY {role} TO CURRENT_USER")).await;
    run(&pool, format!("DROP ROLE {role}")).await;
    assert_eq!(refused.kind(), "no_scratch", "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--scratch-url"),
        "{}",
        refused.stderr
    );
    // It is left empty, and can be used again.
    for said in given {
        assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
        assert!(said.stdout.contains("create table a"), "{}", said.stdout);
    }
}

#[test]
fn a_dump_is_a_schema_file() {
    let place = place(LIVE);
    let schema = || std::fs::read_to_string(place.path("schema.sql")).expect("a file");
    let dump = |arguments: &[&str]| {
        place.call(&[&["dump", "--database-url", "sqlite:app.db"], arguments].concat())
    };
    let said = dump(&[]);
    assert_eq!((said.code, &*said.stderr), (0, ""));
    assert_eq!(
        said.stdout,
        "CREATE TABLE audit_log (\n    entry TEXT\n);\n\n\
         CREATE TABLE users (\n    id INTEGER PRIMARY KEY,\n    mail TEXT NOT NULL,\n    age INTEGER\n);\n\n\
         CREATE INDEX users_age ON users (age);\n\n\
         CREATE VIEW adults AS SELECT id FROM users WHERE age >= 18;\n"
    );
    let sql = said.stdout;
    assert_eq!(dump(&["--json"]).json(), json!({ "sql": sql }));
    let said = dump(&["--exclude=table:users", "--exclude=adults"]);
    assert_eq!(
        said.stdout,
        "CREATE TABLE audit_log (\n    entry TEXT\n);\n"
    );

    place.write("schema.sql", "what was there");
    let url = "--database-url=sqlite:nowhere.db?mode=rw";
    let said = place.call(&["dump", "--output", "schema.sql", url]);
    assert_eq!(said.code, 1);
    assert_eq!(schema(), "what was there");
    let said = dump(&["--output", "schema.sql"]);
    assert_eq!((said.code, &*said.stdout), (0, "wrote schema.sql\n"));
    assert_eq!(schema(), sql);
    let said = dump(&["-o", "schema.sql", "--json"]);
    assert_eq!(said.json(), json!({ "path": "schema.sql" }));
    let said = dump(&["-o", "nowhere/schema.sql"]);
    assert_eq!(said.code, 1, "{}", said.stdout);
}

on_each! {
    /// limbeck's own tables are nobody's difference, under whatever names.
    async fn own_tables_are_left_out(db) {
        let place = Place::diamond();
        let call = |arguments: &[&str]| place.call_with(arguments, &[("DATABASE_URL", &db.url)]);
        for version_table in ["limbeck_version", "versions_of_ours"] {
            let option = format!("--version-table={version_table}");
            let said = call(&["upgrade", "heads", &option]);
            assert_eq!(said.code, 0, "{}", said.stderr);
            place.write(
                "schema.sql",
                "CREATE TABLE ta (id INTEGER); CREATE TABLE tb (id INTEGER);\n\
                 CREATE TABLE tc (id INTEGER); CREATE TABLE te (id INTEGER);\n",
            );
            let said = call(&["check", &option]);
            assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
            let said = call(&["dump", &option, "--output=schema.sql"]);
            assert_eq!(said.code, 0, "{}", said.stderr);
            let said = call(&["check", &option]);
            assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
            let said = call(&["downgrade", "base", &option]);
            assert_eq!(said.code, 0, "{}", said.stderr);
            let said = call(&["check", &option]);
            assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
        }
    }
}
