#!/usr/bin/env python3
"""Measures MQTT brokers side by side with `weirmq bench`, and prints medians and ratios.

Each run has a fresh broker on core 0 and the generator on core 1; brokers take turns (A B C A B C), so that whatever
disturbs the machine disturbs all of them. Compare figures of one sitting only. Python's standard library is enough.

    cargo build --release -p weirmq -p weirmq-tests
    tests/compare/run.py                                   weirmq, the floor and mosquitto, all rows, 3 rounds
    tests/compare/run.py --only dense --rounds 5
    tests/compare/run.py --weirmq mio:1 tokio:1 smol:1 mio:2
    tests/compare/run.py --broker FlashMQ='flashmq -c /tmp/flashmq-{port}.conf'
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

# Name, kind, and arguments of `weirmq bench`.
ROWS = [
    ("pairs QoS 0 dense", "dense", "pairs -n 100 -w 64"),
    ("pairs QoS 0 dense, 5.0", "dense", "pairs -n 100 -w 64 --version 5"),
    ("pairs QoS 1 dense", "dense", "pairs -n 100 -w 32 -q 1"),
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
    ("connections, 8,000", "state", "connections -n 8000"),
    ("latency, 10,000/s", "latency", "latency -n 10 --rate 10000"),
    ("latency, 40,000/s", "latency", "latency -n 10 --rate 40000"),
]
NOT_FOR_FLOOR = ("QoS 2", "match", "retained")

MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
log_type none
"""
# As for the others: no limit on what is in flight.
WEIRMQ = """mqtt:
  inflight_max: 65535
  receive_maximum: 65535
"""

# Both sides at raised priority where that is allowed, so that other work disturbs them less.
PINNED = [*(["nice", "-n", "-15"] if os.geteuid() == 0 else []), "taskset", "-c"]


class Broker:
    """A way to start a broker: `{port}`, `{config}` and `{binary}` in its command are filled in."""

    def __init__(self, name, command, config=None):
        self.name, self.command, self.config = name, command, config

    def start(self, folder, core):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        path = os.path.join(folder, "broker.conf")
        if self.config:
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.config.format(port=self.port))
        words = [word.format(port=self.port, config=path) for word in shlex.split(self.command)]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        log = open(os.path.join(folder, "broker.log"), "wb")
        self.process = subprocess.Popen([*PINNED, core, *words], stderr=log, cwd=folder, **quiet)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{self.name} does not listen; see {log.name}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def brokers(options):
    release = os.path.abspath(options.target)
    found = []
    for variant in options.weirmq:
        runtime, _, shards = variant.partition(":")
        shards = shards or "1"
        command = (
            f"{release}/weirmq --config {{config}} --listen 127.0.0.1:{{port}} --log-level error"
            f" --runtime {runtime} --shards {shards}"
        )
        found.append(Broker(f"weirmq {runtime}" + (f" {shards} shards" if shards != "1" else ""), command, WEIRMQ))
    if "floor" not in options.without:
        found.append(Broker("floor", f"{release}/floor {{port}}"))
    if "mosquitto" not in options.without:
        mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if mosquitto:
            found.append(Broker("mosquitto", f"{mosquitto} -c {{config}}", MOSQUITTO))
        else:
            print("mosquitto is not there: apt install mosquitto", file=sys.stderr)
    for text in options.broker:
        name, _, command = text.partition("=")
        found.append(Broker(name, command))
    return found


def measure(broker, row, options):
    """One run; None when there is no figure."""
    name, _, arguments = row
    if broker.name == "floor" and any(word in name for word in NOT_FOR_FLOOR):
        return None
    cores = options.broker_cores
    with tempfile.TemporaryDirectory() as folder:
        broker.start(folder, cores)
        try:
            command = [*PINNED, options.bench_cores, os.path.join(options.target, "weirmq"), "bench"]
            command += arguments.split() + ["--port", str(broker.port), "--pid", str(broker.process.pid)]
            command += ["--seconds", str(options.seconds), "--warmup", str(options.warmup), "--json"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout, check=False)
        except subprocess.TimeoutExpired:
            print(f"{broker.name}, {name}: no end after {options.timeout} s", file=sys.stderr)
            return None
        finally:
            broker.stop()
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(f"{broker.name}, {name}: {done.stderr.strip()}", file=sys.stderr)
        return None
    if not report["complete"]:
        print(f"{broker.name}, {name}: not complete: {report['counts']}", file=sys.stderr)
    return report


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def summary(name, reports):
    """Medians over the rounds, a line for each stage of the scenario."""
    lines = []
    for index, stage in enumerate(reports[0]["stages"]):
        stages = [report["stages"][index] for report in reports]
        pick = lambda key: median([stage[key] for stage in stages])
        line = {key: pick(key) for key in (
            "per_second", "broker_cpu_us", "broker_user_us", "broker_busy", "generator_busy",
            "broker_rss_bytes", "broker_rss_bytes_each")}
        cpu = [stage["broker_cpu_us"] for stage in stages if stage["broker_cpu_us"]]
        line["spread"] = max(cpu) / min(cpu) if cpu else None
        if stage["latency"]:
            for key in ("p50_us", "p99_us"):
                line[key] = median([stage["latency"][key] for stage in stages if stage["latency"]])
        line["stage"], line["name"] = stage["name"], name
        line["complete"] = all(report["complete"] for report in reports)
        lines.append(line)
    return lines


