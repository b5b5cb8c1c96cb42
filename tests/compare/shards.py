#!/usr/bin/env python3
"""Counts the instructions of 1 to 16 shards for each delivery, with callgrind; see docs/scaling.md.

The shards run in one thread (`tests/src/bin/shards`). Counted is what the shards do, in user space: not the clients, not
the kernel, not the carrying of bytes. Valgrind and Python's standard library are enough.

    cargo build --release -p weirmq-tests --bin shards
    tests/compare/shards.py
    tests/compare/shards.py --work pairs --qos 1 --shards 1 2 --window 1
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile


def count(program, work, shards, qos, window):
    """Instructions of each shard, what the program says of its work, and the batches of a round."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "callgrind.out")
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=*counted_shard_*", f"--callgrind-out-file={out}",
                   program, "work", work, str(shards), str(qos), str(window)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        said = dict(pair.split("=") for pair in done.stdout.split())
        annotated = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", out],
                                   capture_output=True, text=True, check=True).stdout
    each = {}
    for line in annotated.splitlines():
        found = re.match(r"\s*([\d,]+) .*counted_shard_(\d+)", line)
        if found:
            number = int(found[2])
            each[number] = max(each.get(number, 0), int(found[1].replace(",", "")))
    if len(each) != shards:
        sys.exit(f"{work}: {len(each)} of {shards} shards were counted; is the program built as above?")
    return each, {name: int(value) for name, value in said.items()}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    target = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(here, "../../target")), "release")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", nargs="*", default=["pairs", "fan-in", "fan-out", "subscribe"])
    parser.add_argument("--qos", nargs="*", type=int, default=[0, 1])
    parser.add_argument("--shards", nargs="*", type=int, default=[1, 2, 4, 8, 16])
    parser.add_argument("--window", nargs="*", type=int, default=[8], help="messages of a publisher in a round")
    parser.add_argument("--target", default=target, help="folder of the program")
    options = parser.parse_args()
    program = os.path.join(options.target, "shards")
    shards = "".join(f" {number} |" for number in options.shards)
    print("Instructions for each delivery: all shards, and in brackets the busiest one; batches of a round.\n")
    print(f"| work, shards |{shards}")
    print("|---|" + "---:|" * len(options.shards))
    for work in options.work:
        for qos in options.qos:
            for window in options.window:
                cells = []
                for number in options.shards:
                    each, said = count(program, work, number, qos, window)
                    total, busiest = (value / said["deliveries"] for value in (sum(each.values()), max(each.values())))
                    cells.append(f"{total:.0f} ({busiest:.0f}); {said['batches_of_a_round']}")
                    print(f"{work} {qos} {window} {number}: {cells[-1]}", file=sys.stderr)
                print(f"| {work} QoS {qos}, window {window} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
