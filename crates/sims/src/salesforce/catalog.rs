//! The standard objects of a fresh org.
//!
//! One line per field: `name type(length-or-targets) flags :picklist values`. Flags: `req` required, `key` id look-up, `ro` set by
//! the platform, `strict` restricted picklist, `child=` name of the children at the parent, `cascade` goes with its parent,
//! `first` the first picklist value is the default, `scale=` digits behind the point.

use serde_json::Value;

use super::schema::{FieldSpec, FieldType, Source};
use super::table::Table;

struct Standard {
    name: &'static str,
    label: &'static str,
    plural: &'static str,
    prefix: &'static [u8; 3],
    /// Has an `OwnerId`.
    owned: bool,
    mergeable: bool,
    /// Listed in describe.
    open: bool,
    fields: &'static str,
}

const ADDRESS_PARTS: [(&str, FieldType, u32); 5] = [
    ("Street", FieldType::TextArea, 255),
    ("City", FieldType::String, 40),
    ("State", FieldType::String, 80),
    ("PostalCode", FieldType::String, 20),
    ("Country", FieldType::String, 80),
];

const ACCOUNT: &str = "
Name string(255) req
ParentId ref(Account) child=ChildAccounts
RecordTypeId ref(RecordType)
Type picklist :Prospect,Customer - Direct,Customer - Channel,Channel Partner / Reseller,Installation Partner,Technology Partner,Other
Industry picklist :Agriculture,Banking,Biotechnology,Consulting,Education,Electronics,Energy,Finance,Healthcare,Insurance,Manufacturing,Media,Retail,Technology,Telecommunications,Transportation,Utilities,Other
Rating picklist :Hot,Warm,Cold
AccountNumber string(40)
AccountSource picklist :Web,Phone Inquiry,Partner Referral,Purchased List,Other
AnnualRevenue currency scale=0
NumberOfEmployees int
Ownership picklist :Public,Private,Subsidiary,Other
Phone phone(40)
Fax phone(40)
Website url(255)
Sic string(20)
Site string(80)
TickerSymbol string(20)
Description textarea(32000)
BillingAddress address
ShippingAddress address
LastActivityDate date ro
MasterRecordId ref(Account) ro
";

const CONTACT: &str = "
AccountId ref(Account) child=Contacts cascade
LastName string(80) req
FirstName string(40)
Salutation picklist :Mr.,Ms.,Mrs.,Dr.,Prof.
Name string(121) ro
RecordTypeId ref(RecordType)
ReportsToId ref(Contact) child=Reports
Email email(80) key
Phone phone(40)
MobilePhone phone(40)
HomePhone phone(40)
OtherPhone phone(40)
AssistantPhone phone(40)
Fax phone(40)
Title string(128)
Department string(80)
AssistantName string(40)
LeadSource picklist :Web,Phone Inquiry,Partner Referral,Purchased List,Other
Birthdate date
Description textarea(32000)
MailingAddress address
OtherAddress address
HasOptedOutOfEmail boolean
HasOptedOutOfFax boolean
DoNotCall boolean
EmailBouncedReason string(255)
EmailBouncedDate datetime
LastActivityDate date ro
MasterRecordId ref(Contact) ro
";

const LEAD: &str = "
LastName string(80) req
FirstName string(40)
Salutation picklist :Mr.,Ms.,Mrs.,Dr.,Prof.
Name string(121) ro
RecordTypeId ref(RecordType)
Company string(255) req
Title string(128)
Email email(80) key
Phone phone(40)
MobilePhone phone(40)
Fax phone(40)
Website url(255)
LeadSource picklist :Web,Phone Inquiry,Partner Referral,Purchased List,Other
Status picklist req first :Open - Not Contacted,Working - Contacted,Closed - Converted,Closed - Not Converted
Rating picklist :Hot,Warm,Cold
Industry picklist :Agriculture,Banking,Consulting,Education,Finance,Healthcare,Manufacturing,Retail,Technology,Other
AnnualRevenue currency scale=0
NumberOfEmployees int
Description textarea(32000)
Address address
HasOptedOutOfEmail boolean
DoNotCall boolean
IsUnreadByOwner boolean
IsConverted boolean ro
ConvertedDate date ro
ConvertedAccountId ref(Account) ro
ConvertedContactId ref(Contact) ro
ConvertedOpportunityId ref(Opportunity) ro
MasterRecordId ref(Lead) ro
";