def figure(value):
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def rate(value):
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.1f} k"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else "unknown machine"


def print_tables(rows, names):
    print("\nBroker CPU, µs each (of that in its own code):\n")
    print("| work | " + " | ".join(names) + " | " + " | ".join(f"{names[0]} / {name}" for name in names[1:]) + " |")
    print("|---|" + "---:|" * (2 * len(names) - 1))
    for label, lines in rows:
        cpu = [lines[name]["broker_cpu_us"] if name in lines else None for name in names]
        cells = []
        for name, value in zip(names, cpu):
            mark = "" if name not in lines or lines[name]["complete"] else " *"
            cells.append("-" if value is None else f"{figure(value)} ({figure(lines[name]['broker_user_us'])}){mark}")
        ratios = [figure(cpu[0] / value) if cpu[0] and value else "-" for value in cpu[1:]]
        print(f"| {label} | " + " | ".join(cells + ratios) + " |")
    print("\nEach a second (generator busy):\n")
    print("| work | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * len(names))
    for label, lines in rows:
        cells = [f"{rate(lines[name]['per_second'])} ({lines[name]['generator_busy']:.2f})" if name in lines else "-"
                 for name in names]
        print(f"| {label} | " + " | ".join(cells) + " |")
    special = [(label, lines) for label, lines in rows
               if any(line["broker_rss_bytes_each"] is not None or "p50_us" in line for line in lines.values())]
    if special:
        print("\nMemory each in bytes, or latency p50 / p99 in µs:\n")
        print("| work | " + " | ".join(names) + " |")
        print("|---|" + "---:|" * len(names))
    for label, lines in special:
        cells = []
        for name in names:
            line = lines.get(name, {})
            if "p50_us" in line:
                cells.append(f"{line['p50_us']:.0f} / {line['p99_us']:.0f}")
            elif line.get("broker_rss_bytes_each") is not None:
                cells.append(f"{line['broker_rss_bytes_each']:.0f}")
            else:
                cells.append("-")
        print(f"| {label} | " + " | ".join(cells) + " |")
    if any(not line["complete"] for _, lines in rows for line in lines.values()):
        print("\n\\* not complete: messages were lost, late or refused.")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    target = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(here, "../../target")), "release")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weirmq", nargs="*", default=["mio:1"], metavar="RUNTIME:SHARDS",
                        help="mio, tokio or smol, with a number of shards (default mio:1)")
    parser.add_argument("--broker", action="append", default=[], metavar="NAME='COMMAND {port}'")
    parser.add_argument("--without", nargs="*", default=[], choices=["floor", "mosquitto"])
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD",
                        help="rows whose kind (dense, sparse, state, latency) or name has this word")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--target", default=target, help="folder of weirmq and floor")
    parser.add_argument("--broker-cores", default="0", help="cores of the broker, as taskset takes them")
    parser.add_argument("--bench-cores", default="1", help="cores of the generator")
    parser.add_argument("--json", metavar="FILE", help="write all reports there")
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.only or any(word == row[1] or word in row[0] for word in options.only)]
    field = brokers(options)
    reports = {(row[0], broker.name): [] for row in rows for broker in field}
    for number in range(options.rounds):
        for row in rows:
            for broker in field:
                progress(f"round {number + 1} of {options.rounds}: {row[0]}, {broker.name}")
                report = measure(broker, row, options)
                if report:
                    reports[row[0], broker.name].append(report)
    progress("")
    table = []
    for row in rows:
        by_broker = {b.name: summary(row[0], reports[row[0], b.name]) for b in field if reports[row[0], b.name]}
        for index in range(max((len(lines) for lines in by_broker.values()), default=0)):
            lines = {name: lines[index] for name, lines in by_broker.items()}
            stage = next(iter(lines.values()))["stage"]
            table.append((row[0] if stage == "deliver" and len(by_broker) and index == 0 else f"{row[0]}: {stage}", lines))
    print(f"{time.strftime('%Y-%m-%d')}, {options.rounds} rounds of {options.seconds} s, {machine()}")
    print_tables(table, [broker.name for broker in field])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            everything = [{"row": row, "broker": name, "reports": found} for (row, name), found in reports.items()]
            json.dump({"rounds": options.rounds, "seconds": options.seconds, "runs": everything}, file, indent=1)
    incomplete = any(not report["complete"] for found in reports.values() for report in found)
    return 1 if incomplete else 0


if __name__ == "__main__":
    sys.exit(main())
