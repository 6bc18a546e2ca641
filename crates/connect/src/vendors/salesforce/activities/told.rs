//! What outbound messages and streams tell of tasks and events, as of activities.

use super::super::Salesforce;
use super::{ACTIVITY, HALVES, Half, KIND, TASK_SUBTYPE};
use crate::look::Look;
use crate::webhook::{Blanks, Event};

/// The objects that tell of changes where an object is read, each with its own fields that are read then.
pub(in crate::vendors::salesforce) fn tellers(
    object: &str,
    fields: &[String],
    mut told_by: impl FnMut(&str) -> Option<String>,
) -> Vec<(String, Vec<String>)> {
    if object != ACTIVITY {
        return vec![(object.to_owned(), fields.iter().filter_map(|field| told_by(field)).collect())];
    }
    let own = |half: &Half| half.fields(fields, None).iter().filter_map(|field| told_by(field)).collect();
    HALVES.iter().map(own).zip(&HALVES).map(|(fields, half)| (half.object.to_owned(), fields)).collect()
}

impl Salesforce {
    /// An event of a task or an event of the calendar as one of the activity that it is, where somebody reads activities.
    pub(in crate::vendors::salesforce) fn among_activities(&self, event: &Event, look: Option<Look>) -> Option<Event> {
        let half = Half::of(&event.object)?;
        let fields = self.asked_of(ACTIVITY)?;
        let own = half.fields(&fields, self.cached(half.object).as_deref());
        let mut look = look;
        let blank = look.as_mut().and_then(|look| self.blank_in(half.object, &own, &mut look.row));
        let named = |name: String| if name == TASK_SUBTYPE { KIND.to_owned() } else { name };
        let blanks = blank.map_or(Blanks::LeftOut, |blank| {
            let names = blank.into_iter().map(named).filter(|name| fields.contains(name)).chain(half.lacking(&fields, &own));
            Blanks::Known(names.collect())
        });
        let look = look.map(|look| half.look(look, &fields));
        Some(Event { object: ACTIVITY.to_owned(), id: event.id.clone(), look, kind: event.kind.clone(), blanks, created: event.created })
    }
}

impl Half {
    /// Fields of activities that its rows have nothing of: blank whatever is told.
    fn lacking<'a>(&'a self, fields: &'a [String], own: &'a [String]) -> impl Iterator<Item = String> + 'a {
        fields.iter().filter(|field| *field != KIND && !own.contains(*field)).cloned()
    }
}
