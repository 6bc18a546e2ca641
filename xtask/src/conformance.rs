//! `cargo xtask conformance --specs DIR`: the tests of the real process again, with a proxy between it and the simulators that holds every
//! request and every answer against a description of the vendor's API. Whoever breaks it, connector or simulator, fails the command.
//!
//! The folder has the descriptions by platform and the proxy (`tools/oas-proxy.mjs`). Neither is part of the product.

mod excuses;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{place, shell};
use excuses::is_narrower;

/// A platform that has a description, in one file or several, and the tests that speak to it.
struct Described {
    platform: &'static str,
    files: &'static [&'static str],
    tests: &'static [&'static str],
}

/// What is run together. A platform has one description in a round, and versions of the same paths need a round each.
const ROUNDS: &[&[Described]] = &[
    &[
        Described {
            platform: "hubspot",
            files: &[
                "hubspot/dbv-2026-09/hubspot-dbv-all.openapi.json",
                "hubspot/dbv-2026-09/oauth.openapi.json",
                "hubspot/dbv-2026-09/marketing-emails.openapi.json",
                // The paths of v3, and the journal.
                "hubspot/hubspot-crm-all.openapi.json",
            ],
            tests: &["hubspot_zendesk::", "hubspot_journal::", "own_objects::", "cases::a_ticket_is_a_ticket_in_hubspot"],
        },
        Described { platform: "pipedrive", files: &["pipedrive/pipedrive-all.openapi.json"], tests: &["pipedrive_zendesk::"] },
        Described {
            platform: "intercom",
            files: &["intercom/api.intercom.io-2.16.yaml"],
            tests: &["salesforce_intercom::a_won_deal_its_people_and_what_they_ask_are_the_same_on_both_sides"],
        },
    ],
    &[Described {
        platform: "intercom",
        files: &["intercom/api.intercom.io-2.14.yaml"],
        tests: &["salesforce_intercom::the_same_holds_for_the_older_version"],
    }],
];

/// What the proxy needs, at the versions that it was written for.
const MODULES: &[&str] = &["openapi-backend@5.21.2", "ajv-formats@3.0.1", "yaml@2.8.1"];

/// Violations that are shown in full.
const SHOWN_MAX: usize = 40;

/// Runs the tests behind the proxy and reads its reports.
///
/// # Errors
/// When something is missing, a test fails, a request or an answer breaks the description, or nothing passed through a proxy.
pub fn conformance(args: &[String]) -> Result<()> {
    let [flag, folder] = args else { bail!("`conformance` takes --specs DIR") };
    if flag != "--specs" {
        bail!("`conformance` takes --specs DIR, not `{flag}`");
    }
    let specs = fs::canonicalize(folder).with_context(|| format!("there is no folder {folder}"))?;
    let work = place::target().join("conformance");
    let reports = work.join("reports");
    if reports.exists() {
        fs::remove_dir_all(&reports).with_context(|| format!("cannot empty {}", reports.display()))?;
    }
    fs::create_dir_all(&reports).with_context(|| format!("cannot make {}", reports.display()))?;
    install(&work)?;
    let mut broken = BTreeMap::new();
    for (round, described) in ROUNDS.iter().enumerate() {
        let reports = reports.join(round.to_string());
        fs::create_dir_all(&reports).with_context(|| format!("cannot make {}", reports.display()))?;
        run(described, &specs, &work, &reports)?;
        judge(described, &reports, &mut broken)?;
    }
    if broken.is_empty() {
        println!("no request and no answer breaks its description");
        return Ok(());
    }
    for (violation, times) in broken.iter().take(SHOWN_MAX) {
        println!("{times} × {violation}");
    }
    bail!("{} kinds of violations; the reports are in {}", broken.len(), reports.display())
}

