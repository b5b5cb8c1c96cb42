#!/usr/bin/env python3
"""Measures how many more deliveries two shards make than one, in turns (1 shard, 2 shards, 1, 2 ...); see docs/scaling.md.

Broker and generator may run on all cores, unless `--generator-cores` tells them apart. The generator's subscribers count by
length (`weirmq bench --discard`), so that it takes little of them; what it takes is shown. Rounds that nothing disturbed count,
and at least the better half of them.

    cargo build --release -p weirmq
    tests/compare/scale.py
    tests/compare/scale.py --runtime tokio --shards 1 2 4 --cores 0-4 --rounds 10 --only fan-out
"""

import argparse
import os
import statistics
import sys
import time

import field
import goals

# Name, and arguments of `weirmq bench`. Windows are large, because the generator looks only every few milliseconds. There are
# many publishers, for it is chance in which shard each is.
ROWS = [
    ("fan-out 1 to 1,000", "fan-out -n 1000 -w 1024"),
    ("pairs, 100", "pairs -n 100 -w 1024"),
    ("pairs, 1,000", "pairs -n 1000 -w 512"),
    ("fan-in 100 to 1", "fan-in -n 100 -w 64"),
    ("match, 4 of 100,000 filters", "subscriptions -n 100000 --publishers 100 -w 1024"),
]
# What two shards on two cores are to make of one, where the generator leaves them the cores. Where it does not, the same
# is wanted of what they would make if the busiest had a core to itself.
GOAL = 1.7
# What others may take, in cores; beyond that a rate says nothing, unless they have to wait anyway (--realtime).
OTHERS_MAX = 0.15


class Round:
    """What one run says."""

    def __init__(self, report):
        stage = report["stages"][-1]
        self.others, self.complete = report["others"], report["complete"]
        self.rate, self.cpu_us, self.generator = stage["per_second"], stage["broker_cpu_us"], stage["generator_busy"]
        # The share of the busiest thread is that of the whole run, connecting and warming up included.
        self.busiest = stage["broker_busy"] * max(report["threads_s"]) / sum(report["threads_s"])
        self.busy = stage["broker_busy"]

    def alone(self):
        """Deliveries a second if the busiest shard had a core to itself: what is not the generator's doing."""
        return self.rate / self.busiest


def counted(by_shards, options):
    """The rounds that count, by number of shards. Those of one number stand at the same places as those of another.

    All do where threads have a share of a core: they stop and go in step with the ticks that others are counted in.
    """
    numbers = sorted(set.intersection(*map(set, by_shards.values())))
    if not options.thread_share:
        numbers = sorted(goals.counted({number: max(found[number].others for found in by_shards.values()) for number in numbers}))
    return {shards: [found[number] for number in numbers] for shards, found in by_shards.items()}


def goal_of(rounds, first, figure):
    """What a figure is of that of the first column, as a goal."""
    own, other = (dict(enumerate(map(figure, found))) for found in (rounds, first))
    return goals.Goal("", "deliver", "rate", "", "", GOAL, own, [other])


def leaves_cores(rounds, cores):
    """Whether broker and generator find room for the goal's rate, if each takes as much more as with one shard."""
    taken = [found.busy + found.generator for found in rounds]
    return bool(taken) and GOAL * statistics.median(taken) <= cores


def cores_of(text):
    """The cores of a list of them, as taskset takes it."""
    parts = [part.split("-") for part in text.split(",")]
    return {core for part in parts for core in range(int(part[0]), int(part[-1]) + 1)}


def text_of(goal):
    found = goal.ratio()
    return "-" if found is None else f"{found[0]:.2f} ({found[1]:.2f} to {found[2]:.2f})"


def verdict(goal, rounds, options):
    """Whether the goal is met: only if others left the cores to broker and generator. Who has a share of one has that."""
    if not options.realtime and not options.thread_share and any(found.others > OTHERS_MAX for found in rounds):
        return "not decided"
    return goal.verdict()


def print_tables(results, options):
    shards = options.shards
    print("\n| work | shards | deliveries a second | broker µs each | broker busy (busiest shard) | generator busy | others |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    middle = lambda rounds, figure: statistics.median(map(figure, rounds))
    results = {name: counted(by_shards, options) for name, by_shards in results.items()}
    for name, by_shards in results.items():
        for number in shards:
            rounds = by_shards[number]
            if rounds:
                star = "" if all(found.complete for found in rounds) else " \\*"
                print(f"| {name} | {number} | {middle(rounds, lambda r: r.rate) / 1e6:.2f} M{star} | "
                      f"{middle(rounds, lambda r: r.cpu_us):.3f} | {middle(rounds, lambda r: r.busy):.2f} "
                      f"({middle(rounds, lambda r: r.busiest):.2f}) | {middle(rounds, lambda r: r.generator):.2f} | "
                      f"{min(r.others for r in rounds):.2f} to {max(r.others for r in rounds):.2f} |")
    print("\n| work | shards | deliveries a second, times one shard | if the busiest shard had a core to itself | cores left | goal |")
    print("|---|---:|---:|---:|---|---|")
    for name, by_shards in results.items():
        for number in shards[1:]:
            rounds, first = by_shards[number], by_shards[shards[0]]
            raw, alone = goal_of(rounds, first, lambda r: r.rate), goal_of(rounds, first, Round.alone)
            leaves = options.generator_cores or leaves_cores(first, len(cores_of(options.cores)))
            says = verdict(raw if leaves else alone, first + rounds, options)
            goal = f"≥ {GOAL:g}: {says}" if (shards[0], number) == (1, 2) else ""
            print(f"| {name} | {number} | {text_of(raw)} | {text_of(alone)} | {'yes' if leaves else 'no'} | {goal} |")
    if any(not found.complete for by_shards in results.values() for rounds in by_shards.values() for found in rounds):
        print("\n\\* messages were lost in some round, which QoS 0 allows.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    field.add_options(parser)
    parser.set_defaults(weirmq=[], without=["floor", "mosquitto"])
    parser.add_argument("--runtime", default="mio", help="mio, tokio or smol (default mio)")
    parser.add_argument("--shards", nargs="*", type=int, default=[1, 2], help="what to compare; the first is compared with")
    parser.add_argument("--cores", default=f"0-{os.cpu_count() - 1}", help="cores of broker and generator alike (default: all)")
    parser.add_argument("--generator-cores", help="cores of the generator, which leaves --cores to the broker")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="rows whose name has this word")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--warmup", type=float, default=0.5)
    options = parser.parse_args()
    if options.generator_cores and cores_of(options.generator_cores) & cores_of(options.cores):
        parser.error("--generator-cores has cores of --cores, which are the broker's then")
    options.broker_cores, options.bench_cores = options.cores, options.generator_cores or options.cores
    options.weirmq = [f"{options.runtime}:{number}" for number in options.shards]
    rows = field.chosen(ROWS, options.only)
    brokers = dict(zip(options.shards, field.brokers(options)))
    results = {name: {number: {} for number in options.shards} for name, _ in rows}
    with field.stoppable():
        for turn in range(options.rounds):
            for name, arguments in rows:
                for number, broker in brokers.items():
                    field.progress(f"round {turn + 1} of {options.rounds}: {name}, {number} shards")
                    report = field.measure(broker, f"{arguments} --discard", options)
                    if report:
                        results[name][number][turn] = Round(report)
    print(f"{time.strftime('%Y-%m-%d')}, {options.rounds} rounds of {options.seconds} s, {options.runtime}, {field.processors()}")
    print_tables(results, options)


if __name__ == "__main__":
    sys.exit(main())
