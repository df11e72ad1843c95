//! What is written down of a habit's past: worked out from its life, the same by whoever and whenever it is done.

use std::collections::BTreeSet;

use kairos_core::Millis;
use kairos_core::day::{Date, day_begins};
use kairos_core::plan::{LOOK_BACK_DAYS, Mark, days_before};
use kairos_core::progress::{self, Answer, AnsweredBy, Assessment, Gap, Phase, Recovery, Session, assess};
use kairos_core::repair::parse_date;
use kairos_core::row::Row;
use kairos_core::value::Value;

use crate::store::Life;

/// A day counts as passed this long after its end: a phone that syncs at midnight should come first.
pub(crate) const GRACE: Millis = 15 * 60_000;

/// Where the store differs from what follows from a habit's days.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Upkeep {
    /// Days to note as passed.
    pub(crate) passed: Vec<Date>,
    /// Days whose note is no longer true.
    pub(crate) withdrawn: Vec<Date>,
    /// The phase, when it is another.
    pub(crate) phase: Option<Phase>,
    /// Sessions that are new or differ, by id.
    pub(crate) sessions: Vec<(String, SessionState)>,
}

/// What of a session the engine says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SessionState {
    pub(crate) gap_start: Date,
    pub(crate) gap: Gap,
    pub(crate) gap_end: Option<Date>,
    pub(crate) triggered_at: Millis,
    /// What became of it; `None` leaves what a person said.
    pub(crate) standing: Option<Standing>,
}

/// What became of a session, as far as the engine can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It waits.
    Pending,
    /// A deed answered it, on that day.
    Resumed(Date),
    /// Late data took it back.
    Withdrawn,
}

impl Upkeep {
    /// Whether the store already says all this.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// The day the engine looks at: the present one, shortly after it began still the one before.
pub(crate) fn present(life: &Life, now: Millis) -> Date {
    life.person.today(now.saturating_sub(GRACE))
}

/// Where a habit stands.
pub(crate) fn assessment(life: &Life, now: Millis) -> Assessment {
    let answers: Vec<Answer> = life.sessions.iter().filter_map(answer).collect();
    assess(&life.plan, &life.marks, &answers, present(life, now))
}

/// Compares what follows from a habit's days with what the store says.
pub(crate) fn upkeep(life: &Life, now: Millis) -> Upkeep {
    let found = assessment(life, now);
    let horizon = progress::horizon(present(life, now));
    let noted: BTreeSet<Date> = life
        .marks
        .iter()
        .filter(|(date, mark)| **mark == Mark::Passed && **date >= horizon)
        .map(|(date, _)| *date)
        .collect();
    let phase = Some(found.phase).filter(|phase| life.habit.text("phase") != phase.as_str());
    Upkeep {
        passed: found.passed.difference(&noted).copied().collect(),
        withdrawn: noted.difference(&found.passed).copied().collect(),
        phase,
        sessions: sessions(life, &found, present(life, now)),
    }
}

/// What a person answered.
fn answer(session: &Row) -> Option<Answer> {
    Some(Answer {
        gap_start: parse_date(&session.text("gap_start"))?,
        on: parse_date(&session.opt_text("answered_on")?)?,
        action: Recovery::parse(&session.text("action"))?,
    })
    .filter(|_| answered(session))
}

/// Whether a person has answered.
fn answered(session: &Row) -> bool {
    session.deleted_at.is_none() && session.text("status") == "COMPLETED" && session.text("answered_by") == "person"
}

fn sessions(life: &Life, found: &Assessment, today: Date) -> Vec<(String, SessionState)> {
    let habit = life.habit.id.as_str();
    let mut differ = Vec::new();
    let mut expected = BTreeSet::new();
    for session in &found.sessions {
        let id = progress::session_id(habit, "", session.gap_start);
        let stored = life.sessions.iter().find(|row| row.id == id);
        let said = matches!(session.answer, Some((_, _, AnsweredBy::Person)));
        if said && !stored.is_some_and(answered) {
            // They answered another session, of the same gap before late data moved its first day: that one stands.
            continue;
        }
        let mut state = state(life, session);
        // What a person said stands, also where the clock has stepped back behind it.
        state.standing = state.standing.filter(|_| !stored.is_some_and(answered));
        if stored.is_none_or(|row| differs(row, &state)) {
            differ.push((id.clone(), state));
        }
        expected.insert(id);
    }
    for row in life.sessions.iter().filter(|row| !expected.contains(&row.id)) {
        // What lies further back than one looks stays as it was said.
        let looked_at = |gap_start: &Date| *gap_start >= days_before(today, LOOK_BACK_DAYS);
        let gap_start = parse_date(&row.text("gap_start")).filter(looked_at).filter(|_| !answered(row));
        let Some(gap_start) = gap_start else { continue };
        let state = SessionState {
            gap_start,
            gap: Gap::parse(&row.text("type")).unwrap_or(Gap::Lapse),
            gap_end: row.opt_text("gap_end").and_then(|end| parse_date(&end)),
            triggered_at: row.integer("triggered_at").unwrap_or_default(),
            standing: Some(Standing::Withdrawn),
        };
        if differs(row, &state) {
            differ.push((row.id.clone(), state));
        }
    }
    differ
}

fn state(life: &Life, session: &Session) -> SessionState {
    let after = session.triggered_on.tomorrow().unwrap_or(session.triggered_on);
    SessionState {
        gap_start: session.gap_start,
        gap: session.gap,
        gap_end: session.gap_end,
        triggered_at: day_begins(after, &life.person.zone, life.person.day_start_min),
        standing: match session.answer {
            None => Some(Standing::Pending),
            Some((on, _, AnsweredBy::Deed)) => Some(Standing::Resumed(on)),
            Some((_, _, AnsweredBy::Person)) => None,
        },
    }
}

/// The words of a standing: status, action, by whom, on which day, and a note.
pub(crate) fn words(standing: Standing) -> [(&'static str, Value); 5] {
    let (status, action, by, on, notes): (_, Option<&str>, Option<&str>, Option<Date>, Option<&str>) = match standing {
        Standing::Pending => ("PENDING", None, None, None, None),
        Standing::Resumed(on) => ("COMPLETED", Some("RESUME"), Some("deed"), Some(on), None),
        Standing::Withdrawn => ("ABANDONED", None, None, None, Some("late_data")),
    };
    [
        ("status", status.into()),
        ("action", action.into()),
        ("answered_by", by.into()),
        ("answered_on", on.map(|date| date.to_string()).into()),
        ("notes", notes.into()),
    ]
}

/// Whether a stored session says something else. When it was triggered is not looked at: a change of zone moves it.
fn differs(row: &Row, state: &SessionState) -> bool {
    let end = row.opt_text("gap_end").and_then(|end| parse_date(&end));
    row.deleted_at.is_some()
        || row.text("type") != state.gap.as_str()
        || end != state.gap_end
        || state.standing.is_some_and(|standing| {
            words(standing).iter().any(|(column, value)| *column != "notes" && row.look(column).as_ref() != value)
        })
}
