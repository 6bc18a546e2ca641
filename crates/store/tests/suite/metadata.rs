//! Objects and mappings.

use entente_model::mapping::{Direction, FieldMap, Mapping, Owner};
use entente_model::object::{Field, FieldType, Object};
use entente_model::plan::policy::Kind;
use entente_store::StoreError;

use super::house::{House, at, story};

fn object(label: &str) -> Object {
    let field = |key: &str, kind: FieldType| Field {
        key: key.into(),
        label: key.into(),
        kind,
        custom: false,
        indexed: key == "email",
        data: Kind::Other,
    };
    Object {
        key: "contact".into(),
        label: label.into(),
        prefix: "con".into(),
        custom: false,
        title: vec!["name".into()],
        fields: vec![field("name", FieldType::Text), field("email", FieldType::Email), field("score", FieldType::Number { scale: 2 })],
    }
}

fn mapping(owner: Owner) -> Mapping {
    let line = FieldMap {
        field: "email".into(),
        remote: "Email".into(),
        get: None,
        put: None,
        values: vec![],
        currency: None,
        direction: Direction::Both,
        owner,
        required: true,
        conflicts: None,
        archived: false,
    };
    serde_json::from_value(serde_json::json!({
        "object": "contact", "remote": "Contact", "key": "Entente_Id__c", "fields": [serde_json::to_value(line).unwrap()],
    }))
    .unwrap()
}

story! {
    async fn objects_are_kept_whole(house: &House) {
        house.write(|tx| tx.put_object(&object("Person"))).await.unwrap();
        house.write(|tx| tx.put_object(&object("Contact"))).await.unwrap();
        assert_eq!(house.read(|tx| tx.objects()).await.unwrap(), [object("Contact")]);
        assert_eq!(house.read(|tx| tx.object("contact")).await.unwrap(), Some(object("Contact")));
        assert_eq!(house.read(|tx| tx.object("lead")).await.unwrap(), None);
    }
}

story! {
    async fn a_mapping_can_go_back_to_an_earlier_version(house: &House) {
        let save = |owner: Owner| house.write(move |tx| tx.save_mapping("crm", &mapping(owner), "ada", "why not", at(1)));
        assert_eq!(save(Owner::Crm).await.unwrap(), 1);
        assert_eq!(save(Owner::Shared).await.unwrap(), 2);
        let active = house.read(|tx| tx.mappings()).await.unwrap();
        assert_eq!((active.len(), active[0].version, &active[0].mapping), (1, 2, &mapping(Owner::Shared)));

        house.write(|tx| tx.activate_mapping("crm", "contact", 1, at(2))).await.unwrap();
        assert_eq!(house.read(|tx| tx.mappings()).await.unwrap()[0].mapping, mapping(Owner::Crm));
        let none = house.write(|tx| tx.activate_mapping("crm", "contact", 9, at(3))).await;
        assert!(matches!(none, Err(StoreError::Missing(_))), "{none:?}");
        assert_eq!(house.read(|tx| tx.mappings()).await.unwrap()[0].version, 1, "nothing changed");

        let versions: Vec<_> = house.read(|tx| tx.mapping_versions("crm", "contact")).await.unwrap();
        assert_eq!(versions.iter().map(|one| (one.version, one.active)).collect::<Vec<_>>(), [(2, false), (1, true)]);
        assert!(house.write(|tx| tx.retire_mapping("crm", "contact", at(4))).await.unwrap());
        assert!(house.read(|tx| tx.mappings()).await.unwrap().is_empty());
    }
}
