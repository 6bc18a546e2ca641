//! What is met at a platform while a person is erased there, and what brings the person back afterwards.

use entente_engine::Engine;
use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_engine::privacy::requests::{show, unblock};
use entente_engine::privacy::schedule::tick;
use entente_model::id::RecordId;
use entente_store::{LinkState, NoticeState, Record, RecordQuery, Viewer};

use crate::house::{CRM, House, read_all, work_off};

#[tokio::test]
async fn a_row_that_is_met_while_others_are_erased_is_next_at_once() {
    let house = House::sqlite().await;
    let account = house.customer("Acme");
    house.crm.put("Contact", None, &[("LastName", "Lovelace"), ("Email", "ada@acme.example"), ("AccountId", &account)]);
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let people = RecordQuery { object: Some("contact".to_owned()), ..RecordQuery::default() };
    let person = house.store.read(move |tx| tx.list_records(&Viewer::system(), &people, 10)).await.unwrap().records.remove(0);
    let known = house.desk.ids("user");
    assert_eq!(known.len(), 1, "the person is at both platforms");

    let asked = ask(&engine, &Viewer::system(), &ErasureRequest { who: person.id.to_string() }, "test").await.unwrap();
    let (answer, written) = (house.crm.hold_up("write Contact"), house.crm.calls("write Contact"));
    let at_work = tokio::spawn({
        let engine = engine.clone();
        async move { tick(&engine, &|| false).await.unwrap() }
    });
    house.crm.called("write Contact", written + 1).await;
    // A creation that was under way has landed: it carries the key of the person's record.
    let late = house.desk.put("user", None, &[("name", "Ada Lovelace"), ("external_id", person.id.as_str())]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    answer.add_permits(100);
    at_work.await.unwrap();

    assert_eq!(house.desk.row("user", &late).unwrap()["name"], "Ada Lovelace", "it was not known when this began");
    assert_eq!(tick(&engine, &|| false).await.unwrap(), 1, "no time has to pass");
    assert_eq!(house.desk.row("user", &late).unwrap()["name"], "Erased person");
    assert_eq!(show(&engine, &Viewer::system(), &asked.erasure.id).await.unwrap().erasure.state, "done");
}

/// A customer with a person who was erased, and a colleague who was not.
struct Scene {
    house: House,
    engine: Engine,
    account: String,
    /// The colleague's row in the CRM.
    grace: String,
    erasure: String,
}

async fn scene() -> Scene {
    let house = House::sqlite().await;
    let account = house.customer("Acme");
    let contact = |first: &str, last: &str, email: &str, phone: &str| {
        let fields = [("FirstName", first), ("LastName", last), ("Email", email), ("Phone", phone), ("AccountId", &account)];
        house.crm.put("Contact", None, &fields)
    };
    contact("Ada", "Lovelace", "ada@acme.example", "+442071234567");
    let grace = contact("Grace", "Hopper", "grace@acme.example", "+442079999999");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.ids("user").len(), 2, "both are at both platforms");
    let asked = ask(&engine, &Viewer::system(), &ErasureRequest { who: "ada@acme.example".to_owned() }, "test").await.unwrap();
    for _ in 0..3 {
        tick(&engine, &|| false).await.unwrap();
        read_all(&engine).await;
        work_off(&house, &engine).await;
    }
    Scene { house, engine, account, grace, erasure: asked.erasure.id }
}

impl Scene {
    async fn take_in(&self) {
        read_all(&self.engine).await;
        work_off(&self.house, &self.engine).await;
    }

    async fn colleague(&self) -> Record {
        let people = RecordQuery { object: Some("contact".to_owned()), ..RecordQuery::default() };
        let found = self.house.store.read(move |tx| tx.list_records(&Viewer::system(), &people, 10)).await.unwrap();
        let mut found = found.records.into_iter().filter(|record| !record.data.is_empty());
        let colleague = found.next().unwrap();
        assert!(found.next().is_none(), "nobody else is known");
        colleague
    }

    /// How often the person turned up again.
    async fn sightings(&self) -> usize {
        let shown = show(&self.engine, &Viewer::system(), &self.erasure).await.unwrap();
        shown.seen_again.iter().filter(|seen| seen.what.ends_with("not taken in")).count()
    }

