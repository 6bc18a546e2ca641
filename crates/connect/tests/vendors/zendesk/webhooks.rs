//! Webhooks.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Existence, ReadSpec};
use entente_connect::webhook::{Delivery, Incoming, WebhookError};
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use ring::hmac;
use serde_json::{Value, json};

use super::desk::{Desk, SECRET, desk, ok};

const AT: &str = "2026-01-02T10:00:00Z";

fn quiet() -> Desk {
    desk(|call| panic!("opening a webhook makes no call, but {}", call.route()))
}

fn signed(body: &[u8], at: &str, signature: &str) -> Incoming {
    let headers = [
        ("x-zendesk-webhook-signature", signature),
        ("x-zendesk-webhook-signature-timestamp", at),
        ("x-zendesk-webhook-invocation-id", "01HINVOCATION"),
    ];
    Incoming { headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), body: body.to_vec() }
}

fn sign(body: &[u8], at: &str) -> Incoming {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, &[at.as_bytes(), body].concat()));
    signed(body, at, &signature)
}

fn open(desk: &Desk, incoming: &Incoming, now: &str) -> Result<Delivery, WebhookError> {
    desk.zendesk.open(incoming, "", now.parse::<Timestamp>().unwrap())
}

fn event(ty: &str, detail: Value, event: Value) -> Delivery {
    let kind = ty.split('.').next().unwrap();
    let body = json!({
        "account_id": 18_525_119, "detail": detail, "event": event, "id": "b3695d61", "subject": format!("zen:{kind}:6164069643162"),
        "time": "2026-01-02T09:52:00Z", "type": format!("zen:event-type:{ty}"), "zendesk_event_version": "2022-11-06",
    });
    let body = format!("{body:#}\n");
    open(&quiet(), &sign(body.as_bytes(), AT), AT).unwrap()
}

fn detail() -> Value {
    json!({
        "created_at": "2025-09-18T23:29:35Z", "default_group_id": "0", "email": "", "external_id": "", "id": "6164069643162",
        "organization_id": "0", "role": "end-user", "updated_at": "2026-01-02T09:52:00Z",
    })
}

#[test]
fn published_signatures_hold_and_the_old_order_does_not() {
    let desk = quiet();
    let at = "2024-05-06T08:47:46Z";
    let body = br#"{"ticket":{"id":35436,"status":"open","updated_at":"2024-05-06T08:47:45Z"}}"#;
    let delivery = open(&desk, &signed(body, at, "zBOGSPFIImWQOYCMGwxBJGUSMd3dCyG7SGyEhe/QR+8="), at).unwrap();
    assert_eq!(delivery.id, "01HINVOCATION");
    assert_eq!((delivery.events[0].object.as_str(), delivery.events[0].id.as_str(), &delivery.events[0].look), ("ticket", "35436", &None));
    assert!(open(&desk, &signed(b"", at, "kv49iJGFZGD2DenytKvbLJGbhsr3H4s75wPbjVTKqkc="), at).unwrap().events.is_empty());

    // Body before timestamp, as an old sample had it.
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let swapped = STANDARD.encode(hmac::sign(&key, &[body.as_slice(), at.as_bytes()].concat()));
    assert!(matches!(open(&desk, &signed(body, at, &swapped), at), Err(WebhookError::Unverified { .. })));
}

#[test]
fn forged_bare_and_stale_webhooks_are_refused() {
    let desk = quiet();
    let mut forged = sign(b"{}", AT);
    forged.body = b"{ }".to_vec();
    assert!(matches!(open(&desk, &forged, AT), Err(WebhookError::Unverified { .. })));
    let bare = Incoming { headers: BTreeMap::new(), body: b"{}".to_vec() };
    assert!(matches!(open(&desk, &bare, AT), Err(WebhookError::Unverified { .. })));
    let fresh = sign(b"{}", AT);
    assert!(open(&desk, &fresh, "2026-01-02T10:05:00Z").is_ok());
    assert!(matches!(open(&desk, &fresh, "2026-01-02T10:05:01Z"), Err(WebhookError::Unverified { .. })));
    assert!(matches!(open(&desk, &fresh, "2026-01-02T09:54:59Z"), Err(WebhookError::Unverified { .. })));
    assert!(matches!(open(&desk, &sign(b"not json", AT), AT), Err(WebhookError::Malformed { .. })));
}

