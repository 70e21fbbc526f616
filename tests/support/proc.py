# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel says of a process and its sockets: /proc."""

import os
import re

TCP_ESTABLISHED, TCP_CLOSE_WAIT = 1, 8


def descriptors(pid):
    """How many are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory(pid, field="VmRSS"):
    """A field of /proc/PID/status, in bytes: VmRSS, RssAnon, ..."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return int(re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.MULTILINE)[1]) * 1024


def connections(port):
    """TCP sockets at PORT that somebody has: connections that nobody has closed yet at this end."""
    count = 0
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        count += sum(int(row[1].rpartition(":")[2], 16) == port
                     and int(row[3], 16) in (TCP_ESTABLISHED, TCP_CLOSE_WAIT) for row in rows)
    return count
