//! A folder of refinery: `V<VERSION>__<NAME>.sql` and `U<VERSION>__<NAME>.sql`, folders in it too.
//!
//! How refinery reads it is in `refinery-core/src/util.rs`, of version 0.10: a name that is not of that form
//! is passed over, and both kinds run in the order of their versions. A `.rs` file builds its SQL when the
//! program runs, so that no file holds it.

use std::hash::{Hash, Hasher as _};
use std::path::Path;

use limbeck::revision::{Mode, SectionKind};
use siphasher::sip::SipHasher13;

use super::error::ImportError;
use super::found::{
    Body, Found, LeftOut, Migration, any_file, chain, name, with_line_ends, without_bom, words,
};
use crate::commands::origin::{Origin, Tool};

pub(super) fn read(folder: &Path) -> Result<Found, ImportError> {
    let mut files = Vec::new();
    // Links to folders are not followed, as refinery does not.
    any_file(folder, &mut |path| {
        files.push(path);
        false
    })?;
    let mut found = Found::default();
    let mut numbered: Vec<(i64, Migration)> = Vec::new();
    for path in files {
        let file = name(&path);
        let Some((stem, is_sql)) = file
            .strip_suffix(".sql")
            .map(|stem| (stem, true))
            .or_else(|| file.strip_suffix(".rs").map(|stem| (stem, false)))
        else {
            continue;
        };
        match Name::of(stem) {
            Some(name) => {
                let Some(version) = name.version() else {
                    found.left_out.push(LeftOut {
                        reason: format!("`{}` is no version: refinery's are integers", name.digits),
                        path,
                    });
                    continue;
                };
                numbered.push((version, migration(&name, version, stem, is_sql, &path)?));
            }
            None if is_sql => found.left_out.push(LeftOut {
                path,
                reason: "refinery passes over a file that is not named V<VERSION>__<NAME>.sql"
                    .to_owned(),
            }),
            None => {}
        }
    }
    numbered.sort_by_key(|(version, _)| *version);
    found.migrations = numbered.into_iter().map(|(_, one)| one).collect();
    chain(&mut found.migrations)?;
    Ok(found)
}

fn migration(
    name: &Name<'_>,
    version: i64,
    stem: &str,
    is_sql: bool,
    path: &Path,
) -> Result<Migration, ImportError> {
    let mut checksums = Vec::new();
    let body = match is_sql {
        true => Body::of_file(SectionKind::Upgrade, path, |text| {
            checksums = self::checksums(name.name, version, &text);
            let (kind, mode) = (SectionKind::Upgrade, Mode::Transactional);
            Body::verbatim(kind, mode, without_bom(text), path)
        })?,
        false => {
            let reason = format!("{} builds its SQL when the program runs", self::name(path));
            Body::fill_in(SectionKind::Upgrade, reason, path)
        }
    };
    let origin = Origin {
        tool: Tool::Refinery,
        version: version.to_string(),
        checksums,
    };
    let mut migration = Migration::numbered(origin, &words(name.name), stem, path);
    migration.bodies.push(body);
    Ok(migration)
}

/// The parts of a file's name.
struct Name<'n> {
    digits: &'n str,
    name: &'n str,
}

impl<'n> Name<'n> {
    fn of(stem: &'n str) -> Option<Self> {
        let rest = stem.strip_prefix(['V', 'U'])?;
        let (digits, name) = rest.split_once("__")?;
        let is_number =
            |digits: &str| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        // Letters, marks and numbers of every script are word characters to refinery.
        let is_word = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '_';
        (is_number(whole) && is_number(part) && !name.is_empty() && name.chars().all(is_word))
            .then_some(Name { digits, name })
    }

    fn version(&self) -> Option<i64> {
        self.digits.parse().ok()
    }
}

/// `refinery-core/src/runner.rs`: SipHash-1-3 of name, version and text as `std::hash` feeds them. The
/// version is an `i64` where refinery's feature `int8-versions` is on, else an `i32`; the line ends are those of whatever
/// system the program was built on.
fn checksums(name: &str, version: i64, text: &str) -> Vec<String> {
    let hashed = |text: &str, version: &dyn Fn(&mut SipHasher13)| {
        let mut hasher = SipHasher13::new();
        name.hash(&mut hasher);
        version(&mut hasher);
        text.hash(&mut hasher);
        format!("siphash13:{}", hasher.finish())
    };
    let mut checksums = Vec::new();
    for text in with_line_ends(text) {
        if let Ok(narrow) = i32::try_from(version) {
            checksums.push(hashed(&text, &|hasher| narrow.hash(hasher)));
        }
        checksums.push(hashed(&text, &|hasher| version.hash(hasher)));
    }
    checksums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What refinery-core 0.10.1 itself gives, with `int8-versions` and without.
    #[test]
    fn checksums_are_refinerys() {
        for (name, version, text, narrow, wide) in [
            (
                "initial",
                1,
                "CREATE TABLE persons (id INTEGER);\n",
                13_883_581_915_421_004_867_u64,
                2_910_983_356_869_775_310_u64,
            ),
            (
                "späte",
                2,
                "-- ü\n",
                18_369_903_448_544_859_768,
                8_703_685_950_031_308_917,
            ),
        ] {
            let expected = [narrow, wide].map(|sum| format!("siphash13:{sum}"));
            assert_eq!(checksums(name, version, text)[..2], expected);
        }
        let beyond = i64::from(i32::MAX) + 1;
        assert_eq!(checksums("a", beyond, "").len(), 1);
        assert_eq!(
            checksums("a", 1, "1;\n2;\n"),
            checksums("a", 1, "1;\r\n2;\r\n")
        );
    }

    #[test]
    fn names_are_refinerys() {
        let name = |stem| Name::of(stem).map(|name| (name.digits, name.name));
        assert_eq!(name("V1__initial"), Some(("1", "initial")));
        assert_eq!(name("U20240101__a_b__c"), Some(("20240101", "a_b__c")));
        assert_eq!(name("V1.2__a"), Some(("1.2", "a")));
        for stem in [
            "1__a", "V__a", "V1_a", "V1__", "V1__a b", "v1__a", "Vx__a", "V1.__a",
        ] {
            assert_eq!(name(stem), None, "{stem}");
        }
    }
}
