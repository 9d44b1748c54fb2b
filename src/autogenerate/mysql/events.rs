//! Events whose schedule starts when they are made. Pure.

use crate::autogenerate::schema::{Kept, ObjectKind, Schema, Thing};

/// A dump says when the schedule of an event starts, also where that is the time at which it was made, of which the catalog
/// of the live database shows that nobody said it.
pub(crate) fn like(live: &Schema, mut desired: Schema) -> Schema {
    let events = desired.objects.values_mut();
    for event in events.filter(|object| object.id.kind == ObjectKind::Event) {
        let kept = live.kept.get(&Thing::Object(event.id.clone()));
        let started = kept.into_iter().flatten().find_map(|kept| match kept {
            Kept::Started(time) => Some(format!(" STARTS {time}")),
            _ => None,
        });
        let (Some(started), Some(old)) = (started, live.objects.get(&event.id)) else {
            continue;
        };
        let without = event.definition.as_str().replacen(&started, "", 1);
        if without == old.definition.as_str() {
            event.definition = old.definition.clone();
        }
    }
    desired
}
