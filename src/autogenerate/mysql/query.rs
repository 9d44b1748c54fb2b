//! The catalog queries. Pure text.
//!
//! [`look`] is a message of its own, since the two servers' catalogs differ; [`everything`] is the second; the third is
//! [`Question`]s, for what `information_schema` cannot say. So a schema is read in three messages, however large it is.
//! Each query names the database, so that the server opens no other's tables.

use crate::autogenerate::schema::{Name, ObjectId, ObjectKind};
use crate::dialect::Dialect;

/// What a session may have set and what would show in the answers: remembered, and set to what the rest of limbeck
/// expects of a session. Text then arrives as UTF-8, with backslashes escaped, and no result is cut.
pub(super) const ENTER: &str = "SET @limbeck_read_mode = @@SESSION.sql_mode, @limbeck_read_client = @@SESSION.character_set_client, \
     @limbeck_read_results = @@SESSION.character_set_results, @limbeck_read_collation = @@SESSION.collation_connection, \
     @limbeck_read_limit = @@SESSION.sql_select_limit, @limbeck_read_quote = @@SESSION.sql_quote_show_create, \
     @limbeck_read_zone = @@SESSION.time_zone, \
     SESSION sql_mode = '', SESSION character_set_client = utf8mb4, SESSION character_set_results = utf8mb4, \
     SESSION collation_connection = utf8mb4_general_ci, SESSION sql_select_limit = DEFAULT, \
     SESSION sql_quote_show_create = 1, SESSION time_zone = '+00:00'";

/// Ends what [`ENTER`] set.
pub(super) const LEAVE: &str = "SET SESSION sql_mode = @limbeck_read_mode, SESSION character_set_client = @limbeck_read_client, \
     SESSION character_set_results = @limbeck_read_results, SESSION collation_connection = @limbeck_read_collation, \
     SESSION sql_select_limit = @limbeck_read_limit, SESSION sql_quote_show_create = @limbeck_read_quote, \
     SESSION time_zone = @limbeck_read_zone";

/// `(version, database, its character set, its collation, the sql_mode of steps)`, behind [`ENTER`].
pub(super) fn look() -> String {
    let cells = select(&[
        "VERSION()",
        "DATABASE()",
        "@@SESSION.character_set_database",
        "@@SESSION.collation_database",
        "@@GLOBAL.sql_mode",
    ]);
    format!("{ENTER}; {cells}")
}

/// In this order: tables, columns, index columns, foreign keys' columns, foreign keys, checks, views, routines, parameters,
/// triggers, events.
pub(super) const RESULTS: usize = 11;

/// The definer of an object, where that is another user.
const DEFINER: &str = "IF(CAST(definer AS BINARY) = CAST(CURRENT_USER() AS BINARY), NULL, definer)";

/// The mode that an object was made under, where that is another than steps have.
const MODE: &str =
    "IF(CAST(sql_mode AS BINARY) = CAST(@@GLOBAL.sql_mode AS BINARY), NULL, CONCAT(sql_mode, ''))";

