//! Polls, page by page. See [`super::cursor`] for the ways they go.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::cursor::{Place, Position, Step};
use super::kind::{Kind, Object};
use super::map::Seeing;
use super::names::Needed;
use super::refusal::{EXPIRED_LINK, NOT_TRACKED, of_no_row};
use super::wire::{ANNOTATIONS, PAGE_ROWS, ROOT, Rows, changed_at, version};
use super::{Dynamics, SPEC};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Cursor, Look, Page, ReadSpec};
use crate::transport::call::Call;

/// How far the look back reaches behind the beginning of a walk.
const BEHIND: Duration = Duration::from_secs(600);

/// An instant as filters take it: whole seconds.
fn stamp(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

impl Dynamics {
    /// The vendor's present.
    fn theirs(&self) -> Timestamp {
        self.client.offset().theirs(self.client.now())
    }

    /// What rows are seen with.
    pub(super) async fn seeing(
        &self,
        object: Object,
        kind: Kind,
        fields: &[String],
        priority: Priority,
    ) -> Result<Seeing<'_>, VendorError> {
        self.known_somewhere(object, fields, priority).await?;
        Ok(Seeing {
            object,
            schema: self.schema(object, kind, fields, priority).await?,
            names: self.names(Needed::by(fields), priority).await?,
            actors: &self.actors,
            ours: self.me(priority).await?.id,
            offset_ms: self.client.offset().ms().unwrap_or(0),
            seen_at: self.client.now(),
        })
    }

    /// See [`Connector::page`](crate::connector::Connector::page).
    pub(super) async fn next_page(&self, spec: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        let object = Object::named(&spec.object)?;
        let mut position = cursor.map_or_else(|| Ok(Position::start(object)), |cursor| Position::from_text(object, cursor))?;
        let kind = object.kinds()[position.at];
        let seeing = self.seeing(object, kind, &spec.fields, priority).await?;
        let wanted = seeing.schema.selection(&spec.fields);
        let place = std::mem::take(&mut position.places[position.at]);
        let (looks, place, more) = match self.step(&seeing, spec, &wanted, place.clone(), priority).await {
            // Everything is read anew. What was deleted meanwhile is found by the next reconciliation.
            Err(error) if error.code == EXPIRED_LINK => self.step(&seeing, spec, &wanted, Place::default(), priority).await?,
            // The link holds a column that is no longer there and no longer asked for.
            Err(error) if error.field.is_some() && place.selected.iter().any(|name| !wanted.contains(name)) => {
                self.step(&seeing, spec, &wanted, Place::default(), priority).await?
            }
            Err(error) if error.code == NOT_TRACKED => {
                let untracked = Place { step: Step::Since, begun: None, ..Place::default() };
                self.step(&seeing, spec, &wanted, untracked, priority).await?
            }
            other => other?,
        };
        position.places[position.at] = place;
        let more = more || position.turn();
        Ok(Page { looks, next: position.to_text(), more, total: None })
    }

    /// Reads one page of a table: its looks, where it goes on, and whether right now.
    async fn step(
        &self,
        seeing: &Seeing<'_>,
        spec: &ReadSpec,
        wanted: &[String],
        mut place: Place,
        priority: Priority,
    ) -> Result<(Vec<Look>, Place, bool), VendorError> {
        if place.step == Step::Walk && place.next.is_none() {
            place.selected = wanted.to_vec();
            if !seeing.schema.tracked {
                place.step = Step::Since;
                place.begun = None;
            }
        }
        let mut page = self.read_step(seeing.schema.kind, wanted, &place, priority).await?;
        let number = |row: &Value| version(row).and_then(|text| text.parse::<u64>().ok());
        if place.step == Step::LookBack {
            page.rows.retain(|row| number(row).is_none_or(|version| !place.knows(version)));
        }
        // A link goes on with the columns that it was made with: rows that lack one are fetched.
        let narrow = matches!(place.step, Step::Walk | Step::Follow) && wanted.iter().any(|name| !place.selected.contains(name));
        let looks = if narrow {
            self.fetch_anew(seeing, spec, &page.rows, priority).await?
        } else {
            page.rows.iter().filter_map(|row| seeing.look(row, &spec.fields)).collect()
        };
        let theirs = page.theirs.unwrap_or_else(|| self.theirs());
        let newest = page.rows.iter().filter_map(changed_at).max();
        let first = place.next.is_none();
        place.next = page.next;
        let goes_on = place.next.is_some();
        match place.step {
            Step::Walk => {
                if first {
                    place.begun = Some(theirs);
                }
                let young = place.begun.and_then(|begun| begun.checked_sub(BEHIND).ok());
                for row in page.rows.iter().filter(|row| changed_at(row) >= young) {
                    number(row).into_iter().for_each(|version| place.note(version));
                }
                if !goes_on {
                    place.delta = page.delta;
                    place.step = Step::LookBack;
                }
                return Ok((looks, place, true));
            }
            Step::LookBack if !goes_on => {
                place.seen = Vec::new();
                place.step = Step::Follow;
            }
            Step::Follow if !goes_on => place.delta = page.delta.or(place.delta),
            Step::Since => {
                // The next poll goes on where this one ended, less the overlap; an empty one stays where it was.
                place.begun = newest.max(place.begun).or(Some(theirs));
            }
            Step::LookBack | Step::Follow => {}
        }
        Ok((looks, place, goes_on))
    }

    async fn read_step(&self, kind: Kind, wanted: &[String], place: &Place, priority: Priority) -> Result<Rows, VendorError> {
        let tracked = format!("odata.track-changes,{PAGE_ROWS},{ANNOTATIONS}");
        let plain = format!("{PAGE_ROWS},{ANNOTATIONS}");
        let list = || Call::get(format!("{ROOT}/{}", kind.set())).query("$select", wanted.join(","));
        let since = |at: Option<Timestamp>, behind: Duration| {
            let order = format!("modifiedon,{}", kind.id_column());
            let call = list().query("$orderby", order);
            match at.map(|at| at.checked_sub(behind).unwrap_or(at)) {
                Some(at) => call.query("$filter", format!("modifiedon ge {}", stamp(at))),
                None => call,
            }
        };
        let (name, call, prefer) = match (place.step, &place.next) {
            (Step::Walk, None) => ("walk", list(), tracked),
            (Step::Walk, Some(next)) => ("walk", Call::get(next.clone()), tracked),
            (Step::Follow, next) => {
                let link = next.clone().or_else(|| place.delta.clone());
                // Without a link there is nothing to follow; the walk begins anew.
                let Some(link) = link else { return Err(lost_link()) };
                ("changes", Call::get(link), plain)
            }
            (Step::LookBack | Step::Since, Some(next)) => ("rows", Call::get(next.clone()), plain),
            (Step::LookBack, None) => ("rows", since(place.begun, BEHIND), plain),
            (Step::Since, None) => ("rows", since(place.begun, SPEC.overlap), plain),
        };
        self.page_of(name, priority, call.header("prefer", prefer)).await.map_err(of_no_row)
    }

    /// Looks at rows of which a page shows too little.
    async fn fetch_anew(&self, seeing: &Seeing<'_>, spec: &ReadSpec, rows: &[Value], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let short: Vec<Look> = rows.iter().filter_map(|row| seeing.look(row, &[])).collect();
        let ids: Vec<String> = short.iter().map(|look| look.id.clone()).collect();
        let mut looks = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(SPEC.fetch_max) {
            looks.extend(self.fetch_rows(spec, chunk, priority).await?);
        }
        Ok(looks)
    }

    /// A cursor at the vendor's present. Only a walk brings a link: it reads ids alone.
    pub(super) async fn present_cursor(&self, spec: &ReadSpec) -> Result<Cursor, VendorError> {
        let object = Object::named(&spec.object)?;
        let mut position = Position::start(object);
        for (at, kind) in object.kinds().into_iter().enumerate() {
            let schema = self.schema(object, kind, &[], Priority::Update).await?;
            let place = &mut position.places[at];
            place.begun = Some(self.theirs());
            if !schema.tracked {
                place.step = Step::Since;
                continue;
            }
            place.selected = vec![kind.id_column().to_owned()];
            loop {
                let rows = self.read_step(kind, &place.selected.clone(), place, Priority::Update).await?;
                place.next = rows.next;
                if place.next.is_none() {
                    place.delta = rows.delta;
                    place.step = Step::Follow;
                    break;
                }
            }
        }
        position.resting = true;
        Ok(position.to_text())
    }
}

fn lost_link() -> VendorError {
    super::refusal::misfit(EXPIRED_LINK, "the poll holds no link of changes", "nothing: every row is read again")
}
