"""What weirmq is to reach, and whether a sitting shows it.

A goal is a ratio of two figures of one sitting: at most so much of another broker's (for rates: at least). In a round brokers
run one right after the other, and whatever mood the machine is in, it is in for all of them: so it is the ratio of each round
that is taken, and the median of those. It is met or not met only if the rounds that count say so for sure; otherwise it is not
decided. With fewer than ten of them every two figures have to say so, with more 97.5 % of what the medians of other rounds
would say (bootstrap), as for latency, whose percentiles are taken over all rounds together.
"""

import random

PEERS = ("FlashMQ", "mosquitto", "rumqttd", "RMQTT", "NanoMQ")

# Row and stage, figure, and the most that it may be of each other broker's.
AGAINST_OTHERS = [
    ("pairs QoS 0 dense", "deliver", "cpu", {"FlashMQ": 0.5, "floor": 2.7}),
    ("pairs QoS 0 dense, 5.0", "deliver", "cpu", {"FlashMQ": 0.5, "floor": 2.7}),
    ("pairs QoS 1 dense", "deliver", "cpu", {"FlashMQ": 0.6, "floor": 2.1}),
    ("pairs QoS 1 dense, 5.0", "deliver", "cpu", {"FlashMQ": 0.6, "floor": 2.1}),
    ("pairs QoS 2 dense", "deliver", "cpu", {"FlashMQ": 0.65}),
    ("pairs QoS 0, 4 KiB", "deliver", "cpu", {"FlashMQ": 0.75, "floor": 1.7}),
    ("pairs QoS 0 sparse, 1,000 pairs", "deliver", "cpu", {"best peer": 0.8, "floor": 1.25}),
    ("pairs QoS 1 sparse, 1,000 pairs", "deliver", "cpu", {"best peer": 0.8, "floor": 1.25}),
    ("pairs QoS 0 sparse, 10,000 connections", "deliver", "cpu", {"mosquitto": 0.9, "floor": 1.2}),
    ("fan-in QoS 0 dense", "deliver", "cpu", {"FlashMQ": 0.55}),
    ("fan-in QoS 1 dense", "deliver", "cpu", {"FlashMQ": 0.6}),
    ("fan-in QoS 0 sparse, 5,000", "deliver", "cpu", {"FlashMQ": 0.8, "floor": 1.3}),
    ("fan-out QoS 0 dense", "deliver", "cpu", {"FlashMQ": 0.75}),
    ("fan-out QoS 1 dense", "deliver", "cpu", {"FlashMQ": 0.6}),
    ("fan-out QoS 0 sparse", "deliver", "cpu", {"FlashMQ": 0.8, "floor": 1.3}),
    ("match among 100,000", "deliver", "cpu", {"FlashMQ": 0.7}),
    ("match among 1,000,000", "deliver", "cpu", {"FlashMQ": 0.7}),
    ("match among 100,000", "subscribe", "cpu", {"mosquitto": 1.0}),
    ("match among 1,000,000", "subscribe", "cpu", {"mosquitto": 1.0}),
    ("match among 100,000", "subscribe", "memory", {"mosquitto": 0.6}),
    ("match among 1,000,000", "subscribe", "memory", {"mosquitto": 0.6}),
    ("retained, 100,000", "store", "cpu", {"FlashMQ": 0.8}),
    ("retained, 100,000", "replay", "cpu", {"FlashMQ": 0.7}),
    ("retained, 100,000", "store", "memory", {"FlashMQ": 0.5}),
    ("connections, 15,000", "connect", "cpu", {"mosquitto": 1.1}),
    ("connections, 15,000", "connect", "rate", {"mosquitto": 1.0}),
    ("connections, 15,000", "hold", "memory", {"mosquitto": 1.0}),
    ("connections, 15,000", "connect", "idle memory", {"mosquitto": 1.5}),
]
# What the median and the 99th percentile of latency may be of the best peer's.
LATENCY = (("p50", 0.5, 1.1), ("p99", 0.99, 1.5))
# What others may take of the machine in a round that counts whatever the others are like, in cores: two ticks in a second.
UNDISTURBED = 0.02
# From fewer rounds nothing is told of what others would say; else so often rounds are drawn anew.
ROUNDS_MIN, DRAWS = 10, 4000
# The rows in which several shards are held against one beside those above.
LATENCY_ROWS = [f"latency QoS {qos}, {rate}/s" for qos in (0, 1) for rate in ("10,000", "40,000")]
# An idle connection may take so much of mosquitto's on these runtimes.
IDLE_ON_FUTURES = 2.0
# What tokio and smol may take of mio, in pairs; what several shards may take of one, in every row; what a delivery among
# 1,000,000 filters may take of one among 100,000.
FUTURES, SHARDS, GROWTH = 1.3, 1.3, 1.1


