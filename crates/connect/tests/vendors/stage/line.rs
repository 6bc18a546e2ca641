//! A wire that ends in a simulator.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::transport::wire::{Wire, WireError};
use serde_json::Value;
use tower::ServiceExt;

type Lost = Box<dyn Fn(&str) -> bool + Send>;

/// Its bodies are kept, to see what was sent.
pub struct Line {
    router: axum::Router,
    pub sent: Mutex<Vec<(String, Value)>>,
    lost: Mutex<Option<Lost>>,
}

impl Line {
    pub fn to(router: axum::Router) -> Arc<Self> {
        Arc::new(Self { router, sent: Mutex::default(), lost: Mutex::default() })
    }

    /// Lets the answer to the next call of this verb and path be lost: the platform does the work, and nobody hears of it.
    pub fn lose(&self, call: &'static str) {
        self.lose_where(move |made| made == call);
    }

    /// The same of the next call that is one of these.
    pub fn lose_where(&self, is_lost: impl Fn(&str) -> bool + Send + 'static) {
        *self.lost.lock().unwrap() = Some(Box::new(is_lost));
    }
}

#[async_trait]
impl Wire for Line {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        let path = parts.uri.path_and_query().unwrap().to_string();
        let call = format!("{} {path}", parts.method);
        self.sent.lock().unwrap().push((call.clone(), serde_json::from_slice(&body).unwrap_or(Value::Null)));
        parts.headers.insert(http::header::HOST, host.parse().unwrap());
        let answer = self.router.clone().oneshot(http::Request::from_parts(parts, axum::body::Body::from(body))).await.unwrap();
        let lost = self.lost.lock().unwrap().take_if(|is_lost| is_lost(&call)).is_some();
        if lost || answer.headers().contains_key("x-sim-hang") {
            return Err(WireError::TimedOut { host, seconds: timeout.as_secs() });
        }
        let (parts, body) = answer.into_parts();
        Ok(http::Response::from_parts(parts, axum::body::to_bytes(body, usize::MAX).await.unwrap()))
    }
}
