//! Signing in with a browser: the vendor's page, the code that it sends back to this machine, and tokens for the code (RFC 6749 §4.1,
//! RFC 7636, RFC 8252).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use entente_connect::settings::Secret;
use entente_connect::transport::wire::Wire;
use http::{StatusCode, header};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use tokio::sync::mpsc;
use url::Url;

use super::ways::{Body, BrowserWay};
use crate::fault::{Fault, Result};
use crate::http::callback::{self, LOCAL_PATH};

/// How long somebody may take to consent.
const CONSENT_MAX: Duration = Duration::from_secs(600);
/// How long a token endpoint may take.
const CALL_MAX: Duration = Duration::from_secs(30);
/// Bytes of a verifier and of a state: 256 bits.
const RANDOM_BYTES: usize = 32;

/// What signing in gave.
pub struct Granted {
    /// Access token.
    pub access: Secret,
    /// Refresh token, where the platform gives one.
    pub refresh: Option<Secret>,
    /// Scopes, where the platform names them.
    pub scopes: Option<Vec<String>>,
    /// The data host that the platform names.
    pub instance: Option<Url>,
}

fn random() -> Result<String> {
    let mut bytes = [0_u8; RANDOM_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Fault::new("the system has no secure randomness", "check that /dev/urandom can be read"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

struct Waiting {
    state: String,
    tell: mpsc::Sender<BTreeMap<String, String>>,
}

/// The page that the vendor sends people back to. An answer with another state belongs to another sign-in and changes nothing.
async fn back(State(waiting): State<Arc<Waiting>>, Query(given): Query<BTreeMap<String, String>>) -> Response {
    let page = |text: &str| Html(format!("<!doctype html><meta charset=utf-8><title>Entente</title><p>{text}</p>"));
    if given.get("state") != Some(&waiting.state) {
        let text = "This answer does not belong to the sign-in that is under way. Nothing was changed.";
        return (StatusCode::BAD_REQUEST, page(text)).into_response();
    }
    let denied = given.contains_key("error");
    // A second answer finds nobody waiting, and is as well answered.
    let _heard = waiting.tell.send(given).await;
    page(if denied { "Consent was refused. You can close this window." } else { "Signed in. You can close this window." }).into_response()
}

/// Has somebody sign in. `show` gets the address to open; `port` of this machine is the one that the app names in its redirect address, unless
/// that is the server's, `through` which people come back then.
///
/// # Errors
/// When the port is taken, consent is refused, nobody consents in time, or the platform gives no tokens.
pub async fn sign_in(
    way: &BrowserWay,
    client_id: &str,
    client_secret: &Secret,
    port: u16,
    through: Option<&str>,
    wire: &dyn Wire,
    show: impl FnOnce(&Url),
) -> Result<Granted> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        Fault::new(
            format!("port {port} of this machine cannot be listened on: {error}"),
            "name another with --port, and register it at the app",
        )
    })?;
    let port = listener.local_addr()?.port();
    let redirect = through.map_or_else(|| format!("http://127.0.0.1:{port}{LOCAL_PATH}"), str::to_owned);
    let (secret, verifier) = (random()?, random()?);
    let state = if through.is_some() { callback::state_of(port, &secret) } else { secret };
    let (tell, mut told) = mpsc::channel(1);
    let app = axum::Router::new().route(LOCAL_PATH, get(back)).with_state(Arc::new(Waiting { state: state.clone(), tell }));
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut page = way.authorize.clone();
    {
        let mut query = page.query_pairs_mut();
        query.append_pair("response_type", "code").append_pair("client_id", client_id);
        query.append_pair("redirect_uri", &redirect).append_pair("state", &state);
        if !way.scope.is_empty() {
            query.append_pair("scope", &way.scope);
        }
        if way.pkce {
            let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
            query.append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
        }
    }
    show(&page);
    let answer = tokio::time::timeout(CONSENT_MAX, told.recv()).await;
    serving.abort();
    let given = match answer {
        Ok(Some(given)) => given,
        _ => return Err(Fault::new("nobody consented within ten minutes", "run the command again, and open the address that it shows")),
    };
    if let Some(error) = given.get("error") {
        let why = given.get("error_description").map(|text| format!(" ({text})")).unwrap_or_default();
        return Err(Fault::new(
            format!("consent was refused: {error}{why}"),
            "sign in as a user who may let this app in, and agree; nothing was changed",
        ));
    }
    let Some(code) = given.get("code") else {
        return Err(Fault::new("the platform sent neither a code nor an error", "check the redirect address of the app at the platform"));
    };
    let mut fields = vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
    if way.pkce {
        fields.push(("code_verifier", verifier.as_str()));
    }
    exchange(way, client_id, client_secret, fields, wire).await
}

async fn exchange<'a>(
    way: &BrowserWay,
    client_id: &'a str,
    client_secret: &'a Secret,
    mut fields: Vec<(&'a str, &'a str)>,
    wire: &dyn Wire,
) -> Result<Granted> {
    let mut request =
        http::Request::builder().method(http::Method::POST).uri(way.token.as_str()).header(header::ACCEPT, "application/json");
    if way.body == Body::Basic {
        let pair = STANDARD.encode(format!("{client_id}:{}", client_secret.reveal()));
        request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
    } else {
        fields.push(("client_id", client_id));
        if !client_secret.is_empty() {
            fields.push(("client_secret", client_secret.reveal()));
        }
    }
    let (ty, body) = match way.body {
        Body::Json => {
            let object: serde_json::Map<String, Value> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
            ("application/json", Value::Object(object).to_string())
        }
        Body::Form | Body::Basic => {
            ("application/x-www-form-urlencoded", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish())
        }
    };
    let request = request
        .header(header::CONTENT_TYPE, ty)
        .body(Bytes::from(body))
        .map_err(|error| Fault::new(format!("the sign-in cannot be sent: {error}"), "check the client's id and secret for line breaks"))?;
    let answer = wire.send(request, CALL_MAX).await.map_err(|error| Fault::new(error.to_string(), "check the network and the address"))?;
    let status = answer.status();
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
    let text = |names: &[&str]| names.iter().find_map(|name| body[*name].as_str()).filter(|text| !text.is_empty()).map(str::to_owned);
    let access = text(&["access_token", "token"]).filter(|_| status.is_success());
    let Some(access) = access else {
        let code = text(&["error", "status"]).unwrap_or_else(|| format!("status {}", status.as_u16()));
        let why = text(&["error_description", "message"]).map(|text| format!(": {text}")).unwrap_or_default();
        return Err(Fault::new(
            format!("the platform gave no token: {code}{why}"),
            "check the client's id and secret, and that the app names this redirect address; nothing was changed",
        ));
    };
    let scopes = match (&body["scope"], &body["scopes"]) {
        (Value::String(text), _) => Some(text.split([' ', ',']).filter(|one| !one.is_empty()).map(str::to_owned).collect()),
        (_, Value::Array(all)) => Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    };
    Ok(Granted {
        access: Secret::new(access),
        refresh: text(&["refresh_token"]).map(Secret::new),
        scopes,
        instance: text(&["instance_url", "api_domain"]).and_then(|text| Url::parse(&text).ok()),
    })
}
