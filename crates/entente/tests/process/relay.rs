//! Between the platforms and the hub: passes webhooks on, and keeps which of them the hub has answered for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};

use crate::platforms::client;

/// One webhook as it was sent.
#[derive(Clone)]
pub struct Letter {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Default)]
struct Counts {
    answered: BTreeMap<Vec<u8>, Letter>,
    unanswered: u64,
}

/// The relay. Cloning shares it.
#[derive(Clone)]
pub struct Relay {
    hub: Arc<Mutex<String>>,
    client: reqwest::Client,
    counts: Arc<Mutex<Counts>>,
}

impl Relay {
    /// Listens on a free port; answers the relay and its address.
    pub async fn start() -> (Self, String) {
        let relay = Self { hub: Arc::default(), client: client(), counts: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(relay.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (relay, address)
    }

    /// Where the hub is.
    pub fn to(&self, hub: &str) {
        hub.clone_into(&mut self.hub.lock().unwrap());
    }

    /// Webhooks that the hub took, each once, and how many found nobody.
    pub fn counts(&self) -> (Vec<Letter>, u64) {
        let counts = self.counts.lock().unwrap();
        (counts.answered.values().cloned().collect(), counts.unanswered)
    }

    /// Sends a webhook to the hub; `None` when nobody answers.
    pub async fn send(&self, letter: &Letter) -> Option<(StatusCode, Bytes)> {
        let url = format!("{}{}", self.hub.lock().unwrap(), letter.path);
        let answer = self.client.post(url).headers(letter.headers.clone()).body(letter.body.clone()).send().await.ok()?;
        let status = answer.status();
        Some((status, answer.bytes().await.ok()?))
    }
}

async fn pass(State(relay): State<Relay>, uri: Uri, mut headers: HeaderMap, body: Bytes) -> Response {
    headers.remove(http::header::HOST);
    headers.remove(http::header::CONTENT_LENGTH);
    let letter = Letter { path: uri.path().to_owned(), headers, body };
    let answer = relay.send(&letter).await;
    let mut counts = relay.counts.lock().unwrap();
    match answer {
        Some((status, body)) if status.is_success() => {
            counts.answered.insert(letter.body.to_vec(), letter);
            (status, body).into_response()
        }
        Some((status, body)) => (status, body).into_response(),
        None => {
            // What a proxy in front of a dead server says; the vendors' rules of retrying apply.
            counts.unanswered += 1;
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}
