//! What is checked of each connection.

use std::collections::BTreeMap;

use entente_connect::connector::Tried;
use entente_connect::scopes::{self, Granted};
use entente_connect::settings::{Auth, HubSpotChanges};
use entente_connect::webhook::{Incoming, WebhookError};
use entente_engine::sync::provision::subscriptions::{Subscription, look};
use entente_engine::sync::provision::{can_be_made, follows_a_reference};
use entente_engine::{Connection, Engine};
use entente_model::clock::Timestamp;
use entente_model::mapping::Direction;

use super::super::connect::{out_of_reach, tried_streams, use_of};
use super::Report;
use crate::config::Config;
use crate::fault::Fault;

/// Clock offsets beyond this make "within five seconds of each other" a guess, in milliseconds.
const CLOCK_MS: i64 = 2_000;

/// Share of the API budget that should be left, in percent.
const BUDGET_PERCENT: u64 = 10;

/// Longest list of granted scopes that is shown.
const SCOPES_SHOWN: usize = 30;

/// How far back webhooks are looked for, in milliseconds: a day, quiet nights included.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Ends the reason of a connector that has nothing to verify with.
const NOTHING_SET: &str = "is configured";

/// Whether this server could verify what the vendor sends: the connector itself is asked, with a request that holds nothing.
pub(super) fn verification(config: &Config, connection: &Connection, now: Timestamp, report: &mut Report) {
    let area = connection.name.as_str();
    if reads_journal(connection) {
        return report.ok(area, "changes are read from HubSpot's webhooks journal; no webhook has to reach this server");
    }
    let empty = Incoming { headers: BTreeMap::new(), body: Vec::new() };
    let answer = connection.connector.open(&empty, connection.settings.webhooks.path_secret.reveal(), now);
    if let Err(WebhookError::Unverified { reason, remedy }) = &answer
        && reason.ends_with(NOTHING_SET)
    {
        let remedy = format!("{remedy}; until then only polls bring changes");
        let what = format!("every webhook would be refused: {reason}");
        // Without an address nobody sends any, and neither does a platform for a key that belongs to no app: polls bring every change.
        let none_expected = config.public_url.is_none() || matches!(connection.settings.auth, Auth::AccessToken { .. });
        return if none_expected { report.warn(area, what, remedy) } else { report.fail(area, what, remedy) };
    }
    let Some(url) = &config.public_url else {
        let remedy = "set server.public_url to the address under which this server is reached; until then only polls bring changes";
        return report.warn(area, "the vendor does not know where to send webhooks", remedy);
    };
    let local = url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127."));
    if url.scheme() != "https" && !local {
        report.warn(area, "webhooks come in without TLS", "put a proxy with TLS in front, and its https address into server.public_url");
    } else {
        report.ok(area, "webhooks can be verified");
    }
}

fn reads_journal(connection: &Connection) -> bool {
    connection.settings.hubspot.changes == HubSpotChanges::Journal
}

/// Whether the vendor sends webhooks here, as far as it can be asked; else whether any came.
async fn subscription(config: &Config, engine: &Engine, connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    let Some(url) = config.public_url.as_ref().filter(|_| !reads_journal(connection)) else { return };
    let found = match look(engine, connection, Some(url.as_str())).await {
        Ok(found) => found,
        Err(error) => return report.fault(area, &Fault::of(&error)),
    };
    let Subscription { address, state, .. } = &found;
    let to = address.clone().unwrap_or_default();
    match state.as_str() {
        "present" => report.ok(area, format!("it sends webhooks to {to}")),
        "missing" if found.objects.iter().any(|watched| !watched.fields.is_empty()) => {
            let lacks = found.note.as_deref().unwrap_or_default();
            report.fail(area, format!("it does not send every webhook to {to}: {lacks}"), "make it do so with `entente provision --apply`");
        }
        "missing" => report.fail(area, format!("it sends no webhooks to {to}"), "make it do so with `entente provision --apply`"),
        _ => came_in(engine, area, &to, report).await,
    }
}

