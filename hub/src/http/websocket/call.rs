//! Commands over the websocket: each as the same request over REST would be.

use axum::http::StatusCode;
use kairos_core::ids::CommandId;
use kairos_core::principal::Principal;
use serde::Serialize;
use serde_json::Value;

use super::messages::Request;
use crate::http::deeds::{self, DeedBody};
use crate::http::error::ApiError;
use crate::http::habits::habit_id;
use crate::http::{Api, patience, routines};

/// Runs a command.
pub(super) async fn call(api: &Api, by: &Principal, request: Request) -> Result<Value, ApiError> {
    let command = match request.command_id {
        Some(id) => CommandId::new(id)
            .map_err(|_| ApiError::field("command_id", "command_id is 1 to 128 printable characters."))?,
        None => CommandId::mint(api.store.clock().now(), crate::random::bytes()),
    };
    let mut said = request.rest;
    let word = request.command.unwrap_or_default();
    if let Some(action) = deeds::Action::parse(&word) {
        let habit = habit_id(request.habit_id.unwrap_or_default())?;
        let body: DeedBody = serde_json::from_value(Value::Object(said)).map_err(|error| {
            let message = format!("The call is not as it should be: {error}.");
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_message", message)
        })?;
        return written(&patience::within(deeds::carry_out(api, by, command, action, &habit, body)).await?);
    }
    if let Some(habit) = request.habit_id {
        said.insert("habit_id".into(), habit.into());
    }
    let answer = patience::within(async { routines::call(api, by, command, &word, said).await.transpose() }).await?;
    match answer {
        Some(answer) => written(&answer),
        None => {
            let message =
                "command is complete, skip, undo, or routine_ with start, step, pause, resume, finish or abandon.";
            Err(ApiError::field("command", message))
        }
    }
}

fn written(answer: &impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(answer)
        .map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The answer could not be written."))
}
