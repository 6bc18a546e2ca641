//! What a connection may do at its platform: scopes that were granted, those that Entente needs, and what does not work without each. One
//! table for everybody who shows it.

use std::collections::BTreeSet;

use crate::settings::{Auth, Secret};
use crate::transport::call::Body;

/// What was granted, as far as the platform tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// These.
    Known(Vec<String>),
    /// It does not tell, and why.
    Unknown(&'static str),
}

/// When a right is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Where the session is renewed by a refresh token.
    Renewed,
    /// Where changes are read from HubSpot's webhooks journal.
    Journal,
    /// For what an account may as well do without.
    Wanted,
    /// Where a mapping names this object, or, where it ends in a dot, a field whose name begins so.
    Mapped(&'static str),
}

/// What of a connection decides which rights it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Use {
    /// Whether its session is renewed by a refresh token.
    pub renewed: bool,
    /// Whether changes are read from HubSpot's webhooks journal.
    pub journal: bool,
    /// Objects and fields of the platform that its mappings name.
    pub names: BTreeSet<String>,
}

/// A right that Entente needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The scope, in any of several spellings.
    pub scopes: &'static [&'static str],
    /// What will not work without it.
    pub without: &'static str,
    /// When it is needed.
    pub when: When,
}

impl Need {
    /// Whether everything else works without it.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self.when, When::Wanted | When::Mapped(_))
    }

    fn applies(&self, to: &Use) -> bool {
        match self.when {
            When::Always | When::Wanted => true,
            When::Renewed => to.renewed,
            When::Journal => to.journal,
            When::Mapped(name) if name.ends_with('.') => to.names.iter().any(|held| held.starts_with(name)),
            When::Mapped(name) => to.names.contains(name),
        }
    }
}

const fn always(scopes: &'static [&'static str], without: &'static str) -> Need {
    Need { scopes, without, when: When::Always }
}

const fn wanted(scopes: &'static [&'static str], without: &'static str) -> Need {
    Need { scopes, without, when: When::Wanted }
}

const fn journal(scopes: &'static [&'static str], without: &'static str) -> Need {
    Need { scopes, without, when: When::Journal }
}

