//! What time itself says on a stream.

use std::time::Duration;

use kairos_core::sync::request::Request;
use tokio::time::{Instant, sleep, timeout};

use super::super::session::Session;
use super::super::streams::Streams;
use super::*;
use crate::auth::Client;

/// Without a network, so that time can pass by itself; the stream is pulled as its connection would.
#[tokio::test]
async fn a_client_hears_every_twenty_seconds_that_the_hub_is_there() {
    let house = House::new().await;
    tokio::time::pause();
    for (expires_at, first) in [(None, 900), (Some(NOON + 3_600_000), 900)] {
        let streams = std::sync::Arc::<Streams>::default();
        let user = UserId::new(house.ada.user.as_str()).unwrap();
        let place = streams.enter(&user, "phone").unwrap();
        let caller = house.hub.auth().principal(&house.ada.token).await.unwrap();
        let client = Client { caller, expires_at };
        let (store, auth) = (house.hub.store(), house.hub.auth());
        let mut session =
            Session::open(store, auth, client, Request::parse(b"{}").unwrap(), place, false).await.unwrap();
        let checkpoint = session.next().await.unwrap();
        assert!(String::from_utf8_lossy(&checkpoint).ends_with("\"}}\n"), "complete");
        for _ in 0..5 {
            let begun = Instant::now();
            let line = session.next().await.unwrap();
            let told: Value = serde_json::from_slice(&line).unwrap();
            let seconds = told["token_expires_in"].as_i64().unwrap();
            assert!(seconds == first || expires_at.is_some() && seconds == 3600, "{told}");
            let after = begun.elapsed();
            assert!((Duration::from_secs(18)..=Duration::from_secs(23)).contains(&after), "{after:?}");
        }
        // Whoever comes back late from taking the last line hears it at once.
        sleep(Duration::from_secs(60)).await;
        assert!(timeout(Duration::from_secs(1), session.next()).await.is_ok());
    }
}
