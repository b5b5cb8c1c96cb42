#!/usr/bin/env python3
"""Measures MQTT brokers side by side with `weirmq bench`, and prints medians, ratios and which goals they meet.

Each run has a fresh broker on core 0 and the generator on core 1; brokers take turns (A B C A B C), so that whatever
disturbs the machine disturbs all of them. Rounds that nothing disturbed count, and at least the better half of them. Compare
figures of one sitting only. Python's standard library is enough.

    cargo build --release -p weirmq -p weirmq-tests
    tests/compare/run.py                                   weirmq, the floor and mosquitto, all rows, 3 rounds
    tests/compare/run.py --only dense --rounds 6
    tests/compare/run.py --weirmq mio:1 tokio:1 smol:1 mio:2
    tests/compare/run.py --broker FlashMQ='flashmq -c {config}' --config FlashMQ=flashmq.conf
    tests/compare/run.py --from out.json                   the tables of what `--json out.json` kept
"""

import argparse
import json
import statistics
import sys
import time

import field
import goals

# Name, kind, and arguments of `weirmq bench`.
ROWS = [
    ("pairs QoS 0 dense", "dense", "pairs -n 100 -w 64"),
    ("pairs QoS 0 dense, 5.0", "dense", "pairs -n 100 -w 64 --version 5"),
    ("pairs QoS 1 dense", "dense", "pairs -n 100 -w 32 -q 1"),
    ("pairs QoS 1 dense, 5.0", "dense", "pairs -n 100 -w 32 -q 1 --version 5"),
    ("pairs QoS 2 dense", "dense", "pairs -n 100 -w 32 -q 2"),
    ("pairs QoS 0, 4 KiB", "dense", "pairs -n 100 -w 16 --payload 4096"),
    ("pairs QoS 0 sparse, 1,000 pairs", "sparse", "pairs -n 1000 -w 1"),
    ("pairs QoS 1 sparse, 1,000 pairs", "sparse", "pairs -n 1000 -w 1 -q 1"),
    ("pairs QoS 0 sparse, 10,000 connections", "sparse", "pairs -n 5000 -w 1"),
    ("fan-in QoS 0 dense", "dense", "fan-in -n 100 -w 64"),
    ("fan-in QoS 1 dense", "dense", "fan-in -n 100 -w 32 -q 1"),
    ("fan-in QoS 0 sparse, 5,000", "sparse", "fan-in -n 5000 -w 1"),
    ("fan-out QoS 0 dense", "dense", "fan-out -n 1000 -w 16"),
    ("fan-out QoS 1 dense", "dense", "fan-out -n 1000 -w 16 -q 1"),
    ("fan-out QoS 0 sparse", "sparse", "fan-out -n 1000 -w 1"),
    ("match among 100,000", "state", "subscriptions -n 100000 -w 16"),
    ("match among 1,000,000", "state", "subscriptions -n 1000000 -w 16"),
    ("retained, 100,000", "state", "retained -n 100000 -q 1"),
    ("connections, 15,000", "state", "connections -n 15000 --source 127.0.0.2"),
    ("latency QoS 0, 10,000/s", "latency", "latency -n 100 --rate 10000"),
    ("latency QoS 0, 40,000/s", "latency", "latency -n 100 --rate 40000"),
    ("latency QoS 1, 10,000/s", "latency", "latency -n 100 --rate 10000 -q 1"),
    ("latency QoS 1, 40,000/s", "latency", "latency -n 100 --rate 40000 -q 1"),
]
NOT_FOR_FLOOR = ("QoS 2", "match", "retained")


def stage_of(report, name):
    return next((stage for stage in report["stages"] if stage["name"] == name), None)


def figure_of(report, stage_name, figure):
    """One figure of a report; None when it has none."""
    stage = stage_of(report, stage_name)
    if stage is None:
        return None
    if figure == "memory" and stage_name == "hold":
        # What a connection holds with its subscription.
        return sum(stage_of(report, name)["broker_rss_bytes_each"] for name in ("connect", "subscribe"))
    if figure in ("p50", "p99"):
        return (stage["latency"] or {}).get(f"{figure}_us")
    if figure == "idle memory":
        return report["idle_rss_bytes"]
    return stage[{"cpu": "broker_cpu_us", "own": "broker_user_us", "rate": "per_second", "memory": "broker_rss_bytes_each",
                  "generator": "generator_busy"}[figure]]


class Sitting:
    """The reports of all runs."""

    def __init__(self, rows, names):
        self.rows, self.names = rows, names
        self.reports = {(row, name): [] for row in rows for name in names}

    def disturbed(self, row):
        """What others took, at most, in the runs of each round of a row."""
        found = {}
        for report in (report for name in self.names for report in self.reports.get((row, name), [])):
            found[report["round"]] = max(report["others"], found.get(report["round"], 0.0))
        return found

    def values(self, row, stage, figure, name):
        """A figure in each round that counts, by its number."""
        counted, reports = goals.counted(self.disturbed(row)), self.reports.get((row, name), [])
        found = {report["round"]: figure_of(report, stage, figure) for report in reports if report["round"] in counted}
        return {number: value for number, value in found.items() if value is not None}

    def median(self, row, stage, figure, name):
        found = self.values(row, stage, figure, name)
        return statistics.median(found.values()) if found else None

    def lines(self):
        """Row and stage of each line of the tables."""
        for row in self.rows:
            reports = next((found for name in self.names if (found := self.reports[row, name])), None)
            for index, stage in enumerate(reports[0]["stages"] if reports else []):
                alone = stage["name"] == "deliver" and index == 0
                yield row, stage["name"], row if alone else f"{row}: {stage['name']}"


