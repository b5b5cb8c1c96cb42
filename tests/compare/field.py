"""The brokers that are measured, and one run of `weirmq bench` against one of them."""

import contextlib
import glob
import json
import os
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# Where control groups of version 1 have the cpu controller.
CPU_GROUPS = "/sys/fs/cgroup/cpu"
MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
log_type none
"""
# As for the others: no limit on what is in flight, and packets as large as any row has.
WEIRMQ = """mqtt:
  packet_bytes_max: 2MiB
  inflight_max: 65535
  receive_maximum: 65535
"""


def pinned(options, cores, ahead=0):
    """What runs a command on these cores. At raised priority where that is allowed, so that other work disturbs it less."""
    nice = ["nice", "-n", "-15"] if os.geteuid() == 0 else []
    return [*(["chrt", "-f", str(10 + ahead)] if options.realtime else nice), "taskset", "-c", cores]



class Broker:
    """A way to start a broker: `{port}` and `{config}`, a file with `config` in it, are filled in."""

    def __init__(self, name, command, config=None):
        self.name, self.command, self.config = name, command, config

    def start(self, folder, options):
        with socket.socket() as probe:
            # One that is free at all addresses: some brokers listen at all of them.
            probe.bind(("", 0))
            self.port = probe.getsockname()[1]
        path = os.path.join(folder, "broker.conf")
        if self.config:
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.config.replace("{port}", str(self.port)))
        words = [word.format(port=self.port, config=path) for word in shlex.split(self.command)]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        log = os.path.join(folder, "broker.log")
        with open(log, "wb") as file:
            self.process = subprocess.Popen([*pinned(options, options.broker_cores), *words], stderr=file, cwd=folder, **quiet)
        if not self.listens():
            self.stop()
            with open(log, encoding="utf-8", errors="replace") as file:
                raise RuntimeError(f"{self.name} does not listen: {file.read()[-500:].strip()}")
        if options.thread_share:
            try:
                slow_down(self.process.pid, options.thread_share)
            except OSError as error:
                self.stop()
                raise RuntimeError(f"{self.name} cannot be slowed down: {error}") from error

    def listens(self):
        """Waits until it does; whether it does is the answer."""
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for group in glob.glob(f"{CPU_GROUPS}/weirmq-{self.process.pid}-*"):
            os.rmdir(group)


def add_options(parser):
    """The options that say which brokers run, and where."""
    here = os.path.dirname(os.path.abspath(__file__))
    target = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(here, "../../target")), "release")
    parser.add_argument("--weirmq", nargs="*", default=["mio:1"], metavar="RUNTIME:SHARDS",
                        help="mio, tokio or smol, with a number of shards (default mio:1)")
    parser.add_argument("--broker", action="append", default=[], metavar="NAME='COMMAND {port}'",
                        help="another broker; may be repeated")
    parser.add_argument("--config", action="append", default=[], metavar="NAME=FILE",
                        help="the file that {config} in that broker's command stands for; {port} in it is filled in")
    parser.add_argument("--without", nargs="*", default=[], choices=["floor", "mosquitto"])
    parser.add_argument("--keep-alive", type=int, default=0, metavar="SECONDS",
                        help="Keep Alive of all clients, for brokers that do not take 0 (default 0: none)")
    parser.add_argument("--realtime", action="store_true",
                        help="broker and generator at real-time priority: whatever else runs has to wait")
    parser.add_argument("--thread-share", type=float, metavar="SHARE",
                        help="each thread of the broker gets at most this share of a core (0.2 to 1), as if cores were slower; root")
    parser.add_argument("--timeout", type=float, default=120, help="seconds after which a run is given up")
    parser.add_argument("--target", default=target, help="folder of weirmq and floor")
    parser.add_argument("--broker-cores", default="0", help="cores of the broker, as taskset takes them")
    parser.add_argument("--bench-cores", default="1", help="cores of the generator")


def brokers(options):
    """The brokers that the options ask for: weirmq first."""
    if options.thread_share is not None and not (0.2 <= options.thread_share <= 1 and os.access(f"{CPU_GROUPS}/cpu.cfs_quota_us", os.W_OK)):
        sys.exit(f"--thread-share is from 0.2 to 1, and needs root and control groups of version 1 with cpu at {CPU_GROUPS}")
    release = options.target = os.path.abspath(options.target)
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
    configs = dict(text.split("=", 1) for text in options.config)
    for text in options.broker:
        name, _, command = text.partition("=")
        config = None
        if name in configs:
            with open(configs.pop(name), encoding="utf-8") as file:
                config = file.read()
        found.append(Broker(name, command, config))
    if configs:
        sys.exit(f"--config for what is no --broker: {', '.join(configs)}")
    if "mosquitto" not in options.without:
        mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if mosquitto:
            found.append(Broker("mosquitto", f"{mosquitto} -c {{config}}", MOSQUITTO))
        else:
            print("mosquitto is not there: apt install mosquitto", file=sys.stderr)
    prepare()
    return found


def prepare():
    """Lets children have as many descriptors as are allowed, and stops them when this program is told to stop."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


