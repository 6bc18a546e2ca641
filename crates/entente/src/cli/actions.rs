//! `entente actions`: approvals and flows at a platform.

use std::process::ExitCode;

use clap::Subcommand;
use entente_connect::action::Action;
use entente_engine::platforms::{self, Acted, Offered, Wish};
use entente_engine::records;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::output::table;
use crate::fault::{Fault, Result};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the approval processes and flows that the CRM offers
    List {
        /// At this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Show which approvals of a record wait, for whom and since when
    Waiting {
        /// Record: its id, a connection and external id, or words that fit one record
        record: String,
        /// At this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Submit a record for approval
    Submit {
        /// Record: its id, a connection and external id, or words that fit one record
        record: String,
        /// The approval process [default: the first that fits]
        #[arg(long, value_name = "NAME")]
        process: Option<String>,
        /// Who is to approve: user name, e-mail or id; may be given more than once
        #[arg(long = "approver", value_name = "USER")]
        approvers: Vec<String>,
        /// Comment for those who approve
        #[arg(long, default_value = "")]
        comment: String,
        /// At this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Approve what waits
    Approve {
        /// Record: its id, a connection and external id, or words that fit one record
        record: String,
        /// Who is to approve next, where the process asks for it
        #[arg(long = "approver", value_name = "USER")]
        approvers: Vec<String>,
        /// Comment for the approval history
        #[arg(long, default_value = "")]
        comment: String,
        /// At this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Reject what waits
    Reject {
        /// Record: its id, a connection and external id, or words that fit one record
        record: String,
        /// Comment for the approval history
        #[arg(long, default_value = "")]
        comment: String,
        /// At this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Take a record out of approval
    Recall {
        /// Record: its id, a connection and external id, or words that fit one record
        record: String,
        /// Comment for the approval history
        #[arg(long, default_value = "")]
        comment: String,
        /// At this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Run a flow, with the row of a record where the flow asks for one
    Run {
        /// API name of the flow
        flow: String,
        /// Record: its id, a connection and external id, or words that fit one record
        #[arg(long)]
        record: Option<String>,
        /// Value of an input; may be given more than once
        #[arg(long = "input", value_name = "NAME=VALUE", value_parser = input)]
        inputs: Vec<(String, Value)>,
        /// At this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
    /// Show the currencies of the CRM's account and their rates
    Currencies {
        /// At this connection
        #[arg(long, value_name = "NAME")]
        connection: Option<String>,
    },
}

/// `name=value`; true, false and numbers are what they look like.
fn input(text: &str) -> std::result::Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    let value = match serde_json::from_str(value) {
        Ok(plain @ (Value::Bool(_) | Value::Number(_) | Value::Null)) => plain,
        _ => Value::from(value),
    };
    Ok((name.trim().to_owned(), value))
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    let (record, connection, action) = match command {
        Command::List { connection } => {
            let offered = platforms::offers(&engine, connection.as_deref()).await?;
            context.output.show(&offered, |offered| list(offered))?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Waiting { record, connection } => {
            let id = records::find(&engine, &viewer, &record).await?;
            let (connection, waiting) = platforms::waiting(&engine, &viewer, &id, connection.as_deref()).await?;
            let shown: Vec<Value> = waiting
                .iter()
                .map(|one| json!({"connection": connection, "process": one.process, "user": one.user, "since": one.since.map(|at| at.to_string())}))
                .collect();
            context.output.show(&shown, |_| {
                if waiting.is_empty() {
                    return "No approval waits.".to_owned();
                }
                let since = |at: Option<entente_model::clock::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
                table(
                    ["PROCESS", "WAITS FOR", "SINCE"],
                    waiting.iter().map(|one| [one.process.clone(), one.user.clone(), since(one.since)]),
                )
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Currencies { connection } => {
            let (_, rates) = platforms::rates(&engine, connection.as_deref()).await?;
            let shown: Vec<Value> = rates
                .iter()
                .map(|rate| json!({"code": rate.code, "rate": rate.rate, "corporate": rate.corporate, "active": rate.active}))
                .collect();
            context.output.show(&shown, |_| {
                if rates.is_empty() {
                    return "The account has one currency.".to_owned();
                }
                let word = |rate: &entente_connect::action::CurrencyRate| match (rate.corporate, rate.active) {
                    (true, _) => "corporate",
                    (false, true) => "active",
                    (false, false) => "inactive",
                };
                table(["CURRENCY", "RATE", "STATE"], rates.iter().map(|rate| [rate.code.clone(), rate.rate.clone(), word(rate).to_owned()]))
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Submit { record, process, approvers, comment, connection } => {
            (Some(record), connection, Action::Submit { process, approvers, comment })
        }
        Command::Approve { record, approvers, comment, connection } => (Some(record), connection, Action::Approve { approvers, comment }),
        Command::Reject { record, comment, connection } => (Some(record), connection, Action::Reject { comment }),
        Command::Recall { record, comment, connection } => (Some(record), connection, Action::Recall { comment }),
        Command::Run { flow, record, inputs, connection } => {
            let given = inputs.len();
            let inputs: Map<String, Value> = inputs.into_iter().collect();
            if inputs.len() < given {
                return Err(Fault::new("an input is given twice", "give each input once"));
            }
            (record, connection, Action::Run { flow, inputs })
        }
    };
    let record = match record {
        Some(text) => Some(records::find(&engine, &viewer, &text).await?),
        None => None,
    };
    let acted = platforms::act(&engine, &viewer, &Wish { record, connection, action }).await?;
    context.output.show(&acted, told)?;
    Ok(ExitCode::SUCCESS)
}

fn list(offered: &[Offered]) -> String {
    if offered.is_empty() {
        return "There are no approval processes or flows to ask for.".to_owned();
    }
    let rows = offered.iter().map(|offer| {
        [
            offer.connection.clone(),
            offer.kind.to_owned(),
            offer.object.clone().unwrap_or_else(|| "-".to_owned()),
            offer.name.clone(),
            offer.label.clone(),
        ]
    });
    table(["CONNECTION", "KIND", "OBJECT", "NAME", "LABEL"], rows)
}

fn told(acted: &Acted) -> String {
    let mut text = format!("{}: {}", acted.connection, if acted.status.is_empty() { "done" } else { &acted.status });
    if !acted.waits_for.is_empty() {
        text.push_str(&format!("; it waits for {}", acted.waits_for.join(", ")));
    }
    for (name, value) in &acted.outputs {
        text.push_str(&format!("\n{name} = {value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_what_they_look_like() {
        assert_eq!(input("text=hello = you"), Ok(("text".to_owned(), json!("hello = you"))));
        assert_eq!(input("many = 3"), Ok(("many".to_owned(), json!(3))));
        assert_eq!(input("yes=true"), Ok(("yes".to_owned(), json!(true))));
        assert!(input("alone").is_err());
    }
}
