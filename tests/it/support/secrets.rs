//! Passwords that nothing may say, and the places where they would be met.

use limbeck::Migrations;

use super::migrations;
use super::servers::Database;

/// As it is, and as it stands in a URL.
pub const PASSWORDS: [(&str, &str); 3] = [
    ("geheimQzjX", "geheimQzjX"),
    ("p@ss:w/rd?QzjX#x", "p%40ss%3Aw%2Frd%3FQzjX%23x"),
    ("sesam'\"\\QzjX öffne", "sesam%27%22%5CQzjX%20%C3%B6ffne"),
];

/// Part of each of them, and of nothing else here: found even where the rest was changed on the way.
pub const MARK: &str = "QzjX";

/// Steps of each kind, the last of which fails.
pub fn failing() -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\n-- @downgrade\nDROP TABLE t;\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade autocommit\nINSERT INTO t VALUES (1);\n-- @downgrade\n",
        ),
        (
            "c",
            "b",
            "",
            "-- @require\nSELECT id FROM t WHERE id = 2;\n-- @upgrade\nINSERT INTO nowhere VALUES (1);\n-- @downgrade\n",
        ),
    ])
}

pub async fn unused_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A server's port that takes each connection and breaks it off, until the test's process ends.
pub fn rude_server() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // A thread of its own: while a program runs, the test's waits for it.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    port
}

/// Every cell of limbeck's own tables.
pub async fn everything_stored<DB: limbeck::migrator::Backend>(db: &Database<DB>) -> String
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let columns = [
        "message",
        "db_user",
        "host",
        "session",
        "application",
        "error",
        "down_sql",
        "statement",
        "fingerprint",
    ];
    let mut stored = String::new();
    for column in columns {
        stored.push_str(
            &db.strings(&format!("SELECT {column} FROM limbeck_history"))
                .await
                .join("\n"),
        );
    }
    for column in ["holder", "host", "application", "session"] {
        stored.push_str(
            &db.strings(&format!("SELECT {column} FROM limbeck_history_lock"))
                .await
                .join("\n"),
        );
    }
    assert!(stored.len() > 20, "{stored}");
    stored
}

/// Where the mark stands, for the failure's text.
pub fn around(said: &str) -> String {
    let Some(at) = said.find(MARK) else {
        return String::new();
    };
    let start = said.floor_char_boundary(at.saturating_sub(200));
    said[start..said.floor_char_boundary(at + 60)].to_owned()
}
