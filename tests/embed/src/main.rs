//! Prints what is embedded: one line for each revision, parents first, and whether it is what its file holds.
#![deny(warnings)]

use limbeck::{Migrations, Revision};

static MIGRATIONS: Migrations = limbeck::embedded!();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let migrations = Migrations::merge([MIGRATIONS.clone(), limbeck::embedded!("billing")])?;
    let beside_others = Migrations::merge([MIGRATIONS.clone(), Migrations::new([])?])?;
    for embedded in beside_others.iter() {
        assert!(embedded.path().starts_with("embed/"));
        embedded.check()?;
    }
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for embedded in migrations.iter() {
        embedded.check()?;
        let bytes = std::fs::read(package.join(embedded.path()))?;
        let file = Revision::parse_bytes(embedded.path(), bytes)?;
        let same = embedded.checksum() == file.checksum()
            && embedded.text() == file.text()
            && embedded.id() == file.id()
            && embedded.down_revision() == file.down_revision()
            && embedded.branch_labels() == file.branch_labels()
            && embedded.depends_on() == file.depends_on()
            && embedded.message() == file.message()
            && embedded.create_date() == file.create_date()
            && embedded.requires_binary() == file.requires_binary()
            && embedded.sections().len() == file.sections().len();
        let verdict = if same { "same" } else { "differs" };
        println!(
            "{} {} {} {verdict}",
            embedded.id(),
            embedded.path(),
            embedded.checksum()
        );
    }
    Ok(())
}
