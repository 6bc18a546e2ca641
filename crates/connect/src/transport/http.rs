//! The network: HTTP over TLS, pooled.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use url::Url;

use super::wire::{Wire, WireError};

/// Bytes of an answer at most: the largest page of a vendor is some ten megabytes, and a broken server must not fill our memory.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// Time to make a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an unused connection is kept; below the minute or so after which load balancers drop it silently.
const IDLE: Duration = Duration::from_secs(50);

/// Why the network cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the network cannot be set up: {reason}; check the `proxy` setting and that this system has root certificates")]
pub struct HttpError {
    /// What the TLS or HTTP library says.
    pub reason: String,
}

/// Carries requests over the network. Follows no redirects, because a redirect would carry tokens to another host, and takes no
/// proxy from the environment.
#[derive(Debug, Clone)]
pub struct HttpWire(reqwest::Client);

impl HttpWire {
    /// A pool of connections, through `proxy` if there is one.
    ///
    /// # Errors
    /// When the proxy's address is not usable or the system has no root certificates.
    pub fn new(proxy: Option<&Url>) -> Result<Self, HttpError> {
        let failed = |error: reqwest::Error| HttpError { reason: error.without_url().to_string() };
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // A second caller that was faster has installed the same provider; its `Err` says just that.
            let _already = rustls::crypto::ring::default_provider().install_default().is_err();
        }
        let mut builder = reqwest::Client::builder()
            .tls_backend_rustls()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(Duration::from_secs(20));
        if let Some(proxy) = proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.clone()).map_err(failed)?);
        }
        builder.build().map(Self).map_err(failed)
    }
}

#[async_trait]
impl Wire for HttpWire {
    async fn send(&self, request: ::http::Request<Bytes>, timeout: Duration) -> Result<::http::Response<Bytes>, WireError> {
        let host = request.uri().authority().map(|authority| authority.host().to_owned()).unwrap_or_default();
        let broken = |reason: String| WireError::Broken { host: host.clone(), reason };
        let late = || WireError::TimedOut { host: host.clone(), seconds: timeout.as_secs() };
        let exchange = async {
            let request = reqwest::Request::try_from(request)
                .map_err(|error| WireError::Unreachable { host: host.clone(), reason: reason(error) })?;
            let mut answer = self.0.execute(request).await.map_err(|error| {
                if error.is_connect() {
                    WireError::Unreachable { host: host.clone(), reason: reason(error) }
                } else if error.is_timeout() {
                    late()
                } else {
                    broken(reason(error))
                }
            })?;
            let mut body = BytesMut::new();
            while let Some(chunk) = answer.chunk().await.map_err(|error| broken(reason(error)))? {
                if body.len() + chunk.len() > BODY_MAX {
                    return Err(broken(format!("it is longer than {BODY_MAX} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            let mut response = ::http::Response::new(body.freeze());
            *response.status_mut() = answer.status();
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            Ok(response)
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| Err(late()))
    }
}

/// An error with its causes, without the URL: a query may hold personal data.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that reads a request, says `answer`, waits, and hangs up.
    async fn server(answer: &'static str, pause: Duration) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = [0; 4_096];
                let read = socket.read(&mut request).await;
                let wrote = socket.write_all(answer.as_bytes()).await;
                tokio::time::sleep(pause).await;
                drop((read, wrote));
            }
        });
        format!("http://{address}/x?secret=1")
    }

    async fn get(url: &str, timeout: Duration) -> Result<::http::Response<Bytes>, WireError> {
        let mut request = ::http::Request::new(Bytes::new());
        *request.uri_mut() = url.parse().expect("uri");
        HttpWire::new(None).expect("wire").send(request, timeout).await
    }

    #[tokio::test]
    async fn an_answer_arrives_whole() {
        let url = server("HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 2\r\n\r\nhi", Duration::ZERO).await;
        let answer = get(&url, Duration::from_secs(5)).await.expect("answer");
        assert_eq!(answer.status(), 302, "redirects are not followed");
        assert_eq!(answer.body().as_ref(), b"hi");
    }

    #[tokio::test]
    async fn silence_has_three_names() {
        let late = server("", Duration::from_secs(60)).await;
        assert!(matches!(get(&late, Duration::from_millis(200)).await, Err(WireError::TimedOut { .. })));

        let broken = server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi", Duration::ZERO).await;
        let error = get(&broken, Duration::from_secs(5)).await.expect_err("broken");
        assert!(matches!(error, WireError::Broken { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");

        let gone = TcpListener::bind("127.0.0.1:0").await.expect("bind").local_addr().expect("address");
        let error = get(&format!("http://{gone}/"), Duration::from_secs(5)).await.expect_err("unreachable");
        assert!(matches!(error, WireError::Unreachable { .. }), "{error}");
    }
}
