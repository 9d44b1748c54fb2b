//! The fixed point, over random pairs of schemas.

use std::collections::{BTreeMap, BTreeSet};

use super::generator::{Random, Schema as Made};
use super::*;
use crate::support::soak;

/// What has to have been met, so that the generator cannot rot.
const MET: [&str; 45] = [
    "add_column",
    "add_constraint check constraint",
    "add_constraint foreign key",
    "add_constraint primary key",
    "add_index",
    "alter_column attributes",
    "alter_column collation lossy",
    "alter_column comment",
    "alter_column default",
    "alter_column generated expression lossy",
    "alter_column nullability",
    "alter_column type",
    "alter_column type lossy",
    "alter_constraint check constraint",
    "alter_constraint foreign key",
    "alter_index",
    "alter_object function",
    "alter_object procedure",
    "alter_object trigger",
    "alter_object view",
    "alter_table collation",
    "alter_table comment",
    "alter_table engine",
    "alter_table max_rows",
    "alter_table partition_by manual",
    "alter_table row_format",
    "alter_table stats_persistent",
    "create_object event",
    "create_object function",
    "create_object procedure",
    "create_object trigger",
    "create_object view",
    "create_table",
    "drop_column",
    "drop_column lossy",
    "drop_constraint check constraint",
    "drop_constraint foreign key",
    "drop_constraint primary key",
    "drop_index",
    "drop_object event",
    "drop_object function",
    "drop_object procedure",
    "drop_object trigger",
    "drop_object view",
    "drop_table lossy",
];

/// The same of what only one of the servers has.
const MET_ON_MARIADB: [&str; 4] = [
    "alter_object sequence",
    "alter_table versioning manual",
    "create_object sequence",
    "drop_object sequence lossy",
];
const MET_ON_MYSQL: [&str; 3] = [
    "made: a check that is not enforced",
    "made: an index of an expression",
    "made: an invisible index",
];

/// Forms that do not hold up other sessions, and what is said of those that do.
const FORMS: [(&str, &str); 4] = [
    ("online: instant", "ALGORITHM=INSTANT"),
    ("online: in place", "ALGORITHM=INPLACE, LOCK=NONE"),
    ("online: no writing", "can be written while this runs"),
    ("online: a copy", "-- this copies"),
];

/// What one pair showed.
type Met = BTreeMap<String, usize>;

