-- db: pg

--- A
CREATE TABLE keep (id int);
--- B
CREATE TABLE keep (id int);
CREATE FUNCTION admin_op(x int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT x';
REVOKE ALL ON FUNCTION admin_op(int) FROM PUBLIC;
CREATE TABLE secret (id int, shown int);
GRANT SELECT (shown) ON secret TO PUBLIC;
GRANT INSERT ON secret TO pg_monitor WITH GRANT OPTION;
