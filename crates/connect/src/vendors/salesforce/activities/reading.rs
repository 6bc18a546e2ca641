//! Reading activities: one of the two objects after the other, each with a position of its own.

use std::collections::BTreeMap;

use entente_model::actor::ChangeMark;
use entente_model::mapping::remote::Row;
use serde::{Deserialize, Serialize};

use super::super::Salesforce;
use super::{ACTIVITY, HALVES, Half, placed, shuts};
use crate::connector::Priority;
use crate::erase::Erase;
use crate::error::{Class, VendorError};
use crate::look::{self, Cursor, Existence, Look, Page, ReadSpec};

/// Where a poll of both stands.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    /// The one that is being read.
    half: usize,
    /// Whether one was read since this round of both began.
    #[serde(default)]
    read: bool,
    /// Where each of them stands.
    cursors: Vec<Option<Cursor>>,
}

impl Place {
    fn of(cursor: Option<&Cursor>) -> Result<Self, VendorError> {
        let mut place = cursor.map_or(Ok(Self { half: 0, read: false, cursors: Vec::new() }), |cursor| look::position(cursor))?;
        place.cursors.resize(HALVES.len(), None);
        place.half = place.half.min(HALVES.len() - 1);
        Ok(place)
    }

    fn is_last(&self) -> bool {
        self.half + 1 == HALVES.len()
    }

    /// Goes on to the next one, or to the beginning of the next round.
    fn turn(&mut self) {
        (self.half, self.read) = if self.is_last() { (0, false) } else { (self.half + 1, self.read) };
    }

    fn to_text(&self) -> Cursor {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The position at which both stand at the present.
pub(in crate::vendors::salesforce) fn from_present(present: &Cursor) -> Cursor {
    Place { half: 0, read: false, cursors: vec![Some(present.clone()); HALVES.len()] }.to_text()
}

impl Salesforce {
    /// One page of one of them after the other. Where our user may see one alone, that one is read; the other is read from its beginning, or from
    /// where it stood, once it may be seen.
    pub(in crate::vendors::salesforce) async fn activity_page(
        &self,
        read: &ReadSpec,
        cursor: Option<&Cursor>,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        let mut place = Place::of(cursor)?;
        let mut refusal = None;
        loop {
            let (half, last) = (&HALVES[place.half], place.is_last());
            let page = match self.half_page(half, read, place.cursors[place.half].as_ref(), priority).await {
                Err(error) if shuts(&error) => {
                    if last && !place.read {
                        return Err(refusal.unwrap_or(error));
                    }
                    let (connection, object) = (&self.client.settings().name, half.object);
                    tracing::info!(%connection, object, %error, "left out of the activities: give our user access to the object to have them");
                    place.turn();
                    if last {
                        return Ok(Page { looks: Vec::new(), next: place.to_text(), more: false, total: None });
                    }
                    refusal = Some(error);
                    continue;
                }
                page => page?,
            };
            place.read = true;
            place.cursors[place.half] = Some(page.next);
            if !page.more {
                place.turn();
            }
            return Ok(Page { looks: page.looks, next: place.to_text(), more: page.more || !last, total: None });
        }
    }

    async fn half_page(
        &self,
        half: &'static Half,
        read: &ReadSpec,
        cursor: Option<&Cursor>,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        let own = self.half_read(half, read, priority).await?;
        let page = self.read_page(&own, ACTIVITY, cursor, priority).await.map_err(|error| self.notice(half.object, error))?;
        Ok(Page { looks: page.looks.into_iter().map(|look| half.look(look, &read.fields)).collect(), ..page })
    }

    /// Rows by id, each from its own object. What our user may not see is not taken for gone.
    pub(in crate::vendors::salesforce) async fn fetch_activities(
        &self,
        read: &ReadSpec,
        wanted: &[String],
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let placed: Vec<(String, Option<&'static Half>)> = wanted.iter().map(|id| placed(id)).collect();
        let mut found: BTreeMap<String, Look> = BTreeMap::new();
        for half in &HALVES {
            let of_half = placed.iter().filter(|(_, of)| of.is_some_and(|of| of.object == half.object));
            let own: Vec<String> = of_half.map(|(id, _)| id.clone()).collect();
            if own.is_empty() {
                continue;
            }
            let spec = self.half_read(half, read, priority).await?;
            let looks = self.fetch_rows(&spec, &own, priority).await.map_err(|error| self.notice(half.object, error))?;
            found.extend(looks.into_iter().map(|look| half.look(look, &read.fields)).map(|look| (look.id.clone(), look)));
        }
        let gone = |id: &str| Look {
            object: ACTIVITY.to_owned(),
            id: id.to_owned(),
            existence: Existence::Deleted,
            row: Row::new(),
            complete: true,
            version: None,
            mark: ChangeMark::default(),
            seen_at: self.client.now(),
        };
        Ok(placed.iter().map(|(id, _)| found.get(id).cloned().unwrap_or_else(|| gone(id))).collect())
    }

    /// The erasure of an activity as one of the object that it is: an activity is never written to itself.
    pub(in crate::vendors::salesforce) async fn own_erasure(&self, erase: &Erase, priority: Priority) -> Result<Erase, VendorError> {
        let (id, half) = placed(&erase.id);
        let half = half.ok_or_else(|| {
            VendorError::new(
                Class::Data,
                "no_row",
                format!("`{id}` is the id of neither a task nor an event"),
                "nothing to do: no activity has this id",
            )
        })?;
        let named: Vec<String> = erase.blank.keys().cloned().collect();
        let described = self.half_described(half, &named, priority).await?;
        let blank = erase.blank.iter().filter(|(field, _)| described.kind(field).is_some());
        let blank = blank.map(|(field, value)| (field.clone(), value.clone())).collect();
        Ok(Erase { object: half.object.to_owned(), id, manner: erase.manner, blank })
    }
}