const OPPORTUNITY: &str = "
AccountId ref(Account) child=Opportunities cascade
RecordTypeId ref(RecordType)
Name string(120) req
Description textarea(32000)
StageName picklist req :Prospecting,Qualification,Needs Analysis,Value Proposition,Id. Decision Makers,Perception Analysis,Proposal/Price Quote,Negotiation/Review,Closed Won,Closed Lost
Amount currency
Probability percent scale=0
ExpectedRevenue currency ro
CloseDate date req
Type picklist :Existing Customer - Upgrade,Existing Customer - Replacement,Existing Customer - Downgrade,New Customer
NextStep string(255)
LeadSource picklist :Web,Phone Inquiry,Partner Referral,Purchased List,Other
IsClosed boolean ro
IsWon boolean ro
ForecastCategoryName picklist :Omitted,Pipeline,Best Case,Commit,Closed
CampaignId ref(Campaign) child=Opportunities
ContactId ref(Contact)
LastActivityDate date ro
";

const STAGE: &str = "
MasterLabel string(255)
ApiName string(255)
IsActive boolean
SortOrder int
IsClosed boolean
IsWon boolean
ForecastCategory picklist :Omitted,Pipeline,BestCase,Forecast,Closed
ForecastCategoryName picklist :Omitted,Pipeline,Best Case,Commit,Closed
DefaultProbability percent scale=0
Description string(255)
";

const CASE: &str = "
CaseNumber string(30) ro key
ContactId ref(Contact) child=Cases
AccountId ref(Account) child=Cases
ParentId ref(Case) child=Cases
RecordTypeId ref(RecordType)
SuppliedName string(80)
SuppliedEmail email(80)
SuppliedPhone string(40)
SuppliedCompany string(80)
Type picklist :Mechanical,Electrical,Electronic,Structural,Other,Question,Incident,Problem,Task
Status picklist first :New,Working,Escalated,On Hold,Closed
Reason picklist :Installation,Equipment Complexity,Performance,Breakdown,Feedback,Other
Origin picklist :Phone,Email,Web,Chat
Subject string(255)
Priority picklist :Medium,High,Low,Urgent
Description textarea(32000)
IsClosed boolean ro
ClosedDate datetime ro
IsEscalated boolean
ContactEmail email(80) ro
ContactPhone phone(40) ro
MasterRecordId ref(Case) ro
";

const CASE_STATUS: &str = "
MasterLabel string(255)
ApiName string(255)
SortOrder int
IsDefault boolean
IsClosed boolean
";

const CASE_COMMENT: &str = "
ParentId ref(Case) req child=CaseComments cascade
IsPublished boolean
CommentBody textarea(4000)
";

const TASK: &str = "
WhoId ref(Contact,Lead) child=Tasks
WhatId ref(Account,Opportunity,Case,Campaign) child=Tasks
AccountId ref(Account) ro
Subject string(255)
ActivityDate date
Status picklist req first :Not Started,In Progress,Completed,Waiting on someone else,Deferred
Priority picklist req first :Normal,High,Low
IsHighPriority boolean ro
Description textarea(32000)
IsClosed boolean ro
CompletedDateTime datetime ro
TaskSubtype picklist :Task,Email,ListEmail,Cadence,Call,LinkedIn
CallType picklist strict :Internal,Inbound,Outbound
CallDurationInSeconds int
CallDisposition string(255)
IsReminderSet boolean
ReminderDateTime datetime
IsArchived boolean ro
";

const EVENT: &str = "
WhoId ref(Contact,Lead) child=Events
WhatId ref(Account,Opportunity,Case,Campaign) child=Events
AccountId ref(Account) ro
Subject string(255)
Location string(255)
IsAllDayEvent boolean
ActivityDateTime datetime
ActivityDate date
DurationInMinutes int
StartDateTime datetime
EndDateTime datetime
Description textarea(32000)
ShowAs picklist strict :Busy,OutOfOffice,Free
IsPrivate boolean
IsChild boolean ro
IsGroupEvent boolean ro
GroupEventType picklist ro :0,1,2,3
EventSubtype picklist :Event
RecurrenceActivityId ref(Event) ro
IsRecurrence boolean
IsArchived boolean ro
";

