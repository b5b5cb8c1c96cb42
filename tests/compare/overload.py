#!/usr/bin/env python3
"""Measures how long an innocent client waits while others overload the broker, and what memory that takes.

Each case has a fresh broker on core 0; `weirmq bench latency` on core 1 is the innocent client (open loop, 1,000 messages a
second). The trouble is a process that shares the broker's core and runs only when the broker does not, or has cores of its own.
Compare figures of one sitting only: p99 beside the trouble against p99 unloaded. How long the broker was ready to run and did
not says how much of that is not its own. Python's standard library is enough.

    cargo build --release -p weirmq
    tests/compare/overload.py                              all cases on mio, 10 s each
    tests/compare/overload.py --weirmq tokio:1 --seconds 60 --only stuck
    tests/compare/overload.py --realtime --seconds 3       on a machine that is busy with other things
"""

import argparse
import glob
import json
import multiprocessing
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import field


def text(string):
    return len(string).to_bytes(2, "big") + string.encode()


def packet(first, body):
    length, rest = b"", len(body)
    while True:
        rest, seven = divmod(rest, 128)
        length += bytes([seven | (0x80 if rest else 0)])
        if not rest:
            return bytes([first]) + length + body


def connect(client_id):
    return packet(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text(client_id))


def publish(topic, payload, qos=0, number=1):
    return packet(0x30 | qos << 1, text(topic) + (number.to_bytes(2, "big") if qos else b"") + b"x" * payload)


def subscribe(topic, qos=0):
    return packet(0x82, b"\x00\x01" + text(topic) + bytes([qos]))


