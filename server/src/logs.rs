//! The core's events as log lines.
//!
//! Every line has a stable name in `event` and the connection and client as fields. Text that a client chose is cut to a
//! bounded length and cannot break a line or move a cursor; passwords and payloads never come here. Each kind of event has
//! a rate limit, so that a flood of connections is not a flood of lines.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::Instant;

use tracing::field::display;
use tracing::{debug, error, info, warn};
use weirmq_core::{CloseReason, ConnId, Event, ListenerId, PeerAddr, SessionEnd, ShardId};

use crate::config::LogFormat;
use crate::rate::{Bucket, Verdict};

/// Lines of one kind in a second.
const LINES_PER_SECOND: u32 = 1_000;

/// Bytes of a client's text in one field.
const TEXT_BYTES_MAX: usize = 256;

/// The names of the events, each with a rate limit of its own.
const KINDS: [&str; 10] = [
    "connection_accepted",
    "client_connected",
    "client_refused",
    "client_disconnected",
    "session_ended",
    "subscribed",
    "unsubscribed",
    "will_published",
    "store_failed",
    "connection_handed_off",
];

/// Writes events as log lines. Shared by all shards.
#[derive(Debug)]
pub struct EventLog {
    format: LogFormat,
    listeners: Vec<String>,
    buckets: [Mutex<Bucket>; KINDS.len()],
    /// Who is behind a connection, by shard and place: only the first event of a connection says so.
    peers: Vec<Mutex<Vec<Option<Peer>>>>,
}

#[derive(Clone, Copy, Debug)]
struct Peer {
    generation: u32,
    listener: ListenerId,
    addr: PeerAddr,
}

impl EventLog {
    /// For a broker of `shards` shards whose listeners have these names.
    pub fn new(format: LogFormat, shards: u16, listeners: Vec<String>) -> Self {
        let now = Instant::now();
        Self {
            format,
            listeners,
            buckets: std::array::from_fn(|_| Mutex::new(Bucket::new(LINES_PER_SECOND, now))),
            peers: (0..shards).map(|_| Mutex::new(Vec::new())).collect(),
        }
    }

    /// Writes one event of one shard, unless its kind is over its rate.
    pub fn observe(&self, shard: ShardId, event: &Event) {
        self.observe_at(shard, event, Instant::now());
    }

    fn observe_at(&self, shard: ShardId, event: &Event, now: Instant) {
        if let Event::Accepted { conn, listener, peer } = event {
            self.remember(shard, *conn, Peer { generation: conn.generation(), listener: *listener, addr: *peer });
        }
        let kind = kind(event);
        // A poisoned lock only means that another shard's thread died; counting goes on.
        let verdict = match self.buckets[kind].lock() {
            Ok(mut bucket) => bucket.take(now),
            Err(poisoned) => poisoned.into_inner().take(now),
        };
        match verdict {
            Verdict::Suppress => return,
            Verdict::Write => {}
            Verdict::WriteAfter(count) => suppressed(KINDS[kind], count),
        }
        self.write(shard, event);
    }

    /// Tells of the lines that were left out and not yet told, at the end.
    pub fn finish(&self) {
        for (name, bucket) in KINDS.iter().zip(&self.buckets) {
            let count = bucket.lock().map_or(0, |mut bucket| bucket.take_suppressed());
            if count > 0 {
                suppressed(name, count);
            }
        }
    }

    fn remember(&self, shard: ShardId, conn: ConnId, peer: Peer) {
        let Some(Ok(mut peers)) = self.peers.get(usize::from(shard.0)).map(Mutex::lock) else { return };
        if peers.len() <= conn.index() {
            peers.resize(conn.index() + 1, None);
        }
        peers[conn.index()] = Some(peer);
    }

