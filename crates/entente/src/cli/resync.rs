//! `entente resync`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::records;
use entente_engine::sync::resync::{Scope, resync};

use super::context::Context;
use crate::fault::Result;

/// Options.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
pub struct Args {
    /// Only this object, at every connection
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// Only this record: its id, a connection and external id (zendesk/123), or words that fit one record
    #[arg(long, value_name = "RECORD")]
    record: Option<String>,
    /// Only this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let (scope, what) = match (args.object, args.record, args.connection) {
        (Some(object), ..) => (Scope::Object(object.clone()), format!("every {object}")),
        (_, Some(record), _) => {
            let id = records::find(&engine, &context.viewer(), &record).await?;
            (Scope::Record(id.clone()), id.to_string())
        }
        (.., Some(connection)) => (Scope::Connection(connection.clone()), format!("everything at {connection}")),
        _ => (Scope::Everything, "everything".to_owned()),
    };
    resync(&engine, &scope).await?;
    context.output.show(&serde_json::json!({ "resync": what }), |_| {
        format!("Looking at {what} again. The running server takes it up within a second; nothing is written but what differs.")
    })?;
    Ok(ExitCode::SUCCESS)
}
