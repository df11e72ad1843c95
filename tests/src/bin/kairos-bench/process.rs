//! What the kernel says of a process.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A tick of `/proc/<pid>/stat`: USER_HZ is 100 on every Linux there is.
const TICK: Duration = Duration::from_millis(10);

/// Processor time a process has used; zero when it is gone.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name, which may hold anything, in parentheses.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// Measures how many processors a process and this one keep busy.
pub(crate) struct Busy {
    pid: u32,
    begun: Instant,
    before: (Duration, Duration),
}

impl Busy {
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid, begun: Instant::now(), before: (cpu(pid), cpu(std::process::id())) }
    }

    /// Percent of one processor: the process, and this one.
    pub(crate) fn percent(&self) -> (f64, f64) {
        let time = self.begun.elapsed().as_secs_f64();
        let share = |now: Duration, before: Duration| 100.0 * now.saturating_sub(before).as_secs_f64() / time;
        (share(cpu(self.pid), self.before.0), share(cpu(std::process::id()), self.before.1))
    }
}

/// A process's memory in megabytes: resident, and its proportional share of what it shares with others.
pub(crate) fn memory(pid: u32) -> (f64, f64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
    };
    (field("Rss:"), field("Pss:"))
}

pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Whether others keep so much of this machine busy that figures tell more of them.
pub(crate) fn busy(processors: usize) -> bool {
    let load = load().split(' ').next().and_then(|load| load.parse::<f64>().ok()).unwrap_or(0.0);
    load > processors as f64 / 2.0
}

/// The file system a directory is on, from the longest mount point that leads to it.
pub(crate) fn file_system(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let leading = fields.filter(|fields| fields.len() > 2 && dir.starts_with(fields[1]));
    leading.max_by_key(|fields| fields[1].len()).map_or_else(|| "?".to_owned(), |fields| fields[2].to_owned())
}

/// A directory in memory, where a sync costs nothing.
pub(crate) fn shared_memory() -> Option<PathBuf> {
    let path = PathBuf::from("/dev/shm");
    (path.is_dir() && file_system(&path) == "tmpfs").then_some(path)
}
