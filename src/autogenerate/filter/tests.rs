use super::*;
use crate::autogenerate::change::Change;
use crate::autogenerate::draft::Comparison;
use crate::autogenerate::expression::Sql;

/// Tables with their columns (`schema.table: a b`), indexes (`table.index: a`), and objects of a kind (`view v`,
/// `trigger t of users`).
fn schema(dialect: Dialect, things: &[&str]) -> Schema {
    let mut schema = Schema::new(dialect);
    let name = |text: &str| match text.split_once('.') {
        Some((schema, name)) => Name::new(Some(schema), name),
        None => Name::new(None, text),
    };
    for thing in things {
        if let Some((index, columns)) = thing
            .strip_prefix("index ")
            .and_then(|rest| rest.split_once(": "))
        {
            let (table, index) = index.rsplit_once('.').unwrap();
            let table = schema.tables.get_mut(&name(table)).unwrap();
            table.indexes.push(Index {
                name: index.to_owned(),
                unique: false,
                definition: Sql::exact(format!("({columns})")),
                columns: columns.split(' ').map(str::to_owned).collect(),
                comment: None,
                attributes: Default::default(),
                depends_on: BTreeSet::new(),
            });
            continue;
        }
        if let Some((table, columns)) = thing.split_once(": ") {
            let mut table = Table::new(name(table));
            table.columns = columns
                .split(' ')
                .map(|column| Column::new(column, "TEXT"))
                .collect();
            schema.tables.insert(table.name.clone(), table);
            continue;
        }
        let (kind, rest) = thing.split_once(' ').unwrap();
        let kind = match kind {
            "view" => ObjectKind::View,
            "trigger" => ObjectKind::Trigger,
            "sequence" => ObjectKind::Sequence,
            "schema" => ObjectKind::Schema,
            _ => panic!("{thing}"),
        };
        let (object, on) = match rest.split_once(" of ") {
            Some((object, on)) => (object, Some(name(on))),
            None => (rest, None),
        };
        let mut id = ObjectId::new(kind, name(object));
        if let Some(on) = on {
            id.name.schema = on.schema;
            id.on = Some(on.name);
        }
        let object = Object {
            id: id.clone(),
            definition: Sql::exact(*thing),
            labels: Vec::new(),
            attributes: Default::default(),
            comment: None,
            depends_on: BTreeSet::new(),
        };
        schema.objects.insert(id, object);
    }
    schema
}

struct Case {
    live: Schema,
    desired: Schema,
}

impl Case {
    fn new(dialect: Dialect, live: &[&str], desired: &[&str]) -> Self {
        Case {
            live: schema(dialect, live),
            desired: schema(dialect, desired),
        }
    }

    /// Patterns with `+` are included, with `-` excluded.
    fn changes(&self, patterns: &[&str]) -> String {
        let filter = patterns.iter().fold(Filter::default(), |filter, pattern| {
            let (sign, pattern) = pattern.split_at(1);
            let pattern = pattern.parse().unwrap();
            match sign {
                "+" => filter.include(pattern),
                _ => filter.exclude(pattern),
            }
        });
        let (mut live, mut desired) = (self.live.clone(), self.desired.clone());
        let own = [
            Name::new(None, "own_version"),
            Name::new(Some("ops"), "ledger"),
        ];
        let scope = Scope {
            current: Some("public"),
            own: &own,
        };
        filter.apply(&mut live, &mut desired, &scope);
        let comparison = Comparison::between(live, desired);
        // Which class a change has is another test's.
        let what = |change: &Change| {
            let told = change.to_string();
            told.split(" (lossy").next().unwrap_or_default().to_owned()
        };
        let changes = comparison.changes().iter().map(what);
        let changes: Vec<String> = changes.chain(comparison.notes()).collect();
        changes.join("\n")
    }
}

