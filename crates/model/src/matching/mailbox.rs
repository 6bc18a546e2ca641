//! Mailboxes: those that stand for a function rather than a person, and providers that give one to everybody.

/// Local parts that stand for a function.
const ROLES: &[&str] = &[
    "info",
    "support",
    "help",
    "helpdesk",
    "sales",
    "office",
    "contact",
    "hello",
    "admin",
    "administrator",
    "billing",
    "accounting",
    "accounts",
    "invoice",
    "invoices",
    "finance",
    "hr",
    "jobs",
    "legal",
    "marketing",
    "mail",
    "noreply",
    "no-reply",
    "orders",
    "postmaster",
    "press",
    "purchasing",
    "reception",
    "security",
    "service",
    "team",
    "webmaster",
    "it",
    "kontakt",
    "buchhaltung",
];

/// Domains of providers whose mailboxes say nothing about where a person works.
const FREE_MAIL: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "proton.me",
    "protonmail.com",
    "mail.ru",
    "qq.com",
    "163.com",
];

/// Whether an address stands for a function (`info@acme.com`), which many people share.
pub(super) fn is_role(email: &str) -> bool {
    email.split('@').next().is_some_and(|local| ROLES.contains(&local.split('+').next().unwrap_or(local)))
}

/// Whether a domain gives mailboxes to everybody.
pub(super) fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.contains(&domain)
}
