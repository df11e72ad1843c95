//! The first words on a websocket: who is it?

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::timeout;

use super::messages::Hello;
use super::session::SIGNED_OUT;
use crate::auth::{AuthError, Caller};
use crate::http::Api;

/// How long a client may take to say who it is.
const GREETING: Duration = Duration::from_secs(10);

/// Asks who it is. `None`: nobody, or too slow.
pub(super) async fn greet(socket: &mut WebSocket, api: &Api) -> Option<Caller> {
    let say = |text: &'static str| Message::text(text);
    timeout(GREETING, async {
        socket.send(say(r#"{"type":"auth_required"}"#)).await.ok()?;
        let hello: Option<Hello> = match socket.recv().await? {
            Ok(Message::Text(text)) => serde_json::from_str(&text).ok(),
            _ => None,
        };
        let token = hello.filter(|hello| hello.kind == "auth").and_then(|hello| hello.access_token).unwrap_or_default();
        match api.auth.principal(&token).await {
            Ok(caller) => {
                socket.send(say(r#"{"type":"auth_ok"}"#)).await.ok()?;
                Some(caller)
            }
            Err(AuthError::Refused) => {
                socket.send(say(r#"{"type":"auth_invalid","message":"Please sign in again."}"#)).await.ok()?;
                let frame = CloseFrame { code: SIGNED_OUT, reason: "not signed in".into() };
                socket.send(Message::Close(Some(frame))).await.ok()?;
                None
            }
            // Not the client's fault: it shall come back with the same token.
            Err(_) => None,
        }
    })
    .await
    .ok()
    .flatten()
}
