//! How a command reaches the hub: over its socket when it runs, else in the data directory itself.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::{Common, complain};
use crate::admin::{self, Refusal, Request};
use crate::auth::{Auth, Provider};
use crate::clock::Clock;
use crate::health::Board;
use crate::hub::configured_code;
use crate::store::Store;

/// Asks, and says what did not work.
pub(super) fn ask(common: &Common, request: Request) -> Result<Value, ExitCode> {
    let config = common.settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| complain(&error, common.json))?;
    let answer = runtime.block_on(async {
        if let Some(answer) = admin::ask(&config.data_dir, &request).await {
            return answer;
        }
        let fault = |message: String| Refusal { usage: false, message };
        // A question to no hub must not make one: `device list` in the wrong folder would say that there are none.
        if !request.prepares() && !config.data_dir.join("hub.db").exists() {
            let message = format!(
                "There is no hub in {}. Say where it is with --data-dir, or run this where the hub runs.",
                config.data_dir.display()
            );
            return Err(fault(message));
        }
        let store = Store::open(&config.data_dir, Clock::system(), &Board::default())
            .await
            .map_err(|error| fault(error.to_string()))?;
        let code = configured_code(&config).map_err(|error| fault(error.to_string()))?;
        let provider = Provider::of(&config.auth).map_err(fault)?;
        let auth = Auth::open_with(store.clone(), code.as_deref(), provider)
            .await
            .map_err(|error| fault(error.to_string()))?;
        admin::carry_out(&auth, &store, request).await.map_err(Refusal::from)
    });
    answer.map_err(|refusal| {
        let code = complain(&refusal.message, common.json);
        if refusal.usage { ExitCode::from(2) } else { code }
    })
}

/// A file as the hub finds it too, which runs in a folder of its own.
pub(super) fn absolute(common: &Common, file: &Path) -> Result<PathBuf, ExitCode> {
    std::path::absolute(file).map_err(|error| complain(&error, common.json))
}

/// Prints an answer: as JSON, or as the given lines.
pub(super) fn show(common: &Common, answer: &Value, lines: impl FnOnce(&Value) -> Vec<String>) -> ExitCode {
    if common.json {
        println!("{answer}");
    } else {
        for line in lines(answer) {
            println!("{}", plain(&line));
        }
    }
    ExitCode::SUCCESS
}

/// Text as it may reach a terminal: control characters are shown, not obeyed. Names come from every member of the
/// house, and from hubs that let more in.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    shown.into()
}

/// A field as text, empty when it is absent.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list, each as a line of columns.
pub(super) fn table(answer: &Value, columns: &[&str], nothing: &str) -> Vec<String> {
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return vec![nothing.to_owned()];
    }
    let cells: Vec<Vec<Cow<'_, str>>> =
        items.iter().map(|item| columns.iter().map(|column| plain(text(item, column))).collect()).collect();
    let width =
        |n: usize| cells.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<Cow<'_, str>>| {
        let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_makes_no_hub_and_a_first_account_does() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let common = Common { config: None, data_dir: Some(data.clone()), json: true };
        let revoke = Request::DeviceRevoke { device: "b1".into() };
        let token = Request::TokenCreate { user: "ada@example.org".into(), name: "shell".into() };
        for request in [Request::DeviceList, Request::UserList, revoke, token] {
            assert_eq!(ask(&common, request).unwrap_err(), ExitCode::from(1));
            assert!(!data.exists(), "nothing is made");
        }
        assert!(ask(&common, Request::SetupCode { renew: false }).unwrap()["setup_code"].is_string());
        assert!(data.join("hub.db").exists());
        assert_eq!(ask(&common, Request::DeviceList).unwrap()["items"], json!([]));
    }

    #[test]
    fn a_name_is_shown_and_never_obeyed() {
        let answer = json!({ "items": [
            { "name": "\u{1b}[31mX", "kind": "button" },
            { "name": "a\nb\u{9b}", "kind": "board" },
            { "name": "Zoë", "kind": "board" },
        ] });
        let lines = table(&answer, &["name", "kind"], "none");
        assert_eq!(lines, ["\\u{1b}[31mX  button", "a\\nb\\u{9b}   board", "Zoë          board"]);
        assert_eq!(plain("Added \u{7}."), "Added \\u{7}.");
    }
}
