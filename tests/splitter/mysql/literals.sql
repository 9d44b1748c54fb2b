/*!40101 SET @a = ';' */;
/*!80400 INSERT INTO log (txt) VALUES ('code;') */;
/*!090000 INSERT INTO log (txt) VALUES ('six digits;') */;
/*M!100100 it's not for MySQL; */ INSERT INTO log (txt) VALUES ('maria;');
/*M! neither; ' */ INSERT INTO log (txt) VALUES ('any maria;');
/*!99999 it's for nobody; /* nested */ ; */ INSERT INTO log (txt) VALUES ('after;');
/*!999999 it's for nobody; /* nested */ ; */ INSERT INTO log (txt) VALUES ('after six;');
/*M!999999\- enable the sandbox mode */
INSERT INTO log (txt) VALUES ('a\';b'), ("a\";'b"), ('a'';'), ("a"";"), ('\\'), (_utf8mb4';'), (N';'), (n'it''s;');
INSERT INTO log (txt) VALUES (2--1), (2-- 1; '
-1), (3--	1; '
-1); # '; "
INSERT INTO log (txt) VALUES ('two;' -- ;
' parts;'), (_utf8mb4 x'3b'), (X'3B'), (0x3B), (CONVERT(b'111011', CHAR)), (1.e3), (.5);
INSERT INTO log (txt) /*! VALUES ('code;') */ ;
INSERT /*+ SET_VAR(sort_buffer_size = 300000) */ INTO log (txt) VALUES ('hint;');
INSERT /*+ it's no hint; " */ INTO log (txt) SELECT /*+ MAX_EXECUTION_TIME(1000) */ 'hint too;';
INSERT INTO log (txt) SELECT `x``;` FROM (SELECT ';' AS `x``;`) AS `q;`;
SET @`v;` = 'var;', @d = 1, @'w;' = 'text;', @"x;" = 'quoted;';
INSERT INTO log (txt) VALUES (@`v;`), (@d), (@@sql_safe_updates), (@'w;'), (@"x;");
INSERT INTO log (txt) VALUES (JSON_VALUE('{"a": ";"}', '$.a')), (DATE'2026-01-01'), (TIMESTAMP'2026-01-01 00:00:00');
CREATE TABLE j (a JSON, `b;` VARCHAR(9) AS (a->>'$.b') VIRTUAL COMMENT 'c;');
INSERT INTO j (a) VALUES ('{"b": ";"}');
INSERT INTO log (txt) SELECT a->>"$.b" FROM j;
INSERT INTO log (txt) SELECT $1.$a FROM (SELECT 'dollar;' AS $a) AS $1;
SELECT 1 AS $1, 2 AS $a; SELECT 3 AS a$$; SELECT 1 AS end, 2 AS begin -- ;