    fn peer(&self, shard: ShardId, conn: ConnId) -> Option<Peer> {
        let peers = self.peers.get(usize::from(shard.0))?.lock().ok()?;
        peers.get(conn.index()).copied().flatten().filter(|peer| peer.generation == conn.generation())
    }

    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        printable(text, self.format)
    }

    fn write(&self, shard: ShardId, event: &Event) {
        let id = shard.0;
        match event {
            Event::Accepted { conn, listener, peer } => {
                let listener = self.listeners.get(usize::from(listener.0)).map(String::as_str);
                debug!(event = "connection_accepted", shard = id, conn = %conn, peer = %peer, listener);
            }
            Event::Connected { .. } | Event::Refused { .. } | Event::Disconnected { .. } => {
                self.write_client(shard, event)
            }
            Event::SessionEnded { client_id, reason } => {
                let reason = session_end(*reason);
                info!(event = "session_ended", shard = id, client_id = &*self.text(client_id), reason);
            }
            Event::Subscribed { conn, client_id, filter, code } => {
                let (client_id, filter) = (self.text(client_id), self.text(filter));
                debug!(event = "subscribed", shard = id, conn = %conn, client_id = &*client_id, filter = &*filter, code = &*code.to_string());
            }
            Event::Unsubscribed { conn, client_id, filter, code } => {
                let (client_id, filter) = (self.text(client_id), self.text(filter));
                debug!(event = "unsubscribed", shard = id, conn = %conn, client_id = &*client_id, filter = &*filter, code = &*code.to_string());
            }
            Event::WillPublished { client_id } => {
                debug!(event = "will_published", shard = id, client_id = &*self.text(client_id));
            }
            Event::HandedOff { conn, to } => {
                debug!(event = "connection_handed_off", shard = id, conn = %conn, to = to.0);
            }
            Event::StoreFailed => error!(event = "store_failed", shard = id),
        }
    }

    fn write_client(&self, shard: ShardId, event: &Event) {
        let id = shard.0;
        let who = |conn: ConnId| self.peer(shard, conn);
        let addr = |peer: Option<Peer>| peer.map(|peer| display(peer.addr));
        match event {
            Event::Connected { conn, client_id, user_name, version, clean_start, session_present, keep_alive_s } => {
                let peer = who(*conn);
                let listener =
                    peer.and_then(|peer| self.listeners.get(usize::from(peer.listener.0))).map(String::as_str);
                let user_name = user_name.as_deref().map(|name| self.text(name));
                info!(
                    event = "client_connected",
                    shard = id,
                    conn = %conn,
                    client_id = &*self.text(client_id),
                    user_name = user_name.as_deref(),
                    peer = addr(peer),
                    listener,
                    version = %version,
                    clean_start,
                    session_present,
                    keep_alive_s,
                );
            }
            Event::Refused { conn, client_id, reason } => {
                let client_id = client_id.as_deref().map(|client_id| self.text(client_id));
                warn!(
                    event = "client_refused",
                    shard = id,
                    conn = %conn,
                    client_id = client_id.as_deref(),
                    peer = addr(who(*conn)),
                    reason = reason.name(),
                    code = code(reason).as_deref(),
                    detail = &*reason.to_string(),
                );
            }
            Event::Disconnected { conn, client_id, reason, session_kept } => info!(
                event = "client_disconnected",
                shard = id,
                conn = %conn,
                client_id = &*self.text(client_id),
                peer = addr(who(*conn)),
                reason = reason.name(),
                code = code(reason).as_deref(),
                detail = &*reason.to_string(),
                session_kept,
            ),
            Event::Accepted { .. }
            | Event::SessionEnded { .. }
            | Event::Subscribed { .. }
            | Event::Unsubscribed { .. }
            | Event::WillPublished { .. }
            | Event::HandedOff { .. }
            | Event::StoreFailed => {}
        }
    }
}

fn suppressed(kind: &str, count: u64) {
    warn!(event = "lines_suppressed", kind, count, "more than {LINES_PER_SECOND} lines of one kind in a second");
}

/// The place of the event's name in [`KINDS`].
const fn kind(event: &Event) -> usize {
    match event {
        Event::Accepted { .. } => 0,
        Event::Connected { .. } => 1,
        Event::Refused { .. } => 2,
        Event::Disconnected { .. } => 3,
        Event::SessionEnded { .. } => 4,
        Event::Subscribed { .. } => 5,
        Event::Unsubscribed { .. } => 6,
        Event::WillPublished { .. } => 7,
        Event::StoreFailed => 8,
        Event::HandedOff { .. } => 9,
    }
}

const fn session_end(reason: SessionEnd) -> &'static str {
    match reason {
        SessionEnd::Disconnected => "disconnected",
        SessionEnd::Expired => "expired",
        SessionEnd::CleanStart => "clean_start",
    }
}

/// The Reason Code behind a reason, where there is one.
fn code(reason: &CloseReason) -> Option<String> {
    match reason {
        CloseReason::ClientDisconnect(code) | CloseReason::Refused(code) => Some(code.to_string()),
        CloseReason::PeerClosed
        | CloseReason::TransportError
        | CloseReason::Violation(_)
        | CloseReason::ConnectTimeout
        | CloseReason::KeepAliveTimeout
        | CloseReason::WriteTimeout
        | CloseReason::TakenOver
        | CloseReason::ServerShutdown
        | CloseReason::LimitReached(_)
        | CloseReason::StoreFailed
        | CloseReason::Administrative => None,
    }
}

