//! Pairs of schemas as users of several tools reported them: `tests/reported/*.sql`.
//!
//! A file begins with what it is about: `-- db:` names the databases (`lite`, `pg`, `mdb`, `my`), `-- lossy: no` leaves
//! out what loses data, `-- withheld:` is a change that is withheld then, one a line, `-- note:` a difference that is
//! said and not changed, `-- lost:` names tables whose rows the way there loses. Sections follow: `--- A` the schema
//! before, `--- ROWS` rows in it, `--- B` the desired schema, `--- AFTER` statements that run behind the upgrade.
//!
//! The upgrade leads to what a fresh B is, the downgrade to what A was, with its rows, and the upgrade runs again. Owners,
//! privileges and definers stay throughout. The judges are the dump program and the catalog, not limbeck's reader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use limbeck::autogenerate::{Autogenerate, Comparison, DraftOptions, Reflect};
use limbeck::migrator::Source;
use limbeck::revision::{NewRevision, SectionKind};
use limbeck::{Migrations, Migrator, Revision};

use crate::support::repository;
use crate::support::servers::{self, Database};

/// A file of `tests/reported`.
struct Reported {
    file: String,
    databases: Vec<String>,
    allow_lossy: bool,
    withheld: BTreeSet<String>,
    /// Differences that are said and not changed.
    noted: BTreeSet<String>,
    /// Tables of which rows or values are lost.
    lost: Vec<String>,
    sections: BTreeMap<String, String>,
}

impl Reported {
    fn parse(file: String, text: &str) -> Reported {
        let mut reported = Reported {
            file,
            databases: Vec::new(),
            allow_lossy: true,
            noted: BTreeSet::new(),
            lost: Vec::new(),
            withheld: BTreeSet::new(),
            sections: BTreeMap::new(),
        };
        let mut section = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("--- ") {
                section = Some(name.trim().to_owned());
            } else if let Some(name) = &section {
                let body = reported.sections.entry(name.clone()).or_default();
                body.push_str(line);
                body.push('\n');
            } else if let Some(names) = line.strip_prefix("-- db:") {
                reported.databases = names.split_whitespace().map(str::to_owned).collect();
            } else if let Some(change) = line.strip_prefix("-- withheld:") {
                reported.withheld.insert(change.trim().to_owned());
            } else if let Some(note) = line.strip_prefix("-- note:") {
                reported.noted.insert(note.trim().to_owned());
            } else if let Some(names) = line.strip_prefix("-- lost:") {
                reported.lost = names.split_whitespace().map(str::to_owned).collect();
            } else if line.trim() == "-- lossy: no" {
                reported.allow_lossy = false;
            }
        }
        for name in ["A", "B"] {
            assert!(
                reported.sections.contains_key(name),
                "{}: no section {name}",
                reported.file
            );
        }
        reported
    }

    /// The section's text in this database.
    fn section(&self, name: &str, url: &str) -> String {
        let (_, database) = url.rsplit_once('/').unwrap_or_default();
        let text = self.sections.get(name).map_or("", String::as_str);
        text.replace("{database}", database)
    }

    fn options(&self) -> DraftOptions {
        DraftOptions::default().allow_lossy(self.allow_lossy)
    }
}

/// Those of that database; the one that `LIMBECK_TEST_REPORTED` names, if it is set.
fn reported(database: &str) -> Vec<Reported> {
    let folder: PathBuf = repository().join("tests/reported");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "sql"));
    paths.sort();
    let only = std::env::var("LIMBECK_TEST_REPORTED").ok();
    let files = paths.into_iter().map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("text");
        Reported::parse(name.into_owned(), &text)
    });
    files
        .filter(|one| one.databases.iter().any(|name| name == database))
        .filter(|one| only.as_ref().is_none_or(|only| one.file.contains(only)))
        .collect()
}

/// What a judge sees of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// The schema, in lines.
    schema: BTreeSet<String>,
    /// The rows, in lines.
    rows: Vec<String>,
    /// Who owns what and may do what, in lines: kept, not compared.
    rights: BTreeSet<String>,
}

