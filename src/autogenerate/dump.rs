//! A live schema, written as SQL that builds it. Pure.

use super::draft::{comment, script};
use super::engine::{Direction, Statement, preamble};
use super::filter::{Filter, Scope};
use super::rename::Renames;
use super::schema::{Kept, Name, Object, ObjectId, ObjectKind, Schema};

/// What builds the schema in an empty database, as a desired schema says it: the revision that would lead to it from
/// nothing. Without owners and privileges, which are not compared.
pub(super) fn dump(mut schema: Schema, filter: &Filter, scope: &Scope<'_>) -> String {
    let mut left_out = filter.take_out(&mut schema, scope);
    // An empty database has these.
    for there in [scope.current, Some("public")].into_iter().flatten() {
        let id = ObjectId::new(ObjectKind::Schema, Name::new(None, there));
        if let Some(object) = schema.objects.get(&id) {
            let object = Object {
                comment: None,
                ..object.clone()
            };
            left_out.objects.insert(id, object);
        }
    }
    for kept in schema.kept.values_mut() {
        kept.retain(|one| matches!(one, Kept::Statement(..) | Kept::Mode(_)));
    }
    let mut text = String::new();
    for what in schema.not_compared() {
        comment(&mut text, &format!("Not in this file: {what}"));
    }
    let mut script = script(&left_out, &schema, &Renames::default(), Direction::Up);
    if let Some(sql) = preamble(&schema) {
        let (sql, notes) = (sql.to_owned(), Vec::new());
        script.statements.insert(0, Statement { sql, notes });
    }
    for statement in script.statements {
        if !text.is_empty() {
            text.push('\n');
        }
        for note in statement.notes.iter().flat_map(|note| note.lines()) {
            comment(&mut text, note);
        }
        text.push_str(&statement.sql);
        text.push_str(";\n");
    }
    text
}