#[test]
fn a_delivery_without_an_id_is_known_by_its_body() {
    let desk = quiet();
    let without = |body: &[u8]| {
        let mut incoming = sign(body, AT);
        incoming.headers.remove("x-zendesk-webhook-invocation-id");
        open(&desk, &incoming, AT).unwrap().id
    };
    assert_eq!(without(b"{}"), without(b"{}"));
    assert_ne!(without(b"{}"), without(b"{\"a\":1}"));
}

#[test]
fn a_deleted_user_needs_no_fetch() {
    let delivery = event("user.deleted", detail(), json!({}));
    let look = delivery.events[0].look.as_ref().unwrap();
    assert_eq!((look.id.as_str(), &look.existence), ("6164069643162", &Existence::Deleted));
    assert_eq!(look.seen_at, "2026-01-02T09:52:00Z".parse().unwrap(), "a late delivery shows the past");
}

#[test]
fn a_merged_user_names_its_winner() {
    let delivery = event("user.merged", detail(), json!({"user": {"id": "77"}}));
    assert_eq!(delivery.events[0].look.as_ref().unwrap().existence, Existence::MergedInto("77".to_owned()));
    assert_eq!(event("user.merged", detail(), json!({})).events[0].look, None, "without a winner it is fetched");
}

#[test]
fn a_changed_name_shows_the_name_and_leaves_what_is_empty_out() {
    let delivery = event("user.name_changed", detail(), json!({"current": "Ada L", "previous": "Ada"}));
    let look = delivery.events[0].look.as_ref().unwrap();
    assert!(!look.complete);
    assert_eq!(Value::Object(look.row.clone()), json!({"name": "Ada L", "role": "end-user"}), "no empty address overwrites anything");
    assert_eq!(look.version.as_deref(), Some("2026-01-02T09:52:00Z"));
}

#[test]
fn custom_fields_are_shown_where_the_event_writes_them_as_the_row_does() {
    let field = |ty: &str, current: Value| {
        let delivery = event(
            "user.custom_field_changed",
            detail(),
            json!({"current": current, "previous": null, "field": {"id": "9", "key": "plan", "type": ty}}),
        );
        delivery.events[0].look.as_ref().map(|look| look.row["user_fields.plan"].clone())
    };
    assert_eq!(field("tagger", json!("gold")), Some(json!("gold")));
    assert_eq!(field("text", json!("")), Some(Value::Null));
    assert_eq!(field("checkbox", json!(true)), Some(json!(true)));
    assert_eq!(field("date", json!("2026-01-01")), Some(json!("2026-01-01")));
    assert_eq!(field("decimal", json!(1.5)), Some(json!(1.5)));
    assert_eq!(field("date", json!(1_767_225_600)), None, "fetched");
    assert_eq!(field("decimal", json!("1.5")), None, "fetched");
    let without_key = event("user.custom_field_changed", detail(), json!({"current": "gold", "previous": null, "field": {"id": "9"}}));
    assert_eq!(without_key.events[0].look, None);
}

#[test]
fn what_is_not_certain_is_fetched_and_what_is_not_read_is_dropped() {
    for ty in ["user.tags_changed", "user.identity_changed", "user.notes_changed", "ticket.status_changed", "ticket.created"] {
        let delivery = event(ty, detail(), json!({"current": "x", "previous": "y"}));
        assert_eq!((delivery.events.len(), &delivery.events[0].look), (1, &None), "{ty}");
        assert_eq!(delivery.events[0].kind, ty);
    }
    for ty in ["user.password_changed", "user.last_login_changed", "article.published"] {
        assert!(event(ty, detail(), json!({})).events.is_empty(), "{ty}");
    }
}

#[test]
fn a_new_row_is_shown_in_part_so_that_whoever_made_it_has_nothing_to_fetch() {
    let detail = json!({"id": "6164069643162", "name": "New", "external_id": "acc_1", "updated_at": "2026-01-02T09:52:00Z"});
    let delivery = event("organization.created", detail, json!({}));
    let look = delivery.events[0].look.as_ref().unwrap();
    assert_eq!((Value::Object(look.row.clone()), look.complete), (json!({"name": "New", "external_id": "acc_1"}), false));
    let nothing_certain = event("organization.created", json!({"id": "6164069643162", "name": ""}), json!({}));
    assert_eq!(nothing_certain.events[0].look, None);
}

