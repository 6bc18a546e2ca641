//! What every request must pass before anything looks at it: the host it names, and, for changes, the page it comes from.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use url::Url;

use super::App;
use super::error::ApiError;

/// What a page of ours may load: its own files and its own API. No inline scripts, no frames, no other hosts.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self'; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Refuses requests for hosts that are not ours (DNS rebinding), and changes that another site's page asks for (CSRF).
pub async fn check(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    // What vendors send proves itself, and tunnels give it any host name; whom a vendor sends back comes from its page.
    let path = request.uri().path();
    if !path.starts_with("/hooks/") && !path.starts_with(super::callback::PATH) {
        let headers = request.headers();
        if app.loopback && !host_is_loopback(headers) && !host_is_public(headers, app.public_url.as_deref()) {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "this server does not answer to that host name",
                "use http://127.0.0.1 or http://localhost, or set server.public_url to the address you use",
            ));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) && foreign(headers, app.public_url.as_deref()) {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "the request comes from another site's page",
                "call the API from the web app or from a program",
            ));
        }
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    Ok(response)
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// Whether the host of the request is this machine by one of its own names. A name that merely resolves to it does not count.
pub fn host_is_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = host(headers) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn host_is_public(headers: &HeaderMap, public: Option<&Url>) -> bool {
    let (Some(host), Some(public)) = (host(headers), public) else { return false };
    authority(public).is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Whether a browser says that the request comes from a page of another origin. Programs send neither header.
fn foreign(headers: &HeaderMap, public: Option<&Url>) -> bool {
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else { return true };
    let same_host = host(headers).is_some_and(|host| authority(&origin).is_some_and(|authority| authority.eq_ignore_ascii_case(host)));
    !same_host && public.is_none_or(|public| public.origin() != origin.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_this_machines_own_names_are_loopback() {
        for name in ["localhost", "localhost:7171", "127.0.0.1:7171", "[::1]:7171", "LOCALHOST:1"] {
            assert!(host_is_loopback(&headers(&[("host", name)])), "{name}");
        }
        for name in ["evil.example", "127.0.0.1.evil.example:7171", "localhost.evil.example", "10.0.0.1"] {
            assert!(!host_is_loopback(&headers(&[("host", name)])), "{name}");
        }
        assert!(!host_is_loopback(&HeaderMap::new()));
    }

    #[test]
    fn a_page_of_another_origin_is_foreign_and_a_program_is_not() {
        assert!(!foreign(&headers(&[("host", "localhost:7171")]), None));
        assert!(!foreign(&headers(&[("host", "localhost:7171"), ("origin", "http://localhost:7171")]), None));
        assert!(foreign(&headers(&[("host", "localhost:7171"), ("origin", "http://evil.example")]), None));
        assert!(foreign(&headers(&[("host", "localhost:7171"), ("origin", "http://localhost:3000")]), None));
        assert!(foreign(&headers(&[("host", "localhost:7171"), ("origin", "null")]), None));
        assert!(foreign(&headers(&[("host", "localhost:7171"), ("sec-fetch-site", "cross-site")]), None));
    }
}
