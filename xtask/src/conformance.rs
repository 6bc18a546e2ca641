//! `cargo xtask conformance --specs DIR`: the tests of the real process again, with a proxy between it and the simulators that holds every
//! request and every answer against a description of the vendor's API. Whoever breaks it, connector or simulator, fails the command.
//!
//! The folder has the descriptions by platform and the proxy (`tools/oas-proxy.mjs`). Neither is part of the product.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{place, shell};

/// A platform that has a description, in one file or several, and the test that speaks to it.
struct Described {
    platform: &'static str,
    files: &'static [&'static str],
    test: &'static str,
}

const DESCRIBED: &[Described] = &[
    Described {
        platform: "hubspot",
        files: &[
            "hubspot/dbv-2026-09/hubspot-dbv-all.openapi.json",
            "hubspot/dbv-2026-09/oauth.openapi.json",
            "hubspot/dbv-2026-09/marketing-emails.openapi.json",
            "hubspot/marketing-forms.openapi.json",
        ],
        test: "hubspot_zendesk::",
    },
    Described { platform: "pipedrive", files: &["pipedrive/pipedrive-all.openapi.json"], test: "pipedrive_zendesk::" },
    Described { platform: "intercom", files: &["intercom/api.intercom.io-2.16.yaml"], test: "salesforce_intercom::" },
];

/// What the proxy needs, at the versions that it was written for.
const MODULES: &[&str] = &["openapi-backend@5.21.2", "ajv-formats@3.0.1", "yaml@2.8.1"];

/// Where a description is narrower than what the vendor documents or answers in fact: platform, what the violation says, and why it is none.
const NARROWER: &[(&str, &str, &str)] = &[
    ("hubspot", "must be integer /results/*/userId", "an owner who was archived has no user id any more"),
    ("hubspot", "must be string /results/*/to/*/associationTypes/*/label", "an association without a label has null there"),
    ("hubspot", "no operation for GET /marketing/campaigns/", "there is no description of campaigns"),
    ("intercom", "/custom_attributes/", "custom attributes are of every type; the description has texts alone"),
    ("intercom", "must match format \"uri\"", "addresses of parts are paths without a host"),
    ("intercom", "status 404 not documented", "a contact that is not there is answered with 404, whatever asks for it"),
    (
        "intercom",
        "GET /contacts (200): request: must NOT have additional properties /query",
        "lists are paged by `per_page` and `starting_after`",
    ),
    ("intercom", "must be string /email", "a contact without an address has null there"),
    ("intercom", "must be string /data/*/email", "a contact without an address has null there"),
    ("intercom", "must be string /requestBody/email", "null clears an address"),
    (
        "intercom",
        "PUT /contacts/:id (200): request: must match exactly one schema in oneOf /requestBody",
        "the description's forms of a contact all have an address",
    ),
    ("intercom", "must be object /input_options", "an attribute that is no list has null there"),
    ("pipedrive", "must be string /data/*/update_time", "what was never changed has null there"),
];

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
    let mut descriptions = BTreeMap::new();
    for described in DESCRIBED {
        let files = described.files.iter().map(|file| as_json(&specs.join(file), &work)).collect::<Result<Vec<_>>>()?;
        descriptions.insert(described.platform, as_one(files, described.platform, &work)?);
    }
    let asked = json!({
        "proxy": specs.join("tools/oas-proxy.mjs"), "modules": work, "reports": reports, "descriptions": descriptions,
    });
    let mut tests = shell::cargo(&["test", "--workspace", "--test", "process", "--"]);
    tests.args(DESCRIBED.iter().map(|described| described.test)).env("ENTENTE_CONFORMANCE", asked.to_string());
    shell::run(&mut tests)?;
    judge(&reports)
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

/// Counts what passed and what broke the descriptions.
fn judge(reports: &Path) -> Result<()> {
    let mut passed: BTreeMap<String, u64> = BTreeMap::new();
    let mut broken: BTreeMap<String, u64> = BTreeMap::new();
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
            let found = text.lines().flat_map(|line| violations(&platform, line)).filter(|violation| !is_narrower(&platform, violation));
            found.for_each(|violation| *broken.entry(violation).or_default() += 1);
        }
    }
    for described in DESCRIBED {
        let requests = passed.get(described.platform).copied().unwrap_or(0);
        println!("{}: {requests} requests held against {}", described.platform, described.files.join(", "));
        if requests == 0 {
            bail!("nothing passed through the proxy before {}: its test does not speak to it", described.platform);
        }
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

/// Whether it is the description that is at fault.
fn is_narrower(platform: &str, violation: &str) -> bool {
    NARROWER.iter().any(|(of, said, _)| *of == platform && violation.contains(said))
}

/// The errors of a line of the report, each with who broke what where; places of lists are taken out, so that equal ones count together.
fn violations(platform: &str, line: &str) -> Vec<String> {
    let Ok(exchange) = serde_json::from_str::<Value>(line) else {
        return vec![format!("{platform}: a line of the report is not readable")];
    };
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
        .map(|violation| {
            let at: String = text(&violation["at"])
                .split('/')
                .map(|part| if part.parse::<u64>().is_ok() { "*" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            format!(
                "{platform}: {} {route} ({}): {}: {} {at}",
                text(&exchange["method"]),
                exchange["status"],
                text(&violation["where"]),
                text(&violation["message"])
            )
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
        assert_eq!(found, ["hubspot: GET /crm/objects/contacts/:id (200): response: must be string /results/*/id"]);
        assert_eq!(found, violations("hubspot", &line("61235", "/results/9/id")));
    }

    #[test]
    fn a_description_that_is_too_narrow_blames_nobody_and_a_fault_beside_it_counts() {
        let line = json!({"method": "POST", "url": "/companies", "status": 200, "violations": [
            {"where": "request", "severity": "error", "message": "must be string", "at": "/requestBody/custom_attributes/arr"},
            {"where": "request", "severity": "error", "message": "must be string", "at": "/requestBody/name"},
        ]});
        let found: Vec<String> =
            violations("intercom", &line.to_string()).into_iter().filter(|violation| !is_narrower("intercom", violation)).collect();
        assert_eq!(found, ["intercom: POST /companies (200): request: must be string /requestBody/name"]);
    }

    #[test]
    fn the_folder_has_to_be_named() {
        assert!(conformance(&[]).unwrap_err().to_string().contains("--specs DIR"));
    }
}
