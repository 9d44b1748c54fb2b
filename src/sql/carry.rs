//! Values that a session carries from one statement to a later one: which of them a new session can be given again, and which
//! statement reads one that it cannot.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::{Class, DdlVerb, Kind};
use super::lexer::{Lexer, Token};
use crate::dialect::Dialect;

/// Functions whose result depends on nothing but their arguments.
const PURE: [&str; 14] = [
    "CONCAT",
    "CONCAT_WS",
    "REPLACE",
    "IF",
    "IFNULL",
    "NULLIF",
    "COALESCE",
    "LOWER",
    "UPPER",
    "TRIM",
    "CAST",
    "CONVERT",
    "SET_CONFIG",
    "CURRENT_SETTING",
];

/// Words that are calls without parentheses, or more than a value.
const VOLATILE: [&str; 13] = [
    "SELECT",
    "VALUES",
    "TABLE",
    "WITH",
    "NEXT",
    "CURRENT_TIMESTAMP",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_USER",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "UTC_TIMESTAMP",
    "SESSION_USER",
];

/// System variables of MySQL and MariaDB that statements change by what they do.
const MOVING: [&str; 8] = [
    "last_insert_id",
    "identity",
    "insert_id",
    "timestamp",
    "rand_seed1",
    "rand_seed2",
    "warning_count",
    "error_count",
];

/// Functions that return the number which an earlier `INSERT` of the session was given.
const GENERATED: [&str; 4] = ["LAST_INSERT_ID", "LAST_INSERT_ROWID", "CURRVAL", "LASTVAL"];

/// A statement, as far as this module looks at one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub kind: &'a Kind,
    pub text: &'a str,
}

/// A value that a statement reads and that went with its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The value, as a person would say it.
    pub value: String,
    /// The place of the statement that gave it, counted from 0.
    pub from: usize,
}

/// The values of a session that is new, behind the statements that an earlier one ran.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    dialect: Dialect,
    /// User variables that earlier statements gave a value; true: the same value can be given again.
    variables: BTreeMap<String, (usize, bool)>,
    /// A statement that may have set variables which its text does not name.
    hidden: Option<usize>,
    /// A setting that is no constant: it may change the meaning of each statement behind it.
    setting: Option<usize>,
    /// Temporary objects, in lower case.
    temporary: BTreeMap<String, usize>,
    /// The last `INSERT`, and its table.
    insert: Option<(usize, Option<String>)>,
}

impl Carried {
    /// A session in which nothing ran yet.
    pub(crate) fn new(dialect: Dialect) -> Carried {
        Carried {
            dialect,
            variables: BTreeMap::new(),
            hidden: None,
            setting: None,
            temporary: BTreeMap::new(),
            insert: None,
        }
    }

