//! How each platform lets one in: keys that people copy, and OAuth's authorization code. Sources: the vendors' documentation of their
//! authorization endpoints.

use entente_connect::scopes;
use entente_connect::settings::ConnectionSettings;
use entente_connect::vendors::rest::description::Description;
use entente_connect::vendors::rest::description::platform::Encoding;
use url::Url;

/// What HubSpot is asked for, whatever the account's tier.
const HUBSPOT_SCOPES: &str = "oauth crm.objects.contacts.read crm.objects.contacts.write crm.objects.companies.read \
                              crm.objects.companies.write crm.objects.deals.read crm.objects.deals.write crm.objects.owners.read \
                              crm.schemas.contacts.write crm.schemas.companies.write crm.schemas.deals.write tickets";

/// A key that somebody copies from the platform.
#[derive(Debug, Clone, Copy)]
pub struct KeyWay {
    /// Kind of credentials.
    pub kind: &'static str,
    /// Whether it goes with the e-mail of its user.
    pub email: bool,
    /// Where it is found.
    pub found: &'static str,
}

/// How a token endpoint takes its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A form.
    Form,
    /// A form, with the client as HTTP Basic credentials.
    Basic,
    /// JSON.
    Json,
}

/// Signing in with a browser.
#[derive(Debug, Clone)]
pub struct BrowserWay {
    /// The page on which people consent.
    pub authorize: Url,
    /// Where the code becomes tokens.
    pub token: Url,
    /// Form of the parameters.
    pub body: Body,
    /// Scopes that are asked for; blank where the app has them.
    pub scope: String,
    /// Whether the platform takes a challenge (RFC 7636).
    pub pkce: bool,
    /// Kind of credentials that come of it.
    pub kind: &'static str,
}

/// The key of a platform, where it has one.
pub fn key(platform: &str, description: Option<&Description>) -> Option<KeyWay> {
    let way = |kind, email, found| Some(KeyWay { kind, email, found });
    match platform {
        "hubspot" => way("access_token", false, "Development → Keys → Service keys, or the token of a private app"),
        "pipedrive" => way("access_token", false, "Personal preferences → API"),
        "zendesk" => way("api_token", true, "Admin Center → Apps and integrations → APIs → API tokens"),
        "freshdesk" => way("access_token", false, "Profile settings → View API key"),
        "intercom" => way("access_token", false, "Developer Hub → your app → Authentication"),
        "rest" => {
            let auth = &description?.auth;
            let found = "the platform's settings";
            if auth.access_token.is_some() {
                way("access_token", false, found)
            } else {
                auth.api_token.as_ref().and_then(|_| way("api_token", true, found))
            }
        }
        _ => None,
    }
}

/// Whether a platform takes client credentials.
pub fn takes_client_credentials(platform: &str, description: Option<&Description>) -> bool {
    matches!(platform, "salesforce" | "dynamics" | "zendesk") || description.is_some_and(|description| description.auth.oauth.is_some())
}

/// Whether a platform has a page on which people consent.
pub fn has_browser(platform: &str, description: Option<&Description>) -> bool {
    match platform {
        "salesforce" | "hubspot" | "zendesk" | "pipedrive" | "intercom" => true,
        _ => description.and_then(|description| description.auth.oauth.as_ref()).is_some_and(|oauth| oauth.authorize.is_some()),
    }
}

/// `base`, or the vendor's own host for signing in where `base` is the vendor's.
fn host(base: &Url, vendor: &str, sign_in: &str) -> Option<Url> {
    if base.host_str().is_some_and(|host| host.ends_with(vendor)) { Url::parse(sign_in).ok() } else { Some(base.clone()) }
}

fn under(base: &Url, path: &str) -> Option<Url> {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    Some(url)
}

/// The page, asking for what an account may as well do without: HubSpot leaves out what the account's tier does not have.
fn optional(mut page: Url, platform: &str, scope: &str) -> Url {
    let asked: Vec<&str> = scope.split_whitespace().collect();
    let wanted = scopes::needs(platform).iter().filter(|need| need.is_optional()).map(|need| need.scopes[0]);
    let wanted = wanted.filter(|scope| !asked.contains(scope));
    let scopes: Vec<&str> = wanted.collect();
    page.query_pairs_mut().append_pair("optional_scope", &scopes.join(" "));
    page
}

/// The browser's way into a platform at an address, where it has one.
pub fn browser(settings: &ConnectionSettings) -> Option<BrowserWay> {
    let base = &settings.base_url;
    let login = settings.login_url.as_ref();
    match settings.platform.as_str() {
        "salesforce" => {
            let login = login.unwrap_or(base);
            Some(BrowserWay {
                authorize: under(login, "/services/oauth2/authorize")?,
                token: under(login, "/services/oauth2/token")?,
                body: Body::Form,
                scope: "api refresh_token".to_owned(),
                pkce: true,
                kind: "refresh_token",
            })
        }
        "hubspot" => Some(BrowserWay {
            authorize: optional(
                under(&host(base, "hubapi.com", "https://app.hubspot.com")?, "/oauth/authorize")?,
                "hubspot",
                HUBSPOT_SCOPES,
            ),
            // The version that takes a challenge.
            token: under(base, "/oauth/v3/token")?,
            body: Body::Form,
            scope: HUBSPOT_SCOPES.to_owned(),
            pkce: true,
            kind: "refresh_token",
        }),
        "zendesk" => Some(BrowserWay {
            authorize: under(base, "/oauth/authorizations/new")?,
            token: under(base, "/oauth/tokens")?,
            body: Body::Json,
            scope: "read write".to_owned(),
            pkce: true,
            kind: "refresh_token",
        }),
        "pipedrive" => {
            let login = match login {
                Some(login) => login.clone(),
                None => host(base, ".pipedrive.com", "https://oauth.pipedrive.com")?,
            };
            Some(BrowserWay {
                authorize: under(&login, "/oauth/authorize")?,
                token: under(&login, "/oauth/token")?,
                body: Body::Basic,
                // They are fixed at the app.
                scope: String::new(),
                pkce: false,
                kind: "refresh_token",
            })
        }
        "intercom" => Some(BrowserWay {
            authorize: under(&host(base, ".intercom.io", "https://app.intercom.com")?, "/oauth")?,
            token: under(base, "/auth/eagle/token")?,
            body: Body::Json,
            scope: String::new(),
            pkce: false,
            // Its tokens do not end.
            kind: "access_token",
        }),
        "rest" => {
            let oauth = settings.description.as_ref()?.auth.oauth.as_ref()?;
            let usual = settings.description.as_ref()?.base_url.as_deref().and_then(|usual| Url::parse(usual).ok());
            let named = oauth.address.as_deref().and_then(|address| Url::parse(address).ok()).filter(|_| usual.as_ref() == Some(base));
            let login = login.cloned().or(named).unwrap_or_else(|| base.clone());
            Some(BrowserWay {
                authorize: under(&login, oauth.authorize.as_deref()?)?,
                token: under(&login, &oauth.token)?,
                body: match oauth.encoding {
                    Encoding::Form => Body::Form,
                    Encoding::Json => Body::Json,
                    Encoding::FormWithBasic => Body::Basic,
                },
                scope: oauth.scope.clone().unwrap_or_default(),
                pkce: true,
                kind: "refresh_token",
            })
        }
        _ => None,
    }
}
