//! The revisions that everyone runs: one text, which PostgreSQL and SQLite both read.
//!
//! The build script includes this file, to embed the same revisions for limbeck.

/// How many there are in the comparison.
pub const REVISIONS: usize = 500;

/// The table that a revision makes.
pub fn table(number: usize) -> String {
    format!("peer_{number:05}")
}

/// What a revision does: a table, an index, two rows.
pub fn sql(number: usize) -> String {
    let table = table(number);
    format!(
        "CREATE TABLE {table} (id BIGINT PRIMARY KEY, note TEXT NOT NULL);\n\
         CREATE INDEX {table}_note ON {table} (note);\n\
         INSERT INTO {table} (id, note) VALUES (1, 'one'), (2, 'two');\n"
    )
}

/// A revision as a file of limbeck's, on top of the one before.
pub fn limbeck_file(number: usize, sql: &str) -> String {
    let down = match number {
        1 => "none".to_owned(),
        _ => table(number - 1),
    };
    format!(
        "-- Table {number}\n--\n-- revision: {}\n-- down_revision: {down}\n\n-- @upgrade\n{sql}",
        table(number)
    )
}