async fn what_is_generated_leads_there_and_back() {
    let here = servers::MySqlServer::here();
    if here.url().is_none() {
        return;
    }
    if let Ok(seed) = std::env::var("LIMBECK_AUTOGENERATE_SEED") {
        let seed = seed.parse().expect("a number");
        pair(seed, true)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        return;
    }
    let pairs = soak::times(200, 2000) as u64;
    let pairs = std::env::var("PAIRS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(pairs);
    let halves = [0, 1].map(|half| {
        tokio::spawn(here.scope(async move {
            let mut met = Met::new();
            let mut wrong = Vec::new();
            for seed in (0..pairs).filter(|seed| seed % 2 == half) {
                match pair(seed, false).await {
                    Ok(seen) => {
                        for (what, count) in seen {
                            *met.entry(what).or_default() += count;
                        }
                    }
                    Err(error) => wrong.push(format!("seed {seed}: {error}")),
                }
            }
            (met, wrong)
        }))
    });
    let mut met = Met::new();
    let mut wrong = Vec::new();
    for half in halves {
        let (seen, errors) = half.await.expect("a half");
        for (what, count) in seen {
            *met.entry(what).or_default() += count;
        }
        wrong.extend(errors);
    }
    for (what, count) in &met {
        println!("{count:6} {what}");
    }
    soak::tell(
        &format!("{}: a pair of random schemas, there and back", here.name()),
        pairs as usize,
        wrong.len(),
        format!("{} kinds of change", met.len()),
    );
    for error in &wrong {
        println!("{error}\n");
    }
    assert!(wrong.is_empty(), "{} pairs are wrong", wrong.len());
    let own = here.pick(&MET_ON_MARIADB[..], &MET_ON_MYSQL);
    let missing: Vec<&&str> = MET
        .iter()
        .chain(own)
        .chain(FORMS.iter().map(|(form, _)| form))
        .filter(|what| !met.contains_key(**what))
        .collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
}

async fn pair(seed: u64, tell: bool) -> Result<Met, String> {
    let mut random = Random::new(seed + 1);
    let a = Made::random(&mut random);
    let mut b = if random.chance(15) {
        Made::random(&mut random)
    } else {
        a.mutated(&mut random)
    };
    b.keep_json_of(&a);
    let there = servers::mysql_database().await.expect("a server");
    let wanted = servers::mysql_database().await.expect("a server");
    let build = async |pool: &MySqlPool, made: &Made, what: &str| {
        let built = run_all(pool, &made.statements()).await;
        built.map_err(|error| format!("the generator's {what} is no schema: {error}"))
    };
    build(&there.pool, &a, "A").await?;
    // Columns that come back with one value for all rows cannot be unique then.
    let count = |table: &super::generator::Table| {
        let after = b.tables.iter().find(|one| one.name == table.name);
        // A foreign key's column is NULL in each row, which fails where it becomes NOT NULL: as the draft says.
        let becomes_filled = after.is_some_and(|after| {
            table.keys.iter().any(|key| {
                let mut columns = after.columns.iter().filter(|one| one.name == key.column);
                after.primary.contains(&key.column) || columns.any(|one| !one.nullable)
            })
        });
        if becomes_filled {
            return 0;
        }
        let is_unique = |name: &String| {
            table.primary.contains(name)
                || table.indexes.iter().any(|one| {
                    one.kind.starts_with("UNIQUE")
                        && one.columns.iter().any(|(column, _)| column == name)
                })
                || after.is_some_and(|after| {
                    after.primary.contains(name)
                        || after.indexes.iter().any(|one| {
                            one.kind.starts_with("UNIQUE")
                                && one.columns.iter().any(|(column, _)| column == name)
                        })
                })
        };
        let all = |table: &super::generator::Table| {
            table
                .columns
                .iter()
                .map(|one| one.name.clone())
                .collect::<BTreeSet<_>>()
        };
        let changed =
            after.is_some_and(|after| all(table).symmetric_difference(&all(after)).any(is_unique));
        if changed { 1 } else { 3 }
    };
    run_all(&there.pool, &a.rows(count))
        .await
        .map_err(|error| format!("rows: {error}"))?;
    build(&wanted.pool, &b, "B").await?;
    // One database more takes longer than all else.
    if seed.is_multiple_of(8) {
        crate::autogenerate::dumped(&wanted.pool, None).await?;
    }

    let before = reflected(&there.pool).await;
    let desired = reflected(&wanted.pool).await;
    let rows_before = rows(&there.pool, &a, &b).await?;
    let comparison = Comparison::between(before.clone(), desired.clone());
    let mut met = Met::new();
    for change in comparison.changes() {
        for word in features(change) {
            *met.entry(word).or_default() += 1;
        }
    }
    if comparison.is_empty() {
        return Ok(met);
    }
    for word in b.own_of_mysql().difference(&a.own_of_mysql()) {
        *met.entry(format!("made: {}", word.0)).or_default() += 1;
    }
    // First what may be lost is left, then not: both must lead there and back.
    for allow_lossy in [false, true] {
        let options = DraftOptions::default().allow_lossy(allow_lossy);
        let withheld: BTreeSet<String> = comparison
            .withheld(options)
            .map(ToString::to_string)
            .collect();
        if !allow_lossy && withheld.is_empty() {
            continue;
        }
        // In every other pair the server was asked for its forms, on tables without rows.
        let online = options.online(seed % 2 == 1);
        let drafts = Autogenerate::from_sql("")
            .drafts(&there.pool, &comparison, online)
            .await
            .map_err(|error| format!("the forms: {error}: {error:?}"))?;
        if drafts.is_empty() && withheld.len() == comparison.changes().len() {
            continue;
        }
        let [draft] = &drafts[..] else {
            return Err(format!("{} drafts", drafts.len()));
        };
        let file = written(draft);
        for (form, words) in FORMS {
            let count = file.text.matches(words).count();
            if count > 0 {
                *met.entry(form.to_owned()).or_default() += count;
            }
        }
        if tell {
            println!("{}", file.text);
        }
        let fail = |what: &str, error: String| {
            format!("{what} (allow_lossy {allow_lossy}): {error}\n{}", file.text)
        };
        run_all(&there.pool, &file.up)
            .await
            .map_err(|error| fail("the upgrade failed", error))?;
        let after: BTreeSet<String> = difference(&reflected(&there.pool).await, &desired)
            .into_iter()
            .collect();
        // What a new table points at may not be there yet as it should: then the key comes with it.
        let later = |one: &String| {
            let fresh = |table: &super::generator::Table| {
                !a.tables.iter().any(|old| old.name == table.name)
            };
            let mut fresh = b.tables.iter().filter(|table| fresh(table));
            one.starts_with("add foreign key")
                && fresh.any(|table| {
                    one.contains(&format!(" of {} (", table.name))
                        || one.ends_with(&format!(" of {}", table.name))
                })
        };
        let after: BTreeSet<String> = after
            .into_iter()
            .filter(|one| withheld.contains(one) || !later(one))
            .collect();
        if after != withheld {
            return Err(fail(
                "after the upgrade it differs in",
                format!(
                    "{:#?}\nand not {:#?}",
                    after.difference(&withheld).collect::<Vec<_>>(),
                    withheld.difference(&after).collect::<Vec<_>>()
                ),
            ));
        }
        let rows_after = rows(&there.pool, &a, &b).await?;
        if rows_before != rows_after {
            return Err(fail(
                "rows changed",
                format!("{rows_before:#?}\nto {rows_after:#?}"),
            ));
        }
        run_all(&there.pool, &file.down)
            .await
            .map_err(|error| fail("the downgrade failed", error))?;
        let back = difference(&reflected(&there.pool).await, &before);
        if !back.is_empty() {
            return Err(fail(
                "after the downgrade it differs in",
                format!("{back:#?}"),
            ));
        }
    }
    Ok(met)
}

/// The values of all columns that are the same in both.
async fn rows(
    pool: &MySqlPool,
    a: &Made,
    b: &Made,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    use sqlx::Row as _;
    let mut all = BTreeMap::new();
    for table in &a.tables {
        let Some(after) = b.tables.iter().find(|one| one.name == table.name) else {
            continue;
        };
        for column in &table.columns {
            let same = after.columns.iter().any(|one| {
                one.name == column.name
                    && one.kind == column.kind
                    && one.generated == column.generated
                    && one.collation.unwrap_or(after.collation)
                        == column.collation.unwrap_or(table.collation)
            });
            if !same || column.generated.is_some() {
                continue;
            }
            let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
            let query = format!(
                "SELECT COALESCE(HEX({}), 'NULL') FROM {} ORDER BY 1",
                quoted(&column.name),
                quoted(&table.name)
            );
            let found = sqlx::raw_sql(sqlx::AssertSqlSafe(query.clone()))
                .fetch_all(pool)
                .await
                .map_err(|error| format!("{query}: {error}"))?;
            let found = found
                .iter()
                .map(|row| row.try_get_unchecked(0).expect("text"))
                .collect();
            all.insert(format!("{}.{}", table.name, column.name), found);
        }
    }
    Ok(all)
}

/// A change in the words that are counted: `alter_column type`, `create_object view`.
fn features(change: &limbeck::autogenerate::Change) -> Vec<String> {
    let text = change.to_string();
    let text = text.split(" (").next().unwrap_or_default();
    let class = match change.class() {
        limbeck::autogenerate::Class::Safe => String::new(),
        class => format!(" {class}"),
    };
    let subject = change.subject();
    match change.kind() {
        kind @ ("alter_column" | "alter_table") => {
            let words = text.rsplit(": ").next().unwrap_or_default();
            words
                .split(", ")
                .map(|word| format!("{kind} {word}{class}"))
                .collect()
        }
        kind if kind.ends_with("object") || kind.ends_with("constraint") => {
            let words = ["primary key", "foreign key", "check constraint"];
            let what = words.iter().find(|word| subject.starts_with(**word));
            let what = what
                .copied()
                .unwrap_or_else(|| subject.split(' ').next().unwrap_or_default());
            vec![format!("{kind} {what}{class}")]
        }
        kind => vec![format!("{kind}{class}")],
    }
}

crate::support::on_mysql!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    what_is_generated_leads_there_and_back
);
