//! `sql::split` and `sql::classify` from outside, SQLite's own idea of a complete statement included.

use limbeck::Dialect::{self, Mariadb, Mysql, Postgres, Sqlite};
use limbeck::sql::{self, SplitErrorKind, Statement};
use proptest::prelude::*;

fn texts(dialect: Dialect, text: &str) -> Vec<&str> {
    sql::split(dialect, text)
        .unwrap_or_else(|error| panic!("{dialect}: {text}: {error}"))
        .iter()
        .map(Statement::text)
        .collect()
}

/// What must hold of every split, whatever the text.
fn check(dialect: Dialect, text: &str) {
    let Ok(statements) = sql::split(dialect, text).inspect_err(|error| {
        assert!(text.is_char_boundary(error.offset()), "{text:?}");
        assert!(error.offset() < text.len(), "{text:?}");
    }) else {
        return;
    };
    let joined: String = statements.iter().map(Statement::piece).collect();
    if statements.is_empty() {
        return;
    }
    assert_eq!(joined, text, "{dialect}: the pieces are the text");
    let mut end = 0;
    for statement in statements {
        assert_eq!(statement.piece_span().start, end);
        end = statement.piece_span().end;
        let (span, piece) = (statement.span(), statement.piece_span());
        assert!(piece.start <= span.start && span.start < span.end && span.end <= piece.end);
        assert_eq!(statement.text(), &text[span]);
        assert_eq!(
            statement.text(),
            statement.text().trim_matches([' ', '\n', '\t', '\r'])
        );
        let _ = sql::classify(dialect, statement.text());
    }
}

