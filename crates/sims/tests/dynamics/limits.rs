//! Service protection.

use crate::company::Company;

#[tokio::test]
async fn a_window_of_five_minutes_is_refused_with_a_pause_that_grows_for_those_who_push() {
    let company = Company::with(|options| options.profile.quota = 3);
    for left in ["2", "1", "0"] {
        let reply = company.get("/api/data/v9.2/WhoAmI", "").await;
        assert_eq!(reply.header("x-ms-ratelimit-burst-remaining-xrm-requests"), left);
    }
    company.pass(100);
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let refused = company.get("/api/data/v9.2/WhoAmI", "").await;
        assert_eq!((refused.status, refused.body["error"]["code"].as_str().unwrap()), (429, "0x80072322"));
        pauses.push(refused.header("retry-after").parse::<i64>().unwrap());
    }
    assert_eq!(pauses, [200, 201, 202]);
    company.pass(201);
    assert_eq!(company.get("/api/data/v9.2/WhoAmI", "").await.status, 200);
}

#[tokio::test]
async fn bulk_work_is_limited_by_the_time_it_takes() {
    let company = Company::with(|options| options.profile.limits = true);
    let targets: Vec<String> =
        (0..1_000).map(|n| format!(r#"{{"@odata.type":"Microsoft.Dynamics.CRM.account","name":"Company {n}"}}"#)).collect();
    let body = format!(r#"{{"Targets":[{}]}}"#, targets.join(","));
    let mut refused = None;
    for _ in 0..40 {
        let reply = company.send("POST", "/api/data/v9.2/accounts/Microsoft.Dynamics.CRM.CreateMultiple", &[], &body).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.body["error"]["code"], "0x80072321");
    assert_eq!(refused.header("x-ms-ratelimit-time-remaining-xrm-requests"), "0,000");
}

#[tokio::test]
async fn a_bulk_message_takes_as_long_as_its_rows_do() {
    let company = Company::with(|options| options.profile.row_ms = 10);
    let send = async |message: &str, target: &str| {
        let targets = vec![target.to_owned(); 100].join(",");
        let path = format!("/api/data/v9.2/accounts/Microsoft.Dynamics.CRM.{message}");
        company.send("POST", &path, &[], &format!(r#"{{"Targets":[{targets}]}}"#)).await
    };
    let made = send("CreateMultiple", r#"{"@odata.type":"Microsoft.Dynamics.CRM.account","name":"Acme"}"#).await;
    assert_eq!((made.status, made.header("x-sim-more-ms")), (200, "1000"));
    let id = company.account("Acme");
    let target = format!(r#"{{"@odata.type":"Microsoft.Dynamics.CRM.account","accountid":"{id}","name":"Acme Ltd"}}"#);
    let changed = send("UpdateMultiple", &target).await;
    assert_eq!((changed.status, changed.header("x-sim-more-ms")), (204, "3000"));
    // A row by itself takes no longer than a call.
    assert_eq!(company.get("/api/data/v9.2/accounts", "").await.header("x-sim-more-ms"), "");
}
