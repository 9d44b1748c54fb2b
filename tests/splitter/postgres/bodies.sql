-- ; in a comment /* not nested
CREATE TABLE "a;b" ("c""; d" text DEFAULT ';', "end" int, "case" int);;
/* outer ; /* inner ; */ still ; outer */
CREATE FUNCTION plain(n int) RETURNS int LANGUAGE plpgsql AS $body$
BEGIN
    -- ; $$ '
    IF n > 1 THEN RETURN 1; END IF;
    RETURN CASE WHEN n = 0 THEN 5 ELSE length($$;$$) END;
END;
$body$;
CREATE OR REPLACE FUNCTION atomic_one(n int) RETURNS int
    LANGUAGE sql
BEGIN ATOMIC
    SELECT CASE WHEN n > 1 THEN (SELECT CASE n WHEN 2 THEN 3 END) ELSE 4 END AS end;
    SELECT t."end" AS case FROM "a;b" t; -- END;
    SELECT n;
END;
CREATE PROCEDURE atomic_two(n int) BEGIN ATOMIC
    INSERT INTO log (txt) VALUES ('in; a procedure');
    INSERT INTO log (txt) SELECT CASE n WHEN 1 THEN 'one;' ELSE 'other;' END;
END;
CREATE PROCEDURE atomic_none() BEGIN ATOMIC END;
CALL atomic_two(1);
CREATE TABLE ruled (a int);
CREATE RULE several AS ON INSERT TO ruled DO ALSO (
    INSERT INTO log (txt) VALUES ('rule;');
    UPDATE log SET txt = txt || ')' WHERE txt = 'rule;';
);
INSERT INTO ruled VALUES (1), (2);
CREATE FUNCTION quoted() RETURNS text LANGUAGE sql AS 'SELECT '';''::text; SELECT ''x''::text;';
INSERT INTO log (txt) VALUES (quoted()), (atomic_one(2)::text), (plain(0)::text);
DO $$ BEGIN INSERT INTO log (txt) VALUES ('done;'); END $$
