# Runs each step on a scratch database, and says what it sent and whether it read rows.
import copy
import functools
import inspect
import re
import tempfile
import weakref

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection, CursorResult, Engine, make_url
from sqlalchemy.pool import Pool
from sqlalchemy.schema import DDLElement
from sqlalchemy.sql.dml import Insert, UpdateBase, ValuesBase
from sqlalchemy.sql.elements import ReleaseSavepointClause, RollbackToSavepointClause, SavepointClause
from sqlalchemy.types import NullType

# The step that runs now.
step = None


class Refused(Exception):
    pass


class Step:
    def __init__(self, is_undone):
        # Its work is taken back: it may not commit.
        self.is_undone = is_undone
        self.sql = []
        # The reason for which its statements alone do not do what it does.
        self.reason = None
        # A question to the rows, whose answer it may not look at.
        self.question = None
        # The depth of questions that SQLAlchemy puts to the catalog by itself.
        self.reflecting = 0
        # The statement that SQLAlchemy was given, until the driver has run it.
        self.pending = None

    def hinder(self, reason):
        if self.reason is None:
            self.reason = reason

    def send(self, text):
        text = text.strip()
        last = text.rsplit("\n", 1)[-1]
        self.sql.append(text + ("\n;" if "--" in last else ";"))


def shown(statement):
    words = " ".join(statement.split())
    return words if len(words) <= 120 else words[:117] + "..."


# ---- the connections ---------------------------------------------------------------------------------------------

# Whatever env.py reads its place from: every connection leads to the scratch database.
own_connections = {}
connecting = 0
# A project's words to its driver beside the place.
KEPT = ("charset", "check_same_thread", "detect_types", "init_command", "isolation_level", "options",
        "server_settings", "sql_mode")


def is_mysql(name):
    return name in ("mysql", "mariadb")


# The servers of MySQL and MariaDB are two, and take each other's drivers.
def serves(kind, wanted):
    return kind == wanted or is_mysql(kind) and is_mysql(wanted)


def connect(dialect, record, arguments, named):
    global connecting
    wanted = scratch.get_backend_name()
    if not serves(dialect.name, wanted):
        raise Refused("it connects to a database of %s, and the scratch database is one of %s" % (dialect.name, wanted))
    first, ours = dialect.create_connect_args(scratch)
    ours = {**{key: named[key] for key in KEPT if key in named}, **ours}
    connecting += 1
    try:
        made = dialect.connect(*first, **ours)
    finally:
        connecting -= 1
    own_connections[id(made)] = made
    return made


def is_ours(connection, record):
    if id(connection) not in own_connections:
        raise Refused("it makes its connections by itself, and they do not lead to the scratch database")


def audited(name, arguments):
    if step is None or connecting:
        return
    if name in ("sqlite3.connect", "socket.connect", "subprocess.Popen", "os.system"):
        step.hinder("it reaches beyond its database (%s)" % name)


event.listen(Engine, "do_connect", connect)
event.listen(Pool, "connect", is_ours)
sys.addaudithook(audited)

# ---- the statements ----------------------------------------------------------------------------------------------

CATALOG = re.compile(
    r"((main|temp)\.)?sqlite_(temp_)?(master|schema)|pragma_(table_x?info|table_list|index_list|index_x?info|foreign_key_list)"
    r"|(pg_catalog\.)?pg_(attrdef|attribute|class|collation|constraint|depend|description|enum|extension|index|indexes"
    r"|inherits|matviews|namespace|opclass|policies|policy|proc|range|sequences|tables|trigger|type|views)"
    r"|information_schema\.(character_sets|check_constraints|collations|columns|constraint_column_usage|constraint_table_usage"
    r"|domains|key_column_usage|parameters|referential_constraints|routines|schemata|sequences|table_constraints|tables"
    r"|triggers|views|statistics)"
)
QUESTION = re.compile(
    r"pragma\s+((main|temp)\.)?(table_x?info|table_list|index_list|index_x?info|foreign_key_list)\b"
    r"|show\s+((full|extended)\s+)?(columns|create|fields|index|indexes|keys|tables|triggers)\b"
    r"|(describe|desc)\s"
)


