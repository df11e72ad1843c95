//! `user`: accounts without a browser.

use std::io::BufRead as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::desk::{ask, show, table, text};
use super::{Common, complain};
use crate::admin::Request;
use crate::auth::secret;

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Makes an account; prints its password unless you gave one. Prepares a hub where there is none.
    Add(AddArgs),
    /// Lists the accounts.
    List,
    /// Ends a person's access: sessions, tokens and devices.
    Disable {
        /// Mail address or id.
        user: String,
    },
    /// Lets a disabled person in again.
    Enable {
        /// Mail address or id.
        user: String,
    },
    /// Deletes an account for good: access ends at once, then everything of the person goes, here and on the server.
    Delete {
        /// Mail address or id.
        user: String,
        /// Without it nothing is done: there is no way back.
        #[arg(long)]
        yes: bool,
    },
    /// Gives a person a new password and ends their sessions.
    ResetPassword {
        /// Mail address or id.
        user: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
}

#[derive(Args)]
pub(super) struct AddArgs {
    /// The address they sign in with.
    #[arg(long)]
    email: String,
    /// The name others see.
    #[arg(long)]
    name: String,
    /// They administer the hub.
    #[arg(long)]
    admin: bool,
    /// Their time zone, such as Europe/Vienna; the first administrator's when absent.
    #[arg(long)]
    tz: Option<String>,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Args)]
pub(super) struct PasswordArgs {
    /// Reads the password from the first line of standard input, instead of making one.
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArgs {
    /// The password, and whether it was made here and has to be shown.
    fn get(&self, common: &Common) -> Result<(String, bool), ExitCode> {
        if !self.password_stdin {
            return Ok((secret::password(), true));
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(|error| complain(&error, common.json))?;
        Ok((line.trim_end_matches(['\r', '\n']).to_owned(), false))
    }
}

pub(super) fn run(common: &Common, what: UserCommand) -> Result<ExitCode, ExitCode> {
    match what {
        UserCommand::Add(args) => {
            let (password, made) = args.password.get(common)?;
            let request = Request::UserAdd {
                email: args.email,
                name: args.name,
                password: password.clone(),
                admin: args.admin,
                tz: args.tz,
            };
            let answer = with_password(ask(common, request)?, made.then_some(password));
            Ok(show(common, &answer, |answer| said("Added", answer)))
        }
        UserCommand::List => {
            let answer = ask(common, Request::UserList)?;
            Ok(show(common, &answer, |answer| {
                let mut answer = answer.clone();
                for item in answer.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                    if item.get("disabled") == Some(&Value::Bool(true)) {
                        item["disabled"] = "disabled".into();
                    }
                }
                table(&answer, &["email", "display_name", "role", "user_id", "disabled"], "There are no accounts yet.")
            }))
        }
        UserCommand::Disable { user } => {
            let answer = ask(common, Request::UserDisable { user })?;
            Ok(show(common, &answer, |answer| said("Disabled", answer)))
        }
        UserCommand::Enable { user } => {
            let answer = ask(common, Request::UserEnable { user })?;
            Ok(show(common, &answer, |answer| said("Enabled", answer)))
        }
        UserCommand::Delete { yes: false, .. } => {
            let why =
                "This deletes the account and everything of the person, and there is no way back. Add --yes to do it.";
            Err(complain(&why, common.json))
        }
        UserCommand::Delete { user, yes: true } => {
            let answer = ask(common, Request::UserDelete { user })?;
            Ok(show(common, &answer, |answer| {
                let mut lines = said("Deleting", answer);
                lines.push("Access has ended; what is theirs goes while the hub runs, then the account.".to_owned());
                lines.extend(Some(text(answer, "message")).filter(|message| !message.is_empty()).map(str::to_owned));
                lines
            }))
        }
        UserCommand::ResetPassword { user, password } => {
            let (password, made) = password.get(common)?;
            let request = Request::UserResetPassword { user, password: password.clone() };
            let answer = with_password(ask(common, request)?, made.then_some(password));
            Ok(show(common, &answer, |answer| said("New password for", answer)))
        }
    }
}

fn with_password(mut answer: Value, password: Option<String>) -> Value {
    if let (Some(password), Some(answer)) = (password, answer.as_object_mut()) {
        answer.insert("password".to_owned(), password.into());
    }
    answer
}

fn said(what: &str, answer: &Value) -> Vec<String> {
    let mut lines = vec![format!("{what} {} ({}).", text(answer, "email"), text(answer, "role"))];
    if !text(answer, "password").is_empty() {
        lines.push(format!("Password: {}", text(answer, "password")));
    }
    lines
}
