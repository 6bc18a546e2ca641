//! SOAP Partner API: the envelope, the session, and which operation it is.

use serde_json::Value;

use super::State;
use super::envelope::{Element, escape, of_json, read, tag};
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::Actor;
use super::wire::{Answer, Call};
use super::{convert, soap_login, soap_records};
use crate::faults::Fault;

/// Objects of one describe.
const DESCRIBED_MAX: usize = 100;
/// Oldest version that still answers.
const OLDEST_VERSION: u32 = 31;
/// First API version without SOAP login.
const LOGIN_ENDS_AT: u32 = 65;

/// What every operation needs.
pub(crate) struct Errand<'a> {
    pub call: &'a Call,
    pub header: Element,
    pub actor: Actor,
    pub all_or_none: bool,
}

/// `POST /services/Soap/u/{version}[/{org}]`.
pub(crate) fn serve(state: &mut State, call: &mut Call) -> Answer {
    match run(state, call) {
        Ok((name, inner)) => {
            let info = state.quota.info();
            let (used, limit) = info.trim_start_matches("api-usage=").split_once('/').unwrap_or(("0", "0"));
            let header = if name == "login" {
                String::new()
            } else {
                format!(
                    "<soapenv:Header><LimitInfoHeader><limitInfo><current>{used}</current><limit>{limit}</limit><type>API REQUESTS</type></limitInfo></LimitInfoHeader></soapenv:Header>"
                )
            };
            let xml = format!(
                r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:sobject.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{header}<soapenv:Body><{name}Response>{inner}</{name}Response></soapenv:Body></soapenv:Envelope>"#
            );
            Answer::text(200, "text/xml;charset=UTF-8", xml)
        }
        Err(fail) => fault(&fail),
    }
}

/// A SOAP fault: status 500.
pub(crate) fn fault(fail: &Fail) -> Answer {
    let family = match fail.code.as_str() {
        "MALFORMED_QUERY" => "MalformedQueryFault",
        "INVALID_FIELD" => "InvalidFieldFault",
        "INVALID_TYPE" => "InvalidSObjectFault",
        "INVALID_QUERY_LOCATOR" => "InvalidQueryLocatorFault",
        "INVALID_LOGIN" => "LoginFault",
        "MALFORMED_ID" => "InvalidIdFault",
        "UNKNOWN_EXCEPTION" | "INVALID_SESSION_ID" => "UnexpectedErrorFault",
        _ => "ApiFault",
    };
    let (code, text) = (&fail.code, escape(&fail.message));
    let place = if family == "MalformedQueryFault" { "<sf:row>-1</sf:row><sf:column>-1</sf:column>" } else { "" };
    let xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {text}</faultstring><detail><sf:{family} xsi:type="sf:{family}"><sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{text}</sf:exceptionMessage>{place}</sf:{family}></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#
    );
    Answer::text(500, "text/xml;charset=UTF-8", xml)
}

