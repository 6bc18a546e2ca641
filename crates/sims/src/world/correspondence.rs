//! Which field of one side means what on the other, and when two values mean the same.

use serde_json::Value;

/// How two values of a field are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As text, ends trimmed.
    Text,
    /// As a person's name: white space collapsed, case aside.
    Name,
    /// As an address, case aside.
    Address,
    /// As a web address: scheme and host in lower case, no slash at the end.
    Web,
    /// As a number.
    Number,
    /// As a day.
    Day,
    /// As a phone number: country code and digits.
    Phone,
    /// As true or not.
    Flag,
}

/// Account fields of Salesforce, and the organization fields of Zendesk that mean the same.
pub(crate) const ACCOUNT: &[(&str, &str, Form)] = &[
    ("Website", "website", Form::Web),
    ("Industry", "industry", Form::Text),
    ("NumberOfEmployees", "employees", Form::Number),
    ("Account_Tier__c", "account_tier", Form::Text),
    ("Plan__c", "plan", Form::Text),
    ("Plan_Price__c", "plan_price", Form::Number),
    ("ARR__c", "arr", Form::Number),
    ("MRR__c", "mrr", Form::Number),
    ("CSM_Name__c", "csm_name", Form::Text),
    ("CSM_Email__c", "csm_email", Form::Address),
    ("Contract_Start__c", "contract_start", Form::Day),
    ("Contract_End__c", "contract_end", Form::Day),
    ("Renewal_Date__c", "renewal_date", Form::Day),
    ("Implementation_Status__c", "implementation_status", Form::Text),
    ("Billing_Contact__c", "billing_contact", Form::Text),
    ("Billing_Method__c", "billing_method", Form::Text),
    ("Technical_Contact__c", "technical_contact", Form::Text),
    ("Status__c", "account_status", Form::Text),
    ("Support_VIP__c", "support_vip", Form::Flag),
    ("Adoption_Gaps__c", "adoption_gaps", Form::Text),
];

/// A value in the form in which equal ones are equal; empty when there is none.
pub(crate) fn canonical(form: Form, value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    match form {
        Form::Flag => if matches!(text.as_str(), "true" | "1") { "true" } else { "" }.to_owned(),
        _ if text.is_empty() => text,
        Form::Text => text,
        Form::Name => name(&text),
        Form::Address => text.to_lowercase(),
        Form::Web => web(&text),
        Form::Number => text.parse::<f64>().map_or(text, |number| format!("{number}")),
        Form::Day => text.chars().take(10).collect(),
        Form::Phone => phone(&text),
    }
}

/// Whether two values mean the same.
pub(crate) fn same(form: Form, one: &Value, two: &Value) -> bool {
    one == two || canonical(form, one) == canonical(form, two)
}

fn name(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn web(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find('/').map_or(text.len(), |at| start + at);
    format!("{}{}", text[..end].to_lowercase(), text[end..].trim_end_matches('/'))
}

/// Country code and digits. Numbers without a country code are of the United States, where the company is.
fn phone(text: &str) -> String {
    let digits: String = text.replace("(0)", "").chars().filter(char::is_ascii_digit).collect();
    if text.trim_start().starts_with('+') || (digits.len() == 11 && digits.starts_with('1')) {
        digits
    } else if let Some(rest) = digits.strip_prefix("011").or_else(|| digits.strip_prefix("00")) {
        rest.to_owned()
    } else if digits.len() == 10 {
        format!("1{digits}")
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_that_mean_the_same_are_the_same() {
        for (form, one, two) in [
            (Form::Phone, json!("+1 415 201 0100"), json!("(415) 201-0100")),
            (Form::Phone, json!("+44 20 7946 0958"), json!("+44 (0)20 79460958")),
            (Form::Name, json!("Ada  Lovelace"), json!("ADA LOVELACE")),
            (Form::Number, json!(1_200.0), json!("1200")),
            (Form::Day, json!("2026-03-31"), json!("2026-03-31T00:00:00+00:00")),
            (Form::Web, json!("https://www.X.example/"), json!("https://www.x.example")),
            (Form::Flag, Value::Null, json!(false)),
            (Form::Text, Value::Null, json!("")),
        ] {
            assert!(same(form, &one, &two), "{one} {two}");
        }
        assert!(!same(Form::Phone, &json!("+1 415 201 0100"), &json!("+1 415 201 0101")));
        assert!(!same(Form::Text, &json!("Pro"), &Value::Null));
    }
}
