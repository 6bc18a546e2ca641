//! Tables and columns of an environment, as they are before anybody adds to them.

use serde_json::{Value, json};

/// First value of choices that somebody adds.
pub(crate) const FIRST_CHOICE: i64 = 100_000_000;

/// One choice of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: i64,
    pub(crate) label: String,
    /// The state that a status belongs to; of a state, its usual status.
    pub(crate) of: Option<i64>,
}

/// Type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ty {
    Key,
    Text(u32),
    Memo(u32),
    Whole,
    Decimal,
    Money,
    YesNo,
    /// An instant that is kept in UTC and shown to each user in their zone.
    Instant,
    /// A time of day that is the same everywhere.
    Zoneless,
    Day,
    Choice(Vec<Choice>),
    Choices(Vec<Choice>),
    State(Vec<Choice>),
    Status(Vec<Choice>),
    /// One row of these tables.
    Lookup(Vec<String>),
    Big,
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) schema: String,
    pub(crate) label: String,
    pub(crate) ty: Ty,
    pub(crate) required: bool,
    pub(crate) writable: bool,
    pub(crate) custom: bool,
    /// Of a text: what it is shown as (`Text`, `Email`, `Phone`, `Url`). The API checks none of it.
    pub(crate) format: String,
    /// Never shown again once it is written.
    pub(crate) secret: bool,
    pub(crate) metadata_id: String,
}

impl Column {
    pub(crate) fn is_lookup(&self) -> bool {
        matches!(self.ty, Ty::Lookup(_))
    }

    /// Its name in rows that are read.
    pub(crate) fn read_name(&self) -> String {
        if self.is_lookup() { format!("_{}_value", self.name) } else { self.name.clone() }
    }

    pub(crate) fn choices(&self) -> &[Choice] {
        match &self.ty {
            Ty::Choice(all) | Ty::Choices(all) | Ty::State(all) | Ty::Status(all) => all,
            _ => &[],
        }
    }

    /// The single-valued navigation properties by which it is written, each with its table.
    pub(crate) fn navigation<'a>(&'a self, table: &'a str) -> Vec<(String, &'a str)> {
        let Ty::Lookup(targets) = &self.ty else { return Vec::new() };
        let base = if self.custom { &self.schema } else { &self.name };
        let plain = targets.len() == 1 || self.name == "ownerid";
        let of = |target: &'a String| {
            let name = match self.name.as_str() {
                _ if plain => base.clone(),
                "regardingobjectid" => format!("{base}_{target}_{table}"),
                _ => format!("{base}_{target}"),
            };
            (name, target.as_str())
        };
        targets.iter().map(of).collect()
    }
}

/// An alternate key.
#[derive(Debug, Clone)]
pub(crate) struct AlternateKey {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    /// When its index is there.
    pub(crate) active_ms: i64,
    pub(crate) metadata_id: String,
}

/// One table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) set: String,
    pub(crate) schema: String,
    /// Its primary key.
    pub(crate) id: String,
    /// The column that people know a row by.
    pub(crate) title: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) keys: Vec<AlternateKey>,
    pub(crate) tracked: bool,
    pub(crate) activity: bool,
    pub(crate) metadata_id: String,
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column that a name in `$select`, `$filter` or `$orderby` stands for.
    pub(crate) fn readable(&self, name: &str) -> Option<&Column> {
        let lookup = name.strip_prefix('_').and_then(|rest| rest.strip_suffix("_value"));
        match lookup {
            Some(inner) => self.column(inner).filter(|column| column.is_lookup()),
            None => self.column(name).filter(|column| !column.is_lookup()),
        }
    }

    /// The lookup that a navigation property writes, and the table it leads to.
    pub(crate) fn bound(&self, property: &str) -> Option<(&Column, &str)> {
        self.columns.iter().find_map(|column| {
            let found = column.navigation(&self.name).into_iter().find(|(name, _)| name == property)?;
            Some((column, found.1))
        })
    }
}

fn choices(list: &[(i64, &str)]) -> Vec<Choice> {
    list.iter().map(|(value, label)| Choice { value: *value, label: (*label).to_owned(), of: None }).collect()
}

fn stages(list: &[(i64, &str, i64)]) -> Vec<Choice> {
    list.iter().map(|(value, label, of)| Choice { value: *value, label: (*label).to_owned(), of: Some(*of) }).collect()
}