/// All that `information_schema` says, as [`RESULTS`] statements.
pub(super) fn everything(dialect: Dialect) -> String {
    let is_mariadb = dialect == Dialect::Mariadb;
    let own = |column: &str| format!("{column} = DATABASE()");
    let tables = format!(
        "{} FROM information_schema.tables WHERE {}",
        select(&[
            "table_name",
            "table_type",
            "engine",
            "row_format",
            "table_collation",
            "create_options",
            "table_comment"
        ]),
        own("table_schema")
    );
    let columns = format!(
        "{} FROM information_schema.columns WHERE {} ORDER BY table_name, ordinal_position",
        select(&[
            "table_name",
            "column_name",
            "column_type",
            "is_nullable",
            "column_default",
            "extra",
            "generation_expression",
            "character_set_name",
            "collation_name",
            "column_comment",
            if is_mariadb {
                "is_generated"
            } else {
                "IF(generation_expression = '', 'NEVER', 'ALWAYS')"
            },
            // MariaDB has one that it shows in no `SHOW CREATE` and holds nobody to.
            if is_mariadb { "NULL" } else { "srs_id" },
        ]),
        own("table_schema")
    );
    let (hidden, expression) = match is_mariadb {
        true => ("ignored", "NULL"),
        false => ("IF(is_visible = 'NO', 'YES', 'NO')", "expression"),
    };
    let index_columns = format!(
        "{} FROM information_schema.statistics WHERE {} ORDER BY table_name, index_name, seq_in_index",
        select(&[
            "table_name",
            "index_name",
            "non_unique",
            "column_name",
            "sub_part",
            "collation",
            "index_type",
            "index_comment",
            hidden,
            expression
        ]),
        own("table_schema")
    );
    let key_columns = format!(
        "{} FROM information_schema.key_column_usage WHERE {} AND referenced_table_name IS NOT NULL \
         ORDER BY table_name, constraint_name, ordinal_position",
        select(&[
            "table_name",
            "constraint_name",
            "column_name",
            "referenced_table_schema",
            "referenced_table_name",
            "referenced_column_name"
        ]),
        own("table_schema")
    );
    let foreign_keys = format!(
        "{} FROM information_schema.referential_constraints WHERE {}",
        select(&[
            "table_name",
            "constraint_name",
            "update_rule",
            "delete_rule"
        ]),
        own("constraint_schema")
    );
    let checks = match is_mariadb {
        true => format!(
            "{} FROM information_schema.check_constraints WHERE {} ORDER BY table_name, constraint_name",
            select(&[
                "table_name",
                "constraint_name",
                "level",
                "check_clause",
                "'YES'"
            ]),
            own("constraint_schema")
        ),
        false => format!(
            "{} FROM information_schema.check_constraints c JOIN information_schema.table_constraints t \
             ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name \
             AND t.constraint_type = 'CHECK' WHERE {} ORDER BY t.table_name, t.constraint_name",
            select(&[
                "t.table_name",
                "t.constraint_name",
                "'Table'",
                "c.check_clause",
                "t.enforced"
            ]),
            own("c.constraint_schema")
        ),
    };
    let views = format!(
        "{} FROM information_schema.views WHERE {} ORDER BY table_name",
        select(&["table_name", "view_definition", DEFINER]),
        own("table_schema")
    );
    let routines = format!(
        "{} FROM information_schema.routines WHERE {} ORDER BY routine_type, routine_name",
        select(&[
            "routine_name",
            "routine_type",
            "dtd_identifier",
            "character_set_name",
            "collation_name",
            "routine_definition",
            "is_deterministic",
            "sql_data_access",
            "security_type",
            "routine_comment",
            DEFINER,
            MODE
        ]),
        own("routine_schema")
    );
    let parameters = format!(
        "{} FROM information_schema.parameters WHERE {} AND ordinal_position > 0 \
         ORDER BY routine_type, specific_name, ordinal_position",
        select(&[
            "specific_name",
            "routine_type",
            "parameter_mode",
            "parameter_name",
            "dtd_identifier",
            "character_set_name",
            "collation_name"
        ]),
        own("specific_schema")
    );
    let triggers = format!(
        "{} FROM information_schema.triggers WHERE {} \
         ORDER BY event_object_table, event_manipulation, action_timing, action_order",
        select(&[
            "trigger_name",
            "event_object_table",
            "event_manipulation",
            "action_timing",
            "action_statement",
            DEFINER,
            MODE
        ]),
        own("trigger_schema")
    );
    // Where STARTS is not said, it is the time of creation, give or take the second that may pass between.
    let events = format!(
        "{} FROM information_schema.events WHERE {} ORDER BY event_name",
        select(&[
            "event_name",
            "event_definition",
            "event_type",
            "execute_at",
            "interval_value",
            "interval_field",
            "IF(ABS(TIMESTAMPDIFF(SECOND, created, CONVERT_TZ(starts, time_zone, '+00:00'))) <= 1, NULL, starts)",
            "ends",
            "status",
            "on_completion",
            "event_comment",
            DEFINER,
            MODE,
            "starts"
        ]),
        own("event_schema")
    );
    [
        tables,
        columns,
        index_columns,
        key_columns,
        foreign_keys,
        checks,
        views,
        routines,
        parameters,
        triggers,
        events,
    ]
    .join("; ")
}

