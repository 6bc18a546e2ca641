use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::desk::{Desk, Reply};

async fn post(desk: &Desk, header: &str, body: &str) -> Reply {
    let xml = format!(
        r#"<?xml version="1.0"?><se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="urn:partner.soap.sforce.com"><se:Header>{header}</se:Header><se:Body>{body}</se:Body></se:Envelope>"#
    );
    let request =
        Request::post("/services/Soap/u/62.0").header("Host", "acme.sim").header("SOAPAction", "\"\"").header("Content-Type", "text/xml");
    desk.send(request.body(Body::from(xml)).unwrap()).await
}

async fn ask(desk: &Desk, body: &str) -> Reply {
    let header = format!("<urn:SessionHeader><urn:sessionId>{}</urn:sessionId></urn:SessionHeader>", desk.token);
    post(desk, &header, body).await
}

fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    text.split(&format!("<{tag}>")).nth(1).and_then(|rest| rest.split(&format!("</{tag}>")).next()).unwrap_or_default()
}

#[tokio::test]
async fn signing_in_answers_in_the_order_old_clients_count_on() {
    let mut desk = Desk::open();
    let reply = post(
        &desk,
        "",
        "<urn:login><urn:username>integration@acme.example</urn:username><urn:password>sim-password</urn:password></urn:login>",
    )
    .await;
    assert_eq!(reply.status, 200);
    let order = [
        "metadataServerUrl",
        "passwordExpired",
        "sandbox",
        "serverUrl",
        "sessionId",
        "userId",
        "userInfo",
        "accessibilityMode",
        "organizationId",
        "userUiSkin",
    ];
    let places: Vec<usize> = order.iter().map(|tag| reply.text.find(&format!("<{tag}>")).unwrap()).collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(between(&reply.text, "serverUrl").starts_with("http://acme.sim/services/Soap/u/62.0/00D"));
    desk.token = between(&reply.text, "sessionId").to_owned();
    assert_eq!(desk.get("/limits").await.status, 200);

    let wrong = post(&desk, "", "<urn:login><urn:username>x</urn:username><urn:password>y</urn:password></urn:login>").await;
    assert_eq!(wrong.status, 500);
    assert!(
        wrong.text.contains("<faultcode>sf:INVALID_LOGIN</faultcode>")
            && wrong.text.contains("<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>")
    );
}

#[tokio::test]
async fn records_are_written_queried_and_brought_back() {
    let desk = Desk::open();
    let made = ask(&desk, r#"<urn:create><urn:sObjects><type xmlns="urn:sobject.partner.soap.sforce.com">Contact</type><LastName>O&apos;Neil</LastName><Email>o@x.org</Email></urn:sObjects><urn:sObjects><type>Contact</type></urn:sObjects></urn:create>"#).await;
    assert!(
        made.text.contains("<success>true</success>") && made.text.contains("<statusCode>REQUIRED_FIELD_MISSING</statusCode>"),
        "{}",
        made.text
    );
    let id = between(&made.text, "id").to_owned();
    ask(&desk, &format!("<urn:update><urn:sObjects><type>Contact</type><fieldsToNull>Email</fieldsToNull><Id>{id}</Id><Title>T</Title></urn:sObjects></urn:update>")).await;
    let row = desk.sf.get("Contact", &id).unwrap();
    assert_eq!((row.get("Email"), &row["Title"]), (None, &json!("T")));
    let upsert = ask(&desk, "<urn:upsert><urn:externalIDFieldName>Entente_Id__c</urn:externalIDFieldName><urn:sObjects><type>Account</type><Name>A</Name><Entente_Id__c>1</Entente_Id__c></urn:sObjects></urn:upsert>").await;
    assert!(upsert.text.contains("<created>true</created>"));
    let found =
        ask(&desk, "<urn:query><urn:queryString>SELECT Id, LastName, Email, Owner.Name FROM Contact</urn:queryString></urn:query>").await;
    assert!(found.text.contains("<done>true</done>") && found.text.contains("<size>1</size>"));
    assert!(
        found.text.contains("<sf:LastName>O&apos;Neil</sf:LastName>") && found.text.contains(r#"<sf:Email xsi:nil="true"/>"#),
        "{}",
        found.text
    );
    ask(&desk, &format!("<urn:delete><urn:ids>{id}</urn:ids></urn:delete>")).await;
    assert!(desk.sf.get("Contact", &id).is_none());
    let back = ask(&desk, &format!("<urn:undelete><urn:ids>{id}</urn:ids></urn:undelete>")).await;
    assert!(back.text.contains("<success>true</success>") && desk.sf.get("Contact", &id).is_some());
    let time = ask(&desk, "<urn:getServerTimestamp/>").await;
    assert_eq!(between(&time.text, "timestamp"), "2026-01-05T10:00:00.250Z");
    let fault = ask(&desk, "<urn:query><urn:queryString>SELECT</urn:queryString></urn:query>").await;
    assert!(fault.status == 500 && fault.text.contains("sf:MALFORMED_QUERY") && fault.text.contains("sf:MalformedQueryFault"));
    desk.sf.expire_sessions();
    assert!(ask(&desk, "<urn:getUserInfo/>").await.text.contains("<faultcode>sf:INVALID_SESSION_ID</faultcode>"));
}

#[tokio::test]
async fn a_merge_and_a_conversion_rearrange_what_hangs_together() {
    let desk = Desk::open();
    let (a, b) = (desk.make("Contact", json!({"LastName": "A"})).await, desk.make("Contact", json!({"LastName": "B"})).await);
    let case = desk.make("Case", json!({"Subject": "s", "ContactId": b})).await;
    let merged = ask(&desk, &format!("<urn:merge><urn:request><urn:masterRecord><type>Contact</type><Id>{a}</Id><Title>kept</Title></urn:masterRecord><urn:recordToMergeIds>{b}</urn:recordToMergeIds></urn:request></urn:merge>")).await;
    assert_eq!((between(&merged.text, "mergedRecordIds"), between(&merged.text, "updatedRelatedIds")), (b.as_str(), case.as_str()));
    assert_eq!(desk.sf.get_deleted("Contact", &b).unwrap()["MasterRecordId"], a.as_str());
    assert_eq!(desk.sf.get("Contact", &a).unwrap()["Title"], "kept");

    let lead = desk.make("Lead", json!({"LastName": "L", "Company": "Co", "Email": "l@co.org"})).await;
    let request = format!(
        "<urn:convertLead><urn:leadConverts><urn:convertedStatus>Closed - Converted</urn:convertedStatus><urn:doNotCreateOpportunity>false</urn:doNotCreateOpportunity><urn:leadId>{lead}</urn:leadId></urn:leadConverts></urn:convertLead>"
    );
    let done = ask(&desk, &request).await;
    let contact = between(&done.text, "contactId");
    assert_eq!(desk.sf.get("Contact", contact).unwrap()["Email"], "l@co.org", "{}", done.text);
    let row = desk.sf.get("Lead", &lead).unwrap();
    assert_eq!((&row["IsConverted"], &row["ConvertedContactId"]), (&json!(true), &json!(contact)));
    let frozen = desk.call("PATCH", &format!("/sobjects/Lead/{lead}"), json!({"Title": "x"})).await;
    assert_eq!(frozen.json()[0]["errorCode"], "CANNOT_UPDATE_CONVERTED_LEAD");
    assert!(ask(&desk, &request).await.text.contains("CANNOT_UPDATE_CONVERTED_LEAD"));
}
