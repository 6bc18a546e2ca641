//! Faults: how SOAP says no.

use super::xml;
use crate::vendors::salesforce::wire::ErrorItem;

/// What a fault says; nothing when the body is none.
pub(in crate::vendors::salesforce) fn items(body: &[u8]) -> Option<Vec<ErrorItem>> {
    if !body.trim_ascii_start().starts_with(b"<") {
        return None;
    }
    let root = xml::read(body).ok()?;
    let fault = root.child("Body")?.child("Fault")?;
    let said = fault.child("detail").and_then(|detail| detail.children.first());
    // `sf:INVALID_FIELD`, or `soapenv:Client` where the envelope itself does not please.
    let code = said
        .and_then(|said| said.text_of("exceptionCode"))
        .or_else(|| fault.text_of("faultcode").map(|code| code.rsplit(':').next().unwrap_or(code)))?
        .to_owned();
    let sentence = said
        .and_then(|said| said.text_of("exceptionMessage"))
        .or_else(|| fault.text_of("faultstring"))
        .unwrap_or("Salesforce gave no reason")
        .trim();
    let message = sentence.strip_prefix(&format!("{code}: ")).unwrap_or(sentence).to_owned();
    Some(vec![ErrorItem { code, message, ..ErrorItem::default() }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(body: &str) -> ErrorItem {
        items(body.as_bytes()).expect("fault").remove(0)
    }

    #[test]
    fn a_fault_tells_its_code_and_its_reason() {
        let item = only(
            r#"<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="s" xmlns:sf="f" xmlns:xsi="i"><soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_LOGIN</faultcode><faultstring>INVALID_LOGIN: Invalid username.</faultstring><detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode><sf:exceptionMessage>Invalid username.</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#,
        );
        assert_eq!((item.code.as_str(), item.message.as_str()), ("INVALID_LOGIN", "Invalid username."));
        let bare = only(
            "<e:Envelope xmlns:e='s'><e:Body><e:Fault><faultcode>sf:API_DISABLED_FOR_ORG</faultcode><faultstring>API_DISABLED_FOR_ORG: API is not enabled</faultstring></e:Fault></e:Body></e:Envelope>",
        );
        assert_eq!((bare.code.as_str(), bare.message.as_str()), ("API_DISABLED_FOR_ORG", "API is not enabled"));
    }

    #[test]
    fn what_is_no_fault_is_none() {
        assert!(items(b"{\"error\":\"x\"}").is_none());
        assert!(items(b"<html><body>maintenance</body></html>").is_none());
    }
}
