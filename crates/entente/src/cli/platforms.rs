//! `entente platforms`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::platforms::{self, DetectionDescribed, FieldBound, ObjectDescribed, PlatformDescribed};

use super::context::Context;
use super::output::table;
use crate::fault::Result;

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// One platform, with all that it can do
    #[arg(value_name = "NAME")]
    platform: Option<String>,
    /// How long a change of each mapped field may go unseen
    #[arg(long, requires = "platform")]
    fields: bool,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    // Without a configuration, the platforms are there all the same.
    let engine = if context.file().exists() { Some(context.engine().await?) } else { None };
    let Some(key) = args.platform else {
        context.output.show(&platforms::list(engine.as_ref()), |list| overview(list))?;
        return Ok(ExitCode::SUCCESS);
    };
    let platform = platforms::one(engine.as_ref(), &key)?;
    if !args.fields {
        context.output.show(&platform, detail)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bounds = match &engine {
        Some(engine) if !platform.connections.is_empty() => platforms::bounds(engine, None, Some(&key)).await?,
        _ => platforms::usual_bounds(&key)?,
    };
    let configured = !platform.connections.is_empty();
    context.output.show(&bounds, |bounds| fields(bounds, configured))?;
    Ok(ExitCode::SUCCESS)
}

/// The name of a value as JSON has it, or `-`.
fn name(value: Option<impl serde::Serialize>) -> String {
    value.and_then(|value| serde_json::to_value(value).ok()?.as_str().map(|name| name.replace('_', " "))).unwrap_or_else(|| "-".to_owned())
}

fn flag(yes: bool) -> String {
    if yes { "yes" } else { "-" }.to_owned()
}

fn overview(list: &[PlatformDescribed]) -> String {
    let rows = list.iter().flat_map(|platform| {
        platform.objects.iter().map(|object| {
            [
                platform.key.clone(),
                object.object.clone(),
                name(object.key),
                name(object.concurrency),
                object.changes.words(),
                object.deletions.words(),
                object.merges.words(),
            ]
        })
    });
    format!(
        "{}\n\n`*` is every object that is not named; `-` is what the platform cannot do. `entente platforms NAME` shows the rest.",
        table(["PLATFORM", "OBJECT", "KEY", "CONCURRENCY", "CHANGES", "DELETIONS", "MERGES"], rows)
    )
}

fn detail(platform: &PlatformDescribed) -> String {
    let connections = if platform.connections.is_empty() { "-".to_owned() } else { platform.connections.join(", ") };
    let mut text = format!(
        "{} ({})\n\nConnections          {connections}\nRows per write       {}\nRows per fetch       {}\nCalls at once        {}\n\
         Calls shared         {}\nPolls go back        {} s\nAccess is renewed    {}\n\n",
        platform.label,
        platform.key,
        platform.write_rows,
        platform.fetch_rows,
        platform.concurrent_calls,
        flag(platform.shares_calls),
        platform.overlap_seconds,
        flag(platform.renews_access)
    );
    let objects = platform.objects.iter().map(|object: &ObjectDescribed| {
        [
            object.object.clone(),
            object.page_rows.to_string(),
            name(object.key),
            name(object.concurrency),
            object.changes.words(),
            object.deletions.words(),
            object.merges.words(),
            object.restorations.map_or_else(|| "-".to_owned(), DetectionDescribed::words),
            flag(object.creates_fields),
        ]
    });
    text.push_str(&table(
        ["OBJECT", "ROWS A PAGE", "KEY", "CONCURRENCY", "CHANGES", "DELETIONS", "MERGES", "COME BACK", "NEW FIELDS"],
        objects,
    ));
    let rules = platform.objects.iter().flat_map(|object| {
        object.fields.iter().map(|rule| [object.object.clone(), rule.field.clone(), rule.changes.words()])
    });
    let rules: Vec<_> = rules.collect();
    if !rules.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(["OBJECT", "FIELD", "CHANGES"], rules.into_iter()));
    }
    let limits = platform.limits.iter().map(|limit| [limit.what.clone(), limit.amount.to_string(), span(Some(limit.seconds))]);
    text.push_str("\n\n");
    text.push_str(&table(["LIMIT, AS DOCUMENTED", "HOW MANY", "WITHIN"], limits));
    text
}

/// Seconds as people say them.
fn span(seconds: Option<u64>) -> String {
    match seconds {
        None => "never".to_owned(),
        Some(seconds) if seconds % 86_400 == 0 && seconds > 0 => format!("{} d", seconds / 86_400),
        Some(seconds) if seconds % 3_600 == 0 && seconds > 0 => format!("{} h", seconds / 3_600),
        Some(seconds) if seconds % 60 == 0 && seconds > 0 => format!("{} min", seconds / 60),
        Some(seconds) => format!("{seconds} s"),
    }
}

fn fields(bounds: &[FieldBound], configured: bool) -> String {
    let rows = bounds.iter().map(|field| {
        [
            field.connection.clone(),
            format!("{}.{}", field.object, field.field),
            format!("{}.{}", field.remote_object, field.remote_field),
            name(Some(field.bound.seen_by)),
            span(field.bound.usual_seconds),
            span(field.bound.at_most_seconds),
        ]
    });
    let shown = table(["CONNECTION", "FIELD", "THERE", "SEEN BY", "USUALLY WITHIN", "AT MOST"], rows);
    if configured {
        shown
    } else {
        format!("{shown}\n\nNo connection to it is configured: this is the shipped mapping with the default settings and webhooks set up.")
    }
}
