# SPDX-License-Identifier: BSD-2-Clause
"""micro: nanoseconds per answer of the cache itself, without packets (micro.c).

A hot set that mostly fits into the CPU's caches; far more names than do, drawn at random; and two
readers of one table beside two that have a table each. Nothing else should run meanwhile: it is
the clock that is read, not CPU time.
"""
import json
import os
import statistics
import subprocess
import sys

import figures
import machine

HOT_BYTES, WIDE_BYTES = 512 << 20, 2_500_000_000
HOT_LIMIT_NS, WIDE_LIMIT_NS, SHARED_LIMIT = 100, 300, 1.10
FOUND_WANTED = 0.99
HOT_ANSWERS, WIDE_ANSWERS = 2_000_000, 1_000_000  # in a round
PAGES = ("small", "transparent huge", "huge")


def run(mode, size, names, rounds, answers, cpu=None):
    program = os.path.join(machine.BUILD, "bench", "micro")
    if not os.access(program, os.X_OK):
        raise machine.Trouble(f"not built: {program}")
    argv = [] if cpu is None else ["taskset", "-c", str(cpu)]
    argv += [program, mode] + [str(n) for n in (size, names, rounds, answers)]
    print(" ".join(argv), file=sys.stderr, flush=True)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise machine.Trouble(f"{' '.join(argv)}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def claim(text, r, met, why):
    """Met only if the names were there, too."""
    if r["found"] < FOUND_WANTED:
        return figures.claim(text, False, f"only {r['found']:.1%} found")
    return figures.claim(text, met, why)


def claim_ns(text, r, limit):
    low, high = figures.interval(r["ns"])
    enough = len(r["ns"]) >= figures.ROUNDS_WANTED
    why = f"{statistics.median(r['ns']):.0f} ns [{low:.0f}, {high:.0f}]"
    return claim(f"{text} <= {limit} ns", r, enough and high < limit,
                 why + ("" if enough else f", from too few rounds: {len(r['ns'])}"))


def row(name, r):
    low, high = figures.interval(r["ns"])
    misses = "not counted here" if not r["misses"] else \
        f"{r['misses'][1]:.2f} of {r['misses'][0]:.2f}"
    return [name, f"{statistics.median(r['ns']):.0f}", f"[{low:.0f}, {high:.0f}]",
            f"{r['found']:.2%}", f"{r['entries']}", f"{r['fill_ns']:.0f}", misses,
            PAGES[r["pages"]]]


def main(options):
    about, cpus = machine.describe(), machine.cpus()
    hot_names = options.hot
    hot = run("one", HOT_BYTES, hot_names, options.rounds, HOT_ANSWERS, cpus[0])
    wide_bytes = max(HOT_BYTES, WIDE_BYTES * options.wide // 10_000_000)
    wide = run("one", wide_bytes, options.wide, options.rounds, WIDE_ANSWERS, cpus[0])
    two = run("two", HOT_BYTES, hot_names, options.rounds, HOT_ANSWERS)
    shared = figures.ratio(*zip(*two["pairs"]))
    head = ["ns per answer", "median", "95 %", "found", "entries", "ns per store",
            "cache misses per answer", "pages"]
    text = figures.table(head, [row(f"{hot_names} names", hot), row(f"{options.wide} names", wide)])
    text += f"\n\ntwo readers, one table / one each: {figures.ratio_text(shared)}"
    text += f"\nmedians of {options.rounds} rounds\n"
    ratio = figures.claim_ratio("two readers, one table / one each", shared, SHARED_LIMIT)
    verdicts = [claim_ns(f"an answer composed from {hot_names} names", hot, HOT_LIMIT_NS),
                claim_ns(f"the same at {options.wide} names", wide, WIDE_LIMIT_NS),
                claim(ratio["claim"], two, ratio["met"], ratio["why"])]
    text += "".join("\n" + figures.claim_text(c) for c in verdicts)
    figures.publish("micro", {"machine": about, "settings": vars(options), "versions": {},
                              "hot": hot, "wide": wide, "two": two, "shared": shared,
                              "claims": verdicts}, text)