def asks_the_catalog(statement):
    text = re.sub(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", " ", statement, flags=re.S).strip().lower()
    if QUESTION.match(text):
        return True
    if not text.startswith(("select", "with")):
        return False
    text = re.sub(r'["`\[\]]', "", text)
    # A list of several, of which only the first would be seen.
    if re.search(r"\bfrom\s+[^\s(),;]+(\s+(as\s+)?(?!where\b|join\b)\w+)?\s*,", text):
        return False
    names = re.findall(r"\b(?:from|join)\s+([^\s(),;]+|\()", text)
    return names != [] and all(name == "(" or CATALOG.fullmatch(name) for name in names)


# Kept work needs none, and a step that takes some back is to be filled in.
SAVEPOINTS = (SavepointClause, RollbackToSavepointClause, ReleaseSavepointClause)


def literal(dialect):
    # Nobody binds values later, and only drivers want each percent sign twice.
    made = copy.copy(dialect)
    made.paramstyle = "named"
    made.positional = False
    made.identifier_preparer = made.preparer(made)
    # The types' forms of values, made for the driver.
    made._type_memos = weakref.WeakKeyDictionary()
    return made


# A value whose type the revision does not say is written as what it is.
def by_value(self, dialect):
    def process(value):
        kind = sqlalchemy.literal(value).type.dialect_impl(dialect)
        processor = None if isinstance(kind, NullType) else kind.literal_processor(dialect)
        if processor is None:
            raise Refused("SQLAlchemy writes no literal of %r" % (value,))
        return processor(value)

    return process


NullType.literal_processor = by_value


def written(dialect, element, values):
    dialect = literal(dialect)
    if isinstance(element, DDLElement):
        return [str(element.compile(dialect=dialect))]
    texts = []
    for one in values or [{}]:
        statement = element
        if one and isinstance(statement, ValuesBase):
            columns = set(statement.table.c.keys())
            if not columns.issuperset(one):
                raise Refused("a statement has its values apart from it")
            statement = statement.values(one)
        elif one and isinstance(statement, UpdateBase):
            raise Refused("a statement has its values apart from it")
        elif one:
            statement = (statement.bindparams if hasattr(statement, "bindparams") else statement.params)(**one)
        if isinstance(statement, Insert) and not statement._returning:
            statement = statement.inline()
        texts.append(str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})))
    return texts


def given(connection, element, several, one, options):
    if step is None or step.reflecting or isinstance(element, SAVEPOINTS):
        return
    values = []
    for part in [*several, *([one] if one else [])]:
        values.extend(part if isinstance(part, (list, tuple)) else [part])
    step.pending = (element, values)


def sent(connection, cursor, statement, parameters, context, is_many):
    if step is None or step.reflecting:
        return
    pending, step.pending = step.pending, None
    element, values = pending or (None, None)
    if cursor.description is not None and not (isinstance(element, UpdateBase) and not element._returning):
        if asks_the_catalog(statement):
            return
        if not re.match(r"\s*pragma\b[^;]*=", statement, re.I):
            step.question = step.question or "it reads rows: " + shown(statement)
    compiled = getattr(context, "compiled", None)
    if isinstance(getattr(compiled, "statement", None), SAVEPOINTS):
        return
    try:
        if element is not None and not isinstance(element, str):
            for text in written(connection.dialect, element, values):
                step.send(text)
        # The others of one call were written with its first.
        elif compiled is None:
            if parameters and any(parameters):
                raise Refused("a statement has its values apart from it")
            if "%" in statement and connection.dialect.paramstyle in ("format", "pyformat"):
                raise Refused("a percent sign in a statement of the driver's")
            step.send(statement)
    except Exception as error:
        step.hinder("%s: %s" % (told(error), shown(statement)))
        step.send(statement)


def committed(connection):
    if step is not None:
        step.sql.append("COMMIT;")


def rolled_back(connection, *rest):
    if step is not None:
        step.hinder("it rolls back")


def failed(context):
    if step is not None and not step.reflecting:
        step.hinder("it goes on after an error: " + told(context.original_exception))


event.listen(Engine, "before_execute", given)
event.listen(Engine, "handle_error", failed)
event.listen(Engine, "after_cursor_execute", sent)
event.listen(Engine, "commit", committed)
event.listen(Engine, "rollback", rolled_back)
event.listen(Engine, "rollback_savepoint", rolled_back)


