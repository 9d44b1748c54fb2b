//! What a host may be called.

use crate::support::boots::Files;
use crate::support::servers::left_out;
use crate::support::soak::tell;
use crate::support::{migrations, on_each};

on_each! {
    /// A host's name may be any bytes that its administrator wrote: it reaches the ledger, the lease and the comment
    /// that begins each message.
    async fn hosts_of_any_name(db) {
        db.run("CREATE TABLE victim (id INT NOT NULL); INSERT INTO victim VALUES (7)").await;
        let sections = "-- @upgrade autocommit\nINSERT INTO victim VALUES (8);\n-- @downgrade\nDELETE FROM victim WHERE id = 8;\n";
        let files = Files::of(&migrations(&[("a", "", "", sections)]));
        let names = ["x'; DROP TABLE victim; --", "x*/ DROP TABLE victim; /*", "x; run=y; pid=1", "x\"`\\%s{}$1", "שלום🦀e\u{301}", "x\ny"];
        let mut wrong = 0;
        for name in names {
            // In a namespace of its own, where the host's name may be changed.
            let script = r#"printf %s "$0" >/proc/sys/kernel/hostname && exec "$@""#;
            let wrapper = ["unshare", "--uts", "sh", "-c", script, name];
            let allowed = std::process::Command::new("unshare").args(["--uts", "true"]).output();
            if !allowed.is_ok_and(|output| output.status.success()) {
                left_out("hosts of any name: this user may not name a host");
                return;
            }
            let up = files.upgrade_under(&wrapper, &db.url, "head").end().await;
            assert!(up.status.success(), "{name:?}: {up:?}");
            let down = files.downgrade_under(&wrapper, &db.url, "base").end().await;
            assert!(down.status.success(), "{name:?}: {down:?}");
            let hosts = db.strings("SELECT host FROM limbeck_history ORDER BY id DESC").await;
            // The kernel takes a line, and no more.
            let expected = name.lines().next().unwrap_or_default();
            wrong += usize::from(hosts[..2] != [expected, expected]);
            assert_eq!(db.strings("SELECT id FROM victim").await, ["7"], "{name:?}");
        }
        tell(&format!("hostile host names, {}", db.dialect), names.len(), wrong, "each in the ledger as the kernel has it");
        assert_eq!(wrong, 0);
    }
}
