//! Remote schemas, and the journal of what changed in them.

use entente_model::mapping::remote::RemoteObject;
use entente_store::{NewSchemaChange, SchemaFilter, SchemaState, Viewer};

use crate::house::{House, at, story};

fn change(field: &str, state: SchemaState) -> NewSchemaChange {
    NewSchemaChange {
        at: at(1),
        connection: "crm".into(),
        remote_object: "Account".into(),
        field: field.into(),
        kind: "removed".into(),
        state,
        detail: serde_json::json!({ "of": field }),
    }
}

story! {
    async fn the_last_description_of_an_object_counts(house: &House) {
        let described = |name: &str| RemoteObject { name: name.into(), fields: Vec::new(), lists: Vec::new() };
        let (account, contact) = (described("Account"), described("Contact"));
        let kept = [account.clone(), contact];
        house.write(move |tx| kept.iter().try_for_each(|object| tx.put_remote_schema("crm", object, at(1)))).await.unwrap();
        let again = account.clone();
        house.write(move |tx| tx.put_remote_schema("crm", &again, at(2))).await.unwrap();
        assert_eq!(house.read(|tx| tx.remote_schema("crm", "Account")).await.unwrap(), Some((account, at(2))));
        assert_eq!(house.read(|tx| tx.remote_schema("desk", "Account")).await.unwrap(), None);
        assert_eq!(house.read(|tx| tx.remote_schemas()).await.unwrap().len(), 2);
    }
}

story! {
    async fn a_change_is_open_once_and_goes_its_way(house: &House) {
        let open = |tx: &mut entente_store::Tx<'_>| tx.note_schema_change(&change("Tier__c", SchemaState::Open));
        let id = house.write(open).await.unwrap().expect("it is new");
        assert_eq!(house.write(open).await.unwrap(), None, "it is open already");
        house.write(|tx| tx.note_schema_change(&change("Plan__c", SchemaState::Noted))).await.unwrap().expect("it is new");
        let listed = |state| async move {
            let filter = SchemaFilter { state, ..SchemaFilter::default() };
            let found = house.read(move |tx| tx.schema_changes(&Viewer::system(), &filter, 10)).await.unwrap();
            found.into_iter().map(|change| change.change.field).collect::<Vec<_>>()
        };
        assert_eq!(listed(None).await, ["Plan__c", "Tier__c"]);
        assert_eq!(listed(Some(SchemaState::Open)).await, ["Tier__c"]);
        let go = move |from, to| house.write(move |tx| tx.move_schema_change(id, from, to, "it is back", "entente", at(9)));
        assert!(!go(SchemaState::Returning, SchemaState::Closed).await.unwrap());
        assert!(go(SchemaState::Open, SchemaState::Returning).await.unwrap());
        assert_eq!(house.read(|tx| tx.open_schema_changes()).await.unwrap().len(), 1, "its records catch up");
        assert!(go(SchemaState::Returning, SchemaState::Closed).await.unwrap());
        let closed = house.read(move |tx| tx.schema_change(&Viewer::system(), id)).await.unwrap().unwrap();
        assert_eq!((closed.outcome.as_deref(), closed.by.as_deref(), closed.changed_at), (Some("it is back"), Some("entente"), at(9)));
        assert_eq!(closed.change.detail, serde_json::json!({ "of": "Tier__c" }));
        assert!(house.write(open).await.unwrap().is_some_and(|again| again > id), "what is over may come again");
        let nobody = Viewer::new("nobody", "");
        assert_eq!(house.read(move |tx| tx.schema_changes(&nobody, &SchemaFilter::default(), 10)).await.unwrap(), []);
    }
}
