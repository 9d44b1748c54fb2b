-- db: pg
-- withheld: alter function plus(integer, integer) (manual: the aggregate total(integer), which limbeck does not change, needs it as it is)
-- withheld: drop function minus(integer, integer) (manual: the aggregate less(integer), which limbeck does not change, needs it)

--- A
CREATE FUNCTION plus(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION minus(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a - b';
CREATE AGGREGATE total(int) (SFUNC = plus, STYPE = int);
CREATE AGGREGATE less(int) (SFUNC = minus, STYPE = int);
CREATE TABLE keep (id int);
--- B
CREATE FUNCTION plus(a int, c int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + c';
CREATE TABLE keep (id int, more int);
CREATE AGGREGATE total(int) (SFUNC = plus, STYPE = int);
