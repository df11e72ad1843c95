//! The kinds of values a setting can hold: how each is read, and how it is shown.

mod choice;
mod measure;
mod words;

pub use choice::{AuthProvider, LogFormat, LogLevel, MqttMode, TlsMode};
pub use measure::{Every, Size};
pub use words::{DatabaseUrl, HostName, InterfaceName, MailAddress, Network, Secret, WebUrl};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::yaml::{Item, Node};

/// Something wrong with a value, before anybody knows which key it belongs to.
pub(super) struct Problem {
    /// The line of an element inside a list; `None`: the line of the key.
    pub(super) line: Option<usize>,
    /// `[1]` for an element of a list.
    pub(super) suffix: String,
    pub(super) message: String,
}

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self { line: None, suffix: String::new(), message }
    }
}

/// A place that a value can be read into and shown from.
pub(super) trait Setting {
    /// Takes the value from the file; on a problem the old value stays.
    fn read(&mut self, item: &Item) -> Result<(), Vec<Problem>>;
    /// Takes the value from a variable or a flag. Lists are separated by commas, empty means null.
    fn read_text(&mut self, text: &str) -> Result<(), Vec<Problem>>;
    /// Returns the value as `config show` prints it, secrets masked.
    fn show(&self) -> Json;
    /// Makes a relative path start at `base`.
    fn rebase(&mut self, _base: &Path) {}
}

/// A value that is one word in the file.
pub(super) trait Scalar: Sized {
    /// What is right here, to end a sentence: `"true or false"`.
    const EXPECTED: &'static str;
    /// Whether the value must stay out of messages.
    const SECRET: bool = false;
    /// Whether a bare number or truth value in the file is taken for the word.
    const BARE: bool = true;
    /// Reads the word; the error is a whole sentence.
    fn parse(text: &str) -> Result<Self, String>;
    /// Shows the word.
    fn show(&self) -> Json;
    /// Makes a relative path start at `base`.
    fn rebase(&mut self, _base: &Path) {}
}

fn scalar<T: Scalar>(item: &Item) -> Result<T, String> {
    match &item.node {
        Node::Text(text) => T::parse(text),
        Node::Integer(number) if !T::BARE => Err(bare(&number.to_string(), T::EXPECTED)),
        Node::Bool(value) if !T::BARE => Err(bare(if *value { "true" } else { "false" }, T::EXPECTED)),
        Node::Integer(number) => T::parse(&number.to_string()),
        Node::Bool(value) => T::parse(if *value { "true" } else { "false" }),
        Node::Float(number) => Err(not::<T>(&number.to_string())),
        Node::Null => Err(format!("is empty; write {}", T::EXPECTED)),
        Node::List(_) => Err(format!("is a list; write {}", T::EXPECTED)),
        Node::Map(_) => Err(format!("has keys of its own; write {}", T::EXPECTED)),
    }
}

/// Says that a bare number or truth value is not what was expected, and how to write it if it was meant.
fn bare(text: &str, expected: &str) -> String {
    format!("{text} is not {expected}; if it is meant as one, write \"{text}\"")
}

/// Says that a text is not what was expected, without repeating secrets, and only the start of anything long.
fn not<T: Scalar>(text: &str) -> String {
    if T::SECRET {
        return format!("is not {}", T::EXPECTED);
    }
    format!("{} is not {}", quoted(text), T::EXPECTED)
}

/// Quotes what a person wrote so that it can stand in a message: short, and with control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

impl<T: Scalar> Setting for T {
    fn read(&mut self, item: &Item) -> Result<(), Vec<Problem>> {
        *self = scalar(item).map_err(|message| vec![message.into()])?;
        Ok(())
    }

    fn read_text(&mut self, text: &str) -> Result<(), Vec<Problem>> {
        if text.trim().is_empty() {
            return Err(vec![format!("is empty; write {}", T::EXPECTED).into()]);
        }
        *self = T::parse(text.trim()).map_err(|message| vec![message.into()])?;
        Ok(())
    }

    fn show(&self) -> Json {
        Scalar::show(self)
    }

    fn rebase(&mut self, base: &Path) {
        Scalar::rebase(self, base);
    }
}

impl<T: Scalar> Setting for Option<T> {
    fn read(&mut self, item: &Item) -> Result<(), Vec<Problem>> {
        *self = match item.node {
            Node::Null => None,
            _ => Some(scalar(item).map_err(|message| vec![message.into()])?),
        };
        Ok(())
    }

    fn read_text(&mut self, text: &str) -> Result<(), Vec<Problem>> {
        *self = match text.trim() {
            "" | "null" => None,
            text => Some(T::parse(text).map_err(|message| vec![message.into()])?),
        };
        Ok(())
    }

    fn show(&self) -> Json {
        self.as_ref().map_or(Json::Null, Scalar::show)
    }

    fn rebase(&mut self, base: &Path) {
        if let Some(value) = self {
            Scalar::rebase(value, base);
        }
    }
}

impl<T: Scalar> Setting for Vec<T> {
    fn read(&mut self, item: &Item) -> Result<(), Vec<Problem>> {
        let Node::List(items) = &item.node else {
            return Err(vec![
                format!("is not a list; write [] for none, or each element as {} in brackets", T::EXPECTED).into(),
            ]);
        };
        let mut problems = Vec::new();
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match scalar(item) {
                Ok(value) => values.push(value),
                Err(message) => {
                    problems.push(Problem { line: Some(item.line), suffix: format!("[{index}]"), message });
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        *self = values;
        Ok(())
    }

    fn read_text(&mut self, text: &str) -> Result<(), Vec<Problem>> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let (mut values, mut problems) = (Vec::new(), Vec::new());
        for word in words {
            match T::parse(word) {
                Ok(value) => values.push(value),
                Err(message) => problems.push(message.into()),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        *self = values;
        Ok(())
    }

    fn show(&self) -> Json {
        self.iter().map(Scalar::show).collect()
    }
}

impl Scalar for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(not::<Self>(text)),
        }
    }

    fn show(&self) -> Json {
        json!(self)
    }
}

impl Scalar for u32 {
    const EXPECTED: &'static str = "a whole number";

    /// A number that does not fit is taken for the nearest that does: each of these keys has bounds of its own (see
    /// `check`), none of which reaches so far, and it is they that should be named.
    fn parse(text: &str) -> Result<Self, String> {
        let number: i128 = text.parse().map_err(|_| not::<Self>(text))?;
        Ok(Self::try_from(number.clamp(0, u32::MAX.into())).unwrap_or(Self::MAX))
    }

    fn show(&self) -> Json {
        json!(self)
    }
}

impl Scalar for SocketAddr {
    const EXPECTED: &'static str = "an address and a port such as 0.0.0.0:8420, 127.0.0.1:8420 or [::]:8420";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| not::<Self>(text))
    }

    fn show(&self) -> Json {
        json!(self.to_string())
    }
}

impl Scalar for PathBuf {
    const EXPECTED: &'static str = "a path";
    // A number is a slip more often than the name of a folder.
    const BARE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(format!("is empty; write {}", Self::EXPECTED));
        }
        if text.contains('\0') {
            return Err(not::<Self>(text));
        }
        Ok(Self::from(text))
    }

    fn show(&self) -> Json {
        json!(self.display().to_string())
    }

    fn rebase(&mut self, base: &Path) {
        *self = base.join(&*self);
    }
}
