//! Marketing e-mails with their statistics, and what people are subscribed to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::call::Call;
use super::kinds::CONTACTS;
use super::moment::{instant, iso};
use super::record::Hand;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Most e-mails on a page.
const PAGE_MAX: usize = 300;
/// Most addresses of a batch.
const BATCH_MAX: usize = 100;

/// What people may be subscribed to: id, name, and what it is for.
pub(crate) const SUBSCRIPTIONS: &[(u64, &str, &str)] = &[
    (2_208_647, "Marketing Information", "Marketing offers and updates."),
    (2_208_648, "Customer Service Communication", "Feedback requests and customer service information."),
];

/// One e-mail.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    id: u64,
    given: Map<String, Value>,
    state: &'static str,
    published_ms: Option<i64>,
    created_ms: i64,
    updated_ms: i64,
    archived: bool,
    counters: BTreeMap<&'static str, u64>,
}

/// What one address said of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// From everything.
    pub(crate) out: bool,
    pub(crate) yes: BTreeSet<u64>,
    pub(crate) no: BTreeSet<u64>,
}

impl Mail {
    fn shown(&self, stats: bool) -> Value {
        let mut shown = json!({
            "id": self.id.to_string(), "state": self.state, "subcategory": "batch", "type": "BATCH_EMAIL", "archived": self.archived,
            "createdAt": iso(self.created_ms), "updatedAt": iso(self.updated_ms), "isPublished": self.published_ms.is_some(),
            "activeDomain": "acme.example", "content": {}, "from": {}, "to": {}, "webversion": {}, "subscriptionDetails": {"subscriptionId": SUBSCRIPTIONS[0].0.to_string()},
            "sendOnPublish": true, "language": "en",
        });
        if let Some(held) = shown.as_object_mut() {
            held.extend(self.given.clone());
            if let Some(at) = self.published_ms {
                held.insert("publishDate".to_owned(), json!(iso(at)));
                held.insert("publishedAt".to_owned(), json!(iso(at)));
            }
        }
        if stats {
            shown["stats"] = self.stats();
        }
        shown
    }

    fn stats(&self) -> Value {
        let of = |name: &str| self.counters.get(name).copied().unwrap_or(0);
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
        json!({
            "counters": self.counters, "deviceBreakdown": {}, "qualifierStats": {},
            "ratios": {"openratio": share(of("open"), of("delivered")), "clickratio": share(of("click"), of("delivered"))},
        })
    }
}

