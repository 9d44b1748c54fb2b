# Asks Alembic for the SQL of each step, in one process: starting Python for each would take most of the time.
import io
import json
import os
import sys

# What env.py prints is no answer.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

order = json.loads(sys.stdin.buffer.read().decode("utf-8"))
os.chdir(order["home"])

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

# Each command would load every revision again.
from_config = ScriptDirectory.from_config
loaded = []


def load_once(config):
    if not loaded:
        loaded.append(from_config(config))
    return loaded[0]


ScriptDirectory.from_config = staticmethod(load_once)

seen = {}
run_migrations = MigrationContext.run_migrations


def noting(self, **kw):
    seen["dialect"] = self.dialect.name
    seen["table"] = self.version_table
    return run_migrations(self, **kw)


MigrationContext.run_migrations = noting


def script(direction, steps):
    seen.clear()
    text = io.StringIO()
    config = Config(order["ini"], stdout=text, output_buffer=text)
    if config.get_main_option("script_location") is None:
        config.set_main_option("script_location", order["scripts"].replace("%", "%%"))
    if order["url"] is not None:
        config.set_main_option("sqlalchemy.url", order["url"])
    try:
        getattr(command, direction)(config, steps, sql=True)
    # A refusal of Alembic's or of the project's own, which may end the process.
    except (Exception, SystemExit) as error:
        return {"error": "%s: %s" % (type(error).__name__, error)}
    return dict(seen, sql=text.getvalue())


for revision, down in order["steps"]:
    down = down or "base"
    answer = {
        "upgrade": script("upgrade", "%s:%s" % (down, revision)),
        "downgrade": script("downgrade", "%s:%s" % (revision, down)),
    }
    answers.write(json.dumps(answer) + "\n")
answers.flush()
