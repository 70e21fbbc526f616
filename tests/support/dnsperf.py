# SPDX-License-Identifier: BSD-2-Clause
"""dnsperf(1): load with names that are never repeated, and what it counted."""

import os
import re
import tempfile
from typing import NamedTuple

from support.process import run


class Result(NamedTuple):
    text: str
    sent: int
    completed: int
    lost: int
    rcodes: dict
    rate: float  # completed per second


def names(count, prefix="", zone="wild.test", start=0):
    """Lines of a query file: COUNT different names."""
    return "".join(f"{prefix}{start + i}.{zone} A\n" for i in range(count))


def load(server, lines, *, clients=16, outstanding=100, rate=0, seconds=None, preexec=(),
         options=(), timeout=120):
    """Sends the queries of LINES once each, or as many as SECONDS allow."""
    with tempfile.NamedTemporaryFile("w", prefix="ringdns-queries-", delete=False) as file:
        file.write(lines)
    try:
        words = ["dnsperf", "-s", server[0], "-p", str(server[1]), "-d", file.name, "-n", "1",
                 "-c", str(clients), "-q", str(outstanding), "-T", "1", "-t", "5", *options]
        words += ["-Q", str(rate)] if rate else []
        words += ["-l", str(seconds)] if seconds else []
        text = run(words, preexec=preexec, timeout=timeout)
    finally:
        os.unlink(file.name)

    def number(title):
        found = re.search(rf"{title}:\s+([\d.]+)", text)
        if not found:
            raise AssertionError(f"dnsperf said nothing of '{title}':\n{text}")
        return float(found[1])
    codes = re.search(r"Response codes:\s+(.*)", text)
    rcodes = dict(re.findall(r"(\w+) (\d+) \(", codes[1])) if codes else {}
    return Result(text, int(number("Queries sent")), int(number("Queries completed")),
                  int(number("Queries lost")), {k: int(v) for k, v in rcodes.items()},
                  number("Queries per second"))
