"""Runs Alembic's autogenerate on pairs of schemas: run_alembic.py PAIRS URL DATABASE

The one schema is a database's; the other is built in a second database and reflected into SQLAlchemy's MetaData, whole, so
that Alembic is asked for everything that SQLAlchemy can say. What it then writes for a revision file is executed, both ways.
The URL is a server's (databases of its own are made there and dropped), or `sqlite`.

Writes a line of JSON for each pair: `detected`, if there is anything in the revision; `rendered`, if upgrade() leads to the
second schema and keeps the rows; `reversed`, if downgrade() leads back; and `why` it does not. The first line has versions.
"""

import json
import os
import pathlib
import re
import sys
import tempfile
import warnings

import alembic
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.dialects import mysql, postgresql, sqlite

from yardstick import mariadb_connection, picture


def pairs(path, database):
    """Kind and parts of each pair of that database; see the top of the file."""
    for block in re.split(r"^-- kind: ", path.read_text(), flags=re.M)[1:]:
        kind, _, body = block.partition("\n")
        if any(only != database for only in re.findall(r"^-- only: (.*)$", body, flags=re.M)):
            continue
        body = re.sub(r"^-- (atlas|sea-orm|include|only): .*\n", "", body, flags=re.M)
        parts = re.split(r"^-- (from|to|rows|keeps)\n", body, flags=re.M)
        found = dict(zip(parts[1::2], parts[2::2]))
        yield kind, parts[0] + found.get("from", ""), parts[0] + found.get("to", ""), found


# ---- databases ---------------------------------------------------------------------------------------------


class Sqlite:
    def __init__(self, _):
        self.folder = tempfile.TemporaryDirectory()
        self.number = 0

    def make(self):
        self.number += 1
        return f"sqlite://{self.folder.name}/{self.number}.db"

    def engine(self, url):
        return sa.create_engine(url.replace("://", ":///"), poolclass=sa.NullPool)

    def run(self, url, sql):
        import sqlite3

        connection = sqlite3.connect(url.split("://")[1])
        connection.executescript(sql)
        connection.close()

    def drop(self, url):
        os.remove(url.split("://")[1])

    def end(self):
        self.folder.cleanup()


class Server:
    """Databases with names that only this process gives."""

    def __init__(self, url):
        self.base = url.rsplit("/", 1)[0]
        self.admin = url
        self.number = 0

    def make(self):
        self.number += 1
        name = f"kinds_{os.getpid()}_{self.number}"
        self.run(self.admin, f"CREATE DATABASE {name}")
        return f"{self.base}/{name}"

    def engine(self, url):
        scheme, rest = url.split("://")
        driver = {"postgres": "postgresql+psycopg2", "mysql": "mysql+pymysql"}[scheme]
        return sa.create_engine(f"{driver}://{rest}", poolclass=sa.NullPool)

    def drop(self, url):
        self.run(self.admin, f"DROP DATABASE {url.rsplit('/', 1)[1]}")

    def end(self):
        pass


class Postgres(Server):
    """`CREATE DATABASE` takes longer than all the rest: databases are emptied and used again."""

    free = []

    def make(self):
        return self.free.pop() if self.free else super().make()

    def drop(self, url):
        self.run(
            url,
            """
            DO $$ DECLARE one name; BEGIN
                FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
                    EXECUTE format('DROP SCHEMA %I CASCADE', one);
                END LOOP;
            END $$;
            CREATE SCHEMA public;
            """,
        )
        self.free.append(url)

    def end(self):
        for url in self.free:
            super().drop(url)

    def run(self, url, sql):
        import psycopg2

        connection = psycopg2.connect(url)
        connection.autocommit = True
        if sql.strip():
            connection.cursor().execute(sql)
        connection.close()


class Mariadb(Server):
    def run(self, url, sql):
        connection = mariadb_connection(url)
        with connection, connection.cursor() as cursor:
            if sql.strip():
                cursor.execute(sql)
                while cursor.nextset():
                    pass


# ---- Alembic -----------------------------------------------------------------------------------------------


def desired(engine):
    metadata = sa.MetaData()
    with engine.connect() as connection:
        schemas = [None]
        if connection.dialect.name == "postgresql":
            names = sa.inspect(connection).get_schema_names()
            schemas += [name for name in names if name not in ("information_schema", "public")]
        for schema in schemas:
            metadata.reflect(connection, schema=schema, resolve_fks=False)
    return metadata


def context(connection):
    # The second plugin is one that Alembic brings and does not switch on by itself.
    plugins = ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"]
    options = {"compare_type": True, "compare_server_default": True, "autogenerate_plugins": plugins}
    if connection.dialect.name == "postgresql":
        options["include_schemas"] = True
    return MigrationContext.configure(connection, opts=options)


def run(engine, code):
    names = {"sa": sa, "mysql": mysql, "postgresql": postgresql, "sqlite": sqlite}
    with engine.begin() as connection:
        with Operations.context(context(connection)) as operations:
            names["op"] = operations
            # As it stands in a revision file.
            exec(f"from sqlalchemy import Text\ndef revision():\n    {code}\n", names)
            names["revision"]()


def first_line(error):
    text = str(error).strip() or type(error).__name__
    return text.split("\n")[0][:200]


def look(databases, first, second, parts):
    answer = {"detected": False, "rendered": False, "reversed": False, "why": None}
    made = [databases.make(), databases.make()]
    live, other = made
    databases.run(live, first)
    databases.run(other, second)
    if "rows" in parts:
        databases.run(live, parts["rows"])
    engine = databases.engine(live)
    stage = "comparing"
    try:
        metadata = desired(databases.engine(other))
        with engine.connect() as connection:
            script = produce_migrations(context(connection), metadata)
        answer["detected"] = not script.upgrade_ops.is_empty()
        if not answer["detected"]:
            return answer
        before, wanted = picture(live), picture(other)
        with engine.connect() as connection:
            batch = connection.dialect.name == "sqlite"
            up, down = [
                render_python_code(operations, render_as_batch=batch, migration_context=context(connection))
                for operations in (script.upgrade_ops, script.downgrade_ops)
            ]
        stage = "upgrade()"
        run(engine, up)
        if picture(live) != wanted:
            answer["why"] = "upgrade() leads to another schema"
            return answer
        if "keeps" in parts:
            with engine.connect() as connection:
                if connection.exec_driver_sql(parts["keeps"].strip().rstrip(";")).first() is None:
                    answer["why"] = "upgrade() loses the rows"
                    return answer
        answer["rendered"] = True
        stage = "downgrade()"
        run(engine, down)
        if picture(live) != before:
            answer["why"] = "downgrade() leads to another schema"
            return answer
        answer["reversed"] = True
    except Exception as error:
        answer["why"] = f"{stage} fails: {first_line(error)}"
    finally:
        engine.dispose()
        for url in made:
            databases.drop(url)
    return answer


def main():
    warnings.simplefilter("ignore")
    path, url, database = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    databases = {"sqlite": Sqlite, "postgres": Postgres, "mysql": Mariadb}[url.split(":")[0]](url)
    print(json.dumps({"alembic": alembic.__version__, "sqlalchemy": sa.__version__}))
    for kind, first, second, parts in pairs(path, database):
        answer = look(databases, first, second, parts)
        print(json.dumps({"kind": kind, **answer}), flush=True)
    databases.end()


main()
