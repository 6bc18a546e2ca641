//! The custom fields that the company has in both systems: what its mapping of fields names.

use crate::salesforce::{FieldSpec, FieldType, Salesforce};
use crate::world::WorldError;
use crate::zendesk::{FieldSpec as DeskField, Kind, Zendesk};

/// The record's id at whoever syncs, unique.
const KEY: &str = "Entente_Id__c";

/// Longest key, in characters.
const KEY_CHARS: u32 = 64;

const ACCOUNT: &[(&str, FieldType)] = &[
    ("Plan__c", FieldType::String),
    ("Plan_Price__c", FieldType::Currency),
    ("ARR__c", FieldType::Currency),
    ("MRR__c", FieldType::Currency),
    ("CSM_Name__c", FieldType::String),
    ("CSM_Email__c", FieldType::Email),
    ("Contract_Start__c", FieldType::Date),
    ("Contract_End__c", FieldType::Date),
    ("Renewal_Date__c", FieldType::Date),
    ("Billing_Contact__c", FieldType::String),
    ("Billing_Method__c", FieldType::String),
    ("Technical_Contact__c", FieldType::String),
    ("Support_Id__c", FieldType::String),
    ("Support_Health_Score__c", FieldType::Double),
    ("Support_Health_Trend__c", FieldType::String),
    ("Support_Risk_Level__c", FieldType::String),
    ("Last_Ticket__c", FieldType::Datetime),
    ("Last_Support_Interaction__c", FieldType::Date),
    ("Open_Tickets__c", FieldType::Double),
    ("Support_Escalations__c", FieldType::Double),
    ("Support_Tags__c", FieldType::String),
    ("Support_Notes__c", FieldType::TextArea),
    ("Support_At_Risk__c", FieldType::Boolean),
    ("Support_VIP__c", FieldType::Boolean),
    ("Adoption_Gaps__c", FieldType::String),
    ("Recurring_Issues__c", FieldType::String),
];

const ACCOUNT_LISTS: &[(&str, &[&str])] = &[
    ("Account_Tier__c", &["Free", "Pro", "Enterprise"]),
    ("Implementation_Status__c", &["Not started", "In progress", "Live"]),
    ("Status__c", &["Active", "Suspended", "Churned"]),
];

const CONTACT: &[(&str, FieldType)] = &[
    ("Time_Zone__c", FieldType::String),
    ("Language__c", FieldType::String),
    ("Support_Id__c", FieldType::String),
    ("Support_Tags__c", FieldType::String),
    ("Support_Notes__c", FieldType::TextArea),
    ("Marketing_Consent__c", FieldType::Boolean),
    ("Marketing_Basis__c", FieldType::String),
    ("Analytics_Consent__c", FieldType::Boolean),
    ("Analytics_Basis__c", FieldType::String),
    ("Service_Basis__c", FieldType::String),
    ("Erasure_Requested__c", FieldType::Boolean),
];

const TASK: &[(&str, FieldType)] = &[
    ("Ticket_Category__c", FieldType::String),
    ("Ticket_Agent__c", FieldType::String),
    ("First_Response_Minutes__c", FieldType::Double),
    ("Resolution_Minutes__c", FieldType::Double),
    ("CSAT__c", FieldType::String),
];

const ORGANIZATION: &[(&str, &str)] = &[
    ("website", "text"),
    ("industry", "text"),
    ("employees", "integer"),
    ("account_tier", "text"),
    ("plan", "text"),
    ("plan_price", "decimal"),
    ("arr", "decimal"),
    ("mrr", "decimal"),
    ("ae_name", "text"),
    ("ae_email", "text"),
    ("csm_name", "text"),
    ("csm_email", "text"),
    ("contract_start", "date"),
    ("contract_end", "date"),
    ("renewal_date", "date"),
    ("implementation_status", "text"),
    ("parent_name", "text"),
    ("billing_contact", "text"),
    ("billing_method", "text"),
    ("technical_contact", "text"),
    ("account_status", "text"),
    ("crm_id", "text"),
    ("support_health_score", "integer"),
    ("support_health_trend", "text"),
    ("support_risk_level", "text"),
    ("support_last_ticket_at", "text"),
    ("support_open_tickets", "integer"),
    ("support_escalations", "integer"),
    ("support_at_risk", "checkbox"),
    ("recurring_issues", "text"),
    ("support_vip", "checkbox"),
    ("adoption_gaps", "text"),
    ("deal_stage", "text"),
    ("last_sales_activity_at", "text"),
    ("sales_context", "textarea"),
];

const USER: &[(&str, &str)] = &[
    ("job_title", "text"),
    ("crm_id", "text"),
    ("marketing_consent", "checkbox"),
    ("marketing_basis", "text"),
    ("analytics_consent", "checkbox"),
    ("analytics_basis", "text"),
    ("service_basis", "text"),
    ("erasure_requested", "checkbox"),
];

/// Adds what is missing; fields that are there already stay as they are.
pub(crate) fn add(salesforce: &Salesforce, zendesk: &Zendesk) -> Result<(), WorldError> {
    for object in ["Account", "Contact", "Opportunity", "Task"] {
        add_crm(salesforce, object, FieldSpec { length: KEY_CHARS, case_sensitive: true, ..FieldSpec::external_id(KEY) })?;
    }
    for (object, fields) in [("Account", ACCOUNT), ("Contact", CONTACT), ("Task", TASK)] {
        for (name, kind) in fields {
            add_crm(salesforce, object, FieldSpec::new(name, *kind))?;
        }
    }
    for (name, values) in ACCOUNT_LISTS {
        add_crm(salesforce, "Account", FieldSpec::picklist(name, values, false))?;
    }
    for (kind, fields) in [(Kind::Organization, ORGANIZATION), (Kind::User, USER)] {
        for (key, ty) in fields {
            match zendesk.add_field(kind, DeskField::new(key, ty)) {
                Err(refusal) if !refusal.body.contains("has already been taken") => return Err(refusal.into()),
                _ => {}
            }
        }
    }
    Ok(())
}

fn add_crm(salesforce: &Salesforce, object: &str, spec: FieldSpec) -> Result<(), WorldError> {
    match salesforce.add_field(object, spec) {
        Err(error) if error.code != "DUPLICATE_DEVELOPER_NAME" => Err(error.into()),
        _ => Ok(()),
    }
}
