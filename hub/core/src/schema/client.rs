//! The schema that sync clients open their database with, as a JavaScript module.

use std::fmt::Write as _;

use super::{Kind, Preset, Stream, TABLES, Table};

/// Columns every table has beside its own, as far as clients need them.
const SHARED: [(&str, Kind); 4] =
    [("scope", Kind::Text), ("user_id", Kind::Text), ("created_at", Kind::Integer), ("updated_at", Kind::Integer)];

/// Indexes that screens need: a client's tables are views over JSON, without one every question reads all rows.
const INDEXES: [(&str, &str, &[&str]); 6] = [
    ("habit_schedules", "habit", &["habit_id"]),
    ("completions", "day", &["date"]),
    ("completions", "habit_day", &["habit_id", "date"]),
    ("completion_events", "habit_day", &["habit_id", "date"]),
    ("routine_habits", "routine", &["routine_id"]),
    ("conflicts", "status", &["status"]),
];

/// The module's text: one table for each that clients may see, for `@powersync/common`.
#[must_use]
pub fn module() -> String {
    let mut text = String::from(
        "// The tables a Kairos Hub syncs, for PowerSync's JavaScript SDKs (Web, Node, React Native, Capacitor).\n\
         // Generated from the hub's own description of its tables: please do not edit.\n\
         import { column, Schema, Table } from '@powersync/common';\n\n\
         // What was there before, and what was meant, travel with each write: the hub merges better with them.\n\
         const tracked = { trackPrevious: { onlyWhenChanged: true }, trackMetadata: true, ignoreEmptyUpdates: true };\n",
    );
    let shown: Vec<&Table> = TABLES.iter().copied().filter(|table| table.stream != Stream::Internal).collect();
    for table in &shown {
        let needed = table.columns.iter().filter(|column| column.preset == Preset::Required && !column.derived);
        let needed: Vec<&str> = needed.map(|column| column.name).collect();
        let _ = writeln!(text, "\n// {}", table.doc);
        if !needed.is_empty() {
            let _ = writeln!(text, "// A new row needs {}.", needed.join(", "));
        }
        let _ = write!(text, "const {} = new Table(\n  {{\n", table.name);
        let own = table.columns.iter().map(|column| (column.name, column.kind));
        for (name, kind) in SHARED.into_iter().chain(own) {
            let kind = match kind {
                Kind::Text => "text",
                Kind::Integer => "integer",
                Kind::Real => "real",
            };
            let _ = writeln!(text, "    {name}: column.{kind},");
        }
        text.push_str("  },\n");
        let indexes: Vec<String> = INDEXES
            .iter()
            .filter(|(of, ..)| *of == table.name)
            .map(|(_, name, columns)| format!("{name}: ['{}']", columns.join("', '")))
            .collect();
        if indexes.is_empty() {
            text.push_str("  tracked\n);\n");
        } else {
            let _ = write!(text, "  {{ ...tracked, indexes: {{ {} }} }}\n);\n", indexes.join(", "));
        }
    }
    let names: Vec<&str> = shown.iter().map(|table| table.name).collect();
    let _ = write!(text, "\nexport const schema = new Schema({{\n  {}\n}});\n", names.join(",\n  "));
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sync/schema.js");

    /// `KAIROS_UPDATE=1 cargo test -p kairos-core schema::client` writes it anew.
    #[test]
    fn the_published_schema_is_the_one_that_follows_from_the_description() {
        if std::env::var_os("KAIROS_UPDATE").is_some() {
            std::fs::write(FILE, module()).unwrap();
        }
        assert!(std::fs::read_to_string(FILE).unwrap() == module(), "docs/sync/schema.js is out of date");
    }

    #[test]
    fn indexes_name_columns() {
        for (table, _, columns) in INDEXES {
            let table = Table::named(table).unwrap();
            assert!(columns.iter().all(|column| table.column(column).is_some()), "{}", table.name);
        }
    }
}
