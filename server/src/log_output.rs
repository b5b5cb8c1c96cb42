//! Where log lines go: standard error, through a thread of its own.
//!
//! A terminal that is stopped or a pipe that nobody reads must not stop the broker, so the lines wait in a bounded queue
//! and are dropped, counted, when it is full.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Level, LogFormat, LogSettings};

/// Lines that may wait for standard error.
const QUEUE_LINES: usize = 8_192;

/// How long the end of the program waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

static QUEUE: OnceLock<SyncSender<Message>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Begins to log. Only the first call in a process has an effect.
///
/// # Errors
/// When the operating system gives no thread.
pub fn start(settings: LogSettings) -> io::Result<()> {
    let (sender, receiver) = mpsc::sync_channel(QUEUE_LINES);
    if QUEUE.set(sender).is_err() {
        return Ok(());
    }
    thread::Builder::new().name(String::from("weirmq-log")).spawn(move || write_lines(&receiver, settings.format))?;
    let builder = tracing_subscriber::fmt()
        .with_max_level(filter(settings.level))
        .with_target(false)
        .with_ansi(false)
        .with_writer(Queue);
    // A subscriber that an embedding program has set stays.
    let _ = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    Ok(())
}

/// Waits until the lines so far are written, but not for long.
pub fn flush() {
    let Some(queue) = QUEUE.get() else { return };
    let (sender, receiver) = mpsc::sync_channel(1);
    if queue.try_send(Message::Flush(sender)).is_ok() {
        // Late is as good as never here: the program is going.
        let _ = receiver.recv_timeout(FLUSH_TIMEOUT);
    }
}

const fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}

fn write_lines(receiver: &Receiver<Message>, format: LogFormat) {
    for message in receiver {
        // An error of standard error has nowhere to be told.
        match message {
            Message::Line(line) => drop(io::stderr().write_all(&line)),
            Message::Flush(done) => drop(done.try_send(())),
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let line = match format {
                LogFormat::Text => format!("WARN event=\"log_lines_dropped\" count={dropped}\n"),
                LogFormat::Json => {
                    format!("{{\"level\":\"WARN\",\"event\":\"log_lines_dropped\",\"count\":{dropped}}}\n")
                }
            };
            drop(io::stderr().write_all(line.as_bytes()));
        }
    }
}

/// Puts each line into the queue.
struct Queue;

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(queue) = QUEUE.get()
            && queue.try_send(Message::Line(line.to_vec())).is_err()
        {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
