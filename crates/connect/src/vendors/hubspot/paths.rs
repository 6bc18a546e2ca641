//! Where the API is: the one place that knows versions.
//!
//! HubSpot serves the same endpoints on old paths (`/crm/v3/objects/…`) and on dated ones (`/crm/objects/2026-09/…`); bodies are the
//! same. Old paths are supported until September 2027.

/// The version used unless configured.
pub(crate) const DEFAULT: &str = "2026-09";

/// Versions with their token endpoint.
const VERSIONS: &[(&str, &str)] = &[("v3", "/oauth/v1/token"), ("2026-03", "/oauth/2026-03/token"), ("2026-09", "/oauth/2026-09/token")];

/// The paths of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paths {
    version: &'static str,
    token: &'static str,
}

impl Paths {
    /// The paths of a version by name.
    pub fn of(version: &str) -> Option<Self> {
        VERSIONS.iter().find(|(name, _)| *name == version).map(|(version, token)| Self { version, token })
    }

    /// Names of all versions.
    pub fn known() -> String {
        VERSIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn crm(self, old: &str, head: &str, tail: &str) -> String {
        if self.version == "v3" { format!("/crm/{old}/{head}{tail}") } else { format!("/crm/{head}/{}{tail}", self.version) }
    }

    /// The token endpoint.
    pub fn token(self) -> &'static str {
        self.token
    }

    /// Where a token is asked about. The oldest version would want it in the address.
    pub fn introspection(self) -> String {
        format!("/oauth/{}/token/introspect", self.version)
    }

    /// Records of an object; `tail` begins with `/` or is empty.
    pub fn objects(self, object: &str, tail: &str) -> String {
        self.crm("v3", "objects", &format!("/{object}{tail}"))
    }

    /// A batch of associations from one object to another.
    pub fn associations(self, from: &str, to: &str, verb: &str) -> String {
        self.crm("v4", "associations", &format!("/{from}/{to}/batch/{verb}"))
    }

    /// Properties of an object.
    pub fn properties(self, object: &str, tail: &str) -> String {
        self.crm("v3", "properties", &format!("/{object}{tail}"))
    }

    /// Definitions of the portal's own objects; `tail` begins with `/` or is empty.
    pub fn schemas(self, tail: &str) -> String {
        format!("/crm-object-schemas/{}/schemas{tail}", self.version)
    }

    /// The ways in which two objects go together.
    pub fn labels(self, from: &str, to: &str) -> String {
        self.crm("v4", "associations", &format!("/{from}/{to}/labels"))
    }

    /// Campaigns, forms or e-mails of marketing; `tail` begins with `/` or is empty.
    pub fn marketing(self, what: &str, tail: &str) -> String {
        // Forms are the one part that has no documented dated path.
        if self.version == "v3" || what == "forms" {
            format!("/marketing/v3/{what}{tail}")
        } else {
            format!("/marketing/{what}/{}{tail}", self.version)
        }
    }

    /// Forms.
    pub fn forms(self) -> String {
        self.marketing("forms", "")
    }

    /// Lists of records; `tail` begins with `/` or is empty.
    pub fn lists(self, tail: &str) -> String {
        self.crm("v3", "lists", tail)
    }

    /// Pipelines of an object, with their stages.
    pub fn pipelines(self, object: &str) -> String {
        self.crm("v3", "pipelines", &format!("/{object}"))
    }

    /// Owners.
    pub fn owners(self) -> String {
        self.crm("v3", "owners", "")
    }

    /// Facts about the account.
    pub fn account(self) -> String {
        format!("/account-info/{}/details", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_dated_paths_are_a_matter_of_the_version() {
        let (old, dated) = (Paths::of("v3").expect("v3"), Paths::of("2026-09").expect("dated"));
        assert_eq!(old.objects("contacts", "/batch/read"), "/crm/v3/objects/contacts/batch/read");
        assert_eq!(dated.objects("contacts", "/batch/read"), "/crm/objects/2026-09/contacts/batch/read");
        assert_eq!(old.associations("deals", "companies", "read"), "/crm/v4/associations/deals/companies/batch/read");
        assert_eq!(dated.associations("deals", "companies", "read"), "/crm/associations/2026-09/deals/companies/batch/read");
        assert_eq!((old.owners(), dated.owners()), ("/crm/v3/owners".to_owned(), "/crm/owners/2026-09".to_owned()));
        assert_eq!(
            (old.pipelines("leads"), dated.pipelines("leads")),
            ("/crm/v3/pipelines/leads".to_owned(), "/crm/pipelines/2026-09/leads".to_owned())
        );
        assert_eq!((old.token(), dated.token()), ("/oauth/v1/token", "/oauth/2026-09/token"));
        assert_eq!(dated.marketing("campaigns", "/1"), "/marketing/campaigns/2026-09/1");
        assert_eq!((dated.forms(), old.lists("/search")), ("/marketing/v3/forms".to_owned(), "/crm/v3/lists/search".to_owned()));
        assert_eq!(Paths::of("v1"), None);
    }
}
