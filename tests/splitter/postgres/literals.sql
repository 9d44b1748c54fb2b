INSERT INTO log (txt) VALUES ('a\'), (';b');
INSERT INTO log (txt) VALUES (E'a\';b'), (E'\\'), (e'\';''');
INSERT INTO log (txt) VALUES (E'a' -- continued ; '
    '\';' /* no */ ), ('x'
'\');
INSERT INTO log (txt) VALUES ($$;$$), ($a$ $$ ; $b$ ' $a$), ($é_1$;$é_1$), ($a$;$ab$a$);
INSERT INTO log (txt) VALUES (U&'d!0061t;' UESCAPE '!'), (N';'), (B'10'::text), (X'1F'::text);
INSERT INTO log (txt) SELECT a$b$c || ';' FROM (SELECT 'dollar' AS a$b$c) AS "q;";
INSERT INTO log (txt) VALUES ((2*/* ; */3)::text), ((2- -1)::text), ((ARRAY[1,2])[1]::text); -- end ;
INSERT INTO log (txt) SELECT '"' || "x""; y" FROM (SELECT ';' AS "x""; y") AS s;
SELECT 1 AS begin, 2 AS end, 3 AS case;
/* the last */ ; ;; -- one
INSERT INTO log (txt) VALUES ('last;') /* ; */ -- ;
