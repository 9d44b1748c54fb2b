//! What a step is asked besides its SQL: `@require`, `@verify`, and a user's code.

use super::error::{RunError, StatementError, Violation};
use super::message::{Message, Origin};
use super::transactional::ROLLED_BACK;
use super::{Fault, Run};
use crate::backend::{Class, Source};
use crate::dialect::{Dialect, session};
use crate::error::Error;
use crate::ledger::write;
use crate::plan::Step;
use crate::prepare::{Check, Prepared, Work};
use crate::sql;

/// How many rows of a violated check are shown.
const SHOWN_ROWS: usize = 5;

impl<S: Source> Run<'_, S> {
    /// Runs statements whose rows are violations.
    pub(super) async fn check(
        &mut self,
        prepared: &Prepared,
        check: &'static str,
        asked: &Check,
    ) -> Result<(), Error> {
        let statements = &asked.statements;
        if statements.is_empty() {
            return Ok(());
        }
        let mut message = self.message(Some(&prepared.step.revision));
        if let Some(lease) = &self.lease {
            // What it finds may be another's work by now.
            message.own(&write::fence(&self.names, &self.claim(lease.epoch)));
        }
        self.push_check_limits(&mut message, prepared, asked);
        for (number, statement) in statements.iter().enumerate() {
            let origin = Origin {
                step: 0,
                statement: number,
            };
            message.of_revision(&statement.text, origin);
        }
        self.push_check_end(&mut message, prepared, asked);
        if asked.statement_timeout.is_some() {
            self.limit_session(asked.statement_timeout).await?;
        }
        let sent = self.session.send(&message, SHOWN_ROWS).await;
        if asked.statement_timeout.is_some() {
            self.limit_session(None).await?;
        }
        let state = match (check, prepared.is_transactional(self.dialect())) {
            ("@require", _) => "Nothing of the step was run. Correct the data and start again",
            (_, true) => {
                "The step was rolled back: the database is as it was before it. Correct the data or \
                          the file and start again"
            }
            (_, false) => {
                "The step's statements took effect and stay, the head was not moved. Correct the data \
                           and start again: only the check is left"
            }
        };
        // Nothing was committed before or by a check.
        let lost = match (check, prepared.is_transactional(self.dialect())) {
            ("@require", _) => "Nothing of the step was run. Start again",
            (_, true) => {
                "The step was not committed: the database is as it was before it. Start again"
            }
            (_, false) => {
                "The step's statements took effect and stay, the head was not moved. Start again: only the check is \
                 left"
            }
        };
        let results = match sent {
            Ok(results) => results,
            Err(fault) => {
                let blame = message.blame(fault.completed, fault.failure.position);
                let is_lost = fault.failure.class == Class::Connection;
                let Some(blame) = blame.filter(|_| !is_lost) else {
                    if fault.failure.class == Class::Guard {
                        return Err(self.bookkeeping(prepared, fault));
                    }
                    let state = if is_lost { lost } else { state };
                    let during = format!("running {check} of revision {}", prepared.step.revision);
                    return Err(self.fault(during, state, fault));
                };
                let as_checks = Prepared {
                    work: Work::Transaction(statements.to_vec()),
                    ..prepared.clone()
                };
                let (number, offset) = (blame.origin.statement, blame.offset);
                return Err(statement_error(
                    &as_checks,
                    number,
                    offset,
                    fault,
                    state.to_owned(),
                ));
            }
        };
        for (index, result) in results.into_iter().enumerate() {
            let Some(origin) = message.origin(index) else {
                continue;
            };
            let statement = &statements[origin.statement];
            if !result.rows.is_empty() {
                return Err(RunError::Violation(Box::new(Violation {
                    revision: prepared.step.revision.to_string(),
                    check,
                    path: prepared.path.clone(),
                    line: statement.line,
                    column: statement.column,
                    statement: statement.text.clone(),
                    columns: result.columns,
                    rows: result.rows,
                    state: state.to_owned(),
                }))
                .into());
            }
        }
        Ok(())
    }

    /// The time-outs of a check's section, for its statements alone.
    fn push_check_limits(&self, message: &mut Message, prepared: &Prepared, asked: &Check) {
        let dialect = self.dialect();
        let limits = asked.limits(dialect);
        // `SET LOCAL` wants a transaction.
        if dialect == Dialect::Postgres && !prepared.is_transactional(dialect) && !limits.is_empty()
        {
            message.own("BEGIN");
        }
        message.own_all(&limits);
    }

    fn push_check_end(&self, message: &mut Message, prepared: &Prepared, asked: &Check) {
        let dialect = self.dialect();
        if asked.limits(dialect).is_empty() {
            return;
        }
        match dialect {
            Dialect::Postgres if !prepared.is_transactional(dialect) => message.commit(),
            Dialect::Postgres => {
                message.own("SET LOCAL lock_timeout TO DEFAULT");
                message.own("SET LOCAL statement_timeout TO DEFAULT");
            }
            Dialect::Mysql | Dialect::Mariadb => {
                message.own_all(&session::mysql_end_limits(dialect))
            }
            Dialect::Sqlite => {}
        }
    }

    /// PostgreSQL: lets the server show who runs a function of the user's, whose own statements bear no marker.
    pub(super) async fn show_in_session(&mut self, step: &Step) -> Result<(), Error> {
        if self.dialect() != Dialect::Postgres {
            return Ok(());
        }
        let mut message = self.message(Some(&step.revision));
        // Behind a pooler this session may have statements of that name from another client's code.
        message.own(session::FORGET_STATEMENTS);
        message.own(&session::show_run(&self.actor, &step.revision));
        let shown = self.send(&message).await;
        shown
            .map(drop)
            .map_err(|f| self.fault("naming the session", ROLLED_BACK, f))
    }

    /// Runs the registered function of a `rust` section on the step's connection.
    pub(super) async fn call_code(&mut self, step: &Step, state: &str) -> Result<(), Error> {
        let key = (step.revision.to_string(), step.action);
        let registry = self.registry;
        let registered = registry
            .get(&key)
            .expect("a plan whose code is missing is refused");
        (registered.code)(self.session.connection())
            .await
            .map_err(|source| {
                let (revision, action) = key;
                RunError::Code {
                    revision,
                    action,
                    state: state.to_owned(),
                    source,
                }
                .into()
            })
    }

    /// A function that ended the step's transaction would have its work committed without the bookkeeping.
    pub(super) async fn check_still_inside(&mut self, step: &Step) -> Result<(), Error> {
        let mut message = self.message(None);
        let is_inside = match self.dialect() {
            Dialect::Postgres => {
                message.own(&session::holds_lock(&self.names, &self.server));
                let held = self.send(&message).await;
                let held = held
                    .map_err(|f| self.fault("looking at the step's transaction", ROLLED_BACK, f))?;
                held.first().is_some_and(|result| !result.rows.is_empty())
            }
            _ => {
                message.own("BEGIN");
                self.send(&message)
                    .await
                    .is_err_and(|f| f.failure.class == Class::InTransaction)
            }
        };
        if is_inside {
            return Ok(());
        }
        Err(RunError::Code {
            revision: step.revision.to_string(),
            action: step.action,
            state: "What it committed stays, the head was not moved. Let it neither commit nor roll back: \
                    limbeck does that"
                .to_owned(),
            source: "the code ended the transaction that it was given".into(),
        }
        .into())
    }
}

