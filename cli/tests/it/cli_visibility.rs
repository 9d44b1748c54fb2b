//! Schema, search path and role of limbeck's tables, as options.

use crate::cli::Place;
use crate::support::servers;

#[tokio::test]
async fn pinned_path_and_role() {
    let Some(db) = servers::postgres_database().await else {
        return;
    };
    let name = db
        .strings("SELECT current_database()::text")
        .await
        .remove(0);
    let role = format!("owner_{name}");
    db.run(&format!(
        "CREATE ROLE {role}; CREATE SCHEMA app AUTHORIZATION {role}; ALTER DATABASE {name} SET search_path = nowhere, public"
    ))
    .await;
    let url = db.url.clone();
    let called = tokio::task::spawn_blocking(move || {
        let place = Place::new(&[(
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INTEGER);\n-- @downgrade\nDROP TABLE t;\n",
        )]);
        let call =
            |arguments: &[&str]| place.call(&[arguments, &["--database-url", &url]].concat());
        let refused = call(&["upgrade", "heads", "--json"]);
        assert_eq!(refused.kind(), "missing_schema");
        for arguments in [
            &["upgrade", "heads", "--version-schema", "@current"][..],
            &[
                "upgrade",
                "heads",
                "--search-path",
                "app,public",
                "--role",
                &role,
                "--version-schema",
                "@current",
            ],
        ] {
            let said = call(arguments);
            assert_eq!(
                (said.code, &*said.stderr),
                (0, ""),
                "{arguments:?}: {}",
                said.stdout
            );
        }
        role
    });
    let role = called.await.expect("no panic");
    let owners =
        "SELECT schemaname || ' ' || tableowner FROM pg_tables WHERE tablename = 't' ORDER BY 1";
    let login = db.strings("SELECT current_user::text").await.remove(0);
    assert_eq!(
        db.strings(owners).await,
        [format!("app {role}"), format!("public {login}")]
    );
    db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
}
