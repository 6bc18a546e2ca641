//! What a change breaks, and whether it still does.

use std::collections::BTreeSet;

use entente_model::formula::Formula;
use entente_model::mapping::convert::Lens;
use entente_model::mapping::patch::touches;
use entente_model::mapping::remote::RemoteObject;
use entente_model::mapping::schema::{ChangeKind, Difference};
use entente_model::mapping::{Direction, FieldMap, Mapping};
use entente_model::normalise::Locale;
use entente_model::object::Object;

use super::detail::{Detail, Hit};

/// A mapping as it is saved, with its object.
pub(super) struct Saved<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) object: &'a Object,
}

/// Lines in use that read or write a remote field.
pub(super) fn lines<'a>(mapping: &'a Mapping, remote: &str) -> Vec<&'a FieldMap> {
    mapping.fields.iter().filter(|line| !line.archived && touches(line, remote)).collect()
}

/// Whether the mapping as a whole needs a remote field: as its key, or in its filter.
fn is_needed(mapping: &Mapping, remote: &str) -> bool {
    let filtered = mapping.filter.as_deref().is_some_and(|text| Formula::parse(text).is_ok_and(|filter| filter.reads().contains(remote)));
    mapping.key == remote || filtered
}

/// Our fields whose lines do not fit what the platform describes.
pub(super) fn misfits(saved: &Saved<'_>, remote: &RemoteObject, locale: &Locale) -> BTreeSet<String> {
    match Lens::compile(saved.mapping.clone(), saved.object, Some(remote), locale.clone()) {
        Ok(_) => BTreeSet::new(),
        Err(errors) => errors.into_iter().filter_map(|error| error.field).collect(),
    }
}

/// Whether a line writes to the platform.
pub(super) fn writes(line: &FieldMap) -> bool {
    line.direction != Direction::In
}

/// The value of ours that a line translates a remote value to.
pub(super) fn ours<'a>(line: &'a FieldMap, theirs: &'a str) -> &'a str {
    line.values.iter().find(|(known, _)| known.trim() == theirs).map_or(theirs, |(_, ours)| ours.trim())
}

/// Lines that a difference breaks. Empty when it breaks nothing.
pub(super) fn hits(of: &Difference, saved: &[Saved<'_>], before: &RemoteObject, after: &RemoteObject, locale: &Locale) -> Vec<Hit> {
    let mut hits = Vec::new();
    for one in saved {
        let touching = lines(one.mapping, &of.field);
        let whole = of.kind == ChangeKind::Removed && is_needed(one.mapping, &of.field);
        let broken: Vec<&&FieldMap> = match of.kind {
            ChangeKind::Removed | ChangeKind::Renamed => touching.iter().collect(),
            ChangeKind::Retyped => {
                let fitted = misfits(one, before, locale);
                let unfit: BTreeSet<String> = misfits(one, after, locale).difference(&fitted).cloned().collect();
                touching.iter().filter(|line| unfit.contains(&line.field)).collect()
            }
            ChangeKind::Values if refuses_more(of) => {
                touching.iter().filter(|line| writes(line) && line.remote == of.field && !covers(line, of, after)).collect()
            }
            ChangeKind::Values | ChangeKind::Added | ChangeKind::Required => Vec::new(),
        };
        if whole || !broken.is_empty() {
            let fields = broken.into_iter().map(|line| line.field.clone()).collect();
            hits.push(Hit { object: one.mapping.object.clone(), fields, whole });
        }
    }
    hits
}

/// Whether a list refuses values that it took before.
fn refuses_more(of: &Difference) -> bool {
    of.after.as_ref().is_some_and(|after| after.restricted) && (of.closes() || !of.values_gone().is_empty())
}

/// Whether a line sends none of the values that the list no longer takes.
fn covers(line: &FieldMap, of: &Difference, now: &RemoteObject) -> bool {
    let Some(field) = now.field(&of.field).filter(|field| field.restricted) else { return true };
    let takes = |value: &str| field.values.iter().any(|known| known == value);
    let sent =
        |ours_: &str| line.values.iter().find(|(_, ours)| ours.trim() == ours_).map_or(ours_.to_owned(), |(theirs, _)| theirs.clone());
    !of.closes() && of.values_gone().iter().all(|gone| takes(gone) || takes(sent(ours(line, gone)).trim()))
}

/// Why a change breaks nothing any more; `None` while it does.
pub(super) fn over(of: &Difference, detail: &Detail, saved: &[Saved<'_>], now: &RemoteObject, locale: &Locale) -> Option<&'static str> {
    const BACK: &str = "the field is as the mapping needs it again";
    const PATCHED: &str = "the mapping was changed";
    let hit = |object: &str| detail.hits.iter().find(|hit| hit.object == object);
    let still_whole = saved.iter().any(|one| hit(&one.mapping.object).is_some_and(|hit| hit.whole) && is_needed(one.mapping, &of.field));
    let touched: Vec<(&Saved<'_>, Vec<&FieldMap>)> = saved.iter().map(|one| (one, lines(one.mapping, &of.field))).collect();
    let any = still_whole || touched.iter().any(|(_, lines)| !lines.is_empty());
    match of.kind {
        _ if !any => Some(PATCHED),
        ChangeKind::Removed | ChangeKind::Renamed => now.field(&of.field).is_some().then_some(BACK),
        ChangeKind::Retyped => {
            let unfit = |(one, lines): &(&Saved<'_>, Vec<&FieldMap>)| {
                let misfits = misfits(one, now, locale);
                let named = |field: &String| hit(&one.mapping.object).is_some_and(|hit| hit.fields.contains(field));
                lines.iter().any(|line| named(&line.field) && misfits.contains(&line.field))
            };
            let back = now.field(&of.field) == of.before.as_ref();
            (!touched.iter().any(unfit)).then_some(if back { BACK } else { PATCHED })
        }
        ChangeKind::Values => {
            if now.field(&of.field).is_none_or(|field| !field.restricted) {
                return Some(BACK);
            }
            let sends = |line: &&FieldMap| writes(line) && line.remote == of.field && !covers(line, of, now);
            if touched.iter().flat_map(|(_, lines)| lines).any(sends) {
                return None;
            }
            let back = of.values_gone().iter().all(|gone| now.field(&of.field).is_some_and(|field| field.values.contains(gone)));
            Some(if back { BACK } else { PATCHED })
        }
        ChangeKind::Added | ChangeKind::Required => Some(BACK),
    }
}
