//! Secret values: in the file, in the environment, or in a file of their own.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use entente_connect::settings::Secret;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use toml::Spanned;
use url::Url;

use super::Environment;
use super::flaw::{Flaw, Place, line_at};

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The configuration file itself.
    Plain(Secret),
    /// An environment variable.
    Env(String),
    /// A file, of which the last line end does not count.
    File(String),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("[secret]"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {path}"),
        }
    }
}

/// Shown as a mask: only defaults are ever written, and no default is a secret.
impl serde::Serialize for SecretSource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[secret]")
    }
}

/// What may stand where a secret is expected.
const EXPECTED: &str = "a text, { env = \"NAME\" } or { file = \"path\" }";

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SourceVisitor;

        // Each kind of value is refused by hand: serde's own sentences would quote the value, which may be a secret.
        impl<'de> Visitor<'de> for SourceVisitor {
            type Value = SecretSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretSource, E> {
                Ok(SecretSource::Plain(Secret::new(text)))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretSource, E> {
                Err(E::custom(format!("expected {EXPECTED}, found a number; put it in quotes")))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretSource, E> {
                Err(E::custom(format!("expected {EXPECTED}, found a number; put it in quotes")))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretSource, E> {
                Err(E::custom(format!("expected {EXPECTED}, found true or false")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
                let wrong = || de::Error::custom(format!("expected {EXPECTED}"));
                let Some(key) = map.next_key::<String>()? else { return Err(wrong()) };
                let value: String = map.next_value()?;
                if map.next_key::<String>()?.is_some() {
                    return Err(wrong());
                }
                match key.as_str() {
                    "env" => Ok(SecretSource::Env(value)),
                    "file" => Ok(SecretSource::File(value)),
                    other => Err(de::Error::unknown_field(other, &["env", "file"])),
                }
            }
        }

        deserializer.deserialize_any(SourceVisitor)
    }
}

/// Looks values up and collects what is wrong with them.
pub struct Resolver<'a> {
    /// The configuration file.
    pub file: &'a Path,
    /// Its text.
    text: &'a str,
    /// Where relative paths start.
    pub folder: &'a Path,
    environment: &'a Environment,
    /// What is wrong so far.
    pub flaws: Vec<Flaw>,
}

impl<'a> Resolver<'a> {
    /// For a file of this text.
    pub fn new(file: &'a Path, text: &'a str, folder: &'a Path, environment: &'a Environment) -> Self {
        Self { file, text, folder, environment, flaws: Vec::new() }
    }

    /// Notes a mistake at a place in the text.
    pub fn flaw(&mut self, span: Range<usize>, key: impl Into<String>, reason: impl Into<String>, remedy: impl Into<String>) {
        let line = (span.end > 0).then(|| line_at(self.text, span.start));
        let place = Place { file: self.file.to_path_buf(), line, column: None, key: key.into() };
        self.flaws.push(Flaw { place, reason: reason.into(), remedy: remedy.into() });
    }

    /// Notes a mistake at a key whose place was not kept: the line is found again by its text.
    pub fn flaw_at_key(&mut self, table: &str, key: &str, reason: impl Into<String>, remedy: impl Into<String>) {
        let header = format!("[{table}]");
        let start = self.text.lines().position(|line| line.trim() == header).unwrap_or(0);
        let line = self
            .text
            .lines()
            .enumerate()
            .skip(start)
            .find(|(_, line)| line.split('=').next().is_some_and(|name| name.trim() == key))
            .map(|(index, _)| index + 1);
        let place = Place { file: self.file.to_path_buf(), line, column: None, key: format!("{table}.{key}") };
        self.flaws.push(Flaw { place, reason: reason.into(), remedy: remedy.into() });
    }

    /// Looks a secret up.
    pub fn secret(&mut self, source: &Spanned<SecretSource>, key: &str) -> Option<Secret> {
        match source.get_ref() {
            SecretSource::Plain(secret) if secret.is_empty() => {
                self.flaw(source.span(), key, "the value is blank", "fill it in, or take the key out");
                None
            }
            SecretSource::Plain(secret) => Some(secret.clone()),
            SecretSource::Env(name) => {
                let value = self.environment.get(name);
                if value.is_none() {
                    self.flaw(
                        source.span(),
                        key,
                        format!("the environment variable {name} is not set"),
                        format!("set {name} where entente is started, or use {{ file = \"path\" }}"),
                    );
                }
                value.map(Secret::new)
            }
            SecretSource::File(path) => {
                let full = self.folder.join(path);
                match std::fs::read_to_string(&full) {
                    Ok(text) if !text.trim().is_empty() => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
                    Ok(_) => {
                        self.flaw(source.span(), key, format!("the file {} is blank", full.display()), "write the secret into it");
                        None
                    }
                    Err(error) => {
                        self.flaw(
                            source.span(),
                            key,
                            format!("the file {} cannot be read: {error}", full.display()),
                            "check the path and that this user may read it",
                        );
                        None
                    }
                }
            }
        }
    }

    /// Reads a web address.
    pub fn web_address(&mut self, text: &Spanned<String>, key: &str) -> Option<Url> {
        let wrong = match Url::parse(text.get_ref()) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() => {
                "it does not begin with https:// or http://".to_owned()
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => "it holds a user name or a password".to_owned(),
            Ok(url) if url.query().is_some() || url.fragment().is_some() => "it has a query or a fragment".to_owned(),
            Ok(url) => return Some(url),
            Err(error) => error.to_string(),
        };
        self.flaw(
            text.span(),
            key,
            format!("this is not a usable web address: {wrong}"),
            "write it like https://example.my.salesforce.com, without query or password",
        );
        None
    }
}
