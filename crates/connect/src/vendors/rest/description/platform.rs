//! What a description says of the platform as a whole: sign-in, limits, refusals, people, webhooks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calls::{ListCall, RowCall, WriteCall};
use super::path::Path;
use super::text::Template;

/// How a connection signs in: each way that is described may be chosen by `auth.kind` of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct AuthPart {
    /// `access_token`: a key that somebody made at the platform.
    #[serde(default)]
    pub access_token: Option<TokenPlace>,
    /// `api_token`: a user's name and a password or key, as HTTP Basic credentials.
    #[serde(default)]
    pub api_token: Option<BasicPlace>,
    /// `client_credentials` and `refresh_token`: OAuth 2.
    #[serde(default)]
    pub oauth: Option<OAuthPart>,
}

/// Where a key goes out. `header` or `query`; `Authorization: Bearer` without either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct TokenPlace {
    /// Header, in lower case.
    #[serde(default)]
    pub header: Option<String>,
    /// What stands before the key in the header (`Bearer `, `Token token=`).
    #[serde(default)]
    pub prefix: Option<String>,
    /// Query parameter, for platforms that know nothing better: addresses end up in logs of others.
    #[serde(default)]
    pub query: Option<String>,
    /// Whether the key is the user name of HTTP Basic credentials, with this password.
    #[serde(default)]
    pub basic_password: Option<String>,
}

/// HTTP Basic credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct BasicPlace {
    /// What follows the user's name before the colon (`/token` at Zendesk).
    #[serde(default)]
    pub suffix: String,
}

/// How a token endpoint wants its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// A form.
    #[default]
    Form,
    /// JSON.
    Json,
    /// A form, with the client's id and secret as HTTP Basic credentials.
    FormWithBasic,
}

/// OAuth 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuthPart {
    /// Address of the host that gives tokens, where it is not that of the API. `login_url` of the connection goes first.
    #[serde(default)]
    pub address: Option<String>,
    /// Path of the token endpoint.
    pub token: String,
    /// Path of the page on which people consent, for `entente connect`.
    #[serde(default)]
    pub authorize: Option<String>,
    /// Encoding of the parameters.
    #[serde(default)]
    pub encoding: Encoding,
    /// Scopes that are asked for, separated by blanks.
    #[serde(default)]
    pub scope: Option<String>,
}

/// A call that tells who we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckPart {
    /// The call.
    pub call: RowCall,
    /// Where the answer has the id of our user.
    pub user_id: Path,
    /// Where it has the user's name or e-mail.
    pub user: Path,
    /// Where it has the id of the account.
    #[serde(default)]
    pub organization: Option<Path>,
}

/// How fast one may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsPart {
    /// Calls in flight at once.
    pub concurrency: usize,
    /// Seconds that a call may take.
    pub timeout_seconds: u64,
    /// Budgets: the one without a name is that of every call.
    pub budgets: Vec<BudgetPart>,
}

impl Default for LimitsPart {
    fn default() -> Self {
        Self { concurrency: 4, timeout_seconds: 30, budgets: Vec::new() }
    }
}

/// One budget of calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetPart {
    /// Name, for calls that draw on it; without it, every call does.
    #[serde(default)]
    pub name: Option<String>,
    /// Calls in the window, where it is known before an answer tells.
    #[serde(default)]
    pub calls: Option<u64>,
    /// Length of the window in seconds.
    pub seconds: u64,
    /// Whether each call frees up one window later, rather than all at once.
    #[serde(default)]
    pub rolling: bool,
    /// Header of the calls in a window.
    #[serde(default)]
    pub limit_header: Option<String>,
    /// Header of the calls that are left.
    #[serde(default)]
    pub remaining_header: Option<String>,
    /// Header of the seconds until the window begins anew, or of that instant in seconds since 1970.
    #[serde(default)]
    pub reset_header: Option<String>,
    /// Whether the window begins anew at midnight (UTC).
    #[serde(default)]
    pub midnight: bool,
}

/// What is done about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The call is made again later, and no attempt is spent.
    Wait,
    /// Somebody must sign in again.
    SignIn,
    /// The call is made again.
    Retry,
    /// The row is looked at again.
    LookAgain,
    /// A value must be corrected.
    Data,
    /// The settings, permissions or the description do not fit.
    Configuration,
}

/// How refusals are read. What no rule fits is judged by its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorsPart {
    /// Where a refusal has its code.
    pub code: Option<Path>,
    /// Where it has its sentence: the first of these that shows a text.
    pub message: Vec<Path>,
    /// Where it names a field.
    pub field: Option<FieldPlace>,
    /// Rules, of which the first that fits decides.
    pub rules: Vec<ErrorRule>,
}

/// Where a refusal names a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldPlace {
    /// Where the text is.
    pub at: Path,
    /// The name follows this part of the text.
    #[serde(default)]
    pub after: Option<String>,
    /// The name ends before this part of the text.
    #[serde(default)]
    pub before: Option<String>,
}