#[test]
fn a_new_membership_shows_the_organization_that_the_user_belongs_to() {
    let mut shown = detail();
    shown["organization_id"] = json!("77");
    let delivery = event("user.organization_membership_created", shown, json!({"organization": {"id": "77"}}));
    let look = delivery.events[0].look.as_ref().unwrap();
    assert_eq!((Value::Object(look.row.clone()), look.complete), (json!({"organization_id": "77", "role": "end-user"}), false));
    for ty in ["user.organization_membership_created", "user.organization_membership_deleted"] {
        assert_eq!(event(ty, detail(), json!({})).events[0].look, None, "where the event names no organization, the user is fetched");
    }
}

#[test]
fn a_renamed_organization_shows_its_name() {
    let detail =
        json!({"id": "6164069643162", "name": "New", "external_id": "acc_1", "group_id": "0", "updated_at": "2026-01-02T09:52:00Z"});
    let delivery = event("organization.name_changed", detail, json!({"current": "New", "previous": "Old"}));
    assert_eq!(Value::Object(delivery.events[0].look.as_ref().unwrap().row.clone()), json!({"name": "New", "external_id": "acc_1"}));
}

#[tokio::test]
async fn an_event_tells_whose_hand_it_was() {
    let desk = desk(|_| ok(json!({"users": [], "end_of_stream": true, "after_cursor": "x", "count": {"value": 0}})));
    let read = ReadSpec { object: "user".to_owned(), fields: vec!["name".to_owned()] };
    // The first page brings the list of agents and who we are along.
    desk.zendesk.page(&read, None, Priority::Backfill).await.unwrap();
    let hand = |ty: &str, actor: Option<&str>| {
        let kind = ty.split('.').next().unwrap();
        let mut detail = detail();
        detail["actor_id"] = json!(actor);
        let body = json!({
            "account_id": 18_525_119, "detail": detail, "id": "b3695d61", "subject": format!("zen:{kind}:6164069643162"),
            "event": {"current": "Ada", "previous": "Eda", "field": {"key": "account_status", "type": "text"}},
            "time": "2026-01-02T09:52:00Z", "type": format!("zen:event-type:{ty}"), "zendesk_event_version": "2022-11-06",
        });
        let delivery = open(&desk, &sign(body.to_string().as_bytes(), AT), AT).unwrap();
        delivery.events[0].look.as_ref().unwrap().mark.by
    };
    assert_eq!(hand("user.name_changed", Some("6164069643162")), Actor::Customer, "somebody changed their own profile");
    assert_eq!(hand("user.name_changed", Some("901")), Actor::Support);
    assert_eq!(hand("user.name_changed", Some("900")), Actor::Us);
    assert_eq!(hand("user.name_changed", Some("555")), Actor::Unknown);
    assert_eq!(hand("user.name_changed", None), Actor::Unknown);
    assert_eq!(hand("organization.custom_field_changed", None), Actor::Support, "customers cannot change organizations");
    assert_eq!(hand("organization.custom_field_changed", Some("900")), Actor::Us);
}

#[test]
fn a_new_primary_address_is_shown_by_its_event_and_the_others_say_nothing() {
    let said = |ty: &str, identity: Value| event(ty, detail(), json!({"identity": identity})).events;
    let address = |primary: bool| json!({"id": "7", "type": "email", "value": "ada@new.example", "primary": primary, "verified": true});
    let shown = said("user.identity_created", address(true));
    assert_eq!(shown[0].look.as_ref().unwrap().row["email"], "ada@new.example");
    assert!(said("user.identity_changed", address(false)).is_empty(), "the old address is no field of the row any more");
    assert_eq!(said("user.identity_deleted", address(true))[0].look, None, "who knows which address is primary now: the row is fetched");
    let phone = json!({"id": "8", "type": "phone_number", "value": "+14155550100", "primary": false, "verified": true});
    assert_eq!(said("user.identity_created", phone)[0].look, None);
}
