# Asks Alembic for the graph and for the SQL of each step. env.py runs once: each run may take seconds.
import ast
import inspect
import textwrap

from alembic.ddl.impl import DefaultImpl
from alembic.util import to_tuple
from sqlalchemy.sql.compiler import Compiled

# The step that runs now: what it sent, and what it asked for.
step = None


class Step:
    def __init__(self):
        self.sql = []
        self.asked_offline = False


# Offline, Alembic writes four blanks for each tab of a statement, also of one that stands in a value.
TAB = "\ue009\ue409"
compiled_text = Compiled.__str__


def with_marked_tabs(self):
    return compiled_text(self).replace("\t", TAB)


Compiled.__str__ = with_marked_tabs
static_output = DefaultImpl.static_output


def recorded(self, text):
    text = text.replace(TAB, "\t")
    if step is not None:
        step.sql.append(text)
    return static_output(self, text)


DefaultImpl.static_output = recorded
is_offline_mode = EnvironmentContext.is_offline_mode


def asked(self):
    if step is not None:
        step.asked_offline = True
    return is_offline_mode(self)


EnvironmentContext.is_offline_mode = asked
new_context = MigrationContext.__init__


def with_literals(self, dialect, connection, opts, *rest, **named):
    if opts.get("as_sql"):
        # Nobody binds values later, and only drivers want each percent sign twice.
        opts["literal_binds"] = True
        dialect.paramstyle = "named"
        dialect.positional = False
        dialect.identifier_preparer = dialect.preparer(dialect)
        if dialect.name == "postgresql":
            # SQLAlchemy asks the server whether backslashes escape: by default they do not.
            dialect._backslash_escapes = False
    new_context(self, dialect, connection, opts, *rest, **named)
    self.impl.literal_binds = self.impl.literal_binds or self.as_sql


MigrationContext.__init__ = with_literals


class OfflineError(Exception):
    pass


class Unread:
    """What a statement would have found."""

    def used(self, *_):
        raise OfflineError("what a statement found is read, and offline there is none")

    __getattr__ = __iter__ = __next__ = __bool__ = __len__ = __getitem__ = __enter__ = used


stdout_connection = MigrationContext._stdout_connection


def strict_connection(self, connection):
    made = stdout_connection(self, connection)
    execute = made.execute

    def with_no_values(construct, *values, **named):
        # Alembic would write the statement and drop the values.
        if any(values) or any(named.values()):
            raise OfflineError("a statement has its values apart from it, which offline mode drops")
        execute(construct)
        return Unread()

    def commit():
        self.impl.emit_commit()
        self.impl.emit_begin()

    made.execute = with_no_values
    made.commit = commit
    return made


MigrationContext._stdout_connection = strict_connection
run_migrations = MigrationContext.run_migrations
arguments = {}


def with_arguments(self, **kw):
    arguments.update(kw)
    return run_migrations(self, **kw)


MigrationContext.run_migrations = with_arguments


def does_nothing(function):
    try:
        [found] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except Exception:
        return False
    if not isinstance(found, ast.FunctionDef) or found.decorator_list:
        return False
    return all(
        isinstance(one, ast.Pass)
        or (isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant))
        or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        or (isinstance(one, ast.Return) and getattr(one.value, "value", None) is None
            and isinstance(one.value, (ast.Constant, type(None))))
        for one in found.body
    )


def is_of_offline(kind):
    return issubclass(kind, OfflineError) or kind.__module__.split(".")[0] in ("alembic", "sqlalchemy")


def run(function):
    global step
    step = Step()
    printed = io.StringIO()
    answer = {}
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    caught = []

    # The errors that the file's own functions meet, to know of those that they keep to themselves.
    def trace(frame, event, argument):
        if frame.f_code.co_filename != file:
            return None
        if event == "exception" and is_of_offline(argument[0]):
            kind, error, _ = argument
            caught.append(told(error) if isinstance(error, kind) else kind.__name__)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with contextlib.redirect_stdout(printed):
            function(**arguments)
    # A refusal of Alembic's or of the project's own, which may end the process.
    except (Exception, SystemExit) as error:
        answer["error"] = told(error)
        answer["is_import"] = isinstance(error, ImportError)
    finally:
        sys.settrace(before)
    if caught and "error" not in answer:
        answer["error"] = "its Python goes on after " + caught[0]
    answer["sql"] = "\n\n".join(step.sql)
    answer["asked_offline"] = step.asked_offline
    answer["printed"] = printed.getvalue()
    answer["does_nothing"] = does_nothing(function)
    step = None
    return answer


def answer():
    config, script = loaded()
    found = {"runs": 0, "dialect": None, "revisions": []}

    def each(heads, context):
        found["runs"] += 1
        if found["runs"] > 1:
            return []
        found["dialect"] = context.dialect.name
        for revision in revisions:
            one = {
                "revision": revision.revision,
                "path": os.path.realpath(revision.path),
                "doc": revision.module.__doc__,
            }
            for name in ("down_revision", "branch_labels", "depends_on"):
                one[name] = list(to_tuple(getattr(revision.module, name, None), default=()))
            for direction in ("upgrade", "downgrade"):
                function = getattr(revision.module, direction, None)
                one[direction] = run(function) if function else None
            found["revisions"].append(one)
        return []

    revisions = list(script.walk_revisions())[::-1]
    with EnvironmentContext(
        config, script, fn=each, as_sql=True, starting_rev=None, destination_rev="head"
    ):
        script.run_env()
    if not found["runs"]:
        raise RuntimeError("env.py runs no migrations in offline mode")
    return found


say(answer)
