use std::time::Instant;

use serde_json::json;

use super::*;

#[tokio::test]
#[ignore = "measures the machine; needs an optimised build"]
async fn writes_keep_up() {
    let world = World::new(Profile::instant());
    let by = world.person();
    let from = Instant::now();
    for turn in 0..20_000 {
        let given = json!({"name": format!("Person {turn}"), "email": format!("p{turn}@x.example"), "external_id": format!("E{turn}"), "tags": ["a", "b"]});
        world.sim.create_user(&fields(given), by).unwrap();
    }
    let direct = 20_000.0 / from.elapsed().as_secs_f64();
    let from = Instant::now();
    for turn in 0..5_000 {
        let body = json!({"user": {"external_id": format!("e{turn}"), "notes": format!("n{turn}")}});
        assert_eq!(world.ask("POST", "users/create_or_update", body).await.status, 200);
    }
    let called = 5_000.0 / from.elapsed().as_secs_f64();
    let from = Instant::now();
    let page = world.get("incremental/users/cursor?start_time=0").await;
    assert_eq!(ids(&page.body["users"]).len(), 1_000);
    println!("{direct:.0} direct writes/s, {called:.0} calls/s, page of 1,000 in {:?}", from.elapsed());
    assert!(direct > 2_000.0 && called > 2_000.0);
}
