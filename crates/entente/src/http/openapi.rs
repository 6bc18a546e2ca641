//! The description of the API. The web app's types are made from it.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::{callback, error, health, hooks, metrics, v1};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Entente", description = "Keeps one customer the same everywhere."),
    paths(
        v1::dashboard::dashboard,
        v1::records::list,
        v1::records::get_one,
        v1::records::history,
        v1::records::blame,
        v1::records::as_of,
        v1::undo::plan,
        v1::undo::undo,
        v1::unmerge::plan,
        v1::unmerge::unmerge,
        v1::conflicts::list,
        v1::conflicts::resolve,
        v1::conflicts::resolve_several,
        v1::conflicts::acknowledge,
        v1::conflict_rules::statistics,
        v1::conflict_rules::proposed,
        v1::conflict_rules::adopt,
        v1::conflict_rules::decline,
        v1::conflict_rules::rules,
        v1::conflict_rules::withdraw,
        v1::reviews::list,
        v1::reviews::get_one,
        v1::reviews::accept,
        v1::reviews::reject,
        v1::mappings::list,
        v1::mappings::fields,
        v1::mappings::versions,
        v1::mappings::check,
        v1::mappings::save,
        v1::mappings::activate,
        v1::dead_letters::list,
        v1::dead_letters::get_one,
        v1::dead_letters::retry,
        v1::dead_letters::retry_many,
        v1::dead_letters::edit,
        v1::dead_letters::discard,
        v1::rollouts::list,
        v1::rollouts::draft,
        v1::rollouts::try_out,
        v1::rollouts::advance,
        v1::rollouts::back,
        v1::rollouts::verify,
        v1::schema::list,
        v1::schema::get_one,
        v1::schema::check,
        v1::schema::apply,
        v1::schema::accept,
        v1::platforms::list,
        v1::platforms::get_one,
        v1::platforms::staleness,
        v1::actions::offered,
        v1::actions::act,
        v1::actions::waiting,
        v1::actions::currencies,
        v1::holds::list,
        v1::holds::get_one,
        v1::holds::release,
        v1::holds::put_back,
        v1::alerts::list,
        v1::alerts::channels,
        v1::alerts::test,
        v1::reports::report,
        v1::reports::quality,
        v1::resync::resync,
        v1::plan::plan,
        v1::reconciliation::status,
        v1::reconciliation::start,
        v1::reconciliation::certificate,
        v1::privacy::list,
        v1::privacy::erase,
        v1::privacy::get_one,
        v1::privacy::confirm,
        v1::privacy::unblock,
        v1::privacy::certificate,
        v1::privacy::export_person,
        v1::events::events,
        v1::session::sign_in,
        v1::session::sign_out,
        callback::pass_on,
        callback::take_removal,
        hooks::receive,
        hooks::receive_at_secret_path,
        health::live,
        health::ready,
        metrics::metrics,
    ),
    components(schemas(error::ErrorBody, error::ErrorDetail, v1::events::EntryEvent, v1::events::Headline, crate::report::Format)),
    modifiers(&Bearer),
    security(("token" = []), ()),
    tags(
        (name = "sync", description = "The state of the sync, and work for people"),
        (name = "records", description = "Records, their history and provenance"),
        (name = "privacy", description = "Erasures, and everything that is held about a person"),
        (name = "mappings", description = "Which field is which at each connection"),
        (name = "schema", description = "Changes of the platforms' schemas"),
        (name = "platforms", description = "What the platforms can do, and how soon a change is seen"),
        (name = "webhooks", description = "Deliveries of vendors"),
        (name = "health", description = "For supervisors and monitoring"),
    )
)]
pub struct Description;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token made with `entente token create`")).build();
        openapi.components.get_or_insert_with(Default::default).add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Answers with the document.
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_points_to_a_schema() {
        let json = serde_json::to_value(Description::openapi()).unwrap();
        let text = json.to_string();
        for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(json["components"]["schemas"][name].is_object(), "{name} is referred to but not described");
        }
    }

    #[test]
    fn every_operation_is_described() {
        let json = serde_json::to_value(Description::openapi()).unwrap();
        for (path, item) in json["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path} has no summary");
            }
        }
    }
}
