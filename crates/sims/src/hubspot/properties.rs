//! Properties: what a portal has from the start, and what is added.

use serde_json::{Value, json};

use super::moment::iso;

/// By which properties the account's leads tell how far they have come, beside the stage that they are in: accounts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadProgress {
    /// `hs_pipeline_stage_category_v2`.
    Category,
    /// `hs_lead_is_qualified` and its like.
    Marks,
    /// None.
    StageAlone,
}

/// One choice of an enumeration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) hidden: bool,
}

/// One property of an object type.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) group: String,
    pub(crate) description: String,
    /// `bool date datetime enumeration number phone_number string`.
    pub(crate) ty: String,
    /// `text textarea select checkbox …`.
    pub(crate) field: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) unique: bool,
    pub(crate) read_only: bool,
    pub(crate) calculated: bool,
    pub(crate) owner: bool,
    pub(crate) built_in: bool,
    pub(crate) archived: bool,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// Field types that a property may be made with.
pub(crate) const FIELD_TYPES: &[&str] = &[
    "booleancheckbox",
    "calculation_equation",
    "checkbox",
    "date",
    "file",
    "html",
    "number",
    "phonenumber",
    "radio",
    "select",
    "text",
    "textarea",
];

/// Types that a property may be made with.
pub(crate) const TYPES: &[&str] = &["bool", "date", "datetime", "enumeration", "number", "phone_number", "string"];

impl Property {
    /// Whether it holds several choices, joined by `;`.
    pub(crate) fn several(&self) -> bool {
        self.ty == "enumeration" && self.field == "checkbox"
    }

    /// As the properties API shows it.
    pub(crate) fn shown(&self) -> Value {
        let options: Vec<Value> = self
            .choices
            .iter()
            .enumerate()
            .map(|(at, choice)| json!({"label": choice.label, "value": choice.value, "displayOrder": at, "hidden": choice.hidden}))
            .collect();
        let mut shown = json!({
            "name": self.name, "label": self.label, "type": self.ty, "fieldType": self.field, "description": self.description,
            "groupName": self.group, "options": options, "displayOrder": -1, "calculated": self.calculated,
            "externalOptions": self.owner, "archived": self.archived, "hasUniqueValue": self.unique, "hidden": false,
            "hubspotDefined": self.built_in, "formField": !self.built_in, "dataSensitivity": "non_sensitive",
            "createdAt": iso(self.created_ms), "updatedAt": iso(self.updated_ms),
            "modificationMetadata": {
                "archivable": !self.built_in, "readOnlyDefinition": self.built_in, "readOnlyValue": self.read_only || self.calculated,
            },
        });
        if self.owner {
            shown["referencedObjectType"] = json!("OWNER");
        }
        shown
    }
}

/// Rows of the catalogue: name, label, type, field type, and marks: `r` read only, `c` calculated, `u` unique, `o` owner, or choices.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const EVERYWHERE: &[Row] = &[
    ("hs_object_id", "Record ID", "number", "number", "r"),
    ("hs_object_source", "Record source", "string", "text", "r"),
    ("hs_object_source_id", "Record source detail", "string", "text", "r"),
    ("hs_updated_by_user_id", "Updated by user ID", "number", "number", "r"),
    ("hs_created_by_user_id", "Created by user ID", "number", "number", "r"),
    ("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox", "r"),
    ("hs_lastmodifieddate", "Last modified date", "datetime", "date", "r"),
    ("hubspot_owner_id", "Owner", "enumeration", "select", "o"),
];

