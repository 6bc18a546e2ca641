//! `entente connect`: from a platform's name to a connection that works. Credentials are tried before anything is written; a second run for
//! the same name puts new ones in place of those that ended.

mod browser;
mod file;
mod streams;
mod ways;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use entente_connect::connector::Connector;
use entente_connect::registry;
use entente_connect::scopes::{Granted as Rights, Need, Use};
use entente_connect::settings::{ConnectionSettings, HubSpotChanges, Secret};
use entente_connect::transport::Surroundings;
use entente_connect::transport::http::HttpWire;
use entente_connect::vendors::rest::description::Description;
use entente_engine::{Connection, Engine};
use entente_store::Store;
use serde::Serialize;
use url::Url;

use super::FAILED;
use super::context::Context;
use crate::assemble::{self, MachineTime, StoreVault};
use crate::config::{Config, description};
use crate::credentials::{self, Kept};
use crate::fault::{Fault, Result};
use crate::http::callback;
use browser::Granted;
use file::Entry;
pub(super) use streams::tried_streams;

/// Port of this machine that vendors send people back to, unless another is named.
const PORT: u16 = 8717;

/// How one lets Entente in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum With {
    /// Consent in a browser (OAuth)
    Browser,
    /// A key that somebody copies from the platform
    Key,
    /// OAuth client credentials
    Client,
    /// A user's name, password and security token (Salesforce's SOAP login)
    Password,
}

/// Options.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Platform: salesforce, hubspot, pipedrive, dynamics, zendesk, freshdesk, intercom, or rest for a described one
    #[arg(value_name = "PLATFORM")]
    platform: String,
    /// Name of the connection [default: the platform's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Address of the account
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Address for signing in, where it differs
    #[arg(long, value_name = "URL")]
    login_url: Option<String>,
    /// The YAML file that describes the platform (rest); relative to the configuration file
    #[arg(long, value_name = "FILE")]
    description: Option<String>,
    /// How to let Entente in [default: the browser where a client id is given, client credentials where there is no browser, else a key]
    #[arg(long, value_enum, value_name = "WAY")]
    with: Option<With>,
    /// OAuth client id of your app at the platform
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// E-mail of the user whom a key belongs to (Zendesk)
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,
    /// Name of the user who logs in with a password (Salesforce)
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Take secrets from ENTENTE_CLIENT_SECRET, ENTENTE_TOKEN, ENTENTE_PASSWORD and ENTENTE_SECURITY_TOKEN rather than asking for them
    #[arg(long)]
    from_env: bool,
    /// Do not open a browser; show the address to open
    #[arg(long)]
    no_browser: bool,
    /// Port of this machine for the app's redirect address http://127.0.0.1:PORT/callback
    #[arg(long, default_value_t = PORT, value_name = "PORT")]
    port: u16,
    /// The app's redirect address is the server's, PUBLIC_URL/callback/NAME (server.public_url), where Pipedrive also says that the app was removed
    #[arg(long)]
    through_server: bool,
    /// Make the fields and webhooks that are missing, without asking; if not all could be made, the exit code is 1
    #[arg(long)]
    provision: bool,
}

