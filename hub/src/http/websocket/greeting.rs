//! The first words on a websocket: who is it?

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use tokio::time::timeout;

use super::end::End;
use super::messages::Hello;
use crate::auth::{AuthError, Caller};
use crate::http::Api;

/// How long a client may take to say who it is.
const GREETING: Duration = Duration::from_secs(10);

/// Asks who it is.
pub(super) async fn greet(socket: &mut WebSocket, api: &Api) -> Result<Caller, End> {
    timeout(GREETING, ask(socket, api)).await.unwrap_or(Err(End::Gone))
}

async fn ask(socket: &mut WebSocket, api: &Api) -> Result<Caller, End> {
    say(socket, r#"{"type":"auth_required"}"#).await?;
    let hello: Option<Hello> = match socket.recv().await.ok_or(End::Gone)? {
        Ok(Message::Text(text)) => serde_json::from_str(&text).ok(),
        Ok(_) => None,
        Err(error) => return Err(End::of(error)),
    };
    let token = hello.filter(|hello| hello.kind == "auth").and_then(|hello| hello.access_token).unwrap_or_default();
    match api.auth.principal(&token).await {
        Ok(caller) => {
            say(socket, r#"{"type":"auth_ok"}"#).await?;
            Ok(caller)
        }
        Err(AuthError::Refused) => {
            say(socket, r#"{"type":"auth_invalid","message":"Please sign in again."}"#).await?;
            Err(End::SignedOut)
        }
        Err(AuthError::ForSync) => {
            say(socket, r#"{"type":"auth_invalid","message":"This token is for syncing only."}"#).await?;
            Err(End::SignedOut)
        }
        // Not the client's fault: it shall come back with the same token.
        Err(_) => Err(End::Gone),
    }
}

async fn say(socket: &mut WebSocket, text: &'static str) -> Result<(), End> {
    socket.send(Message::text(text)).await.map_err(|_| End::Gone)
}
