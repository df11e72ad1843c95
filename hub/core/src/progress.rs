//! What becomes of a habit as days pass: days that passed, phases, and offers of a way back.
//!
//! [`assess`] is a function of the habit's plan, its marks, what people answered, and the present day; it looks at every
//! day once, from the first to the present. The engine writes down where the store differs from it, so it does not matter
//! when or how often it runs, nor in which order deeds arrive.
//!
//! The rules, in the order in which they are applied to each day:
//!
//! 1. A habit forms for two weeks (`ONBOARD`), then `FORMING` until the 112th day, then `MAINTAINING`.
//! 2. Demanded days without a deed count up; a deed or a skip ends the count; breaks and free days do not touch it.
//! 3. At the lapse threshold a recovery session is offered, at the relapse threshold it becomes one of the longer kind.
//! 4. A deed answers a session of the short kind by itself. After a long gap the person says how to go on; resuming,
//!    simplifying and starting afresh all lead back to `FORMING`. Days are counted anew from there.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::ids;
use crate::plan::{Asks, LOOK_BACK_DAYS, Mark, Marks, Plan, Schedules, Thresholds, days_before, days_between, stretch};

/// How far back the engine notes days that passed.
pub const HORIZON_DAYS: i32 = 400;
/// Age in days at which a habit begins to form.
pub const FORMING_FROM: i64 = 14;
/// Age in days from which it is maintained.
pub const MAINTAINING_FROM: i64 = 112;

crate::event::words!(
    /// Where a habit stands.
    Phase {
        /// The first two weeks.
        Onboard = "ONBOARD",
        /// It takes shape.
        Forming = "FORMING",
        /// It stands.
        Maintaining = "MAINTAINING",
        /// Some days without a deed.
        Lapsed = "LAPSED",
        /// Many days without a deed.
        Relapsed = "RELAPSED",
    }
);

crate::event::words!(
    /// How long a gap is.
    Gap {
        /// Short.
        Lapse = "LAPSE",
        /// Long.
        Relapse = "RELAPSE",
    }
);

crate::event::words!(
    /// How a person goes on.
    Recovery {
        /// As before.
        Resume = "RESUME",
        /// With the small version.
        Simplify = "SIMPLIFY",
        /// Not for now.
        Pause = "PAUSE",
        /// No more.
        Archive = "ARCHIVE",
        /// From the beginning.
        FreshStart = "FRESH_START",
    }
);

/// What a person chose in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The session's first day.
    pub gap_start: Date,
    /// The logical day of the answer.
    pub on: Date,
    /// What they chose.
    pub action: Recovery,
}

/// An offer of a way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The first day of the gap; names the session.
    pub gap_start: Date,
    /// How long the gap became.
    pub gap: Gap,
    /// The day whose end made it.
    pub triggered_on: Date,
    /// The day of the next deed.
    pub gap_end: Option<Date>,
    /// The day it was answered and how; nothing while it waits.
    pub answer: Option<(Date, Recovery, AnsweredBy)>,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A person chose.
    Person,
    /// They simply did it again.
    Deed,
}

/// Where a habit stands, and what follows from its past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Its phase.
    pub phase: Phase,
    /// The days that passed without a deed, of the last [`HORIZON_DAYS`].
    pub passed: BTreeSet<Date>,
    /// All its sessions, earliest first.
    pub sessions: Vec<Session>,
    /// Demanded days without a deed up to yesterday.
    pub misses: i64,
}

/// The id of a session: derived, so that two hubs offer the same one.
#[must_use]
pub fn session_id(habit: &str, actor: &str, gap_start: Date) -> String {
    ids::derive(&format!("recovery|{habit}|{actor}|{gap_start}"))
}

/// The day from which passed days are noted.
#[must_use]
pub fn horizon(today: Date) -> Date {
    today.checked_sub(HORIZON_DAYS.days()).unwrap_or(Date::MIN)
}

