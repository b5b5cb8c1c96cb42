#!/usr/bin/env python3
"""Real clients as real processes against weirmq, on each runtime.

    tests/interop/run.py [--binary PATH] [--runtime mio]... [--shards N] [--client NAME]...
    tests/interop/run.py --broker 127.0.0.1:1883      against a broker that runs already

Prints a line for each case and `N passed, N failed` at the end; exit code 1 if one failed.
"""

import argparse
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLIENTS = {
    "mosquitto": [sys.executable, str(HERE / "mosquitto.py")],
    "paho": [sys.executable, str(HERE / "paho_client.py")],
    "mqttjs": ["node", str(HERE / "mqttjs.mjs")],
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, broker):
    """Until something listens there: a state, with a deadline."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if broker.poll() is not None:
            raise SystemExit(f"the broker ended with {broker.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the broker does not listen")


def run_client(name, port):
    """The results of one client's cases, as (case, failure or None)."""
    run = subprocess.run(CLIENTS[name] + [str(port)], stdout=subprocess.PIPE, text=True, timeout=300)
    results = []
    for line in run.stdout.splitlines():
        if line.startswith("ok "):
            results.append((line[3:], None))
        elif line.startswith("not ok "):
            case, _, why = line[7:].partition(": ")
            results.append((case, why))
        else:
            print("    " + line)
    if run.returncode != 0 or not results:
        results.append(("runs to its end", f"exit code {run.returncode}, {len(results)} results"))
    return results


def find_binary():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = [path for path in (target / "debug/weirmq", target / "release/weirmq") if path.exists()]
    if not found:
        raise SystemExit("no weirmq program: cargo build -p weirmq, or --binary")
    return max(found, key=lambda path: path.stat().st_mtime)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path)
    parser.add_argument("--runtime", action="append", choices=["mio", "tokio", "smol"])
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--client", action="append", choices=list(CLIENTS))
    parser.add_argument("--broker", help="host:port of a broker that runs already; the host is this one")
    args = parser.parse_args()
    clients = args.client or list(CLIENTS)
    for tool in ("mosquitto_pub", "mosquitto_sub", "node"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: tests/run installs it")

    passed = failed = 0
    for runtime in ["other"] if args.broker else args.runtime or ["mio", "tokio", "smol"]:
        broker = None
        if args.broker:
            port = int(args.broker.rpartition(":")[2])
        else:
            port = free_port()
            command = [args.binary or find_binary(), "serve", "--listen", f"127.0.0.1:{port}", "--runtime", runtime]
            command += ["--shards", str(args.shards), "--memory", "--allow-anonymous", "--log-level", "warn"]
            broker = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
        try:
            if broker:
                wait_for(port, broker)
            for client in clients:
                for case, why in run_client(client, port):
                    passed, failed = passed + (why is None), failed + (why is not None)
                    print(f"{'ok    ' if why is None else 'FAILED'} {runtime:5} {client:9} {case}" + (f": {why}" if why else ""))
        finally:
            if broker:
                broker.terminate()
                try:
                    code = broker.wait(15)
                except subprocess.TimeoutExpired:
                    broker.kill()
                    code = "none in time"
                passed, failed = passed + (code == 0), failed + (code != 0)
                print(f"{'ok    ' if code == 0 else 'FAILED'} {runtime:5} broker    ends well on SIGTERM" + (f": {code}" if code else ""))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
