//! Submissions of forms: what a person sent is an activity of theirs, and never changes.
//!
//! HubSpot lists them by form, the newest first, and does not tell in which form something is new; so every form is asked, at most once an
//! hour. Whose it is is found by the address in it. An account that does not grant the scope `forms` has none for us.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::HubSpot;
use super::kind::ASSOCIATION;
use super::wire::{Listed, Record};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{self, Cursor, Existence, Look, Page, ReadSpec};
use crate::transport::call::Call;

/// Name among engagements.
pub(super) const SUBMISSIONS: &str = "form_submissions";

/// Forms on a page, and submissions on one.
const PAGE_ROWS: &str = "50";
/// Time between two rounds through all forms.
const ROUND_EVERY: Duration = Duration::from_secs(3_600);
/// How far a round looks back behind the beginning of the last one: submissions turn up within minutes.
const LOOK_BACK: Duration = Duration::from_secs(600);

/// Where reading them stands.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// When the last whole round began.
    #[serde(default)]
    since: Option<Timestamp>,
    /// When the next round is due.
    #[serde(default)]
    due: Option<Timestamp>,
    /// When the round under way began.
    #[serde(default)]
    begun: Option<Timestamp>,
    /// Forms of the round under way that are left: id and name.
    #[serde(default)]
    forms: Vec<(String, String)>,
    /// Where the first of them goes on.
    #[serde(default)]
    after: Option<String>,
}

impl Place {
    fn to_text(&self) -> Cursor {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One submission.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Submission {
    conversion_id: Option<String>,
    #[serde(default)]
    submitted_at: i64,
    #[serde(default)]
    values: Vec<Value>,
    page_url: Option<String>,
}

/// A page of them.
#[derive(Debug, Deserialize)]
struct Submissions {
    #[serde(default)]
    results: Vec<Submission>,
    paging: Option<super::wire::Paging>,
}

impl Submission {
    fn text(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// The address in it.
    fn email(&self) -> Option<String> {
        let value = self.values.iter().find(|value| value["name"].as_str() == Some("email"))?;
        value["value"].as_str().map(|email| email.trim().to_lowercase()).filter(|email| email.contains('@'))
    }

    /// An id of its own; older answers have none, and two of one person in one millisecond are one.
    fn id(&self, form: &str) -> String {
        let own = self.conversion_id.clone().unwrap_or_else(|| {
            let told = format!("{} {}", self.submitted_at, self.email().unwrap_or_default());
            digest::digest(&digest::SHA256, told.as_bytes()).as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
        });
        format!("{form}_{own}")
    }

    /// What was filled in, a line for each field.
    fn body(&self) -> String {
        let lines = self.values.iter().map(|value| format!("{}: {}", Self::text(&value["name"]), Self::text(&value["value"])));
        let page = self.page_url.iter().filter(|page| !page.is_empty()).map(|page| format!("page: {page}"));
        lines.chain(page).collect::<Vec<_>>().join("\n")
    }

    fn at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.submitted_at).ok()
    }
}

impl HubSpot {
    /// One page of submissions.
    pub(super) async fn submission_page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        let mut place: Place = cursor.map_or(Ok(Place::default()), |text| look::position(text))?;
        let now = self.client.offset().theirs(self.client.now());
        if place.begun.is_none() {
            if place.due.is_some_and(|due| now < due) {
                return Ok(Page { looks: Vec::new(), next: place.to_text(), more: false, total: None });
            }
            place.due = now.checked_add(ROUND_EVERY).ok();
            let Some(forms) = self.forms(priority).await? else {
                return Ok(Page { looks: Vec::new(), next: place.to_text(), more: false, total: None });
            };
            (place.begun, place.forms, place.after) = (Some(now), forms, None);
        }
        let mut looks = Vec::new();
        if let Some((form, name)) = place.forms.first().cloned() {
            let page = self.submissions(&form, place.after.as_deref(), priority).await?;
            let floor = place.since.and_then(|since| since.checked_sub(LOOK_BACK).ok());
            let news: Vec<&Submission> =
                page.results.iter().filter(|one| floor.is_none_or(|floor| one.at().is_none_or(|at| at >= floor))).collect();
            // The newest come first: behind an old one are older ones.
            let old = news.len() < page.results.len();
            looks = self.submission_looks(read, &form, &name, &news, priority).await?;
            place.after = page.paging.and_then(|paging| paging.next).map(|next| next.after).filter(|_| !old);
            if place.after.is_none() {
                place.forms.remove(0);
            }
        }
        if place.forms.is_empty() {
            place.since = place.begun.take();
        }
        Ok(Page { looks, more: place.begun.is_some(), next: place.to_text(), total: None })
    }

    /// Submissions by id. They cannot be asked for one by one, so that their forms are gone through.
    pub(super) async fn fetch_submissions(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let mut found: BTreeMap<String, Look> = BTreeMap::new();
        let forms: BTreeSet<&str> = ids.iter().filter_map(|id| id.split_once('_')).map(|(form, _)| form).collect();
        let names: BTreeMap<String, String> = self.forms(priority).await?.unwrap_or_default().into_iter().collect();
        for form in forms {
            let Some(name) = names.get(form) else { continue };
            let wanted: BTreeSet<&String> = ids.iter().filter(|id| id.split_once('_').is_some_and(|(of, _)| of == form)).collect();
            let mut after: Option<String> = None;
            loop {
                let page = self.submissions(form, after.as_deref(), priority).await?;
                let fits: Vec<&Submission> = page.results.iter().filter(|one| wanted.contains(&one.id(form))).collect();
                let looks = self.submission_looks(read, form, name, &fits, priority).await?;
                found.extend(looks.into_iter().map(|look| (look.id.clone(), look)));
                after = page.paging.and_then(|paging| paging.next).map(|next| next.after);
                if after.is_none() || wanted.iter().all(|id| found.contains_key(*id)) {
                    break;
                }
            }
        }
        let gone = |id: &String| Look {
            object: SUBMISSIONS.to_owned(),
            id: id.clone(),
            existence: Existence::Deleted,
            row: Row::new(),
            complete: true,
            version: None,
            mark: ChangeMark::default(),
            seen_at: self.client.now(),
        };
        Ok(ids.iter().map(|id| found.remove(id).unwrap_or_else(|| gone(id))).collect())
    }

