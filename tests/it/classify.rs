//! `sql::classify`, one statement a line.

use limbeck::Dialect::{self, Mariadb, Mysql, Postgres, Sqlite};
use limbeck::sql::{self, Class, Ddl, InTransaction};

const MY: &[Dialect] = &[Mysql, Mariadb];
const PG: &[Dialect] = &[Postgres];
const LITE: &[Dialect] = &[Sqlite];
const ALL: &[Dialect] = &Dialect::ALL;

/// Class, what becomes of a transaction, and whether it is safe to repeat, in one word each.
fn summary(dialect: Dialect, statement: &str) -> String {
    let kind = sql::classify(dialect, statement);
    let class = match kind.class() {
        Class::Transaction(control) => format!("{control:?}"),
        Class::Ddl(ddl) => return format!("{} {}", describe(ddl), rest(&kind)),
        class => format!("{class:?}"),
    };
    format!("{class} {}", rest(&kind))
}

fn rest(kind: &sql::Kind) -> String {
    let transaction = match kind.in_transaction() {
        InTransaction::Allowed => "allowed",
        InTransaction::Refused => "refused",
        InTransaction::Commits => "commits",
        InTransaction::Ignored => "ignored",
        InTransaction::Controls => "controls",
        _ => "unknown",
    };
    let repeat = if kind.is_safe_to_repeat() {
        " again"
    } else {
        ""
    };
    format!("{transaction}{repeat}")
}