impl State {
    /// `/emails/…`.
    pub(crate) fn mail_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        self.scoped("content")?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| Refusal::validation(format!("Invalid email id {text}")));
        let now = self.now_ms;
        match (call.method.as_str(), rest) {
            ("GET", []) => self.mail_page(call),
            ("POST", []) => {
                let given = call.body.as_object().cloned().unwrap_or_default();
                if given.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() {
                    return Err(Refusal::validation("name is required"));
                }
                let id = self.next_id();
                let mail = Mail {
                    id,
                    given,
                    state: "DRAFT",
                    published_ms: None,
                    created_ms: now,
                    updated_ms: now,
                    archived: false,
                    counters: BTreeMap::new(),
                };
                let shown = mail.shown(false);
                self.mails.insert(id, mail);
                Ok(Answer::created(shown))
            }
            ("GET", ["statistics", "list"]) => {
                let wanted = call.list("emailIds");
                let of = |name: &str| call.query(name).and_then(instant).unwrap_or(0);
                let (from, to) = (of("startTimestamp"), of("endTimestamp"));
                let sent = |mail: &&Mail| {
                    mail.published_ms.is_some_and(|at| at >= from && at <= to)
                        && (wanted.is_empty() || wanted.contains(&mail.id.to_string()))
                };
                let mails: Vec<&Mail> = self.mails.values().filter(sent).collect();
                let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
                for (name, count) in mails.iter().flat_map(|mail| &mail.counters) {
                    *sums.entry(name).or_default() += count;
                }
                let ids: Vec<u64> = mails.iter().map(|mail| mail.id).collect();
                Ok(Answer::ok(json!({
                    "emails": ids, "campaignAggregations": {}, "aggregate": {"counters": sums, "deviceBreakdown": {}, "qualifierStats": {}, "ratios": {}},
                })))
            }
            ("GET", [id]) => {
                let mail = self.mail(number(id)?)?;
                Ok(Answer::ok(mail.shown(call.query("includeStats") == Some("true"))))
            }
            ("PATCH", [id]) => {
                let id = self.mail(number(id)?)?.id;
                let given = call.body.as_object().cloned().unwrap_or_default();
                self.mails.entry(id).and_modify(|mail| {
                    mail.given.extend(given);
                    mail.updated_ms = now;
                });
                Ok(Answer::ok(self.mail(id)?.shown(false)))
            }
            ("DELETE", [id]) => {
                self.mails.entry(number(id)?).and_modify(|mail| mail.archived = true);
                Ok(Answer::nothing())
            }
            ("POST", [id, "publish"]) => {
                let id = self.mail(number(id)?)?.id;
                self.publish_mail(id);
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn mail(&self, id: u64) -> Result<&Mail, Refusal> {
        self.mails.get(&id).filter(|mail| !mail.archived).ok_or_else(|| Refusal::missing(&[id.to_string()]))
    }

    /// Sends an e-mail to whoever has not opted out, and counts.
    fn publish_mail(&mut self, id: u64) {
        let now = self.now_ms;
        let sent = self.records[CONTACTS]
            .values()
            .filter(|record| record.archived_ms.is_none())
            .filter_map(|record| record.value("email"))
            .filter(|email| !self.wishes.get(*email).is_some_and(|wishes| wishes.out || wishes.no.contains(&SUBSCRIPTIONS[0].0)))
            .count() as u64;
        self.mails.entry(id).and_modify(|mail| {
            (mail.state, mail.published_ms, mail.updated_ms) = ("PUBLISHED", Some(now), now);
            mail.counters =
                [("sent", sent), ("delivered", sent), ("open", sent / 2), ("click", sent / 4), ("bounce", 0), ("unsubscribed", 0)].into();
        });
    }

    fn mail_page(&self, call: &Call) -> Outcome {
        let limit = call.number("limit", 10)?;
        if limit == 0 || limit > PAGE_MAX {
            return Err(Refusal::validation(format!("limit must be between 1 and {PAGE_MAX}")));
        }
        let from: usize =
            call.query("after").map_or(Ok(0), |text| text.parse().map_err(|_| Refusal::validation("Invalid paging offset")))?;
        let after = call.query("updatedAfter").and_then(instant);
        let archived = call.query("archived") == Some("true");
        let fits = |mail: &&Mail| mail.archived == archived && after.is_none_or(|after| mail.updated_ms > after);
        let all: Vec<&Mail> = self.mails.values().filter(fits).collect();
        let stats = call.query("includeStats") == Some("true");
        let page: Vec<Value> = all.iter().skip(from).take(limit).map(|mail| mail.shown(stats)).collect();
        let mut body = json!({"total": all.len(), "results": page});
        if from + limit < all.len() {
            body["paging"] = call.next(&(from + limit).to_string());
        }
        Ok(Answer::ok(body))
    }

    /// `/communication-preferences/…` of versions 3 and 4.
    pub(crate) fn preference_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        self.scoped(if rest.first() == Some(&"statuses") && rest.get(1) == Some(&"batch") {
            "communication_preferences.statuses.batch.read"
        } else {
            "communication_preferences.read_write"
        })?;
        match (call.method.as_str(), rest) {
            ("GET", ["definitions"]) => {
                let shown: Vec<Value> = SUBSCRIPTIONS
                    .iter()
                    .map(|(id, name, about)| {
                        json!({
                            "id": id.to_string(), "name": name, "description": about, "purpose": "Marketing", "communicationMethod": "Email",
                            "isActive": true, "isDefault": true, "isInternal": false, "createdAt": iso(0), "updatedAt": iso(0),
                        })
                    })
                    .collect();
                // The two versions call the list by two names.
                Ok(Answer::ok(json!({"subscriptionDefinitions": shown, "results": shown})))
            }
            ("GET", ["status", "email", email]) => {
                let email = email.to_lowercase();
                let statuses: Vec<Value> = SUBSCRIPTIONS
                    .iter()
                    .map(|(id, name, about)| {
                        let status = self.wish(&email, *id);
                        json!({
                            "id": id.to_string(), "name": name, "description": about, "status": status, "sourceOfStatus": "SUBSCRIPTION_STATUS",
                            "preferenceGroupName": null, "legalBasis": null, "legalBasisExplanation": null,
                        })
                    })
                    .collect();
                Ok(Answer::ok(json!({"recipient": email, "subscriptionStatuses": statuses})))
            }
            ("POST", [verb @ ("subscribe" | "unsubscribe")]) => {
                let email = call.body["emailAddress"].as_str().unwrap_or_default().to_owned();
                let id: u64 = call.body["subscriptionId"].as_str().and_then(|id| id.parse().ok()).unwrap_or(0);
                self.wish_for(&email, Some(id), *verb == "subscribe")?;
                let (name, about) = SUBSCRIPTIONS.iter().find(|known| known.0 == id).map_or(("", ""), |known| (known.1, known.2));
                Ok(Answer::ok(json!({
                    "id": id.to_string(), "name": name, "description": about, "status": self.wish(&email.to_lowercase(), id),
                    "sourceOfStatus": "SUBSCRIPTION_STATUS",
                })))
            }
            ("POST", ["statuses", "batch", "read"]) => {
                let results: Vec<Value> = call
                    .inputs(BATCH_MAX)?
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|email| json!({"subscriberIdString": email, "statuses": self.statuses(&email.to_lowercase())}))
                    .collect();
                Ok(call.batch(200, results, Vec::new()))
            }
            ("GET", ["statuses", email]) => {
                if call.query("channel") != Some("EMAIL") {
                    return Err(Refusal::validation("channel must be EMAIL"));
                }
                Ok(Answer::ok(json!({"results": self.statuses(&email.to_lowercase())})))
            }
            ("POST", ["statuses", email]) => {
                let id = call.body["subscriptionId"].as_u64().ok_or_else(|| Refusal::validation("subscriptionId is required"))?;
                let yes = match call.body["statusState"].as_str() {
                    Some("SUBSCRIBED") => true,
                    Some("UNSUBSCRIBED") => false,
                    _ => return Err(Refusal::validation("statusState must be SUBSCRIBED or UNSUBSCRIBED")),
                };
                self.wish_for(email, Some(id), yes)?;
                Ok(Answer::ok(json!({"results": self.statuses(&email.to_lowercase())})))
            }
            ("POST", ["statuses", email, "unsubscribe-all"]) => {
                self.wish_for(email, None, false)?;
                Ok(Answer::ok(json!({"results": self.statuses(&email.to_lowercase())})))
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn wish(&self, email: &str, id: u64) -> &'static str {
        match self.wishes.get(email) {
            Some(wishes) if wishes.out || wishes.no.contains(&id) => "UNSUBSCRIBED",
            Some(wishes) if wishes.yes.contains(&id) => "SUBSCRIBED",
            _ => "NOT_SPECIFIED",
        }
    }

    fn statuses(&self, email: &str) -> Vec<Value> {
        let shown = |(id, name, _): &(u64, &str, &str)| json!({"channel": "EMAIL", "subscriberIdString": email, "subscriptionId": id, "subscriptionName": name, "status": self.wish(email, *id), "source": "SUBSCRIPTION_STATUS"});
        SUBSCRIPTIONS.iter().map(shown).collect()
    }

    /// Somebody subscribes to something or does without it; without an id, does without everything. The contact's property follows.
    ///
    /// # Errors
    /// When there is nothing of that id, or somebody who wants nothing is to be subscribed.
    pub(crate) fn wish_for(&mut self, email: &str, id: Option<u64>, yes: bool) -> Result<(), Refusal> {
        let email = email.to_lowercase();
        if let Some(id) = id {
            if !SUBSCRIPTIONS.iter().any(|known| known.0 == id) {
                return Err(Refusal::new(404, "OBJECT_NOT_FOUND", format!("Subscription {id} does not exist")));
            }
            let wishes = self.wishes.entry(email.clone()).or_default();
            if yes && (wishes.out || wishes.no.contains(&id)) {
                return Err(Refusal::validation(format!("{email} has unsubscribed and cannot be subscribed by an integration")));
            }
            let (to, from) = if yes { (&mut wishes.yes, &mut wishes.no) } else { (&mut wishes.no, &mut wishes.yes) };
            to.insert(id);
            from.remove(&id);
        } else {
            self.wishes.entry(email.clone()).or_default().out = true;
        }
        let out = self.wishes.get(&email).is_some_and(|wishes| wishes.out);
        if let Some(contact) = self.find(CONTACTS, &email, Some("email"))
            && out
        {
            self.update(CONTACTS, contact, BTreeMap::from([("hs_email_optout".to_owned(), "true".to_owned())]), Hand::Workflow);
        }
        Ok(())
    }
}
