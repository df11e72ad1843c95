//! The streams of a PowerSync Service beside Postgres, as its configuration says them (edition 3): the same names,
//! parameters and rows that a hub offers by itself ([`crate::sync::bucket`]).

use std::fmt::Write as _;

use super::{COMMON, COMPLETION_EVENTS, COMPLETIONS, DELETED_AT, Stream, TABLES, Table};
use crate::sync::bucket::{EVENTS, HOUSEHOLD, ME, WATCH_RECENT};

/// Where a line of SQL is broken.
const WIDTH: usize = 118;

/// Rows of the person who asks.
const MINE: &str = "scope = 'u:' || auth.user_id()";
/// Rows of the households of that person.
const OURS: &str = "scope IN ours";
/// Those households. A membership counts in the household's own scope only: nobody joins one by a row of their own.
const HOUSEHOLDS: &str = "SELECT scope FROM kairos.household_members\n\
     WHERE user_id = auth.user_id() AND scope = 'h:' || household_id AND deleted_at IS NULL";

/// What a PowerSync Service is told of a table: what a client sees, never clocks and numbers.
pub fn published(table: &Table) -> impl Iterator<Item = &'static str> {
    let (before, after) = COMMON.split_at(3);
    let own = table.columns.iter().map(|column| column.name);
    let after = after.iter().copied().filter(|name| *name != "_clk");
    before.iter().copied().chain(own).chain(after)
}

/// The text of the file.
#[must_use]
pub fn file() -> String {
    let mut text = String::from(
        "# The streams of a PowerSync Service for phones away from home: what a hub offers by itself, under the same names.\n\
         # Generated from the hub's own description of its tables: please do not edit.\n\
         config:\n  edition: 3\n\nstreams:\n",
    );
    let rows = || TABLES.iter().copied().filter(|table| table.stream == Stream::Rows);

    head(&mut text, "The person's own rows.", ME, 1, true, false);
    rows().for_each(|table| query(&mut text, table, MINE));

    head(&mut text, "The rows of the households they belong to.", HOUSEHOLD, 2, true, true);
    rows().for_each(|table| query(&mut text, table, OURS));

    head(&mut text, "What was done for one habit, event by event. Parameter: habit, its id.", EVENTS, 3, false, true);
    for scope in [MINE, OURS] {
        query(&mut text, &COMPLETION_EVENTS, &format!("{scope} AND habit_id = subscription.parameter('habit')"));
    }

    let about = "The person's days of one month. Parameter: month, such as 2026-11.";
    head(&mut text, about, WATCH_RECENT, 3, false, false);
    let month = format!("{MINE} AND substring(date, 1, 7) = subscription.parameter('month')");
    query(&mut text, &COMPLETIONS, &month);
    text
}

fn head(text: &mut String, about: &str, name: &str, priority: u8, by_itself: bool, with_households: bool) {
    let first = if text.ends_with("streams:\n") { "" } else { "\n" };
    let _ = write!(text, "{first}  # {about}\n  {name}:\n    auto_subscribe: {by_itself}\n    priority: {priority}\n");
    if with_households {
        let _ = writeln!(text, "    with:\n      ours: >-\n        {}", HOUSEHOLDS.replace('\n', "\n        "));
    }
    text.push_str("    queries:\n");
}

fn query(text: &mut String, table: &Table, condition: &str) {
    text.push_str("      - >-\n");
    let mut line = String::from("        SELECT");
    let mut columns = published(table).peekable();
    while let Some(column) = columns.next() {
        let comma = if columns.peek().is_some() { "," } else { "" };
        if line.len() + column.len() + 2 > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("       ");
        }
        let _ = write!(line, " {column}{comma}");
    }
    let _ = write!(
        text,
        "{line}\n        FROM kairos.{}\n        WHERE {condition} AND {DELETED_AT} IS NULL\n",
        table.name
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::{HouseholdId, UserId};
    use crate::scope::Scope;
    use crate::sync::bucket::Source;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/powersync/sync-streams.yaml");

    /// `KAIROS_UPDATE=1 cargo test -p kairos-core schema::streams` writes it anew.
    #[test]
    fn the_shipped_streams_are_those_that_follow_from_the_description() {
        if std::env::var_os("KAIROS_UPDATE").is_some() {
            std::fs::write(FILE, file()).unwrap();
        }
        let shipped = std::fs::read_to_string(FILE).unwrap();
        assert!(shipped == file(), "deploy/powersync/sync-streams.yaml should be:\n\n{}", file());
    }

    #[test]
    fn every_table_that_clients_may_see_is_in_the_streams_and_no_other() {
        let text = file();
        let count = |table: &Table| text.matches(&format!("FROM kairos.{}\n        WHERE {MINE}", table.name)).count();
        for table in TABLES {
            let expected = match table.stream {
                Stream::Rows if **table == COMPLETIONS => 2,
                Stream::Rows | Stream::Events => 1,
                Stream::Internal => 0,
            };
            assert_eq!(count(table), expected, "{}", table.name);
        }
        assert!(!text.contains("_clk") && !text.contains("seq"));
    }

    #[test]
    fn what_is_urgent_is_so_on_either_side() {
        let (ada, home) =
            (Scope::Person(UserId::new("ada").unwrap()), Scope::Household(HouseholdId::new("home").unwrap()));
        let sources = [
            (ME, Source::Rows(ada.clone())),
            (HOUSEHOLD, Source::Rows(home)),
            (EVENTS, Source::Events(ada.clone(), "h".into())),
            (WATCH_RECENT, Source::Month(ada, "2026-11".into())),
        ];
        for (name, source) in sources {
            let of_stream = file().split_once(&format!("\n  {name}:\n")).unwrap().1.to_owned();
            let said = of_stream.split_once("priority: ").unwrap().1;
            assert!(said.starts_with(&format!("{}\n", source.priority())), "{name}");
        }
    }
}
