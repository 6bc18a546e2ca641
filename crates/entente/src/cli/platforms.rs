//! `entente platforms`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use entente_engine::platforms::{self, DetectionDescribed, FieldBound, ObjectDescribed, PlatformDescribed};

use super::context::Context;
use super::output::{say, table};
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
    /// Print the page docs/platforms.md
    #[arg(long, conflicts_with_all = ["platform", "fields"])]
    docs: bool,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    if args.docs {
        say(&page(&platforms::list(None)));
        return Ok(ExitCode::SUCCESS);
    }
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
        // What a description makes goes by the name of its connection.
        Some(engine) if platform.connections == [key.as_str()] => platforms::bounds(engine, Some(&key), None).await?,
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

/// What the platform's own messages tell of an object, in words.
fn told(object: &ObjectDescribed) -> String {
    let words: Vec<String> = object.told.iter().map(|told| name(Some(told.what))).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn overview(list: &[PlatformDescribed]) -> String {
    let rows = list.iter().flat_map(|platform| {
        platform.objects.iter().map(|object| {
            [
                platform.key.clone(),
                object.object.clone(),
                name(object.key),
                name(object.concurrency),
                brief(object.changes),
                brief(object.deletions),
                brief(object.merges),
            ]
        })
    });
    format!(
        "{}\n\n`*` is every object that is not named; `-` is what the platform cannot do. `entente platforms NAME` shows the rest.",
        table(["PLATFORM", "OBJECT", "KEY", "CONCURRENCY", "CHANGES", "DELETIONS", "MERGES"], rows)
    )
}

/// By what something comes to be known, in words that leave room for the others.
fn brief(seen: DetectionDescribed) -> String {
    seen.words().replace("reconciliation", "reconcile")
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
            told(object),
            object.changes.words(),
            object.deletions.words(),
            object.merges.words(),
            object.restorations.map_or_else(|| "-".to_owned(), DetectionDescribed::words),
            flag(object.creates_fields),
        ]
    });
    text.push_str(&table(
        ["OBJECT", "ROWS A PAGE", "KEY", "CONCURRENCY", "WEBHOOKS TELL", "CHANGES", "DELETIONS", "MERGES", "COME BACK", "NEW FIELDS"],
        objects,
    ));
    let rules = platform.objects.iter().flat_map(|object| {
        let rows = object.exceptions.iter().map(|one| [object.object.clone(), format!("deleted {}", one.rows), one.deletions.words()]);
        rows.chain(object.fields.iter().map(|rule| [object.object.clone(), rule.field.clone(), rule.changes.words()]))
    });
    let rules: Vec<_> = rules.collect();
    if !rules.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(["OBJECT", "OF IT", "SEEN BY"], rules));
    }
    let messages = platform
        .objects
        .iter()
        .flat_map(|object| object.told.iter().map(|told| [object.object.clone(), name(Some(told.what)), told.by.join(", ")]));
    let messages: Vec<_> = messages.collect();
    if !messages.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(["OBJECT", "WEBHOOKS TELL", "THEIR NAMES THERE"], messages));
    }
    for object in &platform.objects {
        object.notes.iter().for_each(|note| text.push_str(&format!("\n\n{}: {note}.", object.object)));
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

/// What stands above the tables of docs/platforms.md.
const ABOUT: &str = "# Platforms

<!-- Made by `entente platforms --docs`. -->

What each platform can do, as the connectors declare it. The conformance suite proves it against the simulators: of contacts all of it; of companies,
cases, activities and deals that they are written, found, read, deleted, merged and brought back as it says, and what webhooks tell of them and what
they do not. Of everything else each platform's own tests do. `-` is what a platform cannot do; who asks for it all the same is refused with an error that says so. `*` is every object
that is not named.

- **Key**: how a creation that is repeated is kept from making a twin. `upsert` is the platform's own by a unique field; with `unique` a
  second creation is refused and the first one's row taken; with `look up` the row is looked for before each creation.
- **Concurrency**: what keeps an update from overwriting a change that it did not know of. `precondition`: the platform refuses the write;
  `precondition by second`: it does as far as whole seconds tell, and not where many rows are written at once; `look first`: the row's stamp is
  looked at right before it is written, and a race of about a second remains. Where there is none, or one by the second, what a poll, a resync or
  a reconciliation has found is written only after a look at the row; a live change that crosses ours is seen by the next look.
- **Webhooks tell**: what the platform's own messages tell of, once they are subscribed to; their names there are what
  `entente platforms NAME` shows. A merge is told where a message names the row that went.
- **Changes, deletions, merges, come back**: by what they come to be known, best first. What no webhook tells of waits for the next poll,
  what no poll sees for the next reconciliation. `never` is never.
- **Never blank**: a value there can be changed, and not taken away: the platform would refuse it, or put one of its own in its place. Where it
  is taken away elsewhere, the platform keeps what it has, and the reconciliation lists the two as different.
- **Unique**: no two rows hold one value there. An undo does not put back a value that somebody else has got since.
- How long a change of a field may go unseen follows from that and from the configuration: `entente platforms NAME --fields` shows it for
  every mapped field, and so do the page Connections of the web app and `GET /api/v1/staleness`.
";

/// The page docs/platforms.md.
fn page(list: &[PlatformDescribed]) -> String {
    let mut page = ABOUT.to_owned();
    for platform in list {
        page.push_str(&format!("\n## {}\n\n", platform.label));
        page.push_str(
            "| object | rows a page | key | concurrency | webhooks tell | changes | deletions | merges | come back | new fields |\n",
        );
        page.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
        for object in &platform.objects {
            let cells = [
                format!("`{}`", object.object),
                object.page_rows.to_string(),
                name(object.key),
                name(object.concurrency),
                told(object),
                object.changes.words(),
                object.deletions.words(),
                object.merges.words(),
                object.restorations.map_or_else(|| "-".to_owned(), DetectionDescribed::words),
                flag(object.creates_fields),
            ];
            page.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        let rules = platform.objects.iter().flat_map(|object| {
            let rows =
                object.exceptions.iter().map(|one| format!("deleted {} among `{}`: {}", one.rows, object.object, one.deletions.words()));
            rows.chain(object.fields.iter().map(|rule| format!("`{}` of `{}`: {}", rule.field, object.object, rule.changes.words())))
        });
        let rules: Vec<String> = rules.collect();
        if !rules.is_empty() {
            page.push_str(&format!("\nSeen otherwise: {}.\n", rules.join("; ")));
        }
        let lasting = platform.objects.iter().flat_map(|object| object.never_blank.iter().map(move |field| (object, field)));
        let lasting: Vec<String> = lasting.map(|(object, field)| format!("`{field}` of `{}`", object.object)).collect();
        if !lasting.is_empty() {
            page.push_str(&format!("\nNever blank, beside what its description requires: {}.\n", lasting.join(", ")));
        }
        let unique = platform.objects.iter().flat_map(|object| object.unique.iter().map(move |field| (object, field)));
        let unique: Vec<String> = unique.map(|(object, field)| format!("`{field}` of `{}`", object.object)).collect();
        if !unique.is_empty() {
            page.push_str(&format!("\nUnique, beside the key and what its description calls so: {}.\n", unique.join(", ")));
        }
        for object in platform.objects.iter().filter(|object| !object.notes.is_empty()) {
            page.push_str(&format!("\nOf `{}`: {}.\n", object.object, object.notes.join("; ")));
        }
        let limits = platform.limits.iter().map(|limit| format!("{} {} within {}", limit.amount, limit.what, span(Some(limit.seconds))));
        page.push_str(&format!(
            "\nUp to {} rows are written in one go and {} fetched, in as many calls as the platform needs for them; up to {} calls are in flight. Documented limits: {}.\n",
            platform.write_rows,
            platform.fetch_rows,
            platform.concurrent_calls,
            limits.collect::<Vec<_>>().join("; ")
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_platforms_is_what_they_declare() {
        let page = page(&platforms::list(None));
        let kept = include_str!("../../../../docs/platforms.md");
        assert!(
            page.trim_end() == kept.trim_end(),
            "docs/platforms.md is not what the platforms declare: write it anew with `entente platforms --docs`"
        );
    }

    #[test]
    fn spans_are_told_in_the_unit_a_person_would_use() {
        assert_eq!([Some(3), Some(900), Some(3_600), Some(86_400), None].map(span), ["3 s", "15 min", "1 h", "1 d", "never"]);
    }
}
