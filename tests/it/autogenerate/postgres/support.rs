//! Databases, and drafts run on them as a migrator would.

use limbeck::autogenerate::{Comparison, Draft, DraftOptions, Schema, reflect};
use limbeck::revision::{NewRevision, SectionKind};
use limbeck::{Dialect, Revision, sql};
use sqlx::{Connection as _, Executor as _, PgConnection, Postgres};

use crate::support::servers;

/// A database that is dropped with the connection's end of use, see [`Bench::drop`].
pub struct Bench {
    pub admin: PgConnection,
    pub url: String,
    serial: u32,
}

impl Bench {
    pub async fn new(url: &str) -> Bench {
        Bench {
            admin: PgConnection::connect(url).await.expect("the server"),
            url: url.to_owned(),
            serial: 0,
        }
    }

    pub async fn shared() -> Option<Bench> {
        Some(Bench::new(&servers::server("LIMBECK_TEST_POSTGRES_URL")?).await)
    }

    /// An empty database and a connection to it.
    pub async fn database(&mut self) -> Db {
        self.serial += 1;
        let name = format!(
            "ag_{}_{:?}_{}",
            std::process::id(),
            std::thread::current().id(),
            self.serial
        );
        let name = name.replace(['(', ')'], "").to_lowercase();
        run(
            &mut self.admin,
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .await;
        let url = servers::with_database(&self.url, &name);
        let connection = PgConnection::connect(&url).await.expect("the new database");
        Db {
            name,
            url,
            connection,
        }
    }

    pub async fn drop(&mut self, db: Db) {
        db.connection.close().await.expect("close");
        run(&mut self.admin, &format!("DROP DATABASE {}", db.name)).await;
    }
}

pub struct Db {
    pub name: String,
    pub url: String,
    pub connection: PgConnection,
}

impl Db {
    pub async fn run(&mut self, sql: &str) {
        run(&mut self.connection, sql).await;
    }

    pub async fn try_run(&mut self, sql: &str) -> Result<(), String> {
        try_run(&mut self.connection, sql).await
    }

    pub async fn reflect(&mut self) -> Schema {
        reflect::<Postgres>(&mut self.connection)
            .await
            .expect("reflected")
    }

    pub async fn strings(&mut self, sql: &str) -> Vec<String> {
        use sqlx::Row as _;
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut self.connection)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter()
            .map(|row| {
                let cell: Option<String> = row.try_get_unchecked(0).expect("text");
                cell.unwrap_or_else(|| "NULL".to_owned())
            })
            .collect()
    }
}

pub async fn try_run(connection: &mut PgConnection, sql: &str) -> Result<(), String> {
    let result = connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())))
        .await;
    result.map(|_| ()).map_err(|error| error.to_string())
}

pub async fn run(connection: &mut PgConnection, sql: &str) {
    if let Err(error) = try_run(connection, sql).await {
        panic!("{error}\n{sql}");
    }
}

/// What differs, in words.
pub fn words(comparison: &Comparison) -> Vec<String> {
    comparison
        .changes()
        .iter()
        .map(ToString::to_string)
        .collect()
}

pub fn difference(one: &Schema, other: &Schema) -> Vec<String> {
    words(&Comparison::between(one.clone(), other.clone()))
}

/// The text of a draft as a revision file.
pub fn text(draft: &Draft) -> String {
    NewRevision::new("0123456789ab")
        .section(draft.upgrade.clone())
        .section(draft.downgrade.clone())
        .to_text()
        .expect("a revision")
}

/// Runs a section as a migrator does: in one transaction, or statement by statement.
pub async fn run_section(db: &mut Db, draft: &Draft, kind: SectionKind) -> Result<(), String> {
    let revision = Revision::parse("draft.sql", text(draft)).expect("a revision");
    let section = revision
        .sections()
        .iter()
        .find(|section| section.kind() == kind)
        .expect("the section");
    let body = revision.body(section);
    let statements = sql::split(Dialect::Postgres, body).expect("statements");
    let is_plain = section.mode() != limbeck::revision::Mode::Autocommit;
    if is_plain {
        db.try_run("BEGIN").await?;
    }
    for statement in &statements {
        if let Err(error) = db.try_run(statement.text()).await {
            if is_plain {
                let _ = db.try_run("ROLLBACK").await;
            }
            return Err(format!("{error}\nin: {}\nof:\n{body}", statement.text()));
        }
    }
    if is_plain {
        db.try_run("COMMIT")
            .await
            .map_err(|error| format!("{error}\nof:\n{body}"))?;
    }
    Ok(())
}

pub async fn upgrade(db: &mut Db, drafts: &[Draft]) -> Result<(), String> {
    for draft in drafts {
        run_section(db, draft, SectionKind::Upgrade).await?;
    }
    Ok(())
}

pub async fn downgrade(db: &mut Db, drafts: &[Draft]) -> Result<(), String> {
    for draft in drafts.iter().rev() {
        run_section(db, draft, SectionKind::Downgrade).await?;
    }
    Ok(())
}

/// Everything there and back: what remains after each is told.
pub async fn there_and_back(
    db: &mut Db,
    from: &Schema,
    to: &Schema,
    options: DraftOptions,
) -> Result<(), String> {
    let comparison = Comparison::between(from.clone(), to.clone());
    let drafts = comparison.drafts(options);
    upgrade(db, &drafts).await?;
    let there = difference(&db.reflect().await, to);
    if !there.is_empty() {
        return Err(format!("after the upgrade: {there:#?}\n{}", texts(&drafts)));
    }
    downgrade(db, &drafts).await?;
    let back = difference(&db.reflect().await, from);
    if !back.is_empty() {
        return Err(format!(
            "after the downgrade: {back:#?}\n{}",
            texts(&drafts)
        ));
    }
    Ok(())
}

pub fn texts(drafts: &[Draft]) -> String {
    drafts
        .iter()
        .map(text)
        .collect::<Vec<_>>()
        .join("\n========\n")
}