/// One rule; everything in it must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// Statuses.
    #[serde(default)]
    pub status: Vec<u16>,
    /// Codes; one that ends with `*` stands for all that begin so.
    #[serde(default)]
    pub code: Vec<String>,
    /// Parts of the sentence, in lower case; one of them is enough.
    #[serde(default)]
    pub says: Vec<String>,
    /// Whether the answer is JSON: pages of gateways are not.
    #[serde(default)]
    pub json: Option<bool>,
    /// A header that is 0: which of several limits was reached.
    #[serde(default)]
    pub spent: Option<String>,
    /// What is done.
    pub then: Then,
    /// Seconds to wait, where the answer does not say.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// Header of the seconds to wait; `Retry-After` is read in any case.
    #[serde(default)]
    pub after_header: Option<String>,
    /// Whether to wait until midnight (UTC).
    #[serde(default)]
    pub midnight: bool,
    /// Budget that is spent; the whole connection's without it.
    #[serde(default)]
    pub budget: Option<String>,
    /// What a person should do.
    #[serde(default)]
    pub advice: Option<String>,
}

/// A list that ids stand for: users, stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListPart {
    /// The call.
    pub call: ListCall,
    /// Where an entry has its id.
    pub id: Path,
    /// Whether its entries are the account's own users: what they change is a person's work there.
    #[serde(default)]
    pub people: bool,
}

/// How webhooks are verified and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookPart {
    /// What proves that a message is the platform's. `basic`, `signature` or `secret_in_path`.
    pub proof: ProofPart,
    /// Where a message has an id that repeats when it is sent again; a digest of the body without it.
    #[serde(default)]
    pub id: Option<Path>,
    /// Where the events are in a message that has several; the message is one event without it.
    #[serde(default)]
    pub events: Option<Path>,
    /// Where an event has its object.
    pub object: Path,
    /// The platform's words for objects in events; the objects' own names without it.
    #[serde(default)]
    pub objects: BTreeMap<String, String>,
    /// Where an event has the row's id: the first of these that shows one.
    pub row_id: Vec<Path>,
    /// Where it says what happened.
    #[serde(default)]
    pub action: Option<Path>,
    /// Where the event of a merge has the id of the row that stays.
    #[serde(default)]
    pub merged_into: Option<Path>,
    /// Where the event of a merge has the id of the row that went.
    #[serde(default)]
    pub merged_from: Option<Path>,
    /// Where it has the account's id, which must be `webhooks.organization` of the connection if that is set.
    #[serde(default)]
    pub organization: Option<Path>,
    /// Where it has the row, if it is written there as in reads; rows are fetched without it.
    #[serde(default)]
    pub row: Option<Path>,
    /// How the platform is told to send them; without it a person sets them up.
    #[serde(default)]
    pub subscribe: Option<SubscribePart>,
}

/// What proves that a message is the platform's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct ProofPart {
    /// Whether the messages carry HTTP Basic credentials that we gave.
    #[serde(default)]
    pub basic: bool,
    /// Whether the address holds a secret, and nothing else proves anything.
    #[serde(default)]
    pub secret_in_path: bool,
    /// A keyed digest in a header.
    #[serde(default)]
    pub signature: Option<SignaturePart>,
}

/// The digest of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    /// HMAC-SHA256.
    #[default]
    Sha256,
    /// HMAC-SHA1, which old platforms still use.
    Sha1,
    /// HMAC-SHA512.
    Sha512,
}

/// A keyed digest in a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignaturePart {
    /// Header, in lower case.
    pub header: String,
    /// What stands before the digest in the header (`sha256=`).
    #[serde(default)]
    pub prefix: String,
    /// The digest.
    #[serde(default)]
    pub digest: Digest,
    /// Whether it is written as Base64 rather than in hexadecimal digits.
    #[serde(default)]
    pub base64: bool,
    /// What is signed, with `{body}` and `{timestamp}`; the body without it.
    #[serde(default)]
    pub signs: Option<Template>,
    /// Header of the timestamp, in seconds or milliseconds since 1970.
    #[serde(default)]
    pub timestamp_header: Option<String>,
    /// Seconds after which a message is too old.
    #[serde(default)]
    pub max_age_seconds: Option<u64>,
}

/// Making and listing subscriptions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscribePart {
    /// The call that lists subscriptions.
    pub list: ListCall,
    /// Where one has its id.
    pub id: Path,
    /// Where it has its address.
    pub url: Path,
    /// Where it has its object, in the word of events.
    #[serde(default)]
    pub object: Option<Path>,
    /// Where it has the user name that it sends, which tells whether its password is ours.
    #[serde(default)]
    pub user: Option<Path>,
    /// Formula over a subscription that tells whether it is alive; it is without it.
    #[serde(default)]
    pub when: Option<super::text::Expression>,
    /// The call that makes one. The texts in `with` may have `{url}`, `{object}`, `{user}`, `{password}`.
    pub create: WriteCall,
    /// The call that removes one, with `{id}`.
    #[serde(default)]
    pub delete: Option<WriteCall>,
    /// Whether one subscription is about one object (else it tells of all).
    #[serde(default)]
    pub per_object: bool,
}

/// Where answers have what they are about, unless a call says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct AnswersPart {
    /// Rows of lists; the answer itself without it.
    pub rows: Path,
    /// The row of reads and writes of one; the answer itself without it.
    pub row: Path,
    /// What clears a value; null without it.
    pub clear: Value,
}
