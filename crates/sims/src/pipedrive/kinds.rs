//! The objects of a company, and what their attributes must be: the present version takes nothing else.

/// An object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// People.
    Person,
    /// Companies.
    Organization,
    /// Deals.
    Deal,
    /// Leads.
    Lead,
    /// Activities.
    Activity,
    /// Notes.
    Note,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Person, Self::Organization, Self::Deal, Self::Lead, Self::Activity, Self::Note];

    /// Name in paths.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Person => "persons",
            Self::Organization => "organizations",
            Self::Deal => "deals",
            Self::Lead => "leads",
            Self::Activity => "activities",
            Self::Note => "notes",
        }
    }

    /// Name in webhooks and recent changes.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Organization => "organization",
            Self::Deal => "deal",
            Self::Lead => "lead",
            Self::Activity => "activity",
            Self::Note => "note",
        }
    }

    /// An object by its name in paths.
    #[must_use]
    pub fn named(plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.plural() == plural)
    }

    /// Whether the present version serves it.
    pub(crate) fn is_new(self) -> bool {
        !matches!(self, Self::Lead | Self::Note)
    }

    /// The object whose custom fields it has.
    pub(crate) fn schema(self) -> Option<Self> {
        match self {
            Self::Lead => Some(Self::Deal),
            Self::Person | Self::Organization | Self::Deal => Some(self),
            Self::Activity | Self::Note => None,
        }
    }
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ty {
    /// A text of at most so many characters.
    Text(usize),
    /// A number.
    Number,
    Boolean,
    /// `YYYY-MM-DD`.
    Day,
    /// `HH:MM` or `HH:MM:SS`.
    Clock,
    /// RFC 3339 in whole seconds.
    Instant,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// 1, 3, 5 or 7.
    Visibility,
    /// Id of a row.
    Ref(Kind),
    /// Id of a user.
    User,
    Stage,
    Pipeline,
    /// Option ids of the field that holds labels.
    Labels,
    /// `[{value, primary, label}]`.
    Contacts,
    /// `{value, …}`.
    Place,
    /// `[{person_id, primary}]`.
    Participants,
    /// A whole number that is an option's id.
    Option,
    /// Anything.
    Any,
}

/// One attribute that writes may carry.
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) ty: Ty,
}

const fn of(name: &'static str, ty: Ty) -> Attribute {
    Attribute { name, ty }
}

/// Longest line.
const LINE: usize = 255;
/// Longest text.
const TEXT: usize = 65_000;

const PERSON: &[Attribute] = &[
    of("name", Ty::Text(LINE)),
    of("owner_id", Ty::User),
    of("org_id", Ty::Ref(Kind::Organization)),
    of("emails", Ty::Contacts),
    of("phones", Ty::Contacts),
    of("visible_to", Ty::Visibility),
    of("label_ids", Ty::Labels),
    of("marketing_status", Ty::OneOf(&["no_consent", "unsubscribed", "subscribed", "archived"])),
    of("add_time", Ty::Instant),
    of("job_title", Ty::Text(LINE)),
    of("birthday", Ty::Day),
    of("notes", Ty::Text(TEXT)),
];

const ORGANIZATION: &[Attribute] = &[
    of("name", Ty::Text(LINE)),
    of("owner_id", Ty::User),
    of("visible_to", Ty::Visibility),
    of("label_ids", Ty::Labels),
    of("address", Ty::Place),
    of("website", Ty::Text(LINE)),
    of("linkedin", Ty::Text(LINE)),
    of("industry", Ty::Option),
    of("annual_revenue", Ty::Number),
    of("employee_count", Ty::Number),
    of("add_time", Ty::Instant),
];

const DEAL: &[Attribute] = &[
    of("title", Ty::Text(LINE)),
    of("owner_id", Ty::User),
    of("person_id", Ty::Ref(Kind::Person)),
    of("org_id", Ty::Ref(Kind::Organization)),
    of("pipeline_id", Ty::Pipeline),
    of("stage_id", Ty::Stage),
    of("value", Ty::Number),
    of("currency", Ty::Text(3)),
    of("status", Ty::OneOf(&["open", "won", "lost"])),
    of("probability", Ty::Number),
    of("lost_reason", Ty::Text(LINE)),
    of("visible_to", Ty::Visibility),
    of("close_time", Ty::Instant),
    of("won_time", Ty::Instant),
    of("lost_time", Ty::Instant),
    of("expected_close_date", Ty::Day),
    of("label_ids", Ty::Labels),
    of("is_archived", Ty::Boolean),
    of("add_time", Ty::Instant),
];

const ACTIVITY: &[Attribute] = &[
    of("subject", Ty::Text(LINE)),
    of("type", Ty::Text(LINE)),
    of("owner_id", Ty::User),
    of("deal_id", Ty::Ref(Kind::Deal)),
    of("lead_id", Ty::Any),
    of("org_id", Ty::Ref(Kind::Organization)),
    of("project_id", Ty::Any),
    of("due_date", Ty::Day),
    of("due_time", Ty::Clock),
    of("duration", Ty::Clock),
    of("busy", Ty::Boolean),
    of("done", Ty::Boolean),
    of("location", Ty::Place),
    of("participants", Ty::Participants),
    of("attendees", Ty::Any),
    of("public_description", Ty::Text(TEXT)),
    of("priority", Ty::Number),
    of("note", Ty::Text(TEXT)),
];

/// Notes and leads belong to the older version, which is lenient; only what it takes at all is listed.
const NOTE: &[Attribute] = &[
    of("content", Ty::Text(TEXT)),
    of("lead_id", Ty::Any),
    of("deal_id", Ty::Ref(Kind::Deal)),
    of("person_id", Ty::Ref(Kind::Person)),
    of("org_id", Ty::Ref(Kind::Organization)),
    of("user_id", Ty::User),
    of("pinned_to_deal_flag", Ty::Any),
    of("pinned_to_person_flag", Ty::Any),
    of("pinned_to_organization_flag", Ty::Any),
    of("pinned_to_lead_flag", Ty::Any),
];

const LEAD: &[Attribute] = &[
    of("title", Ty::Text(LINE)),
    of("owner_id", Ty::User),
    of("label_ids", Ty::Any),
    of("person_id", Ty::Ref(Kind::Person)),
    of("organization_id", Ty::Ref(Kind::Organization)),
    of("value", Ty::Any),
    of("expected_close_date", Ty::Day),
    of("visible_to", Ty::Any),
    of("was_seen", Ty::Boolean),
    of("is_archived", Ty::Boolean),
    of("origin_id", Ty::Any),
    of("channel", Ty::Any),
    of("channel_id", Ty::Any),
];

/// Attributes of people that exist only with the contact sync.
pub(crate) const CONTACT_SYNC: &[&str] = &["notes", "birthday", "job_title", "im", "postal_address"];

/// What writes of an object may carry.
pub(crate) fn attributes(kind: Kind) -> &'static [Attribute] {
    match kind {
        Kind::Person => PERSON,
        Kind::Organization => ORGANIZATION,
        Kind::Deal => DEAL,
        Kind::Lead => LEAD,
        Kind::Activity => ACTIVITY,
        Kind::Note => NOTE,
    }
}
