//! Overruling: a person's decision about a field that a platform owns. What the owner shows was weighed and is not what was agreed, so the
//! record's value counts, and is written to the owner, until the owner changes the field again.

use entente_model::mapping::{Owner, Role};
use entente_model::value::{Fields, get};
use entente_store::{Link, LinkState, Record};

use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::sync::decide::id_field;
use crate::sync::task::Task;

/// Why a person cannot give a field a value, and what to do instead.
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) remedy: String,
}

/// Whether a field names a counterpart, which no edit changes.
pub(crate) fn is_id(field: &str) -> bool {
    [Role::Crm, Role::Support].into_iter().any(|role| id_field(role) == field)
}

/// Why a field cannot be given a value, if it cannot: it is not there, or its owner can only be read.
pub(crate) fn refusal(engine: &Engine, catalog: &Catalog, record: &Record, links: &[Link], field: &str) -> Option<Refusal> {
    if catalog.object(&record.object).is_some_and(|object| object.field(field).is_none()) {
        let reason = format!("{} has no field `{field}`", record.object);
        return Some(Refusal { reason, remedy: "see `entente show` for the fields there are".to_owned() });
    }
    let reads = |link: &&Link| {
        let mapped = catalog.mapped(&link.connection, &record.object);
        mapped.is_some_and(|mapped| mapped.mapping().fields.iter().any(|line| line.field == field))
    };
    let writes = |link: &Link| catalog.mapped(&link.connection, &record.object).is_some_and(|mapped| mapped.writable.contains(field));
    let read_only = |link: &&Link| reads(link) && !writes(link);
    if let Some(owner) = owners(engine, catalog, record, links, field).into_iter().find(read_only) {
        let owner = &owner.connection;
        return Some(Refusal {
            reason: format!("{owner} owns it, and its mapping only reads it"),
            remedy: format!("change it at {owner}"),
        });
    }
    // Where no owner has a counterpart, whoever shows the field is its source.
    let present = |link: &&Link| link.state == LinkState::Present && engine.connection(&link.connection).is_ok();
    let mut sources = links.iter().filter(present).filter(reads).peekable();
    let source = sources.peek().map(|link| link.connection.clone())?;
    let is_only_read = !sources.any(writes) && owners(engine, catalog, record, links, field).is_empty();
    is_only_read.then(|| Refusal { reason: format!("the mapping of {source} only reads it"), remedy: format!("change it at {source}") })
}

/// The counterparts at the side that owns a field; none of a field that nobody owns alone.
fn owners<'a>(engine: &Engine, catalog: &Catalog, record: &Record, links: &'a [Link], field: &str) -> Vec<&'a Link> {
    let owner = catalog.policy(&record.object).iter().find(|policy| policy.field == field).map(|policy| policy.owner);
    let role = match owner {
        Some(Owner::Crm) => Role::Crm,
        Some(Owner::Support) => Role::Support,
        Some(Owner::Native | Owner::Shared) | None => return Vec::new(),
    };
    let owns = |link: &&Link| {
        link.state == LinkState::Present && engine.connection(&link.connection).is_ok_and(|connection| connection.role == role)
    };
    links.iter().filter(owns).collect()
}

/// Whether a counterpart is at the side that owns a field.
pub(crate) fn owns(engine: &Engine, catalog: &Catalog, record: &Record, link: &Link, field: &str) -> bool {
    !owners(engine, catalog, record, std::slice::from_ref(link), field).is_empty()
}

/// The links of owners that show other values than those decided, as they are once they are overruled.
pub(crate) fn overruled(engine: &Engine, catalog: &Catalog, record: &Record, links: &[Link], decided: &Fields) -> Vec<Link> {
    let mut changed: Vec<Link> = Vec::new();
    for (field, value) in decided {
        for link in owners(engine, catalog, record, links, field) {
            let shown = get(&Task::believed(link), field).clone();
            if shown.agrees(value) {
                continue;
            }
            let at = changed.iter().position(|known| known.connection == link.connection).unwrap_or_else(|| {
                changed.push(link.clone());
                changed.len() - 1
            });
            let link = &mut changed[at];
            link.base.remove(field);
            for apart in [&mut link.seen, &mut link.taken] {
                apart.get_or_insert_default().insert(field.clone(), shown.clone());
            }
        }
    }
    changed
}