#[test]
fn tools_tables_are_no_part_of_either_side() {
    let case = Case::new(
        Dialect::Postgres,
        &[
            "alembic_version: version_num",
            "limbeck_version: version_num",
            "own_version: version_num",
            "ops.ledger: a",
            "ledger: a",
            "schema_migrations: id",
            "sequence schema_migrations_id_seq",
            "trigger touch of schema_migrations",
            "audit.DATABASECHANGELOG: id",
            "schema ops",
            "schema audit",
        ],
        &["_sqlx_migrations: version", "schema_migrations_log: id"],
    );
    insta::assert_snapshot!(case.changes(&[]), @r"
    drop table ledger
    create table schema_migrations_log
    ");
}

#[test]
fn excluded_things_stay_as_they_are() {
    let case = Case::new(
        Dialect::Sqlite,
        &[
            "audit_log: a b",
            "trigger t of audit_log",
            "users: id mail legacy_a gone",
            "index users.users_tmp: mail",
            "index users.gone_tmp: gone",
            "view v_old",
            "trigger touch of users",
        ],
        &[
            "audit_new: a",
            "users: id mail legacy_b",
            "index users.users_mail: mail",
            "index users.legacy: legacy_b",
            "view v_new",
        ],
    );
    insta::assert_snapshot!(case.changes(&[]), @r"
    drop table audit_log
    create table audit_new
    drop column users.legacy_a
    drop column users.gone
    add column users.legacy_b
    rename index users_tmp to users_mail of users
    drop index gone_tmp of users
    add index legacy of users
    create view v_new
    drop view v_old
    drop trigger t of audit_log
    drop trigger touch of users
    ");
    insta::assert_snapshot!(case.changes(&["-table:AUDIT_*", "-view:v_*", "-index:*_tmp", "-kind:trigger"]), @r"
    drop column users.legacy_a
    drop column users.gone
    add column users.legacy_b
    drop index gone_tmp of users
    add index users_mail of users
    add index legacy of users
    ");
    // The index on a column that is not compared goes with it.
    insta::assert_snapshot!(case.changes(&["-audit_*", "-column:users.legacy_*", "-kind:view", "-trigger:users.*"]), @r"
    drop column users.gone
    rename index users_tmp to users_mail of users
    drop index gone_tmp of users
    ");
    insta::assert_snapshot!(case.changes(&["-*"]), @r"");
}

#[test]
fn only_what_is_included_is_compared() {
    let case = Case::new(
        Dialect::Sqlite,
        &[
            "a: id x",
            "b: id",
            "index b.b_id: id",
            "trigger t of a",
            "trigger t of b",
        ],
        &["a: id y", "c: id", "index c.c_id: id", "view v"],
    );
    insta::assert_snapshot!(case.changes(&["+table:a"]), @r"
    drop column a.x
    add column a.y
    drop trigger t of a
    ");
    insta::assert_snapshot!(case.changes(&["+table:*", "-table:a"]), @r"
    drop table b
    create table c
    drop trigger t of b
    ");
    insta::assert_snapshot!(case.changes(&["+kind:index"]), @r"");
    insta::assert_snapshot!(case.changes(&["+column:a.x", "+v"]), @r"
    drop column a.x
    create view v
    ");
}

#[test]
fn schemas_that_are_not_made_are_not_compared_unless_named() {
    let case = Case::new(
        Dialect::Postgres,
        &[
            "a: id",
            "audit.log: id",
            "schema audit",
            "app.x: id",
            "schema app",
            "schema empty",
        ],
        &["b: id", "app.y: id", "schema app"],
    );
    insta::assert_snapshot!(case.changes(&[]), @r"
    drop table a
    create table b
    drop table app.x
    create table app.y
    not compared: schema audit: the desired schema does not make it; --include 'schema:audit' compares it (with --include '*' beside it, all the rest too)
    ");
    insta::assert_snapshot!(case.changes(&["+schema:audit"]), @r"
    drop table audit.log
    drop schema audit
    ");
    insta::assert_snapshot!(case.changes(&["+*", "+table:audit.*"]), @r"
    drop table a
    create table b
    drop table app.x
    create table app.y
    drop table audit.log
    ");
    insta::assert_snapshot!(case.changes(&["-schema:audit", "-schema:app", "-schema:public"]), @r"");
}