fn run(state: &mut State, call: &mut Call) -> Outcome<(String, String)> {
    if call.header("soapaction").is_none() {
        return Err(Fail::new(500, "CLIENT_NOT_ACCESSIBLE_FOR_USER", "SOAPAction HTTP header missing"));
    }
    let root = read(&String::from_utf8_lossy(&call.body)).filter(|root| root.name == "Envelope");
    let root = root.ok_or_else(|| Fail::new(500, "UNKNOWN_EXCEPTION", "the request is no SOAP envelope"))?;
    let body = root.child("Body").and_then(|body| body.children.first());
    let operation = body.ok_or_else(|| Fail::new(500, "UNKNOWN_EXCEPTION", "the SOAP body is empty"))?;
    call.version = call.segments.get(3).cloned().unwrap_or_default();
    let now = state.org.clock.now_ms();
    let name = operation.name.clone();
    let major = call.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let newest = state.newest.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(OLDEST_VERSION);
    if !major.is_some_and(|major| (OLDEST_VERSION..=newest.max(LOGIN_ENDS_AT)).contains(&major)) {
        return Err(Fail::new(500, "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"));
    }
    if name == "login" {
        state.quota.note("token");
        let ended = call.version.split('.').next().and_then(|v| v.parse::<u32>().ok()).is_some_and(|v| v >= LOGIN_ENDS_AT);
        if ended {
            return Err(Fail::new(500, "INVALID_OPERATION", format!("login is not available in API version {}", call.version)));
        }
        return Ok((name, soap_login::login(state, call, operation)?));
    }
    let header = root.child("Header").cloned().unwrap_or_default();
    let token = header.child("SessionHeader").and_then(|h| h.value("sessionId")).unwrap_or_default().to_owned();
    if call.fault == Some(Fault::ExpiredSession) {
        state.auth.close(&token);
    }
    let expired = || Fail::new(500, "INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session");
    call.user = state.auth.user_of(&token, now).ok_or_else(expired)?;
    if state.auth.password_expired {
        return Err(Fail::new(
            500,
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
            "The users password has expired, you must call SetPassword before attempting any other API operations",
        ));
    }
    state.quota.spend("soap", now)?;
    state.org.origin = format!("com/salesforce/api/soap/{}", call.version);
    if let Some(client) = header.child("CallOptions").and_then(|options| options.value("client")) {
        state.org.origin.push_str(&format!(";client={client}"));
    }
    let allow = header.child("DuplicateRuleHeader").is_some_and(|h| h.flag("allowSave"));
    let all_or_none = header.child("AllOrNoneHeader").is_some_and(|h| h.flag("allOrNone"));
    let actor = Actor { user: call.user, allow_duplicates: allow, trusted: false };
    let errand = Errand { call, header, actor, all_or_none };
    let inner = match name.as_str() {
        "create" | "update" | "upsert" | "delete" | "undelete" => soap_records::write(state, &errand, operation)?,
        "emptyRecycleBin" => soap_records::empty_bin(state, operation)?,
        "retrieve" => soap_records::retrieve(state, &errand, operation)?,
        "query" | "queryAll" => soap_records::query(state, &errand, operation, name == "queryAll")?,
        "queryMore" => soap_records::query_more(state, &errand, operation)?,
        "merge" => soap_records::merge(state, &errand, operation)?,
        "convertLead" => convert::convert_leads(state, &errand, operation),
        "getUpdated" | "getDeleted" => soap_records::replicate(state, operation, name == "getDeleted")?,
        "describeSObject" | "describeSObjects" => describe(state, &errand, operation)?,
        "describeLayout" => layout(state, operation)?,
        "describeGlobal" => {
            let global = super::describe::global(state, errand.call)?;
            of_json("result", &global.value())
        }
        "getServerTimestamp" => format!("<result>{}</result>", tag("timestamp", &super::cell::datetime_z(now))),
        "getUserInfo" => format!("<result>{}</result>", soap_login::user_info(state, call.user)),
        "logout" => {
            state.auth.close(&token);
            String::new()
        }
        other => return Err(Fail::new(500, "INVALID_OPERATION", format!("{other} is not an operation of this API"))),
    };
    Ok((name, inner))
}

/// What objects are made of, one result each.
fn describe(state: &mut State, errand: &Errand<'_>, operation: &Element) -> Outcome<String> {
    let names: Vec<&str> = operation.children.iter().map(|name| name.text.trim()).collect();
    if names.len() > DESCRIBED_MAX {
        return Err(Fail::bad("EXCEEDED_ID_LIMIT", format!("cannot describe more than {DESCRIBED_MAX} objects")));
    }
    let mut results = String::new();
    for name in names {
        let whole = super::describe::whole(state, errand.call, name).map_err(|_| Fail::invalid_type(name))?;
        results.push_str(&of_json("result", &whole.value()));
    }
    Ok(results)
}

