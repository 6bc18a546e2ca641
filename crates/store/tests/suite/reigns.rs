//! When versions of mappings decided records.

use entente_model::mapping::Mapping;
use entente_store::{EntryId, Reign, Rollout, Stage};

use super::house::{House, at, entry, story};

fn mapping() -> Mapping {
    serde_json::from_value(serde_json::json!({ "object": "contact", "remote": "Contact", "key": "Entente_Id__c", "fields": [] })).unwrap()
}

async fn happen(house: &House) {
    house.write(|tx| tx.append(&[entry(1, "", "x")])).await.unwrap();
}

fn share(percent: u64) -> Rollout {
    Rollout {
        connection: "crm".into(),
        object: "contact".into(),
        version: 2,
        previous: 1,
        stage: if percent == 0 { Stage::Shadow } else { Stage::Share },
        percent,
        at: at(5),
        by: "olga".into(),
        compared: 0,
        differing: 0,
    }
}

async fn known(house: &House) -> Vec<(i64, u64, EntryId, Option<EntryId>)> {
    let reigns: Vec<Reign> = house.read(|tx| tx.reigns("crm", "contact")).await.unwrap();
    reigns.iter().map(|reign| (reign.version, reign.percent, reign.after, reign.last)).collect()
}

story! {
    async fn each_version_is_known_by_the_entries_made_while_it_was_in_force_or_had_a_share(house: &House) {
        house.write(|tx| tx.save_mapping("crm", &mapping(), "ada", "", at(1))).await.unwrap();
        happen(house).await;
        house.write(|tx| tx.draft_mapping("crm", &mapping(), "ada", "", at(2))).await.unwrap();
        house.write(|tx| tx.put_rollout(&share(0))).await.unwrap();
        happen(house).await;
        assert_eq!(known(house).await, [(1, 100, 0, None)], "a draft and a shadow decide nothing");
        house.write(|tx| tx.put_rollout(&share(20))).await.unwrap();
        happen(house).await;
        house.write(|tx| tx.put_rollout(&share(50))).await.unwrap();
        happen(house).await;
        assert_eq!(known(house).await, [(1, 100, 0, None), (2, 20, 2, Some(3)), (2, 50, 3, None)]);
        house
            .write(|tx| {
                tx.activate_mapping("crm", "contact", 2, at(6))?;
                tx.end_rollout("crm", "contact", at(6)).map(drop)
            })
            .await
            .unwrap();
        happen(house).await;
        house.write(|tx| tx.activate_mapping("crm", "contact", 1, at(7))).await.unwrap();
        house.write(|tx| tx.retire_mapping("crm", "contact", at(8))).await.unwrap();
        let expected =
            [(1, 100, 0, Some(4)), (2, 20, 2, Some(3)), (2, 50, 3, Some(4)), (2, 100, 4, Some(5)), (1, 100, 5, Some(5))];
        assert_eq!(known(house).await, expected);
        assert_eq!(house.read(|tx| tx.reigns("crm", "account")).await.unwrap(), []);
    }
}