const CONTACTS: &[Row] = &[
    ("createdate", "Create date", "datetime", "date", "r"),
    ("lastmodifieddate", "Last modified date", "datetime", "date", "r"),
    ("email", "Email", "string", "text", "u"),
    ("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox", ""),
    ("firstname", "First name", "string", "text", ""),
    ("lastname", "Last name", "string", "text", ""),
    ("phone", "Phone number", "string", "phonenumber", ""),
    ("mobilephone", "Mobile phone number", "string", "phonenumber", ""),
    ("hs_searchable_calculated_phone_number", "Calculated phone number", "string", "text", "c"),
    ("jobtitle", "Job title", "string", "text", ""),
    ("company", "Company name", "string", "text", ""),
    ("website", "Website URL", "string", "text", ""),
    ("city", "City", "string", "text", ""),
    ("country", "Country/Region", "string", "text", ""),
    ("hs_language", "Preferred language", "enumeration", "select", "de;en;en-us;es;fr;it;nl;pt;sv"),
    ("hs_timezone", "Time zone", "string", "text", ""),
    (
        "lifecyclestage",
        "Lifecycle stage",
        "enumeration",
        "radio",
        "subscriber;lead;marketingqualifiedlead;salesqualifiedlead;opportunity;customer;evangelist;other",
    ),
    ("hs_all_contact_vids", "Merged vids", "enumeration", "checkbox", "r"),
    ("hs_calculated_merged_vids", "Merged vids with timestamps", "enumeration", "checkbox", "c"),
    ("hs_email_optout", "Unsubscribed from all email", "bool", "booleancheckbox", "c"),
    ("associatedcompanyid", "Primary associated company ID", "number", "number", "r"),
];

const COMPANIES: &[Row] = &[
    ("createdate", "Create date", "datetime", "date", "r"),
    ("name", "Company name", "string", "text", ""),
    ("domain", "Company domain name", "string", "text", ""),
    ("website", "Website URL", "string", "text", ""),
    ("phone", "Phone number", "string", "text", ""),
    ("hs_searchable_calculated_phone_number", "Calculated phone number", "string", "text", "c"),
    (
        "industry",
        "Industry",
        "enumeration",
        "select",
        "ACCOUNTING;BANKING;BIOTECHNOLOGY;COMPUTER_SOFTWARE;CONSTRUCTION;EDUCATION_MANAGEMENT;FINANCIAL_SERVICES;HOSPITAL_HEALTH_CARE;\
         INFORMATION_TECHNOLOGY_AND_SERVICES;INSURANCE;INTERNET;MACHINERY;MEDIA_PRODUCTION;RETAIL;TELECOMMUNICATIONS;UTILITIES",
    ),
    ("numberofemployees", "Number of employees", "number", "number", ""),
    ("annualrevenue", "Annual revenue", "number", "number", ""),
    ("city", "City", "string", "text", ""),
    ("country", "Country/Region", "string", "text", ""),
    ("description", "Description", "string", "textarea", ""),
    ("type", "Type", "enumeration", "select", "PROSPECT;PARTNER;RESELLER;VENDOR;OTHER"),
    (
        "lifecyclestage",
        "Lifecycle stage",
        "enumeration",
        "radio",
        "subscriber;lead;marketingqualifiedlead;salesqualifiedlead;opportunity;customer;evangelist;other",
    ),
    ("hs_parent_company_id", "Parent company", "number", "number", "r"),
];

const DEALS: &[Row] = &[
    ("createdate", "Create date", "datetime", "date", "r"),
    ("dealname", "Deal name", "string", "text", ""),
    ("dealstage", "Deal stage", "enumeration", "radio", ""),
    ("pipeline", "Pipeline", "enumeration", "select", ""),
    ("amount", "Amount", "number", "number", ""),
    ("closedate", "Close date", "datetime", "date", ""),
    ("deal_currency_code", "Currency", "enumeration", "select", "USD;EUR;GBP"),
    ("dealtype", "Deal type", "enumeration", "radio", "newbusiness;existingbusiness"),
    ("description", "Deal description", "string", "textarea", ""),
    ("hs_next_step", "Next step", "string", "text", ""),
    ("hs_is_closed", "Is deal closed", "bool", "booleancheckbox", "c"),
    ("hs_is_closed_won", "Is closed won", "bool", "booleancheckbox", "c"),
    ("hs_is_closed_lost", "Is closed lost", "bool", "booleancheckbox", "c"),
    ("hs_deal_stage_probability", "Deal probability", "number", "number", "c"),
];

const TICKETS: &[Row] = &[
    ("createdate", "Create date", "datetime", "date", "r"),
    ("subject", "Ticket name", "string", "text", ""),
    ("content", "Ticket description", "string", "textarea", ""),
    ("hs_pipeline", "Pipeline", "enumeration", "select", ""),
    ("hs_pipeline_stage", "Ticket status", "enumeration", "radio", ""),
    ("hs_ticket_priority", "Priority", "enumeration", "select", "LOW;MEDIUM;HIGH;URGENT"),
    ("hs_ticket_category", "Category", "enumeration", "checkbox", "PRODUCT_ISSUE;BILLING_ISSUE;FEATURE_REQUEST;GENERAL_INQUIRY"),
];

