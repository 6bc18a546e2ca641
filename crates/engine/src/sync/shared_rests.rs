//! What rests, known to every process on one database: who asks one of them what is wrong with a platform is told what another has found out,
//! nobody calls what another leaves alone, and one answer ends the rest of all.
//!
//! The latest word counts. What was kept before a process started is not taken over: whoever starts it again may have mended the cause.

use entente_connect::error::{Class, VendorError};
use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::pressure::Trouble;
use super::resting_objects::{Asked, Turn};
use crate::engine::Engine;
use crate::error::Result;

/// Prefix of the settings that keep it: by connection, and by what is asked of which object.
const SETTING: &str = "resting/";

/// A refusal as it is kept. The vendor's very words stay with the process that heard them.
#[derive(Debug, Serialize, Deserialize)]
struct KeptTrouble {
    class: String,
    code: String,
    message: String,
    status: u16,
    advice: String,
    until: Timestamp,
}

impl KeptTrouble {
    fn of(trouble: &Trouble) -> Self {
        let VendorError { class, code, message, status, advice, .. } = &trouble.error;
        Self {
            class: class.name().to_owned(),
            code: code.clone(),
            message: message.clone(),
            status: *status,
            advice: (*advice).to_owned(),
            until: trouble.until,
        }
    }

    fn recalled(self) -> Trouble {
        let classes = [Class::Reauthenticate, Class::Retry, Class::LookAgain, Class::Data];
        let class = classes.into_iter().find(|class| class.name() == self.class).unwrap_or(Class::Configuration);
        Trouble { error: VendorError::recalled(class, self.code, self.message, self.status, &self.advice), until: self.until }
    }
}

/// The latest word about a connection as a whole, or about one object of it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    at: Timestamp,
    object: Option<(Asked, String)>,
    since: Option<Timestamp>,
    trouble: Option<KeptTrouble>,
}

fn setting(connection: &str, object: Option<&(Asked, String)>) -> String {
    match object {
        None => format!("{SETTING}{connection}"),
        Some((asked, object)) => format!("{SETTING}{connection}/{}/{object}", asked.words()),
    }
}

/// Tells other processes what has begun or ended to rest here, and takes over what they have found out. An SQLite database has one process.
///
/// # Errors
/// When the store fails; then it is told the next time.
pub async fn exchange(engine: &Engine) -> Result<()> {
    if !engine.store().is_postgres() {
        return Ok(());
    }
    tell(engine).await?;
    let found = engine.store().read(|tx| tx.settings(SETTING)).await?;
    for (name, kept) in found {
        let Some(name) = name.strip_prefix(SETTING) else { continue };
        let connection = engine.connection(name.split_once('/').map_or(name, |(connection, _)| connection));
        let (Ok(connection), Ok(kept)) = (connection, serde_json::from_value::<Kept>(kept)) else { continue };
        if kept.at <= engine.started_at() {
            continue;
        }
        let trouble = kept.trouble.map(KeptTrouble::recalled);
        match kept.object {
            None => connection.pressure.take_over(kept.at, trouble),
            Some((asked, object)) => {
                connection.objects.take_over(Turn { asked, object, at: kept.at, rest: kept.since.zip(trouble) });
            }
        }
    }
    Ok(())
}

async fn tell(engine: &Engine) -> Result<()> {
    let now = engine.now();
    for (name, connection) in engine.connections() {
        let (whole, objects) = (connection.pressure.news(now), connection.objects.news());
        if whole.is_none() && objects.is_empty() {
            continue;
        }
        let mut kept: Vec<(String, Kept)> = Vec::new();
        if let Some((at, trouble)) = &whole {
            let word = Kept { at: *at, object: None, since: None, trouble: trouble.as_ref().map(KeptTrouble::of) };
            kept.push((setting(name, None), word));
        }
        for Turn { asked, object, at, rest } in &objects {
            let of = (*asked, object.clone());
            let (since, trouble) = (rest.as_ref().map(|(since, _)| *since), rest.as_ref().map(|(_, trouble)| KeptTrouble::of(trouble)));
            kept.push((setting(name, Some(&of)), Kept { at: *at, object: Some(of), since, trouble }));
        }
        engine.store().write(move |tx| kept.iter().try_for_each(|(key, word)| tx.put_setting(key, word))).await?;
        if let Some((at, trouble)) = whole {
            connection.pressure.told(at, trouble);
        }
        connection.objects.told(&objects);
    }
    Ok(())
}
