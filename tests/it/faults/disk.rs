//! SQLite on a disk that is full, goes away, or cannot be written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use limbeck::error::RunError;
use limbeck::{Error, Migrations, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

use crate::support::boots::Files;
use crate::support::migrations;
use crate::support::servers::left_out;
use crate::support::soak::{is_full, tell, times};

/// A file system of its own, gone with the value.
struct Mount {
    folder: tempfile::TempDir,
    at: PathBuf,
}

impl Mount {
    /// None, and that aloud, where this user may not mount. Root who is to leave nothing out may.
    fn new(what: &str, arguments: impl Fn(&Path) -> Vec<String>) -> Option<Mount> {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("mounted");
        std::fs::create_dir(&at).expect("a folder");
        let output = Command::new("mount")
            .args(arguments(folder.path()))
            .arg(&at)
            .output();
        let failure = match output {
            Ok(output) if output.status.success() => return Some(Mount { folder, at }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        let is_root = Command::new("id")
            .arg("-u")
            .output()
            .is_ok_and(|id| id.stdout.starts_with(b"0\n"));
        assert!(
            !(is_root && std::env::var_os("LIMBECK_TEST_REQUIRE_SERVERS").is_some()),
            "{failure}, and LIMBECK_TEST_REQUIRE_SERVERS forbids leaving this test out"
        );
        left_out(&format!(
            "{what}: it needs to mount a file system ({})",
            failure.trim()
        ));
        None
    }

    fn tmpfs(bytes: usize) -> Option<Mount> {
        Mount::new("SQLite on a full disk", |_| {
            vec![
                "-t".into(),
                "tmpfs".into(),
                "-o".into(),
                format!("size={bytes}"),
                "tmpfs".into(),
            ]
        })
    }

    fn umount(&self) {
        let done = Command::new("umount").arg(&self.at).status();
        assert!(done.is_ok_and(|status| status.success()), "umount");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a test that failed may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
        let _ = &self.folder;
    }
}

const PAGE: usize = 4096;

/// Much in the SQL, so that there are many places to run out of room; both kinds of steps.
fn growing() -> Migrations {
    let rows = |n: usize| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n}) INSERT INTO big SELECT i, hex(randomblob(200)) FROM n;"
        )
    };
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (rev TEXT);\nCREATE TABLE big (id INTEGER PRIMARY KEY, x TEXT);\nINSERT INTO audit VALUES ('a');\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade\nINSERT INTO audit VALUES ('b');\n{}\n",
                rows(150)
            ),
        ),
        (
            "c",
            "b",
            "",
            "-- @upgrade autocommit\nINSERT INTO audit VALUES ('c');\nINSERT INTO big SELECT id + 1000, x FROM big;\nINSERT INTO audit VALUES ('c2');\n",
        ),
        (
            "d",
            "c",
            "",
            "-- @upgrade\nINSERT INTO audit VALUES ('d');\nCREATE INDEX big_x ON big (x);\n",
        ),
    ])
}

/// What is in `audit` at each head, whole steps only; an autocommit step may stand between two statements.
fn is_boundary(heads: &[String], running: &[String], audit: &[String]) -> bool {
    let whole: &[&str] = match heads.first().map(String::as_str) {
        None => return false,
        Some("a") => &["a"],
        Some("b") => &["a", "b"],
        Some("c") => &["a", "b", "c", "c2"],
        Some(_) => &["a", "b", "c", "c2", "d"],
    };
    let done = running
        .first()
        .map_or(0, |done| done.parse::<usize>().expect("a number"));
    let partial: &[&str] = match done {
        0 => &[],
        1 | 2 => &["c"],
        _ => &["c", "c2"],
    };
    audit
        .iter()
        .map(String::as_str)
        .eq(whole.iter().chain(partial).copied())
}

async fn open(file: &Path, mode: SqliteJournalMode) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(mode)
        .create_if_missing(true);
    SqlitePoolOptions::new()
        .max_connections(2)
        .connect_with(options)
        .await
        .expect("SQLite")
}

async fn strings(pool: &SqlitePool, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query)
        .fetch_all(pool)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The disk has room for ever more pages, until it is enough: each time the call says that it is full, the database