/// What `information_schema` does not tell, or not as it is: each is one statement.
///
/// It keeps its texts in a character set of three bytes: a character of four becomes `?`. Of views it has neither the
/// names of their columns nor, on MySQL, the algorithm; of triggers, routines and events it has a text in which
/// literals have lost their escapes.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// Its `SHOW CREATE`.
    Table(Name),
    /// Its `SHOW CREATE`.
    Object(ObjectId),
    /// A column's default, a literal.
    Default(Name, String),
    /// The values of an enum or set, a row for each.
    Values {
        table: Name,
        column: String,
        count: usize,
        is_set: bool,
    },
    /// A row `(name, type, user, host, privileges)` for each that somebody has on a routine.
    Rights,
    /// A row `(name, start, increment, minimum, maximum, cache, cycle)` for each.
    Sequences(Vec<Name>),
}

impl Question {
    pub(super) fn sql(&self, dialect: Dialect) -> String {
        let from = |table: &Name| {
            let table = table.quoted(dialect);
            format!("FROM (SELECT 1) limbeck_one LEFT JOIN {table} limbeck_t ON FALSE")
        };
        match self {
            Question::Table(name) => format!("SHOW CREATE TABLE {}", name.quoted(dialect)),
            Question::Object(id) => {
                let word = match id.kind {
                    ObjectKind::Trigger => "TRIGGER",
                    ObjectKind::Function => "FUNCTION",
                    ObjectKind::Procedure => "PROCEDURE",
                    ObjectKind::Event => "EVENT",
                    _ => "VIEW",
                };
                format!("SHOW CREATE {word} {}", id.name.quoted(dialect))
            }
            // Defaults are asked of a row, which a table need not have; a derived table has the defaults of its own.
            Question::Default(table, column) => {
                let column = dialect.ident(column);
                format!(
                    "{} FROM (SELECT limbeck_t.{column} {} LIMIT 1) limbeck_row",
                    select(&[&format!("DEFAULT(limbeck_row.{column})")]),
                    from(table)
                )
            }
            // A column of a recursive query has the type of its first row, and takes numbers for values as a table's does.
            Question::Values {
                table,
                column,
                count,
                is_set,
            } => {
                let number = if *is_set { "1 << n" } else { "n + 1" };
                format!(
                    "WITH RECURSIVE limbeck_values (n, v) AS (SELECT 0, limbeck_t.{} {} UNION ALL \
                     SELECT n + 1, {number} FROM limbeck_values WHERE n < {count}) \
                     {} FROM limbeck_values WHERE n > 0 ORDER BY n",
                    dialect.ident(column),
                    from(table),
                    select(&["v"])
                )
            }
            Question::Rights => format!(
                "{} FROM mysql.procs_priv WHERE db = DATABASE()",
                select(&["routine_name", "routine_type", "user", "host", "proc_priv"])
            ),
            Question::Sequences(names) => {
                let rows = names.iter().map(|sequence| {
                    format!(
                        "{} FROM {}",
                        select(&[
                            &text_of(&sequence.name),
                            "start_value",
                            "increment",
                            "minimum_value",
                            "maximum_value",
                            "cache_size",
                            "cycle_option"
                        ]),
                        sequence.quoted(dialect)
                    )
                });
                let rows: Vec<String> = rows.collect();
                rows.join(" UNION ALL ")
            }
        }
    }
}

fn text_of(value: &str) -> String {
    Dialect::Mariadb.literal(value)
}

fn select(expressions: &[&str]) -> String {
    let cells: Vec<String> = expressions
        .iter()
        .map(|expression| Dialect::Mariadb.text(expression))
        .collect();
    format!("SELECT {}", cells.join(", "))
}
