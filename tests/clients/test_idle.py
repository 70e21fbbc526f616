# SPDX-License-Identifier: BSD-2-Clause
"""Ten thousand idle connections: what each of them costs, and that they hurt nobody.

They come from forty prefixes of the loopback network. Both ends are on this machine: each process
needs as many descriptors.
"""

import resource
import unittest

from support import proc, wire
from support.process import scaled
from support.tcp_case import TcpCase

CONNECTIONS = 10_000
BYTES_EACH = 4096      # of our own memory; less than this
DESCRIPTORS = CONNECTIONS + 2000
PREFIX = 250           # connections from one /24: under the cap
BUFFERS = 1024         # half of those that datagrams come in: a query and a reply take two


def raise_limit(count):
    """The limit on descriptors, of this process and of its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))
    except (OSError, ValueError) as error:
        raise unittest.SkipTest(f"there may be {hard} descriptors, {count} are needed; raise the "
                                f"limit (ulimit -n): {error}") from None


class Idle:
    def setUp(self):
        raise_limit(DESCRIPTORS)
        self.count = scaled(CONNECTIONS)
        self.serve(tcp={"connections": CONNECTIONS + 100, "idle": "600s"})
        # Whatever is used once is used by now: every buffer, as their rings go round.
        for number in range(2 * BUFFERS):
            self.assert_address(self.client.query(f"u{number}.example"))
        with self.connect() as connection:
            for number in range(BUFFERS):
                self.assert_address(connection.query(f"t{number}.example"))
        self.wait_closed()

    def crowd(self):
        """The connections, all of them taken in."""
        made = [self.connect(f"127.3.{i // PREFIX}.{i % PREFIX + 1}") for i in range(self.count)]
        self.ringdns.wait_stats(lambda now: now["connections"] == self.count, 20)
        return made

    def used(self):
        pid = self.ringdns.process.pid
        return {field: proc.memory(pid, field) for field in ("VmRSS", "RssAnon")}

    def check_growth(self, before, after, what):
        each = {field: (after[field] - before[field]) / self.count for field in before}
        print(f"{self.io}, {self.count} connections {what}: bytes each: "
              + ", ".join(f"{field} {n:.0f}" for field, n in each.items()))
        for field, n in each.items():
            self.assertLess(n, BYTES_EACH, field)

    def test_memory_of_connections_that_were_never_used(self):
        before = self.used()
        made = self.crowd()
        self.check_growth(before, self.used(), "that never asked")
        self.assertEqual(len(made), self.count)

    def test_memory_of_connections_that_have_asked(self):
        """Each has had an answer: no buffer stays with it."""
        before = self.used()
        for number, connection in enumerate(self.crowd()):
            self.assert_address(connection.query(f"c{number}.example"))
        after = self.used()
        self.check_growth(before, after, "that have asked once")

    def test_they_are_served_and_so_are_others(self):
        made = self.crowd()
        for number in range(100):
            self.assert_address(self.client.query(f"x{number}.example"))
        with self.connect("127.9.9.9") as connection:
            self.assert_address(connection.query("one.more.example"))
        for connection in made[::97]:
            self.assert_address(connection.query("again.example"))
        stats = self.ringdns.stats()
        self.assertEqual((stats["connections_evicted"], stats["connections_refused"]), (0, 0))

    def test_all_leave_at_once(self):
        pid = self.ringdns.process.pid
        start = proc.descriptors(pid) - self.ringdns.stats()["ports_open"]
        for connection in self.crowd():
            connection.close()
        self.wait_closed(20)
        self.well()
        self.assertLessEqual(proc.descriptors(pid) - self.ringdns.stats()["ports_open"], start + 2)


class UringIdleTest(Idle, TcpCase):
    io = "uring"


class SyscallIdleTest(Idle, TcpCase):
    io = "syscall"


if __name__ == "__main__":
    unittest.main()
