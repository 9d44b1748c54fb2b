//! Revisions embedded by a build script: the crate in `tests/embed`, built by cargo as a user would.

use std::fs::{self, File};
use std::path::Path;

use limbeck::Revision;

use crate::support::embed::{Built, Crate};

fn file(id: &str, down: &str) -> String {
    format!("-- {id}\n--\n-- revision: {id}\n-- down_revision: {down}\n\n-- @upgrade\nSELECT 1;\n")
}

#[test]
fn what_changes_in_the_folder_is_built() {
    let service = Crate::new();
    assert_eq!(service.build(), Built::Anew);
    // Parents first, whatever the files are called.
    assert_eq!(service.ids(), "b1 a2 c1");
    let paths: Vec<_> = service
        .run()
        .into_iter()
        .map(|[_, path, ..]| path)
        .collect();
    let expected = [
        "migrations/b1_accounts.sql",
        "migrations/a2_names.sql",
        "billing/c1_invoices.sql",
    ];
    assert_eq!(paths, expected, "relative to the package, on each machine");
    assert_eq!(service.build(), Built::Fresh, "nothing changed");

    service.write("migrations/d3.sql", &file("d3", "a2"));
    assert_eq!(service.build(), Built::Anew, "a file was added");
    assert_eq!(service.ids(), "b1 a2 d3 c1");
    assert_eq!(service.build(), Built::Fresh);

    let before = service.checksum("d3");
    service.write("migrations/d3.sql", &(file("d3", "a2") + "SELECT 2;\n"));
    assert_eq!(service.build(), Built::Anew, "a file was edited");
    assert_ne!(service.checksum("d3"), before);
    assert_eq!(service.ids(), "b1 a2 d3 c1");
    assert_eq!(service.build(), Built::Fresh);

    let at = |name: &str| service.folder.join("migrations").join(name);
    fs::rename(at("d3.sql"), at("renamed.SQL")).expect("a rename");
    assert_eq!(service.build(), Built::Anew, "a file was renamed");
    assert_eq!(service.ids(), "b1 a2 d3 c1");

    service.remove("migrations/renamed.SQL");
    assert_eq!(service.build(), Built::Anew, "a file was removed");
    assert_eq!(service.ids(), "b1 a2 c1");
    assert_eq!(service.build(), Built::Fresh);

    service.write("billing/c2.sql", &file("c2", "c1"));
    assert_eq!(service.build(), Built::Anew, "the other folder's");
    assert_eq!(service.ids(), "b1 a2 c1 c2");
}

#[test]
fn line_ends_change_no_checksum() {
    let service = Crate::new();
    service.build();
    let path = "migrations/a2_names.sql";
    let text = service.read(path);
    let expected = Revision::parse(path, text.clone()).expect("a revision");
    assert_eq!(service.checksum("a2"), expected.checksum().to_string());

    service.write(path, &format!("\u{feff}{}", text.replace('\n', "\r\n")));
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.checksum("a2"), expected.checksum().to_string());
    assert_eq!(service.ids(), "b1 a2 c1");
}

#[test]
fn a_broken_graph_fails_the_build() {
    let service = Crate::new();
    service.build();
    let x = "migrations/x.sql";
    let cases = [
        (
            file("x", "gone"),
            "migrations/x.sql:4: revision `x` has `gone` in its down_revision, which is not there",
        ),
        (
            file("a2", "b1"),
            "migrations/x.sql:3: revision `a2` is in migrations/a2_names.sql already",
        ),
        (
            file("A2", "b1"),
            "migrations/a2_names.sql:3: revision ids `A2` and `a2` differ in case only",
        ),
        (
            file("x", "a2").replace("\n\n", "\n-- branch_labels: b1\n\n"),
            "migrations/x.sql:5: branch label `b1` of revision `x` is the id of a revision",
        ),
        (
            file("x", "a2").replace("down_", "dwon_"),
            "migrations/x.sql:4:4: ",
        ),
        (file("x", "a2") + "BEGIN;\n", "migrations/x.sql:8:1: "),
        (
            file("x", "a2").replace("\n\n", "\n-- requires_binary: y\n\n"),
            "migrations/x.sql:5: requires_binary: there is no revision y",
        ),
        (
            file("x", "a2").replace("\n\n", "\n-- requires_binary: a22\n\n"),
            "migrations/x.sql:5: requires_binary: there is no revision a22: did you mean `a2`?",
        ),
        (
            file("x", "b1"),
            "migrations: several heads that no branch label tells apart: `a2` \
             (migrations/a2_names.sql:3), `x` (migrations/x.sql:3)",
        ),
    ];
    for (text, reason) in &cases {
        service.write(x, text);
        let errors = service.refused();
        assert!(errors.contains(reason), "not there: {reason}\n{errors}");
        // A build that failed is tried again, and says the same.
        assert!(service.refused().contains(reason));
    }
    service.remove(x);
    service.build();
    assert_eq!(service.ids(), "b1 a2 c1");

    service.write(x, &file("x", "y"));
    service.write("migrations/y.sql", &file("y", "x"));
    let errors = service.refused();
    let reason = "migrations/x.sql:4: a cycle through down_revision: `x` needs `y` needs `x`";
    assert!(errors.contains(reason), "{errors}");
    // The line itself follows.
    for line in [
        "--> migrations/x.sql:4:19",
        "4 | -- down_revision: y",
        "|                   ^",
    ] {
        assert!(errors.contains(line), "{errors}");
    }

    service.remove("migrations/y.sql");
    fs::write(service.folder.join(x), b"-- \xff\n").expect("a file");
    let errors = service.refused();
    assert!(errors.contains("migrations/x.sql:1:4: "), "{errors}");

    fs::remove_dir_all(service.folder.join("billing")).expect("the other folder");
    service.remove(x);
    let errors = service.refused();
    assert!(errors.contains("billing: could not be read"), "{errors}");
}

