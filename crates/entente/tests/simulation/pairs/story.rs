//! The main flows, as every pair has to master them.

use entente_connect::capability::Happening;
use entente_store::LinkState;

use super::pair::Pair;
use super::side::{Company, Person};

/// Minutes after which polls have seen everything: an interval, and what follows.
const SEEN_IN: i64 = 40;

async fn person(pair: &Pair, email: &str) -> Person {
    match pair.agents.person(email) {
        Some(person) => person,
        None => panic!("nobody of {email} at the desk; {}", pair.trouble().await),
    }
}

/// The support profile of a company is there, and the CRM knows its id.
async fn profiled(pair: &Pair, company: &Company, name: &str, email: &str) -> Person {
    let person = person(pair, email).await;
    let Some(id) = &person.company else { panic!("{email} is at no company of the desk; {}", pair.trouble().await) };
    assert_eq!(pair.agents.company(id).as_deref(), Some(name));
    assert_eq!(pair.sales.support_id(&company.id).as_ref(), Some(id), "the desk's id is in the CRM; {}", pair.trouble().await);
    person
}

pub async fn the_main_flows(crm: &str, desk: &str) {
    let mut pair = Pair::of(crm, desk).await;
    let (companies, people) = pair.agents.counts();
    // A first sync of what is there.
    let there: Vec<(Company, &str, &str, &str)> = [
        ("Northwind", "Maria", "Lindquist", "maria@northwind.example"),
        ("Southwind", "Ben", "Alm", "ben@southwind.example"),
        ("Eastwind", "Zoë", "Łukasz", "zoe@eastwind.example"),
    ]
    .into_iter()
    .map(|(name, first, last, email)| (pair.sales.company(name, true, first, last, email), name, last, email))
    .collect();
    pair.pass(2 * SEEN_IN).await;
    for (company, name, last, email) in &there {
        let person = profiled(&pair, company, name, email).await;
        assert!(person.name.ends_with(last), "{person:?}");
    }

    // Edits each way.
    let (northwind, _, _, email) = &there[0];
    let maria = person(&pair, email).await;
    pair.sales.rename(&northwind.contact, "Maria", "Lindqvist");
    pair.pass(SEEN_IN).await;
    assert_eq!(person(&pair, email).await.name, "Maria Lindqvist", "{}", pair.trouble().await);
    pair.agents.call(&maria.id, "+46812345678");
    pair.pass(SEEN_IN).await;
    let (name, phone) = pair.sales.shown(&northwind.contact);
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    assert!(name.ends_with("Lindqvist") && digits.ends_with("812345678"), "{name} {phone}; {}", pair.trouble().await);

    // From here on the platforms tell what happens, where they can: what they tell of arrives before any poll.
    pair.listen().await;
    let contacts = pair.tells(crm, "contact", Happening::Changed, None);
    pair.does(crm, contacts, SEEN_IN, |pair| pair.sales.rename(&northwind.contact, "Maria", "Lindgren")).await;
    assert_eq!(person(&pair, email).await.name, "Maria Lindgren", "{}", pair.trouble().await);
    let phones = pair.tells(desk, "contact", Happening::Changed, Some("phone"));
    pair.does(desk, phones, SEEN_IN, |pair| pair.agents.call(&maria.id, "+46812345679")).await;
    let (name, phone) = pair.sales.shown(&northwind.contact);
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    assert!(name.ends_with("Lindgren") && digits.ends_with("812345679"), "{name} {phone}; {}", pair.trouble().await);

    // A new customer.
    let customers = ["account", "contact"].iter().all(|object| pair.tells(crm, object, Happening::Created, None));
    let westwind =
        pair.does(crm, customers, SEEN_IN, |pair| pair.sales.company("Westwind", true, "Erik", "Nyman", "erik@westwind.example")).await;
    profiled(&pair, &westwind, "Westwind", "erik@westwind.example").await;

    // A deal is won: what was nobody's business at the desk becomes a support profile with a checklist.
    let upwind = pair.sales.company("Upwind", false, "Nell", "Newby", "nell@upwind.example");
    let deal = pair.sales.deal(&upwind, "Upwind, first year");
    pair.pass(SEEN_IN).await;
    assert_eq!((pair.agents.person("nell@upwind.example"), pair.sales.support_id(&upwind.id)), (None, None), "a prospect");
    let deals = pair.tells(crm, "opportunity", Happening::Changed, None);
    pair.does(crm, deals, SEEN_IN, |pair| pair.sales.win(&deal)).await;
    profiled(&pair, &upwind, "Upwind", "nell@upwind.example").await;
    let checklists = pair.agents.tickets().into_iter().filter(|subject| subject == "Onboarding: Upwind").count();
    assert_eq!(checklists, 1, "{:?}; {}", pair.agents.tickets(), pair.trouble().await);

    // A lead is kept, and nobody at the desk hears of it.
    if pair.engine.catalog().mapped(crm, "lead").is_some() {
        let leads = pair.tells(crm, "lead", Happening::Created, None);
        let called = pair.does(crm, leads, SEEN_IN, |pair| pair.sales.lead(&upwind, "Berg", "lena@lull.example")).await;
        assert_eq!((pair.leads().await, pair.agents.person("lena@lull.example")), (vec![called], None), "{}", pair.trouble().await);
    }

    // What sales talk about is told at the desk.
    let activities = pair.tells(crm, "activity", Happening::Created, None);
    pair.does(crm, activities, SEEN_IN, |pair| pair.sales.phoned(northwind, "They want a second seat")).await;
    let told = pair.agents.context(maria.company.as_ref().unwrap());
    assert!(told.contains("They want a second seat"), "{told:?}; {}", pair.trouble().await);

    // A ticket becomes an activity of the company.
    let tickets = ["case", "activity"].iter().any(|object| pair.tells(desk, object, Happening::Created, None));
    pair.does(desk, tickets, SEEN_IN, |pair| pair.agents.ask(&maria, "The printer smokes")).await;
    let told = pair.sales.activities(&northwind.id);
    assert_eq!(told.iter().filter(|subject| subject.contains("The printer smokes")).count(), 1, "{told:?}; {}", pair.trouble().await);

    departures(&mut pair, crm, northwind).await;

    // In the end everything agrees, nothing failed on the way, and nobody is there twice.
    pair.pass(3 * SEEN_IN).await;
    assert_eq!(pair.trouble().await, "");
    assert_eq!(pair.sales.counts(), (5, 5), "companies and contacts of the CRM");
    let (companies_now, people_now) = pair.agents.counts();
    assert_eq!((companies_now - companies, people_now - people), (5, 7), "companies and people of the desk, the two of who went included");
}

