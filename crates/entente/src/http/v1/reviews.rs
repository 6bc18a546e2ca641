//! Reviews: pairs of records that may be one customer.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use entente_engine::records::reviews::{self, Review, ReviewPage, ReviewQuery};
use entente_store::Viewer;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Path, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/reviews", get(list))
        .route("/api/v1/reviews/{id}", get(get_one))
        .route("/api/v1/reviews/{id}/accept", post(accept))
        .route("/api/v1/reviews/{id}/reject", post(reject))
}

/// Reviews, newest first; the waiting ones unless a state is given.
#[utoipa::path(get, operation_id = "list_reviews", path = "/api/v1/reviews", tag = "sync", params(ReviewQuery), responses((status = 200, description = "A page of reviews", body = ReviewPage), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn list(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<ReviewQuery>,
) -> Result<Json<ReviewPage>, ApiError> {
    Ok(Json(reviews::list(&app.engine, &viewer, query).await?))
}

/// One review with every field of both records.
#[utoipa::path(get, path = "/api/v1/reviews/{id}", tag = "sync", operation_id = "get_review", params(("id" = String, Path, description = "Review id")), responses((status = 200, description = "The review", body = Review), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn get_one(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<Review>, ApiError> {
    Ok(Json(reviews::show(&app.engine, &viewer, &id).await?))
}

/// Decides that both are one: the first takes the other's counterparts over. Where both have a row at one platform, that platform merges them.
#[utoipa::path(post, operation_id = "accept_review", path = "/api/v1/reviews/{id}/accept", tag = "sync", params(("id" = String, Path, description = "Review id")), responses((status = 200, description = "The review as decided", body = Review), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn accept(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<Review>, ApiError> {
    Ok(Json(reviews::accept(&app.engine, &viewer, &id).await?))
}

/// Decides that they are two. It is not asked again.
#[utoipa::path(post, operation_id = "reject_review", path = "/api/v1/reviews/{id}/reject", tag = "sync", params(("id" = String, Path, description = "Review id")), responses((status = 200, description = "The review as decided", body = Review), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn reject(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<Review>, ApiError> {
    Ok(Json(reviews::reject(&app.engine, &viewer, &id).await?))
}
