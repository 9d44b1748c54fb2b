//! The parts of a DDL statement: verb, kind of object, names, options.

use super::classify::{Words, kind};
use super::kind::{Class, Ddl, DdlVerb, InTransaction, Kind, ObjectKind, ObjectName};
use super::lexer::{Lexeme, Token};
use crate::dialect::Family;

/// PostgreSQL's `NAMEDATALEN` less one: longer names are cut to it.
const POSTGRES_NAME: usize = 63;

/// Reads the statement behind its verb. `normally` is what becomes of a transaction where nothing
/// special is said.
pub(super) fn classify(words: &mut Words<'_>, verb: &str, normally: InTransaction) -> Kind {
    let mut ddl = empty(verb_of(verb));
    let mut moves = false;
    let repeatable = match ddl.verb {
        DdlVerb::Create | DdlVerb::Alter | DdlVerb::Drop => object(words, &mut ddl, &mut moves),
        DdlVerb::Truncate => {
            words.eat("TABLE");
            ddl.object = ObjectKind::Table;
            words.eat("ONLY");
            ddl.names = name_list(words);
            words.skip_rest();
            false
        }
        DdlVerb::Rename => {
            rename(words, &mut ddl);
            false
        }
        DdlVerb::Comment => {
            words.eat("ON");
            ddl.object = object_kind(words);
            if ddl.object != ObjectKind::Other {
                ddl.names.extend(name(words));
            }
            words.skip_rest();
            true
        }
        DdlVerb::Grant | DdlVerb::Revoke => {
            words.skip_rest();
            ddl.verb == DdlVerb::Grant
        }
        DdlVerb::Other => other(words, &mut ddl),
    };
    let in_transaction = in_transaction(words, &ddl, moves, normally);
    Kind {
        safe_to_repeat: repeatable && !words.uncertain(),
        ..kind(Class::Ddl(ddl), in_transaction)
    }
}

/// DDL on a user's rights or password, without a name.
pub(super) fn rights(verb: DdlVerb) -> Ddl {
    Ddl {
        object: ObjectKind::Role,
        ..empty(verb)
    }
}

fn empty(verb: DdlVerb) -> Ddl {
    Ddl {
        verb,
        object: ObjectKind::Other,
        names: Vec::new(),
        table: None,
        concurrently: false,
        if_exists: false,
        if_not_exists: false,
        or_replace: false,
        temporary: false,
    }
}

fn verb_of(verb: &str) -> DdlVerb {
    match verb {
        "CREATE" => DdlVerb::Create,
        "ALTER" => DdlVerb::Alter,
        "DROP" => DdlVerb::Drop,
        "RENAME" => DdlVerb::Rename,
        "TRUNCATE" => DdlVerb::Truncate,
        "COMMENT" => DdlVerb::Comment,
        "GRANT" => DdlVerb::Grant,
        "REVOKE" => DdlVerb::Revoke,
        _ => DdlVerb::Other,
    }
}

/// What CREATE, ALTER and DROP have in common. Answers whether repeating does no harm.
fn object(words: &mut Words<'_>, ddl: &mut Ddl, moves: &mut bool) -> bool {
    modifiers(words, ddl);
    ddl.object = object_kind(words);
    // `CREATE INDEX CONCURRENTLY`; a name cannot be that word without quotes.
    ddl.concurrently |= words.eat("CONCURRENTLY");
    if words.eat("IF") {
        ddl.if_not_exists = words.eat("NOT");
        ddl.if_exists = words.eat("EXISTS") && !ddl.if_not_exists;
    }
    if ddl.verb == DdlVerb::Alter {
        words.eat("ONLY");
    }
    match ddl.object {
        ObjectKind::Other | ObjectKind::System => {}
        // `CREATE INDEX ON t`.
        ObjectKind::Index if words.peek_keyword().as_str() == "ON" => {}
        _ if ddl.verb == DdlVerb::Drop => ddl.names = name_list(words),
        _ => ddl.names.extend(name(words)),
    }
    if matches!(
        ddl.object,
        ObjectKind::Index | ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule
    ) {
        ddl.table = table_after_on(words, ddl);
    }
    match ddl.verb {
        DdlVerb::Create => {
            let selects = ddl.object == ObjectKind::Table && has_query(words);
            words.skip_rest();
            !ddl.concurrently
                && !selects
                && (ddl.if_not_exists || (ddl.or_replace && holds_no_data(ddl.object)))
        }
        DdlVerb::Drop => {
            words.skip_rest();
            ddl.if_exists
        }
        _ => {
            if ddl.object == ObjectKind::Database && words.eat("SET") {
                *moves = words.eat("TABLESPACE");
            }
            alter_actions(words, ddl)
        }
    }
}

