//! What a described platform can do with its objects: what is described, and nothing else.

use std::time::Duration;

use super::description::Description;
use super::description::object::{FindCall, ObjectPart};
use super::description::platform::WebhookPart;
use super::interned::interned;
use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Found, Happening, Key, Limit, Lookup, Told, Unique};

/// Rows of a page where the description does not say.
const PAGE_ROWS: u32 = 100;

/// What is known of a platform that nobody has described yet.
pub(super) static OBJECTS: &[Capabilities] = &[Capabilities {
    object: EVERY,
    page_rows: PAGE_ROWS,
    page_extra: 0,
    parts: 1,
    key: Some(Key::LookUp),
    concurrency: Some(Concurrency::LookFirst),
    told: &[],
    changes: Found::POLL,
    deletions: Found::RECONCILIATION,
    merges: Found::RECONCILIATION,
    restorations: None,
    exceptions: &[],
    notes: &[],
    fields: &[],
    derived: Detection::RECONCILIATION,
    creates_fields: false,
    never_blank: &[],
    unique: &[],
}];

/// The same.
pub(super) static LIMITS: &[Limit] = &[Limit { what: "calls, unless its description says otherwise", amount: 60, seconds: 60 }];

fn of_object(description: &Description, name: &str, part: &ObjectPart) -> Capabilities {
    // Where words for objects are listed, messages tell of those objects alone.
    let tells = |told: &&WebhookPart| told.objects.is_empty() || told.objects.values().any(|object| object == name);
    let told = description.webhooks.as_ref().filter(tells);
    // Of messages that do not say what happened nobody knows whether any is sent for a row that is gone.
    let tells_deletions = told.is_some_and(|told| told.action.is_some());
    let swept = part.removed.as_ref().map(|removed| Duration::from_secs(removed.every_seconds));
    // A row that says of itself that it is gone, or into what it went, is seen wherever rows are.
    let says = part.row.gone.is_some() && part.removed.is_none();
    let paging = part.list.paging.as_ref().unwrap_or(&description.paging);
    let page_rows = paging.size.as_ref().and_then(|size| u32::try_from(size.rows).ok());
    // Where some objects are described as merged, the others are not.
    let merges = part.merge.is_some() || description.objects.values().all(|other| other.merge.is_none());
    let tells_merges = merges && told.is_some_and(|told| told.merged_into.is_some() || told.merged_from.is_some());
    let tells = [
        (Happening::Created, told.is_some()),
        (Happening::Changed, told.is_some()),
        (Happening::Deleted, tells_deletions),
        (Happening::Merged, tells_merges),
        (Happening::Restored, told.is_some() && part.row.gone.is_some()),
    ];
    // A description says where a message has its word for what happened, not which words there are.
    let tells: Vec<Told> = tells.into_iter().filter(|(_, told)| *told).map(|(what, _)| Told { what, by: &[EVERY] }).collect();
    let looked_up = part.fields.iter().filter(|(_, field)| field.look_up.is_some());
    let fields: Vec<(&'static str, Detection)> = looked_up.map(|(name, _)| (interned(name), Detection::RECONCILIATION)).collect();
    let unique = part.fields.iter().filter(|(_, field)| field.unique).map(|(name, _)| {
        let asks = |find: &Option<FindCall>| find.as_ref().is_some_and(|find| find.field.as_ref() == Some(name));
        let by_name = asks(&part.find.name).then_some(Lookup::Name);
        Unique { field: interned(name), asked: if asks(&part.find.email) { Some(Lookup::Email) } else { by_name } }
    });
    let key = if part.upsert.is_some() { Some(Key::Upsert) } else { part.create.as_ref().map(|_| Key::LookUp) };
    Capabilities {
        object: interned(name),
        page_rows: page_rows.unwrap_or(PAGE_ROWS).max(1),
        page_extra: u32::try_from(part.also.len()).unwrap_or(0),
        parts: 1,
        key,
        concurrency: part.update.as_ref().map(|_| Concurrency::LookFirst),
        told: Vec::leak(tells),
        changes: Found::POLL,
        deletions: Found { poll: swept.or(says.then_some(Duration::ZERO)), reconciliation: true },
        merges: Found {
            poll: part.row.merged_into.as_ref().map(|_| swept.unwrap_or(Duration::ZERO)),
            reconciliation: part.row.merged_into.is_some(),
        },
        restorations: part.row.gone.as_ref().map(|_| Found::POLL),
        exceptions: &[],
        notes: &[],
        fields: Vec::leak(fields),
        derived: Detection::RECONCILIATION,
        creates_fields: part.custom_fields.as_ref().is_some_and(|custom| custom.create.is_some()),
        never_blank: &[],
        unique: Vec::leak(unique.collect()),
    }
}

/// The capabilities and limits of a description, for as long as the process lives: asked for once for each description.
pub(super) fn of(description: &Description) -> (&'static [Capabilities], &'static [Limit]) {
    let objects: Vec<Capabilities> = description.objects.iter().map(|(name, part)| of_object(description, name, part)).collect();
    let budgets = description.limits.budgets.iter().filter_map(|budget| {
        let what = interned(budget.name.as_deref().unwrap_or("calls"));
        budget.calls.map(|amount| Limit { what, amount, seconds: budget.seconds })
    });
    (Vec::leak(objects), Vec::leak(budgets.collect()))
}
