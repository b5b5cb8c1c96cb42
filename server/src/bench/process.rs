//! What a process has used so far, as Linux tells it below `/proc`.

use std::fs;
use std::time::Duration;

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// CPU time of all its threads.
    pub(crate) cpu: Duration,
    /// The share of it in the program's own code, 0 to 1, from the coarser user and system times.
    user_ticks: u64,
    system_ticks: u64,
    /// Memory that is resident, in bytes.
    pub(crate) rss_bytes: u64,
}

/// What it used between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Used {
    /// CPU time of all its threads.
    pub(crate) cpu: Duration,
    /// The share of it that was spent in the program's own code, not in the kernel; 0 to 1.
    pub(crate) user_share: f64,
    /// By how much its resident memory grew, in bytes.
    pub(crate) rss_grown_bytes: i64,
}

impl Usage {
    /// Looks at a process; `None` when there is none, or no `/proc`.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let (user_ticks, system_ticks) = ticks(&stat)?;
        let cpu = threads_cpu(pid)?;
        Some(Self { cpu, user_ticks, system_ticks, rss_bytes: rss_bytes(&status)? })
    }

    /// Looks at this process.
    pub(crate) fn of_self() -> Self {
        Self::of(std::process::id()).unwrap_or_default()
    }

    /// What was used since an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Used {
        let user = self.user_ticks.saturating_sub(before.user_ticks) as f64;
        let system = self.system_ticks.saturating_sub(before.system_ticks) as f64;
        Used {
            cpu: self.cpu.saturating_sub(before.cpu),
            user_share: if user + system > 0.0 { user / (user + system) } else { 0.0 },
            rss_grown_bytes: self.rss_bytes.cast_signed() - before.rss_bytes.cast_signed(),
        }
    }
}

/// The time on a CPU of each thread, to the nanosecond: the ticks of `stat` would be too coarse for a second.
fn threads_cpu(pid: u32) -> Option<Duration> {
    let mut sum_ns = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread that ended meanwhile has no file any more.
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        sum_ns += text.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(sum_ns))
}

/// User and system time of `/proc/PID/stat`: the 14th and 15th field, counted after a name that may hold anything.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// `VmRSS` of `/proc/PID/status`.
fn rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_after_a_strange_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 120 0 0 0 41 17 0 0 20 0 1 0 100 1000 200";
        assert_eq!(ticks(stat), Some((41, 17)));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn memory_is_in_kilobytes() {
        assert_eq!(rss_bytes("Name:\tx\nVmRSS:\t     12 kB\n"), Some(12_288));
        assert_eq!(rss_bytes("Name:\tx\n"), None);
    }
}
