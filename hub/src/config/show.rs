//! Prints the settings in force, for `config show`: the same keys as the file, secrets masked.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::Config;

impl Config {
    /// Returns the settings in force as JSON: section, key, value.
    pub fn show_json(&self) -> Json {
        let mut sections = Map::new();
        for (section, key, value) in self.shown() {
            let keys = sections.entry(section).or_insert_with(|| json!({}));
            if let Json::Object(keys) = keys {
                keys.insert(key.to_owned(), value);
            }
        }
        Json::Object(sections)
    }

    /// Returns the settings in force as YAML that could be used as a configuration file, but for the secrets.
    pub fn show_yaml(&self) -> String {
        let mut text = String::new();
        let mut open = "";
        for (section, key, value) in self.shown() {
            if section != open {
                open = section;
                // Writing into a String cannot fail.
                let _ = writeln!(text, "{section}:");
            }
            // JSON is YAML, and quotes every word that YAML could take for something else.
            let _ = writeln!(text, "  {key}: {value}");
        }
        text
    }

    fn shown(&self) -> Vec<(&'static str, &'static str, Json)> {
        let mut copy = self.clone();
        copy.store.data_dir = Some(self.data_dir.clone());
        copy.fields().into_iter().map(|field| (field.section, field.key, field.value.show())).collect()
    }
}
