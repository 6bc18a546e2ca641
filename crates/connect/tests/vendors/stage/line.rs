//! A wire that ends in a simulator.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::transport::wire::{Wire, WireError};
use serde_json::Value;
use tower::ServiceExt;

/// Its bodies are kept, to see what was sent.
pub struct Line {
    router: axum::Router,
    pub sent: Mutex<Vec<(String, Value)>>,
}

impl Line {
    pub fn to(router: axum::Router) -> Arc<Self> {
        Arc::new(Self { router, sent: Mutex::default() })
    }
}

#[async_trait]
impl Wire for Line {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        let path = parts.uri.path_and_query().unwrap().to_string();
        self.sent.lock().unwrap().push((format!("{} {path}", parts.method), serde_json::from_slice(&body).unwrap_or(Value::Null)));
        parts.headers.insert(http::header::HOST, host.parse().unwrap());
        let answer = self.router.clone().oneshot(http::Request::from_parts(parts, axum::body::Body::from(body))).await.unwrap();
        if answer.headers().contains_key("x-sim-hang") {
            return Err(WireError::TimedOut { host, seconds: timeout.as_secs() });
        }
        let (parts, body) = answer.into_parts();
        Ok(http::Response::from_parts(parts, axum::body::to_bytes(body, usize::MAX).await.unwrap()))
    }
}
