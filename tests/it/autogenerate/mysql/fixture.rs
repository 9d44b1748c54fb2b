//! Nothing is found on itself: of a schema that uses everything, made by hand, restored from a dump, and made by
//! limbeck.

use super::*;

async fn nothing_is_found_on_itself() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    run(&db.pool, &everything()).await;
    if let Err(error) = crate::autogenerate::dumped(&db.pool, None).await {
        panic!("{error}");
    }
    let comparison = compared(&db.pool, &everything()).await;
    assert_eq!(words(&comparison), Vec::<String>::new());
    assert_eq!(comparison.notes(), Vec::<String>::new());
}

/// From nothing to everything and back: the statements run, and lead where they should.
async fn everything_is_made_and_unmade() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let before = reflected(&db.pool).await;
    let comparison = compared(&db.pool, &everything()).await;
    let file = only_draft(&comparison, DraftOptions::default().allow_lossy(true));
    run_all(&db.pool, &file.up)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let again = compared(&db.pool, &everything()).await;
    assert_eq!(words(&again), Vec::<String>::new());
    run_all(&db.pool, &file.down)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        difference(&reflected(&db.pool).await, &before),
        Vec::<String>::new()
    );
}

/// A dump holds all of it: what is restored is the same.
async fn nothing_is_found_after_a_dump_and_restore() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let restored = servers::mysql_database().await.expect("a server");
    run(&db.pool, &everything()).await;
    let client = |program: &str, url: &str| {
        let (user, place) = url
            .trim_start_matches("mysql://")
            .split_once('@')
            .expect("a user");
        let (server, database) = place.split_once('/').expect("a database");
        let (host, port) = server.split_once(':').expect("a port");
        let mut command = std::process::Command::new(program);
        command.args([
            &format!("-h{host}"),
            &format!("-P{port}"),
            &format!("-u{user}"),
        ]);
        command.args(["--default-character-set=utf8mb4"]);
        (command, database.to_owned())
    };
    let (mut dump, name) = client("mariadb-dump", &db.url);
    let dumped = dump
        .args(["--routines", "--triggers", "--events", &name])
        .output();
    let Ok(dumped) = dumped else {
        servers::left_out("mariadb-dump is not installed");
        return;
    };
    assert!(
        dumped.status.success(),
        "{}",
        String::from_utf8_lossy(&dumped.stderr)
    );
    let (mut restore, name) = client("mariadb", &restored.url);
    let mut restore = restore
        .args(["--comments", &name])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("the client");
    let mut input = restore.stdin.take().expect("its input");
    // MariaDB's says whose sequence a default calls, which is the old database's.
    let dumped = String::from_utf8(dumped.stdout).expect("UTF-8");
    let old = db.strings("SELECT DATABASE()").await.remove(0);
    let dumped = dumped.replace(&format!("`{old}`."), "");
    std::io::Write::write_all(&mut input, dumped.as_bytes()).expect("the dump");
    drop(input);
    assert!(restore.wait().expect("an end").success());
    let comparison = compared(&restored.pool, &everything()).await;
    assert_eq!(words(&comparison), Vec::<String>::new());
    assert_eq!(comparison.notes(), Vec::<String>::new());
}

