//! Lays the file, the environment and the flags over the defaults, and takes down every mistake on the way.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::sections::{Field, PLANNED};
use super::value::{Problem, quoted};
use super::yaml::{self, Item, Node};
use super::{Config, Mistake, Override};

/// Variables that are ours and are not keys of the file.
///
/// `KAIROS_CONFIG` names the file, `KAIROS_LOG` is a filter by module, `KAIROS_SETUP_CODE` sets `auth.setup_code`
/// on a flashed image, `KAIROS_WEB_DIST` and `KAIROS_SKIP_WEB` belong to the build, `KAIROS_HUB_BIN` to the tests.
const OTHER_VARIABLES: &[&str] =
    &["KAIROS_CONFIG", "KAIROS_LOG", "KAIROS_SETUP_CODE", "KAIROS_WEB_DIST", "KAIROS_SKIP_WEB", "KAIROS_HUB_BIN"];

/// The environment, sorted so that mistakes come in a steady order.
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    pub(super) fn collect(env: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(env.into_iter().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Where a value came from: a line of the file, or the name of a variable or flag.
#[derive(Clone)]
enum Origin {
    Line(usize),
    Name(String),
}

/// Mistakes so far, and where each value came from.
#[derive(Default)]
pub(super) struct Notes {
    mistakes: Vec<Mistake>,
    origins: HashMap<String, Origin>,
    refused: HashSet<String>,
}

impl Notes {
    fn add(&mut self, line: Option<usize>, key: impl Into<String>, message: impl Into<String>) {
        // A key is somebody's text too: escaped, and only the start of anything long.
        let key: String = key.into().chars().take(80).flat_map(char::escape_debug).collect();
        self.mistakes.push(Mistake { line, column: None, key, message: message.into() });
    }

    /// Reports a mistake about `key` under the name by which the person set it.
    pub(super) fn about(&mut self, key: &str, message: impl Into<String>) {
        match self.origins.get(key).cloned() {
            Some(Origin::Line(line)) => self.add(Some(line), key, message),
            Some(Origin::Name(name)) => self.add(None, name, message),
            None => self.add(None, key, message),
        }
    }

    /// Reports a mistake about `key`, which may stand nowhere, on the line of the key that makes it one.
    pub(super) fn about_beside(&mut self, key: &str, beside: &str, message: impl Into<String>) {
        match (self.origins.contains_key(key), self.origins.get(beside)) {
            (false, Some(Origin::Line(line))) => self.add(Some(*line), key, message),
            _ => self.about(key, message),
        }
    }

    /// Tells whether the value of `key` was refused, so that it stands at its default and says nothing more.
    pub(super) fn refused(&self, key: &str) -> bool {
        self.refused.contains(key)
    }

    /// Returns all mistakes: the file's by line, then the rest by name.
    pub(super) fn into_mistakes(mut self) -> Vec<Mistake> {
        self.mistakes.sort_by_key(|mistake| mistake.line.unwrap_or(usize::MAX));
        self.mistakes
    }
}

/// One reading of all sources into one configuration.
pub(super) struct Reading<'a> {
    fields: Vec<Field<'a>>,
    /// The folder of the file: where its relative paths start.
    base: Option<&'a Path>,
    notes: Notes,
}

impl<'a> Reading<'a> {
    pub(super) fn new(config: &'a mut Config, base: Option<&'a Path>) -> Self {
        Self { fields: config.fields(), base, notes: Notes::default() }
    }

    pub(super) fn finish(self) -> Notes {
        self.notes
    }

    /// Reads the text of the file.
    pub(super) fn file(&mut self, text: &str) {
        let root = match yaml::parse(text) {
            Ok(root) => root,
            Err(mistake) => return self.notes.mistakes.push(mistake),
        };
        let Some(sections) = self.entries("", &root) else {
            return;
        };
        for (name, line, item) in sections {
            if let Some(section) = self.fields.iter().map(|field| field.section).find(|section| *section == name) {
                for (key, line, item) in self.entries(section, item).unwrap_or_default() {
                    self.key(section, &key, line, item);
                }
            } else if planned(&name, None) {
                self.notes.add(Some(line), name, "is not available yet; remove this section");
            } else {
                let hint = self.hint("", &name);
                self.notes.add(Some(line), name, format!("there is no such section{hint}"));
            }
        }
    }

    fn key(&mut self, section: &'static str, key: &str, line: usize, item: &Item) {
        let name = format!("{section}.{key}");
        let group = format!("{key}.");
        if self.fields.iter().any(|field| field.section == section && field.key.starts_with(&group)) {
            for (inner, line, item) in self.entries(&name, item).unwrap_or_default() {
                self.key(section, &format!("{group}{inner}"), line, item);
            }
            return;
        }
        let Some(field) = self.fields.iter_mut().find(|field| field.section == section && field.key == key) else {
            let message = if planned(section, Some(key)) {
                "is not available yet; remove this line".to_owned()
            } else {
                format!("there is no such key{}", self.hint(section, key))
            };
            return self.notes.add(Some(line), name, message);
        };
        match field.value.read(item) {
            Ok(()) => {
                if let Some(base) = self.base {
                    field.value.rebase(base);
                }
                self.notes.origins.insert(name, Origin::Line(line));
            }
            Err(problems) => {
                for Problem { line: inner, suffix, message } in problems {
                    self.notes.add(inner.or(Some(line)), format!("{name}{suffix}"), message);
                }
                self.notes.refused.insert(name);
            }
        }
    }

    /// Returns the entries of a map with their keys as text; reports repeated keys and keys that are not words.
    fn entries<'i>(&mut self, section: &str, item: &'i Item) -> Option<Vec<(String, usize, &'i Item)>> {
        let entries = match &item.node {
            // `http:` with all its keys commented out, or an empty file.
            Node::Null => return Some(Vec::new()),
            Node::Map(entries) => entries,
            _ if section.is_empty() => {
                self.notes.add(Some(item.line), "", "the file should hold sections such as http: and mqtt:");
                return None;
            }
            _ => {
                self.notes.add(Some(item.line), section, "is a section; its keys stand below it, indented");
                return None;
            }
        };
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut result = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Node::Text(name) = &key.node else {
                self.notes.add(Some(key.line), section, "a key here is not a word");
                continue;
            };
            let full = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
            if let Some(first) = seen.insert(name, key.line) {
                self.notes.add(Some(key.line), full, format!("stands here a second time, first on line {first}"));
                continue;
            }
            result.push((name.clone(), key.line, value));
        }
        Some(result)
    }

    /// Reads `KAIROS_<SECTION>_<KEY>` variables.
    pub(super) fn environment(&mut self, env: &Environment) {
        for (name, value) in &env.0 {
            let Some(rest) = name.strip_prefix("KAIROS_") else {
                continue;
            };
            if name == "KAIROS_SETUP_CODE" {
                self.text("auth.setup_code", value, name);
            }
            if OTHER_VARIABLES.contains(&name.as_str()) || rest.starts_with("TEST_") {
                continue;
            }
            let wanted = rest.to_ascii_lowercase();
            let key = self
                .fields
                .iter()
                .find(|field| variable(field) == wanted)
                .map(|field| format!("{}.{}", field.section, field.key));
            match key {
                Some(key) if name.to_ascii_uppercase() == *name => self.text(&key, value, name),
                _ => self.stray(name, &wanted),
            }
        }
    }

    /// Reports a variable that was surely meant as a setting, and lets others pass: the name is not only ours
    /// (`KAIROS_PORT_8420_TCP` is what a container platform makes of a service called kairos).
    fn stray(&mut self, name: &str, wanted: &str) {
        let (section, key) = wanted.split_once('_').unwrap_or((wanted, ""));
        if planned(section, None) || planned(section, Some(key)) {
            return self.notes.add(None, name, "is not available yet; remove this variable");
        }
        let known = self.fields.iter().map(|field| field.section);
        if !known.clone().any(|known| distance(known, section) <= usize::from(known.len() > 3)) {
            return;
        }
        let variables = self.fields.iter().map(|field| format!("KAIROS_{}", variable(field)).to_uppercase());
        let hint = closest(variables, &name.to_ascii_uppercase());
        self.notes.add(None, name, format!("there is no such setting{}", did_you_mean(hint)));
    }

    /// Reads what the command line says.
    pub(super) fn overrides(&mut self, overrides: &[Override]) {
        for Override { key, value, from } in overrides {
            self.text(key, value, from);
        }
    }

    fn text(&mut self, key: &str, value: &str, name: &str) {
        let field = self.fields.iter_mut().find(|field| format!("{}.{}", field.section, field.key) == key);
        let Some(field) = field else {
            return self.notes.add(None, name, format!("there is no such key as {}", quoted(key)));
        };
        if value.contains('\u{fffd}') {
            return self.notes.add(None, name, "is not valid UTF-8");
        }
        match field.value.read_text(value) {
            Ok(()) => {
                self.notes.origins.insert(key.to_owned(), Origin::Name(name.to_owned()));
            }
            Err(problems) => {
                for problem in problems {
                    self.notes.add(None, name, problem.message);
                }
                self.notes.refused.insert(key.to_owned());
            }
        }
    }

    /// Guesses what a person meant: a key of the same section, or the same key in another one.
    fn hint(&self, section: &str, key: &str) -> String {
        if section.is_empty() {
            let sections = self.fields.iter().map(|field| field.section.to_owned());
            let homes = self.fields.iter().filter(|field| field.key == key);
            let homes = homes.map(|field| format!("{}.{}", field.section, field.key));
            return did_you_mean(closest(sections, key).or_else(|| homes.reduce(|a, b| format!("{a} or {b}"))));
        }
        let here = self.fields.iter().filter(|field| field.section == section).map(|field| field.key.to_owned());
        let elsewhere = self.fields.iter().find(|field| field.key == key);
        let elsewhere = elsewhere.map(|field| format!("{}.{}", field.section, field.key));
        did_you_mean(closest(here, key).or(elsewhere))
    }
}

/// The variable that sets a key, in lower case and without its beginning: `http_listen`, `store_backup_every`.
fn variable(field: &Field<'_>) -> String {
    format!("{}_{}", field.section, field.key.replace('.', "_"))
}

fn planned(section: &str, key: Option<&str>) -> bool {
    PLANNED.iter().any(|(s, k)| *s == section && (*k == "*" || Some(*k) == key))
}

fn did_you_mean(hint: Option<String>) -> String {
    hint.map(|hint| format!("; did you mean {hint}?")).unwrap_or_default()
}

/// Returns the candidate that is only a slip of the finger away.
fn closest(candidates: impl Iterator<Item = String>, wanted: &str) -> Option<String> {
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (distance(&candidate, wanted), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Counts the letters to insert, delete, replace or swap with their neighbour to make `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    // Keys are short; what a person wrote may not be. Nothing that long is a slip.
    if a.len().max(b.len()) > 80 {
        return usize::MAX;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}