/// Runs the tests of a round behind proxies.
fn run(round: &[Described], specs: &Path, work: &Path, reports: &Path) -> Result<()> {
    let mut descriptions = BTreeMap::new();
    for described in round {
        let files = described.files.iter().map(|file| as_json(&specs.join(file), work)).collect::<Result<Vec<_>>>()?;
        descriptions.insert(described.platform, as_one(files, described.platform, work)?);
    }
    let asked = json!({
        "proxy": specs.join("tools/oas-proxy.mjs"), "modules": work, "reports": reports, "descriptions": descriptions,
    });
    let mut tests = shell::cargo(&["test", "--workspace", "--test", "process", "--"]);
    tests.args(round.iter().flat_map(|described| described.tests)).env("ENTENTE_CONFORMANCE", asked.to_string());
    shell::run(&mut tests)
}

/// Installs the proxy's modules into a folder of their own.
fn install(work: &Path) -> Result<()> {
    let stamp = work.join("node_modules/.entente-modules");
    let wanted = MODULES.join(" ");
    if fs::read_to_string(&stamp).is_ok_and(|seen| seen == wanted) {
        return Ok(());
    }
    fs::write(work.join("package.json"), "{\"private\": true}\n").with_context(|| format!("cannot write to {}", work.display()))?;
    let mut npm = shell::command("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).args(MODULES).current_dir(work);
    shell::run(&mut npm)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// A description as JSON, which is all that the proxy reads.
fn as_json(file: &Path, work: &Path) -> Result<PathBuf> {
    if !file.exists() {
        bail!("there is no {}", file.display());
    }
    if file.extension().is_some_and(|ending| ending == "json") {
        return Ok(file.to_owned());
    }
    let made = work.join(format!("{}.json", file.file_stem().unwrap_or_default().to_string_lossy()));
    let script = "const fs = require('fs'); fs.writeFileSync(process.argv[2], JSON.stringify(require('yaml').parse(fs.readFileSync(process.argv[1], 'utf8'))))";
    let mut node = shell::command("node");
    shell::run(node.args(["-e", script]).arg(file).arg(&made).current_dir(work))?;
    Ok(made)
}

/// Several descriptions of one platform as one. Schemas of the further ones get names of their own, since each has its `Error` and its `Paging`.
fn as_one(files: Vec<PathBuf>, platform: &str, work: &Path) -> Result<PathBuf> {
    let mut descriptions = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let mut text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        if at > 0 {
            text = text.replace("\"#/components/schemas/", &format!("\"#/components/schemas/part{at}."));
        }
        let read: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
        descriptions.push(read);
    }
    let mut further = descriptions.into_iter().enumerate();
    let Some((_, mut whole)) = further.next() else { bail!("{platform} has no description") };
    let mut part_of = |place: &str, name: String, value: Value| -> Result<()> {
        let into = whole.pointer_mut(place).and_then(Value::as_object_mut);
        into.with_context(|| format!("the description of {platform} has no {place}"))?.insert(name, value);
        Ok(())
    };
    for (at, mut description) in further {
        for (path, operations) in description["paths"].as_object_mut().into_iter().flatten() {
            part_of("/paths", path.clone(), operations.take())?;
        }
        for (name, schema) in description["components"]["schemas"].as_object_mut().into_iter().flatten() {
            part_of("/components/schemas", format!("part{at}.{name}"), schema.take())?;
        }
    }
    let made = work.join(format!("{platform}.json"));
    fs::write(&made, whole.to_string()).with_context(|| format!("cannot write {}", made.display()))?;
    Ok(made)
}

/// Counts what passed and what broke the descriptions of a round.
fn judge(round: &[Described], reports: &Path, broken: &mut BTreeMap<Violation, u64>) -> Result<()> {
    let mut passed: BTreeMap<String, u64> = BTreeMap::new();
    for entry in fs::read_dir(reports).with_context(|| format!("cannot read {}", reports.display()))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let platform = name.split('-').next().unwrap_or_default().to_owned();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if path.extension().is_some_and(|ending| ending == "log") {
            // The proxy's last line: `123 requests, 0 with violations`.
            let requests = text.lines().find_map(|line| line.split_once(" requests")?.0.parse::<u64>().ok());
            *passed.entry(platform).or_default() += requests.unwrap_or(0);
        } else {
            let found = text.lines().flat_map(|line| violations(&platform, line)).filter(|violation| !is_narrower(violation));
            found.for_each(|violation| *broken.entry(violation).or_default() += 1);
        }
    }
    for described in round {
        let requests = passed.get(described.platform).copied().unwrap_or(0);
        println!("{}: {requests} requests held against {}", described.platform, described.files.join(", "));
        if requests == 0 {
            bail!("nothing passed through the proxy before {}: its tests do not speak to it", described.platform);
        }
    }
    Ok(())
}