class Machine:
    """How much of the machine others take, from now on."""

    def __init__(self, pid):
        self.pid, self.begun = pid, time.monotonic()
        self.busy, self.broker, self.generator = busy_s(), cpu_s(pid), children_s()

    def others(self):
        """In cores: what was busy, or not given by the host, and was neither the broker nor an ended child."""
        own = cpu_s(self.pid) - self.broker + children_s() - self.generator
        return max(0.0, busy_s() - self.busy - own) / (time.monotonic() - self.begun)


def busy_s():
    """Seconds that all cores were busy or withheld (steal) since the start of the machine."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def slow_down(pid, share):
    """Each thread of a process gets this share of a core and no more, out of every 5 ms (Linux control groups, version 1)."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        group = f"{CPU_GROUPS}/weirmq-{pid}-{thread}"
        os.mkdir(group)
        for name, value in (("cpu.cfs_period_us", 5_000), ("cpu.cfs_quota_us", int(share * 5_000)), ("tasks", thread)):
            with open(f"{group}/{name}", "w", encoding="ascii") as file:
                file.write(str(value))


def threads_s(pid):
    """CPU seconds of each thread of a process."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path, encoding="utf-8") as file:
                found.append(int(file.read().split()[0]) / 1e9)
        except OSError:
            pass  # A thread that has ended meanwhile.
    return found


def cpu_s(pid):
    """CPU seconds of a process, all its threads."""
    return sum(threads_s(pid))


def children_s():
    """CPU seconds of children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def rss_bytes(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:")), None)


def measure(broker, arguments, options):
    """One run of the generator against a fresh broker: its report, or None when there is none.

    Beside what the generator reports it says how much memory the broker had before, what each of its threads took, and what
    others took meanwhile.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            broker.start(folder, options)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return None
        try:
            idle = rss_bytes(broker.process.pid)
            # Where they share a core the generator, which sleeps more, goes first.
            command = [*pinned(options, options.bench_cores, 1), os.path.join(options.target, "weirmq"), "bench"]
            command += arguments.split() + ["--port", str(broker.port), "--pid", str(broker.process.pid)]
            command += ["--seconds", str(options.seconds), "--warmup", str(options.warmup), "--json"]
            command += ["--keep-alive", str(options.keep_alive)]
            machine = Machine(broker.process.pid)
            done = subprocess.run(command, capture_output=True, text=True, timeout=options.timeout, check=False)
            others, threads = machine.others(), threads_s(broker.process.pid)
        except subprocess.TimeoutExpired:
            print(f"{broker.name}, {arguments}: no end after {options.timeout} s", file=sys.stderr)
            return None
        finally:
            broker.stop()
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(f"{broker.name}, {arguments}: {done.stderr.strip()}", file=sys.stderr)
        return None
    if not report["complete"]:
        print(f"{broker.name}, {arguments}: not complete: {report['counts']}", file=sys.stderr)
    return report | {"idle_rss_bytes": idle, "others": others, "threads_s": threads}


def progress(text):
    """Shows what is going on, when somebody is there to read it."""
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def stoppable():
    """Whoever interrupts what is measured inside gets what there is."""
    try:
        yield
    except KeyboardInterrupt:
        print("stopped: this is what there is", file=sys.stderr)
    progress("")


def chosen(rows, words):
    """The rows whose name has one of these words; all if there are none."""
    return [row for row in rows if not words or any(word in row[0] for word in words)]


def processors():
    """The processors of this machine."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else "unknown machine"
