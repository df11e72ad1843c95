//! What a person likes to see.

use axum::Json as Answer;
use axum::extract::State;
use kairos_core::command::{Command, Fields, Wish};
use kairos_core::row::Row;
use kairos_core::schema::USER_PREFERENCES;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::extract::{Idempotency, Json, Person};
use super::habits::submit;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show, edit))
}

/// What a person likes to see. Runs of days and scores are off unless somebody asks for them.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"show_streaks": false, "show_score": false, "energy_tracking_enabled": false, "notification_enabled": true, "theme": "SYSTEM", "default_reminder_time": "20:00", "quiet_start": "22:00", "quiet_end": "07:00"}))]
pub(super) struct Preferences {
    pub(super) show_streaks: bool,
    pub(super) show_score: bool,
    energy_tracking_enabled: bool,
    notification_enabled: bool,
    /// `SYSTEM`, `LIGHT` or `DARK`.
    theme: String,
    /// Local time, `HH:MM`.
    default_reminder_time: Option<String>,
    quiet_start: Option<String>,
    quiet_end: Option<String>,
}

/// The preferences that change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"show_streaks": true}))]
struct EditPreferences {
    show_streaks: Option<bool>,
    show_score: Option<bool>,
    energy_tracking_enabled: Option<bool>,
    notification_enabled: Option<bool>,
    theme: Option<String>,
    default_reminder_time: Option<String>,
    quiet_start: Option<String>,
    quiet_end: Option<String>,
}

impl Preferences {
    fn of(row: Option<&Row>) -> Self {
        let flag = |name: &str, preset| row.and_then(|row| row.integer(name)).map_or(preset, |value| value != 0);
        let text = |name: &str| row.and_then(|row| row.opt_text(name));
        Self {
            show_streaks: flag("show_streaks", false),
            show_score: flag("show_score", false),
            energy_tracking_enabled: flag("energy_tracking_enabled", false),
            notification_enabled: flag("notification_enabled", true),
            theme: text("theme").unwrap_or_else(|| "SYSTEM".into()),
            default_reminder_time: text("default_reminder_time"),
            quiet_start: text("quiet_start"),
            quiet_end: text("quiet_end"),
        }
    }
}

/// Reads a person's preferences.
pub(super) async fn of(api: &Api, by: &kairos_core::principal::Principal) -> Result<Preferences, ApiError> {
    let id = kairos_core::ids::preferences(&by.user);
    let row = api.store.read(move |snapshot| snapshot.row(&USER_PREFERENCES, &id)).await?;
    Ok(Preferences::of(row.map(kairos_core::repair::sound).filter(|row| row.deleted_at.is_none()).as_ref()))
}

/// One's own preferences.
#[utoipa::path(
    get, path = "/api/me/preferences", tag = "people",
    responses((status = 200, body = Preferences))
)]
async fn show(State(api): State<Api>, Person(by): Person) -> Result<Answer<Preferences>, ApiError> {
    of(&api, &by).await.map(Answer)
}

/// Changes one's own preferences.
#[utoipa::path(
    patch, path = "/api/me/preferences", tag = "people", params(Idempotency), request_body = EditPreferences,
    responses((status = 200, body = Preferences))
)]
async fn edit(
    State(api): State<Api>,
    Person(by): Person,
    Idempotency(command): Idempotency,
    Json(body): Json<EditPreferences>,
) -> Result<Answer<Preferences>, ApiError> {
    let mut fields = Fields::new();
    let flags = [
        ("show_streaks", body.show_streaks),
        ("show_score", body.show_score),
        ("energy_tracking_enabled", body.energy_tracking_enabled),
        ("notification_enabled", body.notification_enabled),
    ];
    fields.extend(flags.into_iter().filter_map(|(name, flag)| Some((name.to_owned(), i64::from(flag?).into()))));
    let texts = [
        ("theme", body.theme),
        ("default_reminder_time", body.default_reminder_time),
        ("quiet_start", body.quiet_start),
        ("quiet_end", body.quiet_end),
    ];
    fields.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
    submit(&api, Command { id: command, by: by.clone(), wish: Wish::EditPreferences { fields } }).await?;
    of(&api, &by).await.map(Answer)
}