const fn mapped(name: &'static str, scopes: &'static [&'static str], without: &'static str) -> Need {
    Need { scopes, without, when: When::Mapped(name) }
}

static SALESFORCE: &[Need] = &[
    always(&["api", "full"], "nothing can be read or written over the API"),
    Need {
        scopes: &["refresh_token", "offline_access", "full"],
        without: "the sign-in ends after some hours, and somebody has to sign in again",
        when: When::Renewed,
    },
];

static HUBSPOT: &[Need] = &[
    always(&["crm.objects.contacts.read"], "contacts are not read"),
    always(&["crm.objects.contacts.write"], "contacts are not written, nor tasks for tickets"),
    always(&["crm.objects.companies.read"], "companies are not read"),
    always(&["crm.objects.companies.write"], "companies are not written: no support data on accounts"),
    always(&["crm.objects.deals.read"], "deals are not read: won deals onboard nobody"),
    always(&["crm.objects.owners.read"], "names of account executives stay blank"),
    always(&["crm.schemas.contacts.write"], "`entente provision` cannot make properties of contacts"),
    always(&["crm.schemas.companies.write"], "`entente provision` cannot make properties of companies"),
    always(&["crm.schemas.deals.write"], "`entente provision` cannot make properties of deals"),
    journal(&["developer.webhooks_journal.read"], "changes are not read from the journal: polls bring every change"),
    journal(&["developer.webhooks_journal.subscriptions.read"], "the journal is not asked what it tells of"),
    journal(&["developer.webhooks_journal.subscriptions.write"], "the journal is not told what to tell of"),
    mapped("leads", &["crm.objects.leads.read"], "leads are not read"),
    mapped("leads", &["crm.objects.leads.write"], "leads are not written, and not blanked when their person is erased"),
    mapped("tickets", &["tickets"], "HubSpot's own tickets are neither read nor written"),
    wanted(&["crm.objects.deals.write"], "mappings cannot write deals"),
    wanted(&["marketing.campaigns.read"], "campaigns are not read"),
    wanted(&["sales-email-read"], "e-mails of sales do not become activities"),
    wanted(&["forms"], "submissions of forms do not become activities"),
    mapped("lists.", &["crm.lists.read"], "mappings cannot read the lists that a record is in"),
    wanted(&["crm.schemas.custom.read"], "mappings cannot name objects of the account's own"),
    wanted(&["crm.objects.custom.read"], "rows of the account's own objects are not read"),
    wanted(&["crm.objects.custom.write"], "rows of the account's own objects are not written"),
];

static ZENDESK: &[Need] = &[
    always(&["read"], "nothing is read but what narrower scopes name"),
    always(&["write"], "nothing is written but what narrower scopes name; `entente provision` cannot make fields and webhooks"),
];

static PIPEDRIVE: &[Need] = &[
    always(&["contacts:full"], "people and organizations are not written"),
    always(&["deals:full", "deals:read"], "deals are not read: won deals onboard nobody"),
    always(&["activities:full"], "tickets do not become activities"),
    always(&["users:read", "admin"], "names of account executives stay blank"),
    always(&["search:read"], "nobody is found by e-mail before a creation"),
    always(&["admin"], "`entente provision` cannot make webhooks: polls bring every change"),
    always(&["contact-fields:full"], "`entente provision` cannot make fields of people and organizations"),
];

// To name another row in a look-up takes two privileges: append for the row that names, append-to for the one that is named.
static DYNAMICS: &[Need] = &[
    always(&["prvReadAccount"], "accounts are not read"),
    always(&["prvCreateAccount"], "accounts are not created"),
    always(&["prvWriteAccount"], "accounts are not written: no support data on accounts"),
    always(&["prvAppendAccount"], "accounts are not written with the account above them"),
    always(&["prvAppendToAccount"], "accounts, contacts and cases are not written with the account that they belong to"),
    always(&["prvReadContact"], "contacts are not read"),
    always(&["prvCreateContact"], "contacts are not created"),
    always(&["prvWriteContact"], "contacts are not written"),
    always(&["prvAppendContact"], "contacts are not written with their account"),
    always(&["prvAppendToContact"], "cases are not written with their contact"),
    always(&["prvReadOpportunity"], "opportunities are not read: won ones onboard nobody"),
    always(&["prvReadIncident"], "cases are not read"),
    always(&["prvCreateIncident"], "tickets do not become cases"),
    always(&["prvWriteIncident"], "cases are not written: they do not follow their tickets"),
    always(&["prvAppendIncident"], "cases are not written with their account and contact"),
    always(&["prvReadActivity"], "activities are not read"),
    mapped("leads", &["prvReadLead"], "leads are not read"),
    mapped("leads", &["prvWriteLead"], "leads are not written, and not blanked when their person is erased"),
    wanted(&["prvReadCampaign"], "campaigns are not read"),
    wanted(&["prvCreateAttribute"], "`entente provision` cannot make columns"),
];

/// The rights that Entente can use at a platform; none where a platform has no such rights.
#[must_use]
pub fn needs(platform: &str) -> &'static [Need] {
    match platform {
        "salesforce" => SALESFORCE,
        "hubspot" => HUBSPOT,
        "zendesk" => ZENDESK,
        "pipedrive" => PIPEDRIVE,
        "dynamics" => DYNAMICS,
        _ => &[],
    }
}

/// The rights that a connection needs, as it is set up.
#[must_use]
pub fn needed(platform: &str, by: &Use) -> Vec<&'static Need> {
    needs(platform).iter().filter(|need| need.applies(by)).collect()
}

