//! The documentation of the configuration, made from the comments of its tables, and a commented example.

use std::fmt::Write;

use entente_engine::options::Options;
use serde_json::Value;
use utoipa::PartialSchema;

use super::connection::{AuthTable, ConnectionTable, WebhooksTable};
use super::hubspot::HubSpotTable;
use super::notify::{QuietTable, WebhookTable};
use super::salesforce::SalesforceTable;
use super::tables::{LocaleTable, NotifyTable, ServerTable, SmtpTable, StoreTable};

/// A configuration that explains itself: `entente config example`.
pub const EXAMPLE: &str = include_str!("example.toml");

struct Section {
    header: &'static str,
    about: &'static str,
    schema: Value,
    defaults: Value,
}

fn section<T: PartialSchema>(header: &'static str, about: &'static str, defaults: Value) -> Result<Section, serde_json::Error> {
    Ok(Section { header, about, schema: serde_json::to_value(T::schema())?, defaults })
}

fn sections() -> Result<Vec<Section>, serde_json::Error> {
    let none = Value::Null;
    Ok(vec![
        section::<ServerTable>(
            "[server]",
            "The HTTP server: web app, API, webhooks in, metrics.",
            serde_json::to_value(ServerTable::default())?,
        )?,
        section::<StoreTable>("[store]", "Where everything is kept.", serde_json::to_value(StoreTable::default())?)?,
        section::<LocaleTable>(
            "[locale]",
            "How values without a country, a time zone or a currency are read.",
            serde_json::to_value(LocaleTable::default())?,
        )?,
        section::<Options>(
            "[sync]",
            "How fast, how often and how large. The defaults keep the promises of the product.",
            serde_json::to_value(Options::default())?,
        )?,
        section::<ConnectionTable>(
            "[[connection]]",
            "One account on a platform; repeat it for each.",
            serde_json::json!({ "follow_instance_url": true }),
        )?,
        section::<AuthTable>("auth = { … }", "Credentials of a connection.", none.clone())?,
        section::<WebhooksTable>("webhooks = { … }", "How webhooks of a connection are verified.", none.clone())?,
        section::<SalesforceTable>("salesforce = { … }", "What only a connection to Salesforce has.", none.clone())?,
        section::<HubSpotTable>("hubspot = { … }", "What only a connection to HubSpot has.", none.clone())?,
        section::<NotifyTable>("[notify]", "Who is told what, and how.", none.clone())?,
        section::<WebhookTable>("[[notify.webhook]]", "A receiver of events as JSON; repeat it for each.", none.clone())?,
        section::<QuietTable>(
            "[notify.quiet_hours]",
            "When alerts that can wait are held back; they are sent when the hours end.",
            serde_json::json!({ "critical": true }),
        )?,
        section::<SmtpTable>("[notify.smtp]", "Outgoing mail.", none)?,
    ])
}

/// The page `docs/configuration.md`.
///
/// # Errors
/// When a table's description cannot be written as JSON, which is a defect.
pub fn markdown() -> Result<String, serde_json::Error> {
    let mut page = String::from(
        "# Configuration\n\n<!-- Made by `entente config docs`. Change the comments in crates/entente/src/config instead. -->\n\n\
         Entente reads one file, `entente.toml`: from `--config`, else from the path in `ENTENTE_CONFIG`, else from the present folder. An unknown key is an error. \
         Relative paths start at the folder of that file.\n\n\
         A value marked *secret* may also be `{ env = \"NAME\" }` or `{ file = \"path\" }`. `entente config check` names every mistake with its line; \
         `entente config example` prints a file to start from. `ENTENTE_LOG` sets the log filter (`info` without it).\n",
    );
    for Section { header, about, schema, defaults } in sections()? {
        let _infallible = write!(page, "\n## `{header}`\n\n{about}\n\n| key | type | default | meaning |\n|---|---|---|---|\n");
        let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let Some(properties) = schema["properties"].as_object() else { continue };
        for (key, property) in properties {
            let meaning = property["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            let default = match &defaults[key] {
                Value::Null if required.contains(&key.as_str()) && defaults.is_null() => "*required*".to_owned(),
                Value::Null if required.contains(&key.as_str()) && header == "[[connection]]" => "*required*".to_owned(),
                Value::Null => String::new(),
                Value::Object(map) if map.is_empty() => String::new(),
                value => format!("`{value}`"),
            };
            let _infallible = writeln!(page, "| `{key}` | {} | {} | {} |", kind(property), cell(&default), cell(&meaning));
        }
    }
    let _infallible = write!(page, "\n## Example\n\n```toml\n{EXAMPLE}```\n");
    Ok(page)
}

