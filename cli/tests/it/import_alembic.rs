//! Alembic projects become revision files: what a real Alembic makes of the same files is what has to come out.

use std::process::Command;

use limbeck::revision::{Mode, SectionKind};
use limbeck::{Dialect, Migrations};
use serde_json::{Value, json};

use crate::calls::{Folder, texts};
use crate::project::Project;

/// Offline, nobody connects.
const NOWHERE: &str = "sqlite:///nowhere/none.db";

/// What Alembic finds in its files, by running them.
const GRAPH: &str = r#"
import json
from alembic import util
from alembic.config import Config
from alembic.script import ScriptDirectory

def listed(module, name):
    return sorted(util.to_tuple(getattr(module, name, None), default=()))

found = {}
for script in ScriptDirectory.from_config(Config("alembic.ini")).walk_revisions():
    names = ("down_revision", "branch_labels", "depends_on")
    found[script.revision] = {name: listed(script.module, name) for name in names}
    found[script.revision]["message"] = script.doc
print(json.dumps(found))
"#;

fn by_alembic(folder: &Folder, project: &Project<'_>) -> Value {
    let output = Command::new(&project.python)
        .args(["-c", GRAPH])
        .current_dir(folder.path("old"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn by_limbeck(folder: &Folder) -> Value {
    let mut found = serde_json::Map::new();
    for revision in written(folder).iter() {
        fn sorted<W: AsRef<str>>(list: &[W]) -> Value {
            let mut list: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
            list.sort_unstable();
            json!(list)
        }
        found.insert(
            revision.id().to_owned(),
            json!({
                "down_revision": sorted(revision.down_revision()),
                "branch_labels": sorted(revision.branch_labels()),
                "depends_on": sorted(revision.depends_on()),
                "message": revision.summary(),
            }),
        );
    }
    Value::Object(found)
}

fn written(folder: &Folder) -> Migrations {
    Migrations::from_dir(folder.path("migrations")).expect("valid revisions")
}

fn import(folder: &Folder, project: &Project<'_>, options: &[&str]) -> Value {
    let before = folder.files("old");
    let document = folder.call(&[&project.import(), options].concat()).json();
    assert_eq!(folder.files("old"), before, "the source is as it was");
    document
}

/// `revision section: reason` of what is to be filled in.
fn open(document: &Value) -> Vec<String> {
    let mut open = Vec::new();
    for revision in document["revisions"].as_array().expect("a list") {
        for one in revision["fill_in"].as_array().expect("a list") {
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            open.push(format!(
                "{} {}: {}",
                text(&revision["revision"]),
                text(&one["section"]),
                text(&one["reason"])
            ));
        }
    }
    open
}

#[test]
fn the_graph_is_the_one_that_alembic_reads() {
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, NOWHERE) else {
        return;
    };
    project.with_branches();
    // Forms that Alembic's template does not write.
    let file = |name: &str, text: &str| folder.write(&format!("old/scripts/versions/{name}"), text);
    file(
        "y1.py",
        "# By hand\n'''One: two.\n\nMore.\n'''\nfrom typing import Optional, Union\nrevision: str = 'y' \"1\"\n\
         down_revision: Optional[Union[str, \"tuple[str, ...]\"]] = (  # two\n    'n1',\n    \"x1\",\n)\n\
         branch_labels = None\n\ndef upgrade():\n    revision = 'no'\n\ndef downgrade(): pass\n",
    );
    file(
        "y2.py",
        "revision = 'y2'; down_revision = ['y1']\nbranch_labels = {'left', 'hand'}\ndepends_on = None\n\
         if True:\n    x = revision\ndef upgrade(): pass\ndef downgrade(): pass\n",
    );
    file(
        "y3.py",
        "\"\"\"Third\"\"\"\r\nrevision = r'y3'\r\ndown_revision = \\\r\n    None\r\ndepends_on = 'y2', 'b1'\r\n\
         def upgrade(): pass\r\ndef downgrade(): pass\r\n",
    );
    file("__init__.py", "raise SystemExit('not a revision')\n");
    file(".#y3.py", "raise SystemExit('an editor\\'s')\n");

    let document = import(&folder, &project, &[]);
    assert_eq!(open(&document), Vec::<String>::new());
    let expected = by_alembic(&folder, &project);
    assert_eq!(expected.as_object().expect("an object").len(), 9);
    assert_eq!(by_limbeck(&folder), expected);
    let heads = folder.call(&["heads", "--json"]).json();
    let alembic = project.run(&["heads"]);
    let mut ids: Vec<&str> = alembic
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    ids.sort_unstable();
    assert_eq!(texts(&heads["revisions"], "revision"), ids);

    let migrations = written(&folder);
    let date = migrations
        .get("a1")
        .expect("it is there")
        .create_date()
        .expect("Alembic writes one");
    let text = folder.read(&format!(
        "old/scripts/versions/{}",
        project
            .file("a1")
            .file_name()
            .expect("a name")
            .to_string_lossy()
    ));
    let written = date.format("%Y-%m-%d %H:%M:%S%.f");
    assert!(text.contains(&format!("Create Date: {written}")), "{date}");
    assert_eq!(
        migrations.get("y1").expect("it is there").message(),
        "One: two.\n\nMore."
    );
}

/// The bodies on each database, with an environment that has a table of its own and a transaction for each step.
#[test]
fn bodies_hold_the_migration_and_nothing_of_alembics() {
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, NOWHERE) else {
        return;
    };
    project.with_branches();
    let env = folder.read("old/scripts/env.py");
    let configured = "        literal_binds=True,\n";
    assert!(env.contains(configured), "{env}");
    for (target, more) in [
        ("plain", ""),
        ("each", "        transaction_per_migration=True,\n"),
        (
            "named",
            "        version_table='my versions', version_table_schema='other',\n",
        ),
    ] {
        folder.write(
            "old/scripts/env.py",
            env.replace(configured, &format!("{configured}{more}")),
        );
        for dialect in [
            Dialect::Sqlite,
            Dialect::Postgres,
            Dialect::Mysql,
            Dialect::Mariadb,
        ] {
            let target = format!("{target}_{dialect}");
            let options = ["--dir", &target, "--dialect", dialect.name()];
            let document = import(&folder, &project, &options);
            assert_eq!(open(&document), Vec::<String>::new());
            let migrations = Migrations::from_dir(folder.path(&target)).expect("valid revisions");
            let statements = |id: &str, kind: SectionKind| -> Vec<String> {
                let revision = migrations.get(id).expect("it is there");
                let section = revision.section(kind, dialect).expect("it has both");
                assert_eq!(section.mode(), Mode::Transactional);
                let statements = revision.statements(section, dialect).expect("SQL");
                let texts = statements
                    .iter()
                    .map(|one| one.text().split_whitespace().collect::<Vec<_>>().join(" "));
                texts.collect()
            };
            for (id, up, down) in [
                ("a1", 2, 2),
                ("b1", 1, 1),
                ("c1", 2, 2),
                ("m1", 0, 0),
                ("n1", 1, 1),
                ("x1", 1, 1),
            ] {
                for (kind, count) in [(SectionKind::Upgrade, up), (SectionKind::Downgrade, down)] {
                    let found = statements(id, kind);
                    assert_eq!(found.len(), count, "{target} {id} {kind}: {found:?}");
                    assert!(
                        !found.iter().any(|one| one.contains("version_num")),
                        "{found:?}"
                    );
                }
            }
            assert!(statements("x1", SectionKind::Upgrade)[0].starts_with("CREATE TABLE audits ("));
            assert_eq!(
                statements("x1", SectionKind::Downgrade),
                ["DROP TABLE audits"]
            );
            let inserted = "INSERT INTO users (id, name) VALUES (1, 'it''s; -- me')";
            assert_eq!(statements("c1", SectionKind::Upgrade)[1], inserted);
        }
    }
}

#[test]
fn what_alembic_cannot_write_is_to_be_filled_in_and_does_not_run() {
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, NOWHERE) else {
        return;
    };
    project.revision(
        "a1",
        &[],
        &["op.execute('CREATE TABLE t (n INTEGER)')"],
        &["op.drop_table('t')"],
    );
    project.revision(
        "b1",
        &[],
        &["rows = op.get_bind().execute(sa.text('SELECT n FROM t')).fetchall()"],
        &["raise NotImplementedError('one way,\\nnever back')"],
    );
    project.revision(
        "c1",
        &[],
        &["op.execute('CREATE TABLE u (n INTEGER)')"],
        &["raise SystemExit(3)"],
    );
    let document = import(&folder, &project, &[]);
    let found = open(&document);
    let [up, down, last] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        up,
        "b1 upgrade: upgrade() of b1_b1.py cannot be SQL alone: it reads rows: SELECT n FROM t"
    );
    assert!(
        down.ends_with("NotImplementedError: one way, never back"),
        "{down}"
    );
    assert!(
        last.starts_with("c1 downgrade: ") && last.ends_with("SystemExit: 3"),
        "{last}"
    );
    let modes = |id: &str| -> Vec<Mode> {
        let migrations = written(&folder);
        let revision = migrations.get(id).expect("it is there");
        revision
            .sections()
            .iter()
            .map(limbeck::revision::Section::mode)
            .collect()
    };
    assert_eq!(modes("b1"), [Mode::Rust, Mode::Rust]);
    assert_eq!(modes("c1"), [Mode::Transactional, Mode::Rust]);

    let upgrade = || {
        folder.call(&[
            "upgrade",
            "head",
            "--json",
            "--database-url",
            "sqlite:app.db",
        ])
    };
    assert_eq!(upgrade().error().0, "missing_code");
    let status = || {
        folder
            .call(&["status", "--json", "--database-url", "sqlite:app.db"])
            .json()
    };
    assert_eq!(status()["current"], json!([]), "nothing ran");
    // A script has no place for it either.
    let sql = folder.call(&["upgrade", "head", "--sql", "--dialect", "sqlite", "--json"]);
    assert_eq!(sql.code, 1, "{sql:?}");
    // Where Alembic itself ran it, adopting says that it is open.
    let url = format!("sqlite://{}", folder.path("alembic.db").display());
    let ini = folder.read("old/alembic.ini");
    folder.write(
        "old/alembic.ini",
        ini.replace(
            "sqlite:////nowhere/none.db",
            &url.replacen("sqlite://", "sqlite:///", 1),
        ),
    );
    project.run(&["upgrade", "a1"]);
    project.run(&["stamp", "b1"]);
    let adopt = || {
        folder.call(&[
            "adopt",
            "--from",
            "alembic",
            "--json",
            "--database-url",
            &url,
        ])
    };
    let said = adopt();
    assert_eq!(said.json()["heads"], json!(["b1"]));
    assert!(
        said.stderr.contains("note: to be filled in: b1:"),
        "{said:?}"
    );
    // Filled in as the comment says.
    let text = folder.read("migrations/b1_b1.sql");
    folder.write(
        "migrations/b1_b1.sql",
        text.replacen(
            "-- @upgrade rust\n",
            "-- @upgrade\nINSERT INTO t VALUES (7);\n",
            1,
        ),
    );
    upgrade().json();
    assert_eq!(status()["current"], json!(["c1"]));
    assert!(adopt().stderr.contains("b1"), "its way back is open still");
    let text = folder.read("migrations/b1_b1.sql");
    let (above, _) = text
        .split_once("-- @downgrade rust")
        .expect("to be filled in");
    folder.write("migrations/b1_b1.sql", above);
    let said = adopt();
    assert_eq!(
        (&said.json()["outcome"], &*said.stderr),
        (&json!("already_there"), "")
    );
}