/// What may stand between the verb and the kind of object.
fn modifiers(words: &mut Words<'_>, ddl: &mut Ddl) {
    while let Some(next) = words.peek() {
        match words.keyword(next).as_str() {
            "REPLACE" => ddl.or_replace = true,
            "TEMP" | "TEMPORARY" => ddl.temporary = true,
            "OR" | "GLOBAL" | "LOCAL" | "UNLOGGED" | "UNIQUE" | "FULLTEXT" | "SPATIAL"
            | "VECTOR" | "ONLINE" | "OFFLINE" | "IGNORE" | "CONSTRAINT" | "RECURSIVE" | "UNDO"
            | "TRUSTED" | "PROCEDURAL" | "VIRTUAL" => {}
            "ALGORITHM" | "DEFINER" => {
                words.take();
                words.eat_symbol(b'=');
                user(words);
                continue;
            }
            // `SQL SECURITY DEFINER VIEW`.
            "SQL" => {
                words.take();
                words.take();
            }
            // `CREATE AGGREGATE FUNCTION` is MariaDB's, `CREATE AGGREGATE` PostgreSQL's.
            "AGGREGATE" if words.dialect.is_mysql_family() => {}
            _ => break,
        }
        words.take();
    }
}

/// `root@localhost`, `'a'@'%'`, `CURRENT_USER()`.
fn user(words: &mut Words<'_>) {
    words.take();
    if words.peek_is_symbol(b'(') {
        words.skip_parens();
    }
    let host = words
        .peek()
        .is_some_and(|next| next.token == Token::Variable);
    if host || words.eat_symbol(b'@') {
        words.take();
    }
}

/// Takes the words that name a kind of object.
fn object_kind(words: &mut Words<'_>) -> ObjectKind {
    let word = words.next_keyword();
    match word.as_str() {
        "TABLE" => ObjectKind::Table,
        "VIEW" => ObjectKind::View,
        "INDEX" => ObjectKind::Index,
        "SEQUENCE" => ObjectKind::Sequence,
        "TRIGGER" => ObjectKind::Trigger,
        "FUNCTION" => ObjectKind::Function,
        "PROCEDURE" => ObjectKind::Procedure,
        "AGGREGATE" => ObjectKind::Aggregate,
        "TYPE" => ObjectKind::Type,
        "DOMAIN" => ObjectKind::Domain,
        // In MySQL the two are one.
        "SCHEMA" if words.dialect.is_mysql_family() => ObjectKind::Database,
        "SCHEMA" => ObjectKind::Schema,
        "DATABASE" => ObjectKind::Database,
        // `ALTER USER MAPPING FOR …`.
        "USER" if words.eat("MAPPING") => ObjectKind::Other,
        "ROLE" | "USER" | "GROUP" => ObjectKind::Role,
        "EXTENSION" => ObjectKind::Extension,
        "TABLESPACE" => ObjectKind::Tablespace,
        "RULE" => ObjectKind::Rule,
        "POLICY" => ObjectKind::Policy,
        "PUBLICATION" => ObjectKind::Publication,
        "SUBSCRIPTION" => ObjectKind::Subscription,
        "SERVER" => ObjectKind::Server,
        "SYSTEM" => ObjectKind::System,
        "EVENT" if words.eat("TRIGGER") => ObjectKind::Other,
        "EVENT" => ObjectKind::Event,
        "PACKAGE" if words.eat("BODY") => ObjectKind::PackageBody,
        "PACKAGE" => ObjectKind::Package,
        "MATERIALIZED" if words.eat("VIEW") => ObjectKind::MaterializedView,
        "FOREIGN" if words.eat("TABLE") => ObjectKind::ForeignTable,
        // What it is called cannot be read, so neither can anything behind it.
        _ => ObjectKind::Other,
    }
}

/// What repeating CREATE OR REPLACE of cannot lose rows or values by.
fn holds_no_data(object: ObjectKind) -> bool {
    matches!(
        object,
        ObjectKind::View
            | ObjectKind::Trigger
            | ObjectKind::Function
            | ObjectKind::Procedure
            | ObjectKind::Aggregate
            | ObjectKind::Event
            | ObjectKind::Package
            | ObjectKind::PackageBody
            | ObjectKind::Rule
    )
}

