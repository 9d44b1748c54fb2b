-- Every feature that is compared on SQLite, and names that want quotes.
PRAGMA foreign_keys = ON;

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL COLLATE NOCASE CONSTRAINT account_email UNIQUE,
    nick VARCHAR(30) DEFAULT 'it''s me' CHECK (length(nick) <= 30),
    balance DECIMAL(10, 2) NOT NULL ON CONFLICT REPLACE DEFAULT -0.5,
    made TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    token BLOB DEFAULT (randomblob(8)),
    flags INT DEFAULT (1 + 2) CHECK (accounts.flags BETWEEN 0 AND 7),
    invited_by INTEGER REFERENCES accounts ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    shown TEXT GENERATED ALWAYS AS (coalesce(nick, email)) VIRTUAL,
    domain TEXT AS (substr(email, instr(email, '@') + 1)) STORED,
    untyped,
    CONSTRAINT sane CHECK (email LIKE '%@%' AND nick IS NOT email)
);
CREATE UNIQUE INDEX account_nick ON accounts (lower(nick)) WHERE nick IS NOT NULL;
CREATE INDEX account_made ON accounts (made DESC, email COLLATE BINARY);

CREATE TABLE "order" (
    "account id" INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE ON UPDATE CASCADE,
    number INT NOT NULL,
    [the state] TEXT DEFAULT open,
    PRIMARY KEY ("account id", number DESC) ON CONFLICT REPLACE
) WITHOUT ROWID;

CREATE TABLE items (
    id INT PRIMARY KEY NOT NULL,
    "account id" INTEGER, number INT,
    what ANY,
    amount REAL NOT NULL DEFAULT 1e3,
    raw BLOB DEFAULT x'00ff',
    CONSTRAINT of_order FOREIGN KEY ("account id", number) REFERENCES "order" ("account id", number) MATCH FULL,
    UNIQUE (what, amount)
) STRICT;

CREATE TABLE nodes (a INTEGER PRIMARY KEY DESC, parent INTEGER REFERENCES nodes (a));
CREATE TABLE wörter ("größe" TEXT DEFAULT "groß", `na``me` TEXT, "quo""te" TEXT UNIQUE);
CREATE TABLE flat AS SELECT 1 AS one, 'x' AS two;
CREATE TABLE cycle_a (id INTEGER PRIMARY KEY, b INT REFERENCES cycle_b);
CREATE TABLE cycle_b (id INTEGER PRIMARY KEY, a INT REFERENCES cycle_a);

CREATE VIEW active (id, mail) AS SELECT id, email FROM accounts WHERE nick IS NOT NULL;
CREATE VIEW "active orders" AS WITH busy AS (SELECT id FROM active) SELECT o.* FROM "order" AS o JOIN busy ON busy.id = o."account id";
CREATE TRIGGER touched AFTER UPDATE OF email, nick ON accounts WHEN old.email <> new.email
BEGIN
    UPDATE accounts SET made = CURRENT_TIMESTAMP WHERE id = new.id;
    INSERT INTO nodes (a) SELECT CASE new.id WHEN 1 THEN 2 ELSE 3 END;
END;
CREATE TRIGGER add_active INSTEAD OF INSERT ON active BEGIN
    INSERT INTO accounts (email) VALUES (new.mail); -- only this
END;
CREATE VIRTUAL TABLE search USING fts5(body);
