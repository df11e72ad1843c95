//! PocketBase, as the collection `users` of one keeps accounts.
//!
//! Its tokens are signed with a key of each record that changes with the password, and nobody else can verify them: the
//! only way to know is to ask. What speaks for it is believed only when it speaks as PocketBase does; a proxy's 401 or 403
//! in front of it ends nobody's session.

use axum::http::Method;
use kairos_core::command::{Rejection, RejectionCode};
use serde_json::{Value, json};

use super::{Fault, Vouched, Wanted};
use crate::config;
use crate::files::read_secret;
use crate::web::{Answer, Web};

const USERS: &str = "/api/collections/users";
const ADMINS: &str = "/api/collections/_superusers";

/// A PocketBase.
pub struct PocketBase {
    web: Web,
    admin: Option<Admin>,
}

/// A superuser's login. No `Debug`.
struct Admin {
    email: String,
    password: String,
}

impl PocketBase {
    /// The one of the settings.
    pub(super) fn of(settings: &config::PocketBase) -> Result<Self, String> {
        let url = settings.url.as_ref().ok_or("auth.pocketbase.url is needed")?;
        let web =
            Web::at(url.as_str(), settings.ca.as_deref()).map_err(|why| format!("Cannot use PocketBase: {why}."))?;
        let admin = match (&settings.admin_email, &settings.admin_password_file) {
            (Some(email), Some(path)) => {
                let password = read_secret(path, "auth.pocketbase.admin_password_file")?;
                Some(Admin { email: email.as_str().to_owned(), password })
            }
            _ => None,
        };
        Ok(Self { web, admin })
    }

    pub(super) async fn check(&self, email: &str, password: &str) -> Result<Vouched, Fault> {
        let body = json!({ "identity": email, "password": password });
        let answer = self.ask(Method::POST, &format!("{USERS}/auth-with-password"), None, Some(&body)).await?;
        if answer.status == 401 && answer.body["mfaId"].is_string() {
            return Err(Fault::SecondFactor);
        }
        vouched(&answer)
    }