const EMAILS: &[Row] = &[
    ("hs_email_subject", "Email subject", "string", "text", ""),
    ("hs_email_text", "Text body", "string", "textarea", ""),
    ("hs_email_html", "Email HTML", "string", "html", ""),
    ("hs_email_direction", "Email direction", "enumeration", "select", "EMAIL;INCOMING_EMAIL;FORWARDED_EMAIL"),
    ("hs_email_status", "Email send status", "enumeration", "select", "BOUNCED;FAILED;SCHEDULED;SENDING;SENT"),
    ("hs_email_headers", "Email headers", "string", "textarea", ""),
];

const COMMUNICATIONS: &[Row] = &[
    ("hs_communication_body", "Communication body", "string", "html", ""),
    (
        "hs_communication_channel_type",
        "Channel type",
        "enumeration",
        "select",
        "WHATS_APP;LINKEDIN_MESSAGE;SMS;CUSTOM_CHANNEL_CONVERSATION",
    ),
    ("hs_communication_logged_from", "Logged from", "enumeration", "select", "CRM;MARKETING;CONVERSATIONS"),
];

const POSTAL_MAIL: &[Row] = &[("hs_postal_mail_body", "Postal mail body", "string", "html", "")];

const LEADS: &[Row] = &[
    ("hs_createdate", "Create date", "datetime", "date", "r"),
    ("hs_lead_name", "Lead name", "string", "text", ""),
    ("hs_lead_type", "Lead type", "enumeration", "select", "NEW BUSINESS;UPSELL;RE-ATTEMPTING"),
    ("hs_lead_label", "Lead label", "enumeration", "select", "HOT;WARM;COLD"),
    (
        "hs_lead_source",
        "Lead source",
        "enumeration",
        "select",
        "ORGANIC_SEARCH;PAID_SEARCH;EMAIL_MARKETING;SOCIAL_MEDIA;REFERRALS;OTHER_CAMPAIGNS;DIRECT_TRAFFIC;OFFLINE;PAID_SOCIAL",
    ),
    ("hs_pipeline", "Pipeline", "enumeration", "select", ""),
    ("hs_pipeline_stage", "Pipeline stage", "enumeration", "radio", ""),
    (
        "hs_lead_disqualification_reason",
        "Disqualification reason",
        "enumeration",
        "select",
        "BAD_TIMING;BUDGET_CONSTRAINTS;COMPETITOR_PREFERENCE;NOT_A_GOOD_FIT;NO_RESPONSE",
    ),
    ("hs_lead_disqualification_note", "Disqualification note", "string", "textarea", ""),
    ("hs_primary_contact_id", "Primary contact ID", "number", "number", "c"),
    ("hs_lead_associated_deals_count", "Associated deals count", "number", "number", "c"),
];

/// What tells how far a lead has come, where accounts have it as one word.
const LEAD_CATEGORY: &[Row] = &[("hs_pipeline_stage_category_v2", "Pipeline stage category", "enumeration", "select", "c")];

/// The same, where they have it as truth values.
const LEAD_MARKS: &[Row] = &[
    ("hs_lead_is_new", "Lead is new", "bool", "booleancheckbox", "c"),
    ("hs_lead_is_in_progress", "Lead is in progress", "bool", "booleancheckbox", "c"),
    ("hs_lead_is_qualified", "Lead is qualified", "bool", "booleancheckbox", "c"),
    ("hs_lead_is_disqualified", "Lead is disqualified", "bool", "booleancheckbox", "c"),
];

const OWN: &[Row] = &[("hs_createdate", "Create date", "datetime", "date", "r")];

const ENGAGEMENTS: &[Row] = &[
    ("hs_createdate", "Create date", "datetime", "date", "r"),
    ("hs_timestamp", "Activity date", "datetime", "date", ""),
    ("hs_attachment_ids", "Attached file IDs", "string", "text", ""),
    ("hs_body_preview", "Body preview", "string", "textarea", "c"),
];

