//! Rules and statistics of conflicts, as `entente conflicts` prints them.

use entente_engine::records::conflicts::Conflict;
use entente_engine::records::conflicts::flagged::Acknowledged;
use entente_engine::records::conflicts::many::ResolvedMany;
use entente_engine::records::conflicts::proposals::{Adoption, Proposal, Rule};
use entente_engine::records::conflicts::statistics::Statistics;
use jiff::Timestamp;

use super::output::{moment, table};

/// One conflict: why it waits, how long against the promise, the value last agreed, what each side says, and what is suggested.
pub fn conflict(one: &Conflict, now: Timestamp) -> String {
    let blank = || "(blank)".to_owned();
    let mut text = format!("{}  {} of {} ({})", one.id, one.label, one.title, one.record);
    match one.resolved.as_ref().map(|decided| decided.at) {
        Some(Some(at)) => text.push_str(&format!(", found {}, resolved {}", moment(one.since), moment(at))),
        Some(None) => text.push_str(&format!(", found {}, resolved", moment(one.since))),
        None => text.push_str(&format!(", waiting {} (since {})", waiting(one.since, one.due, now), moment(one.since))),
    }
    text.push_str(&format!("\n    {}\n", one.reason));
    let wide = one.sides.iter().map(|side| side.side.chars().count()).chain(["last agreed".len()]).max().unwrap_or_default();
    if one.resolved.is_none() {
        text.push_str(&format!("    {:<wide$}  {}\n", "last agreed", one.base.clone().unwrap_or_else(blank)));
    }
    for side in &one.sides {
        let value = side.value.clone().unwrap_or_else(blank);
        let when = side.at.map(|at| format!(", {}", moment(at))).unwrap_or_default();
        text.push_str(&format!("    {:<wide$}  {value}{when}, by {}\n", side.side, hand(side.by.as_deref(), side.who.as_deref())));
    }
    if let Some(resolved) = &one.resolved {
        let by = resolved.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        text.push_str(&format!("    {:<wide$}  {}{by}\n", "decided for", resolved.value.clone().unwrap_or_else(blank)));
        if one.flagged {
            let other = one.sides.iter().map(|side| side.side.as_str()).find(|side| Some(*side) != resolved.side.as_deref());
            text.push_str(&format!("    it is right: entente conflicts acknowledge {}\n", one.id));
            if let Some(other) = other {
                text.push_str(&format!("    the older after all: entente conflicts resolve {} --side {other}\n", one.id));
            }
        }
        if let Some(reviewed) = &one.reviewed {
            let how = if reviewed.overruled { "took another value after all" } else { "has looked at the older value" };
            text.push_str(&format!("    {} {how}, {}\n", reviewed.by, moment(reviewed.at)));
        }
    } else if let Some(suggested) = &one.suggested {
        text.push_str(&format!("    {:<wide$}  {suggested}\n", "suggested"));
    }
    text
}

/// Whose hand it was, and which user's, as far as that is known: `sales (Ada Lovelace)`.
fn hand(by: Option<&str>, who: Option<&str>) -> String {
    let by = by.unwrap_or("unknown");
    who.map_or_else(|| by.to_owned(), |who| format!("{by} ({who})"))
}

/// How long a conflict waits, and what is left of the time that is promised, or how long that is over: `5 h, 19 h left`, `26 h, 2 h overdue`.
fn waiting(since: Timestamp, due: Option<Timestamp>, now: Timestamp) -> String {
    let age = span(now.as_millisecond() - since.as_millisecond());
    match due.map(|due| due.as_millisecond() - now.as_millisecond()) {
        None => age,
        Some(left) if left < 0 => format!("{age}, {} overdue", span(-left)),
        Some(left) => format!("{age}, {} left", span(left)),
    }
}

/// Milliseconds in whole minutes, hours, or from two days on days: what is begun does not count.
fn span(ms: i64) -> String {
    const MINUTE: i64 = 60_000;
    match ms.max(0) / MINUTE {
        minutes @ ..60 => format!("{minutes} min"),
        minutes @ ..2_880 => format!("{} h", minutes / 60),
        minutes => format!("{} d", minutes / 1_440),
    }
}

/// A time in hours, in the unit that people would use.
fn time(hours: f64) -> String {
    match (hours * 60.0).round() {
        minutes if minutes < 1.0 => "less than a minute".to_owned(),
        1.0 => "1 minute".to_owned(),
        minutes if minutes < 60.0 => format!("{minutes} minutes"),
        _ => format!("{hours:.1} hours"),
    }
}

/// What deciding several came to.
pub fn resolved_many(done: &ResolvedMany) -> String {
    let mut text = match done.decided {
        0 if done.left.is_empty() => "No waiting conflict fits.\n".to_owned(),
        1 => "Decided 1 conflict; every side gets the value at the next look.\n".to_owned(),
        many => format!("Decided {many} conflicts; every side gets the values at the next look.\n"),
    };
    for left in &done.left {
        text.push_str(&format!("    {} was not decided: {}\n", left.id, left.reason));
    }
    text
}

/// What acknowledging came to.
pub fn acknowledged(done: &Acknowledged) -> String {
    let mut text = match done.acknowledged {
        0 if done.left.is_empty() => "No flagged value fits.\n".to_owned(),
        1 => "1 flagged value was looked at.\n".to_owned(),
        many => format!("{many} flagged values were looked at.\n"),
    };
    for left in &done.left {
        text.push_str(&format!("    {} was not acknowledged: {}\n", left.id, left.reason));
    }
    text
}

