//! Prints the settings in force, for `config show`: the same keys as the file, secrets masked.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::Config;

impl Config {
    /// Returns the settings in force as JSON: section, key, value.
    pub fn show_json(&self) -> Json {
        let mut sections = Map::new();
        for (section, key, value) in self.shown() {
            let Some(mut keys) = group_of(&mut sections, section) else { continue };
            let (group, key) = key.rsplit_once('.').map_or((None, key), |(group, key)| (Some(group), key));
            if let Some(group) = group {
                let Some(inner) = group_of(keys, group) else { continue };
                keys = inner;
            }
            keys.insert(key.to_owned(), value);
        }
        Json::Object(sections)
    }

    /// Returns the settings in force as YAML that could be used as a configuration file, but for the secrets.
    pub fn show_yaml(&self) -> String {
        let mut text = String::new();
        let mut open = "";
        let mut group = "";
        for (section, key, value) in self.shown() {
            if section != open {
                (open, group) = (section, "");
                // Writing into a String cannot fail.
                let _ = writeln!(text, "{section}:");
            }
            // JSON is YAML, and quotes every word that YAML could take for something else.
            let _ = match key.split_once('.') {
                None => writeln!(text, "  {key}: {value}"),
                Some((name, inner)) => {
                    let begin = if name == group { String::new() } else { format!("  {name}:\n") };
                    group = name;
                    writeln!(text, "{begin}    {inner}: {value}")
                }
            };
        }
        text
    }

    fn shown(&self) -> Vec<(&'static str, &'static str, Json)> {
        let mut copy = self.clone();
        copy.store.data_dir = Some(self.data_dir.clone());
        copy.fields().into_iter().map(|field| (field.section, field.key, field.value.show())).collect()
    }
}

/// The keys under a name, made when there are none yet.
fn group_of<'a>(keys: &'a mut Map<String, Json>, name: &str) -> Option<&'a mut Map<String, Json>> {
    keys.entry(name).or_insert_with(|| json!({})).as_object_mut()
}
