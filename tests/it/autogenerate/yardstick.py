"""What a database holds, as text that two databases share if and only if they hold the same.

The yardstick for every tool in docs/autogenerate.md, and none of theirs: `pg_dump`, MariaDB's `SHOW` commands, and what
`sqlite_schema` keeps, read token by token. The order of columns is left out, and so is the order in which things were made.

Run by itself it answers each line of standard input, a URL, with a line: a JSON list of strings.
"""

import json
import re
import subprocess
import sys
from urllib.parse import urlsplit


def picture(url):
    """The sorted statements that make what is in the database."""
    if url.startswith("sqlite"):
        return sqlite(url.split("://", 1)[1])
    if url.startswith("postgres"):
        return postgres(url)
    return mariadb(url)


# ---- PostgreSQL --------------------------------------------------------------------------------------------


def postgres(url):
    dump = subprocess.run(
        ["pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--dbname", url],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A heading stands above each object; all that is no statement of an object's is the same in every dump.
    objects = re.split(r"^--\n-- Name: .*\n--\n", dump, flags=re.M)[1:]
    settings = re.compile(r"^(SET default_\w+ = .*;|--.*|\\(un)?restrict .*|)$")
    kept = []
    for text in objects:
        lines = [line for line in text.split("\n") if not settings.match(line)]
        # Every database has it, and the dump says so only where it was made again.
        if lines in ([], ["CREATE SCHEMA public;"], ["COMMENT ON SCHEMA public IS 'standard public schema';"]):
            continue
        if lines[0].startswith(("CREATE TABLE", "CREATE UNLOGGED TABLE")):
            lines = [lines[0], *sorted(line.rstrip(",") for line in lines[1:])]
        kept.append("\n".join(lines))
    return sorted(kept)


# ---- MariaDB -----------------------------------------------------------------------------------------------


def mariadb_connection(url):
    import pymysql

    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        database=parts.path.lstrip("/"),
        charset="utf8mb4",
        autocommit=True,
        client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS,
    )


def mariadb(url):
    connection = mariadb_connection(url)
    kept = []
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT database()")
        ((database,),) = cursor.fetchall()

        def ask(query, *values):
            cursor.execute(query, values or None)
            return cursor.fetchall()

        def show(what, name, column):
            text = ask(f"SHOW CREATE {what} `{name}`")[0][column].replace(f"`{database}`.", "")
            kept.append(f"{what}\n{text}")

        for name, kind in ask("SHOW FULL TABLES"):
            if kind == "VIEW":
                show("VIEW", name, 1)
            elif kind == "SEQUENCE":
                show("SEQUENCE", name, 1)
            else:
                text = ask(f"SHOW CREATE TABLE `{name}`")[0][1]
                text = re.sub(r" AUTO_INCREMENT=\d+", "", text)
                # MySQL says the table's own collation again at a column for which somebody wrote it.
                ((collation,),) = ask(
                    "SELECT table_collation FROM information_schema.tables "
                    "WHERE table_schema = database() AND table_name = %s",
                    name,
                )
                charset = collation.split("_")[0]
                text = re.sub(rf"( CHARACTER SET {charset})? COLLATE {collation}(?=[ ,])", "", text)
                head, *lines = text.split("\n")
                kept.append("\n".join([head, *sorted(line.rstrip(",") for line in lines)]))
        # SHOW CREATE gives back how the head of a routine or trigger was spelled, which is nobody's matter.
        routines = ask(
            "SELECT specific_name, routine_type, dtd_identifier, is_deterministic, sql_data_access, security_type, "
            "routine_comment, routine_definition FROM information_schema.routines WHERE routine_schema = database()"
        )
        for routine in routines:
            parameters = ask(
                "SELECT parameter_mode, parameter_name, dtd_identifier FROM information_schema.parameters "
                "WHERE specific_schema = database() AND specific_name = %s ORDER BY ordinal_position",
                routine[0],
            )
            kept.append(f"ROUTINE {routine} {parameters}")
        for row in ask("SHOW TRIGGERS"):
            kept.append(f"TRIGGER {row[:5]}")
        for row in ask("SHOW EVENTS"):
            show("EVENT", row[1], 3)
    return sorted(kept)


# ---- SQLite ------------------------------------------------------------------------------------------------

TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<space>\s+)|(?P<string>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])|(?P<word>\w+(?:\.\d+)?)|(?P<other>[<>=!|]{1,2}|.)""",
    re.S | re.X,
)


def tokens(sql):
    """Without comments; words and names in lower case, names without their quotes."""
    found = []
    for match in TOKEN.finditer(sql):
        kind, text = match.lastgroup, match.group()
        if kind in ("word", "name"):
            text = text.lower()
        if kind == "name":
            text = text[1:-1]
        if kind not in ("comment", "space"):
            found.append(text)
    return found


def sqlite(path):
    import sqlite3

    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    connection.close()
    kept = []
    for kind, name, sql in rows:
        if name.startswith("sqlite_"):
            continue
        words = tokens(sql)
        if kind == "table" and words[1] == "table":
            kept.append(Table(words).text())
        else:
            kept.append(" ".join(words))
    return sorted(kept)


CONSTRAINT = {"constraint", "primary", "not", "null", "unique", "check", "default", "collate", "references", "generated", "as"}


class Table:
    """CREATE TABLE, in which a column's constraints and the table's are the same if they do the same."""

    def __init__(self, words):
        self.words = words
        self.at = 2
        self.name = self.take().strip("'")
        self.columns, self.keys = {}, []
        self.expect("(")
        while True:
            if self.next() in ("constraint", "primary", "unique", "check", "foreign"):
                self.constraint()
            else:
                self.column()
            if self.take() == ")":
                break
        self.options = sorted(" ".join(self.words[self.at :]).split(" , "))

    def text(self):
        alias = [key[2] for key in self.keys if key[0] == "primary key"]
        for name, facts in self.columns.items():
            if facts["type"] == "integer" and alias and alias[0] == name and "without rowid" not in self.options:
                # The rowid, which is never null.
                facts["null"] = True
                facts.pop("on null", None)
        columns = [f"{name} {sorted(facts.items())}" for name, facts in self.columns.items()]
        return "\n".join([self.name, *sorted(columns), *sorted(map(str, self.keys)), *self.options])

    def next(self):
        return self.words[self.at] if self.at < len(self.words) else None

    def take(self):
        self.at += 1
        return self.words[self.at - 1]

    def expect(self, word):
        found = self.take()
        assert found == word, (found, word, self.words)

    def parenthesis(self):
        """What stands in it, without parentheses that stand around all of it."""
        start = self.at
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(self.take(), 0)
            if depth == 0:
                break
        inner = self.words[start + 1 : self.at - 1]
        while inner and inner[0] == "(" and closes(inner) == len(inner) - 1:
            inner = inner[1:-1]
        return " ".join(inner)

    def column(self):
        name = self.take()
        facts = {"type": "", "null": True}
        kind = []
        while self.next() not in CONSTRAINT | {",", ")"}:
            kind.append("(" + self.parenthesis() + ")" if self.next() == "(" else self.take())
        facts["type"] = " ".join(kind)
        self.columns[name] = facts
        while self.next() not in (",", ")"):
            called = None
            if self.next() == "constraint":
                self.take()
                called = self.take()
            word = self.take()
            if word == "not":
                self.expect("null")
                facts["null"] = False
                facts["on null"] = self.conflict()
            elif word == "null":
                pass
            elif word == "default":
                facts["default"] = self.default()
            elif word == "collate":
                facts["collate"] = self.take()
            elif word in ("generated", "as"):
                if word == "generated":
                    self.expect("always")
                    self.expect("as")
                facts["generated"] = self.parenthesis()
                stored = self.next() in ("stored", "virtual") and self.take()
                facts["stored"] = stored == "stored"
            else:
                self.key(called, word, name)

    def constraint(self):
        called = None
        if self.next() == "constraint":
            self.take()
            called = self.take()
        self.key(called, self.take(), None)

    def key(self, called, word, column):
        """One that can stand at a column, or by itself."""
        if word == "check":
            self.keys.append(("check", called, self.parenthesis()))
        elif word in ("primary", "unique"):
            if word == "primary":
                self.expect("key")
            order = column is not None and self.next() in ("asc", "desc") and self.take()
            columns = column or self.parenthesis()
            conflict = self.conflict()
            if self.next() == "autoincrement" and self.take():
                order = "autoincrement"
            self.keys.append(("primary key" if word == "primary" else word, called, columns, order, conflict))
        else:
            if word == "foreign":
                self.expect("key")
                column = self.parenthesis()
                self.expect("references")
            table = self.take()
            target = self.parenthesis() if self.next() == "(" else ""
            rest = []
            while self.next() in ("on", "match", "not", "deferrable", "initially"):
                word = self.take()
                if word == "on":
                    word += " " + self.take() + " " + self.take()
                    if word.split()[-1] in ("set", "no"):
                        word += " " + self.take()
                elif word in ("match", "not", "initially"):
                    word += " " + self.take()
                rest.append(word)
            self.keys.append(("foreign key", called, column, table, target, sorted(rest)))

    def conflict(self):
        if self.next() == "on" and self.words[self.at + 1] == "conflict":
            self.at += 2
            return self.take()
        return None

    def default(self):
        if self.next() == "(":
            return self.parenthesis()
        sign = self.take() if self.next() in ("+", "-") else ""
        return sign + self.take()


def closes(words):
    depth = 0
    for at, word in enumerate(words):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0:
            return at
    return -1


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(picture(line.strip())), flush=True)