/// What went on when a connection was lost.
pub(super) fn running(prepared: &Prepared, number: usize) -> String {
    let place = prepared
        .statements()
        .get(number)
        .map_or(String::new(), |statement| {
            format!(" ({}:{})", prepared.path, statement.line)
        });
    format!(
        "running statement {} of revision {}{place}",
        number + 1,
        prepared.step.revision
    )
}

/// The error of one statement of a section, with its place in the file.
pub(super) fn statement_error(
    prepared: &Prepared,
    number: usize,
    offset: Option<usize>,
    fault: Fault,
    state: String,
) -> Error {
    let statements = prepared.statements();
    let statement = &statements[number];
    let offset = offset
        .filter(|offset| *offset <= statement.text.len())
        .unwrap_or(0);
    let (line, column) = sql::position(&statement.text, offset);
    RunError::Statement(Box::new(StatementError {
        revision: prepared.step.revision.to_string(),
        action: prepared.step.action,
        path: prepared.path.clone(),
        line: statement.line + line - 1,
        column: if line == 1 {
            statement.column + column - 1
        } else {
            column
        },
        number: number + 1,
        total: statements.len(),
        statement: statement.text.clone(),
        code: fault.failure.code,
        message: fault.failure.message,
        detail: fault.failure.detail,
        hint: fault.failure.hint,
        blockers: fault.blockers,
        state,
        source: fault.source,
    }))
    .into()
}
