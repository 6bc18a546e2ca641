//! Bundling: what is asked for at the same moment travels in one composite call, whatever its objects. Background work waits a moment for company.
//!
//! Salesforce counts a composite call as one, with up to 25 parts in it, 5 of which may be queries or collections of 200 rows. Each part
//! succeeds or fails alone, with the preconditions in its own headers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, oneshot};

use super::refusal;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Body, Call};
use crate::transport::client::Client;

/// Parts of one composite call.
const PARTS_MAX: usize = 25;
/// Queries and collections among them.
const WIDE_MAX: usize = 5;

type Outcome = Result<Answer, VendorError>;

/// A part that waits for its bundle to leave.
struct Waiting {
    kind: &'static str,
    priority: Priority,
    call: Call,
    outcome: oneshot::Sender<Outcome>,
}

impl Waiting {
    fn is_wide(&self) -> bool {
        self.call.path.contains("/composite/sobjects") || self.call.path.contains("/query")
    }
}

/// Time that background work waits for company, while its call has room for more collections or queries.
const GATHERING: Duration = Duration::from_secs(2);

/// Where parts meet.
#[derive(Default)]
pub(super) struct Bundler {
    waiting: Mutex<Vec<Waiting>>,
    /// Held by the caller that gathers the next call.
    turn: tokio::sync::Mutex<()>,
    /// Tells it that there is enough for a call, or somebody who must not wait.
    enough: Notify,
}

impl Bundler {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one call, together with those that others ask for meanwhile. `root` is the path of the API's version.
    ///
    /// # Errors
    /// What the vendor says of this part; what befell the call, for every part of it.
    pub(super) async fn send(&self, client: &Client, root: &str, kind: &'static str, priority: Priority, call: Call) -> Outcome {
        let (outcome, mut answer) = oneshot::channel();
        {
            let mut waiting = self.waiting();
            waiting.push(Waiting { kind, priority, call, outcome });
            if !may_gather(&waiting) {
                self.enough.notify_one();
            }
        }
        loop {
            tokio::select! {
                biased;
                answered = &mut answer => return answered.unwrap_or_else(|_| Err(abandoned())),
                turn = self.turn.lock() => {
                    let leaving = self.gather(client).await;
                    drop(turn);
                    join_all(loads(leaving).into_iter().map(|load| carry(client, root, load))).await;
                }
            }
        }
    }

    /// Waits until what has gathered may leave, and takes it. What is too little for a full call of background work stays for the next one, unless
    /// it has waited long enough.
    async fn gather(&self, client: &Client) -> Vec<Waiting> {
        // The other parts of the same batch are asked for in the same turn.
        tokio::task::yield_now().await;
        if may_gather(&self.waiting()) {
            tokio::select! {
                biased;
                () = self.enough.notified() => {}
                () = client.sleep(GATHERING) => return self.take(<[Waiting]>::len),
            }
        }
        self.take(whole_calls)
    }

    /// Takes the first parts that wait, as many as is said of them. Those whose caller has gone away are nobody's.
    fn take(&self, many: impl Fn(&[Waiting]) -> usize) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        waiting.retain(|one| !one.outcome.is_closed());
        let leaving = many(&waiting);
        waiting.drain(..leaving).collect()
    }
}

/// Whether all that waits is background work, and a call has room for more of it.
fn may_gather(waiting: &[Waiting]) -> bool {
    is_background(waiting) && waiting.iter().filter(|one| one.is_wide()).count() < WIDE_MAX && waiting.len() < PARTS_MAX
}

fn is_background(waiting: &[Waiting]) -> bool {
    !waiting.is_empty() && waiting.iter().all(|one| one.priority == Priority::Backfill)
}

/// How many of the parts that wait leave now: all of them, but for those of background work that do not fill a call.
fn whole_calls(waiting: &[Waiting]) -> usize {
    if !is_background(waiting) || !waiting.iter().all(Waiting::is_wide) {
        return waiting.len();
    }
    waiting.len() / WIDE_MAX * WIDE_MAX
}

/// Divides parts into calls.
fn loads(waiting: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut loads: Vec<Vec<Waiting>> = Vec::new();
    let mut wide = 0;
    for one in waiting {
        let is_wide = one.is_wide();
        let room = loads.last_mut().filter(|load| load.len() < PARTS_MAX && !(is_wide && wide >= WIDE_MAX));
        match room {
            Some(load) => load.push(one),
            None => {
                loads.push(vec![one]);
                wide = 0;
            }
        }
        wide += usize::from(is_wide);
    }
    loads
}

