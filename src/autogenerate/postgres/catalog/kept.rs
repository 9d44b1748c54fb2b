//! Owners, privileges and labels, which are kept and not compared.

use std::collections::{BTreeMap, BTreeSet};

use super::{Catalog, cell, is_true, text};
use crate::autogenerate::postgres::names::ident;
use crate::autogenerate::postgres::query::Part;
use crate::autogenerate::schema::{Kept, Thing};
use crate::dialect::Dialect;

/// A grantee, a privilege, and whether it may be granted on.
type Right = (String, String, bool);

/// The rights that something has from its making.
#[derive(Default)]
struct Defaults {
    /// By kind of object; those of one schema come on top.
    everywhere: BTreeMap<String, BTreeSet<Right>>,
    in_schema: BTreeMap<(String, String), BTreeSet<Right>>,
}

impl Defaults {
    fn of(&self, kind: &str, schema: &str) -> BTreeSet<Right> {
        let mut rights = match self.everywhere.get(kind) {
            Some(rights) => rights.clone(),
            None => built_in(kind),
        };
        let more = self.in_schema.get(&(kind.to_owned(), schema.to_owned()));
        rights.extend(more.into_iter().flatten().cloned());
        rights
    }
}

/// Rights of everybody where nothing else is said (<https://www.postgresql.org/docs/current/ddl-priv.html>).
fn built_in(kind: &str) -> BTreeSet<Right> {
    let privilege = match kind {
        "f" => "EXECUTE",
        "T" => "USAGE",
        _ => return BTreeSet::new(),
    };
    BTreeSet::from([("PUBLIC".to_owned(), privilege.to_owned(), false)])
}

/// Privileges that the owner has by itself.
fn of_owner(kind: &str) -> &'static [&'static str] {
    match kind {
        "r" => &[
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "TRUNCATE",
            "REFERENCES",
            "TRIGGER",
        ],
        "S" => &["SELECT", "UPDATE", "USAGE"],
        "f" => &["EXECUTE"],
        "T" => &["USAGE"],
        _ => &[],
    }
}

/// The rights of one thing, as they are read.
struct Rights {
    kind: String,
    schema: String,
    owner: String,
    is_own: bool,
    is_default: bool,
    /// The column's name, quoted where it needs to be.
    column: Option<String>,
    all: BTreeSet<Right>,
}

impl Rights {
    fn kept(self, defaults: &Defaults) -> Vec<Kept> {
        let mut kept = Vec::new();
        if !self.is_own && self.column.is_none() {
            kept.push(Kept::Owner(self.owner.clone()));
        }
        let (of_owner_here, mut is): (BTreeSet<Right>, BTreeSet<Right>) = self
            .all
            .into_iter()
            .partition(|(grantee, _, _)| *grantee == self.owner);
        let mut made = defaults.of(&self.kind, &self.schema);
        made.retain(|(grantee, _, _)| *grantee != self.owner);
        if self.is_default {
            is = built_in(&self.kind);
        } else {
            let lost = of_owner(&self.kind)
                .iter()
                .filter(|privilege| !of_owner_here.iter().any(|(_, has, _)| has == *privilege));
            made.extend(lost.map(|lost| (self.owner.clone(), (*lost).to_owned(), false)));
        }
        if self.column.is_some() {
            is.extend(of_owner_here);
        }
        let column = self
            .column
            .map_or_else(String::new, |name| format!(" ({name})"));
        let mut words = |verb: &str, rights: Vec<&Right>, to: &str| {
            let mut by_grantee: BTreeMap<(&str, bool), Vec<String>> = BTreeMap::new();
            for (grantee, privilege, grantable) in rights {
                let all = by_grantee.entry((grantee, *grantable)).or_default();
                all.push(format!("{privilege}{column}"));
            }
            for ((grantee, grantable), privileges) in by_grantee {
                let on = match (verb, grantable) {
                    ("GRANT", true) => " WITH GRANT OPTION",
                    _ => "",
                };
                kept.push(Kept::Privilege(
                    format!("{verb} {} ON ", privileges.join(", ")),
                    format!(" {to} {grantee}{on}"),
                ));
            }
        };
        words("REVOKE", made.difference(&is).collect(), "FROM");
        words("GRANT", is.difference(&made).collect(), "TO");
        kept
    }
}

