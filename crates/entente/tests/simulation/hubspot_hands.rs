//! By whose hand a property was changed at HubSpot. Its record names the user who changed it last, whatever it was; rules go by the history of the
//! property that is contested.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use entente_engine::records::conflicts::{self, Conflict, ConflictQuery};
use entente_sims::hubspot::{Hand, HubSpot, HubSpotOptions};
use entente_sims::profile::Profile;
use entente_store::Viewer;
use serde_json::json;

use crate::hub::fields;
use crate::pairs::hubspot;
use crate::pairs::pair::Pair;
use crate::pairs::side::{Company, start};

/// Minutes after which polls have seen everything.
const SEEN_IN: i64 = 40;
const NELL: &str = "nell@upwind.example";

struct Story {
    pair: Pair,
    portal: HubSpot,
    upwind: Company,
    /// How many questions for histories go unanswered from now on.
    silent: Arc<AtomicUsize>,
}

/// Answers everything but the next questions for histories.
async fn unless_silent(silent: Arc<AtomicUsize>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let asks = String::from_utf8_lossy(&body).contains("propertiesWithHistory");
    let one_less = |left: usize| left.checked_sub(1);
    if asks && silent.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
        return http::StatusCode::BAD_GATEWAY.into_response();
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

impl Story {
    /// A customer whom both platforms know by the same number.
    async fn begin() -> Self {
        let mut portal = None;
        let silent = Arc::new(AtomicUsize::new(0));
        let pair = Pair::with(|clock| {
            let opened = HubSpot::new(HubSpotOptions::new(clock.clone(), Profile::instant(), 5));
            portal = Some(opened.clone());
            let mut crm = hubspot::open(opened);
            let silent = Arc::clone(&silent);
            crm.router = crm.router.layer(from_fn(move |request, next| unless_silent(Arc::clone(&silent), request, next)));
            (crm, start("zendesk", clock))
        })
        .await;
        let upwind = pair.sales.company("Upwind", true, "Nell", "Newby", NELL);
        let mut story = Self { pair, portal: portal.unwrap(), upwind, silent };
        story.portal.update("contacts", &story.upwind.contact, &fields(json!({"phone": "+14155550100"})), story.rep(0)).unwrap();
        story.pair.pass(SEEN_IN).await;
        story
    }

    fn rep(&self, at: usize) -> Hand {
        Hand::Person(self.portal.owners()[at].user_id)
    }

    /// Somebody changes Nell's row at the portal; a minute goes by.
    async fn change(&mut self, row: serde_json::Value, by: Hand) {
        self.portal.update("contacts", &self.upwind.contact, &fields(row), by).unwrap();
        self.pair.pass(1).await;
    }

    async fn conflicts(&self, state: Option<&str>) -> Vec<Conflict> {
        let query = ConflictQuery { state: state.map(str::to_owned), ..ConflictQuery::default() };
        conflicts::list(&self.pair.engine, &Viewer::system(), query).await.unwrap().items
    }

    /// An agent gives Nell another number, and the polls see everything. The number of both platforms then, and the conflict.
    async fn contested(&mut self) -> (String, Conflict) {
        let person = self.pair.agents.person(NELL).unwrap();
        self.pair.agents.call(&person.id, "+14155550222");
        self.pair.pass(SEEN_IN).await;
        let found = self.conflicts(Some("resolved")).await;
        let trouble = self.pair.trouble().await;
        let phone = found.into_iter().find(|one| one.field == "phone").unwrap_or_else(|| panic!("nothing was contested; {trouble}"));
        (self.pair.sales.shown(&self.upwind.contact).1, phone)
    }
}

/// Whose hand it was at the portal, and which user's.
fn at_hubspot(conflict: &Conflict) -> (Option<&str>, Option<&str>) {
    let side = conflict.sides.iter().find(|side| side.side == "hubspot").unwrap();
    (side.by.as_deref(), side.who.as_deref())
}

fn rule(conflict: &Conflict) -> Option<&str> {
    conflict.resolved.as_ref()?.by.as_deref()
}

#[tokio::test]
async fn what_the_customer_entered_in_a_form_goes_first_though_a_seller_had_the_row_before_and_after() {
    let mut story = Story::begin().await;
    let form = story.portal.make_form(&fields(json!({"name": "Call me"}))).unwrap();
    story.change(json!({"jobtitle": "Pilot"}), story.rep(0)).await;
    let sent = json!({"fields": [{"name": "email", "value": NELL}, {"name": "phone", "value": "+14155550111"}]});
    story.portal.submit(&form, &sent).unwrap();
    story.pair.pass(1).await;
    story.change(json!({"jobtitle": "Chief pilot"}), story.rep(0)).await;
    let (phone, conflict) = story.contested().await;
    assert_eq!((phone.as_str(), rule(&conflict)), ("+14155550111", Some("rule self_service")), "{conflict:?}");
    assert_eq!(at_hubspot(&conflict), (Some("customer"), None));
}

#[tokio::test]
async fn what_a_workflow_or_another_app_entered_is_not_the_seller_s_who_had_the_row_before() {
    for hand in [Hand::Workflow, Hand::App(7)] {
        let mut story = Story::begin().await;
        story.change(json!({"jobtitle": "Pilot"}), story.rep(0)).await;
        story.change(json!({"phone": "+14155550111"}), hand).await;
        let (phone, conflict) = story.contested().await;
        assert_eq!((phone.as_str(), rule(&conflict)), ("+14155550222", Some("rule latest")), "{conflict:?}");
        assert_eq!(at_hubspot(&conflict), (Some("automation"), None));
    }
}

#[tokio::test]
async fn a_seller_s_own_change_of_contact_data_is_told_with_the_seller_s_name_and_its_own_time() {
    let mut story = Story::begin().await;
    let began = story.pair.engine.now();
    story.change(json!({"phone": "+14155550111"}), story.rep(1)).await;
    story.change(json!({"jobtitle": "Pilot"}), story.rep(0)).await;
    let (phone, conflict) = story.contested().await;
    assert_eq!((phone.as_str(), rule(&conflict)), ("+14155550111", Some("rule sales_contact")), "{conflict:?}");
    assert_eq!(at_hubspot(&conflict), (Some("sales"), Some("Eli Moreno")));
    let entered = conflict.sides.iter().find(|side| side.side == "hubspot").and_then(|side| side.at).unwrap();
    assert!((entered.as_millisecond() - began.as_millisecond()).abs() < 5_000, "not the minute of the title: {entered}, {began}");
}

#[tokio::test]
async fn while_the_history_is_silent_the_title_flows_and_the_number_waits_for_the_customer_s_word_to_count() {
    let mut story = Story::begin().await;
    let form = story.portal.make_form(&fields(json!({"name": "Call me"}))).unwrap();
    let sent = json!({"fields": [{"name": "email", "value": NELL}, {"name": "phone", "value": "+14155550111"}]});
    story.portal.submit(&form, &sent).unwrap();
    story.pair.pass(1).await;
    story.silent.store(usize::MAX, Ordering::SeqCst);
    story.change(json!({"lastname": "Newby-Lark"}), story.rep(0)).await;
    let person = story.pair.agents.person(NELL).unwrap();
    story.pair.agents.call(&person.id, "+14155550222");
    // Past the next poll, and not past the last try.
    story.pair.pass(20).await;
    assert_eq!(story.pair.agents.person(NELL).unwrap().name, "Nell Newby-Lark", "{}", story.pair.trouble().await);
    assert_eq!(story.pair.sales.shown(&story.upwind.contact).1, "+14155550111");
    let waits = |found: &[Conflict]| found.iter().any(|one| one.field == "phone");
    assert!(!waits(&story.conflicts(None).await), "nobody has judged it yet");

    story.silent.store(0, Ordering::SeqCst);
    story.pair.pass(SEEN_IN).await;
    let found = story.conflicts(Some("resolved")).await;
    let phone = found.iter().find(|one| one.field == "phone").unwrap();
    assert_eq!(rule(phone), Some("rule self_service"), "{phone:?}");
    assert_eq!(at_hubspot(phone), (Some("customer"), None));
    assert_eq!(story.pair.trouble().await, "");
}