const CAMPAIGN: &str = "
Name string(80) req
ParentId ref(Campaign) child=ChildCampaigns
Type picklist :Conference,Webinar,Trade Show,Public Relations,Partners,Referral Program,Advertisement,Banner Ads,Direct Mail,Email,Telemarketing,Other
Status picklist first :Planned,In Progress,Completed,Aborted
StartDate date
EndDate date
ExpectedRevenue currency
BudgetedCost currency
ActualCost currency
NumberSent double scale=0
NumberOfLeads int ro
NumberOfContacts int ro
NumberOfResponses int ro
IsActive boolean
Description textarea(32000)
";

const CAMPAIGN_MEMBER: &str = "
CampaignId ref(Campaign) req child=CampaignMembers cascade
LeadId ref(Lead) child=CampaignMembers
ContactId ref(Contact) child=CampaignMembers
Status picklist first :Sent,Responded
HasResponded boolean ro
FirstRespondedDate date ro
";

const USER: &str = "
Username string(80) req key
LastName string(80) req
FirstName string(40)
Name string(121) ro
Email email(128) req key
Alias string(8)
Title string(80)
Department string(80)
Phone phone(40)
IsActive boolean
ProfileId ref(Profile)
ManagerId ref(User)
UserType picklist :Standard,PowerPartner,CspLitePortal,CustomerSuccess,PowerCustomerSuccess,CsnOnly,AutomatedProcess,Guest
TimeZoneSidKey picklist :America/Los_Angeles,Europe/London,Europe/Berlin,GMT
LocaleSidKey picklist :en_US,en_GB,de_DE
LanguageLocaleKey picklist :en_US,de
EmailEncodingKey picklist :UTF-8
FederationIdentifier string(512)
";

const GROUP: &str = "
Name string(40) req
DeveloperName string(80)
Type picklist :Regular,Queue
Email email(255)
";

const RECORD_TYPE: &str = "
Name string(80) req
DeveloperName string(80)
SobjectType picklist(40)
IsActive boolean
Description string(255)
";

const PROFILE: &str = "
Name string(255) req
UserType picklist :Standard,CspLitePortal,Guest
";

const PERMISSION_SET: &str = "
Name string(80) req
Label string(80)
IsOwnedByProfile boolean
ProfileId ref(Profile)
Description string(255)
";

const ASSIGNMENT: &str = "
PermissionSetId ref(PermissionSet) req child=Assignments cascade
AssigneeId ref(User) req
";

const FIELD_PERMISSIONS: &str = "
ParentId ref(PermissionSet) req child=FieldPerms cascade
SobjectType picklist(40) req
Field picklist(255) req
PermissionsRead boolean
PermissionsEdit boolean
";

const PROCESS_DEFINITION: &str = "
Name string(255) req
DeveloperName string(255)
TableEnumOrId string(40)
State picklist :Active,Inactive
";

const PROCESS_INSTANCE: &str = "
ProcessDefinitionId ref(ProcessDefinition)
TargetObjectId ref(Account,Contact,Lead,Opportunity,Case,Campaign)
Status picklist :Started,NoResponse,Pending,Approved,Rejected,Removed
SubmittedById ref(User)
CompletedDate datetime
";

const WORK_ITEM: &str = "
ProcessInstanceId ref(ProcessInstance) req child=Workitems cascade
ActorId ref(User) req
OriginalActorId ref(User)
";

const ORGANIZATION: &str = "
Name string(80) req
OrganizationType picklist :Enterprise Edition,Developer Edition
InstanceName string(5)
IsSandbox boolean
LanguageLocaleKey picklist :en_US
TimeZoneSidKey picklist :America/Los_Angeles
";

const ENTITY_DEFINITION: &str = "
QualifiedApiName string(120) key
DeveloperName string(120)
Label string(120)
PluralLabel string(120)
KeyPrefix string(3)
";

const FIELD_DEFINITION: &str = "
EntityDefinitionId ref(EntityDefinition) child=Fields
QualifiedApiName string(120)
DeveloperName string(120)
Label string(120)
DataType string(255)
Length int
IsIndexed boolean
";

const CUSTOM_FIELD: &str = "
DeveloperName string(120)
FullName string(255)
TableEnumOrId string(120)
EntityDefinitionId ref(EntityDefinition)
";

const OUTBOUND_MESSAGE: &str = "
Name string(80)
FullName string(255)
EntityDefinitionId ref(EntityDefinition)
";

const FLOW_DEFINITION: &str = "
DeveloperName string(80)
MasterLabel string(255)
";

const FLOW: &str = "
DefinitionId ref(FlowDefinition)
MasterLabel string(255)
VersionNumber int
Status string(40)
";

