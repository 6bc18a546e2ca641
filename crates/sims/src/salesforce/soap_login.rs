//! SOAP login and the description of the signed-in user, elements in the order of the vendor's WSDL.

use super::State;
use super::envelope::{Element, tag};
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::wire::Call;

/// Wrong passwords in a row after which a user is locked out; the vendor's default.
const LOCKOUT_AFTER: u32 = 10;

pub(crate) fn login(state: &mut State, call: &Call, operation: &Element) -> Outcome<String> {
    let (username, password) = (operation.value("username").unwrap_or_default(), operation.value("password").unwrap_or_default());
    if state.auth.wrong_passwords >= LOCKOUT_AFTER {
        return Err(Fail::new(500, "PASSWORD_LOCKOUT", "The user is locked out after too many invalid login attempts."));
    }
    if !state.auth.password_fits(username, password) {
        state.auth.wrong_passwords += 1;
        let text = "Invalid username, password, security token; or user locked out.";
        return Err(Fail::new(500, "INVALID_LOGIN", text));
    }
    state.auth.wrong_passwords = 0;
    let user = SfId::new(*b"005", state.org.pod, 0);
    let session = state.auth.open(&state.org, user);
    let version = &call.version;
    let org = state.org.org_id;
    let mut result = tag("metadataServerUrl", &format!("{}/services/Soap/m/{version}/{}", call.origin, org.short()));
    result.push_str(&tag("passwordExpired", &state.auth.password_expired.to_string()));
    result.push_str("<sandbox>false</sandbox>");
    result.push_str(&tag("serverUrl", &format!("{}/services/Soap/u/{version}/{}", call.origin, org.short())));
    result.push_str(&tag("sessionId", &session));
    result.push_str(&tag("userId", user.as_str()));
    result.push_str(&format!("<userInfo>{}</userInfo>", user_info(state, user)));
    Ok(format!("<result>{result}</result>"))
}

/// Members of `userInfo`.
pub(crate) fn user_info(state: &State, user: SfId) -> String {
    let org = &state.org;
    let text = |name: &str| org.locate(user).map(|(table, ord)| org.text_of(table, ord, name)).unwrap_or_default();
    let seconds = (state.auth.session_ms / 1000).to_string();
    let nil = |name: &str| format!(r#"<{name} xsi:nil="true"/>"#);
    let company = org.locate(SfId::new(*b"00D", org.pod, 0)).map(|(table, ord)| org.text_of(table, ord, "Name")).unwrap_or_default();
    [
        tag("accessibilityMode", "false"),
        tag("chatterExternal", "false"),
        tag("currencySymbol", "$"),
        tag("orgAttachmentFileSizeLimit", "5242880"),
        tag("orgDefaultCurrencyIsoCode", org.currencies.as_ref().map_or("USD", |(corporate, _)| corporate)),
        tag("orgDefaultCurrencyLocale", "en_US"),
        tag("orgDisallowHtmlAttachments", "false"),
        tag("orgHasPersonAccounts", "false"),
        tag("organizationId", org.org_id.as_str()),
        tag("organizationMultiCurrency", &org.currencies.is_some().to_string()),
        tag("organizationName", &company),
        tag("profileId", &text("ProfileId")),
        nil("roleId"),
        tag("sessionSecondsValid", &seconds),
        org.currencies.as_ref().map_or_else(|| nil("userDefaultCurrencyIsoCode"), |(_, user)| tag("userDefaultCurrencyIsoCode", user)),
        tag("userEmail", &text("Email")),
        tag("userFullName", &text("Name")),
        tag("userId", user.as_str()),
        tag("userLanguage", "en_US"),
        tag("userLocale", "en_US"),
        tag("userName", &text("Username")),
        tag("userTimeZone", &text("TimeZoneSidKey")),
        tag("userType", "Standard"),
        tag("userUiSkin", "Theme3"),
    ]
    .concat()
}
