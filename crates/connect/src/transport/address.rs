//! Addresses and what is written beside them: where a call goes, and which headers may go there.

use std::fmt;

use ::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use url::Url;

use crate::error::{Class, VendorError};
use crate::settings::ConnectionSettings;

fn broken_address(detail: impl fmt::Display) -> VendorError {
    VendorError::new(
        Class::Configuration,
        "address",
        format!("the address of this call is not usable: {detail}"),
        "check `base_url` and `login_url` of this connection",
    )
}

/// The vendor's data host, which must be as safe as the configured one.
pub(crate) fn instance(text: &str, configured: &Url) -> Result<Url, VendorError> {
    let url = Url::parse(text).map_err(broken_address)?;
    if url.scheme() == "https" || (url.scheme() == "http" && configured.scheme() == "http") {
        Ok(url)
    } else {
        Err(broken_address(format!("the vendor named `{}`, which is not https", url.as_str())))
    }
}

/// Joins a path to a base URL, keeping a gateway's path prefix. Absolute addresses must stay on the base's origin.
pub(crate) fn join(base: &Url, path: &str) -> Result<Url, VendorError> {
    if path.starts_with('/') {
        let prefix = base.path().trim_end_matches('/');
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = base.clone();
        url.set_path(&format!("{prefix}{path}"));
        url.set_query(query);
        url.set_fragment(None);
        return Ok(url);
    }
    let url = Url::parse(path).map_err(broken_address)?;
    if url.origin() == base.origin() {
        Ok(url)
    } else {
        Err(broken_address(format!("`{}` is not on the host of this connection", url.host_str().unwrap_or("?"))))
    }
}

pub(crate) fn uri(url: &Url) -> Result<Uri, VendorError> {
    Uri::try_from(url.as_str()).map_err(broken_address)
}

/// Encodes fields for `application/x-www-form-urlencoded`.
pub(crate) fn form<N: AsRef<str>, V: AsRef<str>>(fields: &[(N, V)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) fn header_value(name: &str, value: &str) -> Result<HeaderValue, VendorError> {
    HeaderValue::try_from(value).map_err(|_| {
        VendorError::new(
            Class::Configuration,
            "header",
            format!("the header `{name}` would hold characters that cannot be sent"),
            "check the credentials of this connection for line breaks or invisible characters",
        )
    })
}

/// Adds the gateway's headers, but only to the hosts an admin configured: a host that the vendor named is not the gateway.
pub(crate) fn add_gateway_headers(settings: &ConnectionSettings, url: &Url, headers: &mut HeaderMap) -> Result<(), VendorError> {
    let ours = [Some(&settings.base_url), settings.login_url.as_ref()].into_iter().flatten().any(|base| base.origin() == url.origin());
    if !ours {
        return Ok(());
    }
    for (name, value) in &settings.headers {
        let name_sent = HeaderName::try_from(name.as_str()).map_err(broken_address)?;
        let mut value = header_value(name, value.reveal())?;
        value.set_sensitive(true);
        headers.insert(name_sent, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("url")
    }

    #[test]
    fn a_path_goes_behind_the_gateways_own() {
        let joined = join(&url("https://gateway.example.com/crm/"), "/api/v2/users.json?page=2").expect("url");
        assert_eq!(joined.as_str(), "https://gateway.example.com/crm/api/v2/users.json?page=2");
    }

    #[test]
    fn no_vendor_sends_us_to_another_host() {
        let base = url("https://acme.example.com");
        assert!(join(&base, "https://acme.example.com/next?cursor=1").is_ok());
        for elsewhere in ["https://evil.example.com/next", "http://acme.example.com/next", "ftp:x", "next"] {
            assert_eq!(join(&base, elsewhere).map_err(|error| error.code), Err("address".to_owned()), "{elsewhere}");
        }
        assert!(instance("http://data.example.com", &base).is_err(), "and not to one without TLS");
    }
}
