//! Embeds the workload for limbeck, as a service's build script does with its folder.

use std::path::PathBuf;
use std::{env, fs};

#[path = "src/workload.rs"]
mod workload;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/workload.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let sizes = [
        ("ten", 10),
        ("nearly", workload::REVISIONS - 1),
        ("all", workload::REVISIONS),
        ("ten_thousand", 10_000),
    ];
    for (name, count) in sizes {
        let folder = out.join(name);
        fs::create_dir_all(&folder).expect("a folder for the revisions");
        for number in 1..=count {
            let text = workload::limbeck_file(number, &workload::sql(number));
            let file = folder.join(format!("{}.sql", workload::table(number)));
            // Untouched where it is right: a new time stamp makes cargo build again.
            if fs::read_to_string(&file).ok().as_deref() != Some(&text) {
                fs::write(&file, text).expect("a revision");
            }
        }
        limbeck::codegen::Embed::new(folder)
            .name(name)
            .emit_or_exit();
    }
}
