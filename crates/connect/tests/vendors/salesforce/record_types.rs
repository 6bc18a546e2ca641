//! Record types by their developer names: ids differ from org to org.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_model::mapping::remote::RemoteKind;
use serde_json::json;

use super::live::{Live, target};
use crate::stage::rows::{create, spec, update};

fn kind(live: &Live, name: &str) -> String {
    live.add("RecordType", json!({"Name": name, "DeveloperName": name, "SobjectType": "Account", "IsActive": true}))
}

#[tokio::test]
async fn a_record_type_is_written_and_read_by_its_developer_name() {
    let live = Live::open();
    let (partner, customer) = (kind(&live, "Partner"), kind(&live, "Customer"));
    let field =
        live.crm.describe("Account").await.unwrap().fields.into_iter().find(|field| field.name == "RecordType.DeveloperName").unwrap();
    assert_eq!((field.kind, field.writable, field.values), (RemoteKind::Picklist, true, vec!["Customer".to_owned(), "Partner".to_owned()]));
    let writes = [create("acc_1", json!({"Name": "Acme", "RecordType.DeveloperName": "Partner"}))];
    let made = live.crm.write(&target("Account"), &writes, Priority::Update).await.unwrap().remove(0).unwrap();
    assert_eq!(live.sim.get("Account", &made.id).unwrap()["RecordTypeId"], partner);
    let change = [update(&made.id, json!({"RecordType.DeveloperName": "Customer"}))];
    live.crm.write(&target("Account"), &change, Priority::Update).await.unwrap().remove(0).unwrap();
    assert_eq!(live.sim.get("Account", &made.id).unwrap()["RecordTypeId"], customer);
    let looks = live.crm.fetch(&spec("Account", &["RecordType.DeveloperName"]), &[made.id], Priority::Update).await.unwrap();
    assert_eq!(looks[0].row["RecordType.DeveloperName"], "Customer");
}

#[tokio::test]
async fn a_record_type_that_is_not_there_is_refused_with_those_that_are() {
    let live = Live::open();
    kind(&live, "Partner");
    let writes = [
        create("acc_1", json!({"Name": "A", "RecordType.DeveloperName": "Reseller"})),
        create("acc_2", json!({"Name": "B", "RecordType.DeveloperName": "Partner"})),
    ];
    let outcomes = live.crm.write(&target("Account"), &writes, Priority::Update).await.unwrap();
    let refused = outcomes[0].as_ref().unwrap_err();
    assert_eq!((refused.class, refused.field.as_deref()), (Class::Data, Some("RecordType.DeveloperName")));
    // What the row holds is not repeated; the field that the refusal names says where to look.
    assert!(refused.message.contains("no record type") && refused.message.contains("Partner"), "{}", refused.message);
    assert!(outcomes[1].is_ok());

    // One that was made since is known.
    kind(&live, "Reseller");
    let outcomes = live.crm.write(&target("Account"), &writes[..1], Priority::Update).await.unwrap();
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
}