#[test]
fn several_heads_are_embedded_where_they_are_allowed_or_labelled() {
    let service = Crate::new();
    // A mainline beside a labelled branch: both have a name.
    service.write(
        "migrations/x.sql",
        &file("x", "b1").replace("\n\n", "\n-- branch_labels: side\n\n"),
    );
    service.build();
    assert_eq!(service.ids(), "b1 a2 x c1");

    // Two heads under one label: `side@head` is neither.
    service.write("migrations/y.sql", &file("y", "x"));
    service.write("migrations/z.sql", &file("z", "x"));
    let errors = service.refused();
    let reason = "several heads that no branch label tells apart: `y` (migrations/y.sql:3), `z`";
    assert!(errors.contains(reason), "{errors}");

    let script = service.read("build.rs").replace(
        r#"limbeck::codegen::embed("migrations");"#,
        r#"limbeck::codegen::Embed::new("migrations").allow_multiple_heads().emit_or_exit();"#,
    );
    service.write("build.rs", &script);
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.ids(), "b1 a2 x y z c1");
}

/// Files come with old time stamps, as in the layers of a container: a build before they are there does not pass for
/// one with them.
#[test]
fn what_is_copied_after_a_first_build_is_embedded() {
    let service = Crate::new();
    let files = ["migrations/b1_accounts.sql", "migrations/a2_names.sql"];
    let texts = files.map(|path| (path, service.read(path)));
    let empty = || files.iter().for_each(|path| service.remove(path));
    // As they were before any build, the folder too.
    let copy = || {
        for (path, text) in &texts {
            service.write(path, text);
            age(&service.path(path));
        }
        age(&service.path("migrations"));
    };

    empty();
    let errors = service.refused();
    let reason = "migrations: no revision file is there";
    assert!(errors.contains(reason), "{errors}");
    copy();
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.ids(), "b1 a2 c1");

    // Where an empty folder is meant.
    let script = service.read("build.rs");
    let allowing = script.replace(
        r#"limbeck::codegen::embed("migrations");"#,
        r#"limbeck::codegen::Embed::new("migrations").allow_empty().emit_or_exit();"#,
    );
    empty();
    service.write("build.rs", &allowing);
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.ids(), "c1");
    copy();
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.ids(), "b1 a2 c1");
    assert_eq!(service.build(), Built::Fresh);

    // The README's recipe: a first build without anything of the service, then its files, then `touch`.
    let main = service.read("src/main.rs");
    empty();
    service.write("build.rs", "fn main() {}\n");
    service.write("src/main.rs", "fn main() {}\n");
    assert_eq!(service.build(), Built::Anew);
    service.write("build.rs", &script);
    service.write("src/main.rs", &main);
    copy();
    for path in ["build.rs", "src/main.rs"] {
        age(&service.path(path));
        touch(&service.path(path));
    }
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.ids(), "b1 a2 c1");
}

/// Gives it a time stamp before any build.
fn age(path: &Path) {
    set_time(
        path,
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000),
    );
}

fn touch(path: &Path) {
    set_time(path, std::time::SystemTime::now());
}

fn set_time(path: &Path, time: std::time::SystemTime) {
    let file = File::open(path).expect("it is there");
    file.set_modified(time).expect("its time can be set");
}

/// As when a folder is read at run time: see `revision_files.rs`.
#[test]
#[cfg(unix)]
fn hidden_files_are_left_alone_and_nothing_else_is() {
    let service = Crate::new();
    service.write("migrations/._a2_names.sql", "\0\x05\x16\x07");
    service.write("migrations/.sql", "nothing");
    service.build();
    assert_eq!(service.ids(), "b1 a2 c1");

    let link = service.path("migrations/gone.sql");
    std::os::unix::fs::symlink("nowhere.sql", &link).expect("a link");
    let errors = service.refused();
    assert!(
        errors.contains("migrations/gone.sql: could not be read"),
        "{errors}"
    );
    fs::remove_file(link).expect("the link");

    fs::create_dir_all(service.path("migrations/2026/q1")).expect("folders");
    service.write("migrations/2026/q1/d3.sql", &file("d3", "a2"));
    let errors = service.refused();
    let reason = "migrations/2026/q1/d3.sql: a revision file in a subfolder, which is not read";
    assert!(errors.contains(reason), "{errors}");

    let script = service.read("build.rs").replace(
        r#"limbeck::codegen::embed("migrations");"#,
        r#"limbeck::codegen::Embed::new("migrations").subfolders().emit_or_exit();"#,
    );
    service.write("build.rs", &script);
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.ids(), "b1 a2 d3 c1");
    service.write("migrations/2026/d4.sql", &file("d4", "d3"));
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.ids(), "b1 a2 d3 d4 c1");
}
