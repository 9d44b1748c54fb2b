use limbeck::Migrator;
use sqlx::SqlitePool;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = SqlitePool::connect("sqlite:app.db?mode=rwc").await?;
    let _ = Migrator::new(&pool, limbeck::embedded!()).upgrade_to_head().await?;
    println!("{:?}", names(&pool).await?);
    Ok(())
}

async fn names(pool: &SqlitePool) -> sqlx::Result<Vec<String>> {
    let rows = sqlx::query!("SELECT name FROM users ORDER BY id")
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

#[cfg(test)]
mod tests {
    use limbeck::Migrator;
    use sqlx::SqlitePool;

    #[sqlx::test(migrations = false)]
    async fn a_user_is_listed(pool: SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
        let _ = Migrator::new(&pool, limbeck::embedded!()).upgrade_to_head().await?;
        sqlx::query!("INSERT INTO users (name) VALUES (?)", "Ann")
            .execute(&pool)
            .await?;
        assert_eq!(super::names(&pool).await?, ["Ann"]);
        Ok(())
    }
}
