#!/usr/bin/env python3
"""Measures what a delivered message costs a broker as one thing grows, and draws it.

One thing at a time: connections, topic filters, subscribers of one topic, bytes of payload. Each point has a fresh broker;
brokers take turns. Every point is kept in the data file as it comes: the same command goes on where it was stopped, and
`--again` begins anew.

    cargo build --release -p weirmq -p weirmq-tests
    tests/compare/sweep.py                                  weirmq, the floor and mosquitto
    tests/compare/sweep.py --broker FlashMQ='flashmq -c {config}' --config FlashMQ=flashmq.conf
"""

import argparse
import json
import os
import re
import resource
import sys
import time

import field
import plot

KIB = 1024


def pairs(connections):
    return f"pairs -n {connections // 2} -w 1"


def payload(size):
    """64 messages in flight for each of 10 pairs, or 1 MiB of them, whichever is less."""
    return f"pairs -n 10 -w {max(1, min(64, KIB * KIB // size))} --payload {size}"


# Name: title, what the axes show, whether the floor can do it, values, and arguments of `weirmq bench` for a value.
COST = "broker CPU for each delivered message, µs"
SWEEPS = {
    "connections": ("More connections", "connections, in pairs with one message on its way (QoS 0, 64 bytes)", True,
                    (10, 100, 1_000, 5_000, 10_000, 19_800), pairs),
    "filters": ("More topic filters", "topic filters, four of which match each message (QoS 0, 64 bytes)", False,
                (4, 100, 1_000, 10_000, 100_000, 1_000_000), "subscriptions -n {} -w 16".format),
    "subscribers": ("More subscribers of one topic", "subscribers of one topic (QoS 0, 64 bytes, 16 messages on their way)", True,
                    (1, 10, 100, 1_000, 10_000), "fan-out -n {} -w 16".format),
    "payload": ("Larger payloads", "payload (QoS 0, 10 pairs, each with 64 messages or 1 MiB on its way)", True,
                (16, 64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, KIB * KIB), payload),
}
# Descriptors that a broker or the generator needs beside those of connections.
SPARE = 100


def load(options):
    """What is there already, or an empty file's worth."""
    if os.path.exists(options.data) and not options.again:
        with open(options.data, encoding="utf-8") as file:
            return json.load(file)
    return {"machine": field.processors(), "date": time.strftime("%Y-%m-%d"), "seconds": options.seconds, "sweeps": {}}


def save(options, data):
    """Writes the whole file aside and then puts it in place, so that a stop leaves one that is whole."""
    os.makedirs(os.path.dirname(os.path.abspath(options.data)), exist_ok=True)
    with open(options.data + ".new", "w", encoding="utf-8") as file:
        # A line for each run.
        file.write(re.sub(r"{[^{}]*}", lambda run: re.sub(r"\s+", " ", run[0]), json.dumps(data, indent=1)) + "\n")
    os.replace(options.data + ".new", options.data)


def points(options, brokers):
    """Sweep, value, broker of each run, in order."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE
    for name in options.only or SWEEPS:
        _, _, for_floor, values, _ = SWEEPS[name]
        for value in values:
            if name in ("connections", "subscribers") and value > limit:
                print(f"{name}: {value} needs more than the {limit} descriptors that a process may have", file=sys.stderr)
                continue
            for broker in brokers:
                if for_floor or broker.name != "floor":
                    yield name, value, broker


def run(options, data, brokers):
    """Runs what is not there yet; how many runs had no figure."""
    failed = 0
    wanted = list(points(options, brokers))
    begun, done = time.monotonic(), 0
    for number in range(options.rounds):
        for index, (name, value, broker) in enumerate(wanted):
            title, x_title, _, _, arguments = SWEEPS[name]
            sweep = data["sweeps"].setdefault(name, {"title": title, "x": x_title, "y": COST, "points": {}})
            runs = sweep["points"].setdefault(broker.name, {}).setdefault(str(value), [])
            if len(runs) > number:
                continue
            report = field.measure(broker, arguments(value), options)
            done += 1
            left = (options.rounds - number) * len(wanted) - index - 1
            minutes = (time.monotonic() - begun) / done * left / 60
            field.progress(f"{name} {value}, {broker.name}: round {number + 1} of {options.rounds},"
                           f" {left} runs left, {minutes:.1f} min")
            stage = next((stage for stage in (report or {"stages": []})["stages"] if stage["name"] == "deliver"), None)
            if stage is None or not stage["broker_cpu_us"] or not report["complete"]:
                failed += 1
                continue
            runs.append({"cpu_us": round(stage["broker_cpu_us"], 4), "own_us": round(stage["broker_user_us"], 4),
                         "per_second": round(stage["per_second"]), "others": round(report["others"], 2)})
            save(options, data)
    field.progress("")
    return failed


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    data_path = os.path.normpath(os.path.join(here, "../../docs/performance/sweeps.json"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    field.add_options(parser)
    parser.add_argument("--only", nargs="*", choices=SWEEPS, metavar="SWEEP", help=", ".join(SWEEPS))
    parser.add_argument("--rounds", type=int, default=2, help="runs of each point, of which the median is drawn (default 2)")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--warmup", type=float, default=0.3)
    parser.add_argument("--data", default=data_path, help="file of what was measured; pictures go beside it")
    parser.add_argument("--again", action="store_true", help="forget what the file has")
    options = parser.parse_args()
    data = load(options)
    try:
        failed = run(options, data, field.brokers(options))
    except KeyboardInterrupt:
        failed = 1
        print("stopped; the same command goes on from here", file=sys.stderr)
    if data["sweeps"]:
        print("\n".join(plot.draw(options.data)))
    if failed:
        print(f"{failed} runs had no figure, or were not complete", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