    async fn notices_of_return(&self) -> usize {
        let notices = self.house.store.read(|tx| tx.notices(NoticeState::Pending, 100, None)).await.unwrap();
        notices.iter().filter(|notice| notice.notice.title.contains("turned up")).count()
    }

    /// Nothing of the person is in the colleague's record, at the desk, in the ledger, or among the looks that wait.
    async fn is_without_her(&self) {
        let colleague = self.colleague().await;
        let id: RecordId = colleague.id.clone();
        let keys = self.house.link(&colleague, CRM).await.key();
        let (history, looks, links) = self
            .house
            .store
            .read(move |tx| {
                let viewer = Viewer::system();
                Ok((tx.history(&viewer, &id, 100, None)?, tx.looks_for(std::slice::from_ref(&keys))?, tx.links_of(&[id])?))
            })
            .await
            .unwrap();
        let desk: Vec<_> = self.house.desk.ids("user").into_iter().map(|id| self.house.desk.row("user", &id)).collect();
        for kept in [format!("{colleague:?}"), format!("{history:?}"), format!("{looks:?}"), format!("{links:?}"), format!("{desk:?}")] {
            let kept = kept.to_lowercase();
            assert!(["ada@", "lovelace", "7123", "countess"].iter().all(|word| !kept.contains(word)), "{kept}");
        }
        assert!(format!("{colleague:?}").contains("grace@acme.example"));
    }
}

#[tokio::test]
async fn who_was_erased_does_not_come_back_by_a_row_that_stands_for_somebody_else() {
    let scene = scene().await;
    let hers = [("FirstName", "Ada"), ("LastName", "Lovelace"), ("Email", "ADA@acme.example"), ("Phone", "+442071234567")];
    let again = scene.house.crm.put("Contact", None, &[&hers[..], &[("AccountId", scene.account.as_str())]].concat());
    scene.take_in().await;
    assert_eq!((scene.sightings().await, scene.notices_of_return().await), (1, 1));

    // Sales take the two for one, and keep what is hers.
    scene.house.crm.merge("Contact", &again, &scene.grace);
    scene.house.crm.put("Contact", Some(&scene.grace), &hers);
    scene.take_in().await;
    scene.is_without_her().await;
    assert_eq!((scene.sightings().await, scene.notices_of_return().await), (2, 2));

    // What comes later from the row is not taken in either, nor written to it, and nobody is told again.
    scene.house.crm.put("Contact", Some(&scene.grace), &[("Title", "Countess")]);
    scene.take_in().await;
    let users = scene.house.desk.ids("user");
    let user = users.iter().find(|id| scene.house.desk.row("user", id).unwrap()["name"] == "Grace Hopper").unwrap();
    scene.house.desk.put("user", Some(user), &[("phone", "+442078888888")]);
    scene.take_in().await;
    scene.is_without_her().await;
    assert_eq!(scene.house.crm.row("Contact", &scene.grace).unwrap()["Email"], "ADA@acme.example");
    assert_eq!((scene.sightings().await, scene.notices_of_return().await), (2, 2));

    // She is a customer again.
    unblock(&scene.engine, &Viewer::system(), &scene.erasure).await.unwrap();
    scene.house.crm.put("Contact", Some(&scene.grace), &[("Title", "Countess of Lovelace")]);
    scene.take_in().await;
    let taken_in = format!("{:?}", scene.colleague().await.data).to_lowercase();
    assert!(taken_in.contains("ada@acme.example") && taken_in.contains("lovelace"), "{taken_in}");
    assert_eq!(scene.house.desk.row("user", user).unwrap()["name"], "Ada Lovelace");
}

#[tokio::test]
async fn nobody_becomes_who_was_erased_by_a_merge_into_a_row_that_was_never_noted() {
    let scene = scene().await;
    let hers = [("FirstName", "Ada"), ("LastName", "Lovelace"), ("Email", "ada@acme.example"), ("AccountId", scene.account.as_str())];
    let again = "Contact-again";
    scene.house.crm.put_silently("Contact", again, &hers);
    scene.house.crm.merge("Contact", &scene.grace, again);
    scene.take_in().await;
    scene.is_without_her().await;
    let link = scene.house.link(&scene.colleague().await, CRM).await;
    assert_eq!((link.external_id.as_str(), link.state), (scene.grace.as_str(), LinkState::Merged), "it is left to people");
    assert_eq!((scene.sightings().await, scene.notices_of_return().await), (1, 1));
}