#[test]
fn without_a_python_everything_is_to_be_filled_in() {
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, NOWHERE) else {
        return;
    };
    project.with_branches();
    let said = folder.call_with(&["import", "alembic", "old", "--json"], &[("PATH", "")]);
    let document = said.json();
    assert_eq!(open(&document).len(), 12);
    let notes = document["notes"].as_array().expect("a list");
    assert!(
        notes.len() == 1 && notes[0].as_str().expect("text").contains("--python"),
        "{notes:?}"
    );
    assert_eq!(by_limbeck(&folder), by_alembic(&folder, &project));
    // A database that stands can be stamped all the same.
    let stamp = folder
        .call(&[
            "stamp",
            "heads",
            "--json",
            "--database-url",
            "sqlite:app.db",
        ])
        .json();
    assert_eq!(stamp["heads"], json!(["n1", "x1"]));
}

#[test]
fn a_python_that_does_not_answer() {
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, NOWHERE) else {
        return;
    };
    project.revision("a1", &[], &[], &[]);
    let import = |python: &str, options: &[&str]| {
        let arguments = ["import", "alembic", "old", "--json", "--python", python];
        folder.call(&[&arguments, options].concat())
    };
    for python in ["no/such/python", "false"] {
        let (kind, message) = import(python, &[]).error();
        assert_eq!(kind, "no_alembic", "{message}");
        assert!(message.contains(python), "{message}");
    }
    // env.py prints, which is no answer; and it may end the process.
    let env = folder.read("old/scripts/env.py");
    folder.write("old/scripts/env.py", format!("print('{{}}')\n{env}"));
    import(&project.python, &[]).json();
    folder.write(
        "old/scripts/env.py",
        format!("import os, sys\nsys.stderr.write('gone')\nsys.stderr.flush()\nos._exit(3)\n{env}"),
    );
    let (kind, message) = import(&project.python, &["--dir", "other"]).error();
    assert_eq!(kind, "no_alembic", "{message}");
    assert!(message.contains("gone"), "{message}");
    // It takes no URL from anybody.
    let fixed = env.replace("config.get_main_option(\"sqlalchemy.url\")", "'sqlite://'");
    folder.write("old/scripts/env.py", &fixed);
    import(&project.python, &["--dir", "sqlite"]).json();
    assert!(
        folder
            .read("sqlite/a1_a1.sql")
            .contains("-- @upgrade [sqlite]")
    );
    let (kind, message) = import(
        &project.python,
        &["--dir", "other", "--dialect", "postgres"],
    )
    .error();
    assert_eq!(kind, "refused_source");
    assert!(
        message.contains("for sqlite, not for postgres"),
        "{message}"
    );
    assert!(!folder.path("other").exists());
}

