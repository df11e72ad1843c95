//! Devices and what their buttons do.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kairos_core::command::{Action, Binding, Command, Fields, Rejection, Wish};
use kairos_core::ids::{DeviceId, HabitId, RoutineId, UserId};
use kairos_core::repair;
use kairos_core::row::Row;
use kairos_core::schema::{DEVICE_BINDINGS, DEVICES};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::extract::{Idempotency, Json, Path, Person};
use super::habits::submit;
use super::{Api, ErrorBody};
use crate::store::StoreError;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(revoke)).routes(routes!(bindings, bind))
}

/// A device.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"device_id": "0190a7b2-9c22-7e3d-8f40-5b6c7d8e9fa0", "name": "Kitchen button", "kind": "button", "status": "active", "last_seen_at": 1_795_514_400_000_i64, "battery_pct": 87, "model": "esp32-button", "fw_version": "1.2.0", "online": true, "bindings": [{"trigger": "press", "button": "1", "action": "complete", "habit_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d", "value": null, "act_as": null}]}))]
struct DeviceAnswer {
    device_id: String,
    name: String,
    /// `button`, `board`, `display`, …
    kind: String,
    /// `active` or `pending`.
    status: String,
    /// When it was last connected, ms since the epoch.
    last_seen_at: Option<i64>,
    battery_pct: Option<i64>,
    model: Option<String>,
    fw_version: Option<String>,
    /// Whether it is connected now.
    online: bool,
    bindings: Vec<BindingBody>,
}

/// The devices.
#[derive(Serialize, ToSchema)]
struct Devices {
    items: Vec<DeviceAnswer>,
    /// Always null: all of them are listed.
    next: Option<String>,
}

/// A device to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDevice {
    /// Its name.
    #[schema(example = "Kitchen button")]
    name: String,
    /// `button` or `board`.
    #[schema(example = "button")]
    kind: String,
}

/// A new device's credential, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"device_id": "0190a7b2-9c22-7e3d-8f40-5b6c7d8e9fa0", "username": "0190a7b2-9c22-7e3d-8f40-5b6c7d8e9fa0", "password": "q3Jx0bO2v8m1cN5tYw7sKf4dLh6gRz9aEuPiXoBnVkI", "topic": "kairos/device/0190a7b2-9c22-7e3d-8f40-5b6c7d8e9fa0"}))]
struct Credential {
    device_id: String,
    /// The MQTT user name.
    username: String,
    /// The MQTT password.
    password: String,
    /// Its topics begin with this.
    topic: String,
}

/// What a trigger does.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"trigger": "press", "button": "1", "action": "complete", "habit_id": "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d"}))]
struct BindingBody {
    /// `press`, `double`, `long`, …
    trigger: String,
    /// Which button; `1` when absent.
    #[serde(default = "first_button")]
    button: String,
    /// `complete`, `add`, `partial`, `skip`, `undo`, `routine_start`, `routine_next` or `show`.
    action: String,
    /// The habit, for all actions but those of routines.
    habit_id: Option<String>,
    /// The routine, for `routine_start` and `routine_next`: the current step is done, and after the last one the run is
    /// finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routine_id: Option<String>,
    value: Option<f64>,
    /// As whom; the device's owner when absent.
    act_as: Option<String>,
}

fn first_button() -> String {
    "1".into()
}

/// All bindings of a device.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Bindings {
    bindings: Vec<BindingBody>,
}

/// The person's devices, displays included.
#[utoipa::path(get, path = "/api/devices", tag = "devices", responses((status = 200, body = Devices)))]
async fn list(State(api): State<Api>, Person(by): Person) -> Result<Answer<Devices>, ApiError> {
    let read = api.store.read(move |snapshot| {
        let mut found = Vec::new();
        let mut rows = Vec::new();
        for scope in &by.scopes {
            rows.extend(snapshot.rows_where(&DEVICES, "scope", &scope.to_string())?);
        }
        // What was revoked is gone for people; active ones are bounded per person.
        for row in rows.into_iter().map(repair::sound).filter(|row| row.text("status") != "revoked") {
            let bindings = snapshot.rows_where(&DEVICE_BINDINGS, "device_id", &row.id)?;
            let seen = snapshot.device_last_seen(&row.id)?;
            found.push((row, bindings, seen));
        }
        Ok(found)
    });
    let items = read.await?.iter().map(|(row, bindings, seen)| describe(&api, row, bindings, *seen)).collect();
    Ok(Answer(Devices { items, next: None }))
}

fn describe(api: &Api, row: &Row, bindings: &[Row], last_seen_at: Option<i64>) -> DeviceAnswer {
    DeviceAnswer {
        device_id: row.id.clone(),
        name: row.text("name"),
        kind: row.text("kind"),
        status: row.text("status"),
        last_seen_at,
        battery_pct: row.integer("battery_pct"),
        model: row.opt_text("model"),
        fw_version: row.opt_text("fw_version"),
        online: api.roster.is_here(&row.id),
        bindings: bindings.iter().filter_map(crate::roster::binding).map(write).collect(),
    }
}

