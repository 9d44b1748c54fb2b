//! What a filter's pattern matches. Pure.

use std::fmt;
use std::str::FromStr;

use super::schema::{ConstraintKind, Name, ObjectId, ObjectKind};

/// Things of a schema, by kind and name: what [`Filter`](super::Filter) includes and excludes.
///
/// `NAME`, or `KIND:NAME`, or `kind:KIND` for all of a kind. A name is compared whole; `*` in it stands for any
/// characters and `?` for one. It may be qualified: `SCHEMA.NAME` of a table or an object, `TABLE.NAME` of what is on a
/// table, `SCHEMA.TABLE.NAME` of both. PostgreSQL's names are compared with their case, others without.
///
/// | pattern | what |
/// |---|---|
/// | `audit_*` | everything of such a name: tables, columns, indexes, views, … |
/// | `table:audit_*` | tables, with all that is on them |
/// | `column:users.legacy_*`, `index:*_tmp`, `constraint:orders.*` | parts of tables |
/// | `schema:legacy` | all that is in that schema, and itself |
/// | `view:v_*`, `trigger:users.*`, `function:public.f_?` | other objects |
/// | `kind:trigger` | as `trigger:*` |
///
/// The kinds are `table`, `column`, `index`, `constraint` (also one by one: `primary_key`, `unique`, `check`,
/// `foreign_key`, `exclusion`), `schema`, `view`, `materialized_view`, `sequence`, `trigger`, `function`, `procedure`,
/// `type` (also one by one: `enum`, `domain`, `composite_type`), `extension`, `policy`, `rule`, `statistics`, `event`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    kinds: Kinds,
    /// What stands between the dots.
    parts: Vec<String>,
}

/// A pattern is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(pub(crate) String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Any,
    Schema,
    Table,
    Column,
    Index,
    Constraints,
    Constraint(ConstraintKind),
    Objects(&'static [ObjectKind]),
}

const KINDS: &[(&str, Kinds)] = &[
    ("table", Kinds::Table),
    ("column", Kinds::Column),
    ("index", Kinds::Index),
    ("constraint", Kinds::Constraints),
    ("primary_key", Kinds::Constraint(ConstraintKind::Primary)),
    ("unique", Kinds::Constraint(ConstraintKind::Unique)),
    ("check", Kinds::Constraint(ConstraintKind::Check)),
    ("foreign_key", Kinds::Constraint(ConstraintKind::Foreign)),
    ("exclusion", Kinds::Constraint(ConstraintKind::Exclude)),
    ("schema", Kinds::Schema),
    ("view", Kinds::Objects(&[ObjectKind::View])),
    (
        "materialized_view",
        Kinds::Objects(&[ObjectKind::MaterializedView]),
    ),
    ("sequence", Kinds::Objects(&[ObjectKind::Sequence])),
    ("trigger", Kinds::Objects(&[ObjectKind::Trigger])),
    ("function", Kinds::Objects(&[ObjectKind::Function])),
    ("procedure", Kinds::Objects(&[ObjectKind::Procedure])),
    (
        "type",
        Kinds::Objects(&[
            ObjectKind::Enum,
            ObjectKind::Domain,
            ObjectKind::CompositeType,
        ]),
    ),
    ("enum", Kinds::Objects(&[ObjectKind::Enum])),
    ("domain", Kinds::Objects(&[ObjectKind::Domain])),
    (
        "composite_type",
        Kinds::Objects(&[ObjectKind::CompositeType]),
    ),
    ("extension", Kinds::Objects(&[ObjectKind::Extension])),
    ("policy", Kinds::Objects(&[ObjectKind::Policy])),
    ("rule", Kinds::Objects(&[ObjectKind::Rule])),
    ("statistics", Kinds::Objects(&[ObjectKind::Statistics])),
    ("event", Kinds::Objects(&[ObjectKind::Event])),
];

