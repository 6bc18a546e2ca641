//! Alerts as people and programs see them.

use entente_store::{Notice, NoticeState, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::kind::AlertKind;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Alerts of one page when nothing is said.
const PAGE: usize = 50;

/// Which alerts to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// `open` or `all`; the open ones without it.
    #[param(nullable = false)]
    pub state: Option<String>,
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub before: Option<String>,
    /// Alerts per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertView {
    /// Id.
    pub id: String,
    /// Kind, such as `rate_limit`.
    pub kind: String,
    /// What people call the kind.
    pub label: String,
    /// What it is about within its kind.
    pub subject: String,
    /// `warning` or `critical`.
    pub severity: String,
    /// One line.
    pub title: String,
    /// What is known, and what to do.
    pub body: String,
    /// `open` or `over`.
    pub state: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// What became of its messages: of its beginning, and of its end.
    pub messages: Vec<AlertMessage>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertMessage {
    /// `alert` or `recovery`.
    pub kind: String,
    /// `pending`, `sent` or `failed`.
    pub state: String,
    /// Failed attempts so far.
    pub attempts: u32,
    /// The last failure.
    pub error: Option<String>,
}

/// A page of alerts, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertPage {
    /// The alerts.
    pub items: Vec<AlertView>,
    /// Where the next page goes on.
    pub next: Option<String>,
}

/// Lists alerts, newest first.
///
/// # Errors
/// When the query cannot be used, or the store fails.
pub async fn list(engine: &Engine, query: AlertQuery) -> Result<AlertPage> {
    let open = match query.state.as_deref() {
        None | Some("open") => true,
        Some("all") => false,
        Some(other) => {
            return Err(EngineError::Invalid {
                field: "state".to_owned(),
                reason: format!("`{other}` is no state of alerts"),
                remedy: "use open or all".to_owned(),
            });
        }
    };
    let before = match &query.before {
        None => None,
        Some(text) => Some(text.parse::<i64>().map_err(|_| EngineError::Invalid {
            field: "before".to_owned(),
            reason: format!("`{text}` is no id of an alert"),
            remedy: "use the `next` of the page before".to_owned(),
        })?),
    };
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let items = engine
        .store()
        .read(move |tx| {
            let mut items = Vec::new();
            for alert in tx.alerts(open, limit, before)? {
                let messages = tx.notices_of_alert(alert.id)?;
                items.push(view(alert, &messages));
            }
            Ok(items)
        })
        .await?;
    let next = (items.len() == limit).then(|| items.last().map(|alert: &AlertView| alert.id.clone())).flatten();
    Ok(AlertPage { items, next })
}

fn view(alert: entente_store::Alert, messages: &[Notice]) -> AlertView {
    let of = alert.alert;
    let message = |notice: &Notice| AlertMessage {
        kind: notice.notice.kind.clone(),
        state: notice.state.to_string(),
        attempts: notice.attempts,
        error: notice.error.clone().filter(|_| notice.state != NoticeState::Sent),
    };
    AlertView {
        id: alert.id.to_string(),
        label: AlertKind::of(&of.kind).map_or_else(|| of.kind.clone(), |kind| kind.label().to_owned()),
        kind: of.kind,
        subject: of.subject,
        severity: of.severity.to_string(),
        title: of.title,
        body: of.body,
        state: if alert.ended_at.is_some() { "over" } else { "open" }.to_owned(),
        since: of.since,
        ended_at: alert.ended_at,
        messages: messages.iter().map(message).collect(),
    }
}

/// How many alerts are open: critical ones, and the others.
///
/// # Errors
/// When the store fails.
pub async fn open_counts(engine: &Engine) -> Result<(u64, u64)> {
    let open = engine.store().read(|tx| tx.alerts(true, entente_store::PAGE_ROWS_MAX, None)).await?;
    let critical = open.iter().filter(|alert| alert.alert.severity == Severity::Critical).count() as u64;
    Ok((critical, open.len() as u64 - critical))
}
