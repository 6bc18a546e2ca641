//! Writing a connection into the configuration file, leaving everything else in it as it stands, comments included.

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use crate::fault::{Fault, Result};

/// What goes into the file. Secrets do not.
pub struct Entry<'a> {
    /// Name of the connection.
    pub name: &'a str,
    /// Platform.
    pub platform: &'a str,
    /// The file that describes the platform.
    pub description: Option<&'a str>,
    /// Address.
    pub base_url: Option<&'a str>,
    /// Address for signing in.
    pub login_url: Option<&'a str>,
    /// `auth`, without secrets.
    pub auth: &'a [(&'static str, String)],
}

/// The text of the file with the connection in it: a new table, or the one of that name with new credentials.
///
/// # Errors
/// When the text is not TOML, or the name belongs to another platform.
pub fn with(text: &str, entry: &Entry<'_>) -> Result<String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error| Fault::new(format!("the configuration file is not TOML: {error}"), "run `entente config check`"))?;
    let tables = document.entry("connection").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(tables) = tables.as_array_of_tables_mut() else {
        return Err(Fault::new("`connection` in the configuration file is no list of tables", "write each connection as [[connection]]"));
    };
    let at = tables.iter().position(|table| table.get("name").and_then(Item::as_str) == Some(entry.name));
    if at.is_none() {
        let mut table = Table::new();
        table["name"] = value(entry.name);
        tables.push(table);
    }
    let at = at.unwrap_or(tables.len() - 1);
    let Some(table) = tables.get_mut(at) else { return Err(Fault::new("the connection was not written", "report this; it is a defect")) };
    if let Some(other) = table.get("platform").and_then(Item::as_str).filter(|other| *other != entry.platform) {
        return Err(Fault::new(
            format!("the connection `{}` is one to {other}", entry.name),
            "choose another name with --name; a connection keeps its platform",
        ));
    }
    table["platform"] = value(entry.platform);
    for (key, text) in [("description", entry.description), ("base_url", entry.base_url), ("login_url", entry.login_url)] {
        if let Some(text) = text {
            table[key] = value(text);
        }
    }
    let mut auth = InlineTable::new();
    for (key, text) in entry.auth {
        auth.insert(*key, Value::from(text.as_str()));
    }
    auth.insert("stored", Value::from(true));
    table["auth"] = value(auth);
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(auth: &'a [(&'static str, String)]) -> Entry<'a> {
        Entry { name: "crm", platform: "pipedrive", description: None, base_url: Some("https://acme.pipedrive.com"), login_url: None, auth }
    }

    #[test]
    fn what_stands_there_stays_and_a_second_time_changes_nothing() {
        let auth = [("kind", "access_token".to_owned())];
        let text = "# Ours.\n[server]\nlisten = \"127.0.0.1:1\" # here\n\n[[connection]]\nname = \"desk\"\nplatform = \"zendesk\"\n";
        let once = with(text, &entry(&auth)).unwrap();
        assert!(once.starts_with("# Ours.\n[server]\nlisten = \"127.0.0.1:1\" # here\n"), "{once}");
        assert!(once.contains("name = \"desk\"") && once.contains("auth = { kind = \"access_token\", stored = true }"), "{once}");
        assert_eq!(with(&once, &entry(&auth)).unwrap(), once);
        assert_eq!(once.matches("[[connection]]").count(), 2);
        assert!(with("[[connection]]\nname = \"crm\"\nplatform = \"hubspot\"\n", &entry(&auth)).unwrap_err().what.contains("hubspot"));
    }

    #[test]
    fn a_first_connection_makes_the_list() {
        let text = with("", &entry(&[("kind", "access_token".to_owned())])).unwrap();
        assert!(text.starts_with("[[connection]]\nname = \"crm\"\nplatform = \"pipedrive\"\n"), "{text}");
    }
}