/// One contact of a company is deleted in the CRM, and two others turn out to be one person. The desk's people stay, whatever is told or shown of
/// it, and nobody comes back to the CRM.
async fn departures(pair: &mut Pair, crm: &str, company: &Company) {
    let (deletions, merges) = pair.told(crm);
    let erik = pair.sales.further(company, "Erik", "Holm", "holm@northwind.example");
    let twin = pair.sales.further(company, "Maja", "Lindqvist", "maja@northwind.example");
    pair.pass(SEEN_IN).await;
    let known = [person(pair, "holm@northwind.example").await, person(pair, "maja@northwind.example").await];

    // As long as the platform's own list of what is gone is let be, and as polls take beside.
    let seen_in = i64::try_from(deletions.poll.unwrap_or_default().as_secs() / 60).unwrap() + SEEN_IN;
    pair.does(crm, deletions.webhook, seen_in, |pair| pair.sales.delete(&erik)).await;
    if deletions.webhook || deletions.poll.is_some() {
        assert_eq!(pair.link(crm, &erik).await, Some(LinkState::Deleted), "{}", pair.trouble().await);
    }
    assert_eq!(person(pair, "holm@northwind.example").await, known[0], "who is deleted in the CRM stays at the desk");

    let stays = pair.does(crm, merges.webhook, seen_in, |pair| pair.sales.merge(&twin, &company.contact)).await;
    if merges.webhook || merges.poll.is_some() {
        let why = format!("merged at {crm}, and both are still there elsewhere");
        assert_eq!(pair.questions().await, [why], "the desk's two people are a person's to merge; {}", pair.trouble().await);
    }
    assert_eq!(person(pair, "maja@northwind.example").await, known[1], "nobody is merged at the desk without being asked");
    assert_eq!(pair.link(crm, &stays).await, Some(LinkState::Present), "who stays is linked; {}", pair.trouble().await);
}