/// A client's text for a field: cut to a bound, and nothing in it that a terminal or a reader of lines takes for its own.
///
/// Text lines are quoted and escaped when they are formatted. JSON escapes only what it must, so the rest is done here.
pub(crate) fn printable(text: &str, format: LogFormat) -> Cow<'_, str> {
    let cut = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
    let short = &text[..cut];
    let unsafe_for_json = |c: char| c >= '\u{7f}' && c.escape_debug().len() > 1;
    let clean = match format {
        LogFormat::Text => true,
        LogFormat::Json => !short.chars().any(unsafe_for_json),
    };
    if clean && cut == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(short.len() + 8);
    for c in short.chars() {
        if !clean && unsafe_for_json(c) {
            // Writing into a String cannot fail.
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    if cut < text.len() {
        out.push('…');
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics here").extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Memory {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn lines(format: LogFormat, events: &[Event]) -> String {
        let memory = Memory::default();
        let builder = tracing_subscriber::fmt().with_target(false).with_ansi(false).with_writer(memory.clone());
        let log = EventLog::new(format, 1, vec![String::from("here")]);
        let write = || events.iter().for_each(|event| log.observe(ShardId(0), event));
        match format {
            LogFormat::Text => tracing::subscriber::with_default(builder.finish(), write),
            LogFormat::Json => tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), write),
        }
        let bytes = memory.0.lock().expect("no test panics here").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    fn ended(client_id: &str) -> Event {
        Event::SessionEnded { client_id: client_id.into(), reason: SessionEnd::Expired }
    }

    #[test]
    fn a_client_id_cannot_make_a_line_or_a_field() {
        let evil = ended("a\n2026 INFO event=\"x\" \u{1b}[2J\u{9b}\u{202e}");
        let text = lines(LogFormat::Text, std::slice::from_ref(&evil));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(r#"client_id="a\n2026 INFO event=\"x\" \u{1b}[2J"#), "{text}");
        assert!(!text.trim_end().chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        let json = lines(LogFormat::Json, &[evil]);
        assert_eq!(json.lines().count(), 1, "{json}");
        assert!(!json.trim_end().chars().any(|c| c.is_control() || c == '\u{202e}'), "{json:?}");
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(value["event"], "session_ended");
        assert_eq!(value["reason"], "expired");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let long = "ä".repeat(1_000);
        let cut = printable(&long, LogFormat::Text);
        assert!(cut.len() <= TEXT_BYTES_MAX + '…'.len_utf8() && cut.ends_with("ä…"), "{cut}");
        assert!(matches!(printable("short ü", LogFormat::Json), Cow::Borrowed("short ü")));
    }

    #[test]
    fn the_peer_of_a_connection_is_told_with_its_client() {
        let conn = ConnId::from_bits(7 << 32 | 3);
        let peer = PeerAddr::Ip(([192, 0, 2, 1], 5).into());
        let reason = CloseReason::KeepAliveTimeout;
        let gone = |conn| Event::Disconnected { conn, client_id: "c".into(), reason, session_kept: true };
        let stale = ConnId::from_bits(6 << 32 | 3);
        let text =
            lines(LogFormat::Text, &[Event::Accepted { conn, listener: ListenerId(0), peer }, gone(conn), gone(stale)]);
        let mut disconnects = text.lines().filter(|line| line.contains("client_disconnected"));
        let first = disconnects.next().expect("a line");
        assert!(first.contains("peer=192.0.2.1:5 reason=\"keep_alive_timeout\""), "{first}");
        assert!(!disconnects.next().expect("a line").contains("192.0.2.1"), "{text}");
    }

    #[test]
    fn a_flood_is_bounded_and_counted() {
        let events: Vec<Event> = (0..LINES_PER_SECOND * 3).map(|_| ended("flood")).collect();
        let memory = Memory::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(memory.clone()).finish();
        let log = EventLog::new(LogFormat::Text, 1, Vec::new());
        tracing::subscriber::with_default(subscriber, || {
            let now = Instant::now();
            events.iter().for_each(|event| log.observe_at(ShardId(0), event, now));
            log.finish();
        });
        let text = String::from_utf8(memory.0.lock().expect("no test panics here").clone()).expect("UTF-8");
        let written = text.lines().filter(|line| line.contains("session_ended\" shard")).count();
        assert_eq!(written, LINES_PER_SECOND as usize);
        assert!(text.contains("kind=\"session_ended\" count=2000"), "{text}");
    }
}
