//! The pure core: files, graphs, plans, and what a boot does before it asks the database.
//!
//! ```text
//! cargo bench --bench core
//! ```
//!
//! Lengths are numbers of revisions. `chain` is one line; `bushy` has a branch of ten revisions off every tenth, merged
//! again, and a dependency across each. `docs/performance.md` holds one run's figures.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use divan::{Bencher, black_box, black_box_drop};
use limbeck::embedding::{Embedded, EmbeddedRevision, GraphTables};
use limbeck::graph::Node;
use limbeck::{Graph, Migrations, Revision, Target, plan};

const LENGTHS: [usize; 2] = [10_000, 100_000];

fn main() {
    divan::main();
}

fn id(n: usize) -> String {
    // Neither in the order of the history nor with a common beginning, as real ones.
    format!(
        "{:012x}",
        (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
    )
}

fn text(n: usize, down: &str) -> String {
    format!(
        "-- Add table number {n}\n--\n-- revision: {id}\n-- down_revision: {down}\n\
         -- create_date: 2026-11-22T12:00:00Z\n\n-- @upgrade\n\
         CREATE TABLE t{n} (id BIGINT PRIMARY KEY, name TEXT NOT NULL, note TEXT);\n\
         -- Searched by name alone.\nCREATE INDEX t{n}_name ON t{n} (name);\n\
         INSERT INTO t{n} (id, name, note) VALUES (1, 'it''s', 'a; b');\n\
         UPDATE t{n} SET note = NULL WHERE id = 1;\n\n\
         -- @downgrade\nDROP INDEX t{n}_name;\nDROP TABLE t{n};\n",
        id = id(n),
    )
}

fn chain_texts(length: usize) -> impl Iterator<Item = (String, String)> {
    (0..length).map(|n| {
        let down = if n == 0 { "none".to_owned() } else { id(n - 1) };
        (format!("migrations/{n}_{}.sql", id(n)), text(n, &down))
    })
}

/// A folder of so many files, written once for all benchmarks.
fn folder(length: usize) -> PathBuf {
    static FOLDERS: Mutex<Vec<(usize, tempfile::TempDir)>> = Mutex::new(Vec::new());
    let mut folders = FOLDERS.lock().expect("the folders");
    if let Some((_, folder)) = folders.iter().find(|(files, _)| *files == length) {
        return folder.path().to_owned();
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in chain_texts(length) {
        let name = path.rsplit('/').next().expect("a name");
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let path = folder.path().to_owned();
    folders.push((length, folder));
    path
}

/// `Migrations::from_dir`: every file read, checked and split, the graph built.
#[divan::bench(args = LENGTHS, sample_count = 10, sample_size = 1)]
fn read_a_folder(bencher: Bencher<'_, '_>, length: usize) {
    let folder = folder(length);
    bencher.bench_local(|| Migrations::from_dir(&folder).expect("a valid graph"));
}

/// The same without the disk.
#[divan::bench(args = LENGTHS, sample_count = 10, sample_size = 1)]
fn parse_and_check(bencher: Bencher<'_, '_>, length: usize) {
    bencher
        .with_inputs(|| chain_texts(length).collect::<Vec<_>>())
        .bench_local_values(|texts| {
            let revisions = texts
                .into_iter()
                .map(|(path, text)| Revision::parse(path, text).expect("a valid file"));
            Migrations::new(revisions).expect("a valid graph")
        });
}

/// Text that could tempt a parser to look at it again and again.
const SHAPES: [(&str, &str); 7] = [
    ("message", "-- m\n--\n"),
    ("statements", "SELECT 1;\n"),
    ("statements in one line", "SELECT 1;"),
    ("comments with @", "-- @parameter\n"),
    ("openers", "$a$ /* ' \" "),
    ("sections", "-- @upgrade\n"),
    ("markers nearly meant", "-- @upgrading\n"),
];

/// One file in which a piece is repeated 10,000 and 100,000 times, refused or not: ten times the text, and so about ten
/// times the time.
#[divan::bench(
    args = SHAPES.iter().flat_map(|(shape, _)| [10_000, 100_000].map(|times| format!("{shape}, {times}"))),
    sample_count = 10,
    sample_size = 1
)]
fn parse_a_long_file(bencher: Bencher<'_, '_>, argument: &str) {
    let (shape, times) = argument.split_once(", ").expect("a shape and a number");
    let (_, piece) = SHAPES
        .iter()
        .find(|(name, _)| *name == shape)
        .expect("a shape");
    let pieces = piece.repeat(times.parse().expect("a number"));
    let text = match shape {
        "message" => format!("{pieces}--\n-- revision: a\n-- down_revision: none\n"),
        _ => format!("-- revision: a\n-- down_revision: none\n\n-- @upgrade\n{pieces}"),
    };
    let text: &'static str = text.leak();
    bencher.bench_local(|| Revision::parse("long.sql", text));
}

fn bushy(length: usize) -> Vec<Node> {
    // ─ 0 ─ 1 ─ … ─ 9 ─┬─ 20 ─ … ─ 29 (each needs its neighbour on the other branch) ─┐
    //                  └─ 10 ─ … ─ 19 ─────────────────────────────────────────────────┴─ 30 ─ …
    (0..length)
        .map(|n| {
            let mut node = Node::new(id(n));
            let parent = |at: usize| Arc::<str>::from(id(at));
            match (n % 30, n / 30 * 30) {
                (0, 0) => {}
                (0, base) => node.down_revision = vec![parent(base - 1), parent(base - 11)],
                (20, base) => node.down_revision = vec![parent(base + 9)],
                (_, _) => node.down_revision = vec![parent(n - 1)],
            }
            if n % 30 > 20 {
                node.depends_on = vec![parent(n - 10)];
            }
            node
        })
        .collect()
}

fn chain(length: usize) -> Vec<Node> {
    (0..length)
        .map(|n| {
            let mut node = Node::new(id(n));
            node.down_revision = n.checked_sub(1).map(|n| id(n).into()).into_iter().collect();
            node
        })
        .collect()
}

macro_rules! on_graph {
    ($module:ident, $nodes:ident) => {
        mod $module {
            use super::*;

            #[divan::bench(args = LENGTHS, sample_count = 20, sample_size = 1)]
            fn graph(bencher: Bencher<'_, '_>, length: usize) {
                bencher
                    .with_inputs(|| $nodes(length))
                    .bench_local_values(|nodes| Graph::new(nodes).expect("a valid graph"));
            }

            #[divan::bench(args = LENGTHS, sample_count = 20, sample_size = 1)]
            fn plan_all_up(bencher: Bencher<'_, '_>, length: usize) {
                let graph = Graph::new($nodes(length)).expect("a valid graph");
                let targets = ["heads".parse::<Target>().expect("a target")];
                let nowhere: [&str; 0] = [];
                bencher.bench_local(|| {
                    let plan = plan::upgrade(&graph, &nowhere, &targets).expect("a plan");
                    assert_eq!(plan.steps().len(), length);
                    plan
                });
            }

            #[divan::bench(args = LENGTHS, sample_count = 20, sample_size = 1)]
            fn plan_all_down(bencher: Bencher<'_, '_>, length: usize) {
                let graph = Graph::new($nodes(length)).expect("a valid graph");
                let heads = graph.effective_heads();
                let base = "base".parse::<Target>().expect("a target");
                bencher.bench_local(|| {
                    let plan = plan::downgrade(&graph, &heads, &base).expect("a plan");
                    assert_eq!(plan.steps().len(), length);
                    plan
                });
            }
        }
    };
}
on_graph!(a_chain, chain);
on_graph!(b_bushy, bushy);

/// The parts of what a build script writes for so many revisions.
type Parts = (&'static [EmbeddedRevision], GraphTables);

fn embedded(length: usize) -> Parts {
    static BUILT: LazyLock<Mutex<HashMap<usize, Parts>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().expect("the list");
    *built.entry(length).or_insert_with(|| {
        let revisions = chain_texts(length)
            .map(|(path, text)| Revision::parse(path, text).expect("a valid file"));
        let migrations = Migrations::new(revisions).expect("a valid graph");
        let words = |list: &[Arc<str>]| -> &'static [&'static str] {
            let words = list.iter().map(|word| &*word.to_string().leak());
            words.collect::<Vec<_>>().leak()
        };
        let revisions: Vec<EmbeddedRevision> = migrations
            .iter()
            .map(|revision| EmbeddedRevision {
                path: revision.path().to_owned().leak(),
                text: revision.text().to_owned().leak(),
                sha256: Box::leak(Box::new(*revision.checksum().digest())),
                id: revision.id().to_owned().leak(),
                down_revision: words(revision.down_revision()),
                branch_labels: &[],
                depends_on: &[],
                message: revision.message().to_owned().leak(),
                create_date: revision
                    .create_date()
                    .map(|date| &*date.to_rfc3339().leak()),
                requires_binary: None,
                lineage: migrations
                    .lineage(revision.id())
                    .expect("it")
                    .to_owned()
                    .leak(),
            })
            .collect();
        (revisions.leak(), tables(migrations.graph()))
    })
}

/// The tables of a graph without labels and dependencies.
fn tables(graph: &Graph) -> GraphTables {
    let ids: Vec<&'static str> = graph.ids().map(|id| &*id.to_string().leak()).collect();
    let place: HashMap<&str, u32> = ids.iter().copied().zip(0..).collect();
    let mut by_id: Vec<u32> = ids.iter().map(|id| place[id]).collect();
    by_id.sort_by_key(|&at| ids[at as usize]);
    type Lists = (&'static [u32], &'static [u32]);
    let lists = |of: &dyn Fn(&str) -> Vec<Arc<str>>| -> Lists {
        let (mut starts, mut items) = (vec![0], Vec::new());
        for id in &ids {
            items.extend(of(id).iter().map(|other| place[&**other]));
            starts.push(items.len() as u32);
        }
        (starts.leak(), items.leak())
    };
    let places = |ids: Vec<Arc<str>>| -> &'static [u32] {
        ids.iter().map(|id| place[&**id]).collect::<Vec<_>>().leak()
    };
    let down = lists(&|id| graph.down_revision(id).cloned().collect());
    let children = lists(&|id| graph.children(id).cloned().collect());
    GraphTables {
        by_id: by_id.leak(),
        labels: &[],
        own_labels: &[],
        down,
        depends: lists(&|_| Vec::new()),
        parents: down,
        children,
        dependants: children,
        heads: places(graph.heads()),
        effective_heads: places(graph.effective_heads()),
        bases: places(graph.bases()),
        ids: ids.leak(),
    }
}

/// All that a boot of embedded revisions does in the process when there is nothing to do: `embedded!()`, the lineage of
/// the head, the plan.
#[divan::bench(args = [10, 10_000, 100_000], sample_count = 50, sample_size = 1)]
fn boot_of_embedded(bencher: Bencher<'_, '_>, length: usize) {
    let (revisions, graph) = embedded(length);
    let targets = ["heads".parse::<Target>().expect("a target")];
    let head = [id(length - 1)];
    // `embedded!()` reads the graph at its first use: each round has one of its own.
    let first_use =
        || -> &'static Embedded { Box::leak(Box::new(Embedded::new(revisions, graph))) };
    bencher
        .with_inputs(first_use)
        .bench_local_values(|embedded| {
            let migrations = Migrations::from_embedded(black_box(embedded), "limbeck");
            black_box_drop(migrations.lineage(&head[0]).expect("the head").len());
            let plan = plan::upgrade(migrations.graph(), &head, &targets).expect("a plan");
            assert!(plan.is_empty());
            migrations
        });
}