/// Proposed rules with their evidence.
pub fn proposals(proposals: &[Proposal]) -> String {
    if proposals.is_empty() {
        return "No rule is proposed: no kind of conflict was decided alike often enough.\n".to_owned();
    }
    proposals.iter().map(proposal).collect::<Vec<_>>().join("\n")
}

fn proposal(one: &Proposal) -> String {
    let tried = one.tried;
    let mut text = format!(
        "{}  {}\n    {} decisions in a row were alike. Of {} conflicts of the last 30 days it would have decided {} as people did and {} \
         otherwise; {} wait and would be decided now; {} ended by themselves.\n",
        one.id, one.words, one.alike, tried.conflicts, tried.as_people, tried.otherwise, tried.waiting, tried.by_themselves
    );
    for decision in &one.decisions {
        let at = decision.at.map(moment).unwrap_or_default();
        let value = decision.value.clone().unwrap_or_else(|| "(blank)".to_owned());
        text.push_str(&format!("    {at}  {} decided for {value} at {} (conflict {})\n", decision.by, decision.title, decision.conflict));
    }
    text.push_str(&format!("    adopt it: entente conflicts adopt {}\n", one.id));
    text
}

/// Rules that somebody decided about.
pub fn rules(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return "No rule was adopted or declined.\n".to_owned();
    }
    rules.iter().map(rule).collect::<Vec<_>>().join("\n")
}

/// One of them.
pub fn rule(one: &Rule) -> String {
    let reason = one.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let decided = if one.state == "adopted" { format!("; it has decided {} conflicts", one.decided) } else { String::new() };
    format!("{}  {}\n    {} by {} on {}{reason}{decided}\n", one.id, one.words, one.state, one.by, moment(one.at))
}

/// What adopting came to.
pub fn adopted(done: &Adoption) -> String {
    format!("{}    {} conflicts that waited are decided by it now.\n", rule(&done.rule), done.decided)
}

/// Statistics.
pub fn statistics(found: &Statistics) -> String {
    let hours = |hours: Option<f64>| hours.map_or_else(|| "–".to_owned(), time);
    let mut text = format!("CONFLICT STATISTICS, last {} days\n", found.days);
    let per_day = |many: u64| many as f64 / found.days as f64;
    let to_people = found.conflicts - found.automatic;
    for (name, value) in [
        ("Total syncs", format!("{:.1}/day ({})", found.syncs_per_day, found.syncs)),
        ("Conflicts detected", format!("{:.1}/day ({:.2}%)", found.conflicts_per_day, found.percent_of_syncs)),
        ("Auto-resolved", format!("{:.1}/day ({:.1}%)", per_day(found.automatic), found.automatic_percent)),
        ("Manual review", format!("{:.1}/day ({:.1}%)", per_day(to_people), found.manual_percent)),
        ("  decided by people", found.manual.to_string()),
        ("  ended by themselves", found.by_themselves.to_string()),
        ("  waiting now", found.waiting.to_string()),
        ("Flagged, not looked at", found.flagged.to_string()),
        ("Average resolution time", hours(found.mean_hours)),
        ("Median resolution time", hours(found.median_hours)),
        ("Oldest waiting", found.oldest.map_or_else(|| "–".to_owned(), moment)),
        ("Longer than promised", format!("{} (promise: {} hours)", found.late, found.promise_hours)),
    ] {
        text.push_str(&format!("  {name:<26}{value}\n"));
    }
    if !found.by_rule.is_empty() {
        text.push('\n');
        text.push_str(&table(["RULE", "CONFLICTS"], found.by_rule.iter().map(|one| [one.rule.clone(), one.conflicts.to_string()])));
    }
    if !found.by_rule.is_empty() && !found.by_field.is_empty() {
        text.push('\n');
    }
    if !found.by_field.is_empty() {
        let rows = found.by_field.iter().map(|one| {
            [
                format!("{} of {}", one.label, one.object),
                one.conflicts.to_string(),
                one.automatic.to_string(),
                one.manual.to_string(),
                one.waiting.to_string(),
                hours(one.mean_hours),
            ]
        });
        text.push('\n');
        text.push_str(&table(["FIELD", "CONFLICTS", "BY RULE", "BY PEOPLE", "WAITING", "TIME TO DECIDE"], rows));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_is_told_with_its_user_and_an_unknown_one_as_unknown() {
        let said = [
            hand(Some("sales"), Some("Ada Lovelace")),
            hand(Some("customer"), None),
            hand(None, None),
            hand(Some("unknown"), Some("user 7")),
        ];
        assert_eq!(said, ["sales (Ada Lovelace)", "customer", "unknown", "unknown (user 7)"]);
    }

    #[test]
    fn a_conflict_waits_against_its_promise() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let said = |now: &str| waiting(at("2026-01-15T08:00:00Z"), Some(at("2026-01-16T08:00:00Z")), at(now));
        assert_eq!(said("2026-01-15T08:00:20Z"), "0 min, 23 h left");
        assert_eq!(said("2026-01-15T08:40:00Z"), "40 min, 23 h left");
        assert_eq!(said("2026-01-15T13:00:00Z"), "5 h, 19 h left");
        assert_eq!(said("2026-01-16T07:50:00Z"), "23 h, 10 min left");
        assert_eq!(said("2026-01-16T10:00:00Z"), "26 h, 2 h overdue");
        assert_eq!(said("2026-01-19T08:00:00Z"), "4 d, 3 d overdue");
        assert_eq!(waiting(at("2026-01-15T08:00:00Z"), None, at("2026-01-15T13:00:00Z")), "5 h", "nothing is promised");
    }
}
