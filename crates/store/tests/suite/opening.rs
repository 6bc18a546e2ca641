//! Opening a database: migrations, keys, workers.

use entente_store::{MasterKey, Store, StoreError, StoreOptions};

use crate::house::{House, key, story};

story! {
    async fn a_database_is_opened_again_with_everything_in_it(house: &House) {
        house.write(|tx| tx.put_setting("colour", "green")).await.unwrap();
        let again = house.again().await.unwrap();
        assert_eq!(again.read(|tx| tx.setting::<String>("colour")).await.unwrap().as_deref(), Some("green"));
    }
}

story! {
    async fn settings_of_any_shape_are_kept_and_forgotten(house: &House) {
        house
            .write(|tx| {
                tx.put_setting("sync.pace", &5)?;
                tx.put_setting("sync.window", &serde_json::json!({ "ms": [1, null, "a\0b"] }))?;
                tx.put_setting("sync.pace", &6)?;
                tx.put_setting("other", &true)
            })
            .await
            .unwrap();
        let found = house.read(|tx| tx.settings("sync.")).await.unwrap();
        assert_eq!(serde_json::to_string(&found).unwrap(), r#"{"sync.pace":6,"sync.window":{"ms":[1,null,"ab"]}}"#);
        assert!(house.write(|tx| tx.delete_setting("other")).await.unwrap());
        assert_eq!(house.read(|tx| tx.setting::<bool>("other")).await.unwrap(), None);
    }
}

story! {
    async fn a_database_of_a_later_version_is_refused(house: &House) {
        house.raw("insert into schema_version (number, name) values (999, 'future')").await;
        assert!(matches!(house.again().await, Err(StoreError::NewerSchema { found: 999, .. })));
    }
}

story! {
    async fn a_wrong_master_key_is_refused_at_once(house: &House) {
        let other = MasterKey::from_bytes(&[8; 32]).unwrap();
        let refused = Store::open(&house.url, StoreOptions::new(other)).await;
        assert!(matches!(refused, Err(StoreError::BadKey(_))), "{refused:?}");
    }
}

story! {
    async fn secrets_are_kept_encrypted_and_survive_a_new_master_key(house: &House) {
        house.write(|tx| tx.put_secret("crm.token", b"s3cret")).await.unwrap();
        let fresh = MasterKey::from_bytes(&[9; 32]).unwrap();
        let elsewhere = house.again().await.unwrap();
        house.rotate_master_key(fresh.clone()).await.unwrap();

        assert_eq!(house.read(|tx| tx.secret("crm.token")).await.unwrap().as_deref(), Some(&b"s3cret"[..]));
        assert_eq!(house.read(|tx| tx.secret_names()).await.unwrap(), ["crm.token"]);
        // Who goes on with the old key neither reads nor writes.
        assert!(matches!(elsewhere.read(|tx| tx.secret("crm.token")).await, Err(StoreError::BadKey(_))));
        assert!(matches!(elsewhere.write(|tx| tx.put_secret("x", b"y")).await, Err(StoreError::BadKey(_))));
        assert!(matches!(elsewhere.rotate_master_key(key()).await, Err(StoreError::BadKey(_))));
        assert!(matches!(house.again().await, Err(StoreError::BadKey(_))));
        let reopened = Store::open(&house.url, StoreOptions::new(fresh)).await.unwrap();
        assert_eq!(reopened.read(|tx| tx.secret("crm.token")).await.unwrap().as_deref(), Some(&b"s3cret"[..]));
    }
}

story! {
    async fn only_postgresql_has_room_for_two_workers(house: &House) {
        let other = house.again().await.unwrap();
        let seat = house.worker_seat().unwrap();
        let second = other.worker_seat();
        if house.is_postgres() {
            assert!(second.is_ok());
        } else {
            assert!(matches!(second, Err(StoreError::SecondWorker)), "{second:?}");
            drop(seat);
            assert!(other.worker_seat().is_ok());
        }
    }
}

#[tokio::test]
async fn a_temporary_store_leaves_nothing_behind() {
    let store = Store::open(&entente_store::StoreUrl::Temporary, StoreOptions::new(key())).await.unwrap();
    let path = store.path().unwrap();
    assert!(path.exists());
    drop(store);
    assert!(!path.exists());
}
