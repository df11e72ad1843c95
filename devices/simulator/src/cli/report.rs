//! What a run says at its end.

use std::time::Duration;

use kairos_simulator::ledger::Counts;
use kairos_simulator::{AckResult, Ledger};
use serde::Serialize;

/// The summary of a run; with `--json` exactly this.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) buttons: usize,
    pub(crate) seconds: f64,
    pub(crate) seed: u64,
    /// Presses that were taken by a button.
    pub(crate) pressed: usize,
    /// Of these, held by the hub, by PUBACK or by answer.
    pub(crate) acknowledged: usize,
    pub(crate) pubacked: usize,
    /// First answers.
    pub(crate) applied: usize,
    pub(crate) duplicate: usize,
    pub(crate) rejected: usize,
    /// Still waiting at the end.
    pub(crate) unanswered: usize,
    /// Gone with a restart without flash.
    pub(crate) lost: usize,
    /// Messages sent for all presses, repetitions included.
    pub(crate) sends: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// From the first sending, of presses sent only once: others measure an outage, not the hub.
    pub(crate) puback_ms: Option<Spread>,
    pub(crate) ack_ms: Option<Spread>,
    /// What was wrong last with some connection, when anything is unanswered.
    pub(crate) last_error: Option<String>,
    /// Habits whose value on the hub is not what the ledger says; absent when not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) differences: Option<Vec<String>>,
}

/// Quantiles in milliseconds.
#[derive(Serialize)]
pub(crate) struct Spread {
    n: usize,
    p50: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

fn spread(durations: impl Iterator<Item = Duration>) -> Option<Spread> {
    let mut sorted: Vec<Duration> = durations.collect();
    sorted.sort_unstable();
    let at = |percent: usize| {
        let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(place).map_or(0.0, |duration| duration.as_secs_f64() * 1e3)
    };
    (!sorted.is_empty()).then(|| Spread { n: sorted.len(), p50: at(50), p95: at(95), p99: at(99), max: at(100) })
}

impl Report {
    pub(crate) fn new(ledger: &Ledger, buttons: usize, length: Duration, seed: u64) -> Self {
        let prompt = || ledger.presses.iter().filter(|press| press.sends == 1);
        Self {
            buttons,
            seconds: length.as_secs_f64(),
            seed,
            pressed: ledger.presses.len(),
            acknowledged: ledger.acknowledged().count(),
            pubacked: ledger.presses.iter().filter(|press| press.pubacks > 0).count(),
            applied: ledger.answered(AckResult::Applied),
            duplicate: ledger.answered(AckResult::Duplicate),
            rejected: ledger.answered(AckResult::Rejected),
            unanswered: ledger.unanswered().count(),
            lost: ledger.presses.iter().filter(|press| press.lost).count(),
            sends: ledger.presses.iter().map(|press| u64::from(press.sends)).sum(),
            counts: ledger.counts,
            puback_ms: spread(prompt().filter_map(|press| press.puback_after)),
            ack_ms: spread(prompt().filter_map(|press| press.ack_after)),
            last_error: None,
            differences: None,
        }
    }

    /// Whether every press that can be answered was, and well.
    pub(crate) fn is_good(&self) -> bool {
        self.unanswered == 0
            && self.rejected == 0
            && self.counts.malformed == 0
            && self.differences.as_ref().is_none_or(Vec::is_empty)
    }

    /// For a person.
    pub(crate) fn print(&self) {
        println!(
            "{} buttons, {:.0} s, seed {}: {} presses, {} acknowledged ({} by PUBACK)",
            self.buttons, self.seconds, self.seed, self.pressed, self.acknowledged, self.pubacked
        );
        println!(
            "answers: {} applied, {} duplicate, {} rejected; {} unanswered, {} lost in restarts without flash",
            self.applied, self.duplicate, self.rejected, self.unanswered, self.lost
        );
        println!(
            "{} messages sent ({} doubled on purpose), {} connections, {} restarts, {} presses refused by a full queue",
            self.sends, self.counts.duplicated, self.counts.connections, self.counts.reboots, self.counts.refused
        );
        for (name, spread) in [("PUBACK", &self.puback_ms), ("answer", &self.ack_ms)] {
            if let Some(Spread { n, p50, p95, p99, max }) = spread {
                println!("{name}: p50 {p50:.2} ms, p95 {p95:.2}, p99 {p99:.2}, max {max:.2} ({n} presses sent once)");
            }
        }
        if self.counts.malformed > 0 {
            println!("{} messages of the hub were not of the contract's shape", self.counts.malformed);
        }
        if self.counts.refused_subscriptions > 0 {
            println!("{} subscriptions were refused", self.counts.refused_subscriptions);
        }
        if let Some(error) = &self.last_error {
            println!("last trouble: {error}");
        }
        match self.differences.as_deref() {
            Some([]) => println!("the hub's values are exactly those of the presses"),
            Some(differences) => {
                println!("{} habits differ:", differences.len());
                for difference in differences.iter().take(20) {
                    println!("  {difference}");
                }
            }
            None => {}
        }
    }
}