/// The layouts of an object: of each record type asked for, or of all, what it has of the lists. The layouts themselves hold nothing.
fn layout(state: &State, operation: &Element) -> Outcome<String> {
    let name = operation.value("sObjectType").unwrap_or_default();
    let table = state.org.table(name).ok_or_else(|| Fail::invalid_type(name))?;
    let asked = operation.all("recordTypeIds").map(|id| id.text.trim());
    let asked: Vec<SfId> =
        asked.map(|id| SfId::parse(id).ok_or_else(|| Fail::bad("MALFORMED_ID", format!("bad id {id}")))).collect::<Outcome<_>>()?;
    let mut mappings = String::new();
    for kind in super::describe::record_types(&state.org, name, "") {
        let id = kind["recordTypeId"].as_str().unwrap_or_default();
        let Some(parsed) = SfId::parse(id).filter(|parsed| asked.is_empty() || asked.contains(parsed)) else { continue };
        let lists: String = super::lists::values_of_record_type(state, table, parsed)
            .iter()
            .map(|(field, values)| {
                let entry = |value: &String| {
                    let (label, value) = (tag("label", value), tag("value", value));
                    format!("<picklistValues><active>true</active><defaultValue>false</defaultValue>{label}{value}</picklistValues>")
                };
                let values: String = values.iter().map(entry).collect();
                format!("<picklistsForRecordType>{}{values}</picklistsForRecordType>", tag("picklistName", field))
            })
            .collect();
        let usual = kind["defaultRecordTypeMapping"] == true;
        mappings.push_str(&format!(
            "<recordTypeMappings><available>true</available><defaultRecordTypeMapping>{usual}</defaultRecordTypeMapping>\
             <layoutId>00h000000000001AAA</layoutId>{}{lists}{}</recordTypeMappings>",
            tag("name", kind["name"].as_str().unwrap_or_default()),
            tag("recordTypeId", id),
        ));
    }
    Ok(format!("<result>{mappings}<recordTypeSelectorRequired>false</recordTypeSelectorRequired></result>"))
}

/// `errors*` of a result. What a duplicate rule found comes along.
pub(crate) fn errors(fail: &Fail) -> String {
    let fields: String = fail.fields.iter().map(|field| tag("fields", field)).collect();
    let fields = match &fail.extra {
        Some(extra) => format!("{}{fields}", of_json("duplicateResult", &extra.1)),
        None => fields,
    };
    format!("<errors>{fields}{}{}</errors>", tag("message", &fail.message), tag("statusCode", &fail.code))
}

/// One `result` of a write.
pub(crate) fn result(outcome: &Outcome<(SfId, Option<bool>)>) -> String {
    match outcome {
        Ok((id, created)) => {
            let created = created.map(|c| tag("created", if c { "true" } else { "false" })).unwrap_or_default();
            format!("<result>{created}{}<success>true</success></result>", tag("id", id.as_str()))
        }
        Err(fail) => format!(r#"<result>{}<id xsi:nil="true"/><success>false</success></result>"#, errors(fail)),
    }
}

/// An sObject of the request: its type, and its fields as JSON (`fieldsToNull` as nulls, parents as objects).
pub(crate) fn sobject(element: &Element) -> Outcome<(String, serde_json::Map<String, Value>)> {
    let kind = element.value("type").ok_or_else(|| Fail::bad("INVALID_TYPE", "Must send a concrete entity type."))?;
    let mut fields = serde_json::Map::new();
    for child in &element.children {
        let name = child.name.clone();
        match name.as_str() {
            "type" => {}
            "fieldsToNull" => _ = fields.insert(child.text.trim().to_owned(), Value::Null),
            _ if child.children.is_empty() => {
                // An empty element leaves the field alone; only fieldsToNull clears.
                if !child.text.is_empty() {
                    fields.insert(name, Value::String(child.text.clone()));
                }
            }
            _ => {
                let key = child.children.iter().filter(|c| c.name != "type");
                let inner = key.map(|c| (c.name.clone(), Value::String(c.text.trim().to_owned()))).collect();
                fields.insert(name, Value::Object(inner));
            }
        }
    }
    Ok((kind.to_owned(), fields))
}