/// `telephone1` → `Telephone1`.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn column(name: &str, ty: Ty) -> Column {
    Column {
        name: name.to_owned(),
        schema: capital(name),
        label: capital(name),
        ty,
        required: false,
        writable: true,
        custom: false,
        format: match name {
            _ if name.contains("email") => "Email",
            _ if name.contains("phone") => "Phone",
            _ if name.contains("url") => "Url",
            _ => "Text",
        }
        .to_owned(),
        secret: false,
        metadata_id: String::new(),
    }
}

fn text(name: &str) -> Column {
    column(name, Ty::Text(100))
}

fn line(name: &str, length: u32) -> Column {
    column(name, Ty::Text(length))
}

fn lookup(name: &str, targets: &[&str]) -> Column {
    column(name, Ty::Lookup(targets.iter().map(|target| (*target).to_owned()).collect()))
}

fn needed(column: Column) -> Column {
    Column { required: true, ..column }
}

fn shown(column: Column) -> Column {
    Column { writable: false, ..column }
}

fn address() -> Vec<Column> {
    vec![
        line("address1_line1", 250),
        line("address1_city", 80),
        line("address1_postalcode", 20),
        line("address1_country", 80),
        line("address1_stateorprovince", 50),
    ]
}

/// Choices of a state with the usual status of each, and of a status with the state of each.
type States<'a> = (&'a [(i64, &'a str, i64)], &'a [(i64, &'a str, i64)]);

const INDUSTRIES: &[(i64, &str)] = &[
    (1, "Accounting"),
    (2, "Agriculture and Non-petrol Natural Resource Extraction"),
    (6, "Business Services"),
    (7, "Consulting"),
    (8, "Consumer Services"),
    (12, "Financial"),
    (16, "Insurance"),
    (33, "Wholesale"),
];
const RELATIONSHIPS: &[(i64, &str)] =
    &[(1, "Competitor"), (2, "Consultant"), (3, "Customer"), (5, "Partner"), (8, "Prospect"), (9, "Reseller"), (12, "Other")];
const ACTIVE: States<'static> = (&[(0, "Active", 1), (1, "Inactive", 2)], &[(1, "Active", 0), (2, "Inactive", 1)]);
const PRIORITIES: &[(i64, &str)] = &[(1, "High"), (2, "Normal"), (3, "Low")];
const URGENCY: &[(i64, &str)] = &[(0, "Low"), (1, "Normal"), (2, "High")];

/// A table of rows that people own; `states` are the choices of its state and status.
fn table(name: &str, set: &str, title: &str, states: States<'_>, own: Vec<Column>) -> Table {
    let id = format!("{name}id");
    let mut columns = vec![
        shown(column(&id, Ty::Key)),
        shown(column("createdon", Ty::Instant)),
        shown(column("modifiedon", Ty::Instant)),
        shown(column("versionnumber", Ty::Big)),
        shown(lookup("createdby", &["systemuser"])),
        shown(lookup("modifiedby", &["systemuser"])),
        lookup("ownerid", &["systemuser", "team"]),
    ];
    if !states.0.is_empty() {
        columns.push(column("statecode", Ty::State(stages(states.0))));
        columns.push(column("statuscode", Ty::Status(stages(states.1))));
    }
    columns.extend(own);
    Table {
        name: name.to_owned(),
        set: set.to_owned(),
        schema: capital(name),
        id,
        title: title.to_owned(),
        columns,
        keys: Vec::new(),
        tracked: true,
        activity: false,
        metadata_id: String::new(),
    }
}

fn activity(name: &str, set: &str, states: States<'_>, own: Vec<Column>) -> Table {
    let mut columns = vec![
        needed(line("subject", 200)),
        column("description", Ty::Memo(2_000)),
        lookup("regardingobjectid", &["account", "contact", "incident", "opportunity", "lead"]),
        column("scheduledstart", Ty::Instant),
        column("scheduledend", Ty::Instant),
        column("actualend", Ty::Instant),
        column("prioritycode", Ty::Choice(choices(URGENCY))),
        shown(text("activitytypecode")),
    ];
    columns.extend(own);
    let mut made = table(name, set, "subject", states, columns);
    if let Some(key) = made.columns.first_mut() {
        *key = shown(column("activityid", Ty::Key));
    }
    Table { id: "activityid".to_owned(), activity: true, ..made }
}

/// A table of the platform itself: nobody owns its rows, and nothing tracks them.
fn system(name: &str, set: &str, title: &str, own: Vec<Column>) -> Table {
    let made = table(name, set, title, (&[], &[]), own);
    let columns = made.columns.into_iter().filter(|column| column.name != "ownerid").collect();
    Table { columns, tracked: false, ..made }
}

fn merged(mut columns: Vec<Column>, name: &str) -> Vec<Column> {
    columns.push(shown(column("merged", Ty::YesNo)));
    columns.push(shown(lookup("masterid", &[name])));
    columns
}

fn people() -> Vec<Column> {
    vec![text("firstname"), line("emailaddress1", 100), line("telephone1", 50), line("mobilephone", 50), line("jobtitle", 100)]
}

fn customers() -> Vec<Table> {
    let mut account = vec![
        needed(line("name", 160)),
        line("accountnumber", 20),
        line("telephone1", 50),
        line("emailaddress1", 100),
        line("websiteurl", 200),
        column("description", Ty::Memo(2_000)),
        column("revenue", Ty::Money),
        column("creditonhold", Ty::YesNo),
        column("numberofemployees", Ty::Whole),
        column("industrycode", Ty::Choice(choices(INDUSTRIES))),
        column("customertypecode", Ty::Choice(choices(RELATIONSHIPS))),
        lookup("parentaccountid", &["account"]),
        lookup("primarycontactid", &["contact"]),
        lookup("transactioncurrencyid", &["transactioncurrency"]),
    ];
    account.extend(address());
    let mut contact = people();
    contact.extend([
        needed(line("lastname", 50)),
        shown(line("fullname", 160)),
        line("emailaddress2", 100),
        column("birthdate", Ty::Day),
        column("description", Ty::Memo(2_000)),
        line("managername", 100),
        column("donotemail", Ty::YesNo),
        lookup("parentcustomerid", &["account", "contact"]),
        shown(lookup("accountid", &["account"])),
    ]);
    contact.extend(address());
    let mut lead = people();
    lead.extend([
        needed(line("subject", 300)),
        line("lastname", 50),
        shown(line("fullname", 160)),
        line("companyname", 100),
        line("websiteurl", 200),
        column("estimatedamount", Ty::Money),
        column("leadqualitycode", Ty::Choice(choices(&[(1, "Hot"), (2, "Warm"), (3, "Cold")]))),
        column("leadsourcecode", Ty::Choice(choices(&[(1, "Advertisement"), (3, "External Referral"), (8, "Web"), (10, "Other")]))),
        lookup("parentaccountid", &["account"]),
        lookup("parentcontactid", &["contact"]),
        lookup("qualifyingopportunityid", &["opportunity"]),
        lookup("transactioncurrencyid", &["transactioncurrency"]),
    ]);
    let leads = (
        [(0, "Open", 1), (1, "Qualified", 3), (2, "Disqualified", 4)].as_slice(),
        [(1, "New", 0), (2, "Contacted", 0), (3, "Qualified", 1), (4, "Lost", 2), (5, "Cannot Contact", 2)].as_slice(),
    );
    vec![
        table("account", "accounts", "name", ACTIVE, merged(account, "account")),
        table("contact", "contacts", "fullname", ACTIVE, merged(contact, "contact")),
        table("lead", "leads", "fullname", leads, merged(lead, "lead")),
    ]
}

fn work() -> Vec<Table> {
    let opportunities = (
        [(0, "Open", 1), (1, "Won", 3), (2, "Lost", 4)].as_slice(),
        [(1, "In Progress", 0), (2, "On Hold", 0), (3, "Won", 1), (4, "Canceled", 2), (5, "Out-Sold", 2)].as_slice(),
    );
    let opportunity = vec![
        needed(line("name", 300)),
        column("description", Ty::Memo(2_000)),
        column("estimatedvalue", Ty::Money),
        shown(column("actualvalue", Ty::Money)),
        column("estimatedclosedate", Ty::Day),
        shown(column("actualclosedate", Ty::Day)),
        line("stepname", 200),
        column("closeprobability", Ty::Whole),
        column("salesstagecode", Ty::Choice(choices(&[(1, "Default Value")]))),
        lookup("parentaccountid", &["account"]),
        lookup("parentcontactid", &["contact"]),
        lookup("customerid", &["account", "contact"]),
        lookup("originatingleadid", &["lead"]),
        lookup("transactioncurrencyid", &["transactioncurrency"]),
    ];
    let incidents = (
        [(0, "Active", 1), (1, "Resolved", 5), (2, "Canceled", 6)].as_slice(),
        [
            (1, "In Progress", 0),
            (2, "On Hold", 0),
            (3, "Waiting for Details", 0),
            (4, "Researching", 0),
            (5, "Problem Solved", 1),
            (1000, "Information Provided", 1),
            (6, "Canceled", 2),
            (2000, "Merged", 2),
        ]
        .as_slice(),
    );
    let incident = vec![
        needed(line("title", 200)),
        shown(line("ticketnumber", 100)),
        column("description", Ty::Memo(2_000)),
        column("prioritycode", Ty::Choice(choices(PRIORITIES))),
        column("caseorigincode", Ty::Choice(choices(&[(1, "Phone"), (2, "Email"), (3, "Web")]))),
        column("casetypecode", Ty::Choice(choices(&[(1, "Question"), (2, "Problem"), (3, "Request")]))),
        needed(lookup("customerid", &["account", "contact"])),
        lookup("primarycontactid", &["contact"]),
        lookup("parentcaseid", &["incident"]),
    ];
    let campaigns = (
        [(0, "Active", 0), (1, "Inactive", 6)].as_slice(),
        [
            (0, "Proposed", 0),
            (1, "Ready To Launch", 0),
            (2, "Launched", 0),
            (3, "Completed", 0),
            (4, "Canceled", 0),
            (5, "Suspended", 0),
            (6, "Inactive", 1),
        ]
        .as_slice(),
    );
    let types = &[(1, "Advertisement"), (2, "Direct Marketing"), (3, "Event"), (4, "Co-branding"), (5, "Other")];
    // Its days are instants: each user's own midnight.
    let campaign = vec![
        needed(line("name", 128)),
        line("codename", 32),
        column("description", Ty::Memo(2_000)),
        column("typecode", Ty::Choice(choices(types))),
        column("proposedstart", Ty::Instant),
        column("proposedend", Ty::Instant),
        column("actualstart", Ty::Instant),
        column("actualend", Ty::Instant),
        column("budgetedcost", Ty::Money),
        column("othercost", Ty::Money),
        shown(column("totalactualcost", Ty::Money)),
        column("expectedrevenue", Ty::Money),
        column("expectedresponse", Ty::Whole),
        lookup("transactioncurrencyid", &["transactioncurrency"]),
    ];
    vec![
        table("campaign", "campaigns", "name", campaigns, campaign),
        table("opportunity", "opportunities", "name", opportunities, opportunity),
        table("incident", "incidents", "title", incidents, merged(incident, "incident")),
    ]
}

fn activities() -> Vec<Table> {
    let simple = |done: &'static [(i64, &'static str, i64)]| {
        ([(0, "Open", done[0].0), (1, "Completed", done[1].0), (2, "Canceled", done[2].0)], done)
    };
    let task = simple(&[
        (2, "Not Started", 0),
        (5, "Completed", 1),
        (6, "Canceled", 2),
        (3, "In Progress", 0),
        (4, "Waiting on someone else", 0),
        (7, "Deferred", 0),
    ]);
    let call = simple(&[(1, "Open", 0), (2, "Made", 1), (3, "Canceled", 2), (4, "Received", 1)]);
    let email = simple(&[(1, "Draft", 0), (2, "Completed", 1), (5, "Canceled", 2), (3, "Sent", 1), (4, "Received", 1)]);
    let appointment = (
        [(0, "Open", 1), (1, "Completed", 3), (2, "Canceled", 4), (3, "Scheduled", 5)],
        [(1, "Free", 0), (2, "Tentative", 0), (3, "Completed", 1), (4, "Canceled", 2), (5, "Busy", 3)],
    );
    let way = || column("directioncode", Ty::YesNo);
    vec![
        activity("task", "tasks", (&task.0, task.1), vec![column("percentcomplete", Ty::Whole)]),
        activity("phonecall", "phonecalls", (&call.0, call.1), vec![line("phonenumber", 200), way()]),
        activity("email", "emails", (&email.0, email.1), vec![way(), column("senton", Ty::Instant)]),
        activity(
            "appointment",
            "appointments",
            (&appointment.0, &appointment.1),
            vec![line("location", 400), column("isalldayevent", Ty::YesNo)],
        ),
        table(
            "annotation",
            "annotations",
            "subject",
            (&[], &[]),
            vec![
                line("subject", 500),
                column("notetext", Ty::Memo(100_000)),
                lookup("objectid", &["account", "contact", "incident", "opportunity", "lead"]),
                line("filename", 255),
                line("mimetype", 256),
                column("documentbody", Ty::Memo(1_073_741_823)),
                column("isdocument", Ty::YesNo),
            ],
        ),
    ]
}

fn platform() -> Vec<Table> {
    let secret = |column: Column| Column { secret: true, ..column };
    vec![
        system(
            "systemuser",
            "systemusers",
            "fullname",
            vec![
                line("fullname", 200),
                line("internalemailaddress", 100),
                line("domainname", 1_024),
                column("isdisabled", Ty::YesNo),
                text("azureactivedirectoryobjectid"),
                text("applicationid"),
            ],
        ),
        system("team", "teams", "name", vec![needed(line("name", 160)), line("emailaddress", 100)]),
        system(
            "transactioncurrency",
            "transactioncurrencies",
            "currencyname",
            vec![line("currencyname", 100), line("isocurrencycode", 5), column("exchangerate", Ty::Decimal)],
        ),
        system(
            "serviceendpoint",
            "serviceendpoints",
            "name",
            vec![
                needed(line("name", 160)),
                line("url", 500),
                column("contract", Ty::Whole),
                column("authtype", Ty::Whole),
                secret(line("authvalue", 4_000)),
            ],
        ),
        system("sdkmessage", "sdkmessages", "name", vec![line("name", 256)]),
        system(
            "sdkmessagefilter",
            "sdkmessagefilters",
            "name",
            vec![text("name"), text("primaryobjecttypecode"), lookup("sdkmessageid", &["sdkmessage"])],
        ),
        {
            let mut step = system(
                "sdkmessageprocessingstep",
                "sdkmessageprocessingsteps",
                "name",
                vec![
                    line("name", 256),
                    line("filteringattributes", 100_000),
                    column("stage", Ty::Whole),
                    column("mode", Ty::Whole),
                    column("rank", Ty::Whole),
                    column("supporteddeployment", Ty::Whole),
                    column("asyncautodelete", Ty::YesNo),
                    lookup("sdkmessageid", &["sdkmessage"]),
                    lookup("sdkmessagefilterid", &["sdkmessagefilter"]),
                    lookup("eventhandler", &["serviceendpoint", "plugintype"]),
                ],
            );
            step.columns.extend([
                column("statecode", Ty::State(stages(&[(0, "Enabled", 1), (1, "Disabled", 2)]))),
                column("statuscode", Ty::Status(stages(&[(1, "Enabled", 0), (2, "Disabled", 1)]))),
            ]);
            step
        },
        {
            let mut workflow = system(
                "workflow",
                "workflows",
                "name",
                vec![
                    line("name", 100),
                    text("primaryentity"),
                    column("category", Ty::Whole),
                    column("type", Ty::Whole),
                    column("ondemand", Ty::YesNo),
                ],
            );
            workflow.columns.extend([
                column("statecode", Ty::State(stages(&[(0, "Draft", 1), (1, "Activated", 2)]))),
                column("statuscode", Ty::Status(stages(&[(1, "Draft", 0), (2, "Activated", 1)]))),
            ]);
            workflow
        },
        {
            let mut job = system(
                "asyncoperation",
                "asyncoperations",
                "name",
                vec![
                    line("name", 256),
                    line("message", 4_000),
                    column("operationtype", Ty::Whole),
                    lookup("regardingobjectid", &["account", "contact", "lead", "incident", "opportunity"]),
                ],
            );
            job.columns.extend([
                column("statecode", Ty::State(stages(&[(0, "Ready", 0), (1, "Suspended", 10), (2, "Locked", 20), (3, "Completed", 30)]))),
                column(
                    "statuscode",
                    Ty::Status(stages(&[
                        (0, "Waiting For Resources", 0),
                        (10, "Waiting", 1),
                        (20, "In Progress", 2),
                        (30, "Succeeded", 3),
                        (31, "Failed", 3),
                        (32, "Canceled", 3),
                    ])),
                ),
            ]);
            job
        },
    ]
}

/// The tables of a fresh environment; `id` gives each table and column its own id in the metadata.
pub(crate) fn of_a_fresh_environment(mut id: impl FnMut() -> String) -> Vec<Table> {
    let mut all: Vec<Table> = customers().into_iter().chain(work()).chain(activities()).chain(platform()).collect();
    for table in &mut all {
        table.metadata_id = id();
        for column in &mut table.columns {
            column.metadata_id = id();
        }
    }
    all
}

/// A label as metadata have it.
pub(crate) fn label(text: &str) -> Value {
    let one = json!({"Label": text, "LanguageCode": 1033, "IsManaged": true, "MetadataId": null, "HasChanged": null});
    json!({"LocalizedLabels": [one], "UserLocalizedLabel": one})
}
