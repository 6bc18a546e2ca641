//! The journal's API: where its files are, and what the app wants in them.

use ring::{digest, hmac};
use serde_json::{Value, json};

use super::call::Call;
use super::journal::{File, Wanted};
use super::moment::iso;
use super::refusal::{Answer, Outcome, Refusal};
use super::schemas::texts;
use super::state::State;

/// Time that the link to a file can be used, in milliseconds.
const LINK_MS: i64 = 5 * 60 * 1_000;
/// Calls of the journal in one second.
const CALLS: u64 = 100;
/// Files that one call names.
const BATCH_MAX: usize = 100;

impl State {
    /// `/journal/…` and `/journal-subscriptions/…`, with an app's own token.
    pub(crate) fn journal_routes(&mut self, call: &Call, head: &str, rest: &[&str]) -> Outcome {
        let second = self.now_ms / 1_000;
        if self.journal.second.0 != second {
            self.journal.second = (second, 0);
        }
        self.journal.second.1 += 1;
        if self.options.profile.limits && self.journal.second.1 > CALLS {
            return Err(Refusal::too_many("SECONDLY", "You have reached your secondly limit."));
        }
        self.turn_journal();
        match (head, call.method.as_str(), rest) {
            ("journal-subscriptions", ..) => self.journal_subscriptions(call, rest),
            ("journal-snapshots", ..) => self.journal_snapshots(call, rest),
            (_, "GET", ["earliest"]) => self.told(call, self.journal.files.front()),
            (_, "GET", ["latest"]) => self.told(call, self.journal.files.back()),
            (_, "GET", ["offset", offset, "next"]) => {
                let at = self.place(offset)?;
                self.told(call, self.journal.files.get(at + 1))
            }
            (_, "GET", ["batch", "earliest", count]) => self.several(call, 0, count),
            (_, "GET", ["batch", "latest", count]) => {
                let many: usize = count.parse().unwrap_or(1);
                self.several(call, self.journal.files.len().saturating_sub(many), count)
            }
            (_, "GET", ["batch", offset, "next", count]) => {
                let at = self.place(offset)?;
                self.several(call, at + 1, count)
            }
            (_, "POST", ["batch", "read"]) => {
                let mut results = Vec::new();
                for input in call.inputs(BATCH_MAX)? {
                    let at = self.place(input.as_str().unwrap_or_default())?;
                    results.push(self.linked(call, &self.journal.files[at]));
                }
                Ok(call.batch(200, results, Vec::new()))
            }
            _ => Err(Refusal::resource()),
        }
    }

    /// Place of a file among those that are still there.
    fn place(&self, offset: &str) -> Result<usize, Refusal> {
        let missing = || Refusal::new(404, "OBJECT_NOT_FOUND", "The offset does not exist or has expired");
        self.journal.files.iter().position(|file| file.offset == offset).ok_or_else(missing)
    }

    fn told(&self, call: &Call, file: Option<&File>) -> Outcome {
        Ok(file.map_or_else(Answer::nothing, |file| Answer::ok(self.linked(call, file))))
    }

    fn several(&self, call: &Call, from: usize, count: &str) -> Outcome {
        let many = count.parse().ok().filter(|many| (1..=BATCH_MAX).contains(many));
        let many = many.ok_or_else(|| Refusal::validation(format!("count must be between 1 and {BATCH_MAX}")))?;
        let results: Vec<Value> = self.journal.files.iter().skip(from).take(many).map(|file| self.linked(call, file)).collect();
        if results.is_empty() { Ok(Answer::nothing()) } else { Ok(call.batch(200, results, Vec::new())) }
    }

    fn linked(&self, call: &Call, file: &File) -> Value {
        let expires = self.now_ms + LINK_MS;
        let origin = call.address.split("/webhooks-journal").next().unwrap_or_default();
        let signature = self.link_signature(&file.offset, expires);
        json!({
            "url": format!("{origin}/journal-files/{}?expires={expires}&signature={signature}", file.offset), "expiresAt": iso(expires),
            "currentOffset": file.offset,
        })
    }