/// Adds a button and gives its credential, once.
#[utoipa::path(
    post, path = "/api/devices", tag = "devices", request_body = NewDevice,
    params(Idempotency),
    responses((status = 201, body = Credential), (status = 409, body = ErrorBody, description = "`already_done`: made under this Idempotency-Key before; the secret was shown once and is not stored. `conflict`: there are too many"))
)]
async fn add(
    State(api): State<Api>,
    Person(by): Person,
    Idempotency(command): Idempotency,
    Json(body): Json<NewDevice>,
) -> Result<(StatusCode, Answer<Credential>), ApiError> {
    if !matches!(body.kind.as_str(), "button" | "board") {
        return Err(ApiError::field("kind", "kind is button or board; other kinds come later."));
    }
    let (id, password, wish) = new_device(&api, &body.name, &body.kind);
    let receipt = submit(&api, Command { id: command, by, wish }).await?;
    if receipt.repeated {
        return Err(Rejection::already_done().into());
    }
    let topic = format!("kairos/device/{id}");
    Ok((
        StatusCode::CREATED,
        Answer(Credential { device_id: id.to_string(), username: id.to_string(), password, topic }),
    ))
}

/// Mints a device: its id, its password, and the wish that adds it.
fn new_device(api: &Api, name: &str, kind: &str) -> (DeviceId, String, Wish) {
    let id = DeviceId::mint(api.store.clock().now(), crate::random::bytes());
    let password = URL_SAFE_NO_PAD.encode(crate::random::bytes::<32>());
    let fields: Fields = [("name", name), ("kind", kind), ("hub_id", &api.store.identity().hub_id)]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into();
    // 256 random bits need no slow hash: there is nothing to guess.
    let secret_hash = Sha256::digest(password.as_bytes()).to_vec();
    (id.clone(), password, Wish::AddDevice { id, fields, secret_hash })
}

/// Takes a device's access away; its connection ends within a second.
#[utoipa::path(
    delete, path = "/api/devices/{id}", tag = "devices", params(("id" = String, Path), Idempotency),
    responses((status = 204))
)]
async fn revoke(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
) -> Result<StatusCode, ApiError> {
    let id = device_id(id)?;
    submit(&api, Command { id: command, by, wish: Wish::RevokeDevice { id } }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a device's triggers do.
#[utoipa::path(
    get, path = "/api/devices/{id}/bindings", tag = "devices", params(("id" = String, Path)),
    responses((status = 200, body = Bindings))
)]
async fn bindings(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
) -> Result<Answer<Bindings>, ApiError> {
    let id = device_id(id)?;
    let read = api.store.read(move |snapshot| match snapshot.row(&DEVICES, id.as_str())? {
        Some(row) if row.deleted_at.is_none() && by.may_read(&row.scope) => {
            snapshot.rows_where(&DEVICE_BINDINGS, "device_id", id.as_str())
        }
        _ => Err(StoreError::Rejected(Rejection::not_found("device"))),
    });
    Ok(Answer(Bindings { bindings: read.await?.iter().filter_map(crate::roster::binding).map(write).collect() }))
}

/// Replaces what a device's triggers do: those not listed do nothing any more.
#[utoipa::path(
    put, path = "/api/devices/{id}/bindings", tag = "devices", params(("id" = String, Path), Idempotency), request_body = Bindings,
    responses((status = 200, body = Bindings))
)]
async fn bind(
    State(api): State<Api>,
    Person(by): Person,
    Path(id): Path<String>,
    Idempotency(command): Idempotency,
    Json(body): Json<Bindings>,
) -> Result<Answer<Bindings>, ApiError> {
    let device = device_id(id)?;
    let wanted =
        body.bindings.iter().enumerate().map(|(n, binding)| read(n, binding)).collect::<Result<Vec<_>, _>>()?;
    submit(&api, Command { id: command, by, wish: Wish::Bind { device, bindings: wanted } }).await?;
    Ok(Answer(body))
}

fn device_id(text: String) -> Result<DeviceId, ApiError> {
    DeviceId::new(text).map_err(|_| ApiError::not_found("There is no such device."))
}

fn read(n: usize, body: &BindingBody) -> Result<Binding, ApiError> {
    let bad = |field: &str, message: &str| ApiError::field(&format!("bindings[{n}].{field}"), message);
    let habit = body
        .habit_id
        .as_deref()
        .map(HabitId::new)
        .transpose()
        .map_err(|_| bad("habit_id", "There is no such habit."))?;
    let act_as =
        body.act_as.as_deref().map(UserId::new).transpose().map_err(|_| bad("act_as", "There is no such person."))?;
    let action = Action::parse(&body.action).ok_or_else(|| {
        bad("action", "action is complete, add, partial, skip, undo, routine_start, routine_next or show.")
    })?;
    let routine = body
        .routine_id
        .as_deref()
        .map(RoutineId::new)
        .transpose()
        .map_err(|_| bad("routine_id", "There is no such routine."))?;
    Ok(Binding {
        button: body.button.clone(),
        trigger: body.trigger.clone(),
        action,
        habit,
        routine,
        value: body.value,
        act_as,
    })
}

fn write(binding: Binding) -> BindingBody {
    BindingBody {
        trigger: binding.trigger,
        button: binding.button,
        action: binding.action.as_str().to_owned(),
        habit_id: binding.habit.map(|id| id.to_string()),
        routine_id: binding.routine.map(|id| id.to_string()),
        value: binding.value,
        act_as: binding.act_as.map(|id| id.to_string()),
    }
}