/// The type of a key, as a person says it.
fn kind(property: &Value) -> String {
    let named = |name: &str| match name {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "true or false",
        "array" => "list",
        "object" => "table",
        _ => "",
    };
    let kinds: Vec<&str> = match &property["type"] {
        Value::String(name) => vec![named(name)],
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(named).filter(|name| !name.is_empty()).collect(),
        _ => vec!["text"],
    };
    kinds.join(" or ")
}

/// A vertical bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    /// The keys that the parser takes in a table, from its own refusal of one that it does not take.
    fn keys_that_are_read(table: &str) -> Vec<String> {
        const CONNECTION: &str = "[[connection]]\nname = \"a\"\nplatform = \"b\"\nbase_url = \"c\"\n";
        let text = match table {
            "auth = { … }" => format!("{CONNECTION}auth = {{ no_such_key = 1 }}\n"),
            "webhooks = { … }" => format!("{CONNECTION}auth = {{ kind = \"d\" }}\nwebhooks = {{ no_such_key = 1 }}\n"),
            "salesforce = { … }" => format!("{CONNECTION}auth = {{ kind = \"d\" }}\nsalesforce = {{ no_such_key = 1 }}\n"),
            "hubspot = { … }" => format!("{CONNECTION}auth = {{ kind = \"d\" }}\nhubspot = {{ no_such_key = 1 }}\n"),
            table => format!("{table}\nno_such_key = 1\n"),
        };
        let refusal =
            toml::from_str::<crate::config::tables::ConfigFile>(&text).expect_err("a key that does not exist").message().to_owned();
        let (_, known) = refusal.split_once("expected ").unwrap_or_else(|| panic!("{table}: {refusal}"));
        known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_key_that_is_read_is_documented_and_no_other() {
        let page = markdown().unwrap();
        for Section { header, .. } in sections().unwrap() {
            let part = page.split(&format!("\n## `{header}`\n")).nth(1).unwrap().split("\n## ").next().unwrap();
            let told: Vec<&str> = part.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
            let mut read = keys_that_are_read(header);
            let mut sorted: Vec<String> = told.iter().map(|key| (*key).to_owned()).collect();
            read.sort();
            sorted.sort();
            assert_eq!(sorted, read, "{header}");
            for line in part.lines().filter(|line| line.starts_with("| `")) {
                let meaning = line.trim_end_matches('|').rsplit(" | ").next().unwrap_or_default().trim();
                assert!(meaning.len() > 5, "{header}: {line} says nothing");
            }
        }
        for secret in [
            "`headers`",
            "`auth`",
            "`url`",
            "`key`",
            "`signing_secret`",
            "`path_secret`",
            "`slack_webhook`",
            "`slack_token`",
            "`teams_webhook`",
            "`secret`",
            "`password`",
        ] {
            assert!(page.contains(&format!("\n| {secret} |")), "{secret} is missing");
        }
    }

    #[test]
    fn the_example_is_a_configuration() {
        let environment = Environment::of_pairs(&[("SALESFORCE_CLIENT_SECRET", "s"), ("ZENDESK_CLIENT_SECRET", "s")]);
        let config = Config::parse("entente.toml".as_ref(), EXAMPLE, &environment).unwrap();
        assert_eq!(config.connections.len(), 2);
    }

    #[test]
    fn the_page_names_defaults_and_secrets() {
        let page = markdown().unwrap();
        assert!(page.contains("| `listen` | text | `\"127.0.0.1:7171\"` |"), "{page}");
        assert!(page.contains("`latency_target_ms` | whole number | `3000`"), "{page}");
        assert!(page.contains("| `name` | text | *required* |"), "{page}");
    }
}