#[test]
fn projects_are_laid_out_in_several_ways() {
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, NOWHERE) else {
        return;
    };
    project.revision(
        "a1",
        &[],
        &["op.execute('CREATE TABLE t (n INTEGER)')"],
        &[],
    );
    project.revision(
        "b1",
        &[],
        &["op.execute('CREATE TABLE u (n INTEGER)')"],
        &[],
    );
    import(&folder, &project, &[]);
    let expected = folder.files("migrations");
    let call = |source: &str, target: &str, options: &[&str]| {
        let arguments = [
            "import",
            "alembic",
            source,
            "--dir",
            target,
            "--json",
            "--python",
            &project.python,
        ];
        folder.call(&[&arguments, options].concat())
    };
    // The script location alone finds its settings above.
    call("old/scripts", "location", &[]).json();
    assert_eq!(folder.files("location"), expected);
    // The revisions in two folders, one of them in folders of its own.
    let file = project.file("b1");
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    folder.write(
        &format!("old/more/2024/{name}"),
        std::fs::read(&file).expect("a file"),
    );
    std::fs::remove_file(&file).expect("it is there");
    let ini = folder.read("old/alembic.ini");
    let locations = "[alembic]\nrecursive_version_locations = true\n\
                     version_locations = %(here)s/scripts/versions:%(here)s/more\n";
    folder.write("old/alembic.ini", ini.replace("[alembic]\n", locations));
    call("old", "two", &[]).json();
    assert_eq!(folder.files("two"), expected);
    // Nothing is written to what is read.
    for target in ["old/scripts", "old/scripts/versions/sql", "old/more"] {
        assert_eq!(
            call("old", target, &[]).error().0,
            "same_folder",
            "{target}"
        );
    }
    call("old", "old/migrations", &[]).json();
    assert_eq!(folder.files("old/migrations"), expected);
    // Without any settings, a database has to be named: nothing else says which.
    std::fs::rename(folder.path("old/scripts"), folder.path("alone")).expect("a folder");
    folder.write(
        &format!("alone/versions/{name}"),
        folder.files("old/more")[&format!("2024/{name}")].as_slice(),
    );
    call("alone", "alone_sql", &["--dialect", "sqlite"]).json();
    assert_eq!(folder.files("alone_sql"), expected);
    // Flask-Migrate's settings stand beside env.py and do not say where that is.
    folder.write("alone/alembic.ini", "[alembic]\nsqlalchemy.url = sqlite://\n[loggers]\nkeys=root\n[logger_root]\nhandlers=\n[handlers]\nkeys=\n[formatters]\nkeys=\n");
    call("alone", "beside", &[]).json();
    assert_eq!(folder.files("beside"), expected);
}

