//! What is met at a platform while a person is erased there.

use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_engine::privacy::requests::show;
use entente_engine::privacy::schedule::tick;
use entente_store::{RecordQuery, Viewer};

use crate::house::{House, read_all, work_off};

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
