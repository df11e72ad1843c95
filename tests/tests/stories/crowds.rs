//! More peers than the hub has room for: whoever has something to say is served beside them.

use std::time::Duration;

use futures_util::future::join_all;
use kairos_tests::mqtt::{Wire, press};
use kairos_tests::raw::{connect, exchange, hear};
use kairos_tests::{Button, House, Person, Screen};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// How long anybody may be kept waiting beside a crowd.
const SOON: Duration = Duration::from_secs(10);

/// A house with a person and a button; this process may open as many files as it takes to crowd it.
async fn house(wrapper: &[&str]) -> (House, Person, Button) {
    let _ = kairos_hub::net::descriptors::raise();
    let house = House::builder().under(wrapper).start().await;
    let ada = house.set_up().await;
    let habit = ada.counted_habit("Glasses", 8.0).await;
    let button = ada.button("Kitchen", &habit, "add").await;
    (house, ada, button)
}

/// Connects `count` times and says the same each time; stays.
async fn crowd(port: u16, count: usize, words: &str) -> Vec<TcpStream> {
    let one = async || {
        let mut stream = connect(port).await;
        // Whoever is shown out at once is part of the crowd too.
        let _ = stream.write_all(words.as_bytes()).await;
        stream
    };
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(join_all((0..50).map(|_| one())).await);
        // The kernel keeps few newcomers waiting: whoever comes last tells that the others were let in, or shown out.
        exchange(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", SOON).await;
    }
    all
}

/// A press is acknowledged, a page answered, and a screen let in.
async fn serves(house: &mut House, ada: &Person, button: &Button, round: &str) {
    let all = async {
        let mut wire = Wire::open(house.ports.mqtt, button).await;
        wire.send(&press(button, 7, false, round)).await.unwrap();
        assert_eq!(wire.puback().await.unwrap(), 7);
        let fresh = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(fresh.get(house.url("/health")).send().await.unwrap().status(), 200);
        let mut screen = Screen::open(&house.url(""), &ada.token).await;
        screen.subscribe().await;
    };
    timeout(SOON, all).await.unwrap_or_else(|_| panic!("{round}: nobody is served\n{}", house.log()));
    let log = house.log();
    assert!(!log.contains("Cannot accept"), "{round}: {log}");
    house.is_well().await;
}

const SOCKET: &str = "GET /api/websocket HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn heavy_a_press_is_acknowledged_beside_sockets_that_would_use_up_every_descriptor() {
    let (mut house, ada, button) = house(&["prlimit", "--nofile=1024:1024"]).await;
    for round in 0..2 {
        let sockets = crowd(house.ports.http, 1100, SOCKET).await;
        serves(&mut house, &ada, &button, &format!("crowd:{round}")).await;
        let silent = crowd(house.ports.http, 1100, "").await;
        serves(&mut house, &ada, &button, &format!("silent:{round}")).await;
        let wires = crowd(house.ports.mqtt, 1100, "").await;
        serves(&mut house, &ada, &button, &format!("wires:{round}")).await;
        drop((sockets, silent, wires));
    }
}

#[tokio::test]
async fn heavy_sockets_without_a_login_make_room_for_screens() {
    let (mut house, ada, button) = house(&[]).await;
    let mut screen = Screen::open(&house.url(""), &ada.token).await;
    screen.subscribe().await;
    let mut sockets = crowd(house.ports.http, 2100, SOCKET).await;
    serves(&mut house, &ada, &button, "crowd").await;
    // The oldest had to go long before its ten seconds were over; a screen stays.
    let mut oldest = sockets.swap_remove(0);
    assert!(hear(&mut oldest, Duration::from_secs(1)).await.closed);
    assert_eq!(screen.call("ping", serde_json::json!({})).await["type"], "pong");
}

#[tokio::test]
async fn too_large_a_message_is_answered_with_its_own_close_code() {
    let (mut house, ada, _) = house(&[]).await;
    for text in ["x".repeat(64 * 1024 + 1), "x".repeat(4 << 20)] {
        let mut screen = Screen::open(&house.url(""), &ada.token).await;
        // The hub may close before all of it is written.
        let _ = screen.throw(Message::text(text.clone())).await;
        assert_eq!(screen.hear_or_end().await, Err(Some(1009)), "{} bytes", text.len());
        let mut stranger = Screen::connect(&house.url("")).await;
        assert_eq!(stranger.hear().await["type"], "auth_required");
        let _ = stranger.throw(Message::text(text)).await;
        assert_eq!(stranger.hear_or_end().await, Err(Some(1009)));
    }
    house.is_well().await;
}
