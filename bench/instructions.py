# SPDX-License-Identifier: BSD-2-Clause
"""instructions: what a miss, and a hit, costs in instructions of our own, counted and not timed.

Two runs that differ only in the number of queries are subtracted: start and end fall out. What is
done once per query then repeats exactly; what is done once per turn follows the turns per query,
which vary a little (the total by some 2 %) and are shown. Queries come slowly, so there are more
turns than under load. The syscall back end, because valgrind cannot follow a ring; the kernel's
share is not in it.
"""
import os
import re
import shutil
import subprocess
import sys

import figures
import forwarders
import generator
import machine

FEW, MANY = 5_000, 25_000
HOT = 500  # names that hits are asked for: each is a miss once in both runs
RATE = 2_000  # valgrind makes us some 50 times slower; one query per turn, none waiting
TOP = 15
OURS = "fastpath/"


class Counted(forwarders.Ringdns):
    """The same program under callgrind."""

    def missing(self):
        return super().missing() or (None if shutil.which("valgrind") else "no valgrind")

    def argv(self, directory, port, upstream):
        self.profile = os.path.join(directory, "callgrind.out")
        return ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={self.profile}"] + \
            super().argv(directory, port, upstream)


def nearness(path):
    """Which of a function's files names it: a source of ours, a header of ours, any other."""
    return (OURS in path, OURS in path and path.endswith(".c"), path)


def annotate(profile, inclusive):
    """{function: instructions}, {function: the file to name it by}, and the program's total.

    callgrind_annotate has a line for every file that was inlined into a function. Its own costs
    add up; inclusive ones are each the whole. Static functions of one name are taken for one.
    """
    text = subprocess.run(["callgrind_annotate", "--threshold=100", "--show-percs=no",
                           f"--inclusive={'yes' if inclusive else 'no'}", profile],
                          capture_output=True, text=True, check=True).stdout
    total = re.search(r"(?m)^\s*([\d,]+)\s+PROGRAM TOTALS", text)
    costs, files = {}, {}
    for number, path, function in re.findall(r"(?m)^\s*([\d,]+)\s+(\S+?):([\w.@]+)", text):
        n = int(number.replace(",", ""))
        known = costs.get(function, 0)
        costs[function] = max(known, n) if inclusive else known + n
        files[function] = max(files.get(function, ""), path, key=nearness)
    return costs, files, int(total[1].replace(",", ""))


def names_of(work, kind, queries):
    if kind == "miss":
        return generator.Names(work, "count", queries)
    hot = generator.Names(work, "hot", HOT).lines()
    return generator.Draws(work, "count", hot, queries, 1)


def count(kind, queries):
    """A fresh process that answers so many: profiles by self and by inclusive cost."""
    forwarder = Counted("syscall", 1)
    with machine.workplace() as work, generator.upstream(work) as upstream:
        port, log = machine.port_pick(), os.path.join(work, "log")
        names = names_of(work, kind, queries)
        with machine.running(forwarder.argv(work, port, upstream), log) as process:
            machine.wait_ready(process, port, log)
            run = generator.dnsperf(port, names, rate=RATE, outstanding=20)
            turns = forwarder.stats()["total"]["turns"]
            code = machine.stop(process)
        if run["answered"] != queries or code:
            raise machine.Trouble(f"{run['answered']} of {queries} answered, exit code {code}: "
                                  f"{machine.tail(log)}")
        own, files, total = annotate(forwarder.profile, False)
        inclusive, _, _ = annotate(forwarder.profile, True)
    return {"queries": queries, "turns": turns, "total": total, "self": own,
            "inclusive": inclusive, "files": files}


def per_query(few, many, field):
    """Instructions per query of every function."""
    spread = many["queries"] - few["queries"]
    return {function: (n - few[field].get(function, 0)) / spread
            for function, n in many[field].items()}


def fastpath(few, many):
    """{function: instructions of its own, per query} of what comes from fastpath/."""
    return {function: n for function, n in per_query(few, many, "self").items()
            if OURS in many["files"][function]}


def rows(few, many):
    own, inclusive = fastpath(few, many), per_query(few, many, "inclusive")
    top = sorted(own, key=own.get, reverse=True)[:TOP]
    return [[f"{function} ({os.path.basename(many['files'][function])})", f"{own[function]:.1f}",
             f"{inclusive.get(function, 0):.1f}"] for function in top]


def measure(kind):
    few, many = count(kind, FEW), count(kind, MANY)
    total = (many["total"] - few["total"]) / (MANY - FEW)
    turns = (many["turns"] - few["turns"]) / (MANY - FEW)
    fast = sum(fastpath(few, many).values())
    text = figures.table([f"instructions per {kind}", "self", "with callees"],
                         [["all, user space", f"{total:.1f}", ""],
                          ["fastpath", f"{fast:.1f}", ""],
                          [f"(turns per {kind})", f"{turns:.2f}", ""]] + rows(few, many))
    return text, {
        "per_query": total, "fastpath": fast, "turns": turns,
        "self": per_query(few, many, "self"), "inclusive": per_query(few, many, "inclusive"),
        "totals": {r["queries"]: r["total"] for r in (few, many)}}


def main(options):
    about = machine.describe()
    probe = Counted("syscall", 1)
    if probe.missing():
        raise machine.Trouble(probe.missing())
    taken = {kind: measure(kind) for kind in ("miss", "hit")}
    print(f"{FEW} and {MANY} queries counted", file=sys.stderr)
    figures.publish("instructions", {
        "machine": about, "settings": vars(options),
        **{kind: figures_of for kind, (_, figures_of) in taken.items()},
        "versions": {"ringdns": probe.version(), **generator.versions()}},
        "\n\n".join(text for text, _ in taken.values()))