/// What is missing, and what follows.
#[derive(Debug, Serialize)]
pub(super) struct Lacking {
    pub(super) what: String,
    pub(super) without: String,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Connected {
    connection: String,
    platform: String,
    base_url: String,
    user: String,
    organization: String,
    lacking: Vec<Lacking>,
    /// What an account may do without.
    wanted: Vec<Lacking>,
    /// Why it is not known what the connection may do.
    rights_unknown: Option<String>,
    calls_left: Option<u64>,
    calls_limit: Option<u64>,
    file: PathBuf,
    changed: bool,
    fields_made: usize,
    fields_missing: usize,
    /// What was to be made, and was not: why.
    refused: Vec<Lacking>,
    webhooks: Option<String>,
}

/// How one says without a terminal what would be asked for on it.
#[derive(Clone, Copy)]
enum Instead {
    /// By an option, as it is written.
    Option(&'static str),
    /// By an environment variable, with --from-env.
    Variable(&'static str),
}

impl Instead {
    fn remedy(self) -> String {
        match self {
            Self::Option(option) => format!("give it with {option}"),
            Self::Variable(variable) => format!("set the environment variable {variable}, and give --from-env"),
        }
    }
}

/// What a question asks for, within a sentence.
fn within(what: &str) -> String {
    let mut letters = what.chars();
    letters.next().map(|first| format!("the {}{}", first.to_lowercase(), letters.as_str())).unwrap_or_default()
}

/// Asks a person on the terminal. Nothing is shown of a secret that is typed.
fn ask(what: &str, instead: Instead) -> Result<String> {
    let failed = |error: std::io::Error| Fault::new(format!("the terminal cannot be read: {error}"), instead.remedy());
    let terminal = console::Term::stderr();
    if !std::io::stdin().is_terminal() || !terminal.is_term() {
        return Err(Fault::new(format!("{} is missing, and there is no terminal to ask on", within(what)), instead.remedy()));
    }
    terminal.write_str(&format!("{what}: ")).map_err(failed)?;
    let line = if let Instead::Variable(_) = instead { terminal.read_secure_line() } else { terminal.read_line() };
    let line = line.map_err(failed)?.trim().to_owned();
    if line.is_empty() {
        return Err(Fault::new(format!("{} is blank", within(what)), format!("run the command again, or {}", instead.remedy())));
    }
    Ok(line)
}

/// A secret from the environment or from a person.
fn secret(args: &Args, context: &Context, variable: &'static str, what: &str) -> Result<String> {
    if args.from_env {
        return context.environment.get(variable).ok_or_else(|| {
            Fault::new(format!("the environment variable {variable} is not set"), format!("set {variable} to {}", within(what)))
        });
    }
    ask(what, Instead::Variable(variable))
}

/// The security token of a user who logs in with a password, where there is one: trusted networks need none.
fn security_token(args: &Args, context: &Context) -> Result<Option<String>> {
    if args.from_env {
        return Ok(context.environment.get("ENTENTE_SECURITY_TOKEN"));
    }
    let failed =
        |error: std::io::Error| Fault::new(format!("the terminal cannot be read: {error}"), "run the command again, or --from-env");
    let terminal = console::Term::stderr();
    terminal.write_str("Security token (blank in a trusted network): ").map_err(failed)?;
    let line = terminal.read_secure_line().map_err(failed)?.trim().to_owned();
    Ok((!line.is_empty()).then_some(line))
}

/// What the configuration will say, with the secrets apart.
struct Plan {
    auth: Vec<(&'static str, String)>,
    kept: Kept,
    base_url: Option<String>,
    scopes: Option<Vec<String>>,
}

pub async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    let file = context.file();
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Fault::new(format!("{} cannot be read: {error}", file.display()), "check that this user may read it")),
    };
    let present = Config::parse(&file, &text, &context.environment)?;
    let name = args.name.clone().unwrap_or_else(|| args.platform.clone());
    let described = read_description(&args, &present, &name, &file)?;
    let before = present.connections.iter().find(|connection| connection.name == name).cloned();
    let base_url = address(&args, before.as_ref(), described.as_deref())?;
    let wire = HttpWire::new(before.as_ref().and_then(|before| before.proxy.as_ref()))?;
    let asked = Asked { args: &args, context, file: &file, text: &text, name: &name, base_url: &base_url, described: described.as_deref() };
    let plan = credentials_of(&asked, &wire).await?;
    let entry = entry(&args, &name, &plan, &base_url);
    let written = file::with(&text, &entry)?;
    let config = Config::parse(&file, &written, &context.environment)?;
    let Some(mut settings) = config.connections.iter().find(|connection| connection.name == name).cloned() else {
        return Err(Fault::new("the connection cannot be read back", "report this; it is a defect"));
    };
    credentials::fill(&mut settings, Some(&plan.kept))?;

    // Nothing is written before the platform has let us in.
    let store = assemble::store(&config).await?;
    let connector = connector_of(&config, &store, settings.clone(), wire)?;
    let identity = connector.check().await.map_err(|error| {
        Fault::new(format!("{} did not let us in: {error}", args.platform), format!("{}; nothing was changed", error.advice))
    })?;
    let changed = written != text;
    credentials::keep(&store, &name, &plan.kept).await?;
    if changed {
        write_whole(&file, &written)?;
    }
    // What the platform says of the token; what it said when somebody consented, where it does not.
    let (granted, untold) = match connector.granted().await {
        Ok(Rights::Known(granted)) => (Some(granted), None),
        Ok(Rights::Unknown(why)) => (plan.scopes.clone(), Some(why.to_owned())),
        Err(error) => (plan.scopes.clone(), Some(format!("it could not be asked: {error}"))),
    };
    let by_platform = untold.is_none();
    let rights_unknown = untold.filter(|_| granted.is_none());
    drop(connector);

