//! An axum service that migrates itself on boot: `cargo run --example axum_boot --features serde`.
//!
//! `DATABASE_URL` names its SQLite database (default: a temporary file), `PORT` its port (default: a free
//! one). It prints its address, answers `/` and `/readyz`, and ends in order on SIGTERM and ctrl-c.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use limbeck::Migrator;
use serde_json::{Value, json};
use sqlx::SqlitePool;
use tokio::net::TcpListener;

struct App {
    pool: SqlitePool,
    migrator: Migrator<SqlitePool>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| {
        let file = folder.path().join("notes.db");
        format!("sqlite://{}?mode=rwc", file.display())
    });
    let pool = SqlitePool::connect(&url).await?;
    let migrator = Migrator::new(
        &pool,
        limbeck::migrations![
            "axum_boot/migrations/4d1f0b7ac623_notes.sql",
            "axum_boot/migrations/92c5e8f3107d_authors.sql",
        ]?,
    );

    // Before the first request. With any number of replicas each revision runs once, and all of them go on
    // when it is done.
    let report = migrator.upgrade_to_head().await?;
    println!(
        "migrated: {} steps, at {}",
        report.steps.len(),
        report.current.join(", ")
    );

    let app = Arc::new(App { pool, migrator });
    let router = Router::new()
        .route("/", get(notes))
        .route("/readyz", get(readyz))
        .with_state(Arc::clone(&app));
    let port = std::env::var("PORT").map_or(Ok(0), |port| port.parse::<u16>())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, router)
        .with_graceful_shutdown(asked_to_end())
        .await?;

    app.pool.close().await;
    println!("ended");
    Ok(())
}

/// 200 while the schema is what this binary needs, else 503; in both cases the whole status.
async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let status = match app.migrator.status().await {
        Ok(status) => status,
        Err(error) => return refuse(&error),
    };
    let code = if status.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    match serde_json::to_value(&status) {
        Ok(mut body) => {
            body["ready"] = json!(status.is_ready());
            (code, Json(body))
        }
        Err(error) => refuse(&error),
    }
}

async fn notes(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let notes = sqlx::query_as::<_, (String, String)>("SELECT author, body FROM notes ORDER BY id")
        .fetch_all(&app.pool)
        .await;
    match notes {
        Ok(notes) => (StatusCode::OK, Json(json!({ "notes": notes }))),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &dyn std::error::Error) -> (StatusCode, Json<Value>) {
    eprintln!("error: {error}");
    let body = json!({ "ready": false, "error": error.to_string() });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body))
}

/// Returns on ctrl-c and, on Unix, on SIGTERM.
async fn asked_to_end() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler the signal ends the process by itself.
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending::<()>().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