def figure(value):
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def rate(value):
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.1f} k"


def print_table(title, names, lines):
    """A table of lines of a label and cells, without those that have nothing in any cell."""
    lines = [(label, cells) for label, cells in lines if any(cell not in ("-", "") for cell in cells)]
    if not lines:
        return
    print(f"\n{title}:\n")
    print("| work | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * len(names))
    for label, cells in lines:
        print(f"| {label} | " + " | ".join(cells) + " |")


def print_tables(sitting):
    names = sitting.names
    cpu_lines, rate_lines, other_lines = [], [], []
    for row, stage, label in sitting.lines():
        cells, rates, others = [], [], []
        for name in names:
            get = lambda what, name=name: sitting.median(row, stage, what, name)
            complete = all(report["complete"] for report in sitting.reports[row, name])
            cpu = get("cpu")
            cells.append("-" if cpu is None else f"{figure(cpu)} ({figure(get('own'))})" + ("" if complete else " \\*"))
            rates.append("-" if cpu is None else f"{rate(get('rate'))} ({get('generator'):.2f})")
            p50, memory = get("p50"), get("memory")
            others.append(f"{p50:.0f} / {get('p99'):.0f}" if p50 else "-" if memory is None else f"{memory:.0f}")
        first = sitting.median(row, stage, "cpu", names[0])
        for name in names[1:]:
            other = sitting.median(row, stage, "cpu", name)
            cells.append(figure(first / other) if first and other else "-")
        cpu_lines.append((label, cells))
        rate_lines.append((label, rates))
        other_lines.append((label, others))
    idle = [statistics.median(found) if (found := [report["idle_rss_bytes"] for row in sitting.rows
                                                   for report in sitting.reports[row, name]]) else None for name in names]
    other_lines.append(("the process before any client", [f"{value:.0f}" if value else "-" for value in idle]))
    print_table("Broker CPU, µs each (of that in its own code)",
                names + [f"{names[0]} / {name}" for name in names[1:]], cpu_lines)
    print_table("Each a second (generator busy)", names, rate_lines)
    print_table("Memory in bytes for each, or latency p50 / p99 in µs", names, other_lines)
    print_disturbance(sitting)
    if any(not report["complete"] for found in sitting.reports.values() for report in found):
        print("\n\\* not complete: messages were lost, late or refused.")


def print_disturbance(sitting):
    """What others took in the rounds: those that count, and those that do not."""
    lines = []
    for row in sitting.rows:
        found = sitting.disturbed(row)
        counted = goals.counted(found)
        cells = []
        for which in (counted, set(found) - counted):
            most = max((found[number] for number in which), default=None)
            cells.append("0" if most is None else f"{len(which)} (at most {most:.2f})")
        lines.append((row, cells))
    print_table("Rounds, and what others took of the machine in one of them, in cores", ["count", "do not count"], lines)


def run(options, rows):
    """All rounds; what is found is kept in a file as it comes."""
    brokers = field.brokers(options)
    sitting = Sitting([row[0] for row in rows], [broker.name for broker in brokers])
    with field.stoppable():
        for number in range(options.rounds):
            for name, _, arguments in rows:
                for broker in brokers:
                    if broker.name == "floor" and any(word in name for word in NOT_FOR_FLOOR):
                        continue
                    field.progress(f"round {number + 1} of {options.rounds}: {name}, {broker.name}")
                    report = field.measure(broker, arguments, options)
                    if report:
                        sitting.reports[name, broker.name].append(report | {"round": number})
                if options.json:
                    keep(options, sitting)
    return sitting


def keep(options, sitting):
    runs = [{"row": row, "broker": name, "reports": found} for (row, name), found in sitting.reports.items()]
    everything = {"date": time.strftime("%Y-%m-%d"), "machine": field.processors(), "seconds": options.seconds,
                  "rows": sitting.rows, "brokers": sitting.names, "runs": runs}
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(everything, file, indent=1)


def load(path):
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)
    sitting = Sitting(kept["rows"], kept["brokers"])
    for run in kept["runs"]:
        reports = [{"round": number} | report for number, report in enumerate(run["reports"])]
        sitting.reports[run["row"], run["broker"]] = reports
    return sitting


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    field.add_options(parser)
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD",
                        help="rows whose kind (dense, sparse, state, latency) or name has this word")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--json", metavar="FILE", help="keep all reports there")
    parser.add_argument("--from", dest="kept", metavar="FILE", help="run nothing: print the tables of what was kept")
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.only or any(word == row[1] or word in row[0] for word in options.only)]
    sitting = load(options.kept) if options.kept else run(options, rows)
    most = max((len(found) for found in sitting.reports.values()), default=0)
    if not options.kept:
        print(f"{time.strftime('%Y-%m-%d')}, {most} rounds of {options.seconds} s, {field.processors()}")
    print_tables(sitting)
    goals.print_goals(goals.goals(sitting.values, sitting.names))
    return 0 if all(report["complete"] for found in sitting.reports.values() for report in found) else 1


if __name__ == "__main__":
    sys.exit(main())