    let engine = assemble::engine(&config, store).await?;
    let mut by = use_of(&engine, engine.connection(&name)?);
    // Whoever consents grants nothing of what the app has for itself: it says nothing about the journal.
    by.journal &= by_platform;
    let needs = granted.as_ref().map(|granted| entente_connect::scopes::lacking(&args.platform, &by, granted)).unwrap_or_default();
    let (wanted, needed): (Vec<&Need>, Vec<&Need>) = needs.into_iter().partition(|need| need.is_optional());
    let told = |need: &Need| Lacking { what: format!("scope {}", need.scopes[0]), without: need.without.to_owned() };
    let mut lacking: Vec<Lacking> = needed.into_iter().map(told).collect();
    lacking.extend(out_of_reach(&engine, &name).await?);
    let mut wanted: Vec<Lacking> = wanted.into_iter().map(told).collect();
    streams::try_all(&engine, engine.connection(&name)?, &mut lacking, &mut wanted).await;
    let made = provision(&args, &config, &engine, &name, context).await?;
    // Rows were read by now: Salesforce tells of its quota with answers about rows, and not with those to a sign-in.
    let budget = engine.connection(&name)?.connector.budget();
    let answer = Connected {
        connection: name,
        platform: args.platform.clone(),
        base_url: settings.base_url.to_string(),
        user: identity.user,
        organization: identity.organization,
        lacking,
        wanted,
        rights_unknown,
        calls_left: budget.remaining,
        calls_limit: budget.limit,
        file,
        changed,
        fields_made: made.fields,
        fields_missing: made.missing,
        refused: made.refused,
        webhooks: made.webhooks,
    };
    context.output.show(&answer, text_of)?;
    Ok(if answer.lacking.is_empty() && !made.is_incomplete { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn read_description(args: &Args, present: &Config, name: &str, file: &std::path::Path) -> Result<Option<Arc<Description>>> {
    if args.platform != description::DESCRIBED {
        let known = || registry::ALL.iter().map(|platform| platform.spec.key);
        if !known().any(|key| key == args.platform) {
            let remedy = format!("use one of: {}", known().collect::<Vec<_>>().join(", "));
            return Err(Fault::new(format!("there is no platform `{}`", args.platform), remedy));
        }
        return Ok(None);
    }
    let Some(path) = &args.description else {
        let before = present.connections.iter().find(|connection| connection.name == name).and_then(|before| before.description.clone());
        return before.map(Some).ok_or_else(|| {
            Fault::new(
                "the platform `rest` needs --description",
                "name the YAML file that describes it; docs/connectors.md shows how one is written",
            )
        });
    };
    let folder = file.parent().unwrap_or(std::path::Path::new("."));
    let full = folder.join(path);
    let text = std::fs::read_to_string(&full)
        .map_err(|error| Fault::new(format!("{} cannot be read: {error}", full.display()), "check the path"))?;
    let read = description::check(&full, &text).map_err(crate::config::flaw::Flaws)?;
    Ok(Some(Arc::new(read)))
}

/// The address: as given, as it was, as described, the vendor's only one, or as a person says.
fn address(args: &Args, before: Option<&ConnectionSettings>, described: Option<&Description>) -> Result<String> {
    let only = match args.platform.as_str() {
        "hubspot" => Some("https://api.hubapi.com"),
        "pipedrive" => Some("https://api.pipedrive.com"),
        "intercom" => Some("https://api.intercom.io"),
        _ => None,
    };
    let known = args
        .base_url
        .clone()
        .or_else(|| before.map(|before| before.base_url.to_string()))
        .or_else(|| described.and_then(|described| described.base_url.clone()))
        .or_else(|| only.map(str::to_owned));
    match known {
        Some(address) => Ok(address.trim_end_matches('/').to_owned()),
        None => {
            let such_as = match args.platform.as_str() {
                "salesforce" => "https://example.my.salesforce.com",
                "dynamics" => "https://example.crm.dynamics.com",
                "zendesk" => "https://example.zendesk.com",
                "freshdesk" => "https://example.freshdesk.com",
                _ => "https://api.example.com",
            };
            ask(&format!("Address of the account (such as {such_as})"), Instead::Option("--base-url URL"))
        }
    }
}

fn entry<'a>(args: &'a Args, name: &'a str, plan: &'a Plan, base_url: &'a str) -> Entry<'a> {
    Entry {
        name,
        platform: &args.platform,
        description: args.description.as_deref(),
        base_url: Some(plan.base_url.as_deref().unwrap_or(base_url)),
        login_url: args.login_url.as_deref(),
        auth: &plan.auth,
    }
}

/// Which way to take where none was named: a client id belongs to an app, and a key to somebody who has none.
fn usual_way(args: &Args, described: Option<&Description>) -> With {
    let (browser, key) = (ways::has_browser(&args.platform, described), ways::key(&args.platform, described).is_some());
    let client = ways::takes_client_credentials(&args.platform, described);
    match (args.with, args.client_id.is_some()) {
        (Some(with), _) => with,
        (None, false) if key => With::Key,
        (None, _) if client && !browser => With::Client,
        (None, _) => With::Browser,
    }
}

/// What is known before credentials are asked for.
struct Asked<'a> {
    args: &'a Args,
    context: &'a Context,
    /// The configuration file and its text.
    file: &'a std::path::Path,
    text: &'a str,
    name: &'a str,
    base_url: &'a str,
    described: Option<&'a Description>,
}

async fn credentials_of(asked: &Asked<'_>, wire: &HttpWire) -> Result<Plan> {
    let Asked { args, context, file, text, name, base_url, described } = *asked;
    let no = |what: &str| Fault::new(format!("{} has no {what}", args.platform), "choose another way with --with");
    let client_id =
        || args.client_id.clone().map_or_else(|| ask("Client id of your app at the platform", Instead::Option("--client-id ID")), Ok);
    match usual_way(args, described) {
        With::Key => {
            let way = ways::key(&args.platform, described).ok_or_else(|| no("key that one could copy"))?;
            let mut auth = vec![("kind", way.kind.to_owned())];
            if way.email {
                auth.push((
                    "email",
                    args.email.clone().map_or_else(|| ask("E-mail of the key's user", Instead::Option("--email EMAIL")), Ok)?,
                ));
            }
            let token = secret(args, context, "ENTENTE_TOKEN", &format!("Key ({})", way.found))?;
            Ok(Plan { auth, kept: Kept { token: Some(token), ..Kept::default() }, base_url: None, scopes: None })
        }
        With::Client => {
            if !ways::takes_client_credentials(&args.platform, described) {
                return Err(no("client credentials"));
            }
            let auth = vec![("kind", "client_credentials".to_owned()), ("client_id", client_id()?)];
            let client_secret = secret(args, context, "ENTENTE_CLIENT_SECRET", "Client secret of your app")?;
            Ok(Plan { auth, kept: Kept { client_secret: Some(client_secret), ..Kept::default() }, base_url: None, scopes: None })
        }
        With::Password => {
            if args.platform != "salesforce" {
                return Err(no("login with a password"));
            }
            let username = args.username.clone().map_or_else(|| ask("User name", Instead::Option("--username NAME")), Ok)?;
            let password = secret(args, context, "ENTENTE_PASSWORD", "Password")?;
            let security_token = security_token(args, context)?;
            let auth = vec![("kind", "password".to_owned()), ("username", username)];
            Ok(Plan { auth, kept: Kept { password: Some(password), security_token, ..Kept::default() }, base_url: None, scopes: None })
        }
        With::Browser => {
            let id = client_id()?;
            // The settings as far as they are known tell where the pages are.
            let draft = [("kind", "refresh_token".to_owned()), ("client_id", id.clone())];
            let plan = Plan { auth: draft.to_vec(), kept: Kept::default(), base_url: None, scopes: None };
            let written = file::with(text, &entry(args, name, &plan, base_url))?;
            let config = Config::parse(file, &written, &context.environment)?;
            let settings = config.connections.iter().find(|connection| connection.name == name);
            let way = settings.and_then(ways::browser).ok_or_else(|| no("page on which one could consent"))?;
            let client_secret = secret(args, context, "ENTENTE_CLIENT_SECRET", "Client secret of your app")?;
            let hidden = Secret::new(client_secret.clone());
            let through = through_server(args, &config, name)?;
            let granted =
                browser::sign_in(&way, &id, &hidden, args.port, through.as_deref(), wire, |page| show_page(page, args.no_browser)).await?;
            Ok(granted_plan(args, &way, id, client_secret, granted))
        }
    }
}

/// The server's address that the app sends people back to, where it is that.
fn through_server(args: &Args, config: &Config, name: &str) -> Result<Option<String>> {
    if !args.through_server {
        return Ok(None);
    }
    let public = config.public_url.as_ref().ok_or_else(|| {
        Fault::new(
            "--through-server needs the address under which the server is reached, and there is none",
            "set server.public_url, and register PUBLIC_URL/callback/NAME as the app's redirect address",
        )
    })?;
    Ok(Some(format!("{}{}{name}", public.as_str().trim_end_matches('/'), callback::PATH)))
}

fn granted_plan(args: &Args, way: &ways::BrowserWay, client_id: String, client_secret: String, granted: Granted) -> Plan {
    let Granted { access, refresh, scopes, instance } = granted;
    let lasting = way.kind == "access_token";
    let (auth, kept) = match refresh.filter(|_| !lasting) {
        Some(refresh) => (
            vec![("kind", "refresh_token".to_owned()), ("client_id", client_id)],
            Kept { client_secret: Some(client_secret), refresh_token: Some(refresh.reveal().to_owned()), ..Kept::default() },
        ),
        // Nothing to renew it with: it serves as long as it does.
        None => (vec![("kind", "access_token".to_owned())], Kept { token: Some(access.reveal().to_owned()), ..Kept::default() }),
    };
    // The login host gives tokens for the organisation's own.
    let at_login = args.platform == "salesforce" && args.base_url.is_none();
    Plan { auth, kept, base_url: instance.filter(|_| at_login).map(|url| url.as_str().trim_end_matches('/').to_owned()), scopes }
}

/// Shows the page to consent on, and opens it.
fn show_page(page: &Url, shown_only: bool) {
    let text = format!("Open this address to let Entente in:\n\n{page}\n\nWaiting for you to agree there …\n");
    // Whoever closed standard error sees the browser.
    let _closed = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    if shown_only {
        return;
    }
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // A machine without a browser has the address to copy.
    let _absent = std::process::Command::new(opener)
        .arg(page.as_str())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
}

fn connector_of(config: &Config, store: &Store, settings: ConnectionSettings, wire: HttpWire) -> Result<Arc<dyn Connector>> {
    let surroundings = Surroundings {
        wire: Arc::new(wire),
        time: Arc::new(MachineTime),
        vault: Arc::new(StoreVault::new(store.clone())?),
        latency_target: Duration::from_millis(config.sync.latency_target_ms),
    };
    Ok(registry::connect(settings, surroundings)?)
}

/// The file, whole or as it was.
fn write_whole(path: &std::path::Path, text: &str) -> Result<()> {
    use std::io::Write;
    let failed =
        |error: std::io::Error| Fault::new(format!("{} cannot be written: {error}", path.display()), "check the folder's permissions");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)?;
    new.as_file().sync_all().map_err(failed)?;
    if let Ok(present) = std::fs::metadata(path) {
        std::fs::set_permissions(new.path(), present.permissions()).map_err(failed)?;
    }
    new.persist(path).map(drop).map_err(|error| failed(error.error))
}

/// What decides which rights a connection needs: how its session is renewed, and what its mappings name.
pub(super) fn use_of(engine: &Engine, connection: &Connection) -> Use {
    let reads = engine.catalog().reads(&connection.name);
    let names = reads.into_iter().flat_map(|(object, fields)| std::iter::once(object).chain(fields)).collect();
    Use {
        renewed: entente_connect::scopes::is_renewed(&connection.settings.auth),
        journal: connection.settings.hubspot.changes == HubSpotChanges::Journal,
        names,
    }
}

/// Objects of the mappings that our user cannot read: one page of each is asked for.
pub(super) async fn out_of_reach(engine: &Engine, name: &str) -> Result<Vec<Lacking>> {
    let connection = engine.connection(name)?;
    let mut remote: Vec<String> = engine.catalog().mappings(name).iter().map(|mapped| mapped.mapping().remote.clone()).collect();
    remote.sort();
    remote.dedup();
    let mut lacking = Vec::new();
    for object in remote {
        let spec = entente_connect::look::ReadSpec { object: object.clone(), fields: Vec::new() };
        let read = connection.connector.page(&spec, None, entente_connect::connector::Priority::Urgent).await;
        if let Err(error) = read {
            lacking.push(Lacking {
                what: format!("reading {object}: {error}"),
                without: format!("nothing of {object} is synced; {}", error.advice),
            });
        }
    }
    Ok(lacking)
}

/// What was made for a connection.
struct Made {
    fields: usize,
    missing: usize,
    refused: Vec<Lacking>,
    webhooks: Option<String>,
    /// Whether something is missing although it was to be made.
    is_incomplete: bool,
}

async fn provision(args: &Args, config: &Config, engine: &Engine, name: &str, context: &Context) -> Result<Made> {
    let public_url = config.public_url.as_ref().map(Url::as_str);
    let count = |needs: &[entente_engine::sync::provision::Need], state: &str| needs.iter().filter(|need| need.state == state).count();
    let connection = engine.connection(name)?;
    let mut needs = entente_engine::sync::provision::provision_one(engine, connection, false).await?;
    let missing = count(&needs, "missing");
    let wanted = args.provision
        || (missing > 0 && !context.output.is_json() && std::io::stdin().is_terminal() && {
            let question = format!("{missing} fields are missing at {name}. Make them, and the webhooks, now? (yes/no)");
            let answer = ask(&question, Instead::Option("--provision"))?;
            answer.to_lowercase().starts_with('y')
        });
    if wanted {
        needs = entente_engine::sync::provision::provision_one(engine, connection, true).await?;
    }
    let webhooks =
        entente_engine::sync::provision::subscriptions::one(engine, connection, public_url, wanted, &super::provision::fresh_secret)
            .await?;
    let (fields, missing) = (count(&needs, "created"), count(&needs, "missing") + count(&needs, "refused"));
    let refused = needs.into_iter().filter(|need| need.state == "refused");
    let told = |need: entente_engine::sync::provision::Need| Lacking {
        what: format!("{}.{}", need.object, need.field),
        without: need.note.unwrap_or_default(),
    };
    let mut refused: Vec<Lacking> = refused.map(told).collect();
    if webhooks.state == "refused" {
        refused.push(Lacking { what: "webhooks".to_owned(), without: webhooks.note.clone().unwrap_or_default() });
    }
    Ok(Made {
        fields,
        missing,
        refused,
        is_incomplete: wanted && (missing > 0 || matches!(webhooks.state.as_str(), "missing" | "refused")),
        webhooks: Some(webhooks.state),
    })
}

fn text_of(connected: &Connected) -> String {
    let at = if connected.organization.is_empty() { String::new() } else { format!(" at {}", connected.organization) };
    let mut text = format!("{} ({}): signed in as {}{at}.\n", connected.connection, connected.base_url, connected.user);
    match (connected.calls_left, connected.calls_limit) {
        (Some(left), Some(limit)) => text.push_str(&format!("  quota     {left} of {limit} API calls are left\n")),
        (Some(left), None) => text.push_str(&format!("  quota     {left} API calls are left\n")),
        _ => text.push_str("  quota     the platform names none\n"),
    }
    if let Some(why) = &connected.rights_unknown {
        text.push_str(&format!("  rights    what it may do is not known: {why}\n"));
    }
    let file = connected.file.display();
    text.push_str(&if connected.changed { format!("  written   {file}\n") } else { format!("  unchanged {file}\n") });
    text.push_str("  secrets   in the database, encrypted\n");
    text.push_str(&format!("  fields    {} made, {} missing\n", connected.fields_made, connected.fields_missing));
    if let Some(webhooks) = &connected.webhooks {
        text.push_str(&format!("  webhooks  {}\n", webhooks.replace('_', " ")));
    }
    for lacking in &connected.lacking {
        text.push_str(&format!("\nmissing: {}\n  without it: {}\n", lacking.what, lacking.without));
    }
    for wanted in &connected.wanted {
        text.push_str(&format!("\ncould be granted: {}\n  without it: {}\n", wanted.what, wanted.without));
    }
    for refused in &connected.refused {
        text.push_str(&format!("\nnot made: {}\n  {}\n", refused.what, refused.without));
    }
    if connected.fields_missing > 0 || connected.webhooks.as_deref() == Some("missing") {
        text.push_str("\nMake what is missing with `entente provision --apply`.\n");
    }
    text.push_str("\nA server that runs takes this up when it is started again. Check everything with `entente doctor`.\n");
    text
}
