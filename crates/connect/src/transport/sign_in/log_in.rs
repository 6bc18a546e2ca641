//! Logging in with a user's name and password, at the platforms that have it.

use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method, Request, header};
use bytes::Bytes;

use super::SignIn;
use crate::error::{Class, VendorError};
use crate::settings::Secret;
use crate::transport::count::Ended;
use crate::transport::wire::Tokens;
use crate::transport::{address, client};

/// How long a refusal is repeated without asking again: vendors lock users out after some wrong passwords (Salesforce after ten, unless its
/// admin says otherwise), people included who use the same name.
pub(super) const REFUSAL_MEMORY: Duration = Duration::from_secs(3_600);

impl SignIn {
    /// Logs in.
    pub(super) async fn log_in(&self, username: &str, password: &Secret, security_token: &Secret) -> Result<Tokens, VendorError> {
        let whole = format!("{}{}", password.reveal(), security_token.reveal());
        let way = self.dialect.as_ref().and_then(|dialect| Some((dialect, dialect.log_in(username, &whole)?)));
        let Some((dialect, login)) = way else {
            return Err(VendorError::new(
                Class::Configuration,
                "no_login",
                "this platform lets nobody log in with a password",
                "use another kind of credentials",
            ));
        };
        let base = self.settings.login_url.as_ref().unwrap_or(&self.settings.base_url);
        let url = address::join(base, &login.path)?;
        let mut request = Request::new(Bytes::from(login.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address::uri(&url)?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(login.content_type));
        for (name, value) in &login.headers {
            request.headers_mut().insert(HeaderName::from_static(name), address::header_value(name, value)?);
        }
        address::add_gateway_headers(&self.settings, &url, request.headers_mut())?;

        let (answer, received, ms) = self.send(request).await?;
        let outcome =
            if (200..300).contains(&answer.status) { dialect.logged_in(&answer, received) } else { Err(dialect.refuse(&answer, received)) };
        let ended = match &outcome {
            Ok(_) => Ended::Well,
            Err(error) if matches!(error.class, Class::Wait { .. }) => Ended::Limited,
            Err(_) => Ended::Badly,
        };
        self.counts.add("token", ended, ms);
        outcome.map_err(|mut error| {
            for secret in [whole.as_str(), password.reveal(), security_token.reveal()] {
                error.message = client::mask(&error.message, secret);
            }
            // Half of a session may be in it.
            error.answer = None;
            error
        })
    }
}
