//! Webhooks of a described platform: made over the API, verified, and taken for hints.

use std::collections::BTreeMap;

use entente_connect::capability::Happening;
use entente_connect::look::Existence;
use entente_connect::settings::{Auth, Secret};
use entente_connect::webhook::{Incoming, Subscribed, WebhookError};
use entente_sims::mailroom;
use entente_sims::pipedrive::Kind;
use serde_json::{Value, json};

use super::described::company;
use super::small::{connect, described, ok};
use crate::pipedrive::company::Company;

const URL: &str = "https://hub.example/hooks/rest";

fn objects() -> Vec<String> {
    ["persons", "organizations", "deals", "activities"].map(str::to_owned).to_vec()
}

fn incoming(letter: &mailroom::Delivery) -> Incoming {
    let headers: BTreeMap<String, String> = letter.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    Incoming { headers, body: letter.body.clone() }
}

fn events(company: &Company) -> Vec<(String, String, Option<Existence>)> {
    let letters = company.mail.take_due();
    let open = |letter: &mailroom::Delivery| company.crm.open(&incoming(letter), "", company.time()).unwrap().events;
    let events = letters.iter().flat_map(open);
    events.map(|event| (event.object, event.id, event.look.map(|look| look.existence))).collect()
}

#[tokio::test]
async fn subscriptions_are_made_once_for_each_object() {
    let company = company();
    assert_eq!(company.crm.subscribed(URL, &objects()).await.unwrap(), Subscribed::No);
    let secret = company.crm.subscribe(URL, &objects()).await.unwrap().unwrap();
    assert!(secret.reveal().len() >= 32 && !secret.reveal().contains("c0ffee"));
    assert_eq!(company.crm.subscribed(URL, &objects()).await.unwrap(), Subscribed::Yes);
    company.crm.subscribe(URL, &objects()).await.unwrap();
    assert_eq!(company.calls("POST webhooks"), 4);
}

#[tokio::test]
async fn messages_name_rows_and_say_where_a_merged_one_went() {
    let company = company();
    company.crm.subscribe(URL, &objects()).await.unwrap();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme"}));
    let [ada, twin] = ["ada@x.example", "a@x.example"].map(|email| company.contact("Ada", email));
    company.plant(Kind::Note, json!({"content": "Hello", "org_id": acme.parse::<u64>().unwrap()}));
    let seen = events(&company);
    let row = |object: &str, id: &String| (object.to_owned(), id.clone(), None);
    assert_eq!(seen, [row("organizations", &acme), row("persons", &ada), row("persons", &twin)], "notes are not described");
    company.sim.merge(Kind::Person, &twin, &ada, company.person()).unwrap();
    let merged = ("persons".to_owned(), twin.clone(), Some(Existence::MergedInto(ada.clone())));
    assert!(events(&company).contains(&merged));
}

#[tokio::test]
async fn a_stranger_s_message_is_refused() {
    let company = company();
    company.crm.subscribe(URL, &objects()).await.unwrap();
    company.contact("Ada", "ada@x.example");
    let letter = incoming(&company.mail.take_due().remove(0));
    for header in [None, Some("Basic"), Some("Basic ZW50ZW50ZTp3cm9uZw=="), Some("Bearer x")] {
        let headers = header.map(|text| ("authorization".to_owned(), text.to_owned())).into_iter().collect();
        let stranger = Incoming { headers, body: letter.body.clone() };
        let refused = company.crm.open(&stranger, "", company.time()).unwrap_err();
        assert!(matches!(refused, WebhookError::Unverified { .. }), "{header:?}");
    }
    let broken = Incoming { body: b"{\"meta\":{}}".to_vec(), ..letter };
    assert!(matches!(company.crm.open(&broken, "", company.time()).unwrap_err(), WebhookError::Malformed { .. }));
}

#[tokio::test]
async fn webhooks_are_claimed_of_the_objects_and_events_that_they_tell_of() {
    let claims = |webhooks: Value| {
        let description = described(|description| {
            description["objects"]["firms"] = description["objects"]["people"].clone();
            description["webhooks"] = webhooks;
        });
        let (connector, _) = connect(description, Auth::AccessToken { token: Secret::new("s3cret-key") }, |_| ok(json!([])));
        ["people", "firms"].map(|object| {
            let known = connector.spec().capabilities(object).unwrap();
            [Happening::Changed, Happening::Deleted, Happening::Merged].map(|what| known.tells(what))
        })
    };
    let webhooks = |further: Value| {
        let mut webhooks = json!({"proof": {"basic": true}, "object": "what", "row_id": ["id"]});
        webhooks.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        webhooks
    };
    assert_eq!(claims(webhooks(json!({}))), [[true, false, false]; 2], "nothing says what happened");
    assert_eq!(claims(webhooks(json!({"action": "did"}))), [[true, true, false]; 2], "every object has its own name");
    let listed = webhooks(json!({"action": "did", "objects": {"person": "people"}, "merged_into": "into"}));
    assert_eq!(claims(listed), [[true, true, true], [false, false, false]], "only what is listed is told of");
}