/// The places of Alembic's settings and of its scripts.
#[test]
fn settings_stand_in_several_places() {
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, NOWHERE) else {
        return;
    };
    let create = ["op.execute('CREATE TABLE t (n INTEGER)')"];
    project.revision("a1", &[], &create, &[]);
    import(&folder, &project, &[]);
    let expected = folder.files("migrations");
    let ini = folder.read("old/alembic.ini");
    let location = "script_location = %(here)s/scripts\n";
    assert!(ini.contains(location), "{ini}");
    // In a package, which Alembic imports.
    folder.write("old/shop/__init__.py", "");
    let moved = folder.path("old/shop/revisions");
    std::fs::rename(folder.path("old/scripts"), &moved).expect("a folder");
    folder.write(
        "old/alembic.ini",
        ini.replace(location, "script_location = shop:revisions\n"),
    );
    import(&folder, &project, &["--dir", "package"]);
    assert_eq!(folder.files("package"), expected);
    // In pyproject.toml, with the database's URL still in the other file, and as the file that is named.
    folder.write(
        "old/pyproject.toml",
        "[project]\nname = 'shop'\n[tool.alembic]\nscript_location = '%(here)s/shop/revisions'\n\
         prepend_sys_path = ['.']\n",
    );
    folder.write("old/alembic.ini", ini.replace(location, ""));
    import(&folder, &project, &["--dir", "pyproject"]);
    assert_eq!(folder.files("pyproject"), expected);
}

/// An env.py for several databases runs the migrations for each.
#[test]
fn several_databases_in_one_environment() {
    with_each_alembic(|folder, project| {
        let create = ["op.execute('CREATE TABLE t (n INTEGER)')"];
        project.revision("a1", &[], &create, &["op.drop_table('t')"]);
        let env = folder.read("old/scripts/env.py");
        let run = "        context.run_migrations()\n";
        folder.write(
            "old/scripts/env.py",
            env.replace(run, &format!("{run}{run}")),
        );
        let document = import(folder, project, &[]);
        assert_eq!(open(&document), Vec::<String>::new());
        let notes = document["notes"].to_string();
        assert!(notes.contains("runs the migrations 2 times"), "{notes}");
        assert_eq!(
            section(folder, "a1", SectionKind::Upgrade),
            "CREATE TABLE t (n INTEGER);"
        );
    });
}

/// `autocommit_block()` leaves the transaction: the section runs outside of one.
#[tokio::test]
async fn an_autocommit_block_runs_outside_of_a_transaction() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, &db.url) else {
        return;
    };
    project.revision(
        "a1",
        &[],
        &["op.create_table('t', sa.Column('n', sa.Integer))"],
        &["op.drop_table('t')"],
    );
    let block = |call: &str| format!("with op.get_context().autocommit_block(): {call}");
    let up = block("op.create_index('i', 't', ['n'], postgresql_concurrently=True)");
    let down = block("op.drop_index('i', table_name='t', postgresql_concurrently=True)");
    project.revision("b1", &[], &[&up], &[&down]);
    let document = import(&folder, &project, &[]);
    assert_eq!(open(&document), Vec::<String>::new());
    let migrations = written(&folder);
    let b1 = migrations.get("b1").expect("it is there");
    for section in b1.sections() {
        assert_eq!(
            (section.mode(), section.databases()),
            (Mode::Autocommit, &[Dialect::Postgres][..])
        );
        let statements = b1.statements(section, Dialect::Postgres).expect("SQL");
        assert_eq!(statements.len(), 1, "{}", b1.text());
        assert!(
            statements[0].text().contains(" CONCURRENTLY "),
            "{}",
            b1.text()
        );
    }
    let run = |arguments: &[&str]| {
        folder
            .call(&[arguments, &["--json", "--database-url", &db.url]].concat())
            .json()
    };
    let indexes = "SELECT indexname FROM pg_indexes WHERE tablename = 't'";
    run(&["upgrade", "head"]);
    assert_eq!(db.strings(indexes).await, ["i"]);
    run(&["downgrade", "a1"]);
    assert_eq!(db.strings(indexes).await, Vec::<String>::new());
}