const STANDARD: &[Standard] = &[
    object("User", "User", "Users", b"005", false, false, USER),
    object("Organization", "Organization", "Organizations", b"00D", false, false, ORGANIZATION),
    object("Profile", "Profile", "Profiles", b"00e", false, false, PROFILE),
    object("PermissionSet", "Permission Set", "Permission Sets", b"0PS", false, false, PERMISSION_SET),
    object("PermissionSetAssignment", "Permission Set Assignment", "Permission Set Assignments", b"0Pa", false, false, ASSIGNMENT),
    object("FieldPermissions", "Field Permissions", "Field Permissions", b"01k", false, false, FIELD_PERMISSIONS),
    object("Group", "Group", "Groups", b"00G", false, false, GROUP),
    object("RecordType", "Record Type", "Record Types", b"012", false, false, RECORD_TYPE),
    object("Account", "Account", "Accounts", b"001", true, true, ACCOUNT),
    object("Contact", "Contact", "Contacts", b"003", true, true, CONTACT),
    object("Lead", "Lead", "Leads", b"00Q", true, true, LEAD),
    object("Opportunity", "Opportunity", "Opportunities", b"006", true, false, OPPORTUNITY),
    object("OpportunityStage", "Opportunity Stage", "Opportunity Stages", b"01J", false, false, STAGE),
    object("Case", "Case", "Cases", b"500", true, true, CASE),
    object("CaseStatus", "Case Status Value", "Case Status Values", b"01K", false, false, CASE_STATUS),
    object("CaseComment", "Case Comment", "Case Comments", b"00a", false, false, CASE_COMMENT),
    object("Task", "Task", "Tasks", b"00T", true, false, TASK),
    object("Event", "Event", "Events", b"00U", true, false, EVENT),
    object("Campaign", "Campaign", "Campaigns", b"701", true, false, CAMPAIGN),
    object("CampaignMember", "Campaign Member", "Campaign Members", b"00v", false, false, CAMPAIGN_MEMBER),
    Standard {
        open: false,
        ..object("ProcessDefinition", "Approval Process", "Approval Processes", b"04a", false, false, PROCESS_DEFINITION)
    },
    Standard { open: false, ..object("ProcessInstance", "Process Instance", "Process Instances", b"04g", false, false, PROCESS_INSTANCE) },
    Standard { open: false, ..object("ProcessInstanceWorkitem", "Approval Request", "Approval Requests", b"04i", false, false, WORK_ITEM) },
    Standard { open: false, ..object("EntityDefinition", "Entity", "Entities", b"4dE", false, false, ENTITY_DEFINITION) },
    Standard { open: false, ..object("FieldDefinition", "Field Definition", "Field Definitions", b"4dF", false, false, FIELD_DEFINITION) },
    Standard { open: false, ..object("CustomField", "Custom Field", "Custom Fields", b"00N", false, false, CUSTOM_FIELD) },
    Standard {
        open: false,
        ..object("WorkflowOutboundMessage", "Outbound Message", "Outbound Messages", b"04k", false, false, OUTBOUND_MESSAGE)
    },
    Standard { open: false, ..object("FlowDefinition", "Flow Definition", "Flow Definitions", b"300", false, false, FLOW_DEFINITION) },
    Standard { open: false, ..object("Flow", "Flow Version", "Flow Versions", b"301", false, false, FLOW) },
];

const fn object(
    name: &'static str,
    label: &'static str,
    plural: &'static str,
    prefix: &'static [u8; 3],
    owned: bool,
    mergeable: bool,
    fields: &'static str,
) -> Standard {
    Standard { name, label, plural, prefix, owned, mergeable, open: true, fields }
}

/// The stages of a new org: name, probability in percent, closed, won, forecast category.
pub(crate) const STAGES: [(&str, u32, bool, bool, &str); 10] = [
    ("Prospecting", 10, false, false, "Pipeline"),
    ("Qualification", 10, false, false, "Pipeline"),
    ("Needs Analysis", 20, false, false, "Pipeline"),
    ("Value Proposition", 50, false, false, "Pipeline"),
    ("Id. Decision Makers", 60, false, false, "Pipeline"),
    ("Perception Analysis", 70, false, false, "Pipeline"),
    ("Proposal/Price Quote", 75, false, false, "Pipeline"),
    ("Negotiation/Review", 90, false, false, "Pipeline"),
    ("Closed Won", 100, true, true, "Closed"),
    ("Closed Lost", 0, true, false, "Omitted"),
];

