//! What a run found, as a table for people and as JSON.

use std::time::Duration;

use serde::Serialize;

use super::args::BenchArgs;
use super::histogram::Histogram;
use super::process::{Usage, Used};

/// What became of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Published.
    pub(crate) sent: u64,
    /// Deliveries that follow from that.
    pub(crate) expected: u64,
    /// Deliveries in order; with --discard, all.
    pub(crate) delivered: u64,
    /// Deliveries after a later message of the same publisher, or a second time. With --discard nobody knows.
    pub(crate) late: Option<u64>,
    /// Deliveries that never came.
    pub(crate) lost: u64,
    /// Publishes that the broker refused by a reason code.
    pub(crate) refused: u64,
}

/// One part of a run: so many things were done, and this is what they cost.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stage {
    /// What was done.
    pub(crate) name: &'static str,
    /// What is counted.
    pub(crate) unit: &'static str,
    /// How many.
    pub(crate) count: u64,
    /// In how long.
    pub(crate) seconds: f64,
    /// How many a second.
    pub(crate) per_second: f64,
    /// CPU time of the broker for each, in µs; not there without --pid, nor are the next four.
    pub(crate) broker_cpu_us: Option<f64>,
    /// Of that, in its own code.
    pub(crate) broker_user_us: Option<f64>,
    /// How busy the broker was: 1 is one core.
    pub(crate) broker_busy: Option<f64>,
    /// The broker's resident memory at the end.
    pub(crate) broker_rss_bytes: Option<u64>,
    /// How much of that has come for each.
    pub(crate) broker_rss_bytes_each: Option<f64>,
    /// How busy this generator was; near 1 it was the bottleneck.
    pub(crate) generator_busy: f64,
    /// From send to receive.
    pub(crate) latency: Option<Latency>,
}

/// Percentiles, in µs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
}

impl Latency {
    /// Those of a histogram with anything in it.
    pub(crate) fn of(histogram: &Histogram) -> Option<Self> {
        let us = |duration: Duration| (duration.as_nanos() as f64 / 100.0).round() / 10.0;
        let quantile = |share| histogram.quantile(share).map(us);
        Some(Self {
            p50_us: quantile(0.5)?,
            p90_us: quantile(0.9)?,
            p99_us: quantile(0.99)?,
            p999_us: quantile(0.999)?,
            max_us: us(histogram.max()),
        })
    }
}

/// Everything about one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    scenario: &'static str,
    count: usize,
    qos: u8,
    version: u8,
    payload_bytes: u32,
    window: u32,
    pub(crate) stages: Vec<Stage>,
    pub(crate) counts: Counts,
    /// No message was lost, late or refused, as far as that is known.
    pub(super) complete: bool,
}

impl Report {
    /// The report of a run with these stages.
    pub(crate) fn new(args: &BenchArgs, stages: Vec<Stage>, counts: Counts) -> Self {
        Self {
            scenario: args.scenario.name(),
            count: args.count(),
            qos: args.qos() as u8,
            version: args.version() as u8,
            payload_bytes: args.payload,
            window: args.window,
            stages,
            counts,
            complete: counts.lost + counts.late.unwrap_or(0) + counts.refused == 0,
        }
    }

    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{} {}, QoS {}, MQTT {}, {} bytes, window {}\n",
            self.scenario,
            self.count,
            self.qos,
            if self.version == 5 { "5.0" } else { "3.1.1" },
            self.payload_bytes,
            self.window
        );
        text.push_str(
            "  stage           count        per second   broker µs (own)     busy    generator   broker memory (each)\n",
        );
        for stage in &self.stages {
            stage.write(&mut text);
        }
        let Counts { sent, expected, delivered, late, lost, refused } = self.counts;
        let verdict = match (self.complete, late) {
            (false, _) => "NOT COMPLETE",
            (true, Some(_)) => "all there, all in order",
            (true, None) => "all there, order not looked at",
        };
        let late = late.map_or_else(|| String::from("unknown"), |late| late.to_string());
        text.push_str(&format!(
"  {verdict}: {sent} sent, {delivered} of {expected} delivered, {lost} lost, {late} late, {refused} refused\n"
        ));
        text
    }
}

impl Stage {
    fn write(&self, text: &mut String) {
        let cpu = match (self.broker_cpu_us, self.broker_user_us) {
            (Some(cpu), Some(user)) => format!("{cpu:.3} ({user:.3})"),
            _ => String::from("-"),
        };
        let busy = self.broker_busy.map_or_else(|| String::from("-"), |busy| format!("{busy:.2}"));
        let memory = match (self.broker_rss_bytes, self.broker_rss_bytes_each) {
            (Some(bytes), Some(each)) => format!("{:.1} MiB ({each:.0} B)", bytes as f64 / 1_048_576.0),
            (Some(bytes), None) => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
            _ => String::from("-"),
        };
        text.push_str(&format!(
            "  {:<12} {:>12} {:>14.0}   {cpu:<16} {busy:>7} {:>12.2}   {memory}\n",
            self.name, self.count, self.per_second, self.generator_busy
        ));
        if let Some(latency) = &self.latency {
            text.push_str(&format!(
                "               µs: p50 {:.1}  p90 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1}\n",
                latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us
            ));
        }
    }
}

/// Takes the time, and the CPU time of both sides, of one stage.
pub(crate) struct Meter {
    pid: Option<u32>,
    begun: std::time::Instant,
    own: Usage,
    broker: Option<Usage>,
}

impl Meter {
    /// From now on.
    pub(crate) fn start(args: &BenchArgs) -> Self {
        let (broker, own) = (args.pid.and_then(Usage::of), Usage::of_self());
        Self { pid: args.pid, begun: std::time::Instant::now(), own, broker }
    }

    /// Up to now, for so many things. Memory is given for each only where each leaves some behind.
    pub(crate) fn stop(&self, name: &'static str, unit: &'static str, count: u64, leaves_memory: bool) -> Stage {
        let seconds = self.begun.elapsed().as_secs_f64().max(1e-9);
        let own = Usage::of_self().since(&self.own);
        let now = self.pid.and_then(Usage::of);
        let used: Option<Used> = now.zip(self.broker).map(|(now, before)| now.since(&before));
        let divisor = count.max(1) as f64;
        let cpu_us = used.map(|used| used.cpu.as_secs_f64() * 1e6 / divisor);
        Stage {
            name,
            unit,
            count,
            seconds,
            per_second: count as f64 / seconds,
            broker_cpu_us: cpu_us,
            broker_user_us: cpu_us.zip(used).map(|(cpu, used)| cpu * used.user_share),
            broker_busy: used.map(|used| used.cpu.as_secs_f64() / seconds),
            broker_rss_bytes: now.map(|now| now.rss_bytes),
            broker_rss_bytes_each: used.filter(|_| leaves_memory).map(|used| used.rss_grown_bytes as f64 / divisor),
            generator_busy: own.cpu.as_secs_f64() / seconds,
            latency: None,
        }
    }
}
