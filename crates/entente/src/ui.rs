//! The web app, built into the binary. Without it, a page that says how to build it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};
use rust_embed::RustEmbed;

/// The files of `web/dist`. In a debug build they are read from the folder, so that a fresh build shows at once.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// Shown when the web app was not built.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Entente</title></head>\n\
<body><main><h1>Entente is running</h1>\n<p>The web app is not built into this binary. UI not built: run <code>cargo xtask build</code>.</p>\n\
<p>The API is at <a href=\"/api/openapi.json\">/api/openapi.json</a>; <code>entente status</code> shows the dashboard in a terminal.</p></main></body></html>\n";

/// A year, in the seconds that caches take for "for ever": names of built files carry a hash of their content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Answers with a file of the web app; a path that is none is a page of the app.
pub async fn serve(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path).filter(|_| !path.is_empty()) {
        let cache = if path.starts_with("assets/") { IMMUTABLE } else { "no-cache" };
        return answer(file.metadata.mimetype(), cache, file.data);
    }
    // A missing file is missing; a missing page is the app's to show.
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) && path != "index.html" {
        return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "there is no such file\n").into_response();
    }
    match Files::get("index.html") {
        Some(file) => answer("text/html; charset=utf-8", "no-cache", file.data),
        None => answer("text/html; charset=utf-8", "no-cache", NOT_BUILT.as_bytes().into()),
    }
}

fn answer(kind: &str, cache: &'static str, body: std::borrow::Cow<'static, [u8]>) -> Response {
    let kind = HeaderValue::try_from(kind).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, HeaderValue::from_static(cache))], body.into_owned()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_of_the_app_is_html_and_a_missing_file_is_missing() {
        let page = serve(Uri::from_static("/records/con_1")).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
        assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(serve(Uri::from_static("/assets/gone.js")).await.status(), StatusCode::NOT_FOUND);
    }
}