/// Looks at a habit's days up to yesterday, and at the present one for what was done in it.
#[must_use]
pub fn assess(plan: &Plan, marks: &Marks, answers: &[Answer], today: Date) -> Assessment {
    // What the engine noted itself is worked out anew where it still may be; beyond that it stands.
    let horizon = horizon(today);
    let marks: Marks = marks
        .iter()
        .map(|(date, mark)| (*date, *mark))
        .filter(|(date, mark)| *mark != Mark::Passed || *date < horizon)
        .collect();
    let first_deed = marks.keys().next().copied().unwrap_or(plan.first_day);
    let begin = plan.first_day.min(first_deed).max(days_before(today, LOOK_BACK_DAYS));
    let mut walk = Walk {
        schedules: &plan.schedules,
        phase: Phase::Onboard,
        since: begin,
        misses: 0,
        gap_start: None,
        sessions: Vec::new(),
        passed: BTreeSet::new(),
    };
    let asks = plan.asks(&marks, today);
    for date in stretch(begin, today) {
        walk.age(date);
        walk.look(date, plan, (&marks, &asks), horizon, today);
        for answer in answers.iter().filter(|answer| answer.on == date) {
            walk.answered(answer);
        }
    }
    Assessment { phase: walk.phase, passed: walk.passed, sessions: walk.sessions, misses: walk.misses }
}

struct Walk<'a> {
    schedules: &'a Schedules,
    phase: Phase,
    /// From which day age counts.
    since: Date,
    misses: i64,
    gap_start: Option<Date>,
    sessions: Vec<Session>,
    passed: BTreeSet<Date>,
}

impl Walk<'_> {
    fn age(&mut self, date: Date) {
        let age = days_between(self.since, date);
        match self.phase {
            Phase::Onboard if age >= FORMING_FROM => self.phase = Phase::Forming,
            Phase::Forming if age >= MAINTAINING_FROM => self.phase = Phase::Maintaining,
            _ => {}
        }
    }

    fn look(&mut self, date: Date, plan: &Plan, (marks, asks): (&Marks, &Asks<'_>), horizon: Date, today: Date) {
        match marks.get(&date) {
            Some(Mark::Done) => self.deed(date),
            Some(Mark::Skipped) => self.end_count(),
            // As with other days, once it is over; and not where nothing was asked for.
            Some(Mark::Lapsed) if date >= today || !plan.open(date) => {}
            Some(Mark::Lapsed | Mark::Passed) => self.miss(date),
            None if date >= today || date < plan.first_day => {}
            None if plan.kept_by_nothing(date) && plan.open(date) => self.deed(date),
            None if date >= horizon && asks.demanded(date) => {
                self.passed.insert(date);
                self.miss(date);
            }
            None => {}
        }
    }

    fn end_count(&mut self) {
        self.misses = 0;
        self.gap_start = None;
    }

    fn pending(&mut self) -> Option<&mut Session> {
        self.sessions.last_mut().filter(|session| session.answer.is_none())
    }

    fn deed(&mut self, date: Date) {
        self.end_count();
        let stays = self.phase == Phase::Relapsed;
        if let Some(session) = self.pending() {
            session.gap_end.get_or_insert(date);
            if !stays {
                session.answer = Some((date, Recovery::Resume, AnsweredBy::Deed));
            }
        }
        if self.phase == Phase::Lapsed {
            self.form(date);
        }
    }

    fn form(&mut self, date: Date) {
        self.phase = Phase::Forming;
        self.since = date;
    }

    fn miss(&mut self, date: Date) {
        self.misses += 1;
        let gap_start = *self.gap_start.get_or_insert(date);
        let Thresholds { lapse, relapse } = self.schedules.on(date).thresholds;
        if self.misses >= lapse && self.pending().is_none() {
            self.sessions.push(Session { gap_start, gap: Gap::Lapse, triggered_on: date, gap_end: None, answer: None });
        }
        if self.misses >= lapse && matches!(self.phase, Phase::Forming | Phase::Maintaining) {
            self.phase = Phase::Lapsed;
        }
        if self.misses >= relapse {
            if let Some(session) = self.pending() {
                session.gap = Gap::Relapse;
            }
            if self.phase == Phase::Lapsed {
                self.phase = Phase::Relapsed;
            }
        }
    }

    /// A person said how to go on: from the gap they were asked about, and from the one they were in, should late data have
    /// made it begin on another day.
    fn answered(&mut self, answer: &Answer) {
        let said = Some((answer.on, answer.action, AnsweredBy::Person));
        let mut any = false;
        for session in &mut self.sessions {
            // A deed of the same day may have been the first answer; what a person says weighs more.
            if session.gap_start == answer.gap_start || session.answer.is_none() {
                session.answer = said;
                any = true;
            }
        }
        if !any {
            return;
        }
        self.end_count();
        let back = matches!(answer.action, Recovery::FreshStart | Recovery::Resume | Recovery::Simplify);
        if self.phase == Phase::Relapsed && back || self.phase == Phase::Lapsed && answer.action == Recovery::FreshStart
        {
            self.form(answer.on);
        }
    }
}

#[cfg(test)]
mod tests;