    pub(super) async fn exchange(&self, token: &str) -> Result<Vouched, Fault> {
        // What cannot be a token of PocketBase is not sent: a header would not take it.
        if token.is_empty() || token.len() > 4096 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Fault::Refused);
        }
        vouched(&self.ask(Method::POST, &format!("{USERS}/auth-refresh"), Some(token), None).await?)
    }

    pub(super) async fn create(&self, new: &Wanted<'_>) -> Result<String, Fault> {
        let token = self.superuser().await?;
        let body = json!({
            "email": new.email, "password": new.password, "passwordConfirm": new.password, "name": new.name,
            "emailVisibility": false,
            // The administrator who typed it vouches for it; PocketBase may ask for that before it lets somebody sign in.
            "verified": true,
        });
        let answer = self.ask(Method::POST, &format!("{USERS}/records"), Some(&token), Some(&body)).await?;
        match (answer.status, answer.body["id"].as_str()) {
            (200, Some(id)) => Ok(id.to_owned()),
            (400, _) => Err(Fault::Rejected(unwanted(&answer.body))),
            _ => Err(strange(&answer)),
        }
    }

    pub(super) async fn delete(&self, subject: &str) -> Result<(), Fault> {
        // It stands in an address.
        if !subject.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(Fault::Down("an id there is none that PocketBase makes".into()));
        }
        let token = self.superuser().await?;
        let answer = self.ask(Method::DELETE, &format!("{USERS}/records/{subject}"), Some(&token), None).await?;
        if matches!(answer.status, 204 | 404) { Ok(()) } else { Err(strange(&answer)) }
    }

    /// What of its defaults an operator should know, and whether it is what the hub takes it for.
    pub(super) async fn look(&self) -> Result<Vec<String>, Fault> {
        let mut hints = Vec::new();
        let ways = self.ask(Method::GET, &format!("{USERS}/auth-methods"), None, None).await?;
        match (ways.status, ways.body["password"]["enabled"].as_bool()) {
            (200, Some(true)) => {}
            (200, Some(false)) => hints.push("PocketBase lets nobody sign in by password.".to_owned()),
            (429, _) => return Ok(hints),
            _ => return Err(strange(&ways)),
        }
        // A record without a password is never made; what is said about it tells whether it could have been.
        let tried = self.ask(Method::POST, &format!("{USERS}/records"), None, Some(&json!({}))).await?;
        if tried.status == 400 && tried.body["data"]["password"].is_object() {
            hints.push(
                "Anyone who reaches PocketBase may register there, and is then let in here: set the create rule of its \
                 collection users to superusers only."
                    .to_owned(),
            );
        }
        if self.admin.is_some() {
            match self.superuser().await {
                Ok(token) => {
                    let settings = self.ask(Method::GET, "/api/settings", Some(&token), None).await?;
                    if settings.body["rateLimits"]["enabled"] == Value::Bool(false) {
                        hints.push(
                            "PocketBase does not limit how often a password is tried: switch its rate limits on, and \
                             except this hub's address."
                                .to_owned(),
                        );
                    }
                }
                Err(Fault::Rejected(rejection)) => hints.push(rejection.message),
                Err(fault) => return Err(fault),
            }
        }
        Ok(hints)
    }

    /// Whether the hub was given a superuser's login.
    pub(super) fn has_superuser(&self) -> bool {
        self.admin.is_some()
    }

    /// A superuser's token, for one deed: it is kept nowhere.
    async fn superuser(&self) -> Result<String, Fault> {
        let conflict = |message: &str| Fault::Rejected(Rejection::new(RejectionCode::Conflict, message));
        let Some(admin) = &self.admin else {
            return Err(conflict(
                "Accounts are kept in PocketBase, and this hub has no login to add people there. Add the person in \
                 PocketBase; the hub makes them known here when they first sign in.",
            ));
        };
        let body = json!({ "identity": admin.email, "password": admin.password });
        let answer = self.ask(Method::POST, &format!("{ADMINS}/auth-with-password"), None, Some(&body)).await?;
        match (answer.status, answer.body["token"].as_str()) {
            (200, Some(token)) => Ok(token.to_owned()),
            (400 | 401 | 403, _) => Err(conflict(
                "PocketBase does not take the login of auth.pocketbase.admin_email and admin_password_file.",
            )),
            _ => Err(strange(&answer)),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, Fault> {
        self.web.ask(method, path, token, body).await.map_err(Fault::Down)
    }
}

/// Reads what PocketBase says when it lets somebody in, or does not.
fn vouched(answer: &Answer) -> Result<Vouched, Fault> {
    let record = &answer.body["record"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match answer.status {
        200 => match (record["id"].as_str(), answer.body["token"].as_str()) {
            (Some(id), Some(token)) if !id.is_empty() => Ok(Vouched {
                subject: id.to_owned(),
                email: text(&record["email"]),
                name: text(&record["name"]),
                token: token.to_owned(),
            }),
            _ => Err(strange(answer)),
        },
        // Its own errors repeat their status in the body. 404 means that there is no such collection.
        status @ (400 | 401 | 403) if answer.body["status"].as_u64() == Some(status.into()) => Err(Fault::Refused),
        _ => Err(strange(answer)),
    }
}

fn strange(answer: &Answer) -> Fault {
    Fault::Down(match answer.status {
        429 => "it says that it is asked too often; except this hub's address from its rate limits".to_owned(),
        404 => "there is no PocketBase with a collection users at this address".to_owned(),
        status => format!("it answers {status}, not as PocketBase does"),
    })
}

/// Why PocketBase does not make a record, as far as it says so by field.
fn unwanted(said: &Value) -> Rejection {
    let about = |field: &str| said["data"][field]["code"].as_str();
    match (about("email"), about("password")) {
        (Some("validation_not_unique"), _) => Rejection {
            code: RejectionCode::Conflict,
            message:
                "PocketBase has an account with this mail address already. The hub makes the person known here when \
                      they first sign in."
                    .into(),
            field: Some("email".into()),
        },
        (Some(_), _) => Rejection::field("email", "PocketBase does not take this mail address."),
        (None, Some("validation_min_text_constraint")) => {
            Rejection::field("password", "PocketBase asks for a longer password.")
        }
        (None, Some(_)) => Rejection::field("password", "PocketBase does not take this password; it may be too long."),
        (None, None) => Rejection::new(
            RejectionCode::Conflict,
            "PocketBase does not take this person: its collection users asks for more than a mail address, a password and a name.",
        ),
    }
}

#[cfg(test)]
#[path = "pocketbase_tests.rs"]
mod tests;