/// A database of one kind, and its judge.
trait Judge: Reflect {
    async fn fresh() -> Option<Database<Self>>;
    async fn see(db: &Database<Self>) -> Seen;
    /// Its schema as the dump program writes it.
    async fn dump(db: &Database<Self>) -> String;
    /// Runs a script as its client would.
    async fn run(db: &Database<Self>, script: &str) -> Result<(), String>;
}

/// All files of a database: each wrong one is told, and none hides the next.
async fn all<DB: Judge>(database: &str)
where
    sqlx::Pool<DB>: Source,
{
    if DB::fresh().await.is_none() {
        return;
    }
    let mut wrong = Vec::new();
    let files = reported(database);
    assert!(!files.is_empty(), "no file is for {database}");
    for file in &files {
        if let Err(error) = there_and_back::<DB>(file).await {
            wrong.push(format!("==== {}: {error}", file.file));
        }
    }
    let (wrong_files, all) = (wrong.len(), files.len());
    assert!(
        wrong.is_empty(),
        "{}\n{wrong_files} of {all}",
        wrong.join("\n\n")
    );
}

async fn there_and_back<DB: Judge>(file: &Reported) -> Result<(), String>
where
    sqlx::Pool<DB>: Source,
{
    let mut db = DB::fresh().await.expect("a database");
    let first = made_by(&file.section("A", &db.url)).map_err(|error| format!("A: {error}"))?;
    let migrations = Migrations::new([first.clone()]).expect("one");
    up(&db, &migrations, "A").await?;
    DB::run(&db, &file.section("ROWS", &db.url))
        .await
        .map_err(|error| format!("ROWS: {error}"))?;
    // What was set for the database is there for sessions that begin now.
    db.pool.close().await;
    db.pool = sqlx::pool::PoolOptions::new()
        .max_connections(3)
        .connect(&db.url)
        .await
        .map_err(|error| error.to_string())?;
    let compare = async |name: &str| -> Result<Comparison, String> {
        let desired = Autogenerate::from_sql(file.section(name, &db.url));
        desired
            .compare(&db.pool)
            .await
            .map_err(|error| format!("comparing with {name}: {}", chain(&error)))
    };
    let words = |comparison: &Comparison| -> BTreeSet<String> {
        let changes = comparison.changes().iter();
        changes.map(ToString::to_string).collect()
    };
    let same = words(&compare("A").await?);
    if !same.is_empty() {
        return Err(format!("A differs from itself: {same:#?}"));
    }
    let before = DB::see(&db).await;
    // What the dump program writes is a schema file.
    let dumped = async |what: &str| -> Option<String> {
        let dump = DB::dump(&db).await;
        let comparison = Autogenerate::from_sql(&dump).compare(&db.pool).await;
        match comparison.map(|comparison| words(&comparison)) {
            Ok(words) if words.is_empty() => None,
            Ok(words) => Some(format!("the dump of {what} differs: {words:#?}\n{dump}")),
            Err(error) => Some(format!("the dump of {what}: {}\n{dump}", chain(&error))),
        }
    };
    if let Some(error) = dumped("A").await {
        return Err(error);
    }
    if let Some(error) = dumped_by_limbeck(&db, file, &before).await? {
        return Err(error);
    }

    let comparison = compare("B").await?;
    let withheld: BTreeSet<String> = comparison
        .withheld(file.options())
        .map(ToString::to_string)
        .collect();
    let mut revisions = vec![first];
    for (number, draft) in comparison.drafts(file.options()).into_iter().enumerate() {
        let mut new = NewRevision::new(format!("r{number}"));
        new = new.down_revision([revisions.last().expect("one").id().to_owned()]);
        for section in draft.sections() {
            new = new.section(section);
        }
        let text = new.to_text().map_err(|error| error.to_string())?;
        revisions.push(Revision::parse(format!("r{number}.sql"), text).expect("parsed"));
    }
    let texts: Vec<&str> = revisions[1..].iter().map(Revision::text).collect();
    let texts = texts.join("\n");
    if withheld != file.withheld {
        return Err(format!(
            "withheld {withheld:#?}, and not {:#?}\n{texts}",
            file.withheld
        ));
    }
    let notes: BTreeSet<String> = comparison.notes().into_iter().collect();
    if !file.noted.iter().all(|note| notes.contains(note)) {
        return Err(format!("noted {notes:#?}, and not {:#?}", file.noted));
    }
    if std::env::var_os("LIMBECK_TEST_REPORTED").is_some() {
        println!("{texts}");
    }
    let migrations = Migrations::new(revisions).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for round in ["first", "second"] {
        up(&db, &migrations, &format!("the {round} upgrade"))
            .await
            .map_err(|error| format!("{error}\n{texts}"))?;
        let left = words(&compare("B").await?);
        if left != withheld {
            found.push(format!("behind the {round} upgrade it differs: {left:#?}"));
        }
        found.extend(dumped("what the upgrade made").await);
        let there = DB::see(&db).await;
        if withheld.is_empty() && file.noted.is_empty() {
            let fresh = DB::fresh().await.expect("a database");
            DB::run(&fresh, &file.section("B", &fresh.url))
                .await
                .map_err(|error| format!("B: {error}"))?;
            found.extend(differs(
                &format!("behind the {round} upgrade, and B"),
                &there.schema,
                &DB::see(&fresh).await.schema,
            ));
        }
        // What came or went has its own.
        let of_both = |seen: &Seen, other: &Seen| -> BTreeSet<String> {
            let key = |line: &String| line.split('\t').next().unwrap_or_default().to_owned();
            let others: BTreeSet<String> = other.rights.iter().map(key).collect();
            let lines = seen.rights.iter();
            lines
                .filter(|line| others.contains(&key(line)))
                .cloned()
                .collect()
        };
        found.extend(differs(
            &format!("rights behind the {round} upgrade"),
            &of_both(&there, &before),
            &of_both(&before, &there),
        ));
        if round == "first" {
            let _ = migrator(&db, &migrations)
                .downgrade("a")
                .await
                .map_err(|error| format!("the downgrade: {}\n{texts}", chain(&error)))?;
            let back = DB::see(&db).await;
            found.extend(differs(
                "A after the downgrade",
                &back.schema,
                &before.schema,
            ));
            found.extend(differs(
                "rights after the downgrade",
                &back.rights,
                &before.rights,
            ));
            let rows = |seen: &Seen| -> BTreeSet<String> {
                let rows = seen.rows.iter();
                let is_lost = |row: &String| {
                    let mut lost = file.lost.iter();
                    lost.any(|table| {
                        let row = row.strip_prefix("INSERT INTO public.").unwrap_or(row);
                        row.starts_with(&format!("{table} "))
                    })
                };
                rows.filter(|row| !is_lost(row)).cloned().collect()
            };
            found.extend(differs(
                "rows after the downgrade",
                &rows(&back),
                &rows(&before),
            ));
        }
    }
    if let Err(error) = DB::run(&db, &file.section("AFTER", &db.url)).await {
        found.push(format!("AFTER: {error}"));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{texts}", found.join("\n")))
}

/// The revision that makes a schema.
fn made_by(sql: &str) -> Result<Revision, limbeck::revision::RevisionError> {
    let section = |kind, body: &str| limbeck::revision::NewSection::new(kind).body(body);
    let revision = NewRevision::new("a")
        .section(section(SectionKind::Upgrade, sql))
        .section(section(SectionKind::Downgrade, ""));
    Revision::parse("a.sql", revision.to_text()?)
}

/// What limbeck writes of a database is a schema file too, and makes the same database.
async fn dumped_by_limbeck<DB: Judge>(
    db: &Database<DB>,
    file: &Reported,
    there: &Seen,
) -> Result<Option<String>, String>
where
    sqlx::Pool<DB>: Source,
{
    let text = super::dumped(&db.pool, None).await?;
    let comparison = Autogenerate::from_sql(&text).compare(&db.pool).await;
    let comparison = comparison.map_err(|error| chain(&error))?;
    let mut notes = comparison.notes().into_iter();
    let is_whole = !notes.any(|note| note.starts_with("not compared"));
    // A fresh database has none of what was set for this one.
    let is_set = file.section("ROWS", "").contains("ALTER DATABASE");
    if !is_whole || is_set {
        return Ok(None);
    }
    let fresh = DB::fresh().await.expect("a database");
    let revision = made_by(&text).map_err(|error| format!("{error}\n{text}"))?;
    let migrations = Migrations::new([revision]).expect("one");
    up(&fresh, &migrations, "limbeck's dump")
        .await
        .map_err(|error| format!("{error}\n{text}"))?;
    let made = DB::see(&fresh).await;
    let told = differs("a database of limbeck's dump", &made.schema, &there.schema);
    Ok(told.map(|told| format!("{told}\n{text}")))
}

fn differs(what: &str, is: &BTreeSet<String>, should: &BTreeSet<String>) -> Option<String> {
    let lines = |one: &BTreeSet<String>, other: &BTreeSet<String>, sign: char| -> String {
        let lines = one.difference(other);
        lines.map(|line| format!("\n  {sign} {line}")).collect()
    };
    let told = lines(is, should, '+') + &lines(should, is, '-');
    (!told.is_empty()).then(|| format!("{what}:{told}"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

async fn up<DB: Judge>(db: &Database<DB>, migrations: &Migrations, what: &str) -> Result<(), String>
where
    sqlx::Pool<DB>: Source,
{
    let ran = migrator(db, migrations).upgrade_to_head().await;
    ran.map(drop)
        .map_err(|error| format!("{what}: {}", chain(&error)))
}

/// limbeck's tables stay where they are when a script sets another search path.
fn migrator<DB: Judge>(db: &Database<DB>, migrations: &Migrations) -> Migrator<sqlx::Pool<DB>>
where
    sqlx::Pool<DB>: Source,
{
    let migrator = Migrator::new(db.pool.clone(), migrations.clone());
    match db.dialect {
        limbeck::Dialect::Postgres => migrator.version_schema("public"),
        _ => migrator,
    }
}

/// What a program writes, which must end well.
async fn output(program: &str, arguments: &[String]) -> String {
    let mut command = tokio::process::Command::new(program);
    let output = command.args(arguments).output().await;
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A table of limbeck's own.
fn is_own(line: &str) -> bool {
    line.contains("limbeck_")
}

/// The server has two wordings for one list.
#[cfg(feature = "postgres")]
fn one_list(line: &str) -> String {
    if !line.contains("ARRAY[") {
        return line.to_owned();
    }
    let parts = ["(", ")", "[]", "::text", "::character varying"];
    let line = line.to_owned();
    parts.iter().fold(line, |line, part| line.replace(part, ""))
}

/// Rights in the order of their names.
#[cfg(feature = "postgres")]
fn in_order(line: &str) -> String {
    let cells = line.split('\t').map(|cell| {
        let Some(all) = cell
            .strip_prefix('{')
            .and_then(|cell| cell.strip_suffix('}'))
        else {
            return cell.to_owned();
        };
        let mut all: Vec<&str> = all.split(',').collect();
        all.sort_unstable();
        all.join(",")
    });
    cells.collect::<Vec<_>>().join("\t")
}

/// A definition without what is the server's way to say it: quotes, widths and character sets that show nothing, the time
/// at which an event was made. And its definer.
#[cfg(feature = "mysql")]
fn plain(text: &str, database: &str) -> (String, Option<String>) {
    let text = text.replace(database, "{database}").replace('"', "`");
    let (text, definer) = match text.split_once("DEFINER=") {
        Some((before, behind)) => {
            let end = behind.find("`@`").map(|at| at + 3);
            let end = end.and_then(|at| Some(at + behind[at..].find('`')? + 1));
            let (definer, rest) = behind.split_at(end.unwrap_or(0));
            let text = format!("{before}{}", rest.trim_start());
            (text, Some(definer.to_owned()))
        }
        None => (text.clone(), None),
    };
    let text = text.replace('`', "").replace("{database}.", "");
    let text = text.replace("int(11)", "int").replace("(IN ", "(");
    let lines = text.lines().map(|line| {
        let mut words: Vec<&str> = Vec::new();
        let mut all = line.split(' ');
        while let Some(word) = all.next() {
            match word {
                "CHARSET" | "COLLATE" => {
                    let value = all.next().unwrap_or_default();
                    words.extend(value.ends_with(')').then_some(")"));
                }
                "STARTS" | "CHARACTER" => {
                    all.next();
                    all.next();
                }
                _ if word.starts_with("AUTO_INCREMENT=") => {}
                _ => words.push(word),
            }
        }
        words.join(" ").replace(" )", ")")
    });
    (lines.collect::<Vec<_>>().join("\n"), definer)
}

#[cfg(feature = "postgres")]
impl Judge for sqlx::Postgres {
    async fn fresh() -> Option<Database<Self>> {
        servers::postgres_database().await
    }

    async fn run(db: &Database<Self>, script: &str) -> Result<(), String> {
        // What the dump program writes for its client alone.
        let script: Vec<&str> = script
            .lines()
            .filter(|line| !line.starts_with('\\'))
            .collect();
        let sql = sqlx::AssertSqlSafe(script.join("\n"));
        // A session of its own: a script may set what a pool's next user would find.
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&db.url)
            .await
            .map_err(|error| error.to_string())?;
        let ran = sqlx::raw_sql(sql).execute(&mut connection).await;
        ran.map(drop).map_err(|error| error.to_string())
    }

    async fn dump(db: &Database<Self>) -> String {
        let words = ["--schema-only", "--exclude-table=limbeck_*", &db.url];
        output("pg_dump", &words.map(str::to_owned)).await
    }

    async fn see(db: &Database<Self>) -> Seen {
        let dump = async |words: &[&str]| -> Vec<String> {
            let own = ["--exclude-table=limbeck_*", &db.url];
            let words = words.iter().chain(&own).map(|word| (*word).to_owned());
            let text = output("pg_dump", &words.collect::<Vec<_>>()).await;
            let lines = text.lines().map(|line| line.trim_end_matches(','));
            lines
                .filter(|line| !line.is_empty() && !line.starts_with("--"))
                .filter(|line| {
                    !line.starts_with('\\')
                        && !line.starts_with("SET ")
                        && !line.contains(" PUBLICATION ")
                })
                .map(str::to_owned)
                .collect()
        };
        // Statements are lines: those of a table begin with its name.
        let mut schema = BTreeSet::new();
        let mut head = String::new();
        for line in dump(&["--schema-only", "--no-owner", "--no-privileges"]).await {
            if !line.starts_with(' ') && !line.starts_with(')') {
                head = line.clone();
            }
            schema.insert(format!("{} | {}", one_list(&head), one_list(line.trim())));
        }
        let rows = dump(&["--data-only", "--column-inserts"]).await;
        let rights = db
            .strings(
                "SELECT concat_ws(E'\\t', 'relation ' || c.oid::regclass, pg_get_userbyid(relowner), \
                   coalesce(relacl, acldefault((CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::\"char\", relowner))::text, \
                   (SELECT string_agg(concat_ws(' ', attname, attacl::text), ', ' ORDER BY attname) \
                    FROM pg_attribute a WHERE attrelid = c.oid AND attacl IS NOT NULL)) \
                 FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'S', 'p') \
                 UNION ALL SELECT concat_ws(E'\\t', 'routine ' || proname, pg_get_userbyid(proowner), \
                   coalesce(proacl, acldefault('f', proowner))::text) \
                 FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
                 UNION ALL SELECT concat_ws(E'\\t', 'type ' || t.oid::regtype, pg_get_userbyid(typowner), \
                   coalesce(typacl, acldefault('T', typowner))::text) \
                 FROM pg_type t WHERE typnamespace = 'public'::regnamespace \
                 UNION ALL SELECT concat_ws(E'\\t', 'label ' || objtype || objname, provider, label) FROM pg_seclabels",
            )
            .await;
        Seen {
            schema,
            rows,
            rights: rights
                .iter()
                .filter(|line| !is_own(line))
                .map(|line| in_order(line))
                .collect(),
        }
    }
}

#[cfg(feature = "mysql")]
impl Judge for sqlx::MySql {
    async fn fresh() -> Option<Database<Self>> {
        servers::mysql_database().await
    }

    async fn run(db: &Database<Self>, script: &str) -> Result<(), String> {
        let statements =
            limbeck::sql::split(db.dialect, script).map_err(|error| error.to_string())?;
        let mut connection = db.pool.acquire().await.map_err(|error| error.to_string())?;
        let enter = "SET SESSION sql_mode = @@GLOBAL.sql_mode, time_zone = @@GLOBAL.time_zone";
        let texts = statements.iter().map(|one| one.text().to_owned());
        for text in std::iter::once(enter.to_owned()).chain(texts) {
            let ran = sqlx::raw_sql(sqlx::AssertSqlSafe(text.clone()))
                .execute(&mut *connection)
                .await;
            ran.map_err(|error| format!("{error}\nin: {text}"))?;
        }
        Ok(())
    }

    async fn dump(db: &Database<Self>) -> String {
        let (server, database) = db.url.rsplit_once('/').expect("a name");
        let (user, address) = server
            .strip_prefix("mysql://")
            .and_then(|server| server.split_once('@'))
            .expect("a user");
        let (host, port) = address.split_once(':').expect("a port");
        let mut words = vec!["--no-defaults".to_owned()];
        let known = [("user", user), ("host", host), ("port", port)];
        words.extend(known.map(|(key, value)| format!("--{key}={value}")));
        words.extend(["--no-data", "--routines", "--triggers", "--events"].map(str::to_owned));
        let own = db.tables().await;
        let own = own.iter().filter(|table| is_own(table));
        words.extend(own.map(|table| format!("--ignore-table={database}.{table}")));
        words.push(database.to_owned());
        output("mariadb-dump", &words).await
    }

    async fn see(db: &Database<Self>) -> Seen {
        use sqlx::Row as _;
        let (_, database) = db.url.rsplit_once('/').expect("a name");
        let here = |query: &str| query.replace("{database}", database);
        let mut schema = BTreeSet::new();
        let mut definers = BTreeSet::new();
        let mut rows = Vec::new();
        let named = here(
            "SELECT CONVERT(CONCAT(IF(table_type = 'VIEW', 'VIEW ', 'TABLE '), table_name) USING utf8mb4) \
               FROM information_schema.tables WHERE table_schema = '{database}' AND table_type <> 'SEQUENCE' \
             UNION ALL SELECT CONVERT(CONCAT(routine_type, ' ', routine_name) USING utf8mb4) \
               FROM information_schema.routines WHERE routine_schema = '{database}' \
             UNION ALL SELECT CONVERT(CONCAT('TRIGGER ', trigger_name) USING utf8mb4) \
               FROM information_schema.triggers WHERE trigger_schema = '{database}' \
             UNION ALL SELECT CONVERT(CONCAT('EVENT ', event_name) USING utf8mb4) \
               FROM information_schema.events WHERE event_schema = '{database}'",
        );
        let mut connection = db.pool.acquire().await.expect("a connection");
        for named in db.strings(&named).await {
            let (kind, name) = named.split_once(' ').expect("two words");
            if is_own(name) {
                continue;
            }
            let query = format!("SHOW CREATE {kind} `{name}`");
            let row = sqlx::raw_sql(sqlx::AssertSqlSafe(query))
                .fetch_one(&mut *connection)
                .await
                .expect("a definition");
            for at in 0..row.len() {
                let Ok(Some(text)) = row.try_get_unchecked::<Option<String>, _>(at) else {
                    continue;
                };
                let (text, definer) = plain(&text, database);
                definers.extend(definer.map(|definer| format!("definer of {named}\t{definer}")));
                // The time at which a trigger was made is no part of it.
                if kind == "TRIGGER" && at > 5 {
                    continue;
                }
                let lines = text.lines().map(|line| line.trim_end_matches(','));
                for line in lines.filter(|line| !line.is_empty()) {
                    schema.insert(format!("{named} | {at} {line}"));
                }
            }
            if kind == "TABLE" {
                let columns = db
                    .strings(&here(&format!(
                        "SELECT column_name FROM information_schema.columns \
                         WHERE table_schema = '{{database}}' AND table_name = '{name}' ORDER BY 1"
                    )))
                    .await;
                let cells: Vec<String> = columns
                    .iter()
                    .map(|column| format!("'{column}=', IFNULL(HEX(`{column}`), 'NULL')"))
                    .collect();
                let query = format!("SELECT CONCAT_WS(' ', {}) FROM `{name}`", cells.join(", "));
                let lines = db.strings(&query).await;
                rows.extend(lines.into_iter().map(|line| format!("{name} {line}")));
            }
        }
        let rights = here(
            "SELECT CONVERT(CONCAT_WS('\\t', LOWER(CONCAT('routine ', routine_name)), user, host, proc_priv) USING utf8mb4) \
               FROM mysql.procs_priv WHERE db = '{database}' \
             UNION ALL SELECT CONVERT(CONCAT_WS('\\t', CONCAT('table ', table_name), user, host, table_priv, column_priv) \
               USING utf8mb4) FROM mysql.tables_priv WHERE db = '{database}' \
             UNION ALL SELECT CONVERT(CONCAT_WS('\\t', CONCAT('column ', table_name, '.', column_name), user, host, \
               column_priv) USING utf8mb4) FROM mysql.columns_priv WHERE db = '{database}'",
        );
        Seen {
            schema,
            rows,
            rights: db
                .strings(&rights)
                .await
                .into_iter()
                .chain(definers)
                .collect(),
        }
    }
}

#[cfg(feature = "sqlite")]
impl Judge for sqlx::Sqlite {
    async fn fresh() -> Option<Database<Self>> {
        Some(servers::sqlite().await)
    }

    async fn run(db: &Database<Self>, script: &str) -> Result<(), String> {
        let mut connection = db.pool.acquire().await.map_err(|error| error.to_string())?;
        let ran = sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned()))
            .execute(&mut *connection)
            .await;
        let _ = sqlx::raw_sql("PRAGMA foreign_keys = ON")
            .execute(&mut *connection)
            .await;
        ran.map(drop).map_err(|error| error.to_string())
    }

    async fn dump(db: &Database<Self>) -> String {
        let path = db.url.trim_start_matches("sqlite://").to_owned();
        let dump = output("sqlite3", &[path, ".dump".to_owned()]).await;
        // Statements of limbeck's tables, each of which begins a line.
        let lines = dump.lines();
        let lines = lines.filter(|line| !line.contains("limbeck_"));
        lines.map(|line| format!("{line}\n")).collect()
    }

    async fn see(db: &Database<Self>) -> Seen {
        let query = "WITH t AS (SELECT name AS n FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%') \
             SELECT 'table ' || n || ' ' || wr || ' ' || strict FROM t, pragma_table_list(n) \
             UNION ALL SELECT 'column ' || n || '.' || concat_ws(' ', name, type, \"notnull\", dflt_value, pk, hidden) \
               FROM t, pragma_table_xinfo(n) \
             UNION ALL SELECT 'key ' || n || ' ' || concat_ws(' ', \"table\", \"from\", \"to\", on_update, on_delete) \
               FROM t, pragma_foreign_key_list(n) \
             UNION ALL SELECT 'index ' || n || ' ' || concat_ws(' ', CASE WHEN i.origin = 'c' THEN i.name END, i.\"unique\", \
                 i.origin, i.partial, x.seqno, x.name, x.\"desc\", x.coll, x.key) \
               FROM t, pragma_index_list(n) AS i, pragma_index_xinfo(i.name) AS x \
             UNION ALL SELECT sql FROM sqlite_schema WHERE type IN ('view', 'trigger')";
        let schema = db.strings(query).await;
        let mut rows = Vec::new();
        for table in db.tables().await {
            if is_own(&table) {
                continue;
            }
            let columns = db
                .strings(&format!(
                    "SELECT name FROM pragma_table_xinfo('{table}') ORDER BY 1"
                ))
                .await;
            let cells: Vec<String> = columns
                .iter()
                .map(|column| format!("'{column}=' || quote(\"{column}\")"))
                .collect();
            let cells = cells.join(" || ' ' || ");
            let lines = db
                .strings(&format!("SELECT {cells} FROM \"{table}\""))
                .await;
            rows.extend(lines.into_iter().map(|line| format!("{table} {line}")));
        }
        Seen {
            schema: schema.into_iter().filter(|line| !is_own(line)).collect(),
            rows,
            rights: BTreeSet::new(),
        }
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn on_sqlite() {
    all::<sqlx::Sqlite>("lite").await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn on_postgres() {
    all::<sqlx::Postgres>("pg").await;
}

#[cfg(feature = "mysql")]
async fn files() {
    let name = servers::MySqlServer::here().pick("mdb", "my");
    all::<sqlx::MySql>(name).await;
}

#[cfg(feature = "mysql")]
crate::support::on_mysql!(files);
