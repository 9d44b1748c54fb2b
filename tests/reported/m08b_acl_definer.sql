-- db: my

--- A
CREATE TABLE t (id int PRIMARY KEY, a varchar(5));
CREATE DEFINER=`app_appdef`@`%` SQL SECURITY DEFINER VIEW v AS SELECT id, a FROM t;
CREATE DEFINER=`app_appdef`@`%` FUNCTION f(x int) RETURNS int DETERMINISTIC RETURN x;
CREATE DEFINER=`app_appdef`@`%` PROCEDURE p(x int) SELECT 1;
CREATE DEFINER=`app_appdef`@`%` TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id;
--- ROWS
CREATE USER IF NOT EXISTS `app_appdef`@`%`; CREATE USER IF NOT EXISTS `app_caller`@`%`; GRANT EXECUTE ON PROCEDURE p TO `app_caller`@`%`; GRANT EXECUTE ON FUNCTION f TO `app_caller`@`%`; GRANT SELECT ON v TO `app_caller`@`%`; GRANT SELECT (id), UPDATE (a) ON t TO `app_caller`@`%`; GRANT ALL ON `{database}`.* TO `app_appdef`@`%`; INSERT INTO t VALUES (1,'a');
--- B
CREATE TABLE t (id int PRIMARY KEY, a varchar(9));
CREATE DEFINER=`app_appdef`@`%` SQL SECURITY DEFINER VIEW v AS SELECT id, a, 1 AS one FROM t;
CREATE DEFINER=`app_appdef`@`%` FUNCTION f(x int) RETURNS bigint DETERMINISTIC RETURN x + 1;
CREATE DEFINER=`app_appdef`@`%` PROCEDURE p(x int) SELECT 2;
CREATE DEFINER=`app_appdef`@`%` TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id + 0;