def client(port, client_id, receive_buffer=0):
    peer = socket.socket()
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.connect(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(connect(client_id))
    if peer.recv(4) != b"\x20\x02\x00\x00":
        raise RuntimeError(f"{client_id} is refused")
    return peer


def discard(peer):
    """Reads and forgets what comes."""
    def forever():
        try:
            while peer.recv(1 << 20):
                pass
        except OSError:
            pass
    threading.Thread(target=forever, daemon=True).start()


def stuck(port, ready, qos, payload):
    """A subscriber that does not read, and ten publishers of 500 messages a second each, or 2.5 MB/s."""
    reader = client(port, "stuck", 4096)
    reader.sendall(subscribe("flood", qos))
    reader.recv(5)
    publishers = [client(port, f"flood-{number}") for number in range(10)]
    for peer in publishers:
        discard(peer)
    each = 5 if payload < 1024 else 2
    burst = b"".join(publish("flood", payload, qos, number + 1) for number in range(each))
    ready.set()
    due = time.monotonic()
    while True:
        for index, peer in enumerate(publishers):
            try:
                peer.sendall(burst)
            except OSError:
                # A 3.x publisher that is refused is closed: that is how it is told.
                publishers[index] = client(port, f"flood-{index}")
                discard(publishers[index])
        due += 0.01
        time.sleep(max(0, due - time.monotonic()))


def over_and_over(port, ready, one):
    """One client that writes the same packet as fast as it can."""
    peer = client(port, "flooder")
    peer.setblocking(False)
    many = memoryview(one * (1 + 65536 // len(one)))
    ready.set()
    sent = 0
    while True:
        select.select([peer], [peer], [])
        try:
            # Whole packets, however the socket cuts them; and whatever is answered is read, or the broker ends it.
            sent = (sent + peer.send(many[sent:])) % len(many)
        except BlockingIOError:
            pass
        try:
            peer.recv(1 << 20)
        except BlockingIOError:
            pass


def connects(port, ready):
    """Connects as fast as it can, and leaves."""
    ready.set()
    number = 0
    while True:
        number += 1
        try:
            peer = socket.create_connection(("127.0.0.1", port))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            peer.sendall(connect(f"flood-{number % 1000}"))
            peer.close()
        except OSError:
            time.sleep(0.001)


def stopped_readers(port, ready):
    """1,000 subscribers that do not read, and a publisher that writes 64 bytes to all of them, 500 times a second."""
    readers = [client(port, f"stopped-{number}", 4096) for number in range(1000)]
    for peer in readers:
        peer.sendall(subscribe("flood"))
        peer.recv(5)
    publisher = client(port, "flood")
    burst = publish("flood", 64) * 5
    ready.set()
    due = time.monotonic()
    while True:
        publisher.sendall(burst)
        due += 0.01
        time.sleep(max(0, due - time.monotonic()))


CASES = [
    ("unloaded", None, ()),
    ("stuck subscriber, 10 publishers, QoS 0, 64 B", stuck, (0, 64)),
    ("stuck subscriber, 10 publishers, QoS 0, 16 KiB", stuck, (0, 16384)),
    ("stuck subscriber, 10 publishers, QoS 1, 64 B", stuck, (1, 64)),
    ("stuck subscriber, 10 publishers, QoS 1, 16 KiB", stuck, (1, 16384)),
    ("1,000 stopped readers, QoS 0, 64 B", stopped_readers, ()),
    ("flood of CONNECT", connects, ()),
    ("flood of PINGREQ", over_and_over, (b"\xc0\x00",)),
    ("flood of SUBSCRIBE to one topic", over_and_over, (subscribe("one/topic"),)),
    ("flood of PUBLISH to nobody", over_and_over, (publish("nobody", 64),)),
]


def trouble(work, port, ready, arguments, cores, realtime):
    os.sched_setaffinity(0, cores)
    # To be nicer is not enough: Linux lets whoever runs go on for a slice of a few ms, although the broker is ready.
    policy, priority = (os.SCHED_FIFO, 5) if realtime else (os.SCHED_IDLE, 0)
    os.sched_setscheduler(0, policy, os.sched_param(priority))
    work(port, ready, *arguments)


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) * 1024


def waited(pid):
    """Seconds that the threads of a process were ready to run and something else had the core."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="utf-8") as file:
            total += int(file.read().split()[1])
    return total / 1e9


def measure(broker, case, options):
    name, work, arguments = case
    with tempfile.TemporaryDirectory() as folder:
        broker.start(folder, options)
        process = None
        try:
            if work:
                ready = multiprocessing.Event()
                cores = {int(core) for core in (options.trouble_cores or options.broker_cores).split(",")}
                process = multiprocessing.Process(
                    target=trouble, daemon=True,
                    args=(work, broker.port, ready, arguments, cores, options.realtime))
                process.start()
                if not ready.wait(60):
                    raise RuntimeError(f"{name}: the trouble does not begin")
            command = [*field.pinned(options, options.bench_cores), os.path.join(options.target, "weirmq"), "bench", "latency"]
            command += ["-n", "10", "--rate", "1000", "--port", str(broker.port), "--pid", str(broker.process.pid)]
            command += ["--seconds", str(options.seconds), "--warmup", "1", "--json"]
            begun, before = time.monotonic(), waited(broker.process.pid)
            done = subprocess.run(command, capture_output=True, text=True, timeout=options.seconds + 120, check=False)
            wait = (waited(broker.process.pid) - before) / (time.monotonic() - begun)
            memory = resident(broker.process.pid)
            if process and not process.is_alive():
                print(f"{name}: the trouble ended by itself", file=sys.stderr)
        finally:
            if process:
                process.terminate()
                process.join()
            broker.stop()
    stage = json.loads(done.stdout)["stages"][-1]
    return stage["latency"], memory, stage["broker_busy"], wait


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    field.add_options(parser)
    parser.set_defaults(without=["floor", "mosquitto"])
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="cases whose name has this word")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--trouble-cores", help="cores of the trouble (default those of the broker)")
    options = parser.parse_args()
    field.WEIRMQ = "mqtt: {}\n"  # the limits as they are by default
    wanted = [case for case in CASES if case[1] is None or not options.only or any(w in case[0] for w in options.only)]
    print("| innocent client beside | p50 µs | p90 µs | p99 µs | p99 / unloaded | broker busy | waits for its core, ms/s"
          " | its memory, MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for broker in field.brokers(options):
        unloaded = None
        for case in wanted:
            found = [measure(broker, case, options) for _ in range(options.rounds)]
            middle = lambda pick: statistics.median(pick(one) for one in found)
            p50, p90, p99 = (middle(lambda one: one[0][key]) for key in ("p50_us", "p90_us", "p99_us"))
            unloaded = unloaded or p99
            memory = max(one[1] for one in found) / (1 << 20)
            busy, wait = middle(lambda one: one[2]), 1000 * middle(lambda one: one[3])
            print(f"| {broker.name}: {case[0]} | {p50:.0f} | {p90:.0f} | {p99:.0f} | {p99 / unloaded:.2f} |"
                  f" {busy:.2f} | {wait:.1f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
