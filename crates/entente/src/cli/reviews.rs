//! `entente reviews`.

use std::process::ExitCode;

use clap::Subcommand;
use entente_engine::records::reviews::{self, Review, ReviewQuery, ReviewSide};

use super::context::Context;
use super::output::{moment, more, table};
use crate::fault::Result;

/// What to do with reviews.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first
    List {
        /// Show those in this state: waiting, accepted or rejected
        #[arg(long)]
        state: Option<String>,
        /// Show at most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Show those before this one
        #[arg(long, value_name = "ID")]
        before: Option<String>,
    },
    /// Show one with every field of both records
    Show {
        /// Its id
        id: String,
    },
    /// Decide that both are one customer: their counterparts are linked to one record
    Accept {
        /// Its id
        id: String,
    },
    /// Decide that they are two; it is not asked again, and each gets the counterpart it lacks
    Reject {
        /// Its id
        id: String,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<ExitCode> {
    let engine = context.engine().await?;
    let viewer = context.viewer();
    match command {
        Command::List { state, limit, before } => {
            let page = reviews::list(&engine, &viewer, ReviewQuery { state, before, limit: Some(limit) }).await?;
            context.output.show(&page, |page| {
                if page.items.is_empty() {
                    return "No reviews.".to_owned();
                }
                page.items.iter().map(head).collect::<Vec<_>>().join("\n") + &more(page.next.as_deref())
            })?;
        }
        Command::Show { id } => {
            let review = reviews::show(&engine, &viewer, &id).await?;
            context.output.show(&review, |review| [head(review), waterfall(review), fields(review)].join("\n"))?;
        }
        Command::Accept { id } => {
            let review = reviews::accept(&engine, &viewer, &id).await?;
            context.output.show(&review, |review| {
                format!("{} is now one record, {}. Its values are compared at the next look.", review.first.title, review.first.record)
            })?;
        }
        Command::Reject { id } => {
            let review = reviews::reject(&engine, &viewer, &id).await?;
            context.output.show(&review, |review| {
                format!("{} and {} stay two records. Each goes on by itself.", review.first.record, review.second.record)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn head(review: &Review) -> String {
    let mut text = format!(
        "{}  {}: {} ({:.0} % likely the same), {} since {}\n    {}\n    {}\n    because of     {}\n",
        review.id,
        review.kind,
        review.object,
        review.score * 100.0,
        review.state,
        moment(review.since),
        side(&review.first),
        side(&review.second),
        review.evidence
    );
    if let Some(held_up) = &review.held_up {
        text.push_str(&format!("    {held_up}\n"));
    }
    if let Some(obstacle) = &review.obstacle {
        text.push_str(&format!("    cannot be merged: {obstacle}\n"));
    }
    if let Some(by) = review.decided.as_ref().and_then(|decided| decided.by.as_ref()) {
        text.push_str(&format!("    decided by     {by}\n"));
    }
    text
}

/// Every step from any two records to the verdict on these, in bits: plus one doubles the odds that they are one customer.
fn waterfall(review: &Review) -> String {
    let Some(found) = &review.waterfall else { return String::new() };
    let mut text = format!("{:>8.2}  any two records\n", found.start);
    for step in &found.steps {
        text.push_str(&format!("{:>+8.2}  {}: {}", step.weight, step.label, step.words));
        match step.frequency {
            common if common <= -0.5 => text.push_str(&format!(", a common value ({common:+.2})\n")),
            rare if rare >= 0.5 => text.push_str(&format!(", a rare value ({rare:+.2})\n")),
            _ => text.push('\n'),
        }
    }
    if found.crowds <= -0.5 {
        text.push_str(&format!("{:>+8.2}  as much is shared by relatives, colleagues or neighbours\n", found.crowds));
    }
    let doubt = found.doubt.as_ref().map(|doubt| format!(": {doubt}")).unwrap_or_default();
    text.push_str(&format!("{:>8.2}  {:.1} % likely the same{doubt}\n", found.weight, found.probability * 100.0));
    text
}

fn side(side: &ReviewSide) -> String {
    let links: Vec<String> = side.links.iter().map(|link| format!("{}/{}", link.connection, link.external_id)).collect();
    let at = if links.is_empty() { "nowhere".to_owned() } else { links.join(", ") };
    format!("{} {}  at {at}", side.record, side.title)
}

fn fields(review: &Review) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(blank)".to_owned());
    let rows = review
        .fields
        .iter()
        .map(|field| [if field.same { "=" } else { "≠" }.to_owned(), field.label.clone(), shown(&field.first), shown(&field.second)]);
    table(["", "FIELD", "FIRST", "SECOND"], rows)
}