/// Makes one call and gives everybody their answer. A part that is alone needs no wrapping.
async fn carry(client: &Client, root: &str, mut load: Vec<Waiting>) {
    if load.len() == 1
        && let Some(Waiting { kind, priority, call, outcome }) = load.pop()
    {
        // A receiver that is gone has been told by its own end.
        drop(outcome.send(client.call(kind, priority, call).await));
        return;
    }
    let priority = load.iter().map(|one| one.priority).min().unwrap_or(Priority::Backfill);
    let parts: Vec<Value> = load.iter().enumerate().map(|(at, one)| part(at, &one.call)).collect();
    let body = json!({"allOrNone": false, "compositeRequest": parts});
    let mut call = Call::post(format!("{root}/composite"), body);
    call.idempotent = load.iter().all(|one| one.call.idempotent);
    let answered = client.call("composite", priority, call).await;
    let answers = answered.and_then(|answer| {
        let composite: Composite = answer.json()?;
        if composite.parts.len() == load.len() { Ok(composite.parts) } else { Err(incomplete(composite.parts.len(), load.len())) }
    });
    match answers {
        Ok(parts) => {
            for (one, part) in load.into_iter().zip(parts) {
                drop(one.outcome.send(part.outcome(client)));
            }
        }
        Err(error) => load.into_iter().for_each(|one| drop(one.outcome.send(Err(error.clone())))),
    }
}

fn part(at: usize, call: &Call) -> Value {
    let headers: Map<String, Value> = call.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let mut url = call.path.clone();
    if !call.query.is_empty() {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.query).finish();
        url = format!("{url}?{query}");
    }
    let mut part = json!({"method": call.method.as_str(), "url": url, "referenceId": format!("p{at}")});
    if let Body::Json(body) = &call.body {
        part["body"] = body.clone();
    }
    if !headers.is_empty() {
        part["httpHeaders"] = Value::Object(headers);
    }
    part
}

#[derive(Deserialize)]
struct Composite {
    #[serde(rename = "compositeResponse")]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default)]
    body: Value,
    #[serde(default)]
    http_headers: Map<String, Value>,
    http_status_code: u16,
}

impl Part {
    /// The part as if it had been a call of its own.
    fn outcome(self, client: &Client) -> Outcome {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.http_headers {
            if let (Ok(name), Some(Ok(value))) = (HeaderName::try_from(name.as_str()), value.as_str().map(HeaderValue::from_str)) {
                headers.insert(name, value);
            }
        }
        let answer = Answer { status: self.http_status_code, headers, body: self.body.to_string().into() };
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(refusal::whole_call(&answer, client.now())) }
    }
}

fn incomplete(answered: usize, sent: usize) -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        format!("{sent} parts were sent and {answered} were answered"),
        "nothing to do: the rows are looked at again before anything is repeated",
    )
}

fn abandoned() -> VendorError {
    VendorError::new(
        Class::Retry,
        "abandoned",
        "the call that carried this part was given up",
        "nothing to do: the row is looked at again before anything is repeated",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(path: &str) -> Waiting {
        let (outcome, _nobody) = oneshot::channel();
        Waiting { kind: "update", priority: Priority::Update, call: Call::patch(path, json!({"Name": "A"})), outcome }
    }

    #[test]
    fn a_call_carries_five_queries_or_collections_and_twenty_five_parts_at_most() {
        let collections = (0..7).map(|_| waiting("/services/data/v62.0/composite/sobjects")).collect();
        assert_eq!(loads(collections).iter().map(Vec::len).collect::<Vec<_>>(), [5, 2]);
        let mixed = ["composite/sobjects", "query", "sobjects/Contact/003", "queryAll", "query", "query", "query"];
        let mixed = mixed.iter().map(|end| waiting(&format!("/services/data/v62.0/{end}"))).collect();
        assert_eq!(loads(mixed).iter().map(Vec::len).collect::<Vec<_>>(), [6, 1]);
        let rows = (0..60).map(|_| waiting("/services/data/v62.0/sobjects/Contact/003")).collect();
        assert_eq!(loads(rows).iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 10]);
        assert!(loads(Vec::new()).is_empty());
    }

    #[test]
    fn a_part_carries_its_query() {
        let part = part(0, &Call::get("/services/data/v62.0/queryAll").query("q", "SELECT Id FROM Task WHERE Id IN ('00T')"));
        assert_eq!(part["url"], "/services/data/v62.0/queryAll?q=SELECT+Id+FROM+Task+WHERE+Id+IN+%28%2700T%27%29");
    }

    #[test]
    fn a_part_carries_its_own_precondition() {
        let call = Call::patch("/services/data/v62.0/sobjects/Contact/003", json!({"Title": "CEO"}));
        let part = part(3, &call.header("if-unmodified-since", "Mon, 05 Jan 2026 09:00:00 GMT"));
        assert_eq!(part["method"], "PATCH");
        assert_eq!(part["httpHeaders"]["if-unmodified-since"], "Mon, 05 Jan 2026 09:00:00 GMT");
        assert_eq!((&part["body"]["Title"], &part["referenceId"]), (&json!("CEO"), &json!("p3")));
    }
}