impl FromStr for Pattern {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let (kind, name) = match text.split_once(':') {
            Some(("kind", kind)) => (Some(kind), "*"),
            Some((kind, name)) => (Some(kind), name),
            None => (None, text),
        };
        let kinds = match kind {
            None => Kinds::Any,
            Some(kind) => {
                let known = KINDS.iter().find(|(name, _)| *name == kind);
                let (_, kinds) = known.ok_or_else(|| {
                    let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
                    FilterError(format!(
                        "`{text}` is no pattern: there is no kind `{kind}`; the kinds are {}",
                        names.join(", ")
                    ))
                })?;
                *kinds
            }
        };
        let parts: Vec<String> = name.split('.').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err(FilterError(format!(
                "`{text}` is no pattern: a name in it is empty (`*` means any)"
            )));
        }
        let most = match kinds {
            Kinds::Schema => 1,
            Kinds::Table => 2,
            _ => 3,
        };
        if parts.len() > most {
            return Err(FilterError(format!(
                "`{text}` is no pattern: its name has {} parts, and {most} at most mean something",
                parts.len()
            )));
        }
        Ok(Pattern {
            text: text.to_owned(),
            kinds,
            parts,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Something in a schema, as a pattern sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub kind: SubjectKind,
    pub schema: &'a str,
    /// The table or view that it is on.
    pub on: Option<&'a str>,
    pub name: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubjectKind {
    Table,
    Column,
    Index,
    Constraint(ConstraintKind),
    Object(ObjectKind),
}

impl<'a> Subject<'a> {
    /// `current` is the schema of names without one.
    pub(super) fn table(name: &'a Name, current: &'a str) -> Self {
        Subject {
            kind: SubjectKind::Table,
            schema: name.schema.as_deref().unwrap_or(current),
            on: None,
            name: &name.name,
        }
    }

    pub(super) fn part(kind: SubjectKind, table: Subject<'a>, name: &'a str) -> Self {
        Subject {
            kind,
            schema: table.schema,
            on: Some(table.name),
            name,
        }
    }

    pub(super) fn object(id: &'a ObjectId, current: &'a str) -> Self {
        let schema = match id.kind {
            ObjectKind::Schema => &id.name.name,
            _ => id.name.schema.as_deref().unwrap_or(current),
        };
        Subject {
            kind: SubjectKind::Object(id.kind),
            schema,
            on: id.on.as_deref(),
            name: &id.name.name,
        }
    }
}

impl Pattern {
    pub(super) fn matches(&self, subject: &Subject<'_>, ignore_case: bool) -> bool {
        self.match_of(subject, ignore_case).is_some()
    }

    /// Whether it matches, and names the subject's schema in doing so.
    pub(super) fn matches_with_schema(&self, subject: &Subject<'_>, ignore_case: bool) -> bool {
        self.match_of(subject, ignore_case) == Some(true)
    }

    fn match_of(&self, subject: &Subject<'_>, ignore_case: bool) -> Option<bool> {
        let is_kind = match self.kinds {
            Kinds::Any | Kinds::Schema => true,
            Kinds::Table => subject.kind == SubjectKind::Table,
            Kinds::Column => subject.kind == SubjectKind::Column,
            Kinds::Index => subject.kind == SubjectKind::Index,
            Kinds::Constraints => matches!(subject.kind, SubjectKind::Constraint(_)),
            Kinds::Constraint(kind) => subject.kind == SubjectKind::Constraint(kind),
            Kinds::Objects(kinds) => {
                matches!(subject.kind, SubjectKind::Object(kind) if kinds.contains(&kind))
            }
        };
        let is = |part: usize, name: &str| glob(&self.parts[part], name, ignore_case);
        if !is_kind {
            return None;
        }
        if self.kinds == Kinds::Schema {
            return is(0, subject.schema).then_some(true);
        }
        match self.parts.len() {
            1 => is(0, subject.name).then_some(false),
            2 if !is(1, subject.name) => None,
            2 if is(0, subject.schema) => Some(true),
            2 => is(0, subject.on?).then_some(false),
            _ => {
                (is(0, subject.schema) && is(1, subject.on?) && is(2, subject.name)).then_some(true)
            }
        }
    }
}

/// Whether the pattern is the whole name: `*` any characters, `?` one. Goes back to the last `*` alone, so that the time
/// is bounded by the product of the lengths.
fn glob(pattern: &str, name: &str, ignore_case: bool) -> bool {
    let fold = |text: &str| -> Vec<char> {
        let folded = |c: char| {
            if ignore_case {
                c.to_ascii_lowercase()
            } else {
                c
            }
        };
        text.chars().map(folded).collect()
    };
    let (pattern, name) = (fold(pattern), fold(name));
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star, from)) = back else {
                    return false;
                };
                back = Some((star, from + 1));
                p = star + 1;
                n = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abcbc", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("ü?", "üß", true),
            ("abc", "abcd", false),
            ("A*", "abc", true),
            ("**", "x", true),
        ] {
            assert_eq!(glob(pattern, name, true), expected, "{pattern} {name}");
        }
        assert!(!glob("A*", "abc", false));
        // No blow-up.
        assert!(!glob(&"*a".repeat(30), &"b".repeat(3000), false));
    }

    #[test]
    fn kinds_and_qualified_names() {
        let users = Name::new(None, "users");
        let table = Subject::table(&users, "public");
        let column = Subject::part(SubjectKind::Column, table, "email");
        let audit = Name::new(Some("audit"), "log");
        let other = Subject::table(&audit, "public");
        let touch = ObjectId {
            on: Some("users".to_owned()),
            ..ObjectId::new(ObjectKind::Trigger, Name::new(None, "touch"))
        };
        let trigger = Subject::object(&touch, "public");
        let schema = ObjectId::new(ObjectKind::Schema, Name::new(None, "audit"));
        let schema = Subject::object(&schema, "public");
        let matched = |pattern: &str| {
            let pattern: Pattern = pattern.parse().unwrap();
            let all = [
                ("table", table),
                ("column", column),
                ("other", other),
                ("trigger", trigger),
                ("schema", schema),
            ];
            let matched = all
                .into_iter()
                .filter(|(_, one)| pattern.matches(one, false));
            matched.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
        };
        for (pattern, expected) in [
            ("*", "table column other trigger schema"),
            ("users", "table"),
            ("table:*", "table other"),
            ("table:public.*", "table"),
            ("users.*", "column trigger"),
            ("public.users.*", "column trigger"),
            ("column:users.email", "column"),
            ("kind:trigger", "trigger"),
            ("trigger:other.*", ""),
            ("schema:audit", "other schema"),
            ("schema:*", "table column other trigger schema"),
            ("audit.*", "other schema"),
        ] {
            assert_eq!(matched(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let said = |text: &str| text.parse::<Pattern>().unwrap_err().to_string();
        insta::assert_snapshot!(
            ["tables:x", "kind:x", "", "table:", "a..b", "a.b.c.d", "schema:a.b", "table:a.b.c"]
                .map(said)
                .join("\n"),
            @r"
            `tables:x` is no pattern: there is no kind `tables`; the kinds are table, column, index, constraint, primary_key, unique, check, foreign_key, exclusion, schema, view, materialized_view, sequence, trigger, function, procedure, type, enum, domain, composite_type, extension, policy, rule, statistics, event
            `kind:x` is no pattern: there is no kind `x`; the kinds are table, column, index, constraint, primary_key, unique, check, foreign_key, exclusion, schema, view, materialized_view, sequence, trigger, function, procedure, type, enum, domain, composite_type, extension, policy, rule, statistics, event
            `` is no pattern: a name in it is empty (`*` means any)
            `table:` is no pattern: a name in it is empty (`*` means any)
            `a..b` is no pattern: a name in it is empty (`*` means any)
            `a.b.c.d` is no pattern: its name has 4 parts, and 3 at most mean something
            `schema:a.b` is no pattern: its name has 2 parts, and 1 at most mean something
            `table:a.b.c` is no pattern: its name has 3 parts, and 2 at most mean something
            "
        );
    }
}
