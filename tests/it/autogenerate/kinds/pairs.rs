//! The pairs of schemas, as they stand in the files beside this one.

use std::fmt::Write as _;

use limbeck::autogenerate::{Autogenerate, Filter};

use super::page::{NO, YES};

/// One kind of change.
pub(super) struct Pair {
    pub(super) kind: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) rows: String,
    /// A query that has a row where the rows are still there.
    pub(super) keeps: String,
    pub(super) atlas: String,
    pub(super) sea_orm: String,
    /// A pattern that limbeck is given beside all: empty for none.
    pub(super) include: String,
}

impl Pair {
    pub(super) fn desired(&self, sql: &str, scratch: Option<&str>) -> Autogenerate {
        let desired = Autogenerate::from_sql(sql);
        let desired = match scratch {
            Some(url) => desired.scratch_url(url),
            None => desired,
        };
        if self.include.is_empty() {
            return desired;
        }
        let patterns = ["*", &self.include];
        let patterns = patterns.map(|pattern| pattern.parse().expect("a pattern"));
        desired.filter(
            patterns
                .into_iter()
                .fold(Filter::default(), Filter::include),
        )
    }
}

/// Those of that database.
pub(super) fn pairs(text: &str, database: &str) -> Vec<Pair> {
    let blocks = text.split("\n-- kind: ").skip(1);
    let is_there = |block: &&str| {
        let mut only = block
            .lines()
            .filter_map(|line| line.strip_prefix("-- only: "));
        only.all(|only| only == database)
    };
    let blocks = blocks.filter(is_there);
    let pairs = blocks.map(|block| {
        let (kind, body) = block.split_once('\n').expect("more than a line");
        let mut parts = [const { String::new() }; 5];
        let mut part = 0;
        let mut documented = [const { String::new() }; 4];
        for line in body.lines() {
            match line {
                "-- from" => part = 1,
                "-- to" => part = 2,
                "-- rows" => part = 3,
                "-- keeps" => part = 4,
                _ => {
                    let keys = ["-- atlas: ", "-- sea-orm: ", "-- include: ", "-- only: "];
                    let key = keys.iter().position(|key| line.starts_with(key));
                    match key {
                        Some(key) => documented[key] = line[keys[key].len()..].to_owned(),
                        None => writeln!(parts[part], "{line}").expect("a string"),
                    }
                }
            }
        }
        let [both, from, to, rows, keeps] = parts;
        let [atlas, sea_orm, include, _] = documented;
        Pair {
            kind: kind.to_owned(),
            from: format!("{both}{from}"),
            to: format!("{both}{to}"),
            rows,
            keeps: keeps.trim().to_owned(),
            atlas: said(&atlas),
            sea_orm: said(&sea_orm),
            include,
        }
    });
    pairs.collect()
}

/// `yes yes ?` as it stands in the table.
fn said(words: &str) -> String {
    let marks: Vec<&str> = words
        .split_whitespace()
        .map(|word| match word {
            "yes" => YES,
            "no" => NO,
            "?" => "?",
            _ => panic!("{word} is neither yes nor no"),
        })
        .collect();
    assert_eq!(marks.len(), 3, "detected, rendered, reversed: {words}");
    marks.join(" ")
}
