-- Behind everything.sql: what only MySQL has.
CREATE TABLE spaces (
  id INT PRIMARY KEY,
  hidden_key INT NOT NULL,
  area GEOMETRY NOT NULL,
  note TEXT DEFAULT ('it''s; "long"'),
  raw BLOB DEFAULT (x'00ff'),
  both_ways VARCHAR(20) COLLATE utf8mb4_0900_as_cs DEFAULT 'é',
  seen DATETIME DEFAULT (now() + INTERVAL 1 DAY),
  kind VARCHAR(20) AS (concat(hidden_key, '!')) VIRTUAL NOT NULL,
  UNIQUE KEY (hidden_key),
  KEY lowered ((lower(both_ways)))
) COMPRESSION='zlib';