async fn came_in(engine: &Engine, area: &str, to: &str, report: &mut Report) {
    let (now, name) = (engine.now(), area.to_owned());
    let since = Timestamp::from_millisecond(now.as_millisecond() - DAY_MS).unwrap_or(now);
    let counted = engine
        .store()
        .read(move |tx| Ok((tx.counted("webhooks", Some(&name), since, now)?, tx.counted("webhooks_refused", Some(&name), since, now)?)))
        .await;
    match counted {
        Ok((0, 0)) => report.warn(
            area,
            format!("no webhook came to {to} in the last 24 hours, and this platform cannot be asked whether it sends any"),
            "set it up as `entente provision` shows",
        ),
        Ok((0, refused)) => report.fail(
            area,
            format!("all {refused} webhooks of the last 24 hours were refused"),
            format!("compare the address at the platform with `entente provision --address {area}`, and webhooks.organization"),
        ),
        Ok((came, _)) => report.ok(area, format!("{came} webhooks came in during the last 24 hours")),
        Err(error) => report.fault(area, &Fault::of(&error)),
    }
}

/// Asks the vendor: who we are, its clock, our rights, its schema, its stream of changes, what is left of the quota, and whether it sends
/// webhooks here.
pub(super) async fn examine(config: &Config, engine: &Engine, connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    match connection.connector.check().await {
        Ok(identity) => report.ok(area, format!("signed in as {} at {}", identity.user, identity.organization)),
        Err(error) => return report.fail(area, format!("signing in failed: {error}"), error.advice),
    }
    if matches!(connection.settings.auth, Auth::ApiToken { .. }) {
        report.warn(area, "API tokens end on 2027-04-30 at Zendesk", "move to kind = \"client_credentials\"");
    }
    match connection.connector.clock_offset_ms() {
        Some(ms) if ms.abs() > CLOCK_MS => report.warn(
            area,
            format!("its clock differs by {:.1} s; times of changes are corrected by that", ms as f64 / 1_000.0),
            "check the clock of this machine (NTP)",
        ),
        Some(ms) => report.ok(area, format!("its clock differs by {ms} ms")),
        None => {}
    }
    rights(engine, connection, report).await;
    schema(engine, connection, report).await;
    reach(engine, connection, report).await;
    streams(engine, connection, report).await;
    quota(connection, report);
    subscription(config, engine, connection, report).await;
}

/// What is left of the quota. Asked after rows were read: Salesforce tells it with answers about rows, and not with those to a sign-in.
fn quota(connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    let budget = connection.connector.budget();
    match (budget.remaining, budget.limit) {
        (Some(left), Some(limit)) if left.saturating_mul(100) < limit.saturating_mul(BUDGET_PERCENT) => {
            report.warn(area, format!("{left} of {limit} API calls are left"), "find out what else uses the quota, or set daily_calls");
        }
        (Some(left), Some(limit)) => report.ok(area, format!("{left} of {limit} API calls are left")),
        (Some(left), None) => report.ok(area, format!("{left} API calls are left")),
        (None, _) => report.ok(area, "the vendor names no API budget"),
    }
}

/// What was granted, what is missing, and what then will not work.
async fn rights(engine: &Engine, connection: &Connection, report: &mut Report) {
    let (area, platform) = (connection.name.as_str(), connection.settings.platform.as_str());
    let granted = match connection.connector.granted().await {
        Ok(Granted::Known(granted)) => granted,
        Ok(Granted::Unknown(why)) => {
            let remedy = "look at the rights of its user or app at the platform; whatever they do not allow is told when it is tried";
            return report.warn(area, format!("what it may do there is not known: {why}"), remedy);
        }
        Err(error) => return report.fail(area, format!("what it may do there cannot be asked: {error}"), error.advice),
    };
    let by = use_of(engine, connection);
    let (needs, lacking) = (scopes::needed(platform, &by), scopes::lacking(platform, &by, &granted));
    if lacking.iter().all(|need| need.is_optional()) {
        let (held, all) = (needs.len() - lacking.len(), needs.len());
        // A list of hundreds is no help to anybody.
        let shown = if granted.len() <= SCOPES_SHOWN { format!(": {}", granted.join(", ")) } else { String::new() };
        report.ok(
            area,
            format!("it may do there what it must ({held} of {all} rights that Entente can use, {} granted{shown})", granted.len()),
        );
    }
    for need in lacking {
        let what = format!("the right {} was not granted: {}", need.scopes.join(" or "), need.without);
        if need.is_optional() {
            report.warn(area, what, "grant it where that is wanted, then sign in again; everything else works without it");
        } else {
            report.fail(
                area,
                what,
                format!("grant it at the platform, then sign in again with `entente connect {platform} --name {area}`"),
            );
        }
    }
}

