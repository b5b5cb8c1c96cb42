#!/usr/bin/env python3
"""Instructions that the core takes for each message, counted by callgrind and held against core/benches/instructions.tsv.

    core/benches/instructions.py            compare; exit code 1 when a figure is out of bounds
    core/benches/instructions.py peer/ q2   only work whose name contains one of these
    core/benches/instructions.py --update   make the baseline anew

A figure above the baseline is a regression. One below is a baseline that has to be made anew, or else the gain could be
lost again unseen. docs/performance.md has more.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASELINE = Path(__file__).with_suffix(".tsv")
# What the same code may differ by in the same environment: it does not, but small changes elsewhere move inlining.
TOLERANCE = 0.03
# The same in another environment: another compiler makes other instructions of the same code.
TOLERANCE_ELSEWHERE = 0.15
# glibc chooses memcpy and memcmp by the processor. These are the ones that every x86-64 has.
TUNABLES = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-ERMS,-FSRM,-SSE4_1,-SSE4_2,-SSSE3"


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def environment():
    """What figures depend on beside the code."""
    libc = " ".join(platform.libc_ver())
    return f"{output('rustc', '--version')}, {platform.machine()}, {libc}, {output('valgrind', '--version')}"


def build():
    """The program that does the work, optimized as a release is."""
    command = ["cargo", "build", "--locked", "--release", "-p", "weirmq-work", "--message-format=json-render-diagnostics"]
    messages = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    executables = [json.loads(line).get("executable") for line in messages.splitlines()]
    return next(path for path in executables if path)


def count(program, name):
    """Instructions for each message."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "counts")
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=*collected*", f"--callgrind-out-file={file}"]
        # Nothing of the caller's environment, which lies on the stack and moves it.
        env = {"PATH": os.environ["PATH"], "GLIBC_TUNABLES": TUNABLES}
        run = subprocess.run([*command, program, name], env=env, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{name} failed:\n{run.stderr}")
        instructions = int(re.search(r"^(?:summary|totals): (\d+)", file.read_text(), re.MULTILINE)[1])
        if instructions == 0:
            sys.exit(f"{name}: nothing was collected")
        return instructions / int(run.stdout)


def read_baseline():
    lines = BASELINE.read_text().splitlines()
    made_in = lines[1].removeprefix("# ")
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return made_in, {name: float(figure) for name, figure in rows}


def write_baseline(figures):
    head = f"# Instructions for each message; made by core/benches/instructions.py --update, in\n# {environment()}\n"
    BASELINE.write_text(head + "".join(f"{name}\t{figure:.1f}\n" for name, figure in figures.items()))


def verdict(figure, expected, tolerance):
    if expected is None:
        return "not in the baseline: --update"
    if figure > expected * (1 + tolerance):
        return "MORE"
    if figure < expected * (1 - tolerance):
        return "less: --update"
    return ""


def compare(figures, everything):
    """Prints a table; whether all is well is the answer."""
    made_in, baseline = read_baseline()
    tolerance = TOLERANCE
    if f" {platform.machine()}, " not in made_in:
        print(f"Nothing is compared: the baseline is of another architecture than {platform.machine()} ({made_in}).")
        baseline, everything, tolerance = figures, False, 0
    elif made_in != environment():
        tolerance = TOLERANCE_ELSEWHERE
        print(f"The baseline was made elsewhere, so figures may differ from it by {tolerance:.0%} and not {TOLERANCE:.0%}:")
        print(f"    baseline: {made_in}\n    here:     {environment()}")
    well = True
    for name, figure in figures.items():
        expected = baseline.get(name)
        change = "" if expected is None else f"{round(figure / expected - 1, 3) + 0.0:+.1%}"
        remark = verdict(figure, expected, tolerance)
        well &= not remark
        print(f"{name:<32}{figure:>10.1f}{change:>10}  {remark}".rstrip())
    gone = sorted(set(baseline) - set(figures)) if everything else []
    for name in gone:
        print(f"{name:<32} only in the baseline: --update")
    return well and not gone


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="make the baseline anew, of all work")
    parser.add_argument("parts", nargs="*", help="only work whose name contains one of these")
    options = parser.parse_args()
    if options.update and options.parts:
        parser.error("the baseline is made of all work")
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed: tests/run does that")
    program = build()
    names = [name for name in output(program).splitlines() if not options.parts or any(p in name for p in options.parts)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        figures = dict(zip(names, pool.map(lambda name: count(program, name), names)))
    if options.update:
        write_baseline(figures)
        print(f"{len(figures)} figures in {BASELINE.relative_to(ROOT)}")
    elif not compare(figures, everything=not options.parts):
        print(f"Out of bounds. If that is what was meant: {Path(__file__).relative_to(ROOT)} --update, and say why.")
        sys.exit(1)


if __name__ == "__main__":
    main()
