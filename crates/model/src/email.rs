//! Whether an e-mail address is likely to reach anybody, judged by its form alone: no server is asked.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use rapidfuzz::distance::osa;

/// Providers that give mailboxes to everybody, the most used ones: a domain one slip from one of these is likely a mistyped one.
/// Written down by us, from the providers' own pages.
const PROVIDERS: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "hotmail.co.uk",
    "hotmail.fr",
    "yahoo.com",
    "yahoo.co.uk",
    "yahoo.fr",
    "yahoo.co.in",
    "ymail.com",
    "rocketmail.com",
    "icloud.com",
    "protonmail.com",
    "proton.me",
    "fastmail.com",
    "comcast.net",
    "verizon.net",
    "t-online.de",
    "freenet.de",
    "orange.fr",
    "wanadoo.fr",
    "libero.it",
    "duck.com",
];

/// Letters of a provider's domain from which one slip is a slip and not another domain (`me.com`, `gmx.de` and `web.de` are too short).
const SLIP_CHARS: usize = 8;

/// Endings that stand for no real domain and are used to try things out (RFC 2606).
const FOR_TRYING_OUT: &[&str] = &["example", "test"];

/// Endings that a mistyped one most likely meant.
const ENDINGS: &[&str] = &["com", "net", "org"];

/// Domains of mailboxes that are thrown away: the list of the crate `mailchecker` (MIT), which is gathered from public lists.
static DISPOSABLE: LazyLock<HashSet<&'static str>> = LazyLock::new(|| mailchecker::blacklist().into_iter().collect());

/// What is wrong with an address. It names domains alone, so that it can be told without telling whose address it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It has not the form of an address.
    Form,
    /// Its domain ends in what no domain ends in.
    Ending {
        /// The domain.
        domain: String,
        /// The domain that was most likely meant, if that is plain.
        meant: Option<String>,
    },
    /// Its domain is one slip away from that of a provider that many use.
    Typo {
        /// The domain.
        domain: String,
        /// The domain that was most likely meant.
        meant: String,
    },
    /// Its domain gives mailboxes to be thrown away.
    Disposable {
        /// The domain.
        domain: String,
    },
}

impl Flaw {
    /// Whether nothing sent there can arrive, so that platforms would refuse the address or mails to it bounce.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        matches!(self, Self::Form | Self::Ending { .. })
    }

    /// The domain that was most likely meant.
    #[must_use]
    pub fn meant(&self) -> Option<&str> {
        match self {
            Self::Ending { meant, .. } => meant.as_deref(),
            Self::Typo { meant, .. } => Some(meant),
            Self::Form | Self::Disposable { .. } => None,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("it has not the form of an e-mail address")?,
            Self::Ending { domain, .. } => write!(f, "there is no domain like {domain}")?,
            Self::Typo { domain, .. } => write!(f, "its domain {domain} looks mistyped")?,
            Self::Disposable { domain } => write!(f, "{domain} gives mailboxes that are thrown away")?,
        }
        match self.meant() {
            Some(meant) => write!(f, "; did they mean {meant}?"),
            None => Ok(()),
        }
    }
}

/// What is wrong with an address; `None` when it may well reach somebody.
#[must_use]
pub fn flaw(address: &str) -> Option<Flaw> {
    let address = address.trim().to_lowercase();
    let Some((_, domain)) = address.rsplit_once('@').filter(|_| email_address::EmailAddress::is_valid(&address)) else {
        return Some(Flaw::Form);
    };
    let Some((rest, ending)) = domain.rsplit_once('.').filter(|(rest, ending)| !rest.is_empty() && !ending.is_empty()) else {
        return Some(Flaw::Ending { domain: domain.to_owned(), meant: None });
    };
    if FOR_TRYING_OUT.contains(&ending) || PROVIDERS.contains(&domain) {
        return None;
    }
    if !psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.is_known()) {
        let meant = ENDINGS.iter().find(|known| osa::distance(ending.chars(), known.chars()) <= 1);
        return Some(Flaw::Ending { domain: domain.to_owned(), meant: meant.map(|meant| format!("{rest}.{meant}")) });
    }
    // A slip at the first letter is rare, and `email.com` is a provider as `gmail.com` is.
    let slip = |known: &&&str| {
        known.len() >= SLIP_CHARS
            && known.as_bytes().first() == domain.as_bytes().first()
            && osa::distance(known.chars(), domain.chars()) == 1
    };
    if let Some(meant) = PROVIDERS.iter().find(slip) {
        return Some(Flaw::Typo { domain: domain.to_owned(), meant: (*meant).to_owned() });
    }
    let mut suffixes = domain.match_indices('.').map(|(at, _)| &domain[at + 1..]);
    let disposable = DISPOSABLE.contains(domain) || suffixes.any(|suffix| DISPOSABLE.contains(suffix));
    disposable.then(|| Flaw::Disposable { domain: domain.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_people_have_pass() {
        let good = [
            "ada@acme.com",
            "Ada.Lovelace+news@mail.acme.co.uk",
            "o'brien@acme.ie",
            "ada@email.com",
            "ada@ymail.com",
            "ada@gmx.de",
            "ada@me.com",
            "ada@hotmail.de",
            "ada@duck.com",
            "ada@müller.de",
            "grace@acme.example",
        ];
        for address in good {
            assert_eq!(flaw(address), None, "{address}");
        }
    }

    #[test]
    fn a_mistyped_provider_is_told_with_what_was_meant() {
        for (address, meant) in [
            ("ada@gmial.com", "gmail.com"),
            ("ada@gmail.co", "gmail.com"),
            ("ada@gmai.com", "gmail.com"),
            ("Ada@Hotmial.com", "hotmail.com"),
            ("ada@yaho.com", "yahoo.com"),
            ("ada@outlok.com", "outlook.com"),
            ("ada@acme.con", "acme.com"),
        ] {
            assert_eq!(flaw(address).as_ref().and_then(Flaw::meant), Some(meant), "{address}");
        }
        let told = flaw("ada@gmial.com").unwrap().to_string();
        assert_eq!(told, "its domain gmial.com looks mistyped; did they mean gmail.com?");
    }

    #[test]
    fn what_can_never_arrive_is_told_from_what_is_doubtful() {
        for address in ["ada", "ada@", "@acme.com", "ada@@acme.com", "ada lovelace@acme.com", "ada@acme..com"] {
            assert_eq!(flaw(address), Some(Flaw::Form), "{address}");
        }
        for address in ["ada@localhost", "ada@acme.notanending"] {
            let flaw = flaw(address).unwrap();
            assert!(matches!(flaw, Flaw::Ending { .. }) && flaw.meant().is_none(), "{address}: {flaw}");
        }
        assert!(flaw("ada@").unwrap().is_certain() && flaw("ada@acme.con").unwrap().is_certain());
        assert!(!flaw("ada@gmial.com").unwrap().is_certain() && !flaw("ada@mailinator.com").unwrap().is_certain());
    }

    #[test]
    fn mailboxes_that_are_thrown_away_are_known_with_their_subdomains() {
        for address in ["ada@mailinator.com", "ada@team.mailinator.com"] {
            assert!(matches!(flaw(address), Some(Flaw::Disposable { .. })), "{address}");
        }
    }
}