/// The needs of a connection that granted scopes do not meet.
#[must_use]
pub fn lacking(platform: &str, by: &Use, granted: &[String]) -> Vec<&'static Need> {
    let met = |need: &&Need| need.scopes.iter().any(|one| granted.iter().any(|held| held.eq_ignore_ascii_case(one)));
    needed(platform, by).into_iter().filter(|need| !met(need)).collect()
}

/// Whether a connection's session is renewed by a refresh token.
#[must_use]
pub fn is_renewed(auth: &Auth) -> bool {
    matches!(auth, Auth::RefreshToken { .. })
}

/// The form with which a client asks about its own token (RFC 7662).
pub(crate) fn introspection(token: &Secret, client_id: &str, client_secret: &Secret) -> Body {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Body::Form(vec![
        field("token", token.reveal()),
        field("token_type_hint", "access_token"),
        field("client_id", client_id),
        field("client_secret", client_secret.reveal()),
    ])
}

/// Scopes as a token's answer lists them: with spaces or commas between.
#[must_use]
pub fn listed(text: &str) -> Vec<String> {
    text.split([' ', ',']).map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(platform: &str, renewed: bool, granted: &str) -> Vec<&'static str> {
        lacking(platform, &Use { renewed, ..Use::default() }, &listed(granted)).into_iter().map(|need| need.scopes[0]).collect()
    }

    #[test]
    fn a_right_in_any_of_its_spellings_is_one() {
        assert!(names("salesforce", true, "full").is_empty());
        assert_eq!(names("zendesk", false, "read"), ["write"]);
        assert_eq!(names("pipedrive", true, "contacts:full,deals:read,activities:full,admin,contact-fields:full"), ["search:read"]);
        assert!(names("freshdesk", false, "").is_empty(), "keys have no scopes");
    }

    #[test]
    fn only_whoever_renews_a_session_needs_the_right_to() {
        assert_eq!(names("salesforce", true, "api"), ["refresh_token"]);
        assert!(names("salesforce", false, "api").is_empty());
    }

    #[test]
    fn only_what_a_mapping_names_needs_its_right() {
        let missing = |names: &[&str]| -> Vec<&str> {
            let by = Use { names: names.iter().map(|name| (*name).to_owned()).collect(), ..Use::default() };
            let optional = |need: &&&Need| matches!(need.when, When::Mapped(_));
            lacking("hubspot", &by, &[]).iter().filter(optional).map(|need| need.scopes[0]).collect()
        };
        assert!(missing(&["contacts", "email", "lists"]).is_empty());
        assert_eq!(missing(&["leads", "hs_lead_name"]), ["crm.objects.leads.read", "crm.objects.leads.write"]);
        assert_eq!(missing(&["contacts", "lists.42"]), ["crm.lists.read"]);
    }

    #[test]
    fn to_name_another_row_takes_rights_to_both() {
        let without = "prvReadAccount,prvCreateAccount,prvWriteAccount,prvAppendAccount,prvReadContact,prvCreateContact,prvWriteContact,\
                       prvReadOpportunity,prvReadIncident,prvCreateIncident,prvWriteIncident,prvAppendIncident,prvReadActivity,\
                       prvReadCampaign,prvCreateAttribute";
        assert_eq!(names("dynamics", false, without), ["prvAppendToAccount", "prvAppendContact", "prvAppendToContact"]);
    }

    #[test]
    fn only_whoever_reads_the_journal_needs_its_scopes() {
        let missing = |journal: bool| -> Vec<&str> {
            let by = Use { journal, ..Use::default() };
            let of_journal = |need: &&&Need| need.scopes[0].starts_with("developer.webhooks_journal");
            lacking("hubspot", &by, &[]).iter().filter(of_journal).map(|need| need.scopes[0]).collect()
        };
        assert!(missing(false).is_empty());
        assert_eq!(missing(true).len(), 3);
    }
}