const MAIN: &[(&[Dialect], &str, &[&str])] = &[
    (&Dialect::ALL, "", &[]),
    (&Dialect::ALL, " \n-- only\n/* this */ ;;", &[]),
    (&Dialect::ALL, "select 1", &["select 1"]),
    (
        &Dialect::ALL,
        "-- a;\nselect 1 -- b;\n; /* c; */ select 2 /* d */;\n-- e;",
        &["select 1", "select 2"],
    ),
    (
        &Dialect::ALL,
        "select ';', 'it''s;';select 2",
        &["select ';', 'it''s;'", "select 2"],
    ),
    (
        &Dialect::ALL,
        "select 1 as begin; select 2 as x",
        &["select 1 as begin", "select 2 as x"],
    ),
    (
        &Dialect::ALL,
        "begin; insert into t values (1); end; select 1",
        &["begin", "insert into t values (1)", "end", "select 1"],
    ),
    // Read as the one setting of the server's has it under which the text can be right.
    (
        &[Mysql, Mariadb],
        "insert into t values ('C:\\');insert into t values (\"D:\\\")",
        &[
            "insert into t values ('C:\\')",
            "insert into t values (\"D:\\\")",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "insert into t values ('C:\\');insert into t values ('D:\\')",
        &[
            "insert into t values ('C:\\')",
            "insert into t values ('D:\\')",
        ],
    ),
    (
        &[Postgres, Mysql, Mariadb],
        "select 'it\\'s; x', 'that\\'s';select 2",
        &["select 'it\\'s; x', 'that\\'s'", "select 2"],
    ),
    // Sound under both settings: the default holds.
    (
        &[Mysql, Mariadb],
        "select 'it\\'s';-- don't\nselect 'x'",
        &["select 'it\\'s'", "select 'x'"],
    ),
    (
        &[Sqlite, Postgres],
        "select 'C:\\';-- don't\nselect 'x'",
        &["select 'C:\\'", "select 'x'"],
    ),
    (
        &[Mysql, Mariadb],
        "select \\N;select 'a\\\\'",
        &["select \\N", "select 'a\\\\'"],
    ),
    (
        &[Postgres],
        "-- a\rselect 1;-- b\x0cselect 2\rselect 3",
        &["select 1", "select 3"],
    ),
    (
        &[Sqlite, Mysql, Mariadb],
        "-- a\rselect 1;-- b\x0cselect 2\n;select 3",
        &["select 3"],
    ),
    (
        &[Sqlite, Postgres],
        "select \"a\"\";\" ; 2",
        &["select \"a\"\";\"", "2"],
    ),
    (
        &[Sqlite, Mysql, Mariadb],
        "select `a``;`;2",
        &["select `a``;`", "2"],
    ),
    (
        &[Sqlite, Mysql, Mariadb],
        "/* a /* b */ select 1; 2",
        &["select 1", "2"],
    ),
    (&[Sqlite, Postgres], "select '\\';2", &["select '\\'", "2"]),
    (&[Sqlite, Postgres], "select 1--1;\n;2", &["select 1", "2"]),
    // SQLite
    (&[Sqlite], "select [a;'b]; 2", &["select [a;'b]", "2"]),
    (&[Sqlite], "select 1; /* to the end; '", &["select 1"]),
    (
        &[Sqlite],
        "create trigger t after insert on a begin update a set b = case when b > 1 then 2 else 3 end; select 1; end; select 2",
        &[
            "create trigger t after insert on a begin update a set b = case when b > 1 then 2 else 3 end; select 1; end",
            "select 2",
        ],
    ),
    (
        &[Sqlite],
        "CREATE TEMP TRIGGER t BEFORE DELETE ON \"end\" BEGIN SELECT 'x; end;'; /* ; */ END -- c\n; select 2;",
        &[
            "CREATE TEMP TRIGGER t BEFORE DELETE ON \"end\" BEGIN SELECT 'x; end;'; /* ; */ END",
            "select 2",
        ],
    ),
    (
        &[Sqlite],
        "explain query plan create trigger t after insert on a begin select 1; end; 2",
        &[
            "explain query plan create trigger t after insert on a begin select 1; end",
            "2",
        ],
    ),
    (
        &[Sqlite],
        "create table trigger_log (a); create view v as select 1; drop trigger t; create index i on t(a);",
        &[
            "create table trigger_log (a)",
            "create view v as select 1",
            "drop trigger t",
            "create index i on t(a)",
        ],
    ),
    // PostgreSQL
    (
        &[Postgres],
        "select $$;$$; select $a$ $$;$b$ $a$; select a$b$c; select $1;select 4",
        &[
            "select $$;$$",
            "select $a$ $$;$b$ $a$",
            "select a$b$c",
            "select $1",
            "select 4",
        ],
    ),
    (
        &[Postgres],
        "select $é$;$é$, $a$x;$ab$a$;2",
        &["select $é$;$é$, $a$x;$ab$a$", "2"],
    ),
    (
        &[Postgres],
        "select E'\\';', e'\\\\'; select xe'\\'; 2",
        &["select E'\\';', e'\\\\'", "select xe'\\'", "2"],
    ),
    (
        &[Postgres],
        "select E'a' -- c '\n 'b\\';'; 2",
        &["select E'a' -- c '\n 'b\\';'", "2"],
    ),
    (
        &[Postgres],
        "select E'a' 'b\\'; 2",
        &["select E'a' 'b\\'", "2"],
    ),
    (
        &[Postgres],
        "select U&'\\0041' uescape '!', U&\"a;\", b'1', N';'; 2",
        &["select U&'\\0041' uescape '!', U&\"a;\", b'1', N';'", "2"],
    ),
    (
        &[Postgres],
        "select 1 /* a /* ; */ ; */; 2",
        &["select 1", "2"],
    ),
    (
        &[Postgres],
        "select 2*/*;*/3; select 1-- ;\n; select '[1;2]'::jsonb[1]",
        &["select 2*/*;*/3", "select 1", "select '[1;2]'::jsonb[1]"],
    ),
    (
        &[Postgres],
        "create rule r as on insert to t do also (insert into l values (1); delete from m); select 1",
        &[
            "create rule r as on insert to t do also (insert into l values (1); delete from m)",
            "select 1",
        ],
    ),
    (
        &[Postgres],
        "create or replace function f(a int) returns int begin atomic select case when a > 1 then (select case a when 2 then 3 end) end as end; select t.case from t; end; select 1",
        &[
            "create or replace function f(a int) returns int begin atomic select case when a > 1 then (select case a when 2 then 3 end) end as end; select t.case from t; end",
            "select 1",
        ],
    ),
    (
        &[Postgres],
        "create procedure p() begin atomic end; begin; end; 3",
        &["create procedure p() begin atomic end", "begin", "end", "3"],
    ),
    (
        &[Postgres],
        "create function f() returns int language plpgsql as $f$ begin return 1; end $f$; 2",
        &[
            "create function f() returns int language plpgsql as $f$ begin return 1; end $f$",
            "2",
        ],
    ),
    (
        &[Postgres],
        "copy t to stdout; copy (select a from stdin) to '/x'; 3",
        &[
            "copy t to stdout",
            "copy (select a from stdin) to '/x'",
            "3",
        ],
    ),
    // MySQL and MariaDB
    (
        &[Mysql, Mariadb],
        "select '\\';', \"\\\";\"; select 1--1; # c;\nselect 2 -- c;\n;3",
        &["select '\\';', \"\\\";\"", "select 1--1", "select 2", "3"],
    ),
    (
        &[Mysql, Mariadb],
        "/*!40101 SET NAMES utf8 */; select /* ; */ 1 /*! + 2 */; 3",
        &[
            "/*!40101 SET NAMES utf8 */",
            "select /* ; */ 1 /*! + 2 */",
            "3",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "/*M!999999\\- enable the sandbox mode */ \nselect 1",
        &["select 1"],
    ),
    (
        &[Mysql, Mariadb],
        "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @x=1; SET @y=2; END */; select 1",
        &[
            "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @x=1; SET @y=2; END */",
            "select 1",
        ],
    ),
    (
        &[Mariadb],
        "/*!50701 it's /* not */ ; for MariaDB */ select 1; 2",
        &["select 1", "2"],
    ),
    (
        &[Mysql],
        "/*!50701 select 1 */; /*M! it's a comment */ 2",
        &["/*!50701 select 1 */", "2"],
    ),
    (
        &[Mysql, Mariadb],
        "select @`a;b`, @a.b, @@x, u@'h;'; 2",
        &["select @`a;b`, @a.b, @@x, u@'h;'", "2"],
    ),
    (
        &[Mysql, Mariadb],
        "DELIMITER //\nselect 1; select 2//\nselect 3\n//\ndelimiter ;\nselect 4;5",
        &["select 1; select 2", "select 3", "select 4", "5"],
    ),
    (
        &[Mysql, Mariadb],
        "DELIMITER $$\ncreate procedure p() begin select '$$'; end$$ /* $$ */ select `$$`$$\nDELIMITER ;",
        &["create procedure p() begin select '$$'; end", "select `$$`"],
    ),
    (
        &[Mysql, Mariadb],
        "delimiter ';;' rest\nselect 1;;\ndelimiter go\nselect gone, category; go select 2",
        &["select 1", "select gone, category;", "select 2"],
    ),
    (
        &[Mysql, Mariadb],
        "create table t (\ndelimiter int); select delimiter from t",
        &[
            "create table t (\ndelimiter int)",
            "select delimiter from t",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create trigger t before insert on a for each row set new.b = if(new.b > 1, 2, 3); select 1",
        &[
            "create trigger t before insert on a for each row set new.b = if(new.b > 1, 2, 3)",
            "select 1",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create definer = `a`@`b` trigger t before insert on a for each row follows `begin` if new.b > 1 then set @a = 1; else set @a = 2; end if; select 1",
        &[
            "create definer = `a`@`b` trigger t before insert on a for each row follows `begin` if new.b > 1 then set @a = 1; else set @a = 2; end if",
            "select 1",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create procedure p(a int, in b varchar(3)) comment 'x;' main: begin declare end int default 1; declare exit handler for sqlexception, not found begin select 1; end; \
        lp: loop set a = a + 1; if a > 3 then leave lp; elseif a = 2 then iterate lp; end if; end loop lp; \
        repeat set a = repeat('x', 3); until a > case when end > 1 then end else 2 end end repeat; \
        while if(a, 1, 0) do set a = 1; end while; \
        case a when 1 then select case when 1 then 2 end; else begin end; end case; \
        drop table if exists x; select begin, end from t; update t set end = 3; end main; select 9",
        &[
            "create procedure p(a int, in b varchar(3)) comment 'x;' main: begin declare end int default 1; declare exit handler for sqlexception, not found begin select 1; end; \
        lp: loop set a = a + 1; if a > 3 then leave lp; elseif a = 2 then iterate lp; end if; end loop lp; \
        repeat set a = repeat('x', 3); until a > case when end > 1 then end else 2 end end repeat; \
        while if(a, 1, 0) do set a = 1; end while; \
        case a when 1 then select case when 1 then 2 end; else begin end; end case; \
        drop table if exists x; select begin, end from t; update t set end = 3; end main",
            "select 9",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create function f(a int) returns set('x') deterministic no sql return a is null; create procedure p() drop table if exists t; create procedure if not exists q() truncate t; 4",
        &[
            "create function f(a int) returns set('x') deterministic no sql return a is null",
            "create procedure p() drop table if exists t",
            "create procedure if not exists q() truncate t",
            "4",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create function f(a int) returns varchar(9) character set utf8mb4 if a then return 1; else return 2; end if; 2",
        &[
            "create function f(a int) returns varchar(9) character set utf8mb4 if a then return 1; else return 2; end if",
            "2",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create event e on schedule every if(1, 2, 3) day starts now() on completion preserve do begin delete from t; end; alter event e do begin select 1; end; drop event e",
        &[
            "create event e on schedule every if(1, 2, 3) day starts now() on completion preserve do begin delete from t; end",
            "alter event e do begin select 1; end",
            "drop event e",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "begin work; select 1; commit; start transaction; xa end 'x'; select case 1 when 1 then 2 end for update; select 7",
        &[
            "begin work",
            "select 1",
            "commit",
            "start transaction",
            "xa end 'x'",
            "select case 1 when 1 then 2 end for update",
            "select 7",
        ],
    ),
    (
        &[Mysql],
        "create function j() returns int language javascript as $$ let a = 1; return a; $$; 2",
        &[
            "create function j() returns int language javascript as $$ let a = 1; return a; $$",
            "2",
        ],
    ),
    (
        &[Mysql],
        "create procedure j() language javascript as $1$ a(';$$;'); $1$; create function k() returns int language javascript as /*!80400 $$ ; $$ */; select 1 as $1; select 2 as $1",
        &[
            "create procedure j() language javascript as $1$ a(';$$;'); $1$",
            "create function k() returns int language javascript as /*!80400 $$ ; $$ */",
            "select 1 as $1",
            "select 2 as $1",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create procedure p() (select 1 as a) order by if(a, 1, 2); create procedure q() comment ';' ((with a as (select 1) table a) union values (1)) order by repeat('a;', 2); 3",
        &[
            "create procedure p() (select 1 as a) order by if(a, 1, 2)",
            "create procedure q() comment ';' ((with a as (select 1) table a) union values (1)) order by repeat('a;', 2)",
            "3",
        ],
    ),
    (
        &[Mariadb],
        "begin not atomic declare a int default 1; for i in 1..2 do select i; end for; for r in (select 1 for update) do select r.x; end for; end; if 1 then select 1; end if; while 0 do select 1; end while; set statement max_statement_time=1 for begin not atomic select 1; end; 5",
        &[
            "begin not atomic declare a int default 1; for i in 1..2 do select i; end for; for r in (select 1 for update) do select r.x; end for; end",
            "if 1 then select 1; end if",
            "while 0 do select 1; end while",
            "set statement max_statement_time=1 for begin not atomic select 1; end",
            "5",
        ],
    ),
    (
        &[Mariadb],
        "create or replace package body p as x int := 1; function f return int as y int; begin return y; end; procedure q as begin if x > 1 then select 1; end if; end; begin select 1; end; create package p as function f return int; procedure q; end; 3",
        &[
            "create or replace package body p as x int := 1; function f return int as y int; begin return y; end; procedure q as begin if x > 1 then select 1; end if; end; begin select 1; end",
            "create package p as function f return int; procedure q; end",
            "3",
        ],
    ),
    (
        &[Mariadb],
        "create procedure p as a int; begin for i in 1..2 loop select i; end loop; <<l>> while 1 loop exit l; end loop; exception when others then if 1 then select 1; end if; end; 2",
        &[
            "create procedure p as a int; begin for i in 1..2 loop select i; end loop; <<l>> while 1 loop exit l; end loop; exception when others then if 1 then select 1; end if; end",
            "2",
        ],
    ),
    // Each of these goes wrong if one rule is left out.
    (
        &[Mysql, Mariadb],
        "create procedure p() begin select case when 1 = end then if(1, 2, 3) else 2 end; select 3; end; 9",
        &[
            "create procedure p() begin select case when 1 = end then if(1, 2, 3) else 2 end; select 3; end",
            "9",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create procedure p() begin case a when 1 then select 1; end case; end; 9",
        &[
            "create procedure p() begin case a when 1 then select 1; end case; end",
            "9",
        ],
    ),
    (
        &[Mysql, Mariadb],
        "create trigger t before insert on a for each row follows close if new.b > 1 then select 1; end if; 9",
        &[
            "create trigger t before insert on a for each row follows close if new.b > 1 then select 1; end if",
            "9",
        ],
    ),
    (
        &[Mariadb],
        "create function f(a int) return int as y int; begin return y; end; 9",
        &[
            "create function f(a int) return int as y int; begin return y; end",
            "9",
        ],
    ),
];

#[test]
fn cases() {
    for (dialects, text, expected) in MAIN {
        for &dialect in *dialects {
            assert_eq!(&texts(dialect, text), expected, "{dialect}: {text}");
            check(dialect, text);
        }
    }
}

#[test]
fn what_is_never_closed_is_an_error_at_its_opener() {
    use SplitErrorKind as K;
    let command = |name: &str| K::PsqlCommand {
        command: name.to_owned(),
    };
    let tag = |tag: &str| K::UnterminatedDollarQuote {
        tag: tag.to_owned(),
    };
    let client = |program: &'static str, text: &str| K::ClientCommand {
        command: text.to_owned(),
        program,
    };
    let delimiter = |text: &str| K::InvalidDelimiter {
        delimiter: text.to_owned(),
    };
    let cases: &[(&[Dialect], &str, K, usize)] = &[
        (&Dialect::ALL, "é; 'a''; ", K::UnterminatedString, 4),
        (&[Sqlite, Postgres], "1; \"a;", K::UnterminatedIdentifier, 3),
        (&[Mysql, Mariadb], "1; \"a\\\"; '", K::UnterminatedString, 3),
        (
            &[Sqlite, Mysql, Mariadb],
            "1; `a``;",
            K::UnterminatedIdentifier,
            3,
        ),
        (&[Sqlite], "[a", K::UnterminatedIdentifier, 0),
        (
            &[Postgres, Mysql, Mariadb],
            "1; /* a;",
            K::UnterminatedComment,
            3,
        ),
        (&[Postgres], "1; /* /* */", K::UnterminatedComment, 3),
        (&[Mysql, Mariadb], "1; /*! a;", K::UnterminatedComment, 3),
        (&[Postgres], "1; E'\\';", K::UnterminatedString, 3),
        (&[Postgres], "1; $a$ $b$", tag("$a$"), 3),
        (&[Postgres], "select (1; 2", K::UnterminatedParenthesis, 7),
        (
            &[Postgres],
            "create function f() begin atomic select 1; ",
            K::UnterminatedBody,
            20,
        ),
        (
            &[Sqlite],
            "create trigger t after insert on a begin select 1;",
            K::UnterminatedBody,
            35,
        ),
        (
            &[Mysql, Mariadb],
            "create procedure p() begin if 1 then select 1; end if; ",
            K::UnterminatedBody,
            21,
        ),
        (
            &[Mariadb],
            "begin not atomic while 1 do select 1;",
            K::UnterminatedBody,
            17,
        ),
        (&[Postgres], "\\restrict abc\n", command("\\restrict"), 0),
        (&[Postgres], "select 1 \\gset\n", command("\\gset"), 9),
        (
            &[Sqlite, Postgres],
            "select 1;\n\\connect -reuse-previous=on \"dbname='a'\"\nselect 2;",
            command("\\connect"),
            10,
        ),
        (&[Sqlite, Postgres], "\\c a", command("\\c"), 0),
        (
            &[Sqlite, Postgres],
            "select 'it\\'; \\i a.sql\n",
            command("\\i"),
            14,
        ),
        (&[Postgres], "1;\nquit\n", command("quit"), 3),
        (&[Postgres], "Help;", command("Help"), 0),
        (&[Mysql, Mariadb], "\\u shop\n", client("mysql", "\\u"), 0),
        (
            &Dialect::ALL,
            "1;\n source a.sql\n2;",
            client("mysql", "source"),
            4,
        ),
        (
            &Dialect::ALL,
            "connect shop;",
            client("mysql", "connect"),
            0,
        ),
        (&Dialect::ALL, "1; -- a\ngo\n", client("mysql", "go"), 8),
        (
            &[Sqlite, Mysql, Mariadb],
            "select 1\\G\nselect 2;",
            client("mysql", "\\G"),
            8,
        ),
        (&[Mysql, Mariadb], "\\. a.sql", client("mysql", "\\."), 0),
        (
            &[Mysql, Mariadb],
            "select 'it\\'s'; select 2\\g",
            client("mysql", "\\g"),
            24,
        ),
        (&Dialect::ALL, ".open a.db\n", client("sqlite3", ".open"), 0),
        (
            &Dialect::ALL,
            "1;\n/* */\n.mode csv;\n",
            client("sqlite3", ".mode"),
            9,
        ),
        (
            &[Postgres],
            "1; COPY t (a) FROM stdin;\n1\tit's\n\\.\n",
            K::CopyFromStdin,
            3,
        ),
        (&[Mysql, Mariadb], "1;\nDELIMITER\n", delimiter(""), 3),
        (&[Mysql, Mariadb], "DELIMITER a\\b", delimiter("a\\b"), 0),
        (
            &[Mysql, Mariadb],
            "DELIMITER ----------------",
            delimiter("----------------"),
            0,
        ),
    ];
    for (dialects, text, kind, offset) in cases {
        for &dialect in *dialects {
            let error = sql::split(dialect, text).expect_err(text);
            assert_eq!(
                (error.kind(), error.offset()),
                (kind, *offset),
                "{dialect}: {text}"
            );
        }
    }
}

const SOUP: &[&str] = &[
    "'",
    "''",
    "\"",
    "`",
    "[",
    "]",
    "$$",
    "$a$",
    "$",
    "E'",
    "\\",
    "/*",
    "*/",
    "/*!",
    "/*!50700",
    "/*M!",
    "--",
    "-- x\n",
    "#",
    "\n",
    " ",
    " ",
    ";",
    ";",
    ";",
    "(",
    ")",
    "@",
    ":",
    "=",
    ".",
    ",",
    "<<",
    ">>",
    "é",
    "\u{a0}",
    "🦀",
    "\0",
    "1",
    "2e",
    "a",
    "BEGIN ",
    "END ",
    "END;",
    "CASE ",
    "IF ",
    "THEN ",
    "ELSE ",
    "LOOP ",
    "WHILE ",
    "DO ",
    "REPEAT ",
    "UNTIL ",
    "FOR ",
    "CREATE ",
    "OR ",
    "REPLACE ",
    "TRIGGER ",
    "TEMP ",
    "PROCEDURE ",
    "FUNCTION ",
    "EVENT ",
    "PACKAGE ",
    "BODY ",
    "AS ",
    "IS ",
    "ATOMIC ",
    "NOT ",
    "EACH ROW ",
    "RETURN ",
    "RETURNS ",
    "EXPLAIN ",
    "SELECT 1",
    "DELIMITER //\n",
    "DELIMITER ;\n",
    "DELIMITER $$\n",
    "//",
    "COPY ",
    "FROM ",
    "STDIN ",
    "SET ",
    "STATEMENT ",
    "ALTER ",
    "TABLE ",
    "EXISTS ",
    "DROP ",
    "INDEX ",
    "ON ",
    "CONCURRENTLY ",
    "DECLARE ",
    "HANDLER ",
    "WITH ",
    "ADD ",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(SOUP), 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_token_soup_join_to_the_text(text in soup()) {
        for dialect in Dialect::ALL {
            check(dialect, &text);
            let _ = sql::classify(dialect, &text);
        }
    }

    #[test]
    fn any_text_is_survived(text in any::<String>(), offset in 0_usize..100) {
        for dialect in Dialect::ALL {
            check(dialect, &text);
            let _ = sql::classify(dialect, &text);
        }
        let _ = sql::position(&text, offset);
    }

    #[test]
    fn sqlite_agrees_on_token_soup(text in soup()) {
        agrees_with_sqlite(&text);
    }
}

/// SQLite's own answer to whether the text ends in a complete statement.
#[expect(unsafe_code, reason = "SQLite's C function takes a pointer")]
fn sqlite_complete(text: &str) -> bool {
    let text = std::ffi::CString::new(text).expect("no NUL in these texts");
    // SAFETY: the pointer is that of a NUL-terminated string which outlives the call.
    unsafe { libsqlite3_sys::sqlite3_complete(text.as_ptr()) != 0 }
}

/// Wherever a semicolon is, SQLite must call the text up to it complete exactly where `split` ends
/// something there.
fn agrees_with_sqlite(text: &str) {
    // A NUL ends the text for the C function alone.
    let text = &text.replace('\0', "");
    let statements = sql::split(Sqlite, text);
    if let Err(error) = &statements {
        // SQLite asks for no more than a semicolon.
        let is_no_sql = matches!(
            error.kind(),
            SplitErrorKind::ClientCommand { .. } | SplitErrorKind::PsqlCommand { .. }
        );
        assert!(is_no_sql || !sqlite_complete(text), "{text:?}: {error}");
    }
    let Ok(statements) = statements else { return };
    for (semicolon, _) in text.match_indices(';') {
        let complete = sqlite_complete(&text[..=semicolon]);
        let inside = statements
            .iter()
            .any(|statement| statement.span().contains(&semicolon));
        assert!(
            !(complete && inside),
            "{text:?}: SQLite ends a statement at {semicolon}"
        );
    }
    for pair in statements.windows(2) {
        let end = pair[0].piece_span().end;
        assert!(
            sqlite_complete(&text[..end]),
            "{text:?}: SQLite ends none before {end}"
        );
    }
}

#[test]
fn sqlite_agrees_on_the_cases() {
    for (dialects, text, _) in MAIN {
        if dialects.contains(&Sqlite) {
            agrees_with_sqlite(text);
        }
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/splitter/sqlite");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(
            sql::split(Sqlite, &text).is_ok_and(|all| all.len() > 1),
            "{path:?}"
        );
        agrees_with_sqlite(&text);
        seen += 1;
    }
    assert!(seen > 0);
}

/// One statement under one setting of the server's and two under the other, each sound: the server would run two where
/// limbeck knew of one.
#[test]
fn a_backslash_that_makes_other_statements_is_refused() {
    for dialect in [Mysql, Mariadb] {
        let error = sql::split(dialect, "select 1; select 'a\\'; select 'b' -- '\n").unwrap_err();
        assert_eq!(
            *error.kind(),
            SplitErrorKind::AmbiguousBackslash,
            "{dialect}"
        );
        assert_eq!(error.offset(), 19);
    }
    // In one message PostgreSQL runs both in one transaction.
    let text = "select 1; select 'a\\' -- '; select 2\n, 3";
    assert_eq!(texts(Postgres, text).len(), 2);
}
