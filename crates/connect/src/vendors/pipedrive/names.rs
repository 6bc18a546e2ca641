//! What ids stand for: users, stages, pipelines and labels of leads. Few, rarely changed, and needed by name, so they are read whole and
//! kept for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use serde_json::Value;

use super::Pipedrive;
use super::kind::Kind;
use super::refusal::of_no_row;
use super::wire::{Next, Read, id_text};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

/// How long a list is believed.
const BELIEF: Duration = Duration::from_secs(3_600);
/// How long it is believed when a row names something that it lacks.
const BELIEF_IN_DOUBT: Duration = Duration::from_secs(60);
/// Rows on a page of pipelines and stages.
const PAGE_ROWS: &str = "500";

/// A user's name and address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub name: String,
    pub email: String,
}

/// Names by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub users: BTreeMap<String, Person>,
    pub stages: BTreeMap<String, String>,
    pub pipelines: BTreeMap<String, String>,
    pub lead_labels: BTreeMap<String, String>,
}

/// A list, and when it was read.
type Held = tokio::sync::Mutex<Option<(Timestamp, Arc<BTreeMap<String, Person>>)>>;

/// The lists as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    users: Held,
    stages: Held,
    pipelines: Held,
    lead_labels: Held,
}

impl Lists {
    /// The next read that shows a name asks for its list anew.
    pub async fn forget(&self) {
        for held in [&self.users, &self.stages, &self.pipelines, &self.lead_labels] {
            *held.lock().await = None;
        }
    }
}

/// Our own user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Me {
    pub id: String,
    pub email: String,
    pub company: String,
    /// Currency of amounts that name none.
    pub currency: String,
}

/// Ids that rows name in a place.
fn named(rows: &[Value], key: &str) -> Vec<String> {
    rows.iter().filter_map(|row| id_text(&row[key])).collect()
}

impl Pipedrive {
    /// Asks who the token belongs to.
    pub(super) async fn ask_me(&self, priority: Priority) -> Result<(Me, Read), VendorError> {
        let read = self.send("me", priority, Call::get("/v1/users/me")).await.map_err(of_no_row)?;
        let text = |name: &str| read.data[name].as_str().unwrap_or_default().to_owned();
        let currency = Some(text("default_currency")).filter(|text| !text.is_empty()).unwrap_or_else(|| "USD".to_owned());
        let company = id_text(&read.data["company_id"]).unwrap_or_default();
        let me = Me { id: id_text(&read.data["id"]).unwrap_or_default(), email: text("email"), company, currency };
        *self.me.write().unwrap_or_else(PoisonError::into_inner) = Some(me.clone());
        Ok((me, read))
    }

    /// Our own user, asked for once.
    pub(super) async fn me(&self, priority: Priority) -> Result<Me, VendorError> {
        match self.known_me() {
            Some(me) => Ok(me),
            None => Ok(self.ask_me(priority).await?.0),
        }
    }

    /// Our own user, if it was asked for.
    pub(super) fn known_me(&self) -> Option<Me> {
        self.me.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names that these fields of these rows need.
    pub(super) async fn names(&self, kind: Kind, fields: &[String], rows: &[Value], priority: Priority) -> Result<Names, VendorError> {
        let wants = |name: &str| fields.iter().any(|field| field == name);
        let mut names = Names::default();
        if fields.iter().any(|field| field.starts_with("owner.")) {
            let owner = if kind == Kind::Note { "user_id" } else { "owner_id" };
            names.users = (*self.list(&self.lists.users, "users", "/v1/users", &named(rows, owner), priority).await?).clone();
            self.actors.learn(names.users.keys().map(|id| (id.clone(), Actor::Sales)).collect());
            self.actors.call(names.users.iter().map(|(id, user)| (id.clone(), user.name.clone())).collect());
        }
        let plain = |held: Arc<BTreeMap<String, Person>>| held.iter().map(|(id, person)| (id.clone(), person.name.clone())).collect();
        if kind == Kind::Deal && wants("stage") {
            names.stages = plain(self.list(&self.lists.stages, "stages", "/api/v2/stages", &named(rows, "stage_id"), priority).await?);
        }
        if kind == Kind::Deal && wants("pipeline") {
            let ids = named(rows, "pipeline_id");
            names.pipelines = plain(self.list(&self.lists.pipelines, "pipelines", "/api/v2/pipelines", &ids, priority).await?);
        }
        if kind == Kind::Lead && wants("labels") {
            let ids: Vec<String> =
                rows.iter().flat_map(|row| row["label_ids"].as_array().into_iter().flatten()).filter_map(id_text).collect();
            names.lead_labels = plain(self.list(&self.lists.lead_labels, "lead_labels", "/v1/leadLabels", &ids, priority).await?);
        }
        Ok(names)
    }

    /// A list by id, with all of `wanted` among them unless Pipedrive does not know them.
    async fn list(
        &self,
        held: &Held,
        kind: &'static str,
        path: &str,
        wanted: &[String],
        priority: Priority,
    ) -> Result<Arc<BTreeMap<String, Person>>, VendorError> {
        let mut held = held.lock().await;
        if let Some((at, known)) = &*held {
            let age = Duration::try_from(self.client.now().duration_since(*at)).unwrap_or(Duration::ZERO);
            let whole = wanted.iter().all(|id| known.contains_key(id));
            if age < if whole { BELIEF } else { BELIEF_IN_DOUBT } {
                return Ok(Arc::clone(known));
            }
        }
        let mut known = BTreeMap::new();
        let mut after: Option<Next> = None;
        loop {
            let mut call = Call::get(path);
            if path.starts_with("/api/v2") {
                call = call.query("limit", PAGE_ROWS);
            }
            match &after {
                Some(Next::Cursor(cursor)) => call = call.query("cursor", cursor),
                Some(Next::Start(start)) => call = call.query("start", start.to_string()),
                None => {}
            }
            let read = self.send(kind, priority, call).await.map_err(of_no_row)?;
            for row in read.rows() {
                let text = |name: &str| row[name].as_str().unwrap_or_default().trim().to_owned();
                if let Some(id) = id_text(&row["id"]) {
                    known.insert(id, Person { name: text("name"), email: text("email").to_lowercase() });
                }
            }
            match read.next {
                Some(next) if after.as_ref() != Some(&next) => after = Some(next),
                _ => break,
            }
        }
        let known = Arc::new(known);
        *held = Some((self.client.now(), Arc::clone(&known)));
        Ok(known)
    }

    /// The id of a lead's label by its name.
    pub(super) async fn lead_label(&self, label: &str, priority: Priority) -> Result<Option<String>, VendorError> {
        let known = self.list(&self.lists.lead_labels, "lead_labels", "/v1/leadLabels", &[], priority).await?;
        let wanted = label.trim().to_lowercase();
        Ok(known.iter().find(|(_, known)| known.name.to_lowercase() == wanted).map(|(id, _)| id.clone()))
    }
}
