/*!40101 SET @a = ';' */;
/*M!100100 INSERT INTO log (txt) VALUES ('maria;') */;
/*!50701 it's not for MariaDB; /* nested */ */ INSERT INTO log (txt) VALUES ('after;');
/*M!999999\- enable the sandbox mode */
INSERT INTO log (txt) VALUES ('a\';b'), ("a\";'b"), ('a'';'), ("a"";"), ('\\'), (_utf8mb4';'), (N';');
INSERT INTO log (txt) VALUES (2--1), (2-- 1; '
-1); # '; "
INSERT INTO log (txt) /*! VALUES ('code;') */ ;
INSERT INTO log (txt) SELECT `x``;` FROM (SELECT ';' AS `x``;`) AS `q;`;
SET @`v;` = 'var;', @d = 1;
INSERT INTO log (txt) VALUES (@`v;`), (@d), (@@sql_safe_updates);
SELECT 1 AS end, 2 AS begin -- ;
