# SPDX-License-Identifier: BSD-2-Clause
"""From raw figures to what may be claimed: medians, intervals, tables, files."""
import json
import os
import random
import statistics
import time

import machine

RESAMPLES = 10_000
SEED = 20
ROUNDS_WANTED = 5  # of fewer, no interval says anything


def interval(values):
    """The 95 % bootstrap interval of the median: (low, high). The same for the same values."""
    rnd = random.Random(SEED)
    medians = sorted(statistics.median(rnd.choices(values, k=len(values)))
                     for _ in range(RESAMPLES))
    return medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975) - 1]


def ratio(ours, theirs):
    """Round by round, so that what troubles the machine in one round troubles both."""
    values = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, high = interval(values)
    return {"median": statistics.median(values), "low": low, "high": high, "rounds": values}


def ratio_text(r):
    return f"{r['median']:.2f}x [{r['low']:.2f}, {r['high']:.2f}]"


def claim(text, met, why=""):
    return {"claim": text, "met": met, "why": why}


def claim_ratio(text, r, limit):
    """Met only when the whole interval lies under the limit."""
    enough = len(r["rounds"]) >= ROUNDS_WANTED
    why = ratio_text(r) + ("" if enough else f", from too few rounds: {len(r['rounds'])}")
    return claim(f"{text} <= {limit:.2f}x", enough and r["high"] < limit, why)


def claim_text(c):
    why = f" ({c['why']})" if c["why"] else ""
    return f"{'met' if c['met'] else 'not met':8} {c['claim']}{why}"


def table(head, rows):
    """Markdown that reads as well in a terminal; numbers to the right."""
    cells = [[str(c) for c in row] for row in [head] + rows]
    width = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(row, width))) + " |" for row in cells]
    rules = ["-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(width)]
    return "\n".join([lines[0], "|" + "|".join(rules) + "|"] + lines[1:])


def machine_text(m):
    return (f"{m['cpu']}, {m['cores']} cores, kernel {m['kernel']}, "
            f"load before {m['load_at_start']:.1f}")


def publish(scenario, result, text):
    """To the terminal, and to <build>/bench as .md and, with every raw figure, as .json."""
    directory = os.path.join(machine.BUILD, "bench")
    os.makedirs(directory, exist_ok=True)
    base = os.path.join(directory, f"{scenario}-{time.strftime('%Y-%m-%d-%H%M%S')}")
    body = f"{text}\n\n{machine_text(result['machine'])}\n"
    body += "".join(f"{name} {v}\n" for name, v in result["versions"].items() if v)
    with open(base + ".json", "w", encoding="utf-8") as f:
        json.dump({"scenario": scenario, **result}, f, indent=1)
    with open(base + ".md", "w", encoding="utf-8") as f:
        f.write(f"# {scenario}\n\n{body}")
    print(f"\n{body}\n{base}.json")
