//! The desired schema from builders of SQL instead of a `schema.sql`: sea-query's statements, and what sea-orm makes
//! of its entities.
//!
//! `cargo run --example schema_from_builders --features autogenerate`

use limbeck::autogenerate::{Autogenerate, DraftOptions};
use limbeck::revision::NewRevision;
use limbeck::{Migrations, Migrator, Revision};
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Index, SqliteQueryBuilder, Table};
use sea_orm::{DbBackend, Schema};

/// A table as a sea-orm entity.
mod account {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "account")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub email: String,
        pub name: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What the service wants its database to be.
fn desired() -> Vec<String> {
    // sea-orm: a statement for each entity, which is one of sea-query's.
    let of_entity = Schema::new(DbBackend::Sqlite)
        .create_table_from_entity(account::Entity)
        .to_string(SqliteQueryBuilder);
    // sea-query: what no entity says.
    let invoice = Table::create()
        .table("invoice")
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("account_id").big_integer().not_null())
        .col(ColumnDef::new("cents").big_integer().not_null())
        .check(Expr::col("cents").gte(0))
        .to_string(SqliteQueryBuilder);
    let by_account = Index::create()
        .name("invoice_by_account")
        .table("invoice")
        .col("account_id")
        .to_string(SqliteQueryBuilder);
    vec![of_entity, invoice, by_account]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    let desired = Autogenerate::from_statements(desired());

    let comparison = desired.compare(&pool).await?;
    for change in comparison.changes() {
        println!("{change}");
    }

    // A tool writes the revision into a file, for people to read; here it runs at once.
    let mut revisions = Vec::new();
    for draft in comparison.drafts(DraftOptions::default()) {
        let mut new = NewRevision::new("1a6f2c80b311").message("What the entities say");
        for section in draft.sections() {
            new = new.section(section);
        }
        let text = new.to_text()?;
        println!("\n{text}");
        revisions.push(Revision::parse("1a6f2c80b311_entities.sql", text)?);
    }
    let report = Migrator::new(&pool, Migrations::new(revisions)?)
        .upgrade_to_head()
        .await?;
    println!(
        "{} step, now at {}",
        report.steps.len(),
        report.current.join(", ")
    );

    let comparison = desired.compare(&pool).await?;
    assert!(comparison.is_empty(), "{:?}", comparison.changes());
    println!("nothing differs any more");
    Ok(())
}