/// The project of each Alembic that is there: the present one, and one before 1.18.
fn with_each_alembic(test: impl Fn(&Folder, &Project<'_>)) {
    for variable in ["LIMBECK_TEST_ALEMBIC", "LIMBECK_TEST_ALEMBIC_OLD"] {
        let folder = Folder::new();
        let Some(project) = Project::with(variable, &folder, NOWHERE) else {
            continue;
        };
        test(&folder, &project);
    }
}

fn section(folder: &Folder, id: &str, kind: SectionKind) -> String {
    let migrations = written(folder);
    let revision = migrations.get(id).expect("it is there");
    let section = revision.section(kind, Dialect::Sqlite).expect("a section");
    revision.body(section).trim().to_owned()
}

/// env.py sets neither `literal_binds` nor `paramstyle`, as half of the projects.
#[test]
fn values_are_written_and_percent_signs_stay_single() {
    with_each_alembic(|folder, project| {
        let env = folder.read("old/scripts/env.py");
        let bare = env
            .replace("        literal_binds=True,\n", "")
            .replace("        dialect_opts={\"paramstyle\": \"named\"},\n", "");
        assert!(!bare.contains("paramstyle") && !bare.contains("literal_binds"));
        folder.write("old/scripts/env.py", bare);
        project.revision(
            "a1",
            &[],
            &[
                "t = sa.table('t', sa.column('s', sa.String))",
                "op.execute('CREATE TABLE t (s TEXT)')",
                r"op.execute(t.update().values(s='100% \\new: it\'s').where(t.c.s.like('a%')))",
                "op.execute(\"UPDATE t SET s = '5%' WHERE s LIKE '%x'\")",
            ],
            &["op.get_bind().execute(sa.text('UPDATE t SET s = :s').bindparams(s='old'))"],
        );
        project.revision(
            "b1",
            &[],
            &[
                "t = sa.table('t', sa.column('s', sa.String))",
                "op.get_bind().execute(t.insert(), [{'s': 'lost'}])",
            ],
            &["op.get_bind().execute(sa.text('UPDATE t SET s = :s'), {'s': 'lost'})"],
        );
        let ini = folder.read("old/alembic.ini");
        for (url, dialect, backslash) in [
            ("sqlite://", Dialect::Sqlite, "\\"),
            ("postgresql+psycopg2://", Dialect::Postgres, "\\"),
            ("mysql+pymysql://", Dialect::Mysql, "\\\\"),
        ] {
            folder.write(
                "old/alembic.ini",
                ini.replace("sqlite:////nowhere/none.db", url),
            );
            let target = dialect.name();
            let document = import(folder, project, &["--offline", "--dir", target]);
            assert_eq!(open(&document).len(), 2, "{document}");
            let migrations = Migrations::from_dir(folder.path(target)).expect("valid revisions");
            let revision = migrations.get("a1").expect("it is there");
            let body = |kind| {
                let section = revision.section(kind, dialect).expect("a section");
                revision.body(section)
            };
            let text = body(SectionKind::Upgrade);
            for words in [
                &*format!("'100% {backslash}new: it''s'"),
                "LIKE 'a%'",
                "SET s = '5%' WHERE s LIKE '%x'",
            ] {
                assert!(text.contains(words), "{words}: {text}");
            }
            assert!(body(SectionKind::Downgrade).contains("'old'"));
        }
    });
}

#[test]
fn a_section_that_came_out_empty_does_not_run() {
    with_each_alembic(|folder, project| {
        project.revision(
            "a1",
            &[],
            &[
                "from alembic import context",
                "if context.is_offline_mode():",
                "    print('run me online\\n-- @downgrade')",
                "    return",
                "op.execute('CREATE TABLE t (n INTEGER)')",
            ],
            &[
                "try:",
                "    op.get_bind().execute(sa.text('SELECT 1')).scalar()",
                "except Exception as error:",
                "    print(error)",
            ],
        );
        project.revision("b1", &[], &["return None"], &["'Nothing to do.'", "x = 1"]);
        project.revision("c1", &[], &["for n in []: op.execute('SELECT 1')"], &[]);
        let document = import(folder, project, &["--offline"]);
        let open = open(&document);
        assert_eq!(open.len(), 3, "{open:?}");
        assert!(open[0].starts_with("a1 upgrade: "), "{open:?}");
        // What it would have done without the error is not known.
        assert!(open[1].starts_with("a1 downgrade: "), "{open:?}");
        assert!(open[1].contains("goes on after OfflineError"), "{open:?}");
        assert!(open[2].starts_with("c1 upgrade: "), "{open:?}");
        let text = section(folder, "a1", SectionKind::Upgrade);
        assert!(
            text.contains("--   | run me online\n--   | -- @downgrade"),
            "{text}"
        );
        for kind in [SectionKind::Upgrade, SectionKind::Downgrade] {
            assert_eq!(section(folder, "b1", kind), "");
        }
        let notes = document["notes"].to_string();
        assert!(notes.contains("asks whether it runs offline"), "{notes}");
    });
}

/// A dependency that is missing is one error, and nothing is written.
#[test]
fn a_project_that_does_not_load_is_one_error() {
    with_each_alembic(|folder, project| {
        let missing = ["import not_installed"];
        project.revision("a1", &[], &missing, &missing);
        project.revision("b1", &[], &missing, &[]);
        let fails = |problem: &str| {
            let (kind, message) = folder.call(&project.import()).error();
            assert_eq!(kind, "project_failed", "{message}");
            assert!(message.contains(problem), "{problem}: {message}");
            assert!(message.contains("--python"), "{message}");
            assert!(!folder.path("migrations").exists(), "{message}");
        };
        fails("not_installed");
        let env = folder.read("old/scripts/env.py");
        for (begin, problem) in [
            ("import shop.models\n", "No module named 'shop'"),
            ("raise SystemExit('set DATABASE_URL')\n", "set DATABASE_URL"),
        ] {
            folder.write("old/scripts/env.py", format!("{begin}{env}"));
            fails(problem);
        }
        folder.write("old/scripts/env.py", "");
        fails("runs no migrations");
        folder.write("old/scripts/env.py", &env);
        folder.write(
            "old/scripts/versions/c1.py",
            "import shop\nrevision = 'c1'\ndown_revision = 'b1'\n",
        );
        fails("No module named 'shop'");
    });
}

#[test]
fn alembic_is_asked_what_the_files_do_not_spell_out() {
    with_each_alembic(|folder, project| {
        // Beside alembic.ini, and named as Python's own.
        folder.write(
            "old/logging/__init__.py",
            "raise SystemExit('not this one')\n",
        );
        folder.write("old/ids.py", "FIRST = 'a1'\n");
        let file =
            |name: &str, text: &str| folder.write(&format!("old/scripts/versions/{name}"), text);
        file(
            "a1.py",
            "'''First'''\nfrom alembic import op\nfrom ids import FIRST\nrevision = FIRST\ndown_revision = None\n\
             branch_labels = 'None'\ndef upgrade():\n    op.execute('CREATE TABLE t (n INTEGER)')\n\
             def downgrade():\n    op.execute('DROP TABLE t')\n",
        );
        file(
            "b1.py",
            "from alembic import op\nfrom ids import FIRST\nrevision = 'b' + '1'\ndown_revision = FIRST\n\
             def upgrade():\n    op.get_bind().commit()\n    with op.get_context().autocommit_block():\n        \
             op.execute('VACUUM')\n",
        );
        file(
            "c1.py",
            "from alembic import op\nrevision = 'c1'\ndown_revision = None\ndepends_on = 'b1'\n\
             def upgrade():\n    op.execute('CREATE TABLE u (n INTEGER)')\n\
             def downgrade():\n    op.execute('DROP TABLE u')\n",
        );
        let document = import(folder, project, &[]);
        assert_eq!(open(&document), Vec::<String>::new());
        let notes = document["notes"].to_string();
        assert!(notes.contains("None"), "{notes}");
        let down = SectionKind::Downgrade;
        assert_eq!(section(folder, "a1", down), "DROP TABLE t;");
        assert_eq!(section(folder, "c1", down), "DROP TABLE u;");
        let migrations = written(folder);
        let b1 = migrations.get("b1").expect("it is there");
        assert!(b1.section(down, Dialect::Sqlite).is_none(), "{}", b1.text());
        let up = b1
            .section(SectionKind::Upgrade, Dialect::Sqlite)
            .expect("a section");
        assert_eq!(
            (up.mode(), b1.body(up).trim()),
            (Mode::Autocommit, "VACUUM;")
        );
        // The settings' file itself.
        let options = ["old/alembic.ini", "--json", "--dir", "by_file", "--python"];
        let arguments = [&["import", "alembic"], &options[..], &[&project.python]].concat();
        folder.call(&arguments).json();
        assert_eq!(folder.files("by_file"), folder.files("migrations"));
    });
}

/// A step that sent statements by what it found in rows, and one that does more than its statements.
#[test]
fn a_step_that_depends_on_rows_is_code() {
    let steps: &[(&str, &[&str], &str)] = &[
        (
            "r1",
            &["op.get_bind().execute(sa.text('SELECT n FROM t')).all()"],
            "it reads rows: SELECT n FROM t",
        ),
        (
            "r2",
            &[
                "if op.get_bind().execute(sa.text('DELETE FROM t')).rowcount: op.execute('DELETE FROM t')",
            ],
            "(rowcount)",
        ),
        (
            "r3",
            &[
                "t = sa.Table('t', sa.MetaData(), sa.Column('n', sa.Integer, primary_key=True))",
                "op.get_bind().execute(t.insert().values()).inserted_primary_key",
            ],
            "(inserted_primary_key)",
        ),
        (
            "r4",
            &[
                "from sqlalchemy.orm import Session, declarative_base",
                "class T(declarative_base()):",
                "    __tablename__ = 't'",
                "    n = sa.Column(sa.Integer, primary_key=True)",
                "session = Session(bind=op.get_bind())",
                "session.add(T())",
                "session.flush()",
            ],
            "it reads",
        ),
        (
            "r5",
            &["op.get_bind().connection.cursor().execute('DELETE FROM t')"],
            "the driver's own connection",
        ),
        (
            "r6",
            &[
                "import sqlite3",
                "sqlite3.connect(':memory:').execute('SELECT 1')",
            ],
            "reaches beyond its database (sqlite3.connect)",
        ),
        (
            "r7",
            &[
                "try:",
                "    op.execute('DELETE FROM nowhere')",
                "except Exception:",
                "    pass",
            ],
            "it goes on after an error: OperationalError: no such table: nowhere",
        ),
        (
            "r8",
            &["op.get_bind().exec_driver_sql('INSERT INTO t VALUES (?)', (100,))"],
            "values apart from it",
        ),
        (
            "r9",
            &["op.get_bind().execute(sa.text('SELECT m.name FROM sqlite_master m, t')).all()"],
            "it reads rows: SELECT m.name FROM sqlite_master m, t",
        ),
        (
            "s1",
            &["op.get_bind().execute(sa.text('INSERT INTO t VALUES (200) RETURNING n')).scalar()"],
            "it reads rows: INSERT INTO t",
        ),
        (
            "s2",
            &[
                "op.get_bind().execute(sa.text('SELECT seq FROM sqlite_sequence')) if False else None",
                "op.get_bind().execute(sa.text('PRAGMA user_version')).scalar()",
            ],
            "it reads rows: PRAGMA user_version",
        ),
    ];
    with_each_alembic(|folder, project| {
        let first: &[&str] = &["op.execute('CREATE TABLE t (n INTEGER PRIMARY KEY)')"];
        let back: &[&str] = &["op.execute('DELETE FROM t')"];
        let chain = steps.iter().map(|(id, up, _)| (*id, *up, back));
        project.chain([("a1", first, &[][..])].into_iter().chain(chain));
        let document = import(folder, project, &[]);
        let found = open(&document);
        assert_eq!(found.len(), steps.len(), "{found:#?}");
        for ((id, _, reason), found) in steps.iter().zip(&found) {
            assert!(
                found.starts_with(&format!(
                    "{id} upgrade: upgrade() of {id}_{id}.py cannot be SQL alone: "
                )),
                "{found}"
            );
            assert!(found.contains(reason), "{reason}: {found}");
        }
        // Its statements are there to be read.
        let text = section(folder, "r1", SectionKind::Upgrade);
        assert!(text.contains("--   | SELECT n FROM t;"), "{text}");
        // A statement whose answer nobody reads is the SQL.
        assert_eq!(
            section(folder, "r1", SectionKind::Downgrade),
            "DELETE FROM t;"
        );
        assert_eq!(document["notes"], json!([]));
    });
}

/// A run that ends early says where; what was sent before is SQL, and the rest as Alembic writes it offline.
#[test]
fn a_run_that_ends_early_on_the_scratch_database() {
    with_each_alembic(|folder, project| {
        let reads = "sa.inspect(op.get_bind()).get_columns('t')";
        let steps: [(&str, &[&str]); 4] = [
            ("a1", &["op.execute('CREATE TABLE t (n INTEGER)')", reads]),
            ("b1", &["op.execute('DELETE FROM nowhere')"]),
            ("c1", &["op.execute('CREATE TABLE u (n INTEGER)')"]),
            ("d1", &[reads]),
        ];
        project.chain(steps.map(|(id, up)| (id, up, &[][..])));
        let document = import(folder, project, &[]);
        let found = open(&document);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].starts_with("d1 upgrade: alembic could not write"),
            "{found:?}"
        );
        let notes = document["notes"].to_string();
        assert!(
            notes.contains("upgrade() of b1 ended with OperationalError: ")
                && notes.contains("no such table: nowhere"),
            "{notes}"
        );
        for (id, text) in [
            ("a1", "CREATE TABLE t (n INTEGER);"),
            ("b1", "DELETE FROM nowhere;"),
            ("c1", "CREATE TABLE u (n INTEGER);"),
        ] {
            assert_eq!(section(folder, id, SectionKind::Upgrade), text);
        }
    });
}