/// Through the migrator, with its tables beside what is compared, and with renames.
async fn the_migrator_runs_what_is_written() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let old = "CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, mail VARCHAR(50) CHECK (mail <> ''), \
               boss INT, n INT DEFAULT 1, twice INT AS (n * 2) VIRTUAL, shout VARCHAR(60) DEFAULT (CONCAT(mail, '!')), \
               KEY by_mail (mail), CONSTRAINT boss FOREIGN KEY (boss) REFERENCES people (id), \
               CONSTRAINT few CHECK (n < 100)); \
               CREATE TABLE cars (id INT, owner INT, CONSTRAINT owned FOREIGN KEY (owner) REFERENCES people (id)); \
               CREATE VIEW mails AS SELECT id, mail FROM people; \
               CREATE TRIGGER care BEFORE INSERT ON people FOR EACH ROW SET NEW.mail = LOWER(NEW.mail);";
    let new = old
        .replace("people", "users")
        .replace("mail ", "email ")
        .replace("(mail", "(email")
        .replace(", mail", ", email")
        .replace(".mail", ".email")
        .replace("(n ", "(amount ")
        .replace(" n ", " amount ");
    run(&db.pool, old).await;
    db.run("INSERT INTO people (mail, n) VALUES ('A', 5), ('b', 6)")
        .await;
    let before = reflected(&db.pool).await;
    let desired = Autogenerate::from_sql(&new)
        .renamed_table("people", "users")
        .renamed_column("users", "mail", "email")
        .renamed_column("users", "n", "amount");
    let comparison = desired.compare(&db.pool).await.expect("a comparison");
    let file = only_draft(&comparison, DraftOptions::default());
    assert_eq!(
        comparison.withheld(DraftOptions::default()).count(),
        0,
        "{:#?}",
        words(&comparison)
    );
    let revision = Revision::parse("generated.sql", file.text.clone()).expect("a file");
    let migrations = limbeck::Migrations::new([revision]).expect("a graph");
    let migrator = limbeck::Migrator::new(db.pool.clone(), migrations);
    let _ = migrator
        .upgrade_to_head()
        .await
        .unwrap_or_else(|error| panic!("{error:?}\n{}", file.text));
    let after = desired.compare(&db.pool).await.expect("a comparison");
    assert_eq!(words(&after), Vec::<String>::new(), "{}", file.text);
    assert_eq!(
        db.strings("SELECT CONCAT(email, amount, twice) FROM users ORDER BY 1")
            .await,
        ["a510", "b612"]
    );
    let _ = migrator
        .downgrade("base")
        .await
        .unwrap_or_else(|error| panic!("{error:?}\n{}", file.text));
    for table in db.tables().await {
        if table != "people" && table != "cars" && table != "mails" {
            db.run(&format!("DROP TABLE `{table}`")).await;
        }
    }
    assert_eq!(
        difference(&reflected(&db.pool).await, &before),
        Vec::<String>::new(),
        "{}",
        file.text
    );
    assert_eq!(
        db.strings("SELECT CONCAT(mail, n, twice) FROM people ORDER BY 1")
            .await,
        ["a510", "b612"]
    );
}

/// 500 tables of 5 columns and 2 indexes: three messages, whatever their number.
async fn many_tables_are_compared_in_seconds() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let tables: Vec<String> = (0..500)
        .map(|at| {
            format!(
                "CREATE TABLE t{at} (id INT PRIMARY KEY, a VARCHAR(20) NOT NULL, b INT DEFAULT 5, c DATETIME, d TEXT, \
                 KEY by_a (a), UNIQUE KEY by_b (b))"
            )
        })
        .collect();
    run_all(&db.pool, &tables)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let mut connection = db.pool.acquire().await.expect("a connection");
    let begun = std::time::Instant::now();
    let schema = reflect_connection::<MySql>(&mut connection)
        .await
        .expect("a schema");
    let read = begun.elapsed();
    let begun = std::time::Instant::now();
    let found = difference(&schema, &schema);
    let differed = begun.elapsed();
    drop(connection);
    let begun = std::time::Instant::now();
    let whole = compared(&db.pool, &tables.join(";\n")).await;
    let whole_time = begun.elapsed();
    println!(
        "500 tables: read in {read:?}, compared in {differed:?}; with the scratch database {whole_time:?}"
    );
    crate::support::soak::tell(
        &format!(
            "{}: 500 tables read and compared",
            servers::MySqlServer::here().name()
        ),
        1,
        found.len() + whole.changes().len(),
        format!(
            "{:.2} s, {:.1} s with the scratch database",
            (read + differed).as_secs_f64(),
            whole_time.as_secs_f64()
        ),
    );
    assert!(found.is_empty() && whole.is_empty());
    assert!(read + differed < std::time::Duration::from_secs(10));
}

crate::support::on_mysql!(
    nothing_is_found_on_itself,
    everything_is_made_and_unmade,
    nothing_is_found_after_a_dump_and_restore,
    the_migrator_runs_what_is_written,
    many_tables_are_compared_in_seconds
);
