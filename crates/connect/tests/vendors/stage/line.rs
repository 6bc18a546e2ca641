//! A wire that ends in a simulator.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::transport::wire::{Wire, WireError};
use serde_json::{Value, json};
use tower::ServiceExt;

type Lost = Box<dyn Fn(&str) -> bool + Send>;

/// Counts the rows of the platform at the other end.
type Count = Box<dyn Fn() -> usize + Send>;

/// An answer that comes from the way and not from the platform.
pub struct Interjection {
    pub status: u16,
    pub header: Option<(&'static str, String)>,
    pub body: &'static str,
}

/// Its bodies are kept, to see what was sent.
pub struct Line {
    router: axum::Router,
    pub sent: Mutex<Vec<(String, Value)>>,
    lost: Mutex<Option<Lost>>,
    unheard: Mutex<Option<Count>>,
    interjected: Mutex<Option<Interjection>>,
    /// Part of a path, and the status that every call to such a path is refused with.
    closed: Mutex<Option<(&'static str, u16)>>,
    strange: Mutex<bool>,
}

impl Line {
    pub fn to(router: axum::Router) -> Arc<Self> {
        Arc::new(Self {
            router,
            sent: Mutex::default(),
            lost: Mutex::default(),
            unheard: Mutex::default(),
            interjected: Mutex::default(),
            closed: Mutex::default(),
            strange: Mutex::default(),
        })
    }

    /// Lets the answer to the next call of this verb and path be lost: the platform does the work, and nobody hears of it.
    pub fn lose(&self, call: &'static str) {
        self.lose_where(move |made| made == call);
    }

    /// The same of the next call that is one of these.
    pub fn lose_where(&self, is_lost: impl Fn(&str) -> bool + Send + 'static) {
        *self.lost.lock().unwrap() = Some(Box::new(is_lost));
    }

    /// Lets the answer to the next call be lost after which the platform has more rows.
    pub fn lose_creation(&self, count: impl Fn() -> usize + Send + 'static) {
        *self.unheard.lock().unwrap() = Some(Box::new(count));
    }

    /// Answers the next call without asking the platform.
    pub fn interject(&self, answer: Interjection) {
        *self.interjected.lock().unwrap() = Some(answer);
    }

    /// Refuses every call to paths that contain this, without asking the platform.
    pub fn interject_at(&self, part: &'static str, status: u16) {
        *self.closed.lock().unwrap() = Some((part, status));
    }

    /// Puts members that nobody knows into every object of every answer, as platforms do from one day to the next.
    pub fn grow(&self) {
        *self.strange.lock().unwrap() = true;
    }

    /// How many calls went to paths that contain this.
    pub fn count(&self, part: &str) -> usize {
        self.sent.lock().unwrap().iter().filter(|(call, _)| call.contains(part)).count()
    }
}

/// Adds members that nobody knows to an object and to those within it.
fn grown(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(grown),
        Value::Object(members) => {
            members.values_mut().for_each(grown);
            members.insert("x_not_yet_known".to_owned(), json!("2031"));
        }
        _ => {}
    }
}

#[async_trait]
impl Wire for Line {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        // A call takes a while: whoever works side by side gets on meanwhile.
        tokio::task::yield_now().await;
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        let path = parts.uri.path_and_query().unwrap().to_string();
        let call = format!("{} {path}", parts.method);
        self.sent.lock().unwrap().push((call.clone(), serde_json::from_slice(&body).unwrap_or(Value::Null)));
        if let Some(said) = self.interjected.lock().unwrap().take() {
            let mut answer = http::Response::builder().status(said.status);
            if let Some((name, value)) = said.header {
                answer = answer.header(name, value);
            }
            return Ok(answer.body(Bytes::from_static(said.body.as_bytes())).unwrap());
        }
        if let Some((_, status)) = self.closed.lock().unwrap().filter(|(part, _)| call.contains(part)) {
            return Ok(http::Response::builder().status(status).body(Bytes::new()).unwrap());
        }
        parts.headers.insert(http::header::HOST, host.parse().unwrap());
        let before = self.unheard.lock().unwrap().as_ref().map(|count| count());
        let answer = self.router.clone().oneshot(http::Request::from_parts(parts, axum::body::Body::from(body))).await.unwrap();
        let unheard = self.unheard.lock().unwrap().take_if(|count| Some(count()) > before).is_some();
        let lost = self.lost.lock().unwrap().take_if(|is_lost| is_lost(&call)).is_some();
        if unheard || lost || answer.headers().contains_key("x-sim-hang") {
            return Err(WireError::TimedOut { host, seconds: timeout.as_secs() });
        }
        let (mut parts, body) = answer.into_parts();
        let mut body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        if *self.strange.lock().unwrap()
            && let Ok(mut value) = serde_json::from_slice::<Value>(&body)
        {
            grown(&mut value);
            body = Bytes::from(value.to_string());
            parts.headers.remove(http::header::CONTENT_LENGTH);
        }
        Ok(http::Response::from_parts(parts, body))
    }
}