/// Wherever env.py takes its URL from, nothing but the scratch database is connected to.
#[test]
fn no_database_of_the_projects_is_touched() {
    with_each_alembic(|folder, project| {
        let real = folder.path("real.db");
        let create = |import: &str| {
            let env = folder.read("old/scripts/env.py");
            let (above, below) = env
                .split_once("    connectable = engine_from_config(")
                .expect("Alembic's template");
            let (_, below) = below.split_once("    )\n").expect("its end");
            format!(
                "import sqlite3\nfrom sqlalchemy import create_engine\n{above}    connectable = {import}\n{below}"
            )
        };
        let own = create(&format!("create_engine('sqlite:///{}')", real.display()));
        let by_itself = create(&format!(
            "create_engine('sqlite://', creator=lambda: sqlite3.connect('{}'))",
            real.display()
        ));
        let columns = "names = [one['name'] for one in sa.inspect(op.get_bind()).get_columns('t')]";
        project.revision(
            "a1",
            &[],
            &["op.execute('CREATE TABLE t (n INTEGER)')", columns],
            &["op.drop_table('t')"],
        );
        folder.write("old/scripts/env.py", own);
        let document = import(folder, project, &[]);
        assert_eq!(open(&document), Vec::<String>::new());
        assert!(!real.exists());
        folder.write("old/scripts/env.py", by_itself);
        let document = import(folder, project, &["--dir", "by_itself"]);
        assert_eq!(open(&document).len(), 1, "{document}");
        let notes = document["notes"].to_string();
        assert!(
            notes.contains("it makes its connections by itself"),
            "{notes}"
        );
        let tables = Command::new("sqlite3")
            .arg(&real)
            .arg(".tables")
            .output()
            .expect("sqlite3");
        assert_eq!(String::from_utf8_lossy(&tables.stdout), "");
    });
}