class Goal:
    """One goal, and what the rounds say of it. Of several others it is the best one that counts."""

    def __init__(self, row, stage, figure, own, other, limit, own_values, others_values):
        self.what = row if stage == "deliver" else f"{row}: {stage}"
        self.figure, self.own, self.other, self.limit = figure, own, other, limit
        others = [found for found in others_values if found]
        rounds = [number for number, value in own_values.items() if value and all(found.get(number) for found in others)]
        self.own_values = [own_values[number] for number in rounds]
        self.others_values = [[found[number] for number in rounds] for found in others]

    def ratio(self):
        """The median of what it is in each round, and between which bounds that lies."""
        own, others = self.own_values, self.others_values
        if not own or not others:
            return None
        # The best of several is the one that costs least.
        ratios = [[value / of for value, of in zip(own, other)] for other in others]
        found = max(middle(sorted(each)) for each in ratios)
        if self.rounds() < ROUNDS_MIN:
            return found, min(own) / min(map(max, others)), max(own) / min(map(min, others))
        source = random.Random(1)
        drawn = (source.choices(range(len(own)), k=len(own)) for _ in range(DRAWS))
        return found, *interval([max(middle(sorted(each[at] for at in draw)) for each in ratios) for draw in drawn])

    def rounds(self):
        return len(self.own_values)

    def verdict(self):
        """Met, not met, not decided (a round alone has no spread), or that there is nothing to tell by."""
        ratio = self.ratio()
        if ratio is None:
            return "no figure"
        if self.rounds() < 2:
            return "not decided"
        _, low, high = ratio
        if self.figure == "rate":
            low, high = -high, -low
        limit = -self.limit if self.figure == "rate" else self.limit
        return "met" if high <= limit else "NOT MET" if low > limit else "not decided"


class Interval:
    """A goal whose ratio is known with the bounds in which it lies, from so many rounds."""

    def __init__(self, row, figure, own, other, limit, ratio, rounds):
        self.what, self.figure, self.own, self.other, self.limit = row, figure, own, other, limit
        self.found, self.rounds = ratio, rounds

    def ratio(self):
        return self.found

    def verdict(self):
        _, low, high = self.found
        if self.rounds < ROUNDS_MIN:
            return "not decided"
        return "met" if high <= self.limit else "NOT MET" if low > self.limit else "not decided"


def latency_goals(label, names, row, drawn):
    """Each weirmq against the best peer, which may be another one in each draw."""
    peers, found = [name for name in names if name in PEERS], []
    for own in (name for name in names if name.startswith("weirmq") and peers):
        for figure, share, limit in LATENCY:
            whole = {name: row.quantile(name, share) for name in names}
            best = min(peers, key=whole.get)
            ratios = [draw[own, share] / min(draw[peer, share] for peer in peers) for draw in drawn]
            low, high = interval(ratios)
            found.append(Interval(label, figure, own, best, limit, (whole[own] / whole[best], low, high), len(row.turns)))
    return found


def counted(disturbed):
    """Of what others took in each round, the rounds that count: the undisturbed ones, and at least the better half of all."""
    undisturbed = sum(others <= UNDISTURBED for others in disturbed.values())
    return set(sorted(disturbed, key=disturbed.get)[: max(undisturbed, (len(disturbed) + 1) // 2)])


def interval(values):
    """Between which 95 % of them lie."""
    values = sorted(values)
    return values[int(0.025 * len(values))], values[int(0.975 * len(values)) - 1]


def middle(values):
    """The median of sorted values."""
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def goals(values, names):
    """All goals for which there are figures of weirmq. `values(row, stage, figure, name)` is a figure in each round, by number."""
    weirmq = [name for name in names if name.startswith("weirmq")]
    one_shard = [name for name in weirmq if not name.endswith("shards")]
    peers = [name for name in names if name in PEERS]
    rows = {(row, stage): None for row, stage, _, _ in AGAINST_OTHERS if stage != "hold"}
    rows |= {(row, "deliver"): None for row in LATENCY_ROWS}
    found = []

    def add(row, stage, figure, own, other, limit, other_row=None):
        own_values = values(row, stage, figure, own)
        others = peers if other == "best peer" else [other]
        others_values = [values(other_row or row, stage, figure, name) for name in others]
        if own_values:
            label = f"{other}, {other_row}" if other_row else other
            if other == "best peer":
                label = best_peer(others, others_values)
            found.append(Goal(row, stage, figure, own, label, limit, own_values, others_values))

    for row, stage, figure, limits in AGAINST_OTHERS:
        for other, limit in limits.items():
            # What holds between brokers holds for the leanest runtime; a connection of the others may weigh more.
            for own in one_shard if row.startswith("connections") and figure == "memory" else weirmq[:1]:
                on_futures = not own.startswith("weirmq mio")
                add(row, stage, figure, own, other, limit * IDLE_ON_FUTURES if on_futures else limit)
    for own in weirmq:
        add("match among 1,000,000", "deliver", "cpu", own, own, GROWTH, "match among 100,000")
        runtime = own.split(" shards")[0].rpartition(" ")[0] if own.endswith("shards") else own
        for row, stage in rows:
            if own != runtime and runtime in weirmq:
                add(row, stage, "cpu", own, runtime, SHARDS)
            elif own in ("weirmq tokio", "weirmq smol") and row.startswith("pairs") and "weirmq mio" in weirmq:
                add(row, stage, "cpu", own, "weirmq mio", FUTURES)
    return found


def best_peer(peers, values):
    """The peer with the lowest median, or a name that has no figures."""
    medians = {peer: middle(sorted(found.values())) for peer, found in zip(peers, values) if found}
    return min(medians, key=medians.get, default="best peer")


def print_goals(found, how="the median of what the ratio is in each round, and between which it lies"):
    """The table, and how many are met."""
    if not found:
        return
    print(f"\nGoals ({how}):\n")
    print("| work | figure | of | against | goal | ratio | |")
    print("|---|---|---|---|---:|---:|---|")
    counts = {}
    for goal in found:
        verdict = goal.verdict()
        counts[verdict] = counts.get(verdict, 0) + 1
        ratio, sign = goal.ratio(), "≥" if goal.figure == "rate" else "≤"
        text = "-" if ratio is None else f"{ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})"
        print(f"| {goal.what} | {goal.figure} | {goal.own} | {goal.other} | {sign} {goal.limit:g} | {text} | {verdict} |")
    print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
