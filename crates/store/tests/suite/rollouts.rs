//! Versions of mappings on their way into force.

use entente_store::{Rollout, Stage};

use crate::house::{House, at, contact, story};

fn rollout(version: i64, stage: Stage) -> Rollout {
    Rollout {
        connection: "crm".into(),
        object: "contact".into(),
        version,
        previous: 1,
        stage,
        percent: 20,
        at: at(version),
        by: "olga".into(),
        compared: 0,
        differing: 0,
    }
}

story! {
    async fn a_version_has_one_stage_at_a_time_and_its_findings_end_with_it(house: &House) {
        house.write(|tx| tx.put_rollout(&rollout(2, Stage::Shadow))).await.unwrap();
        let note = |differing: bool| {
            let found = if differing { vec![(contact(1), serde_json::json!({ "field": "phone" }))] } else { Vec::new() };
            house.write(move |tx| tx.note_shadow("crm", "contact", &[contact(1), contact(2)], &found, at(5)))
        };
        note(true).await.unwrap();
        let kept = house.read(|tx| tx.rollout("crm", "contact")).await.unwrap().unwrap();
        assert_eq!((kept.compared, kept.differing, kept.stage), (2, 1, Stage::Shadow));
        let findings = || house.read(|tx| tx.shadow_findings("crm", "contact", 10));
        assert_eq!(findings().await.unwrap().iter().map(|finding| finding.record.clone()).collect::<Vec<_>>(), [contact(1)]);
        note(false).await.unwrap();
        assert_eq!(findings().await.unwrap(), [], "it agrees by now");
        note(true).await.unwrap();
        house.write(|tx| tx.put_rollout(&rollout(3, Stage::Share))).await.unwrap();
        let kept = house.read(|tx| tx.rollouts()).await.unwrap();
        assert_eq!(kept, [rollout(3, Stage::Share)]);
        assert_eq!(findings().await.unwrap(), []);
        assert!(house.write(|tx| tx.end_rollout("crm", "contact", at(9))).await.unwrap());
        assert!(!house.write(|tx| tx.end_rollout("crm", "contact", at(9))).await.unwrap());
        house.write(|tx| tx.note_shadow("crm", "contact", &[contact(1)], &[(contact(1), serde_json::json!(1))], at(6))).await.unwrap();
        assert_eq!(findings().await.unwrap(), [], "what is over finds nothing");
    }
}