/// is whole and at the end of a step or statement, and the next boot finishes once there is room.
#[tokio::test]
async fn a_full_disk() {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let (mut runs, mut wrong) = (0, Vec::new());
    for (mode, name) in [
        (SqliteJournalMode::Wal, "WAL"),
        (SqliteJournalMode::Delete, "rollback journal"),
    ] {
        let mut room = 0;
        loop {
            let Some(mount) = Mount::tmpfs(4 << 20) else {
                return;
            };
            let file = mount.at.join("test.db");
            let pool = open(&file, mode).await;
            let migrator = Migrator::new(&pool, growing());
            let _ = migrator.upgrade("a").await.expect("a");
            fill_but(&mount.at, room * PAGE);
            let result = migrator.upgrade_to_head().await;
            runs += 1;
            let at = format!("{name}, room for {room} pages");
            let is_done = result.is_ok();
            if let Err(error) = &result {
                let text = error.to_string();
                if !text.contains("database or disk is full") {
                    wrong.push(format!("{at}: {text}"));
                }
                *places.entry(place_of(error)).or_default() += 1;
            }
            let heads = strings(&pool, "SELECT version_num FROM limbeck_version").await;
            let running = strings(
                &pool,
                "SELECT CAST(statements_done AS TEXT) FROM limbeck_history WHERE state = 'running'",
            )
            .await;
            let audit = strings(&pool, "SELECT rev FROM audit ORDER BY rowid").await;
            if !is_boundary(&heads, &running, &audit) {
                wrong.push(format!("{at}: {heads:?} {running:?} {audit:?}"));
            }
            if strings(&pool, "PRAGMA integrity_check").await != ["ok"] {
                wrong.push(format!("{at}: not whole"));
            }
            std::fs::remove_file(mount.at.join("ballast")).expect("room again");
            match migrator.upgrade_to_head().await {
                Ok(report) if report.current == ["d"] => {}
                other => wrong.push(format!("{at}: the next boot: {other:?}")),
            }
            let audit = strings(&pool, "SELECT rev FROM audit ORDER BY rowid").await;
            let held = strings(
                &pool,
                "SELECT coalesce(holder, 'nobody') FROM limbeck_history_lock",
            )
            .await;
            // A lease that a full disk did not let a finished run give back runs out by itself.
            let is_free = held == ["nobody"] || is_done;
            if audit != ["a", "b", "c", "c2", "d"] || !is_free {
                wrong.push(format!("{at}: in the end {audit:?} {held:?}"));
            }
            pool.close().await;
            if is_done {
                break;
            }
            room += times(3, 1);
        }
    }
    tell(
        "disk full, SQLite",
        runs,
        wrong.len(),
        format!("where it failed: {places:?}"),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    for place in ["a statement", "bookkeeping"] {
        assert!(
            places.keys().any(|found| found.starts_with(place)),
            "{place} is not among {places:?}"
        );
    }
}

/// The same for a database of which there is nothing yet: limbeck's own tables have no room, or the first step.
#[tokio::test]
async fn a_full_disk_from_the_beginning() {
    let (mut failed, mut wrong) = (Vec::new(), Vec::new());
    let mut room = 0;
    loop {
        let Some(mount) = Mount::tmpfs(2 << 20) else {
            return;
        };
        let pool = open(&mount.at.join("test.db"), SqliteJournalMode::Delete).await;
        let migrator = Migrator::new(&pool, growing());
        fill_but(&mount.at, room * PAGE);
        let result = migrator.upgrade("a").await;
        let is_done = result.is_ok();
        if let Err(error) = &result {
            if !error.to_string().contains("database or disk is full") {
                wrong.push(format!("room for {room} pages: {error}"));
            }
            failed.push(place_of(error));
            let left = strings(&pool, "SELECT name FROM sqlite_schema").await;
            if !left.is_empty() {
                wrong.push(format!("room for {room} pages: {left:?}"));
            }
        }
        std::fs::remove_file(mount.at.join("ballast")).expect("room again");
        match migrator.upgrade_to_head().await {
            Ok(report) if report.current == ["d"] => {}
            other => wrong.push(format!("room for {room} pages: the next boot: {other:?}")),
        }
        pool.close().await;
        if is_done {
            break;
        }
        room += 1;
    }
    let runs = failed.len() + 1;
    failed.dedup();
    tell(
        "disk full at the first boot, SQLite",
        runs,
        wrong.len(),
        format!("where it failed: {failed:?}"),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Leaves so many bytes free.
fn fill_but(folder: &Path, bytes: usize) {
    use std::io::Write as _;
    let ballast = folder.join("ballast");
    let mut file = std::fs::File::create(&ballast).expect("a file");
    let page = [0; PAGE];
    while file.write_all(&page).is_ok() {}
    let length = file.metadata().expect("a length").len() as usize;
    // Whole pages are given back.
    file.set_len(((length - bytes.min(length)) / PAGE * PAGE) as u64)
        .expect("less");
}

fn place_of(error: &Error) -> String {
    match error {
        Error::Run(run) => match &**run {
            RunError::Statement(statement) => format!("a statement of {}", statement.revision),
            RunError::Bookkeeping { during, .. } => format!("bookkeeping: {during}"),
            RunError::Connection { during, .. } => format!("connection: {during}"),
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// Many small steps, every third one statement by statement.
fn long() -> (Migrations, Vec<String>) {
    let mut files = vec![(
        "r0".to_owned(),
        String::new(),
        "-- @upgrade\nCREATE TABLE audit (rev TEXT);\nINSERT INTO audit VALUES ('r0');\n"
            .to_owned(),
    )];
    let mut audit = vec!["r0".to_owned()];
    for n in 1..=90 {
        let id = format!("r{n}");
        let words = if n % 3 == 0 { "autocommit" } else { "" };
        let sections = format!(
            "-- @upgrade {words}\nINSERT INTO audit VALUES ('{id}');\nCREATE TABLE {id} AS SELECT hex(randomblob(2000)) AS x;\nINSERT INTO audit VALUES ('{id}.3');\n"
        );
        audit.extend([id.clone(), format!("{id}.3")]);
        files.push((id, format!("r{}", n - 1), sections));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(id, down, s)| (id.as_str(), down.as_str(), "", s.as_str()))
        .collect();
    (migrations(&files), audit)
}

/// A file system that is cut off in the middle of a run, as by a loss of power: what was not yet on the disk is gone.
#[tokio::test]
async fn a_loss_of_power() {
    if !is_full() {
        left_out("SQLite over a loss of power; tests/soak.sh runs it");
        return;
    }
    const ROUNDS: u32 = 50;
    const SHUTDOWN: &str = "import fcntl, os, struct, sys\n\
        fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
    let (all, whole) = long();
    let files = Files::of(&all);
    let (mut wrong, mut middle) = (Vec::new(), 0);
    for mode in ["wal", "delete"] {
        // How long it takes undisturbed; then cut at evenly spread moments of that time.
        let mut length = Duration::ZERO;
        for round in 0..=ROUNDS {
            let Some(mount) = Mount::new("SQLite over a loss of power", |folder| {
                let image = folder.join("image");
                let file = std::fs::File::create(&image).expect("an image");
                file.set_len(32 << 20).expect("its size");
                let made = Command::new("mkfs.ext4")
                    .args(["-q", "-F"])
                    .arg(&image)
                    .output();
                assert!(
                    made.is_ok_and(|output| output.status.success()),
                    "mkfs.ext4"
                );
                vec!["-o".into(), "loop".into(), image.display().to_string()]
            }) else {
                return;
            };
            let file = mount.at.join("test.db");
            let options = SqliteConnectOptions::new()
                .filename(&file)
                .journal_mode(SqliteJournalMode::from_str(mode).expect("a mode"))
                .create_if_missing(true);
            let setup = SqlitePoolOptions::new()
                .connect_with(options.clone())
                .await
                .expect("SQLite");
            let _ = Migrator::new(&setup, all.clone())
                .upgrade("r0")
                .await
                .expect("r0");
            setup.close().await;
            let began = Instant::now();
            let child = files.upgrade(&format!("sqlite://{}", file.display()), "heads");
            if round == 0 {
                assert_eq!(child.end().await.ran().len(), 90);
                length = began.elapsed();
                continue;
            }
            tokio::time::sleep(length * round / ROUNDS).await;
            let cut = Command::new("python3")
                .args(["-c", SHUTDOWN])
                .arg(&mount.at)
                .output()
                .expect("python3");
            assert!(cut.status.success(), "{cut:?}");
            child.kill().await;
            mount.umount();
            let image = mount.folder.path().join("image");
            let again = Command::new("mount")
                .args(["-o", "loop"])
                .arg(&image)
                .arg(&mount.at)
                .output()
                .expect("mount");
            assert!(again.status.success(), "{again:?}");
            let pool = SqlitePoolOptions::new()
                .connect_with(options)
                .await
                .expect("SQLite");
            if strings(&pool, "PRAGMA integrity_check").await != ["ok"] {
                wrong.push(format!("{mode} {round}: not whole"));
            }
            // What is there is a beginning of the whole: up to a step's end, or a statement's of an autocommit step.
            let audit = strings(&pool, "SELECT rev FROM audit ORDER BY rowid").await;
            let head = strings(&pool, "SELECT version_num FROM limbeck_version")
                .await
                .remove(0);
            let done = strings(
                &pool,
                "SELECT CAST(statements_done AS TEXT) FROM limbeck_history WHERE state = 'running'",
            )
            .await;
            let steps: usize = head[1..].parse().expect("a number");
            let rows = 1
                + 2 * steps
                + match done.first().map(String::as_str) {
                    Some("1" | "2") => 1,
                    Some("3") => 2,
                    _ => 0,
                };
            if audit.len() != rows || audit != whole[..rows] {
                wrong.push(format!(
                    "{mode} {round}: at {head}, {done:?}, {} rows",
                    audit.len()
                ));
            }
            middle += usize::from(1 < rows && rows < whole.len());
            let _ = sqlx::raw_sql(
                "UPDATE limbeck_history_lock SET lease_ms = 300 WHERE holder IS NOT NULL",
            )
            .execute(&pool)
            .await;
            match Migrator::new(&pool, all.clone()).upgrade_to_head().await {
                Ok(report) if report.current == ["r90"] => {}
                other => wrong.push(format!("{mode} {round}: the next boot: {other:?}")),
            }
            if strings(&pool, "SELECT rev FROM audit ORDER BY rowid").await != whole {
                wrong.push(format!("{mode} {round}: in the end not each once"));
            }
            pool.close().await;
        }
    }
    tell(
        "file system shut down without its journal, SQLite",
        2 * ROUNDS as usize,
        wrong.len(),
        format!("{middle} of them left a part of the run"),
    );
    assert!(
        wrong.is_empty() && middle > ROUNDS as usize / 2,
        "{middle} {wrong:#?}"
    );
}

/// Files that cannot be opened, read or written: each says what is wrong and in what state things are.
#[tokio::test]
async fn files_that_cannot_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let connect = |file: &Path| {
        SqlitePoolOptions::new()
            .acquire_timeout(Duration::from_secs(2))
            .connect_lazy_with(SqliteConnectOptions::new().filename(file))
    };
    let told = async |file: &Path| -> String {
        let error = Migrator::new(connect(file), growing())
            .upgrade_to_head()
            .await
            .expect_err("not to be used");
        let mut text = format!("{}: {error}", error.kind());
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!(" <- {cause}"));
            source = cause.source();
        }
        text
    };

    let is_folder = folder.path().join("folder.db");
    std::fs::create_dir(&is_folder).expect("a folder");
    insta::assert_snapshot!("a_folder", told(&is_folder).await);
    insta::assert_snapshot!("no_file", told(&folder.path().join("missing.db")).await);
    let no_database = folder.path().join("text.db");
    std::fs::write(
        &no_database,
        "This is a text of more than one hundred bytes, ".repeat(30),
    )
    .expect("a file");
    insta::assert_snapshot!("a_file_that_is_no_database", told(&no_database).await);

    // A database whose pages behind the first are overwritten.
    let corrupted = folder.path().join("corrupted.db");
    let pool = open(&corrupted, SqliteJournalMode::Delete).await;
    let _ = Migrator::new(&pool, growing())
        .upgrade("a")
        .await
        .expect("a");
    pool.close().await;
    let mut bytes = std::fs::read(&corrupted).expect("the file");
    bytes[PAGE..].fill(0xAA);
    std::fs::write(&corrupted, bytes).expect("the file");
    insta::assert_snapshot!("a_corrupted_file", told(&corrupted).await);

    // Media that may only be read: what is at the head boots, what is not says so.
    let Some(mount) = Mount::tmpfs(1 << 20) else {
        return;
    };
    let file = mount.at.join("test.db");
    let pool = open(&file, SqliteJournalMode::Delete).await;
    let _ = Migrator::new(&pool, growing())
        .upgrade("a")
        .await
        .expect("a");
    pool.close().await;
    let read_only = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(&mount.at)
        .status();
    assert!(read_only.is_ok_and(|status| status.success()), "remount");
    insta::assert_snapshot!("media_that_may_only_be_read", told(&file).await);
    let at_head = Migrator::new(connect(&file), growing()).upgrade("a").await;
    assert!(at_head.expect("nothing to do").steps.is_empty());
}