/// Whether our user's rights are enough to read what is mapped.
async fn reach(engine: &Engine, connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    match out_of_reach(engine, area).await {
        Ok(lacking) if lacking.is_empty() => report.ok(area, "every mapped object can be read"),
        Ok(lacking) => lacking.into_iter().for_each(|lacking| report.fail(area, lacking.what, lacking.without)),
        Err(fault) => report.fault(area, &fault),
    }
}

/// Whether the platform's own stream of changes can be read, where the connection reads one.
async fn streams(engine: &Engine, connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    let mut heard = Vec::new();
    for Tried { stream, is_optional, outcome } in tried_streams(engine, connection).await {
        match outcome {
            Ok(()) => heard.push(stream),
            Err(error) if is_optional => {
                report.warn(area, format!("{stream} cannot be read, so that polls bring its changes: {error}"), error.advice);
            }
            Err(error) => report.fail(area, format!("{stream} cannot be read: {error}"), error.advice),
        }
    }
    if !heard.is_empty() {
        report.ok(area, format!("{} can be read", heard.join(", ")));
    }
}

/// Every remote field that a mapping names exists, and is writable where it is written.
async fn schema(engine: &Engine, connection: &Connection, report: &mut Report) {
    let area = connection.name.as_str();
    let catalog = engine.catalog();
    let mut wanted: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for mapped in catalog.mappings(&connection.name) {
        let mapping = mapped.mapping();
        let fields = wanted.entry(mapping.remote.clone()).or_default();
        *fields.entry(mapping.key.clone()).or_default() |= mapping.create.when.is_some();
        for line in &mapping.fields {
            *fields.entry(line.remote.clone()).or_default() |= line.direction != Direction::In;
        }
    }
    for (object, fields) in wanted {
        let found = match connection.connector.describe(&object).await {
            Ok(found) => found,
            Err(error) => {
                report.fail(area, format!("the schema of {object} cannot be read: {error}"), error.advice);
                continue;
            }
        };
        let absent = fields.keys().map(String::as_str).filter(|name| found.field(name).is_none() && !follows_a_reference(name));
        let (missing, unknown): (Vec<&str>, Vec<&str>) = absent.partition(|name| can_be_made(name));
        let locked: Vec<&str> = fields
            .iter()
            .filter(|(name, written)| **written && found.field(name).is_some_and(|field| !field.writable))
            .map(|(name, _)| name.as_str())
            .collect();
        if !missing.is_empty() {
            report.fail(
                area,
                format!("{object} lacks {}", missing.join(", ")),
                "create them with `entente provision --apply`, or take them out of the mapping",
            );
        }
        if !unknown.is_empty() {
            report.fail(
                area,
                format!("{object} has no {}", unknown.join(", ")),
                "these are not fields that `entente provision` makes: name them as the platform does, or take them out of the mapping",
            );
        }
        if !locked.is_empty() {
            report.fail(
                area,
                format!("our user may not write {} of {object}", locked.join(", ")),
                "grant the permission at the platform, or map these fields with direction = \"in\"",
            );
        }
        if missing.is_empty() && unknown.is_empty() && locked.is_empty() {
            let there = fields.keys().filter(|name| found.field(name).is_some()).count();
            report.ok(area, format!("{object}: {there} mapped fields are there"));
        }
    }
}