    fn link_signature(&self, offset: &str, expires: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, digest::digest(&digest::SHA256, self.options.client_secret.as_bytes()).as_ref());
        hmac::sign(&key, format!("{offset} {expires}").as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// `/journal-files/{offset}`: the link says all that is needed, and needs no token.
    pub(crate) fn journal_file(&self, call: &Call, offset: &str) -> Outcome {
        let expires: i64 = call.query("expires").and_then(|text| text.parse().ok()).unwrap_or(0);
        let denied =
            || Refusal { status: 403, body: Value::String("<Error><Code>AccessDenied</Code></Error>".to_owned()), retry_after: None };
        if expires < self.now_ms || call.query("signature") != Some(&self.link_signature(offset, expires)) {
            return Err(denied());
        }
        let file = self.journal.files.iter().find(|file| file.offset == offset).ok_or_else(denied)?;
        Ok(Answer::ok(Self::file_shown(file)))
    }

    fn journal_subscriptions(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let results: Vec<Value> = self.journal.wanted.iter().map(|wanted| self.wanted_shown(wanted)).collect();
                Ok(Answer::ok(json!({"results": results})))
            }
            ("POST", []) => self.want(&call.body),
            ("GET", [id]) => {
                let held = self.journal.wanted.iter().find(|wanted| wanted.id.to_string() == *id).ok_or_else(Refusal::resource)?;
                Ok(Answer::ok(self.wanted_shown(held)))
            }
            ("DELETE", [id]) => {
                self.journal.wanted.retain(|wanted| wanted.id.to_string() != *id);
                Ok(Answer::nothing())
            }
            _ => Err(Refusal::resource()),
        }
    }

    /// `/snapshots/…`: rows as they are now come into the journal, whatever was subscribed to.
    fn journal_snapshots(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("POST", ["crm"]) => {
                let wanted = call.body["snapshotRequests"].as_array().cloned().unwrap_or_default();
                if wanted.is_empty() {
                    return Err(Refusal::validation("snapshotRequests must not be empty"));
                }
                let taken = wanted.iter().map(|wanted| self.take_snapshot(wanted)).collect::<Result<Vec<Value>, Refusal>>()?;
                Ok(Answer::ok(json!({"snapshotResponses": taken})))
            }
            ("GET", ["crm", "status", id]) => {
                let (id, at, found) = self.journal.snapshots.iter().find(|(held, ..)| held == *id).ok_or_else(Refusal::resource)?;
                let status = if *found { "SUCCESS" } else { "FAILED" };
                Ok(Answer::ok(json!({"id": id, "status": status, "initiatedAt": at, "completedAt": at})))
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn take_snapshot(&mut self, wanted: &Value) -> Result<Value, Refusal> {
        let number = |name: &str| wanted[name].as_u64().ok_or_else(|| Refusal::validation(format!("{name} is required")));
        let (portal, id) = (number("portalId")?, number("objectId")?);
        if portal != self.options.portal_id {
            return Err(Refusal::new(403, "MISSING_SCOPES", "The app is not installed in this account"));
        }
        let kind = self.kind(wanted["objectTypeId"].as_str().unwrap_or_default())?;
        let found = self.snapshot_into_journal(kind, id, &texts(&wanted["properties"]));
        let status = self.uuid();
        self.journal.snapshots.push((status.clone(), self.now_ms, found));
        Ok(json!({"portalId": portal, "objectId": id, "objectTypeId": self.kinds[kind].type_id, "snapshotStatusId": status}))
    }

    /// Adds a subscription, or changes the one of the same kind and object.
    fn want(&mut self, body: &Value) -> Outcome {
        const TYPES: &[&str] = &["OBJECT", "ASSOCIATION", "LIST_MEMBERSHIP", "GDPR_PRIVACY_DELETION"];
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let numbers = |name: &str| body[name].as_array().into_iter().flatten().filter_map(Value::as_u64).collect::<Vec<_>>();
        let ty = text("subscriptionType");
        if !TYPES.contains(&ty.as_str()) {
            return Err(Refusal::validation(format!("{ty} is not a valid subscription type")));
        }
        let portal_id = body["portalId"].as_u64().ok_or_else(|| Refusal::validation("portalId is required"))?;
        if portal_id != self.options.portal_id {
            return Err(Refusal::new(403, "MISSING_SCOPES", "The app is not installed in this account"));
        }
        let object_type = text("objectTypeId");
        if matches!(ty.as_str(), "OBJECT" | "ASSOCIATION") {
            self.kind(&object_type)?;
        }
        let now = self.now_ms;
        let same = |wanted: &&mut Wanted| wanted.ty == ty && wanted.object_type == object_type;
        let (actions, properties, others) = (texts(&body["actions"]), texts(&body["properties"]), texts(&body["associatedObjectTypeIds"]));
        let (objects, lists) = (numbers("objectIds"), numbers("listIds"));
        if let Some(held) = self.journal.wanted.iter_mut().find(same) {
            (held.actions, held.properties, held.others, held.objects, held.lists) = (actions, properties, others, objects, lists);
            held.updated_ms = now;
            let held = held.clone();
            return Ok(Answer::ok(self.wanted_shown(&held)));
        }
        let id = self.next_id();
        let wanted =
            Wanted { id, ty, portal_id, object_type, actions, properties, objects, others, lists, created_ms: now, updated_ms: now };
        let shown = self.wanted_shown(&wanted);
        self.journal.wanted.push(wanted);
        Ok(Answer::ok(shown))
    }

    fn wanted_shown(&self, wanted: &Wanted) -> Value {
        json!({
            "id": wanted.id, "appId": self.options.app_id, "portalId": wanted.portal_id, "objectTypeId": wanted.object_type,
            "subscriptionType": wanted.ty, "actions": wanted.actions, "properties": wanted.properties, "associatedObjectTypeIds": wanted.others,
            "objectIds": wanted.objects, "listIds": wanted.lists,
            "createdAt": iso(wanted.created_ms), "updatedAt": iso(wanted.updated_ms),
        })
    }
}
