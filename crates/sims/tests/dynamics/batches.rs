//! Batches: the first error stops them, unless they are told to go on.

use crate::company::Company;

fn batch() -> String {
    let part = |body: &str| {
        format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nPOST /api/data/v9.2/accounts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
        )
    };
    format!("{}{}{}--b--\r\n", part(r#"{"name":"One"}"#), part(r#"{"nothing":"x"}"#), part(r#"{"name":"Three"}"#))
}

#[tokio::test]
async fn the_first_error_is_the_status_and_the_rest_is_not_done() {
    let company = Company::with(|_| {});
    let ty = ("content-type", "multipart/mixed; boundary=b");
    let stopped = company.send("POST", "/api/data/v9.2/$batch", &[ty], &batch()).await;
    assert_eq!((stopped.status, company.sim.count("accounts")), (400, 1));
    assert_eq!(stopped.text.matches("HTTP/1.1").count(), 2, "{}", stopped.text);
    let whole = company.send("POST", "/api/data/v9.2/$batch", &[ty, ("prefer", "odata.continue-on-error")], &batch()).await;
    assert_eq!((whole.status, company.sim.count("accounts")), (200, 3));
    assert_eq!(whole.text.matches("HTTP/1.1").count(), 3);
    assert!(whole.header("content-type").starts_with("multipart/mixed; boundary=batchresponse_"));
}

#[tokio::test]
async fn a_change_set_refers_backwards_only_and_leaves_nothing_when_it_fails() {
    let company = Company::with(|_| {});
    let part = |id: u8, path: &str, body: &str| {
        format!("--c\r\nContent-Type: application/http\r\nContent-ID: {id}\r\n\r\nPOST {path} HTTP/1.1\r\n\r\n{body}\r\n")
    };
    let forward = part(1, "/api/data/v9.2/contacts", r#"{"lastname":"A","parentcustomerid_account@odata.bind":"$2"}"#);
    let account = part(2, "/api/data/v9.2/accounts", r#"{"name":"One"}"#);
    let whole =
        |first: &str, second: &str| format!("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{first}{second}--c--\r\n--b--\r\n");
    let ty = ("content-type", "multipart/mixed; boundary=b");
    let refused = company.send("POST", "/api/data/v9.2/$batch", &[ty], &whole(&account, &forward.replace("$2", "$9"))).await;
    assert_eq!((refused.status, company.sim.count("accounts"), company.sim.count("contacts")), (400, 0, 0));
    let done = company.send("POST", "/api/data/v9.2/$batch", &[ty], &whole(&account, &forward)).await;
    assert_eq!((done.status, company.sim.count("accounts"), company.sim.count("contacts")), (200, 1, 1), "{}", done.text);
}
