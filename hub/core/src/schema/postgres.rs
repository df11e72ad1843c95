//! The synced tables as Postgres has them: what follows from the description, and what the migrations have of it.
//!
//! Migrations are only ever added to. [`Have`] reads what they have made so far, [`lacking`] writes what the next one
//! must bring: everything where there is nothing yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{COMPLETION_EVENTS, COMPLETIONS, Column, Kind, Preset, TABLES, Table};

/// Columns by which questions are asked, beside scope and number.
const INDEXES: [(&str, &[&str]); 3] = [
    ("completions", &["habit_id", "date"]),
    ("completion_events", &["habit_id", "date"]),
    ("habit_schedules", &["habit_id"]),
];

/// Tables whose ids are minted: a row made by hand may leave its id to the database. All others follow from what the row
/// is about.
const MINTED: [&str; 7] =
    ["habits", "pauses", "completion_events", "routines", "routine_variants", "routine_executions", "devices"];

/// What an event made by hand may leave out, though it is needed.
const SELF_EVIDENT: [(&str, &str); 5] = [
    ("occurred_at", "kairos.now_ms()"),
    ("time_source", "'hub'"),
    ("tz", "'UTC'"),
    ("tz_offset_min", "0"),
    ("source", "'api'"),
];

/// Columns from which day cells follow, beside the events themselves: how a day is measured, and the words that keep it.
const FOLDED: [(&str, &[&str]); 3] = [
    ("habits", &["kind", "target_type", "target_value", "completion_mode"]),
    ("habit_schedules", &["habit_id", "valid_from", "kind", "target_type", "target_value"]),
    ("completions", &["note", "energy_level"]),
];

/// What migrations have made so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Have {
    /// The type of each column, by table and name.
    pub columns: BTreeMap<(String, String), String>,
    /// What the trigger for edits by hand knows of each column, by table and name: the last word on it.
    pub registers: BTreeMap<(String, String), String>,
}

impl Have {
    /// Reads migrations, oldest first. They keep to the form that [`lacking`] writes: a line a column.
    #[must_use]
    pub fn read<'a>(migrations: impl IntoIterator<Item = &'a str>) -> Self {
        let mut have = Self::default();
        for text in migrations {
            let mut table = None;
            for line in text.lines() {
                if let Some(name) = line.strip_prefix("CREATE TABLE kairos.") {
                    table = name.strip_suffix(" (");
                } else if line == ");" {
                    table = None;
                } else if let Some((table, column)) =
                    line.strip_prefix("ALTER TABLE kairos.").and_then(|line| line.split_once(" ADD COLUMN "))
                {
                    have.column(table, column);
                } else if let (Some(table), Some(column)) = (table, line.strip_prefix("  ")) {
                    have.column(table, column);
                } else if let Some(tuple) = line.strip_prefix("  ('") {
                    have.register(tuple);
                }
            }
        }
        // What hubs keep beside the rows is no synced table.
        let synced: BTreeSet<String> = have.registers.keys().map(|(table, _)| table.clone()).collect();
        have.columns.retain(|(table, _), _| synced.contains(table));
        have
    }

    /// `habits', 'kind', 'measure', false, …),`
    fn register(&mut self, tuple: &str) {
        let parts: Vec<&str> = tuple.split(", ").map(|part| part.trim_matches(['\'', ')', ','])).collect();
        if let [table, column, known @ ..] = parts.as_slice() {
            self.registers.insert(((*table).into(), (*column).into()), known.join(", "));
        }
    }

    /// `kind text DEFAULT 'boolean',`
    fn column(&mut self, table: &str, declaration: &str) {
        let Some((name, rest)) = declaration.trim_end_matches([',', ';']).split_once(' ') else { return };
        let kind = rest.split(" DEFAULT").next().unwrap_or(rest);
        self.columns.insert((table.into(), name.into()), kind.into());
    }

    fn has(&self, table: &Table) -> bool {
        self.columns.keys().any(|(have, _)| have == table.name)
    }
}

/// What the description says, in the same form.
#[must_use]
pub fn wanted() -> Have {
    Have::read([lacking(&Have::default()).as_str()])
}

/// The SQL of what a further migration must bring; empty when nothing is lacking.
#[must_use]
pub fn lacking(have: &Have) -> String {
    let mut sql = String::new();
    let fresh: Vec<&Table> = TABLES.iter().copied().filter(|table| !have.has(table)).collect();
    for table in &fresh {
        create(&mut sql, table);
    }
    let mut tuples = Vec::new();
    for table in TABLES {
        let is_new = |column: &Column| !have.columns.contains_key(&(table.name.to_owned(), column.name.to_owned()));
        if have.has(table) && table.columns.iter().any(is_new) {
            let _ = writeln!(sql, "SELECT kairos.write_out_clocks('{}');", table.name);
        }
        for column in table.columns {
            let place = (table.name.to_owned(), column.name.to_owned());
            if have.has(table) && is_new(column) {
                let _ = writeln!(sql, "ALTER TABLE kairos.{} ADD COLUMN {};", table.name, declared(table, column));
            }
            let known = known(table, column);
            if have.registers.get(&place).is_none_or(|have| *have != known.replace('\'', "")) {
                tuples.push(format!("  ('{}', '{}', {known})", table.name, column.name));
            }
        }
    }
    if !tuples.is_empty() {
        let _ = write!(
            sql,
            "\nINSERT INTO kairos.registers (tbl, col, register, derived, fixed, needed, folded) VALUES\n{}\n\
             ON CONFLICT (tbl, col) DO UPDATE SET register = excluded.register, derived = excluded.derived,\n  \
             fixed = excluded.fixed, needed = excluded.needed, folded = excluded.folded;\n\n",
            tuples.join(",\n")
        );
    }
    for table in &fresh {
        let _ = writeln!(sql, "SELECT kairos.adopt('{}');", table.name);
    }
    if !sql.is_empty() {
        sql.push_str("SELECT kairos.publish();\n");
    }
    sql
}

