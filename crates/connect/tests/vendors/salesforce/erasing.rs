//! Erasing people: what was merged into their row is purged from the recycle bin.

use entente_connect::connector::{Connector, Priority};
use entente_connect::erase::{Erase, Erased, Manner};
use entente_connect::settings::{ConnectionSettings, SalesforceApi, SalesforceSettings};
use serde_json::json;

use super::live::{self, Live};

/// Three rows of one person, the first merged into the second, and that one into the third.
fn chain(live: &Live) -> [String; 3] {
    let rows = ["Augusta", "Ada", "Ada A."].map(|name| live.add("Contact", json!({"FirstName": name, "LastName": "Lovelace"})));
    live.sim.merge("Contact", &rows[1], &[&rows[0]], "").unwrap();
    live.sim.merge("Contact", &rows[2], &[&rows[1]], "").unwrap();
    rows
}

async fn erase(crm: &dyn Connector, id: &str, manner: Manner) -> Erased {
    let blank = json!({"FirstName": null, "LastName": "Erased person"});
    let erase = Erase { object: "Contact".to_owned(), id: id.to_owned(), manner, blank: blank.as_object().cloned().unwrap() };
    crm.erase(&erase, Priority::Urgent).await.unwrap()
}

#[tokio::test]
async fn what_was_merged_into_a_row_is_purged_with_it_over_either_api() {
    let soap = SalesforceSettings { api: SalesforceApi::Soap, ..SalesforceSettings::default() };
    for settings in [live::settings(), ConnectionSettings { salesforce: soap, ..live::settings() }] {
        let live = Live::with(settings);
        let [first, second, last] = chain(&live);
        // Somebody else's is left alone.
        let (stranger, gone) = (live.add("Contact", json!({"LastName": "Hopper"})), live.add("Contact", json!({"LastName": "Murray"})));
        live.sim.merge("Contact", &stranger, &[&gone], "").unwrap();
        let erased = erase(&*live.crm, &last, Manner::Delete).await;
        assert_eq!(erased, Erased::wholly("blanked and deleted, and 2 that had been merged into it purged from the recycle bin"));
        assert_eq!((live.sim.get_deleted("Contact", &first), live.sim.get_deleted("Contact", &second)), (None, None));
        assert_eq!(live.sim.get_deleted("Contact", &last).unwrap()["LastName"], "Erased person", "an empty row lies in the bin");
        assert!(live.sim.get_deleted("Contact", &gone).is_some());
        // Once more, there is nothing left to do.
        assert_eq!(erase(&*live.crm, &last, Manner::Delete).await, Erased::wholly("blanked and deleted"));
    }
}

#[tokio::test]
async fn where_the_bin_is_not_ours_to_empty_somebody_is_told() {
    let live = Live::open();
    let [first, _, last] = chain(&live);
    live.sim.expire_password(true);
    let erased = erase(&*live.crm, &last, Manner::Anonymise).await;
    assert_eq!(erased.done, "blanked");
    assert!(matches!(erased.left.as_slice(), [left] if left.contains("up to 15 days")), "{erased:?}");
    assert!(live.sim.get_deleted("Contact", &first).is_some());
}

#[tokio::test]
async fn a_converted_lead_takes_no_change_and_is_purged_or_told_of() {
    let live = Live::open();
    let lead = |name: &str| {
        let id = live.add("Lead", json!({"LastName": name, "Company": "Acme"}));
        live.sim.convert_lead(&id, &live.sim.users().sales[0]).unwrap();
        id
    };
    let erase = async |id: &str, manner: Manner| {
        let blank = json!({"LastName": "Erased person"});
        let erase = Erase { object: "Lead".to_owned(), id: id.to_owned(), manner, blank: blank.as_object().cloned().unwrap() };
        live.crm.erase(&erase, Priority::Urgent).await.unwrap()
    };
    let gone = lead("Lovelace");
    assert_eq!(erase(&gone, Manner::Delete).await, Erased::wholly("deleted and purged from the recycle bin"));
    assert_eq!((live.sim.get("Lead", &gone), live.sim.get_deleted("Lead", &gone)), (None, None));
    let stays = lead("Hopper");
    let erased = erase(&stays, Manner::Anonymise).await;
    assert!(matches!(erased.left.as_slice(), [left] if left.contains("converted lead")), "{erased:?}");
    let open = live.add("Lead", json!({"LastName": "Murray", "Company": "Acme"}));
    assert_eq!(erase(&open, Manner::Anonymise).await, Erased::wholly("blanked"));
    assert_eq!(live.sim.get("Lead", &open).unwrap()["LastName"], "Erased person");
}