const TASKS: &[Row] = &[
    ("hs_task_subject", "Task title", "string", "text", ""),
    ("hs_task_body", "Task notes", "string", "html", ""),
    ("hs_task_status", "Task status", "enumeration", "select", "NOT_STARTED;IN_PROGRESS;WAITING;COMPLETED;DEFERRED"),
    ("hs_task_priority", "Priority", "enumeration", "select", "NONE;LOW;MEDIUM;HIGH"),
    ("hs_task_type", "Task type", "enumeration", "select", "TODO;CALL;EMAIL"),
    ("hs_task_reminders", "Reminders", "string", "text", ""),
];

const NOTES: &[Row] = &[("hs_note_body", "Note body", "string", "html", "")];

const MEETINGS: &[Row] = &[
    ("hs_meeting_title", "Meeting name", "string", "text", ""),
    ("hs_meeting_body", "Meeting description", "string", "html", ""),
    ("hs_meeting_start_time", "Meeting start time", "datetime", "date", ""),
    ("hs_meeting_end_time", "Meeting end time", "datetime", "date", ""),
    ("hs_meeting_outcome", "Meeting outcome", "enumeration", "select", "SCHEDULED;COMPLETED;RESCHEDULED;NO_SHOW;CANCELED"),
];

const CALLS: &[Row] = &[
    ("hs_call_title", "Call title", "string", "text", ""),
    ("hs_call_body", "Call notes", "string", "html", ""),
    ("hs_call_duration", "Call duration", "number", "number", ""),
    ("hs_call_direction", "Call direction", "enumeration", "select", "INBOUND;OUTBOUND"),
    (
        "hs_call_status",
        "Call status",
        "enumeration",
        "select",
        "BUSY;CALLING_CRM_USER;CANCELED;COMPLETED;CONNECTING;FAILED;IN_PROGRESS;NO_ANSWER;QUEUED;RINGING",
    ),
    ("hs_call_disposition", "Call outcome", "string", "text", ""),
    ("hs_call_from_number", "From number", "string", "text", ""),
    ("hs_call_to_number", "To number", "string", "text", ""),
];

/// The group that a kind's own properties stand in.
pub(crate) fn home_group(singular: &str) -> String {
    format!("{singular}information")
}

/// The properties of a fresh portal, by kind's singular name. `progress` says how its leads tell how far they have come.
pub(crate) fn built_in(singular: &str, progress: LeadProgress, now_ms: i64) -> Vec<Property> {
    let own: &[&[Row]] = match singular {
        "contact" => &[CONTACTS],
        "company" => &[COMPANIES],
        "deal" => &[DEALS],
        "ticket" => &[TICKETS],
        "task" => &[ENGAGEMENTS, TASKS],
        "note" => &[ENGAGEMENTS, NOTES],
        "meeting" => &[ENGAGEMENTS, MEETINGS],
        "call" => &[ENGAGEMENTS, CALLS],
        "email" => &[ENGAGEMENTS, EMAILS],
        "communication" => &[ENGAGEMENTS, COMMUNICATIONS],
        "postal_mail" => &[ENGAGEMENTS, POSTAL_MAIL],
        "lead" => match progress {
            LeadProgress::Category => &[LEADS, LEAD_CATEGORY],
            LeadProgress::Marks => &[LEADS, LEAD_MARKS],
            LeadProgress::StageAlone => &[LEADS],
        },
        // An object type of the portal's own.
        _ => &[OWN],
    };
    let rows = EVERYWHERE.iter().chain(own.iter().flat_map(|part| part.iter()));
    rows.map(|(name, label, ty, field, marks)| {
        let mark = |letter: &str| *marks == letter;
        let listed = marks.len() > 1;
        Property {
            name: (*name).to_owned(),
            label: (*label).to_owned(),
            group: home_group(singular),
            description: String::new(),
            ty: (*ty).to_owned(),
            field: (*field).to_owned(),
            choices: marks
                .split(';')
                .filter(|_| listed)
                .map(|value| Choice { label: value.to_owned(), value: value.to_owned(), hidden: false })
                .collect(),
            unique: mark("u"),
            read_only: mark("r"),
            calculated: mark("c"),
            owner: mark("o"),
            built_in: true,
            archived: false,
            created_ms: now_ms,
            updated_ms: now_ms,
        }
    })
    .collect()
}
