SET SESSION sql_mode = ORACLE;
CREATE OR REPLACE PACKAGE pack AS
    FUNCTION f(a INT) RETURN INT;
    PROCEDURE q;
END;
CREATE OR REPLACE PACKAGE BODY pack AS
    x INT := 1;
    FUNCTION f(a INT) RETURN INT AS
        y INT := 2;
    BEGIN
        RETURN CASE WHEN a > 1 THEN y ELSE a END;
    END;
    PROCEDURE q AS
    BEGIN
        IF x > 0 THEN INSERT INTO log (txt) VALUES ('in; q'); END IF;
    END;
BEGIN
    x := f(2);
END;
CALL pack.q();
CREATE PROCEDURE loops AS
    n INT := 0;
    CURSOR c IS SELECT id FROM log;
BEGIN
    FOR i IN 1..2 LOOP INSERT INTO log (txt) VALUES (i); END LOOP;
    <<around>>
    WHILE 1 LOOP n := n + 1; EXIT around WHEN n > 3; END LOOP;
    SIGNAL SQLSTATE '45000';
EXCEPTION
    WHEN OTHERS THEN IF n > 1 THEN INSERT INTO log (txt) VALUES ('caught;'); END IF;
END;
CALL loops();
CREATE FUNCTION g(a INT) RETURN VARCHAR(20) IS BEGIN RETURN IF(a IS NULL, 'null;', 'x;'); END;
INSERT INTO log (txt) VALUES (g(NULL));
DECLARE z INT := 5; BEGIN INSERT INTO log (txt) VALUES (z); INSERT INTO log (txt) VALUES ('z;'); END;
BEGIN INSERT INTO log (txt) VALUES ('plain;'); END;
SET SESSION sql_mode = @@GLOBAL.sql_mode;
INSERT INTO log (txt) VALUES ('last')