fn table_after_on(words: &mut Words<'_>, ddl: &Ddl) -> Option<ObjectName> {
    // `CREATE RULE … AS ON INSERT TO t`: there ON is not the table's.
    let until = if ddl.verb == DdlVerb::Create && ddl.object == ObjectKind::Rule {
        "TO"
    } else {
        "ON"
    };
    while let Some(next) = words.peek() {
        match (next.token, words.keyword(next).as_str()) {
            (Token::Punct(b'('), _) => {
                words.skip_parens();
                continue;
            }
            (_, word) if word == until => {
                words.take();
                words.eat("ONLY");
                return name(words);
            }
            // Behind these a trigger's or event's body begins.
            (_, "BEGIN" | "ROW" | "RENAME") => return None,
            _ => {}
        }
        words.take();
    }
    None
}

/// Whether a CREATE TABLE takes its rows from a query.
fn has_query(words: &mut Words<'_>) -> bool {
    while let Some(next) = words.take() {
        match words.keyword(next).as_str() {
            "SELECT" => return true,
            "AS" if matches!(
                words.peek_keyword().as_str(),
                "VALUES" | "TABLE" | "EXECUTE" | "WITH"
            ) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// Reads an ALTER's actions, separated by commas. Repeating does no harm if each adds what it may find
/// there, or each drops what it may not find.
fn alter_actions(words: &mut Words<'_>, ddl: &mut Ddl) -> bool {
    let (mut adds, mut drops, mut forces, mut others) = (0, 0, 0, 0);
    let mut depth = 0_usize;
    let mut action = Action::default();
    loop {
        let next = words.take();
        let ends = match next.map(|lexeme| (lexeme.token, words.keyword(lexeme))) {
            None => true,
            Some((Token::Punct(b','), _)) => depth == 0,
            Some((Token::Punct(b'('), _)) => {
                depth += 1;
                action.words += 1;
                false
            }
            Some((Token::Punct(b')'), _)) => {
                depth = depth.saturating_sub(1);
                false
            }
            Some((_, keyword)) => {
                if depth == 0 {
                    action.take(keyword.as_str(), ddl);
                }
                false
            }
        };
        if ends {
            match action {
                Action {
                    adds: true,
                    guarded: true,
                    ..
                } => adds += 1,
                Action {
                    drops: true,
                    guarded: true,
                    ..
                } => drops += 1,
                Action {
                    force: true,
                    words: 1,
                    ..
                } => forces += 1,
                _ => others += 1,
            }
            action = Action::default();
        }
        if next.is_none() {
            break;
        }
    }
    let kinds = [adds, drops, forces]
        .iter()
        .filter(|&&count| count > 0)
        .count();
    others == 0 && kinds == 1 && !ddl.concurrently
}

/// One action of an ALTER, between commas.
#[derive(Default)]
struct Action {
    words: usize,
    adds: bool,
    drops: bool,
    force: bool,
    /// IF [NOT] EXISTS is among its first words.
    guarded: bool,
    if_at: Option<usize>,
    detaches: bool,
}

impl Action {
    /// `ADD CONSTRAINT FOREIGN KEY IF NOT EXISTS` is the longest way to it.
    const GUARD_WITHIN: usize = 4;

    fn take(&mut self, word: &str, ddl: &mut Ddl) {
        match word {
            "ADD" if self.words == 0 => self.adds = true,
            "DROP" if self.words == 0 => self.drops = true,
            "FORCE" if self.words == 0 => self.force = true,
            "DETACH" if self.words == 0 => self.detaches = true,
            "CONCURRENTLY" if self.detaches => ddl.concurrently = true,
            "IF" if self.words <= Self::GUARD_WITHIN => self.if_at = Some(self.words),
            "NOT" if self.adds && self.if_at.is_some_and(|at| at + 1 == self.words) => {}
            "EXISTS" => {
                let distance = if self.adds { 2 } else { 1 };
                self.guarded |= self.if_at.is_some_and(|at| at + distance == self.words);
            }
            _ => {}
        }
        self.words += 1;
    }
}

/// `RENAME TABLE a TO b, c TO d`, `RENAME USER …`.
fn rename(words: &mut Words<'_>, ddl: &mut Ddl) {
    words.eat("TABLES");
    if words.peek_keyword().as_str() == "USER" {
        ddl.object = ObjectKind::Role;
        words.skip_rest();
        return;
    }
    words.eat("TABLE");
    ddl.object = ObjectKind::Table;
    if words.eat("IF") {
        ddl.if_exists = words.eat("EXISTS");
    }
    ddl.names.extend(name(words));
    loop {
        if words.eat("TO") {
            ddl.names.extend(name(words));
            continue;
        }
        match words.take() {
            Some(next) if next.token == Token::Punct(b',') => ddl.names.extend(name(words)),
            Some(_) => {}
            None => break,
        }
    }
}

/// Answers whether repeating does no harm.
fn other(words: &mut Words<'_>, ddl: &mut Ddl) -> bool {
    if words.eat("MATERIALIZED") {
        words.eat("VIEW");
        ddl.object = ObjectKind::MaterializedView;
        ddl.concurrently = words.eat("CONCURRENTLY");
        ddl.names.extend(name(words));
        words.skip_rest();
        return true;
    }
    words.skip_rest();
    false
}

/// `moves`: an ALTER says SET TABLESPACE.
fn in_transaction(
    words: &Words<'_>,
    ddl: &Ddl,
    moves: bool,
    normally: InTransaction,
) -> InTransaction {
    use DdlVerb::{Alter, Create, Drop};
    let creates_or_drops = matches!(ddl.verb, Create | Drop);
    match words.dialect.family() {
        Family::Postgres => {
            let refused = match ddl.object {
                ObjectKind::Index => ddl.concurrently,
                ObjectKind::Table => ddl.concurrently,
                ObjectKind::Tablespace => creates_or_drops,
                ObjectKind::Database => creates_or_drops || moves,
                ObjectKind::System => ddl.verb == Alter,
                // CREATE makes a replication slot, DROP drops it, ALTER may refresh: the options that
                // say otherwise are rare.
                ObjectKind::Subscription => creates_or_drops,
                _ => false,
            };
            if refused {
                InTransaction::Refused
            } else {
                normally
            }
        }
        // `CREATE TEMPORARY TABLE` and its DROP are the exception in MySQL's list. MariaDB has temporary sequences, whose
        // CREATE commits.
        Family::Mysql
            if ddl.temporary
                && match ddl.object {
                    ObjectKind::Table => creates_or_drops,
                    ObjectKind::Sequence => ddl.verb == Drop,
                    _ => false,
                } =>
        {
            InTransaction::Allowed
        }
        _ => normally,
    }
}

fn name_list(words: &mut Words<'_>) -> Vec<ObjectName> {
    let mut names = Vec::new();
    while let Some(next) = name(words) {
        names.push(next);
        // The arguments of `DROP FUNCTION f(int), g(text)`.
        if words.peek_is_symbol(b'(') {
            words.skip_parens();
        }
        if !words.eat_symbol(b',') {
            break;
        }
    }
    names
}

/// A name of up to three parts; the last two count.
fn name(words: &mut Words<'_>) -> Option<ObjectName> {
    let mut last = part(words)?;
    let mut schema = None;
    while words.eat_symbol(b'.') {
        schema = Some(std::mem::replace(&mut last, part(words)?));
    }
    Some(ObjectName::new(schema, last))
}

fn part(words: &mut Words<'_>) -> Option<String> {
    let next = words.peek()?;
    let part = unquoted(words, next)?;
    words.take();
    Some(part)
}

fn unquoted(words: &Words<'_>, lexeme: Lexeme) -> Option<String> {
    let text = words.text(lexeme);
    let postgres = words.dialect.family() == Family::Postgres;
    let mut name = match lexeme.token {
        Token::Word if postgres => text.to_ascii_lowercase(),
        Token::Word => text.to_owned(),
        // MySQL's names may begin with a digit.
        Token::Number if words.dialect.is_mysql_family() => text.to_owned(),
        // SQLite takes strings for names where a name must stand, MySQL double quotes under ANSI_QUOTES.
        Token::Text if postgres => return None,
        Token::QuotedName | Token::Text => unquote(text)?,
        _ => return None,
    };
    if postgres {
        name.truncate(name.floor_char_boundary(POSTGRES_NAME));
    }
    Some(name)
}

/// Takes the quotes off and halves the doubled ones.
fn unquote(text: &str) -> Option<String> {
    let mut inner = text.chars();
    let open = inner.next()?;
    let close = inner.next_back()?;
    Some(if open == '[' {
        inner.as_str().to_owned()
    } else {
        let doubled: String = [close, close].iter().collect();
        inner
            .as_str()
            .replace(&doubled, close.encode_utf8(&mut [0; 4]))
    })
}
