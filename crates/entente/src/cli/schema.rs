//! `entente schema`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::metadata::mappings::Saved;
use entente_engine::schema::{self, Apply, Change, ChangeQuery};
use entente_model::mapping::FieldMap;
use entente_model::mapping::patch::LinePatch;

use super::context::Context;
use super::output::{looked_at_again, moment, table};
use crate::fault::Result;

/// What to do with schema changes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first
    List {
        /// Show those in this state: noted, open, returning or closed
        #[arg(long)]
        state: Option<String>,
        /// Show those of this connection
        #[arg(long)]
        connection: Option<String>,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show changes before this one
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// Show a change, the lines of mappings that it breaks, and the proposed patch
    Show {
        /// Its id
        id: String,
    },
    /// Look at the platforms' schemas now
    Check {
        /// At this connection only
        #[arg(long)]
        connection: Option<String>,
    },
    /// Show the values of a platform's lists, and what each record type or controlling list has of them
    Values {
        /// The connection
        connection: String,
        /// The platform's name of the object
        object: String,
        /// Of this field only
        #[arg(long)]
        field: Option<String>,
    },
    /// Apply the proposed patch: the mappings are judged, saved as new versions and put in force, and records catch up
    Apply {
        /// Its id
        id: String,
        /// Apply it although lines lose something on the way there and back
        #[arg(long)]
        accept_loss: bool,
    },
    /// Accept a change as it is: the lines that it broke are used again
    Accept {
        /// Its id
        id: String,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    match command {
        Command::Values { connection, object, field } => {
            let lists = schema::values(&engine, &connection, &object, field.as_deref()).await?;
            context.output.show(&lists, |lists| {
                let part = |list: &schema::ListValues| match (&list.when, &list.is) {
                    (Some(when), Some(is)) => format!("{when} = {is}"),
                    _ => "all".to_owned(),
                };
                let rows = lists.iter().map(|list| {
                    let others = if list.restricted { "refused" } else { "taken" };
                    [list.field.clone(), part(list), others.to_owned(), list.values.join(", ")]
                });
                table(["FIELD", "ROWS", "OTHER VALUES", "VALUES"], rows)
            })?;
        }
        Command::List { state, connection, limit, before } => {
            let query = ChangeQuery { state, connection, limit: Some(limit), before };
            let page = schema::list(&engine, &viewer, query).await?;
            context.output.show(&page, |page| {
                if page.items.is_empty() {
                    return "No schema changes.".to_owned();
                }
                let rows = page
                    .items
                    .iter()
                    .map(|change| [change.id.clone(), moment(change.at), change.state.clone(), change.title.clone(), fields(change)]);
                let mut text = table(["ID", "FOUND", "STATE", "WHAT", "NOT SYNCED"], rows);
                if let Some(next) = &page.next {
                    text.push_str(&format!("\nMore: --before {next}"));
                }
                text
            })?;
        }
        Command::Show { id } => context.output.show(&schema::show(&engine, &viewer, &id).await?, text)?,
        Command::Check { connection } => {
            let spinner = context.output.spinner("asking the platforms");
            let looked = schema::check(&engine, connection.as_deref()).await;
            spinner.finish_and_clear();
            context.output.show(&looked?, |looked| {
                format!(
                    "{} objects looked at: {} changes, {} of them break lines of mappings; {} are over.{}",
                    looked.objects,
                    looked.found,
                    looked.broken,
                    looked.returned,
                    if looked.found > 0 { " `entente schema list` shows them." } else { "" }
                )
            })?;
        }
        Command::Apply { id, accept_loss } => {
            let spinner = context.output.spinner("judging");
            let applied = schema::apply(&engine, &viewer, &id, Apply { accept_loss }).await;
            spinner.finish_and_clear();
            context.output.show(&applied?, |applied| {
                let mut text: String = applied.saved.iter().map(saved).collect();
                text.push_str(&format!("The change is {}.", applied.change.state));
                text
            })?;
        }
        Command::Accept { id } => {
            let change = schema::accept(&engine, &viewer, &id).await?;
            context.output.show(&change, |change| format!("Accepted; the lines are used again.\n{}", text(change)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn saved(saved: &Saved) -> String {
    format!(
        "Version {} of {} at {} is in force; {}.\n",
        saved.saved.version,
        saved.saved.object,
        saved.saved.connection,
        looked_at_again(saved.records)
    )
}

/// Our fields that a change keeps from being synced, while it does.
fn fields(change: &Change) -> String {
    if change.state != "open" {
        return String::new();
    }
    change.hits.iter().flat_map(|hit| hit.fields.iter().map(|field| format!("{}.{field}", hit.object))).collect::<Vec<_>>().join(", ")
}

fn text(change: &Change) -> String {
    let mut text = format!("{}  {}\n  state      {}\n  found      {}\n", change.id, change.title, change.state, moment(change.at));
    for (what, field) in [("before", &change.before), ("after", &change.after)] {
        if let Some(field) = field {
            text.push_str(&format!("  {what:<10} {field}\n"));
        }
    }
    if let Some(evidence) = &change.evidence {
        text.push_str(&format!("  evidence   {evidence}\n"));
    }
    for hit in &change.hits {
        text.push_str(&format!("  breaks     {}: {}\n", hit.object, hit.fields.join(", ")));
    }
    for patch in &change.patches {
        text.push_str(&format!("  patch      mapping of {} at {}\n", patch.object, change.connection));
        text.extend(patch.patch.lines.iter().map(line_patch));
    }
    if let Some(outcome) = &change.outcome {
        let by = change.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        text.push_str(&format!("  ended      {}{by}: {outcome}\n", moment(change.changed_at)));
    }
    if change.state == "open" {
        text.push_str(&format!("\n{}\n", change.advice));
    }
    text
}

fn line_patch(patch: &LinePatch) -> String {
    let mut text = String::new();
    for (sign, line) in [('-', patch.before.as_ref()), ('+', Some(&patch.after))] {
        if let Some(line) = line {
            text.push_str(&format!("    {sign} {}\n", line_text(line)));
        }
    }
    text
}

fn line_text(line: &FieldMap) -> String {
    let mut text = format!("{} = {}", line.field, line.remote);
    let formulas = [("get", &line.get), ("put", &line.put)];
    text.extend(formulas.iter().filter_map(|(name, formula)| formula.as_ref().map(|formula| format!("  {name}: {formula}"))));
    text.push_str(&format!("  direction: {:?}", line.direction).to_lowercase());
    if !line.values.is_empty() {
        let pairs: Vec<String> = line.values.iter().map(|(theirs, ours)| format!("{theirs} = {ours}")).collect();
        text.push_str(&format!("  values: {}", pairs.join(", ")));
    }
    if line.archived {
        text.push_str("  archived");
    }
    text
}
