"""A plot as SVG, written by hand: latency over the number of hosts, both axes logarithmic."""

import html
import math

WIDTH, HEIGHT = 800, 460
LEFT, RIGHT, TOP, BOTTOM = 64, 220, 62, 52
COLOURS = ["#1f6f8b", "#c8553d", "#4a7c3a", "#7a4fa3"]
STYLE = """\
text { font: 13px sans-serif; fill: #222 }
.title { font-size: 16px; font-weight: bold }
.note, .tick { font-size: 12px; fill: #555 }
.grid { stroke: #ddd }
.goal { stroke: #999; stroke-dasharray: 6 4 }
.line { fill: none; stroke-width: 2 }
.dashed { stroke-dasharray: 2 3 }
.range { stroke-width: 6; opacity: .25 }
"""


def number(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def ticks(low, high):
    """Powers of ten, with 2 and 5 between them where that leaves the plot airy."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(decades) <= 4 else (1,)
    return [s * 10**d for d in decades for s in steps if low <= s * 10**d <= high]


class Scale:
    def __init__(self, low, high, first, last):
        self.low, self.high = math.log10(low), math.log10(high)
        self.first, self.last = first, last

    def __call__(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.first + part * (self.last - self.first)


def spread(labels, gap=16):
    """Moves overlapping labels apart: [(y, …)] from top to bottom."""
    out, last = [], -gap
    for y, *rest in sorted(labels):
        last = max(y, last + gap)
        out.append((last, *rest))
    return out


def rule(kind, x1, x2, y1, y2, more=""):
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"{more}/>'


def text(x, y, content, kind="note", more=""):
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{more}>{html.escape(content)}</text>'


MIDDLE, END = ' text-anchor="middle"', ' text-anchor="end"'


def svg(title, note, series, goal=None):
    """series: {(name, where): [(hosts, p50 ms, p99 ms)]}, dashed but for the first where;
    goal: (ms, name)."""
    names, wheres = ([*dict.fromkeys(key[i] for key in series)] for i in (0, 1))
    points = [p for line in series.values() for p in line]
    values = [v for p in points for v in p[1:]] + ([goal[0]] if goal else [])
    xs = sorted({p[0] for p in points})
    x = Scale(xs[0] / 1.4, xs[-1] * 1.4, LEFT, WIDTH - RIGHT)
    y = Scale(min(values) / 1.5, max(values) * 1.5, HEIGHT - BOTTOM, TOP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 24, title, "title"),
        text(LEFT, 42, note),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "hosts", more=MIDDLE),
        text(14, TOP - 6, "ms"),
    ]
    for tick in ticks(min(values) / 1.5, max(values) * 1.5):
        out.append(rule("grid", LEFT, WIDTH - RIGHT, y(tick), y(tick)))
        out.append(text(LEFT - 8, y(tick) + 4, number(tick), "tick", END))
    for tick in xs:
        out.append(rule("grid", x(tick), x(tick), TOP, HEIGHT - BOTTOM))
        out.append(text(x(tick), HEIGHT - BOTTOM + 18, number(tick), "tick", MIDDLE))
    labels = []
    if goal:
        out.append(rule("goal", LEFT, WIDTH - RIGHT, y(goal[0]), y(goal[0])))
        labels.append((y(goal[0]), goal[1], "#777"))
    for i, ((name, where), line) in enumerate(series.items()):
        colour = COLOURS[names.index(name) % len(COLOURS)]
        dashed = "" if where == wheres[0] else " dashed"
        name = f"{name}, {where}"
        # Side by side, so that no bar hides another.
        beside = 5 * (i - (len(series) - 1) / 2)
        at = [(x(n) + beside, y(p50), y(p99)) for n, p50, p99 in line]
        path = " ".join(f"{px:.1f},{middle:.1f}" for px, middle, _ in at)
        out.append(f'<polyline class="line{dashed}" points="{path}" stroke="{colour}"/>')
        for (px, middle, high), (n, p50, p99) in zip(at, line):
            tip = f"{html.escape(name)}, {n:,} hosts: {p50:.2f} ms, p99 {p99:.2f} ms"
            out.append(rule("range", px, px, middle, high, f' stroke="{colour}"'))
            out.append(f'<circle cx="{px:.1f}" cy="{middle:.1f}" r="4" fill="{colour}">'
                       f"<title>{tip}</title></circle>")  # fmt: skip
        labels.append((at[-1][1], f"{name}: {line[-1][1]:.1f}", colour))
    for at, label, colour in spread(labels):
        out.append(text(WIDTH - RIGHT + 14, at + 4, label, "label", f' style="fill:{colour}"'))
    out.append("</svg>\n")
    return "\n".join(out)
