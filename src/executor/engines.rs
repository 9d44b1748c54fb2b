//! MySQL and MariaDB: whether a statement that changes rows can share a transaction with its record, which its
//! tables' engines decide.

use std::collections::BTreeSet;

use super::Run;
use crate::backend::Source;
use crate::dialect::engines::{self, Word};
use crate::error::Error;
use crate::prepare::Sql;
use crate::sql::Class;

/// How many names are asked about in one statement.
const CHUNK: usize = 50;

/// Names that are known to lead to no table without transactions.
#[derive(Debug, Default)]
pub(super) struct Harmless(BTreeSet<Word>);

impl<S: Source> Run<'_, S> {
    /// Whether the statement and the record that it is done can be one transaction.
    pub(super) async fn is_atomic(&mut self, statement: &Sql) -> Result<bool, Error> {
        if !statement.can_share_transaction(self.dialect()) {
            // It may change what a name stands for.
            self.harmless.0.clear();
            return Ok(false);
        }
        if !self.dialect().is_mysql_family()
            || !matches!(statement.kind.class(), Class::Dml | Class::Query)
        {
            return Ok(true);
        }
        let mut asked: BTreeSet<Word> = BTreeSet::new();
        let mut names = engines::words(&statement.text);
        loop {
            names.retain(|name| !self.harmless.0.contains(name) && !asked.contains(name));
            if names.is_empty() {
                break;
            }
            let mut behind = BTreeSet::new();
            let all: Vec<Word> = names.iter().cloned().collect();
            for chunk in all.chunks(CHUNK) {
                let query = engines::behind(self.dialect(), &chunk.iter().cloned().collect());
                let rows = self.query(&query).await.map_err(|fault| {
                    self.fault(
                        "looking at the engines of a statement's tables",
                        "The statements before it took effect and stay. Start again: the step goes on",
                        fault,
                    )
                })?;
                for row in rows {
                    match row.as_slice() {
                        [Some(what), ..] if what == "engine" => return Ok(false),
                        [_, Some(code)] => behind.extend(engines::words(code)),
                        _ => {}
                    }
                }
            }
            asked.append(&mut names);
            names = behind;
        }
        self.harmless.0.append(&mut asked);
        Ok(true)
    }
}