    /// Every form by id and name; `None` where we may not see any.
    async fn forms(&self, priority: Priority) -> Result<Option<Vec<(String, String)>>, VendorError> {
        let mut forms = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut call = Call::get(self.paths.forms()).query("limit", PAGE_ROWS).accept(&[403]);
            if let Some(after) = &after {
                call = call.query("after", after);
            }
            let answer = self.client.call("forms", priority, call).await?;
            if answer.status == 403 {
                tracing::info!(connection = %self.client.settings().name, "submissions of forms are not read: grant the scope `forms` to have them as activities");
                return Ok(None);
            }
            let page: Listed = answer.json()?;
            let named = page.results.iter().filter_map(|form| Some((form["id"].as_str()?.to_owned(), form["name"].as_str()?.to_owned())));
            forms.extend(named);
            match page.paging.and_then(|paging| paging.next) {
                Some(next) if after.as_deref() != Some(next.after.as_str()) => after = Some(next.after),
                _ => return Ok(Some(forms)),
            }
        }
    }

    async fn submissions(&self, form: &str, after: Option<&str>, priority: Priority) -> Result<Submissions, VendorError> {
        let mut call = Call::get(format!("/form-integrations/v1/submissions/forms/{form}")).query("limit", PAGE_ROWS).accept(&[404]);
        if let Some(after) = after {
            call = call.query("after", after);
        }
        let answer = self.client.call("form_submissions", priority, call).await?;
        // The form went while the round was under way.
        if answer.status == 404 { Ok(Submissions { results: Vec::new(), paging: None }) } else { answer.json() }
    }

    async fn submission_looks(
        &self,
        read: &ReadSpec,
        form: &str,
        name: &str,
        submissions: &[&Submission],
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        let wants = |to: &str| read.fields.iter().any(|field| field.strip_prefix(ASSOCIATION) == Some(to));
        let emails: BTreeSet<String> = submissions.iter().filter_map(|one| one.email()).collect();
        let people = if emails.is_empty() || !(wants("contacts") || wants("companies")) {
            Vec::new()
        } else {
            let spec = ReadSpec { object: "contacts".to_owned(), fields: vec!["email".to_owned(), "hs_additional_emails".to_owned()] };
            let mut found = Vec::new();
            for chunk in emails.iter().map(String::as_str).collect::<Vec<_>>().chunks(super::SPEC.fetch_max) {
                found.extend(self.batch_read(&spec, chunk, Some("email"), priority).await?.results);
            }
            found
        };
        let companies = if people.is_empty() || !wants("companies") {
            BTreeMap::new()
        } else {
            self.associated("contacts", "companies", &people, false, priority).await?
        };
        let whose = |email: &str| -> Option<&Record> {
            people.iter().find(|person| {
                let further = person.text("hs_additional_emails").unwrap_or_default().split(';');
                person.text("email").into_iter().chain(further).any(|held| held.trim().eq_ignore_ascii_case(email))
            })
        };
        let seen_at = self.client.now();
        let looks = submissions.iter().map(|one| {
            let person = one.email().and_then(|email| whose(&email).map(|person| person.id.clone()));
            let stamp = one.at().map_or(Value::Null, |at| Value::from(at.to_string()));
            let body = one.body();
            let value = |field: &String| match field.as_str() {
                "hs_object_id" => Value::from(one.id(form)),
                "hs_timestamp" | "hs_createdate" | "hs_lastmodifieddate" => stamp.clone(),
                "form.name" => Value::from(name),
                "form.values" | "hs_body_preview" => Value::from(body.as_str()),
                "associations.contacts" => json!(person),
                "associations.companies" => json!(person.as_ref().and_then(|person| companies.get(person))),
                _ => Value::Null,
            };
            let mark = ChangeMark { at: one.at().map(|at| self.client.offset().correct(at)), by: Actor::Customer, who: None };
            Look {
                object: SUBMISSIONS.to_owned(),
                id: one.id(form),
                existence: Existence::Present,
                row: read.fields.iter().map(|field| (field.clone(), value(field))).collect(),
                complete: true,
                version: one.at().map(|at| at.to_string()),
                mark,
                seen_at,
            }
        });
        Ok(looks.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(value: Value) -> Submission {
        serde_json::from_value(value).expect("a submission")
    }

    #[test]
    fn one_without_an_id_has_the_same_one_every_time() {
        let told = json!({"submittedAt": 5, "values": [{"name": "email", "value": " Ada@Example.com "}]});
        assert_eq!(submission(told.clone()).id("f"), submission(told).id("f"));
        let own = submission(json!({"conversionId": "c", "submittedAt": 5, "values": []}));
        assert_eq!((own.id("f"), own.email()), ("f_c".to_owned(), None));
    }

    #[test]
    fn what_was_filled_in_is_read_line_by_line() {
        let told = submission(
            json!({"submittedAt": 5, "values": [{"name": "email", "value": "a@b.example"}, {"name": "seats", "value": 3}], "pageUrl": "https://x.example"}),
        );
        assert_eq!(told.body(), "email: a@b.example\nseats: 3\npage: https://x.example");
    }
}
