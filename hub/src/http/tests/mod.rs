//! The routes about people, tokens and displays, on a real store and without a network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod displays;
mod login;
mod people;
mod quiet;
mod setup;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use kairos_core::Millis;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::caller::AuthApi;
use super::gatekeeper::Hosts;
use super::server::Secure;
use crate::auth::Auth;
use crate::clock::Clock;
use crate::commands::Commands;
use crate::health::Board;
use crate::store::Store;

/// 2026-11-24T10:00:00Z
const NOON: Millis = 1_795_514_400_000;
const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;
const HOST: &str = "kairos.local:8420";
const PASSWORD: &str = "a long enough password";

struct House {
    dir: tempfile::TempDir,
    clock: Clock,
    store: Store,
    auth: Auth,
    router: Router,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(NOON);
        let store = Store::open(dir.path(), clock.clone(), &Board::default()).await.unwrap();
        let auth = Auth::open(store.clone(), None).await.unwrap();
        let router = router(&store, &auth);
        Self { dir, clock, store, auth, router }
    }

    /// A house whose administrator is Ada, and what she got when she set it up.
    async fn with_ada() -> (Self, Told) {
        let house = Self::new().await;
        let told = house.set_up(&house.auth.setup_code().unwrap()).send().await;
        assert_eq!(told.status, StatusCode::CREATED, "{}", told.body);
        (house, told)
    }

    /// As after a restart: everything that only stood in memory is gone.
    async fn restarted(mut self) -> Self {
        self.auth = Auth::open(self.store.clone(), None).await.unwrap();
        self.router = router(&self.store, &self.auth);
        self
    }

    fn set_up(&self, code: &str) -> Ask {
        self.post("/api/setup").json(json!({
            "setup_code": code, "email": "Ada@Example.org", "password": PASSWORD, "display_name": " Ada ",
            "tz": "Europe/Vienna",
        }))
    }

    fn ask(&self, method: &str, path: &str) -> Ask {
        Ask {
            router: self.router.clone(),
            request: Request::builder().method(method).uri(path).header(header::HOST, HOST),
            body: Body::empty(),
            from: [192, 168, 1, 7].into(),
            secure: false,
        }
    }

    fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    fn post(&self, path: &str) -> Ask {
        self.ask("POST", path)
    }

    fn login(&self, email: &str, password: &str) -> Ask {
        self.post("/api/auth/login").json(json!({ "email": email, "password": password }))
    }

    fn refresh(&self, token: &str) -> Ask {
        self.post("/api/auth/refresh").json(json!({ "refresh_token": token }))
    }

    /// Makes an account and signs in.
    async fn with(&self, admin: &Told, name: &str, role: &str) -> Told {
        let email = format!("{name}@example.org");
        let new = json!({ "email": email, "password": PASSWORD, "display_name": name, "role": role });
        let made = self.post("/api/users").bearer(&admin.access()).json(new).send().await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let told = self.login(&email, PASSWORD).send().await;
        assert_eq!(told.status, StatusCode::OK, "{}", told.body);
        told
    }

    fn after(&self, time: Millis) {
        self.clock.set(self.clock.now() + time);
    }
}

fn router(store: &Store, auth: &Auth) -> Router {
    let api = AuthApi {
        auth: auth.clone(),
        commands: Commands::new(store.clone()),
        store: store.clone(),
        hosts: Arc::new(Hosts::new(Vec::new())),
        uploads: crate::places::Places::new(8, 3),
        relay: None,
    };
    super::about_people().with_state(api).split_for_parts().0
}

struct Ask {
    router: Router,
    request: axum::http::request::Builder,
    body: Body,
    from: IpAddr,
    secure: bool,
}

impl Ask {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    #[allow(clippy::needless_pass_by_value)] // reads better where it is called
    fn json(self, body: Value) -> Self {
        let mut ask = self.header("content-type", "application/json");
        ask.body = body.to_string().into();
        ask
    }

    /// From the page the hub itself serves, in a browser that keeps cookies.
    fn page(self, cookie: &str) -> Self {
        let origin = if self.secure { format!("https://{HOST}") } else { format!("http://{HOST}") };
        let ask = self.header("origin", &origin).header("x-kairos-cookie", "1");
        if cookie.is_empty() { ask } else { ask.header("cookie", cookie) }
    }

    fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    fn from(mut self, n: u16) -> Self {
        let [high, low] = n.to_be_bytes();
        self.from = [10, 0, high, low].into();
        self
    }

    fn seen_from(mut self, address: &str) -> Self {
        self.from = address.parse().unwrap();
        self
    }

    async fn send(self) -> Told {
        let mut request = self.request.body(self.body).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.from, 40_000)));
        request.extensions_mut().insert(Secure(self.secure));
        let response = self.router.oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Told { status, headers, body }
    }
}

/// An answer.
struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Told {
    fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }

    fn access(&self) -> String {
        self.text("access_token")
    }

    fn refresh(&self) -> String {
        self.text("refresh_token")
    }

    fn code(&self) -> String {
        self.body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The cookie as the browser would send it back.
    fn cookie(&self) -> String {
        let set = self.headers.get(header::SET_COOKIE).expect("a cookie").to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }
}
