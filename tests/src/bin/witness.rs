//! Tells when a core stood still: it sleeps for a short time again and again, and prints when it woke too late.
//!
//! Run at a higher priority than everything else on that core, it is late only if the machine was: the hypervisor had given the
//! core to somebody else, or the kernel did not let go of it. What others measured meanwhile says nothing about them.
//!
//! It goes on until its standard input ends, and then prints a line for each time that it was late: when it should have woken
//! and when it did, in nanoseconds since the Unix epoch. Linux is told to wake it on time by a real-time priority:
//!
//! ```sh
//! chrt -f 20 taskset -c 0 target/release/witness 100 100     # sleeps 100 µs, tells of what is later than 100 µs
//! ```

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// As many as are kept: far more than a run can have that is worth anything.
const STALLS_MAX: usize = 1 << 20;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse().ok().map(Duration::from_micros));
    let (Some(Some(sleep)), Some(Some(late))) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "usage: witness SLEEP_US LATE_US"));
    };
    let over = Arc::new(AtomicBool::new(false));
    let (told, main) = (Arc::clone(&over), thread::current());
    thread::spawn(move || {
        drop(io::stdin().read_to_end(&mut Vec::new()));
        told.store(true, Ordering::Relaxed);
        main.unpark();
    });
    let mut stalls = Vec::with_capacity(STALLS_MAX);
    while !over.load(Ordering::Relaxed) {
        let due = now_ns() + sleep.as_nanos();
        thread::park_timeout(sleep);
        let woken = now_ns();
        if woken > due + late.as_nanos() && stalls.len() < STALLS_MAX {
            stalls.push((due, woken));
        }
    }
    let mut out = io::stdout().lock();
    stalls.iter().try_for_each(|(due, woken)| writeln!(out, "{due} {woken}"))
}

fn now_ns() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}
