-- db: pg
-- withheld: alter enum e (manual: the rows of pt are partitioned by it: there and back it would have to be made anew)

--- A
CREATE TYPE e AS ENUM ('a','b'); CREATE TABLE pt (x e) PARTITION BY LIST (x); CREATE TABLE pta PARTITION OF pt FOR VALUES IN ('a');
--- B
CREATE TYPE e AS ENUM ('a','b','c'); CREATE TABLE pt (x e) PARTITION BY LIST (x); CREATE TABLE pta PARTITION OF pt FOR VALUES IN ('a');
