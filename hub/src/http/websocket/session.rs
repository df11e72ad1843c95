//! The life of one websocket.
//!
//! One task a connection, one loop, one place that sends. What is unread is bounded by the socket's own
//! buffer: the session reads the log at the client's pace, and a client that takes nothing for a while is
//! closed with a code that says so. It resumes from the last change it saw.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::SinkExt;
use kairos_core::Millis;
use kairos_core::change::Cursor;
use kairos_core::ids::{DeviceId, UserId};
use kairos_core::principal::{Principal, Via};
use kairos_core::schema::{Stream, TABLES, Table};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::call;
use super::end::End;
use super::greeting::greet;
use super::messages::{self, Request};
use crate::auth::{Access, Caller};
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::rows;
use crate::http::upstream::told;
use crate::net::Slot;
use crate::upstream::Status;

/// How long a client may take nothing while there is something for it.
const STALL: Duration = Duration::from_secs(20);
/// How long a client may be silent; the app pings every 20 seconds.
const SILENCE: Duration = Duration::from_secs(90);
/// How many changes are read from the log at a time.
const PAGE: usize = 256;

struct Session {
    socket: WebSocket,
    api: Api,
    by: Principal,
    access: Access,
    /// For a display: whose days it shows.
    show: Option<Vec<UserId>>,
    subscription: Option<Subscription>,
    /// How the hub stands with its server, for a client that asked.
    standing: Option<(u64, watch::Receiver<Status>)>,
}

/// What a client asked to be told.
struct Subscription {
    id: u64,
    seq: i64,
    /// Rows and events; a display gets only the wall.
    rows: bool,
    today: bool,
    /// The day's view as last sent.
    shown: String,
    next_day: Millis,
}

/// Serves a client in the slot of its connection; `None` where there is no door.
pub(super) async fn run(mut socket: WebSocket, api: Api, slot: Option<Slot>) {
    let slot = slot.as_ref();
    let caller = match greet(&mut socket, &api).await {
        Ok(caller) => caller,
        Err(end) => return end.tell(&mut socket, slot).await,
    };
    if slot.is_some_and(|slot| !slot.established()) {
        return;
    }
    let account = match &caller {
        Caller::Person { principal, .. } => &principal.user,
        Caller::Display { owner, .. } => owner,
    };
    let _place = match api.sockets.enter(account) {
        Ok(place) => place,
        Err(why) => return End::from(why).tell(&mut socket, slot).await,
    };
    let access = api.auth.watch(&caller);
    let (by, show) = match caller {
        Caller::Person { principal, .. } => (principal, None),
        Caller::Display { principal, show, .. } => (principal, Some(show)),
    };
    let _presence = Presence::of(&api, &by);
    let mut session = Session { socket, api, by, access, show, subscription: None, standing: None };
    let end = session.live().await;
    end.tell(&mut session.socket, slot).await;
}

/// A display is listed under Devices: as here while this lives.
struct Presence {
    api: Api,
    id: DeviceId,
}

impl Presence {
    fn of(api: &Api, by: &Principal) -> Option<Self> {
        let Via::Display { id, .. } = &by.via else { return None };
        api.roster.set_here(id.as_str(), true);
        Some(Self { api: api.clone(), id: id.clone() })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.api.roster.set_here(self.id.as_str(), false);
    }
}