# Before the transaction is touched: what comes behind it has to find it whole.
def refused_where_undone(kind, name):
    function = getattr(kind, name)

    @functools.wraps(function)
    def refuse(self, *values, **named):
        if step is not None and step.is_undone:
            raise Refused("it ends its transaction")
        return function(self, *values, **named)

    setattr(kind, name, refuse)


refused_where_undone(MigrationContext, "autocommit_block")
refused_where_undone(Connection, "commit")
refused_where_undone(Connection, "rollback")


# Ways to learn of the rows without a SELECT, and ways to the driver that pass the events by.
def watch(kind, name, inner, reason):
    found = inspect.getattr_static(kind, name, None)
    if found is None:
        return
    is_method = callable(found)

    def note():
        caller = sys._getframe(2).f_globals.get("__name__", "")
        if step is not None and not step.reflecting and not caller.startswith(inner):
            step.hinder(reason)

    def method(self, *values, **named):
        note()
        return found(self, *values, **named)

    def getter(self):
        note()
        return found.__get__(self, type(self))

    setattr(kind, name, method if is_method else property(getter))


for name in ("rowcount", "lastrowid", "inserted_primary_key", "inserted_primary_key_rows", "returned_defaults",
             "returned_defaults_rows"):
    watch(CursorResult, name, "sqlalchemy.engine", "it reads what a statement did to the rows (%s)" % name)
watch(Connection, "connection", ("sqlalchemy.", "alembic."), "it uses the driver's own connection")
watch(Engine, "raw_connection", "sqlalchemy.", "it uses the driver's own connection")


# The questions that SQLAlchemy and Alembic put by themselves are about the schema.
def with_marked_questions(dialect):
    def marked(function):
        def ask(*values, **named):
            if step is None:
                return function(*values, **named)
            running = step
            running.reflecting += 1
            try:
                return function(*values, **named)
            finally:
                running.reflecting -= 1

        return ask

    for name in dir(dialect):
        if name.startswith(("get_", "has_")) and callable(getattr(dialect, name)):
            setattr(dialect, name, marked(getattr(dialect, name)))


# ---- the run -----------------------------------------------------------------------------------------------------

new_context = MigrationContext.__init__


def each_by_itself(self, dialect, connection, opts, *rest, **named):
    opts["transaction_per_migration"] = True
    new_context(self, dialect, connection, opts, *rest, **named)


MigrationContext.__init__ = each_by_itself


def run(function, arguments, is_undone):
    global step
    step = Step(is_undone)
    answer = {"error": None}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            function(**arguments)
    # A refusal of Alembic's or of the project's own, which may end the process.
    except (Exception, SystemExit) as error:
        answer["error"] = told(error)
    answer["sql"] = "\n\n".join(step.sql)
    answer["reason"] = step.reason or step.question
    # Offline, who looks at what a statement found meets an error.
    answer["is_only_asked"] = step.reason is None
    step = None
    return answer


class Stopped(Exception):
    pass


# Alembic has made its own table by then.
def is_empty(context):
    inspector = sqlalchemy.inspect(context.connection)
    names = [inspector.default_schema_name]
    if context.dialect.name == "postgresql":
        names = [name for name in inspector.get_schema_names() if not re.match("pg_|information_schema$", name)]
    tables = [table for name in names for table in inspector.get_table_names(name) + inspector.get_view_names(name)]
    return all(table == context.version_table for table in tables)


def check_kind():
    kind, wanted = scratch.get_backend_name(), order["more"]["dialect"]
    if order["more"]["scratch"] is not None and wanted == "sqlite":
        raise Refused("for SQLite a new file is made, and no URL is needed")
    if not serves(kind, wanted):
        raise Refused("the scratch database is one of %s, and the project's SQL is for %s" % (kind, wanted))


