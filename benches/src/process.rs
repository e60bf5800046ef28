//! What this process has taken of the machine so far.

/// Peak resident memory in bytes; none where the system does not tell in `/proc`.
pub fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// CPU time in seconds, of all threads; where the system does not tell in `/proc`, the time that has passed.
#[allow(clippy::cast_precision_loss)] // far below 2^52
pub fn cpu_seconds() -> f64 {
    /// Linux tells user programs in ticks of this many a second, on every machine.
    const TICKS: f64 = 100.0;
    let ticks = || {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The name, in parentheses, may hold anything; user and system time are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        Some(next()? + next()?)
    };
    match ticks() {
        Some(ticks) => ticks as f64 / TICKS,
        None => since_start().as_secs_f64(),
    }
}

fn since_start() -> std::time::Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}