impl Catalog {
    pub(super) fn read_rights(&mut self) {
        let mut defaults = Defaults::default();
        for row in self.take(Part::DefaultRights) {
            let kind = text(&row, 0).to_owned();
            let rights = match cell(&row, 1) {
                Some(schema) => defaults.in_schema.entry((kind, schema.to_owned())),
                None => {
                    let rights = defaults.everywhere.entry(kind).or_default();
                    rights.extend(right(&row, 2));
                    continue;
                }
            };
            rights.or_default().extend(right(&row, 2));
        }
        let mut all: BTreeMap<(String, String, String), Rights> = BTreeMap::new();
        for row in self.take(Part::Rights) {
            let (class, id, number) = (text(&row, 0), text(&row, 1), text(&row, 2));
            let column = self.columns.get(&(id.to_owned(), number.to_owned()));
            let column = column.map(|name| ident(name));
            let key = (class.to_owned(), id.to_owned(), number.to_owned());
            let rights = all.entry(key).or_insert_with(|| Rights {
                kind: text(&row, 3).to_owned(),
                schema: text(&row, 4).to_owned(),
                owner: text(&row, 5).to_owned(),
                is_own: is_true(&row, 6),
                is_default: is_true(&row, 7),
                column,
                all: BTreeSet::new(),
            });
            rights.all.extend(right(&row, 8));
        }
        for ((class, id, number), rights) in all {
            let kept = rights.kept(&defaults);
            self.keep(&class, &id, &number, kept);
        }
    }

    pub(super) fn read_security_labels(&mut self) {
        for row in self.take(Part::SecurityLabels) {
            let column = self
                .columns
                .get(&(text(&row, 1).to_owned(), text(&row, 2).to_owned()));
            let before = format!("SECURITY LABEL FOR {} ON ", text(&row, 3));
            let dot = column.map_or_else(String::new, |name| format!(".{}", ident(name)));
            let label = Dialect::Postgres.literal(text(&row, 4));
            let kept = Kept::Statement(before, format!("{dot} IS {label}"));
            self.keep(text(&row, 0), text(&row, 1), text(&row, 2), vec![kept]);
        }
    }

    pub(super) fn read_index_targets(&mut self) {
        for row in self.take(Part::IndexTargets) {
            let words = format!(
                " ALTER COLUMN {} SET STATISTICS {}",
                text(&row, 1),
                text(&row, 2)
            );
            let kept = Kept::Statement("ALTER ".to_owned(), words);
            if let Some(thing @ Thing::Key(..)) = self.resolve("pg_class", text(&row, 0), "0") {
                self.schema.kept.entry(thing).or_default().push(kept);
            }
        }
    }

    /// Notes it of what stands at that address; a view's columns are the view's.
    fn keep(&mut self, class: &str, id: &str, number: &str, kept: Vec<Kept>) {
        if self.is_member(class, id) || kept.is_empty() {
            return;
        }
        if let Some(thing) = self.resolve(class, id, number) {
            self.schema.kept.entry(thing).or_default().extend(kept);
        }
    }

    /// The comment on a constraint's index, which is no comment on the constraint.
    pub(super) fn keep_index_comment(&mut self, index: &str, key: &Thing) {
        if let Some(comment) = self.comment("pg_class", index) {
            let words = format!(" IS {}", Dialect::Postgres.literal(&comment));
            let kept = Kept::Statement("COMMENT ON ".to_owned(), words);
            self.schema.kept.entry(key.clone()).or_default().push(kept);
        }
    }
}

fn right(row: &[Option<String>], at: usize) -> Option<Right> {
    let grantee = cell(row, at)?;
    Some((
        grantee.to_owned(),
        text(row, at + 1).to_owned(),
        is_true(row, at + 2),
    ))
}