fn describe(ddl: &Ddl) -> String {
    let mut words = vec![format!("{:?}:{:?}", ddl.verb, ddl.object)];
    words.extend(ddl.names.iter().map(|name| format!("<{name}>")));
    words.extend(ddl.table.iter().map(|table| format!("on <{table}>")));
    for (said, word) in [
        (ddl.concurrently, "concurrently"),
        (ddl.if_exists, "if-exists"),
        (ddl.if_not_exists, "if-not-exists"),
        (ddl.or_replace, "or-replace"),
        (ddl.temporary, "temporary"),
    ] {
        if said {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

const CASES: &[(&[Dialect], &str, &str)] = &[
    // Transactions
    (ALL, "begin", "Begin controls"),
    (LITE, "BEGIN IMMEDIATE TRANSACTION", "Begin controls"),
    (PG, "begin isolation level read committed", "Begin controls"),
    (
        &[Postgres, Mysql, Mariadb],
        "/* c */ start /* d */ transaction read only",
        "Begin controls",
    ),
    (MY, "begin work", "Begin controls"),
    (ALL, "commit", "Commit controls"),
    (&[Sqlite, Postgres], "end", "Commit controls"),
    (ALL, "rollback", "Rollback controls"),
    (PG, "abort", "Rollback controls"),
    (PG, "rollback and chain", "Rollback controls"),
    (ALL, "savepoint a", "Savepoint allowed"),
    (ALL, "release savepoint a", "Savepoint allowed"),
    (ALL, "rollback to savepoint a", "Savepoint allowed"),
    (
        &[Postgres, Mysql, Mariadb],
        "rollback work to a",
        "Savepoint allowed",
    ),
    (
        &[Sqlite, Postgres],
        "rollback transaction to a",
        "Savepoint allowed",
    ),
    (PG, "prepare transaction 'x'", "TwoPhase controls"),
    (PG, "commit prepared 'x'", "TwoPhase refused"),
    (PG, "prepare x as select 1", "Session allowed"),
    (MY, "xa start 'x'", "TwoPhase controls"),
    (MY, "/*! COMMIT */", "Commit controls"),
    (
        PG,
        "set transaction read only",
        "TransactionSettings allowed",
    ),
    (
        PG,
        "set constraints all deferred",
        "TransactionSettings allowed",
    ),
    (
        MY,
        "set transaction isolation level serializable",
        "TransactionSettings refused",
    ),
    (
        MY,
        "set session transaction read only",
        "TransactionSettings allowed",
    ),
    (MY, "start slave", "Other commits"),
    (MY, "begin not atomic select 1; end", "Procedural unknown"),
    (MY, "if 1 then select 1; end if", "Procedural unknown"),
    // Rows
    (ALL, "select 1", "Query allowed"),
    (
        &[Postgres, Mysql, Mariadb],
        "(select 1) union (select 2)",
        "Query allowed",
    ),
    (ALL, "with a as (select 1) select * from a", "Query allowed"),
    (
        ALL,
        "with a(x) as (select 1) insert into t select * from a",
        "Dml allowed",
    ),
    (
        ALL,
        "with recursive a as (select replace(b, 'x', 'y') from t), c as (select (replace(b, 'x', 'y'))) select * from a",
        "Query allowed",
    ),
    (
        PG,
        "with a as (delete from t returning *) select * from a",
        "Dml allowed",
    ),
    (
        PG,
        "with a as (select 1 for update) select 1 into t",
        "Dml allowed",
    ),
    (PG, "select (select 1) into t", "Dml allowed"),
    (PG, "copy t to stdout", "Dml allowed"),
    (
        PG,
        "merge into t using s on true when matched then delete",
        "Dml allowed",
    ),
    (
        &[Sqlite, Mysql, Mariadb],
        "replace into t values (1)",
        "Dml allowed",
    ),
    (MY, "load data infile 'x' into table t", "Dml allowed"),
    (
        PG,
        "explain (costs off, analyze) delete from t",
        "Dml allowed",
    ),
    (PG, "explain delete from t", "Query allowed"),
    (MY, "analyze format=json update t set a = 1", "Dml allowed"),
    // PostgreSQL
    (PG, "vacuum t", "Maintenance refused again"),
    (PG, "analyze t", "Maintenance allowed again"),
    (PG, "cluster", "Maintenance refused again"),
    (PG, "cluster (verbose)", "Maintenance refused again"),
    (PG, "cluster t using i", "Maintenance allowed again"),
    (PG, "reindex table t", "Maintenance allowed again"),
    (PG, "reindex index concurrently i", "Maintenance refused"),
    (
        PG,
        "reindex (verbose, concurrently) table t",
        "Maintenance refused",
    ),
    (
        PG,
        "reindex (concurrently false) table t",
        "Maintenance allowed again",
    ),
    (PG, "reindex database d", "Maintenance refused again"),
    (PG, "discard all", "Session refused"),
    (PG, "discard temp", "Session allowed"),
    (PG, "set search_path = a", "Session allowed"),
    (PG, "do $$ begin end $$", "Procedural allowed"),
    (PG, "lock table t", "Lock allowed"),
    (PG, "alter system set a = 1", "Alter:System refused"),
    (PG, "create database d", "Create:Database <d> refused"),
    (
        PG,
        "drop database if exists d",
        "Drop:Database <d> if-exists refused again",
    ),
    (
        PG,
        "alter database d set tablespace t",
        "Alter:Database <d> refused",
    ),
    (
        PG,
        "alter database d set a = 1",
        "Alter:Database <d> allowed",
    ),
    (
        PG,
        "create tablespace t location '/x'",
        "Create:Tablespace <t> refused",
    ),
    (
        PG,
        "create unique index concurrently if not exists \"I\"\"x\" on only S.T (a)",
        "Create:Index <I\"x> on <s.t> concurrently if-not-exists refused",
    ),
    (PG, "create index on t (a)", "Create:Index on <t> allowed"),
    (
        PG,
        "create index concurrently on t (a)",
        "Create:Index on <t> concurrently refused",
    ),
    (
        PG,
        "drop index concurrently if exists s.i",
        "Drop:Index <s.i> concurrently if-exists refused again",
    ),
    (
        PG,
        "alter table t detach partition p concurrently",
        "Alter:Table <t> concurrently refused",
    ),
    (
        PG,
        "alter table t detach partition p",
        "Alter:Table <t> allowed",
    ),
    (
        PG,
        "alter table if exists only \"A\".b add column c int",
        "Alter:Table <A.b> if-exists allowed",
    ),
    (
        PG,
        "alter type x add value if not exists 'v'",
        "Alter:Type <x> allowed again",
    ),
    (
        PG,
        "refresh materialized view concurrently v",
        "Other:MaterializedView <v> concurrently allowed again",
    ),
    (
        PG,
        "create subscription s connection 'x' publication p",
        "Create:Subscription <s> refused",
    ),
    (
        PG,
        "create or replace function s.f(a int) returns int language sql as $$ select 1 $$",
        "Create:Function <s.f> or-replace allowed again",
    ),
    (
        PG,
        "create or replace trigger t after update of a, b on s.x for each row execute function f()",
        "Create:Trigger <t> on <s.x> or-replace allowed again",
    ),
    (
        PG,
        "create materialized view if not exists v as select 1",
        "Create:MaterializedView <v> if-not-exists allowed again",
    ),
    (
        PG,
        "create unlogged table abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijéxyz (a int)",
        "Create:Table <abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghij> allowed",
    ),
    (
        PG,
        "drop function f(int, text), g()",
        "Drop:Function <f> <g> allowed",
    ),
    (
        PG,
        "create rule r as on insert to t do nothing",
        "Create:Rule <r> on <t> allowed",
    ),
    (
        PG,
        "create policy p on t",
        "Create:Policy <p> on <t> allowed",
    ),
    (
        PG,
        "create event trigger e on ddl_command_end execute function f()",
        "Create:Other allowed",
    ),
    (
        PG,
        "comment on table a.b is 'x'",
        "Comment:Table <a.b> allowed again",
    ),
    (
        PG,
        "truncate table only a, b cascade",
        "Truncate:Table <a> <b> allowed",
    ),
    (PG, "grant select on t to r", "Grant:Other allowed again"),
    (PG, "create table t as select 1", "Create:Table <t> allowed"),
    (
        PG,
        "create table if not exists t (a int, b text)",
        "Create:Table <t> if-not-exists allowed again",
    ),
    // SQLite
    (LITE, "vacuum into 'x'", "Maintenance refused again"),
    (LITE, "attach 'x' as y", "Session allowed"),
    (LITE, "detach y", "Session refused"),
    (LITE, "pragma foreign_keys", "Session allowed"),
    (LITE, "pragma main.foreign_keys = off", "Session ignored"),
    (LITE, "PRAGMA journal_mode(WAL)", "Session refused"),
    (LITE, "PRAGMA journal_mode", "Session allowed"),
    (LITE, "PRAGMA hard_heap_limit = 1000", "Process allowed"),
    (LITE, "PRAGMA main.soft_heap_limit(1000)", "Process allowed"),
    (
        LITE,
        "PRAGMA temp_store_directory = '/x'",
        "Process allowed",
    ),
    (LITE, "PRAGMA hard_heap_limit", "Session allowed"),
    (MY, "flush tables with read lock", "Lock commits"),
    (
        MY,
        "FLUSH NO_WRITE_TO_BINLOG TABLES a, b WITH READ LOCK",
        "Lock commits",
    ),
    (MY, "flush local table a for export", "Lock commits"),
    (MY, "flush tables a, b", "Other commits"),
    (MY, "lock instance for backup", "Lock allowed"),
    (MY, "unlock instance", "Lock allowed"),
    (MY, "drop prepare s", "Session allowed"),
    (
        &[Mysql],
        "cache index t in hot",
        "Maintenance commits again",
    ),
    (
        &[Mariadb],
        "cache index t in hot",
        "Maintenance allowed again",
    ),
    (
        &[Mariadb],
        "load index into cache t",
        "Maintenance allowed again",
    ),
    (MY, "reset persist if exists x", "Other allowed"),
    (MY, "reset binary logs and gtids", "Other commits"),
    (LITE, "pragma synchronous = off", "Session refused"),
    (LITE, "pragma user_version = 3", "Session allowed"),
    (
        LITE,
        "create virtual table if not exists [a b].`c` using fts5(x)",
        "Create:Table <a b.c> if-not-exists allowed again",
    ),
    (
        LITE,
        "create temp trigger if not exists t instead of update of a on v begin select 1; end",
        "Create:Trigger <t> on <v> if-not-exists temporary allowed again",
    ),
    (
        LITE,
        "create table 'x''y' (a)",
        "Create:Table <x'y> allowed",
    ),
    (
        LITE,
        "drop table if exists \"t\"",
        "Drop:Table <t> if-exists allowed again",
    ),
    (LITE, "alter table t rename to u", "Alter:Table <t> allowed"),
    // MySQL and MariaDB
    (
        MY,
        "create table a.`b` (c int)",
        "Create:Table <a.b> commits",
    ),
    (
        MY,
        "create temporary table t (a int)",
        "Create:Table <t> temporary allowed",
    ),
    (
        MY,
        "drop temporary table t",
        "Drop:Table <t> temporary allowed",
    ),
    (
        MY,
        "create table if not exists t select 1",
        "Create:Table <t> if-not-exists commits",
    ),
    (
        MY,
        "create table if not exists t (a int) partition by range (a) (partition p values less than (3))",
        "Create:Table <t> if-not-exists commits again",
    ),
    (
        MY,
        "create or replace table t (a int)",
        "Create:Table <t> or-replace commits",
    ),
    (
        MY,
        "create or replace algorithm = merge definer = `a`@`b` sql security invoker view v as select 1",
        "Create:View <v> or-replace commits again",
    ),
    (
        MY,
        "create definer = root@localhost procedure d.p() begin end",
        "Create:Procedure <d.p> commits",
    ),
    (
        MY,
        "create or replace aggregate function f(a int) returns int return 1",
        "Create:Function <f> or-replace commits again",
    ),
    (
        MY,
        "create event if not exists e on schedule every 1 day do select 1",
        "Create:Event <e> if-not-exists commits again",
    ),
    (
        MY,
        "create fulltext index i on t (a)",
        "Create:Index <i> on <t> commits",
    ),
    (MY, "drop index i on d.t", "Drop:Index <i> on <d.t> commits"),
    (MY, "drop table a, b", "Drop:Table <a> <b> commits"),
    (
        MY,
        "drop table if exists a, b",
        "Drop:Table <a> <b> if-exists commits again",
    ),
    (
        MY,
        "create trigger t before insert on x for each row set @a = 1",
        "Create:Trigger <t> on <x> commits",
    ),
    (
        MY,
        "create schema if not exists d",
        "Create:Database <d> if-not-exists commits again",
    ),
    (MY, "alter table t force", "Alter:Table <t> commits again"),
    (
        MY,
        "alter table t force, add column a int",
        "Alter:Table <t> commits",
    ),
    (
        MY,
        "alter table t add column if not exists a decimal(3, 2), add index if not exists (b)",
        "Alter:Table <t> commits again",
    ),
    (
        MY,
        "alter table t add column if not exists a int, add column b int",
        "Alter:Table <t> commits",
    ),
    (
        MY,
        "alter table t drop column if exists a, add column if not exists a int",
        "Alter:Table <t> commits",
    ),
    (
        MY,
        "alter table t drop column if exists a",
        "Alter:Table <t> commits again",
    ),
    (
        MY,
        "alter table t auto_increment = 5",
        "Alter:Table <t> commits",
    ),
    (
        MY,
        "alter table if exists t add column a int",
        "Alter:Table <t> if-exists commits",
    ),
    (
        MY,
        "create table /*!32312 if not exists */ t (a int)",
        "Create:Table <t> if-not-exists commits",
    ),
    (
        MY,
        "rename table a to b, `c`.d to e",
        "Rename:Table <a> <b> <c.d> <e> commits",
    ),
    (MY, "truncate t", "Truncate:Table <t> commits"),
    (MY, "grant all on *.* to u", "Grant:Other commits again"),
    (MY, "revoke all on *.* from u", "Revoke:Other commits"),
    (
        MY,
        "alter sequence s restart 5",
        "Alter:Sequence <s> commits",
    ),
    (MY, "analyze table t", "Maintenance commits again"),
    (
        MY,
        "optimize no_write_to_binlog table t",
        "Maintenance commits again",
    ),
    (MY, "/*!40101 analyze table t */", "Maintenance commits"),
    (MY, "lock tables t write", "Lock commits"),
    (MY, "flush tables", "Other commits"),
    (MY, "set password for u = 'x'", "Alter:Role commits"),
    (MY, "set default role none for u", "Alter:Role commits"),
    (MY, "set a = 1, autocommit = 1", "Session commits"),
    (MY, "set @@session.autocommit = 1", "Session commits"),
    (
        MY,
        "set global autocommit = 1, @autocommit = 2",
        "Session allowed",
    ),
    (
        MY,
        "set statement max_statement_time = 1 for create table t (a int)",
        "Create:Table <t> commits",
    ),
    (MY, "call p()", "Procedural unknown"),
    (MY, "do sleep(1)", "Procedural allowed"),
    (MY, "use d", "Session allowed"),
    (ALL, "frobnicate", "Other unknown"),
    (ALL, "", "Other unknown"),
    (&[Sqlite, Postgres], "create", "Create:Other allowed"),
];

#[test]
fn cases() {
    let mut wrong = Vec::new();
    for (dialects, statement, expected) in CASES {
        for &dialect in *dialects {
            let found = summary(dialect, statement);
            if found != *expected {
                wrong.push(format!(
                    "{dialect}: {statement}\n  expected {expected}\n  found    {found}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
