//! How every scenario begins and ends: a company in agreement, and nothing left over.

use std::time::Duration;

use super::super::super::status_text::number;
use super::script::{Played, Script, Stop};
use super::stage::{Setting, Stage};

/// Time that the first sync may take, however few they are.
const FIRST_SYNC_MAX: Duration = Duration::from_secs(300);

/// Time that it may take for each contact on top: a slow machine brings some seventy into agreement in a second.
const FIRST_SYNC_EACH: Duration = Duration::from_millis(15);

/// Time until everything has come to rest at the end.
pub const REST_MAX: Duration = Duration::from_secs(180);

/// Sets the stage, and has both platforms come to agree.
pub async fn opening(script: &mut Script, setting: &Setting) -> Played<Stage> {
    opening_but_for(script, setting, &[]).await
}

/// The same, but for fields that nobody waits for.
pub async fn opening_but_for(script: &mut Script, setting: &Setting, but_for: &[&str]) -> Played<Stage> {
    script.step("Both platforms come to agree");
    let mut stage = Stage::set(setting).await?;
    let seeded = stage.seeded;
    script.platforms(format!(
        "a CRM with {} contacts in {} accounts, and a support desk that knows {} of them",
        number(seeded.contacts as u64),
        number(seeded.accounts as u64),
        number(seeded.users as u64)
    ));
    stage.serve().await?;
    script.operator("entente serve");
    script.entente(format!("its web app is at {} while this lasts", stage.url));
    let first_sync_max = FIRST_SYNC_MAX + FIRST_SYNC_EACH * u32::try_from(seeded.contacts).unwrap_or(u32::MAX);
    if !script.check("the first sync is done", stage.rests(first_sync_max).await?, || stage.last_words()) {
        return Err(Stop::Unmet);
    }
    agrees(script, &stage, but_for).await?;
    Ok(stage)
}

/// States that every customer is equal at both platforms, but for these fields (`Account.Plan__c`), and that nobody is there twice. What a
/// platform fills in by itself, such as a new user's time zone, arrives with the next poll and is waited for.
pub async fn agrees(script: &mut Script, stage: &Stage, but_for: &[&str]) -> Played {
    let what = if but_for.is_empty() {
        "every customer is equal at both platforms, field by field".to_owned()
    } else {
        format!("every customer is equal at both platforms in every other field than {}", but_for.join(", "))
    };
    let found = script
        .awaits(what, REST_MAX, async || {
            let found = stage.agreement().await?;
            let differing: Vec<&String> = found.by_field.keys().filter(|field| !but_for.contains(&field.as_str())).collect();
            let equal = found.customers > 0 && found.linked == found.customers && differing.is_empty();
            let shown = found.disagreements.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
            Ok(if equal { Ok(found) } else { Err(format!("{} of {}; {shown}", found.in_agreement, found.customers)) })
        })
        .await?;
    script.check("nobody and nothing is there twice", found.twins == 0, || found.twin_list.join("; "));
    script.figure("customers", found.customers as u64);
    Ok(())
}

/// How every scenario ends: at rest, and with a ledger whose chain is whole.
pub async fn closing(script: &mut Script, stage: &mut Stage) -> Played {
    let rests = stage.rests(REST_MAX).await?;
    script.check("everything has come to rest", rests, || stage.last_words());
    ledger_is_whole(script, stage).await?;
    stage.stop().await?;
    Ok(())
}

/// States that the ledger's chain is whole.
pub async fn ledger_is_whole(script: &mut Script, stage: &Stage) -> Played {
    script.operator("entente ledger verify");
    let verdict = stage.said(&["ledger", "verify"]).await?;
    script.check("the ledger's chain of hashes is whole", verdict["whole"] == true, || verdict.to_string());
    script.figure("ledger entries", verdict["entries"].clone());
    Ok(())
}
