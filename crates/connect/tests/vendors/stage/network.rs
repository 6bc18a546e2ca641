//! A wire that goes over the network, as in production: to a simulator that this machine serves, whatever host a call is for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::transport::http::HttpWire;
use entente_connect::transport::wire::{Wire, WireError};

pub struct Network {
    http: HttpWire,
    address: SocketAddr,
}

impl Network {
    /// Serves a platform for as long as the story is told.
    pub async fn to(router: axum::Router) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Arc::new(Self { http: HttpWire::new(None).unwrap(), address })
    }
}

#[async_trait]
impl Wire for Network {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        parts.headers.insert(http::header::HOST, host.parse().unwrap());
        parts.uri = format!("http://{}{path}", self.address).parse().unwrap();
        let answer = self.http.send(http::Request::from_parts(parts, body), timeout).await?;
        if answer.headers().contains_key("x-sim-hang") {
            return Err(WireError::TimedOut { host, seconds: timeout.as_secs() });
        }
        Ok(answer)
    }
}