impl Session {
    async fn live(&mut self) -> End {
        let mut head = self.api.store.feed().watch();
        let clock = self.api.store.clock().clone();
        let mut silent_at = Instant::now() + SILENCE;
        loop {
            let next_day = match &self.subscription {
                Some(subscription) if subscription.today => subscription.next_day,
                _ => Millis::MAX,
            };
            let step = tokio::select! {
                heard = self.socket.recv() => match heard {
                    Some(Ok(message)) => {
                        silent_at = Instant::now() + SILENCE;
                        self.hear(message).await
                    }
                    Some(Err(error)) => Err(End::of(error)),
                    None => Err(End::Gone),
                },
                // What the hub says does not count: a dead peer in a busy house is silent all the same.
                () = sleep_until(silent_at) => Err(End::Gone),
                changed = head.changed(), if self.subscription.is_some() => match changed {
                    Ok(()) => self.pump().await,
                    Err(_) => Err(End::Away),
                },
                id = newly(&mut self.standing) => self.tell_standing(id).await,
                () = self.access.ended() => Err(End::of_access(&self.access)),
                () = self.api.sockets.closed() => Err(End::Away),
                () = clock.sleep_until(next_day) => self.show_today().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
            Message::Binary(_) => return self.send(messages::failure(0, &malformed())).await,
        };
        let request: Request = match serde_json::from_str(&text) {
            Ok(request) => request,
            Err(_) => {
                let id = serde_json::from_str::<Value>(&text).ok().and_then(|said| said.get("id")?.as_u64());
                return self.send(messages::failure(id.unwrap_or(0), &malformed())).await;
            }
        };
        let id = request.id;
        match request.kind.as_str() {
            "ping" => self.send(json!({ "id": id, "type": "pong" }).to_string()).await,
            "subscribe" => self.subscribe(&request).await,
            "subscribe_sync_status" => {
                let news = self.api.upstream.watch();
                let standing = told(&news.borrow(), self.by.admin);
                self.standing = Some((id, news));
                self.send(messages::result(id, &standing)).await
            }
            "call" => {
                let answer = match call::call(&self.api, &self.by, request).await {
                    Ok(answer) => messages::result(id, &answer),
                    Err(error) => messages::failure(id, &error),
                };
                self.send(answer).await
            }
            _ => {
                let error = ApiError::new(
                    axum::http::StatusCode::BAD_REQUEST,
                    "unknown_type",
                    "type is subscribe, subscribe_sync_status, call or ping.",
                );
                self.send(messages::failure(id, &error)).await
            }
        }
    }

    /// Begins to tell; a client that names its last position gets what came after.
    async fn subscribe(&mut self, request: &Request) -> Result<(), End> {
        let epoch = self.api.store.identity().epoch.clone();
        // Before anything is read, so that nothing falls between.
        let head = self.api.store.feed().head();
        // What `/api/changes` adds to an epoch is for its own readers.
        let same = |theirs: &str| theirs.split('.').next() == Some(epoch.as_str());
        let mut known = request.after.as_ref().filter(|cursor| same(&cursor.epoch) && cursor.seq <= head);
        if let Some(cursor) = known {
            let (user, seq) = (self.by.user.clone(), cursor.seq);
            let leads_on = self.api.store.read(move |snapshot| snapshot.leads_on(&user, seq));
            let leads_on = leads_on.await;
            known = known.filter(|_| matches!(leads_on, Ok(true)));
        }
        let resync = request.after.is_some() && known.is_none();
        let rows = self.show.is_none();
        let seq = known.map_or(head, |cursor| cursor.seq);
        let today = request.today || !rows;
        self.subscription = Some(Subscription { id: request.id, seq, rows, today, shown: String::new(), next_day: 0 });
        let mut result = json!(Cursor { epoch, seq });
        if resync {
            result["resync"] = true.into();
        }
        if today {
            let (view, next_day) = self.view().await.map_err(|_| End::Away)?;
            result["today"] = serde_json::from_str(&view).unwrap_or(Value::Null);
            if let Some(subscription) = &mut self.subscription {
                (subscription.shown, subscription.next_day) = (view, next_day);
            }
        }
        self.send(messages::result(request.id, &result)).await?;
        if resync && rows {
            self.send_rows(request.id).await?;
        }
        self.pump().await
    }

    /// Current rows, a page at a time; what changes meanwhile follows as events.
    async fn send_rows(&mut self, id: u64) -> Result<(), End> {
        let shown: Vec<&'static Table> = TABLES.iter().copied().filter(|table| table.stream == Stream::Rows).collect();
        for (n, table) in shown.iter().copied().enumerate() {
            let mut after = String::new();
            loop {
                let scopes = self.by.scopes.clone();
                let page =
                    self.api.store.read(move |snapshot| rows::page_of(snapshot, table, &scopes, after, rows::PAGE));
                let (items, next) = page.await.map_err(|_| End::Away)?;
                let rows: Vec<Value> = items.iter().map(|row| json!({ "table": table.name, "row": row })).collect();
                let more = next.is_some() || n + 1 < shown.len();
                self.send(messages::rows(id, &rows, more)).await?;
                match next {
                    Some(next) => after = next,
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Sends what the log holds after the client's position, and the day if it changed.
    async fn pump(&mut self) -> Result<(), End> {
        let mut concerned = false;
        loop {
            let Some(subscription) = &mut self.subscription else { return Ok(()) };
            let stretch = self
                .api
                .store
                .changes_after(subscription.seq, Some(&self.by.scopes), PAGE)
                .await
                .map_err(|_| End::Away)?;
            // It comes back with its position, and is given current rows.
            if stretch.gap {
                return Err(End::Away);
            }
            let reached = stretch.upto == subscription.seq;
            subscription.seq = stretch.upto;
            concerned |= !stretch.changes.is_empty();
            if subscription.rows && !stretch.changes.is_empty() {
                let id = subscription.id;
                let batch = stretch.changes.iter().map(|change| messages::event(id, &change.to_event()));
                send_all(&mut self.socket, &mut self.access, batch).await?;
            }
            if reached {
                break;
            }
        }
        let others = self.show.as_ref().is_some_and(|show| show.iter().any(|person| *person != self.by.user));
        if concerned || others { self.show_today().await } else { Ok(()) }
    }

    /// Sends the day's view when it differs from what the client has.
    async fn show_today(&mut self) -> Result<(), End> {
        if !self.subscription.as_ref().is_some_and(|subscription| subscription.today) {
            return Ok(());
        }
        let (view, next_day) = self.view().await.map_err(|_| End::Away)?;
        let Some(subscription) = &mut self.subscription else { return Ok(()) };
        subscription.next_day = next_day;
        if subscription.shown == view {
            return Ok(());
        }
        let message = messages::today(subscription.id, &view);
        subscription.shown = view;
        self.send(message).await
    }

    /// The day as this client sees it, and when it ends.
    async fn view(&mut self) -> Result<(String, Millis), crate::store::StoreError> {
        let days = &self.api.days;
        let mut next_day = Millis::MAX;
        let Some(show) = &self.show else {
            let today = days.day(&self.by, None).await?;
            return Ok((serde_json::to_string(&*today).unwrap_or_default(), days.next_day(&self.by.user).await?));
        };
        let mut shown = Vec::with_capacity(show.len());
        for person in show {
            let scope = kairos_core::scope::Scope::Person(person.clone());
            let by = Principal { user: person.clone(), via: Via::Session, admin: false, scopes: vec![scope] };
            shown.push((*days.day(&by, None).await?).clone());
            next_day = next_day.min(days.next_day(person).await?);
        }
        let zone = days.calendar(show.first().unwrap_or(&self.by.user)).await?.tz;
        Ok((serde_json::to_string(&kairos_mirror::wall(&shown, &zone)).unwrap_or_default(), next_day))
    }

    /// Says how the hub stands with its server.
    async fn tell_standing(&mut self, id: u64) -> Result<(), End> {
        let Some((_, news)) = &mut self.standing else { return Ok(()) };
        let standing = told(&news.borrow_and_update(), self.by.admin);
        self.send(messages::event(id, &standing.to_string())).await
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        send_all(&mut self.socket, &mut self.access, std::iter::once(text)).await
    }
}

/// Waits until the hub stands otherwise with its server; for ever where nobody asked. Gives under which id.
async fn newly(standing: &mut Option<(u64, watch::Receiver<Status>)>) -> u64 {
    if let Some((id, news)) = standing
        && news.changed().await.is_ok()
    {
        return *id;
    }
    std::future::pending().await
}

/// Sends messages together: one flush for all of a commit's changes. Access that ends meanwhile ends it.
async fn send_all(
    socket: &mut WebSocket,
    access: &mut Access,
    messages: impl Iterator<Item = String>,
) -> Result<(), End> {
    let sending = async {
        for message in messages {
            socket.feed(Message::text(message)).await?;
        }
        socket.flush().await
    };
    tokio::select! {
        biased;
        () = access.ended() => Err(End::of_access(access)),
        sent = timeout(STALL, sending) => match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Stalled),
        },
    }
}

fn malformed() -> ApiError {
    ApiError::new(
        axum::http::StatusCode::BAD_REQUEST,
        "invalid_message",
        "A message is a JSON object with id and type.",
    )
}
