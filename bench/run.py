#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The benchmarks: run.py [scenario...] [options]. See README.md beside this file."""
import argparse
import importlib
import os
import signal
import sys

import machine

SCENARIOS = ("misses", "hits", "micro", "peak", "idle", "instructions")


def arguments():
    p = argparse.ArgumentParser(description="Benchmarks of Ringdns beside its peers.")
    p.add_argument("scenario", nargs="*", help=f"{', '.join(SCENARIOS)} (default: misses)")
    p.add_argument("--tree", default=os.environ.get("RINGDNS_PEERS", ""), metavar="DIR",
                   help="take the peers from this Debian tree, by chroot (default: $RINGDNS_PEERS)")
    p.add_argument("--only", action="append", default=[], metavar="TEXT",
                   help="only forwarders whose name contains TEXT; may be given several times")
    p.add_argument("--rounds", type=int, default=9,
                   help="misses, hits, micro, idle: rounds (default 9)")
    p.add_argument("--seconds", type=int, default=0,
                   help="length of a measured run (default 3, peak 30)")
    p.add_argument("--warm", type=int, default=1,
                   help="misses, hits, idle: seconds of warm-up (default 1)")
    p.add_argument("--rate", type=int, default=0,
                   help="misses, hits, idle: offered queries/s (default: no limit; idle 40000)")
    p.add_argument("--clients", type=int, default=16,
                   help="misses, hits, idle: dnsperf -c (default 16)")
    p.add_argument("--outstanding", type=int, default=400,
                   help="misses, hits, idle: dnsperf -q (default 400)")
    p.add_argument("--floor-ports", default="128", metavar="N,...",
                   help="misses: source ports of the floor programs (default 128)")
    p.add_argument("--names", default="10000,1000000", metavar="N,...",
                   help="hits: how many names are asked for (default 10000,1000000)")
    p.add_argument("--hot", type=int, default=10_000, metavar="N",
                   help="micro: names of the hot set (default 10000)")
    p.add_argument("--wide", type=int, default=10_000_000, metavar="N",
                   help="micro: names drawn at random (default 10000000, in 2.5 GB)")
    options = p.parse_args()
    unknown = [s for s in options.scenario if s not in SCENARIOS]
    if unknown:
        p.error(f"no scenario '{unknown[0]}'; there are {', '.join(SCENARIOS)}")
    return options


def main():
    options = arguments()
    # SIGTERM unwinds like Ctrl-C does: every server is stopped, every file removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = options.scenario or ["misses"]
    asked = options.seconds
    for name in names:
        scenario = importlib.import_module(name)
        options.scenario, options.seconds = name, asked or getattr(scenario, "SECONDS", 3)
        try:
            scenario.main(options)
        except machine.Trouble as trouble:
            sys.exit(f"bench: {name}: {trouble}")
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
