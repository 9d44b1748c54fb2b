# The project that a script works on. Read in front of it.
import sys

# The project's folder has modules of its own, which may be named as Python's are.
if sys.path and sys.path[0] == "":
    del sys.path[0]

import contextlib
import io
import json
import logging.config
import os

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

# What env.py prints is no answer.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

order = json.loads(sys.stdin.buffer.read().decode("utf-8"))
os.chdir(order["home"])
# Last, so that a folder of the project's stands in front of nothing: Alembic's prepend_sys_path puts it first.
sys.path.append(order["home"])


def told(error):
    return "%s: %s" % (type(error).__name__, error)


def loaded():
    config = Config(order["ini"], **order["config"])
    config.stdout = config.output_buffer = io.StringIO()
    if config.get_main_option("script_location") is None and not order["config"]:
        config.set_main_option("script_location", order["scripts"].replace("%", "%%"))
    if order["url"] is not None:
        config.set_main_option("sqlalchemy.url", order["url"])
    return config, ScriptDirectory.from_config(config)


def say(answer):
    try:
        found = answer()
    except (Exception, SystemExit) as error:
        found = {"failed": told(error)}
    answers.write(json.dumps(found) + "\n")
    answers.flush()
