"""Quantiles, and tables of text."""

import math
import statistics

MB = 1e6


def quantile(values, q):
    """The smallest value that at least q of all are not above."""
    ordered = sorted(values)
    return ordered[math.ceil(round(q * len(ordered), 6)) - 1]


def summary(values):
    return {
        "n": len(values),
        "p50": statistics.median(values),
        "p90": quantile(values, 0.90),
        "p99": quantile(values, 0.99),
        "min": min(values),
        "max": max(values),
    }


def table(rows, out):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip(), file=out)
    print(file=out)
