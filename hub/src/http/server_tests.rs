#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::Limits;

/// How large an answer is that no kernel keeps for a peer.
const LARGE: usize = 64 << 20;

async fn serve(limits: Limits) -> (SocketAddr, Admission, Served) {
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/large", get(|| async { vec![7; LARGE] }))
        .route("/upgrade", get(echo));
    let listener = net::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let admission = Admission::new(limits);
    (address, admission.clone(), Served::start(vec![Door { listener, tls: None }], &router, &admission, &[]))
}

/// Upgrades, and says what it hears.
async fn echo(mut request: axum::extract::Request) -> impl axum::response::IntoResponse {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded.await.unwrap()));
        tokio::io::copy(&mut from, &mut to).await
    });
    (axum::http::StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "echo")])
}

async fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn silent_peers_make_room_for_whoever_asks() {
    let (address, admission, served) = serve(Limits { loopback: 4, ..Limits::default() }).await;
    let mut silent = Vec::new();
    for begun in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nX: "] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    while admission.open() < 4 {
        tokio::task::yield_now().await;
    }
    let mut answered = Vec::new();
    for _ in 0..4 {
        let mut stream = ask(address, "/").await;
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
        answered.push(stream);
    }
    // They have asked something: nobody takes their place.
    assert!(ask(address, "/").await.read_u8().await.is_err());
    answered[0].write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut heard = String::new();
    answered[0].read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard.matches("hello").count(), 2, "{heard}");
    served.stop().await;
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_place_until_it_ends() {
    let (address, admission, served) = serve(Limits { loopback: 1, ..Limits::default() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(b"x").await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'x', "the upgrade is complete");
    assert_eq!(admission.open(), 1);
    assert!(ask(address, "/").await.read_u8().await.is_err(), "there is one place");
    drop(stream);
    while admission.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(address, "/").await.read_u8().await.unwrap(), b'H');
    served.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_never_reads_an_answer_is_shown_out() {
    let (address, admission, served) = serve(Limits::default()).await;
    let peer = ask(address, "/large").await;
    let begun = tokio::time::Instant::now();
    while admission.open() == 0 {
        tokio::task::yield_now().await;
    }
    while admission.open() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(90), "still here after {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    drop(peer);
    served.stop().await;
}