# The schema on a server that takes no DDL back: a downgrade has to find what its upgrade has made.
def picture(context):
    ask = context.connection.exec_driver_sql
    found = []
    for name, kind in ask("SHOW FULL TABLES").all():
        if name != context.version_table:
            what = "VIEW" if "VIEW" in kind else "TABLE"
            quoted = context.dialect.identifier_preparer.quote_identifier(name)
            text = ask("SHOW CREATE %s %s" % (what, quoted.replace("%", "%%"))).first()[1]
            found.append(re.sub(r" AUTO_INCREMENT=\d+", "", text))
    for query in (
        "SELECT routine_name, routine_definition FROM information_schema.routines WHERE routine_schema = DATABASE()",
        "SELECT trigger_name, action_statement FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    ):
        found.extend(sorted(str(tuple(row)) for row in ask(query)))
    return found


# Alembic's own steps, each with a function of ours.
def each_by(way, steps, context):
    with_marked_questions(context.connection.dialect)
    steps = list(steps)
    for one in steps:
        one.migration_fn = way(one.revision, context)
    return steps


def no_way_back(**arguments):
    raise Refused("there is no downgrade()")


def answer():
    check_kind()
    config, script = loaded()
    own = config.get_main_option("sqlalchemy.url")
    try:
        is_kind = own is not None and make_url(own).get_backend_name() == scratch.get_backend_name()
    except Exception:
        is_kind = False
    if not is_kind:
        text = scratch.render_as_string(hide_password=False)
        config.set_main_option("sqlalchemy.url", text.replace("%", "%%"))
    found = {"steps": {}, "stopped": None}
    can_undo = not is_mysql(scratch.get_backend_name())
    pictures = {}

    def up(heads, context):
        if heads or not is_empty(context):
            raise Refused("the scratch database is not empty")
        return each_by(upgrade, script._upgrade_revs("heads", ()), context)

    def upgrade(revision, context):
        @functools.wraps(revision.module.upgrade)
        def both(**arguments):
            done = found["steps"][revision.revision] = {}
            done["upgrade"] = run(revision.module.upgrade, arguments, False)
            if done["upgrade"]["error"] is not None:
                raise Stopped(revision.revision, done["upgrade"]["error"])
            downgrade = getattr(revision.module, "downgrade", None)
            if not can_undo:
                pictures[revision.revision] = picture(context)
            elif downgrade is not None:
                # The schema is exactly what the upgrade has made here.
                taken_back(revision, context.connection, done, downgrade, arguments)

        return both

    def taken_back(revision, connection, done, downgrade, arguments):
        connection.exec_driver_sql("SAVEPOINT limbeck_downgrade")
        done["downgrade"] = run(downgrade, arguments, True)
        try:
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT limbeck_downgrade")
            connection.exec_driver_sql("RELEASE SAVEPOINT limbeck_downgrade")
        except Exception as error:
            done["downgrade"]["error"] = told(error)
            raise Stopped(revision.revision, "downgrade() could not be taken back: " + told(error))

    def down(heads, context):
        for revision in script.walk_revisions():
            if not hasattr(revision.module, "downgrade"):
                revision.module.downgrade = no_way_back
        return each_by(downgrade, script._downgrade_revs("base", heads), context)

    def downgrade(revision, context):
        @functools.wraps(revision.module.downgrade)
        def back(**arguments):
            # Below a downgrade that leaves something behind nothing is as the upgrades have made it.
            if picture(context) != pictures.get(revision.revision):
                raise Stopped()
            done = run(revision.module.downgrade, arguments, False)
            if revision.module.downgrade is not no_way_back:
                found["steps"][revision.revision]["downgrade"] = done
            if done["error"] is not None:
                raise Stopped()

        return back

    def go(way):
        runs = []

        def each(heads, context):
            runs.append(context)
            return way(heads, context) if len(runs) == 1 else []

        with EnvironmentContext(
            config, script, fn=each, as_sql=False, starting_rev=None, destination_rev="heads"
        ):
            script.run_env()
        if not runs:
            raise Refused("env.py runs no migrations")

    try:
        go(up)
    except Stopped as stopped:
        found["stopped"] = dict(zip(("revision", "error"), stopped.args))
    if not can_undo:
        try:
            go(down)
        except Stopped:
            pass
    return found


if order["more"]["scratch"] is None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = make_url("sqlite:///" + os.path.join(folder, "scratch.db"))
        say(answer)
else:
    scratch = make_url(re.sub(r"^postgres://", "postgresql://", order["more"]["scratch"]))
    say(answer)