fn create(sql: &mut String, table: &Table) {
    let minted = if MINTED.contains(&table.name) { " DEFAULT gen_random_uuid()::text" } else { "" };
    let _ = writeln!(sql, "-- {}\nCREATE TABLE kairos.{} (", table.doc, table.name);
    let _ = writeln!(sql, "  id text PRIMARY KEY{minted},\n  scope text NOT NULL,\n  user_id text NOT NULL,");
    for column in table.columns {
        let _ = writeln!(sql, "  {},", declared(table, column));
    }
    sql.push_str(
        "  created_at bigint NOT NULL,\n  updated_at bigint NOT NULL,\n  hlc text NOT NULL,\n  deleted_at bigint,\n  \
         extra jsonb,\n  _clk jsonb,\n  seq bigint NOT NULL DEFAULT 0\n);\n",
    );
    let _ = writeln!(sql, "CREATE INDEX {0}_scope ON kairos.{0} (scope, seq);", table.name);
    for (_, columns) in INDEXES.iter().filter(|(of, _)| *of == table.name) {
        let _ = writeln!(sql, "CREATE INDEX {0}_habit ON kairos.{0} ({1});", table.name, columns.join(", "));
    }
    sql.push('\n');
}

/// A column as it is declared: nothing is refused, so that a merge can always be stored. Defaults are for rows made by
/// hand; hubs say every column.
fn declared(table: &Table, column: &Column) -> String {
    let kind = match column.kind {
        Kind::Text => "text",
        Kind::Integer => "bigint",
        Kind::Real => "double precision",
    };
    let evident = SELF_EVIDENT.iter().find(|(name, _)| *table == COMPLETION_EVENTS && *name == column.name);
    let default = match (column.preset, evident) {
        _ if column.derived => String::new(),
        (_, Some((_, value))) => format!(" DEFAULT {value}"),
        (Preset::Null | Preset::Required, None) => String::new(),
        (Preset::Text(text), None) => format!(" DEFAULT '{}'", text.replace('\'', "''")),
        (Preset::Integer(number), None) => format!(" DEFAULT {number}"),
        (Preset::Real(number), None) => format!(" DEFAULT {number:?}"),
    };
    format!("{} {kind}{default}", column.name)
}

/// What an edit by hand needs to know of a column: its register, and whether it is derived, fixed, needed, folded.
fn known(table: &Table, column: &Column) -> String {
    let event = *table == COMPLETION_EVENTS;
    // What a row is about, and all of an event: never changed.
    let fixed = event || table.keys.contains(&column.name) || (*table == COMPLETIONS && column.name == "actor");
    let needed = column.preset == Preset::Required && !column.derived;
    let folded = event || FOLDED.iter().any(|(of, columns)| *of == table.name && columns.contains(&column.name));
    format!("'{}', {}, {fixed}, {needed}, {folded}", column.register, column.derived)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/postgres/migrations");

    fn migrations() -> Vec<String> {
        let mut files: Vec<_> = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    #[test]
    fn the_migrations_have_what_the_description_says_and_nothing_more() {
        let files = migrations();
        let have = Have::read(files.iter().map(String::as_str));
        let lacking = lacking(&have);
        assert!(lacking.is_empty(), "deploy/postgres/migrations needs one more:\n\n{lacking}");
        assert_eq!(have, wanted());
    }

    #[test]
    fn what_is_lacking_is_all_that_comes() {
        let whole = wanted();
        let columns: usize = TABLES.iter().map(|table| table.columns.len()).sum();
        assert_eq!((whole.registers.len(), whole.columns.len()), (columns, columns + 10 * TABLES.len()));
        assert_eq!(lacking(&whole), "");

        let place = ("habits".to_owned(), "unit".to_owned());
        let mut before = whole.clone();
        before.columns.remove(&place);
        before.registers.remove(&place);
        let sql = lacking(&before);
        let first = "SELECT kairos.write_out_clocks('habits');\nALTER TABLE kairos.habits ADD COLUMN unit text;\n";
        assert!(sql.starts_with(first), "{sql}");
        assert!(sql.contains("\n  ('habits', 'unit', 'unit', false, false, false, false)\n"), "{sql}");
        assert!(!sql.contains("CREATE TABLE") && !sql.contains("adopt"), "{sql}");

        let mut other = whole.clone();
        other.registers.insert(place, "quota, false, false, false, false".into());
        assert!(!lacking(&other).contains("ALTER TABLE") && lacking(&other).contains("'unit'"), "a register changed");
    }

    #[test]
    fn lists_name_columns() {
        let listed = INDEXES.iter().chain(&FOLDED).flat_map(|(table, columns)| columns.iter().map(|c| (*table, *c)));
        let evident = SELF_EVIDENT.iter().map(|(column, _)| ("completion_events", *column));
        for (table, column) in listed.chain(evident) {
            assert!(Table::named(table).unwrap().column(column).is_some(), "{table}.{column}");
        }
        assert!(MINTED.iter().all(|table| Table::named(table).is_some()));
    }
}
