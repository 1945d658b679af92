"""How costs grow with the number of hosts: one table of every figure over the sizes, with the exponent
of its growth, beside another revision's."""

import math

from figures import MB

CHANGES = {"endpoint": "changed endpoint", "path": "changed path", "new_host": "new host"}
STAGES = ("watcher", "translator", "xds-server")


def figures(block):
    """{figure: value} of one size, as print_changes() and its like show them."""
    out = {}
    for kind, name in CHANGES.items():
        s = block["changes"].get(kind)
        if s:
            out[f"{name}: processor ms"] = sum(s["cpu_ms"][stage] for stage in STAGES)
            out[f"{name}: ms to the client"] = s["p50"]
            out[f"{name}: bytes to the client"] = s["response_bytes"]
            out[f"{name}: units"] = s["units"]
    cold = block["cold"]["cpu_ms"]
    out["cold start: processor s"] = sum(cold[stage] for stage in STAGES) / 1e3
    for stage in STAGES:
        out[f"cold start, {stage}: processor s"] = cold[stage] / 1e3
    memory = block["memory"]
    out["memory: RSS MB"] = memory["total"]["rss"] / MB
    for stage in STAGES:
        out[f"memory, {stage}: RSS MB"] = memory["stages"][stage]["rss"] / MB
    return out


def exponent(points):
    """b of a·n^b through the last two: the cost of the next factor of ten."""
    (n, x), (m, y) = points[-2:]
    return math.log(y / x) / math.log(m / n) if x > 0 and y > 0 else 0.0


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def rows(blocks, against=None):
    """A row for each figure, a column for each size; in brackets the other revision's."""
    blocks = [b for b in blocks if not b["tls"]]
    sizes = [b["hosts"] for b in blocks]
    now = {b["hosts"]: figures(b) for b in blocks}
    then = {b["hosts"]: figures(b) for b in (against or {}).get("changes", []) if not b["tls"]}
    out = [("hosts", *(f"{n:,}" for n in sizes), "exponent")]
    for name in now[sizes[0]]:
        cells = []
        for n in sizes:
            before = then.get(n, {}).get(name)
            cells.append(number(now[n][name]) + (f" ({number(before)})" if before else ""))
        points = [(n, now[n][name]) for n in sizes]
        out.append((name, *cells, f"{exponent(points):.2f}" if len(points) > 1 else ""))
    return out


def series(blocks, against=None):
    """For plot.svg(): processor time of a change over the sizes, here and in the other revision."""
    lines = {}
    for where, result in (("now", blocks), ("before", (against or {}).get("changes", []))):
        for block in result:
            if block["tls"]:
                continue
            for kind, name in CHANGES.items():
                if kind in block["changes"]:
                    ms = figures(block)[f"{name}: processor ms"]
                    lines.setdefault((name, where), []).append((block["hosts"], ms, ms))
    return {name: line for name, line in lines.items() if len(line) > 1}
