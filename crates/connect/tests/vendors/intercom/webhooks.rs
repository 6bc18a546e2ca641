//! Webhooks: signed by the vendor, set up by a person, and believed where they show the whole row.

use entente_connect::look::Existence;
use entente_connect::settings::Secret;
use entente_connect::webhook::{Delivery, Incoming, Proof, Subscribed};
use entente_sims::intercom::Kind;
use serde_json::json;

use super::workspace::{Workspace, settings};

const URL: &str = "https://hub.example/hooks/intercom";

fn subscribed() -> Workspace {
    let workspace = Workspace::open();
    workspace.sim.subscribe(URL, None);
    workspace
}

fn arrived(workspace: &Workspace) -> Vec<Incoming> {
    let mail = workspace.mail.take_due();
    assert!(mail.iter().all(|mail| mail.url == URL));
    mail.into_iter().map(|mail| Incoming { headers: mail.headers.into_iter().collect(), body: mail.body }).collect()
}

fn opened(workspace: &Workspace) -> Vec<Delivery> {
    arrived(workspace).iter().map(|message| workspace.desk.open(message, "", workspace.time()).unwrap()).collect()
}

#[tokio::test]
async fn a_change_is_shown_whole_once_the_schema_is_known_and_fetched_before() {
    let workspace = subscribed();
    let company = workspace.company("acc_1", "Acme");
    let ann =
        workspace.plant(Kind::Contact, json!({"name": "Ann & Co", "email": "ann@acme.example", "custom_attributes": {"crm_id": "003"}}));
    let deliveries = opened(&workspace);
    assert!(deliveries.iter().all(|delivery| delivery.events[0].look.is_none()));
    for object in ["contact", "company"] {
        workspace.desk.describe(object).await.unwrap();
    }
    workspace.edit(Kind::Contact, &ann, json!({"name": "Anna & Co"}));
    workspace.edit(Kind::Company, &company, json!({"website": "acme.example"}));
    let deliveries = opened(&workspace);
    let look = deliveries[0].events[0].look.as_ref().unwrap();
    assert_eq!((look.id.as_str(), &look.row["name"], look.complete), (ann.as_str(), &json!("Anna & Co"), true));
    assert_eq!((&look.row["custom_attributes.crm_id"], &look.row["company_id"]), (&json!("003"), &json!(null)));
    let look = deliveries[1].events[0].look.as_ref().unwrap();
    assert_eq!((&look.row["website"], &look.row["custom_attributes.tier"]), (&json!("acme.example"), &json!(null)));
    assert_ne!(deliveries[0].id, deliveries[1].id);
    assert_eq!(deliveries[0].events[0].kind, "contact.user.updated");
}

#[tokio::test]
async fn a_message_that_comes_late_shows_its_row_as_it_was_when_it_was_made() {
    let workspace = subscribed();
    let company = workspace.company("acc_1", "Acme");
    let ann = workspace.contact("Ann", "ann@acme.example");
    for object in ["contact", "company"] {
        workspace.desk.describe(object).await.unwrap();
    }
    arrived(&workspace);
    let made = workspace.time();
    workspace.edit(Kind::Contact, &ann, json!({"name": "Anna"}));
    workspace.edit(Kind::Company, &company, json!({"website": "acme.example"}));
    workspace.sim.delete(Kind::Company, &company).unwrap();
    workspace.pass(60);
    let messages = arrived(&workspace);
    let look = |message: &Incoming| workspace.desk.open(message, "", workspace.time()).unwrap().events.remove(0).look.unwrap();
    let looks: Vec<_> = messages.iter().map(look).collect();
    assert_eq!(looks.len(), 3);
    assert!(looks.iter().all(|look| look.complete && look.seen_at == made), "{looks:?}");
}