#[tokio::test]
async fn steps_run_on_a_scratch_database_of_postgres() {
    let Some(scratch) = crate::support::servers::postgres_database().await else {
        return;
    };
    steps_run_on_a_server("postgresql+psycopg2", &scratch.url, Dialect::Postgres, 0);
}

async fn steps_run_on_a_scratch_database() {
    let Some(scratch) = crate::support::servers::mysql_database().await else {
        return;
    };
    // Below a downgrade that leaves its column behind, none can be run.
    steps_run_on_a_server("mysql+pymysql", &scratch.url, Dialect::Mysql, 1);
}

crate::support::on_mysql!(steps_run_on_a_scratch_database);

fn steps_run_on_a_server(driver: &str, scratch: &str, dialect: Dialect, open_ones: usize) {
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, NOWHERE) else {
        return;
    };
    let ini = folder.read("old/alembic.ini");
    let columns = "names = [one['name'] for one in sa.inspect(op.get_bind()).get_columns('t')]";
    let steps: [(&str, &[&str], &[&str]); 3] = [
        (
            "a1",
            &[
                "op.create_table('t', sa.Column('n', sa.Integer, primary_key=True), sa.Column('s', sa.String(9)))",
                "if sa.inspect(op.get_bind()).has_table('t'):",
                "    op.get_bind().execute(sa.text('INSERT INTO t VALUES (:n, :s)'), {'n': 1, 's': '5%'})",
            ],
            &["if sa.inspect(op.get_bind()).has_table('t'): op.drop_table('t')"],
        ),
        (
            "b1",
            &[
                columns,
                "if 'b' not in names: op.add_column('t', sa.Column('b', sa.Integer))",
            ],
            &[],
        ),
        (
            "c1",
            &[
                columns,
                "if 'c' not in names: op.add_column('t', sa.Column('c', sa.Integer))",
            ],
            &[columns, "if 'c' in names: op.drop_column('t', 'c')"],
        ),
    ];
    project.chain(steps);
    let url = format!("{driver}://nowhere/none");
    folder.write(
        "old/alembic.ini",
        ini.replace("sqlite:////nowhere/none.db", &url),
    );
    // Without one they are offline, and the answer says how it would be more.
    let document = import(&folder, &project, &["--dir", "offline"]);
    assert_eq!(open(&document).len(), 5, "{document}");
    let notes = document["notes"].to_string();
    assert!(notes.contains("--scratch-url"), "{notes}");
    let fails = |scratch: &str, words: &str| {
        let options = ["--dir", "fails", "--scratch-url", scratch];
        let arguments = [&project.import()[..], &options].concat();
        let (kind, message) = folder.call(&arguments).error();
        assert_eq!(kind, "scratch_failed", "{message}");
        assert!(message.contains(words), "{words}: {message}");
        assert!(!folder.path("fails").exists());
    };
    fails(
        "sqlite:///other.db",
        "the scratch database is one of sqlite",
    );

    let document = import(&folder, &project, &["--scratch-url", scratch]);
    assert_eq!(open(&document).len(), open_ones, "{document}");
    let migrations = written(&folder);
    for (id, kind, words) in [
        ("a1", SectionKind::Upgrade, "VALUES (1, '5%')"),
        ("c1", SectionKind::Upgrade, "ADD COLUMN c INTEGER"),
        ("c1", SectionKind::Downgrade, "DROP COLUMN c"),
    ] {
        let revision = migrations.get(id).expect("it is there");
        let section = revision.section(kind, dialect).expect("a section");
        let text = revision.body(section);
        assert!(text.contains(words), "{words}: {text}");
    }
    // It holds what the steps made now.
    fails(scratch, "the scratch database is not empty");
}
