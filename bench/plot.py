"""A plot as SVG, written by hand: latency over the number of hosts, both axes logarithmic."""

import html
import math

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 200, 56, 52
COLOURS = ["#1f6f8b", "#c8553d", "#4a7c3a", "#7a4fa3", "#b8860b", "#555555"]
STYLE = """\
text { font: 13px sans-serif; fill: #222 }
.title { font-size: 16px; font-weight: bold }
.note, .tick { font-size: 12px; fill: #555 }
.grid { stroke: #ddd }
.goal { stroke: #999; stroke-dasharray: 6 4 }
.line { fill: none; stroke-width: 2 }
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
    """Moves labels apart that would lie on each other: [(y, …)] from top to bottom."""
    out, last = [], -gap
    for y, *rest in sorted(labels):
        last = max(y, last + gap)
        out.append((last, *rest))
    return out


def svg(title, note, series, goal=None):
    """series: {name: [(hosts, p50 ms, p99 ms)]}; goal: (ms, name)."""
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
        f'<text class="title" x="{LEFT}" y="24">{html.escape(title)}</text>',
        f'<text class="note" x="{LEFT}" y="42">{html.escape(note)}</text>',
    ]
    for tick in ticks(min(values) / 1.5, max(values) * 1.5):
        at = y(tick)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        out.append(f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    for tick in xs:
        at = x(tick)
        out.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        out.append(f'<text class="tick" x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{number(tick)}</text>')
    out.append(f'<text class="note" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">hosts</text>')
    out.append(f'<text class="note" x="14" y="{TOP - 6}">ms</text>')
    labels = []
    if goal:
        at = y(goal[0])
        out.append(f'<line class="goal" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        labels.append((at, goal[1], "#777"))
    for (name, line), colour in zip(series.items(), COLOURS):
        path = " ".join(f"{x(n):.1f},{y(p50):.1f}" for n, p50, _ in line)
        out.append(f'<polyline class="line" points="{path}" stroke="{colour}"/>')
        for n, p50, p99 in line:
            out.append(f'<line class="range" x1="{x(n):.1f}" x2="{x(n):.1f}" y1="{y(p50):.1f}" y2="{y(p99):.1f}" stroke="{colour}"/>')
            out.append(f'<circle cx="{x(n):.1f}" cy="{y(p50):.1f}" r="4" fill="{colour}"><title>{html.escape(name)}, {n:,} hosts: {p50:.2f} ms, p99 {p99:.2f} ms</title></circle>')
        labels.append((y(line[-1][1]), f"{name}: {line[-1][1]:.1f}", colour))
    for at, text, colour in spread(labels):
        out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{at + 4:.1f}" style="fill:{colour}">{html.escape(text)}</text>')
    out.append("</svg>\n")
    return "\n".join(out)
