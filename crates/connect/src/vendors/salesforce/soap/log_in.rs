//! SOAP login: a user's name, password and security token for a session. Ends with Summer '27, and is absent from API version 65 on.

use entente_model::clock::Timestamp;
use url::Url;

use super::{CLIENT, MEDIA_TYPE, response, xml};
use crate::error::{Class, VendorError};
use crate::settings::Secret;
use crate::transport::call::Answer;
use crate::transport::dialect::LogIn;
use crate::transport::wire::Tokens;

/// The newest API version that has a login. A session is good for every version, so a newer one of the connection does not matter.
const LAST_VERSION: u32 = 64;

/// The login of a user; `password` ends with the security token.
pub(in crate::vendors::salesforce) fn log_in(version: &str, username: &str, password: &str) -> LogIn {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let version = if major.is_some_and(|major| major > LAST_VERSION) { format!("{LAST_VERSION}.0") } else { version.to_owned() };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:urn=\"urn:partner.soap.sforce.com\"><soapenv:Header>{CLIENT}</soapenv:Header><soapenv:Body><urn:login>{}{}</urn:login>\
         </soapenv:Body></soapenv:Envelope>",
        xml::tag("urn:username", username),
        xml::tag("urn:password", password),
    );
    LogIn {
        path: format!("/services/Soap/u/{version}"),
        headers: vec![("soapaction", "login".to_owned()), ("accept", "text/xml".to_owned())],
        content_type: MEDIA_TYPE,
        body,
    }
}

/// The session that a login gave. How long it lives is the org's to say, and use prolongs it, so that only its refusal tells of its end.
pub(in crate::vendors::salesforce) fn logged_in(answer: &Answer) -> Result<Tokens, VendorError> {
    let none = || {
        // The answer is not shown: a session may be in it.
        VendorError::new(
            Class::Configuration,
            "login_unreadable",
            "the login was answered, but not with a session",
            "check `login_url`: https://login.salesforce.com, https://test.salesforce.com for sandboxes, or the My Domain address",
        )
        .with_status(answer.status)
    };
    let response = response(answer).map_err(|_| none())?;
    let result = response.child("result").ok_or_else(none)?;
    if result.flag("passwordExpired") {
        return Err(VendorError::new(
            Class::Reauthenticate,
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
            "the password of this user has expired; the session that it still gives is good for changing it and nothing else",
            "set a new password for this user, put it into `password`, and let its profile's passwords never expire",
        )
        .with_status(answer.status));
    }
    let session = result.text_of("sessionId").ok_or_else(none)?;
    let host = result.text_of("serverUrl").and_then(|text| Url::parse(text).ok()).map(|url| url.origin().ascii_serialization());
    Ok(Tokens { access: Secret::new(session), refresh: None, instance_url: host, expires_at: None::<Timestamp> })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn answer(inner: &str) -> Answer {
        let body = format!(
            "<soapenv:Envelope xmlns:soapenv='s' xmlns='urn:partner.soap.sforce.com'><soapenv:Body><loginResponse><result>{inner}</result></loginResponse></soapenv:Body></soapenv:Envelope>"
        );
        Answer { status: 200, headers: HeaderMap::new(), body: Bytes::from(body) }
    }

    #[test]
    fn the_session_and_the_org_s_own_host_are_read() {
        let tokens = logged_in(&answer(
            "<passwordExpired>false</passwordExpired><serverUrl>https://acme.my.salesforce.com/services/Soap/u/62.0/00Dxx0000001gER</serverUrl><sessionId>00Dxx!AQ&amp;1</sessionId>",
        ))
        .expect("tokens");
        assert_eq!(tokens.access.reveal(), "00Dxx!AQ&1");
        assert_eq!(tokens.instance_url.as_deref(), Some("https://acme.my.salesforce.com"));
    }

    #[test]
    fn an_expired_password_is_told_and_its_session_not_used() {
        let error = logged_in(&answer("<passwordExpired>true</passwordExpired><sessionId>secret</sessionId>")).expect_err("refused");
        assert_eq!(error.class, Class::Reauthenticate);
        assert!(!format!("{error:?}").contains("secret"));
        assert_eq!(logged_in(&answer("")).map_err(|error| error.code).err().as_deref(), Some("login_unreadable"));
    }

    #[test]
    fn a_password_is_escaped_and_a_newer_version_logs_in_at_the_last_that_can() {
        let login = log_in("66.0", "a&b@example.com", "p<w>TOKEN");
        assert_eq!(login.path, "/services/Soap/u/64.0");
        assert!(login.body.contains("<urn:username>a&amp;b@example.com</urn:username><urn:password>p&lt;w&gt;TOKEN</urn:password>"));
        assert_eq!(log_in("40.0", "u", "p").path, "/services/Soap/u/40.0");
    }
}
