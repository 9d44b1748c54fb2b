//! The examples of the package whose tests these are.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

/// An example's executable. `cargo test` built it already, and `tests/run.sh` says so; else cargo is called for the
/// package's examples, with those of these features that are on.
pub fn example(name: &str, features: &[(&str, bool)]) -> PathBuf {
    static BUILT: Once = Once::new();
    let test = std::env::current_exe().expect("this test's path");
    let profile = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests are built into deps/ of a profile's folder");
    let target = profile.parent().expect("that is in the target folder");
    BUILT.call_once(|| {
        if std::env::var_os("LIMBECK_TEST_EXAMPLES_ARE_BUILT").is_some() {
            return;
        }
        let features: Vec<&str> = features
            .iter()
            .filter_map(|(name, is_on)| is_on.then_some(*name))
            .collect();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        build
            .args(["build", "--examples", "--no-default-features", "--features"])
            .arg(features.join(","))
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let output = build.output().expect("cargo starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    });
    profile.join("examples").join(name)
}
