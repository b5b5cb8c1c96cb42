#!/usr/bin/env python3
"""Compares how long messages take in different brokers, and decides by what is left when the machine's own stalls are out.

Many short rounds in turns (A B C A B C ...), broker and generator on a core each and at real-time priority, so it wants root. On
each core a witness (`tests/src/bin/witness.rs`) with a higher priority tells when the core stood still. Messages that were due
then count for nobody. What is left of all rounds is put together, and by how much that would differ in another sitting is
estimated by drawing rounds anew (bootstrap). docs/performance.md has the details.

    cargo build --release -p weirmq -p weirmq-tests
    tests/compare/latency.py
    tests/compare/latency.py --rounds 40 --only "QoS 1" --broker FlashMQ='flashmq -c {config}' --config FlashMQ=flashmq.conf
"""

import argparse
import array
import bisect
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

import field
import goals

ROWS = [(f"latency QoS {qos}, {rate:,}/s", f"latency -n 100 --rate {rate} -q {qos}") for qos in (0, 1) for rate in (10_000, 40_000)]
# How long the witness sleeps, and from how late on it tells of it. In µs.
SLEEP_US, LATE_US = 100, 100
# What is due so long before a stall may still be on its way when it comes, and so long after it things are as before, beside
# the time that it takes to catch up, for which the stall's own length is allowed.
MARGIN_NS = 1_000_000
# Buckets of a histogram widen by 1 %.
STEP = math.log(1.01)
DRAWS = 1_000


class Witnesses:
    """One on each of the cores that are measured."""

    def __init__(self, options):
        command = [os.path.join(options.target, "witness"), str(SLEEP_US), str(LATE_US)]
        self.running = [
            subprocess.Popen(["chrt", "-f", "20", "taskset", "-c", core, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for core in (options.broker_cores, options.bench_cores)
        ]

    def stalls(self):
        """Ends them: spans of time in which nothing that is due counts, in order and apart."""
        spans = []
        for process in self.running:
            said = process.communicate()[0]
            if process.returncode != 0:
                sys.exit("a witness did not run: build -p weirmq-tests beside weirmq, and be root")
            for line in said.splitlines():
                due, woken = map(int, line.split())
                spans.append((due - SLEEP_US * 1000 - MARGIN_NS, woken + (woken - due) + MARGIN_NS))
        merged = []
        for begin, end in sorted(spans):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged


class Histogram:
    """Counts of durations."""

    def __init__(self, durations=()):
        self.counts = {}
        for duration in durations:
            bucket = int(math.log(max(duration, 1)) / STEP)
            self.counts[bucket] = self.counts.get(bucket, 0) + 1


def quantile_us(histograms, share):
    """Of all histograms together."""
    sums = {}
    for histogram in histograms:
        for bucket, count in histogram.counts.items():
            sums[bucket] = sums.get(bucket, 0) + count
    rank, seen = share * sum(sums.values()), 0
    for bucket in sorted(sums):
        seen += sums[bucket]
        if seen >= rank:
            return math.exp((bucket + 0.5) * STEP) / 1000
    return None


class Round:
    """What one run says: all latencies, and those that count."""

    def __init__(self, samples, stalls):
        due, taken = samples[0::2], samples[1::2]
        begins = [begin for begin, _ in stalls]
        kept = []
        for moment, duration in zip(due, taken):
            before = bisect.bisect_right(begins, moment) - 1
            if before < 0 or moment > stalls[before][1]:
                kept.append(duration)
        self.all, self.kept = Histogram(taken), Histogram(kept)
        self.dropped = 1 - len(kept) / max(len(taken), 1)


def measure(broker, arguments, options):
    """One round, or None when there is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "samples")
        witnesses = Witnesses(options)
        try:
            report = field.measure(broker, f"{arguments} --samples {path}", options)
        finally:
            stalls = witnesses.stalls()
        if not report or not report["complete"]:
            return None
        samples = array.array("Q")
        with open(path, "rb") as file:
            samples.frombytes(file.read())
    if sys.byteorder == "big":
        samples.byteswap()
    return Round(samples, stalls)


class Row:
    """All rounds of a row: of each broker the same number, those of a turn beside each other."""

    def __init__(self, names):
        self.turns, self.names = [], names

    def add(self, turn):
        """A turn counts if every broker has finished it."""
        if all(turn):
            self.turns.append(turn)

    def quantile(self, name, share, turns=None, which="kept"):
        place = self.names.index(name)
        return quantile_us((getattr(turn[place], which) for turn in (turns or self.turns)), share)

    def draws(self, shares):
        """Quantiles by broker and share, for as many draws of turns."""
        source, found = random.Random(1), []
        for _ in range(DRAWS):
            turns = source.choices(self.turns, k=len(self.turns))
            found.append({(name, share): self.quantile(name, share, turns) for name in self.names for share in shares})
        return found


def print_tables(rows, names):
    shares = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    found, lines = [], {label: [] for label, _ in shares}
    dropped, raw = [], []
    for label, row in rows.items():
        if not row.turns:
            continue
        drawn = row.draws([share for _, share in shares])
        for what, share in shares:
            cells = []
            for name in names:
                low, high = goals.interval([draw[name, share] for draw in drawn])
                cells.append(f"{row.quantile(name, share):.0f} ({low:.0f} to {high:.0f})")
            lines[what].append((label, cells))
        raw.append((label, [f"{row.quantile(name, 0.99, which='all'):.0f}" for name in names]))
        shown = [statistics.mean(turn[place].dropped for turn in row.turns) for place in range(len(names))]
        dropped.append((label, [f"{100 * share:.1f}" for share in shown]))
        found += goals.latency_goals(label, names, row, drawn)
    for what, _ in shares:
        print_table(f"{what} in µs (95 % of what other rounds would say)", names, lines[what])
    print_table("p99 in µs with the machine's stalls", names, raw)
    print_table("Messages that were due in a stall and do not count, in %", names, dropped)
    goals.print_goals(found, "ratio, and between which 95 % of what other rounds would say lies")


def print_table(title, names, lines):
    print(f"\n{title}:\n\n| work | " + " | ".join(names) + " |\n|---|" + "---:|" * len(names))
    for label, cells in lines:
        print(f"| {label} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    field.add_options(parser)
    parser.set_defaults(realtime=True)
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="rows whose name has this word")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.6)
    parser.add_argument("--warmup", type=float, default=0.2)
    options = parser.parse_args()
    brokers = field.brokers(options)
    names = [broker.name for broker in brokers]
    work = field.chosen(ROWS, options.only)
    rows = {name: Row(names) for name, _ in work}
    with field.stoppable():
        for number in range(options.rounds):
            for name, arguments in work:
                field.progress(f"round {number + 1} of {options.rounds}: {name}")
                rows[name].add([measure(broker, arguments, options) for broker in brokers])
    print(f"{time.strftime('%Y-%m-%d')}, {options.rounds} rounds of {options.seconds} s, {field.processors()}")
    print_tables(rows, names)


if __name__ == "__main__":
    sys.exit(main())
