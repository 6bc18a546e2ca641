//! Leads, as the vendor documents them: made with their contact, moved through a pipeline, told of by the deal's other end alone.

use entente_sims::hubspot::LeadProgress;
use serde_json::{Value, json};

use crate::portal::{Portal, map};

fn about(contact: &str, ty: u32) -> Value {
    json!([{"to": {"id": contact}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": ty}]}])
}

#[tokio::test]
async fn no_lead_is_made_without_its_primary_contact_and_its_name() {
    let portal = Portal::open();
    let ada = portal.make("contacts", json!({"email": "ada@example.com"})).await;
    let named = json!({"hs_lead_name": "Ada"});
    for body in [
        json!({"properties": named}),
        json!({"properties": named, "associations": about(&ada, 608)}),
        json!({"properties": {}, "associations": about(&ada, 578)}),
    ] {
        assert_eq!(portal.post("/crm/objects/2026-09/leads", body).await.status, 400);
    }
    let stranger = json!({"properties": named, "associations": about("404404", 578)});
    assert_eq!(portal.post("/crm/v3/objects/leads", stranger).await.status, 404);
    let made = portal.post("/crm/v3/objects/leads", json!({"properties": named, "associations": about(&ada, 578)})).await.ok();
    let path = format!("/crm/v3/objects/0-136/{}?associations=contacts", made["id"].as_str().unwrap());
    let read = portal.get(&path).await.ok();
    assert_eq!(
        (&read["properties"]["hs_pipeline"], &read["properties"]["hs_pipeline_stage"]),
        (&json!("lead-pipeline-id"), &json!("new-stage-id"))
    );
    let ends = read["associations"]["contacts"]["results"].as_array().unwrap();
    assert!(ends.iter().all(|end| end["id"] == json!(ada)) && ends.iter().any(|end| end["type"] == "lead_to_contact"), "{ends:?}");
}

#[tokio::test]
async fn an_upsert_changes_a_lead_and_makes_none() {
    let portal = Portal::open();
    let key = json!({"name": "our_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "leadinformation", "hasUniqueValue": true});
    portal.sim.add_property("leads", &key).unwrap();
    let ada = portal.make("contacts", json!({"email": "ada@example.com"})).await;
    let upsert =
        json!({"inputs": [{"id": "k1", "idProperty": "our_key", "properties": {"hs_lead_name": "Ada"}, "objectWriteTraceId": "0"}]});
    let refused = portal.post("/crm/v3/objects/leads/batch/upsert", upsert.clone()).await;
    assert_eq!((refused.status, refused.json()["numErrors"].as_u64()), (207, Some(1)), "{}", refused.text);
    let row = json!({"properties": {"hs_lead_name": "Eve", "our_key": "k1"}, "associations": about(&ada, 578), "objectWriteTraceId": "0"});
    assert_eq!(portal.post("/crm/v3/objects/leads/batch/create", json!({"inputs": [row]})).await.status, 201);
    let changed = portal.post("/crm/v3/objects/leads/batch/upsert", upsert).await.ok();
    assert_eq!((&changed["results"][0]["new"], &changed["results"][0]["properties"]["hs_lead_name"]), (&json!(false), &json!("Ada")));
}

#[tokio::test]
async fn how_far_a_lead_has_come_is_told_in_the_account_s_own_way() {
    for (progress, expected) in [
        (LeadProgress::Category, json!({"hs_pipeline_stage_category_v2": "QUALIFIED"})),
        (LeadProgress::Marks, json!({"hs_lead_is_qualified": "true", "hs_lead_is_disqualified": "false"})),
        (LeadProgress::StageAlone, json!({})),
    ] {
        let portal = Portal::with(|options| options.lead_progress = progress);
        let ada = portal.make("contacts", json!({"email": "ada@example.com"})).await;
        let lead = portal.sim.create_lead(&ada, &map(json!({"hs_lead_name": "Ada"})), portal.person()).unwrap();
        let stage = json!({"properties": {"hs_pipeline_stage": "qualified-stage-id"}});
        portal.call("PATCH", &format!("/crm/v3/objects/leads/{lead}"), stage).await.ok();
        let asked = "hs_pipeline_stage_category_v2,hs_lead_is_qualified,hs_lead_is_disqualified";
        let shown = map(portal.get(&format!("/crm/v3/objects/leads/{lead}?properties={asked}")).await.ok()["properties"].clone());
        let told = shown.into_iter().filter(|(name, _)| asked.contains(name.as_str())).collect();
        assert_eq!(Value::Object(told), expected, "{progress:?}");
        let strange = json!({"properties": {"hs_pipeline_stage": "closedwon"}});
        assert_eq!(
            portal.call("PATCH", &format!("/crm/v3/objects/leads/{lead}"), strange).await.status,
            400,
            "a stage of another pipeline"
        );
    }
}

#[tokio::test]
async fn a_lead_tells_of_its_deal_and_the_deal_tells_nothing() {
    let portal = Portal::open();
    let ada = portal.make("contacts", json!({"email": "ada@example.com"})).await;
    let lead = portal.sim.create_lead(&ada, &map(json!({"hs_lead_name": "Ada"})), portal.person()).unwrap();
    let deal = portal.make("deals", json!({"dealname": "One", "dealstage": "contractsent"})).await;
    portal.sim.associate(("leads", &lead), ("deals", &deal), true, portal.person()).unwrap();
    let ends = async |from: &str, id: &str, to: &str| {
        portal.get(&format!("/crm/v4/objects/{from}/{id}/associations/{to}")).await.ok()["results"].as_array().unwrap().clone()
    };
    let told = ends("leads", &lead, "deals").await;
    let ty = &told[0]["associationTypes"][0];
    assert_eq!((&told[0]["toObjectId"], &ty["typeId"], &ty["label"]), (&json!(deal), &json!(582), &json!("Primary")));
    assert!(ends("deals", &deal, "leads").await.is_empty());
}

#[tokio::test]
async fn a_primary_contact_moves_and_goes_along_with_a_merge() {
    let portal = Portal::open();
    let [ada, eve, bo] = ["ada", "eve", "bo"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com")})));
    let [one, two] = ["One", "Two"].map(|name| portal.sim.create_lead(&ada, &map(json!({"hs_lead_name": name})), portal.person()).unwrap());
    portal.sim.associate(("leads", &one), ("contacts", &eve), true, portal.person()).unwrap();
    let primary = |lead: &str| portal.sim.get("leads", lead).unwrap()["hs_primary_contact_id"].clone();
    assert_eq!((primary(&one), primary(&two)), (json!(eve), json!(ada)));
    portal.sim.create_lead(&bo, &map(json!({"hs_lead_name": "Three"})), portal.person()).unwrap();
    portal.sim.merge("contacts", &bo, &ada, portal.person()).unwrap();
    assert_eq!(primary(&two), json!(bo), "although another lead is about the survivor already");
}

#[tokio::test]
async fn leads_need_scopes_of_their_own_and_are_not_merged() {
    let portal = Portal::open();
    let ada = portal.make("contacts", json!({"email": "ada@example.com"})).await;
    let [one, two] = ["One", "Two"].map(|name| portal.sim.create_lead(&ada, &map(json!({"hs_lead_name": name})), portal.person()).unwrap());
    let merge = json!({"primaryObjectId": one, "objectIdToMerge": two});
    assert_eq!(portal.post("/crm/v3/objects/leads/merge", merge).await.status, 400);
    portal.sim.grant(&["crm.objects.contacts.read", "crm.objects.leads.read"]);
    assert_eq!(portal.get(&format!("/crm/v3/objects/leads/{one}")).await.status, 200);
    let edit = json!({"properties": {"hs_lead_label": "HOT"}});
    assert_eq!(portal.call("PATCH", &format!("/crm/v3/objects/leads/{one}"), edit).await.status, 403);
    portal.sim.grant(&["crm.objects.contacts.read"]);
    for path in ["/crm/v3/objects/leads", "/crm/v3/properties/leads", "/crm/v3/pipelines/0-136"] {
        let refused = portal.get(path).await;
        assert_eq!((refused.status, refused.text.contains("crm.objects.leads.read")), (403, true), "{path}");
    }
}
