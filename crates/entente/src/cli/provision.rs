//! `entente provision`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_connect::settings::{Secret, WebhookSettings};
use entente_engine::Engine;
use entente_engine::sync::provision::subscriptions::{Subscription, address, complete, subscriptions};
use entente_engine::sync::provision::{Need, provision};
use entente_store::StoreError;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;

use super::context::Context;
use super::output::table;
use super::{FAILED, WOULD_WRITE};
use crate::fault::{Fault, Result};

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Create what is missing; without it, what is missing is shown and the exit code is 2
    #[arg(long)]
    apply: bool,
    /// Print the webhook address of this connection with its secret part, to be pasted at the platform, and nothing else
    #[arg(long, value_name = "CONNECTION", conflicts_with = "apply")]
    address: Option<String>,
}

/// What each platform needs.
#[derive(Debug, Serialize)]
struct Provision {
    fields: Vec<Need>,
    webhooks: Vec<Subscription>,
}

impl Provision {
    fn is_missing_something(&self) -> bool {
        self.fields.iter().any(|need| need.state == "missing") || self.webhooks.iter().any(|webhook| webhook.state == "missing")
    }

    fn was_refused_something(&self) -> bool {
        self.fields.iter().any(|need| need.state == "refused") || self.webhooks.iter().any(|webhook| webhook.state == "refused")
    }
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let public_url = context.config()?.public_url;
    let public_url = public_url.as_ref().map(url::Url::as_str);
    let engine = context.engine().await?;
    if let Some(connection) = &args.address {
        return show_address(&engine, context, public_url, connection).await;
    }
    let spinner = context.output.spinner(if args.apply { "creating fields and webhooks" } else { "reading schemas" });
    let fields = provision(&engine, args.apply).await?;
    let webhooks = subscriptions(&engine, public_url, args.apply, &fresh_secret).await?;
    spinner.finish_and_clear();
    let found = Provision { fields, webhooks };
    context.output.show(&found, text)?;
    Ok(if found.was_refused_something() {
        ExitCode::from(FAILED)
    } else if found.is_missing_something() {
        ExitCode::from(WOULD_WRITE)
    } else {
        ExitCode::SUCCESS
    })
}

/// The whole address, which is a secret: printed only because it was asked for.
async fn show_address(engine: &Engine, context: &Context, public_url: Option<&str>, connection: &str) -> Result<ExitCode> {
    let mut webhooks: WebhookSettings = engine.connection(connection)?.settings.webhooks.clone();
    complete(engine.store(), connection, &mut webhooks).await?;
    let Some(public_url) = public_url else {
        return Err(Fault::new("this server has no address outside", "set server.public_url to where the platform reaches it"));
    };
    let whole = address(public_url, connection, &webhooks.path_secret);
    context.output.show(&serde_json::json!({ "address": whole.reveal() }), |_| whole.reveal().to_owned())?;
    Ok(ExitCode::SUCCESS)
}

/// A secret for the last part of an address: 128 bits, letters and digits.
pub(super) fn fresh_secret() -> std::result::Result<Secret, StoreError> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Invalid("the system has no secure randomness".into()))?;
    Ok(Secret::new(entente_model::id::encode(u128::from_be_bytes(bytes))))
}

fn text(found: &Provision) -> String {
    let rows: Vec<[String; 5]> = found
        .fields
        .iter()
        .filter(|need| need.state != "present")
        .map(|need| {
            [
                need.connection.clone(),
                format!("{}.{}", need.object, need.field),
                need.kind.clone(),
                need.state.clone(),
                need.note.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let count = |state: &str| found.fields.iter().filter(|need| need.state == state).count();
    let (present, created, missing, refused) = (count("present"), count("created"), count("missing"), count("refused"));
    let mut text =
        if rows.is_empty() { String::new() } else { format!("{}\n\n", table(["CONNECTION", "FIELD", "TYPE", "STATE", "NOTE"], rows)) };
    text.push_str(&format!("Fields: {present} were there, {created} were created, {missing} are missing, {refused} were refused.\n\n"));
    for webhook in &found.webhooks {
        text.push_str(&webhook_text(webhook));
    }
    if found.is_missing_something() {
        text.push_str("\nCreate what is missing with `entente provision --apply`.\n");
    }
    text
}

fn webhook_text(webhook: &Subscription) -> String {
    let to = webhook.address.as_ref().map(|address| format!(" to {address}")).unwrap_or_default();
    let mut text = format!("Webhooks of {}{to}: {}\n", webhook.connection, webhook.state.replace('_', " "));
    if let Some(note) = &webhook.note {
        text.push_str(&format!("    {note}\n"));
    }
    let by_hand = matches!(webhook.state.as_str(), "manual" | "refused");
    if by_hand || webhook.state == "missing" {
        for watched in webhook.objects.iter().filter(|watched| !watched.fields.is_empty()) {
            text.push_str(&format!("    {}: {}\n", watched.object, watched.fields.join(", ")));
        }
    }
    if by_hand {
        text.push_str(&format!("    the whole address: entente provision --address {}\n", webhook.connection));
    }
    text
}