/// Who broke what where; places of lists and ids are taken out, so that equal ones count together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    platform: String,
    /// Method and path.
    call: String,
    status: String,
    /// `request` or `response`.
    side: String,
    says: String,
    /// Field.
    at: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}): {}: {} {}", self.platform, self.call, self.status, self.side, self.says, self.at)
    }
}

/// The errors of a line of the report.
fn violations(platform: &str, line: &str) -> Vec<Violation> {
    let blank = || Violation {
        platform: platform.to_owned(),
        call: String::new(),
        status: String::new(),
        side: String::new(),
        says: "a line of the report is not readable".to_owned(),
        at: String::new(),
    };
    let Ok(exchange) = serde_json::from_str::<Value>(line) else { return vec![blank()] };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = text(&exchange["url"]);
    let path: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
    let plain = |part: &str| {
        if part.chars().any(|letter| letter.is_ascii_digit()) && part.len() > 3 && !part.starts_with("20") {
            ":id".to_owned()
        } else {
            part.to_owned()
        }
    };
    let route = path.into_iter().map(plain).collect::<Vec<_>>().join("/");
    let errors = exchange["violations"].as_array().into_iter().flatten().filter(|violation| violation["severity"] == "error");
    errors
        .map(|violation| Violation {
            call: format!("{} {route}", text(&exchange["method"])),
            status: exchange["status"].to_string(),
            side: text(&violation["where"]),
            says: text(&violation["message"]),
            at: text(&violation["at"])
                .split('/')
                .map(|part| if part.parse::<u64>().is_ok() { "*" } else { part })
                .collect::<Vec<_>>()
                .join("/"),
            ..blank()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_names_who_broke_what_and_counts_alike_ones_together() {
        let line = |id: &str, at: &str| {
            json!({"method": "GET", "url": format!("/crm/objects/contacts/{id}?x=1"), "status": 200, "violations": [
                {"where": "response", "severity": "error", "message": "must be string", "at": at},
                {"where": "response", "severity": "info", "message": "unknown field", "at": "/y"},
            ]})
            .to_string()
        };
        let found = violations("hubspot", &line("51234", "/results/3/id"));
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["hubspot: GET /crm/objects/contacts/:id (200): response: must be string /results/*/id"]);
        assert_eq!(found, violations("hubspot", &line("61235", "/results/9/id")));
    }

    #[test]
    fn a_description_that_is_too_narrow_blames_nobody_and_a_fault_beside_it_counts() {
        let errors = |fields: &[&str]| {
            let violations: Vec<Value> =
                fields.iter().map(|at| json!({"where": "request", "severity": "error", "message": "must be string", "at": at})).collect();
            let line = json!({"method": "POST", "url": "/companies", "status": 200, "violations": violations}).to_string();
            let found = violations_of(&line);
            found.into_iter().map(|violation| violation.at).collect::<Vec<_>>()
        };
        fn violations_of(line: &str) -> Vec<Violation> {
            violations("intercom", line).into_iter().filter(|violation| !is_narrower(violation)).collect()
        }
        assert_eq!(errors(&["/requestBody/custom_attributes/support_open_tickets", "/requestBody/name"]), ["/requestBody/name"]);
        // An excuse is for its own call and field.
        assert_eq!(errors(&["/requestBody/custom_attributes/plan"]), ["/requestBody/custom_attributes/plan"]);
        let elsewhere = json!({"method": "POST", "url": "/companies/list", "status": 200, "violations": [
            {"where": "request", "severity": "error", "message": "must be string", "at": "/requestBody/custom_attributes/support_open_tickets"},
        ]});
        assert_eq!(violations_of(&elsewhere.to_string()).len(), 1);
    }

    #[test]
    fn the_folder_has_to_be_named() {
        assert!(conformance(&[]).unwrap_err().to_string().contains("--specs DIR"));
    }
}
