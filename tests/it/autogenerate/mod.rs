//! Autogenerate: a database is compared with the schema that it should have, and the revision leads there and back.

mod facade;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod kinds;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod reported;
#[cfg(feature = "sqlite")]
mod sqlite;

use limbeck::autogenerate::{Autogenerate, Filter, Reflect, dump};

/// What is written of a database is a desired schema from which it does not differ: the text, or what is wrong with it.
async fn dumped<DB: Reflect>(
    pool: &sqlx::Pool<DB>,
    scratch: Option<&str>,
) -> Result<String, String> {
    let text = dump(pool, &Filter::default()).await;
    let text = text.map_err(|error| format!("dump: {error}"))?;
    let desired = Autogenerate::from_sql(&text);
    let desired = match scratch {
        Some(url) => desired.scratch_url(url),
        None => desired,
    };
    let comparison = desired.compare(pool).await;
    let comparison = comparison.map_err(|error| format!("the dump: {error}\n{text}"))?;
    let told: Vec<String> = comparison
        .changes()
        .iter()
        .map(ToString::to_string)
        .collect();
    match told.is_empty() {
        true => Ok(text),
        false => Err(format!("from its dump it differs: {told:#?}\n{text}")),
    }
}