    /// `is_lent`: the session may be the earlier one, with what its failed statements left in it.
    pub(crate) fn behind(
        dialect: Dialect,
        statements: &[Part<'_>],
        done: usize,
        is_lent: bool,
    ) -> Carried {
        let mut carried = Carried::new(dialect);
        let done = done.min(statements.len());
        for (number, part) in statements.iter().enumerate().take(done) {
            carried.ran(number, *part);
        }
        if is_lent {
            for (number, part) in statements.iter().enumerate().skip(done) {
                carried.may_have_run(number, *part);
            }
        }
        carried
    }

    /// Tells whether a statement that sets something in the session gives it the same value in another one, behind the
    /// statements before it.
    fn is_constant(&self, part: Part<'_>) -> bool {
        let tokens = tokens(self.dialect, part.text);
        let variables = Variables::of(self.dialect, part, &tokens);
        let is_known = |name: &String| {
            let known = self.variables.get(name);
            self.hidden.is_none() && known.is_none_or(|(_, is_constant)| *is_constant)
        };
        is_constant(&tokens) && variables.reads.iter().all(is_known)
    }

    /// Tells whether a statement is a setting that another session is given again, behind the statements before it.
    pub(crate) fn repeats(&self, part: Part<'_>) -> bool {
        let is_setting = match part.kind.class() {
            Class::Session => true,
            Class::Query => {
                let tokens = tokens(self.dialect, part.text);
                let variables = Variables::of(self.dialect, part, &tokens);
                has_word(&tokens, "SET_CONFIG") || !variables.assigns.is_empty()
            }
            _ => false,
        };
        is_setting && self.is_constant(part)
    }

    /// Takes in a statement that ran in the session before.
    pub(crate) fn ran(&mut self, number: usize, part: Part<'_>) {
        let tokens = tokens(self.dialect, part.text);
        let variables = Variables::of(self.dialect, part, &tokens);
        let is_constant = self.repeats(part);
        if matches!(part.kind.class(), Class::Procedural | Class::Other) {
            self.hidden = Some(number);
        }
        let sets_setting = match part.kind.class() {
            Class::Session => is_setting(&tokens) && has_setting(&tokens),
            Class::Query => has_word(&tokens, "SET_CONFIG"),
            _ => false,
        };
        if sets_setting && !self.is_constant(part) {
            self.setting = Some(number);
        }
        for name in variables.assigns {
            self.variables.insert(name, (number, is_constant));
        }
        self.note_objects(number, part, &tokens);
    }

    /// A statement that may have run in this session before: it left its values, and they are no constants here.
    fn may_have_run(&mut self, number: usize, part: Part<'_>) {
        let tokens = tokens(self.dialect, part.text);
        for name in Variables::of(self.dialect, part, &tokens).assigns {
            self.variables.entry(name).or_insert((number, false));
        }
        if let Some(ddl) = part.kind.ddl().filter(|ddl| ddl.temporary)
            && ddl.verb == DdlVerb::Create
        {
            for name in &ddl.names {
                let name = name.name.to_lowercase();
                self.temporary.entry(name).or_insert(number);
            }
        }
    }

    fn note_objects(&mut self, number: usize, part: Part<'_>, tokens: &[(Token, &str)]) {
        if let Some(ddl) = part.kind.ddl() {
            let names = || ddl.names.iter().map(|name| name.name.to_lowercase());
            let is_known = names().any(|name| self.temporary.contains_key(&name));
            match ddl.verb {
                DdlVerb::Create if ddl.temporary => {
                    self.temporary.extend(names().map(|name| (name, number)));
                }
                DdlVerb::Drop => names().for_each(|name| {
                    self.temporary.remove(&name);
                }),
                DdlVerb::Alter | DdlVerb::Rename if is_known => {
                    // One of its words may be a new name.
                    let words = tokens.iter().filter_map(|(token, text)| name(*token, text));
                    self.temporary.extend(words.map(|name| (name, number)));
                }
                _ => {}
            }
        } else if let Some(name) = select_into_temporary(tokens) {
            self.temporary.insert(name, number);
        }
        if is_insert(tokens) {
            self.insert = Some((number, target(tokens)));
        }
    }

    /// The first value that a statement reads and that went with its session. The statement itself then counts as run here.
    pub(crate) fn read(&mut self, part: Part<'_>) -> Option<Lost> {
        let tokens = tokens(self.dialect, part.text);
        let lost = self.lost(part, &tokens);
        // What it gives the session is there from now on.
        for name in Variables::of(self.dialect, part, &tokens).assigns {
            self.variables.remove(&name);
            self.variables.insert(name, (usize::MAX, true));
        }
        if let Some(ddl) = part.kind.ddl()
            && (ddl.verb == DdlVerb::Create && ddl.temporary || ddl.verb == DdlVerb::Drop)
        {
            for name in &ddl.names {
                self.temporary.remove(&name.name.to_lowercase());
            }
        }
        let table = target(&tokens);
        let is_same = |(_, before): &(usize, Option<String>)| table.is_some() && *before == table;
        if is_insert(&tokens) && self.insert.as_ref().is_some_and(is_same) {
            self.insert = None;
        }
        lost
    }

    fn lost(&self, part: Part<'_>, tokens: &[(Token, &str)]) -> Option<Lost> {
        if let Some(from) = self.setting {
            let value = "a setting that is no constant".to_owned();
            return Some(Lost { value, from });
        }
        for name in Variables::of(self.dialect, part, tokens).reads {
            let from = match self.variables.get(&name) {
                Some((from, false)) => Some(*from),
                Some((usize::MAX, true)) => None,
                Some((from, true)) => self.hidden.filter(|hidden| hidden > from),
                None => self.hidden,
            };
            if let Some(from) = from {
                let value = format!("@{name}");
                return Some(Lost { value, from });
            }
        }
        let drops = part
            .kind
            .ddl()
            .is_some_and(|ddl| ddl.verb == DdlVerb::Drop && ddl.temporary);
        for (token, text) in tokens.iter().filter(|_| !drops) {
            if let Some(name) = name(*token, text)
                && let Some(from) = self.temporary.get(&name)
            {
                let value = format!("the temporary object {name}");
                return Some(Lost { value, from: *from });
            }
        }
        let is_generated = |(token, text): &(Token, &str)| match token {
            Token::Word => GENERATED.iter().any(|name| name.eq_ignore_ascii_case(text)),
            Token::Variable => MOVING[..2].iter().any(|name| is_system(text, name)),
            _ => false,
        };
        if let Some((from, _)) = &self.insert
            && let Some((_, text)) = tokens.iter().find(|token| is_generated(token))
        {
            let value = (*text).to_owned();
            return Some(Lost { value, from: *from });
        }
        None
    }
}

/// The first and the last argument of a statement that is one call of PostgreSQL's `set_config` and nothing else.
pub(crate) fn set_config(text: &str) -> Option<(&str, &str)> {
    let all = tokens(Dialect::Postgres, text);
    let is = |index: usize, word: &str| {
        all.get(index)
            .is_some_and(|(token, text)| *token == Token::Word && text.eq_ignore_ascii_case(word))
    };
    let call = if is(1, "pg_catalog") { 3 } else { 1 };
    if !is(0, "select") || !is(call, "set_config") {
        return None;
    }
    let arguments = all.get(call + 1..)?;
    let mut depth = 0_i32;
    let end = arguments.iter().position(|(token, _)| {
        depth += match token {
            Token::Punct(b'(') => 1,
            Token::Punct(b')') => -1,
            _ => 0,
        };
        depth == 0
    })?;
    match arguments {
        [
            (Token::Punct(b'('), _),
            (Token::Text, name),
            (Token::Punct(b','), _),
            ..,
            (Token::Word, last),
            _,
        ] if end + 1 == arguments.len() => Some((name, last)),
        _ => None,
    }
}

/// Tells whether a statement neither reads nor leaves a value in the session, but for the number that its `INSERT` is given.
pub(crate) fn is_stateless(dialect: Dialect, part: Part<'_>) -> bool {
    let all = tokens(dialect, part.text);
    let touches = |(token, text): &(Token, &str)| match token {
        Token::Variable => true,
        Token::Word => GENERATED.iter().any(|name| name.eq_ignore_ascii_case(text)),
        _ => false,
    };
    matches!(part.kind.class(), Class::Dml | Class::Query) && !all.iter().any(touches)
}

/// MySQL's user variables in a statement, in lower case.
#[derive(Debug, Default)]
struct Variables {
    assigns: BTreeSet<String>,
    reads: BTreeSet<String>,
}

impl Variables {
    fn of(dialect: Dialect, part: Part<'_>, tokens: &[(Token, &str)]) -> Variables {
        let mut variables = Variables::default();
        if !dialect.is_mysql_family() {
            return variables;
        }
        let is_set = matches!(part.kind.class(), Class::Session);
        let is_call = matches!(part.kind.class(), Class::Procedural | Class::Other);
        let has_into = has_word(tokens, "INTO")
            && (matches!(part.kind.class(), Class::Query) || has_word(tokens, "LOAD"));
        let mut is_into = false;
        let mut depth = 0_i32;
        let mut is_target = is_set;
        let mut rest = tokens.iter().peekable();
        while let Some((token, text)) = rest.next() {
            match token {
                Token::Punct(b'(') => depth += 1,
                Token::Punct(b')') => depth -= 1,
                Token::Punct(b',') if depth == 0 => is_target = is_set,
                Token::Punct(b'=') if depth == 0 => is_target = false,
                Token::Word if text.eq_ignore_ascii_case("into") => is_into = has_into,
                Token::Word if text.eq_ignore_ascii_case("from") => is_into = false,
                _ => {}
            }
            let Some(name) = user_variable(*token, text) else {
                continue;
            };
            let mut behind = rest.clone();
            let is_followed = matches!(behind.next(), Some((Token::Punct(b':'), _)));
            let is_assigned = is_followed || is_into || (is_set && is_target);
            if is_assigned || is_call {
                variables.assigns.insert(name.clone());
            }
            if !is_assigned {
                variables.reads.insert(name);
            }
        }
        variables
    }
}

/// The tokens of a statement; what cannot be read ends them. The code in dynamic SQL's strings counts.
fn tokens(dialect: Dialect, text: &str) -> Vec<(Token, &str)> {
    let mut all = Vec::new();
    let mut lexer = Lexer::new(dialect, text);
    while let Ok(Some(lexeme)) = lexer.next() {
        all.push((lexeme.token, &text[lexeme.start..lexeme.end]));
    }
    let is_dynamic =
        dialect.is_mysql_family() && (has_word(&all, "PREPARE") || has_word(&all, "EXECUTE"));
    if is_dynamic {
        let texts: Vec<&str> = all
            .iter()
            .filter(|(token, _)| *token == Token::Text)
            .filter_map(|(_, text)| text.get(1..text.len().saturating_sub(1)))
            .collect();
        for text in texts {
            let mut lexer = Lexer::new(dialect, text);
            while let Ok(Some(lexeme)) = lexer.next() {
                all.push((lexeme.token, &text[lexeme.start..lexeme.end]));
            }
        }
    }
    all
}

fn has_word(tokens: &[(Token, &str)], word: &str) -> bool {
    let mut all = tokens.iter();
    all.any(|(token, text)| *token == Token::Word && text.eq_ignore_ascii_case(word))
}

/// Tells whether a statement of the session's makes a setting, which `DECLARE` and the like do not.
fn is_setting(tokens: &[(Token, &str)]) -> bool {
    let first = tokens.first().map_or("", |(_, text)| *text);
    ["SET", "RESET", "PRAGMA", "ATTACH", "USE"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(first))
}

/// Tells whether a `SET` sets more than user variables.
fn has_setting(tokens: &[(Token, &str)]) -> bool {
    tokens
        .iter()
        .enumerate()
        .skip(1)
        .any(|(index, (token, text))| {
            let is_first = index == 1 || tokens[index - 1].0 == Token::Punct(b',');
            is_first && user_variable(*token, text).is_none()
        })
}

/// Tells whether a statement's values are literals, defaults, variables, and pure functions of these.
fn is_constant(tokens: &[(Token, &str)]) -> bool {
    tokens.iter().enumerate().all(|(index, (token, text))| {
        let is_called = matches!(tokens.get(index + 1), Some((Token::Punct(b'('), _)));
        let is_one_of = |all: &[&str]| all.iter().any(|one| one.eq_ignore_ascii_case(text));
        match token {
            // `SELECT set_config(…)` begins with it.
            Token::Word if index == 0 && text.eq_ignore_ascii_case("select") => true,
            Token::Word | Token::QuotedName if is_called => is_one_of(&PURE),
            Token::Word => !is_one_of(&VOLATILE) && !text.eq_ignore_ascii_case("from"),
            Token::Variable => !MOVING.iter().any(|name| is_system(text, name)),
            _ => true,
        }
    }) || is_prepare(tokens)
}

/// A statement that is prepared is kept as its text.
fn is_prepare(tokens: &[(Token, &str)]) -> bool {
    matches!(tokens.first(), Some((_, text)) if text.eq_ignore_ascii_case("prepare"))
}

/// `@x` and `` @`x` `` by their names.
fn user_variable(token: Token, text: &str) -> Option<String> {
    let name = text
        .strip_prefix('@')
        .filter(|_| token == Token::Variable)?;
    (!name.starts_with('@')).then(|| name.trim_matches(['`', '\'', '"']).to_lowercase())
}

/// Tells whether a variable is the system's of this name, `@@session.x` too.
fn is_system(text: &str, name: &str) -> bool {
    let Some(system) = text.strip_prefix("@@") else {
        return false;
    };
    let last = system.rsplit('.').next().unwrap_or(system);
    last.trim_matches('`').eq_ignore_ascii_case(name)
}

fn name(token: Token, text: &str) -> Option<String> {
    match token {
        Token::Word => Some(text.to_lowercase()),
        Token::QuotedName => Some(text.trim_matches(['`', '"', '[', ']']).to_lowercase()),
        _ => None,
    }
}

fn is_insert(tokens: &[(Token, &str)]) -> bool {
    ["INSERT", "REPLACE", "LOAD"]
        .iter()
        .any(|word| has_word(tokens, word))
}

/// The table of an `INSERT`.
fn target(tokens: &[(Token, &str)]) -> Option<String> {
    let is_into = |(_, text): &(Token, &str)| text.eq_ignore_ascii_case("into");
    let mut behind = tokens.iter().skip(tokens.iter().position(is_into)? + 1);
    let mut table = String::new();
    while let Some((token, text)) = behind.next() {
        table.push_str(&name(*token, text)?);
        match behind.next() {
            Some((Token::Punct(b'.'), _)) => table.push('.'),
            _ => break,
        }
    }
    Some(table)
}

/// The table of PostgreSQL's `SELECT … INTO TEMP t`.
fn select_into_temporary(tokens: &[(Token, &str)]) -> Option<String> {
    let is_into = |(_, text): &(Token, &str)| text.eq_ignore_ascii_case("into");
    let mut behind = tokens.iter().skip(tokens.iter().position(is_into)? + 1);
    let is_temporary = |text: &str| {
        ["temp", "temporary"]
            .iter()
            .any(|t| t.eq_ignore_ascii_case(text))
    };
    behind.next().filter(|(_, text)| is_temporary(text))?;
    let words = behind.filter_map(|(token, text)| name(*token, text));
    words.into_iter().find(|name| name != "table")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::classify;

    /// The number, from 1, of the first statement that reads what went with a session behind `done` of them.
    fn first(dialect: Dialect, statements: &[&str], done: usize, is_lent: bool) -> Option<usize> {
        let kinds: Vec<Kind> = statements
            .iter()
            .map(|text| classify(dialect, text))
            .collect();
        let parts: Vec<Part<'_>> = kinds
            .iter()
            .zip(statements)
            .map(|(kind, text)| Part { kind, text })
            .collect();
        let mut carried = Carried::behind(dialect, &parts, done, is_lent);
        let mut rest = parts.iter().enumerate().skip(done);
        rest.find(|(_, part)| carried.read(**part).is_some())
            .map(|(number, _)| number + 1)
    }

    #[test]
    fn what_went_with_the_session_is_found_where_it_is_read() {
        let read = "INSERT INTO c VALUES (@x)";
        let reading = [
            "SET @x = LAST_INSERT_ID()",
            "SET @x = (SELECT max(id) FROM p)",
            "SET @y = 1, @x = UUID()",
            "SELECT id INTO @x FROM p",
            "SELECT @x := max(id) FROM p",
            "UPDATE p SET id = (@x := id)",
            "CALL p(@x)",
            "CALL p()",
            "SET @x = CURRENT_TIMESTAMP",
            "SET @x = @@last_insert_id",
            "EXECUTE IMMEDIATE 'SELECT 1 INTO @x'",
            "SET @X = @x + 1, @x = RAND()",
            "SET sql_mode = (SELECT mode FROM p)",
        ];
        for from in reading {
            let all = [from, "ALTER TABLE p ADD y INT", read];
            let expected = if from.contains("sql_mode") { 2 } else { 3 };
            assert_eq!(
                first(Dialect::Mariadb, &all, 1, false),
                Some(expected),
                "{from}"
            );
        }
        let constant = [
            "SET @x = 1",
            "SET @x = 'a(b)', @y = NULL",
            "SET @x = @@sql_mode, sql_mode = CONCAT(@@sql_mode, ',ANSI')",
            "SET NAMES utf8mb4",
            "USE other",
            "SELECT 7 INTO @x",
            "SELECT @x := 7",
            "INSERT INTO p VALUES ('mail@x')",
            "SELECT 1",
        ];
        for from in constant {
            let all = [from, "ALTER TABLE p ADD y INT", read];
            assert_eq!(first(Dialect::Mariadb, &all, 1, false), None, "{from}");
        }
    }

    #[test]
    fn a_value_that_is_given_again_is_no_longer_lost() {
        let all = ["SET @x = UUID()", "SET @x = 5", "INSERT INTO c VALUES (@x)"];
        assert_eq!(first(Dialect::Mariadb, &all, 1, false), None);
        let all = ["SET @x = UUID()", "SET @y = @x", "SET @x = 5"];
        assert_eq!(first(Dialect::Mariadb, &all, 1, false), Some(2));
    }

    #[test]
    fn generated_numbers_and_temporary_tables_are_found() {
        for (dialect, call) in [
            (Dialect::Mariadb, "LAST_INSERT_ID()"),
            (Dialect::Sqlite, "last_insert_rowid()"),
            (Dialect::Postgres, "currval('p_id_seq')"),
            (Dialect::Postgres, "lastval()"),
        ] {
            let child = format!("INSERT INTO c VALUES ({call})");
            let all = ["INSERT INTO p VALUES (1)", "CREATE TABLE q (x INT)", &child];
            assert_eq!(first(dialect, &all, 1, false), Some(3), "{call}");
            let all = [
                "INSERT INTO p VALUES (1)",
                "INSERT INTO p VALUES (2)",
                &child,
            ];
            assert_eq!(first(dialect, &all, 1, false), None, "{call}");
            let all = [
                "INSERT INTO p VALUES (1)",
                "INSERT INTO log VALUES (2)",
                &child,
            ];
            assert_eq!(first(dialect, &all, 1, false), Some(3), "{call}");
            let all = [
                "CREATE TEMPORARY TABLE t (x INT)",
                "SELECT 1",
                "INSERT INTO t VALUES (1)",
            ];
            assert_eq!(first(dialect, &all, 1, false), Some(3), "{call}");
            assert_eq!(first(dialect, &all, 0, false), None, "{call}");
        }
        let all = ["CREATE TEMPORARY TABLE t (x INT)", "DROP TABLE IF EXISTS t"];
        assert_eq!(first(Dialect::Mariadb, &all, 1, false), Some(2));
        let all = [
            "CREATE TEMPORARY TABLE t (x INT)",
            "DROP TEMPORARY TABLE IF EXISTS t",
        ];
        assert_eq!(first(Dialect::Mariadb, &all, 1, false), None);
        let all = ["SELECT 1 INTO TEMP t", "SELECT * FROM t"];
        assert_eq!(first(Dialect::Postgres, &all, 1, false), Some(2));
    }

    #[test]
    fn a_lent_session_may_have_what_a_failed_unit_left() {
        let all = ["SELECT @r := @r + 1", "INSERT INTO t VALUES (@r)"];
        assert_eq!(first(Dialect::Mariadb, &all, 0, false), None);
        assert_eq!(first(Dialect::Mariadb, &all, 0, true), Some(1));
        let all = ["SET @r = 0", "INSERT INTO t VALUES (@r := @r + 1)"];
        assert_eq!(first(Dialect::Mariadb, &all, 0, true), None);
    }

    #[test]
    fn one_call_of_set_config_is_read() {
        let found =
            set_config("SELECT pg_catalog.set_config('a.b', (SELECT max(x)::text FROM t), false)");
        assert_eq!(found, Some(("'a.b'", "false")));
        for other in [
            "SELECT set_config('a.b', 'x', false), 1",
            "SELECT set_config(n, 'x', false) FROM t",
            "SELECT 1",
            "SELECT set_config('a', 'b', false) FROM t",
        ] {
            assert_eq!(set_config(other), None, "{other}");
        }
    }

    #[test]
    fn a_setting_that_is_no_constant_is_lost_for_all_behind_it() {
        let all = [
            "SELECT set_config('app.x', (SELECT max(id) FROM p)::text, false)",
            "SELECT 1",
        ];
        assert_eq!(first(Dialect::Postgres, &all, 1, false), Some(2));
        let all = ["SELECT set_config('app.x', 'y', false)", "SELECT 1"];
        assert_eq!(first(Dialect::Postgres, &all, 1, false), None);
        let all = ["SET search_path TO a, b", "SELECT 1"];
        assert_eq!(first(Dialect::Postgres, &all, 1, false), None);
    }
}