#[tokio::test]
async fn rows_that_go_are_told_with_what_became_of_them() {
    let workspace = subscribed();
    let (lead, ann) = (workspace.plant(Kind::Contact, json!({"role": "lead"})), workspace.contact("Ann", "ann@acme.example"));
    let ben = workspace.contact("Ben", "ben@acme.example");
    let company = workspace.company("acc_1", "Acme");
    let conversation = workspace.conversation(&ann, "Help");
    arrived(&workspace);
    workspace.sim.merge_contacts(&lead, &ann).unwrap();
    workspace.sim.archive(&ben, true).unwrap();
    workspace.sim.archive(&ben, false).unwrap();
    workspace.sim.delete(Kind::Contact, &ben).unwrap();
    workspace.sim.delete(Kind::Company, &company).unwrap();
    workspace.sim.delete(Kind::Conversation, &conversation).unwrap();
    let told: Vec<(String, Option<Existence>)> = opened(&workspace)
        .into_iter()
        .flat_map(|delivery| delivery.events)
        .map(|event| (event.id, event.look.map(|look| look.existence)))
        .collect();
    let gone = Some(Existence::Deleted);
    assert_eq!(
        told,
        [
            (ann.clone(), None),
            (lead, Some(Existence::MergedInto(ann))),
            (ben.clone(), gone.clone()),
            (ben.clone(), None),
            (ben, gone.clone()),
            (company, gone.clone()),
            (conversation, gone),
        ]
    );
}

#[tokio::test]
async fn conversations_tickets_tags_and_companies_of_contacts_name_the_row_to_fetch() {
    let workspace = subscribed();
    let ann = workspace.contact("Ann", "ann@acme.example");
    let company = workspace.company("acc_1", "Acme");
    let conversation = workspace.conversation(&ann, "Help");
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let ticket = workspace.plant(Kind::Ticket, json!({"ticket_type_id": ty, "contacts": [{"id": ann}]}));
    arrived(&workspace);
    workspace.sim.say(&conversation, "More", &ann, false).unwrap();
    workspace.manage(&conversation, json!({"message_type": "close"}));
    workspace.edit(Kind::Ticket, &ticket, json!({"ticket_state_id": "8484"}));
    workspace.sim.tag(Kind::Contact, &ann, "VIP", true).unwrap();
    workspace.sim.attach(&ann, &company, true).unwrap();
    let told: Vec<(String, String, bool)> = opened(&workspace)
        .into_iter()
        .flat_map(|delivery| delivery.events)
        .map(|event| (event.object, event.id, event.look.is_some()))
        .collect();
    let of = |object: &str, id: &String| (object.to_owned(), id.clone(), false);
    let expected = [
        of("conversation", &conversation),
        of("conversation", &conversation),
        of("conversation", &ticket),
        of("contact", &ann),
        of("contact", &ann),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_repeat_has_the_same_id_and_a_signature_of_its_own() {
    let workspace = subscribed();
    workspace.contact("Ann", "ann@acme.example");
    let first = workspace.mail.take_due().remove(0);
    workspace.mail.retry(entente_sims::mailroom::Delivery { attempt: 1, ..first.clone() }, 0);
    let again = workspace.mail.take_due().remove(0);
    assert!(first.body != again.body && first.headers != again.headers, "the attempt is counted in the message");
    let open = |mail: entente_sims::mailroom::Delivery| {
        workspace.desk.open(&Incoming { headers: mail.headers.into_iter().collect(), body: mail.body }, "", workspace.time()).unwrap().id
    };
    assert_eq!(open(first), open(again));
}

#[tokio::test]
async fn what_intercom_did_not_sign_is_refused() {
    let workspace = subscribed();
    workspace.contact("Ann", "ann@acme.example");
    let message = arrived(&workspace).remove(0);
    let mut changed = message.clone();
    changed.body.push(b' ');
    let mut bare = message.clone();
    bare.headers.remove("x-hub-signature");
    for forged in [changed, bare] {
        assert!(workspace.desk.open(&forged, "", workspace.time()).is_err());
    }
    let mut other = settings();
    other.webhooks.organization = Some("zzz".to_owned());
    let stranger = Workspace::with(other, |_| {});
    assert!(stranger.desk.open(&message, "", stranger.time()).unwrap_err().to_string().contains("zzz"));
    let mut without = settings();
    without.webhooks.signing_secret = Secret::default();
    let without = Workspace::with(without, |_| {});
    assert!(without.desk.open(&message, "", without.time()).unwrap_err().to_string().contains("client secret"));
    match without.desk.subscribed(URL, &[]).await.unwrap() {
        Subscribed::ByHand(by_hand) => {
            assert!(matches!(by_hand.proof, Proof::Signature { known: false, .. }) && by_hand.steps.contains("Developer Hub"));
        }
        other => panic!("{other:?}"),
    }
}
