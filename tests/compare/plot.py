#!/usr/bin/env python3
"""Draws what sweep.py measured: a picture (SVG) for each sweep, on logarithmic axes.

The pictures have a ground of their own, light or dark as the reader's system is, and shapes as well as colours. Python's
standard library is enough.

    tests/compare/plot.py docs/performance/sweeps.json      writes docs/performance/NAME.svg
"""

import json
import math
import os
import statistics
import sys

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 76, 22, 58, 92
# Colour on a light and on a dark ground, and shape, by the order of the brokers.
MARKS = [
    ("#0b62c4", "#58a6ff", "circle"),
    ("#6e7781", "#9da7b3", "diamond"),
    ("#b35900", "#f0883e", "square"),
    ("#1a7f37", "#3fb950", "triangle"),
    ("#8250df", "#bc8cff", "cross"),
    ("#bf3989", "#f778ba", "circle"),
]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(value):
    """A number as an axis shows it."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def bytes_short(value):
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} B"


def rounded(values):
    """The 1, 2 or 5 of a decade below all values, and the one above."""
    steps = [step * 10.0**power for power in range(-6, 9) for step in (1, 2, 5)]
    return max(step for step in steps if step <= min(values)), min(step for step in steps if step >= max(values))


class Axis:
    """A logarithmic axis from pixel to pixel."""

    def __init__(self, low, high, start, end):
        self.low, self.high = math.log10(low), max(math.log10(high), math.log10(low) + 0.1)
        self.start, self.end = start, end

    def at(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        """Values of ticks and whether each has a label: 1, 2 and 5 where there is room for them."""
        dense = self.high - self.low <= 3
        for power in range(math.floor(self.low) - 1, math.ceil(self.high) + 1):
            for step in range(1, 10):
                value = step * 10.0**power
                if self.low - 1e-9 <= math.log10(value) <= self.high + 1e-9:
                    yield value, step == 1 or (dense and step in (2, 5))


def mark(shape, x, y, kind):
    size = 4.6
    if shape == "circle":
        return f'<circle class="f{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size - 0.4:.1f}"/>'
    corners = {
        "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        "diamond": [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        "triangle": [(0, -1.2), (1.2, 1), (-1.2, 1)],
        "cross": [(-1.2, -0.5), (-0.5, -0.5), (-0.5, -1.2), (0.5, -1.2), (0.5, -0.5), (1.2, -0.5), (1.2, 0.5),
                  (0.5, 0.5), (0.5, 1.2), (-0.5, 1.2), (-0.5, 0.5), (-1.2, 0.5)],
    }[shape]
    points = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in corners)
    return f'<polygon class="f{kind}" points="{points}"/>'


def style(kinds):
    """The colours of these kinds: on a light ground, and on a dark one where the reader asks for it."""

    def rules(ground, text, faint, grid, colours):
        lines = [f".bg{{fill:{ground}}}", f"text{{fill:{text}}}", f".dim{{fill:{faint}}}",
                 f".grid{{stroke:{grid}}}", f".axis{{stroke:{faint}}}"]
        for kind, colour in zip(kinds, colours):
            lines.append(f".l{kind}{{stroke:{colour}}}.f{kind}{{fill:{colour};stroke:{ground}}}")
        return "".join(lines)

    marks = [MARKS[kind % len(MARKS)] for kind in kinds]
    light = rules("#ffffff", "#1f2328", "#59636e", "#dde2e8", [colour for colour, _, _ in marks])
    dark = rules("#0d1117", "#e6edf3", "#9198a1", "#2a313a", [colour for _, colour, _ in marks])
    fixed = "text{font:13px system-ui,sans-serif}.title{font-size:16px;font-weight:600}path{fill:none;stroke-width:2}"
    return f"<style>{fixed}{light}@media (prefers-color-scheme:dark){{{dark}}}</style>"


def picture(sweep, series, names, foot):
    """One picture. `series` is broker to (x, y) points in order, `names` all brokers of all pictures."""
    xs = sorted({x for points in series.values() for x, _ in points})
    x_axis = Axis(xs[0], xs[-1], LEFT + 12, WIDTH - RIGHT - 12)
    y_axis = Axis(*rounded([y for points in series.values() for _, y in points]), HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
           f'role="img" aria-label="{escape(sweep["title"])}">', style([names.index(name) for name in series]),
           f'<rect class="bg" width="{WIDTH}" height="{HEIGHT}"/>',
           f'<text class="title" x="{LEFT}" y="26">{escape(sweep["title"])}</text>',
           f'<text class="dim" x="{LEFT}" y="46">{escape(sweep["y"])}</text>']
    for value, labelled in y_axis.ticks():
        y = y_axis.at(value)
        if labelled:
            out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            out.append(f'<text class="dim" x="{LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end">{short(value)}</text>')
    bottom = HEIGHT - BOTTOM
    out.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>')
    for x in xs:
        at = x_axis.at(x)
        label = bytes_short(x) if sweep["x"].startswith("payload") else short(x)
        out.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 5}"/>')
        out.append(f'<text class="dim" x="{at:.1f}" y="{bottom + 20}" text-anchor="middle">{label}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle:.0f}" y="{bottom + 40}" text-anchor="middle">{escape(sweep["x"])}</text>')
    left = LEFT
    for name, points in series.items():
        index = names.index(name)
        shape = MARKS[index % len(MARKS)][2]
        path = "L".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in points)
        out.append(f'<path class="l{index}" d="M{path}"/>')
        out.extend(mark(shape, x_axis.at(x), y_axis.at(y), index) for x, y in points)
        out.append(mark(shape, left + 6, HEIGHT - 30, index))
        out.append(f'<text x="{left + 18}" y="{HEIGHT - 25.5}">{escape(name)}</text>')
        left += 42 + 7.4 * len(name)
    out.append(f'<text class="dim" x="{LEFT}" y="{HEIGHT - 8}" style="font-size:11px">{escape(foot)}</text></svg>')
    return "\n".join(out) + "\n"


def foot(data, sweep):
    """What the points are: so many rounds, on this machine, so disturbed."""
    rounds = [runs for points in sweep["points"].values() for runs in points.values() if runs]
    count = max(len(runs) for runs in rounds)
    others = statistics.median(run["others"] for runs in rounds for run in runs)
    what = f"median of {count} rounds" if count > 1 else "one round"
    return f"{data['machine']}, {data['date']}, {what} of {data['seconds']:g} s; others took {others:.1f} cores"


def draw(path):
    """Writes a picture for each sweep beside the file, and says which."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    written, names = [], []
    for sweep in data["sweeps"].values():
        names += [broker for broker in sweep["points"] if broker not in names]
    for name, sweep in data["sweeps"].items():
        series = {}
        for broker, points in sweep["points"].items():
            medians = [(int(x), statistics.median(run["cpu_us"] for run in runs)) for x, runs in points.items() if runs]
            if medians := sorted((x, y) for x, y in medians if y > 0):
                series[broker] = medians
        if series:
            target = os.path.join(os.path.dirname(os.path.abspath(path)), f"{name}.svg")
            with open(target, "w", encoding="utf-8") as file:
                file.write(picture(sweep, series, names, foot(data, sweep)))
            written.append(target)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(draw(sys.argv[1])))