/// Empty tables of every standard object.
pub(crate) fn tables() -> Vec<Table> {
    STANDARD.iter().map(build).collect()
}

/// An empty table with the system fields that every object has.
pub(crate) fn with_system_fields(mut table: Table, owned: bool) -> Table {
    let mut system = |name: &str, kind: FieldType, source: Source, parent: Option<&str>| {
        let mut spec = FieldSpec::new(name, kind);
        spec.createable = false;
        spec.updateable = false;
        spec.default = None;
        if let Some(parent) = parent {
            spec.reference_to = vec![parent.to_owned()];
        }
        table.add_field(spec, source);
    };
    system("Id", FieldType::Id, Source::Id, None);
    system("IsDeleted", FieldType::Boolean, Source::IsDeleted, None);
    system("CreatedDate", FieldType::Datetime, Source::CreatedDate, None);
    system("CreatedById", FieldType::Reference, Source::CreatedBy, Some("User"));
    system("LastModifiedDate", FieldType::Datetime, Source::ModifiedDate, None);
    system("LastModifiedById", FieldType::Reference, Source::ModifiedBy, Some("User"));
    system("SystemModstamp", FieldType::Datetime, Source::Stamp, None);
    if owned {
        let mut owner = FieldSpec::new("OwnerId", FieldType::Reference);
        owner.reference_to = vec!["User".to_owned()];
        if table.name == "Case" || table.name == "Lead" {
            owner.reference_to.insert(0, "Group".to_owned());
        }
        table.add_field(owner, Source::Cell);
    }
    table
}

fn build(standard: &Standard) -> Table {
    let table = Table::new(standard.name, standard.label, standard.plural, *standard.prefix, standard.open);
    let mut table = with_system_fields(table, standard.owned);
    table.mergeable = standard.mergeable;
    for line in standard.fields.lines().filter(|line| !line.is_empty()) {
        let spec = read_line(line);
        if spec.kind != FieldType::Address {
            table.add_field(spec, Source::Cell);
            continue;
        }
        let stem = spec.name.trim_end_matches("Address").to_owned();
        for (part, kind, length) in ADDRESS_PARTS {
            let mut field = FieldSpec::new(&format!("{stem}{part}"), kind);
            field.length = length;
            table.add_field(field, Source::Cell);
        }
        table.add_field(spec, Source::Address);
    }
    table
}

fn read_line(line: &str) -> FieldSpec {
    let (head, values) = line.split_once(" :").unwrap_or((line, ""));
    let mut words = head.split_whitespace();
    let name = words.next().unwrap_or_default();
    let kind = words.next().unwrap_or("string");
    let (kind, argument) = kind.split_once('(').unwrap_or((kind, ""));
    let argument = argument.trim_end_matches(')');
    let kind = if kind == "ref" { FieldType::Reference } else { FieldType::read(kind).unwrap_or(FieldType::String) };
    let mut spec = FieldSpec::new(name, kind);
    spec.values = values.split(',').filter(|v| !v.is_empty()).map(str::to_owned).collect();
    if kind == FieldType::Reference {
        spec.reference_to = argument.split(',').map(str::to_owned).collect();
    } else if let Ok(length) = argument.parse() {
        spec.length = length;
    }
    for flag in words {
        match flag.split_once('=') {
            Some(("child", child)) => spec.child_relationship = Some(child.to_owned()),
            Some(("scale", digits)) => spec.scale = digits.parse().unwrap_or(spec.scale),
            _ => match flag {
                "req" => spec.required = true,
                "key" => spec.id_lookup = true,
                "strict" => spec.restricted = true,
                "cascade" => spec.cascade = true,
                "first" => spec.default = spec.values.first().map(|v| Value::String(v.clone())),
                _ => {
                    spec.createable = false;
                    spec.updateable = false;
                }
            },
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standard_object_has_its_fields_and_every_reference_a_target() {
        let tables = tables();
        for table in &tables {
            for (_, field) in table.fields() {
                for target in &field.spec.reference_to {
                    assert!(tables.iter().any(|t| &t.name == target), "{}.{} points to {target}", table.name, field.spec.name);
                }
            }
        }
        let contact = tables.iter().find(|t| t.name == "Contact").unwrap();
        assert!(contact.named("MailingPostalCode").is_some());
        assert_eq!(contact.named("Email").unwrap().1.spec.label, "Email");
        assert_eq!(contact.named("LastName").unwrap().1.spec.label, "Last Name");
    }
}
