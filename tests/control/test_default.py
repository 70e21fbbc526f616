# SPDX-License-Identifier: BSD-2-Clause
"""What a machine cannot give: a default is left out with a warning, a wish is an error."""

import os
import shutil
import socket
import tempfile
import unittest

from support import limits
from support.netns import Namespace
from support.process import Process, run
from support.ringdns import Ringdns, binary, free_port


class NoIpv6Test(unittest.TestCase):
    def setUp(self):
        self.namespace = Namespace({"resolv.conf": "nameserver 192.0.2.1\n"})
        self.addCleanup(self.namespace.close)
        self.namespace.run(["sysctl", "-w", "net.ipv6.conf.all.disable_ipv6=1"])

    def test_default_listener_is_left_out(self):
        with Ringdns((), namespace=self.namespace, listen=()) as ringdns:
            said = ringdns.process.output()
        self.assertRegex(said, r"warning: not listening on \[::1\]:53")
        self.assertRegex(said, r"listening on 127\.0\.0\.1:53, forwarding to 192\.0\.2\.1:53")

    def test_listener_that_was_asked_for_is_an_error(self):
        said = Ringdns((), namespace=self.namespace, listen=("127.0.0.1", "::1")).failed((1,))
        self.assertRegex(said, r"error: cannot listen on \[::1\]:53")


class DefaultControlTest(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("another user needs root")
        folder = tempfile.mkdtemp(prefix="ringdns-default-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        self.program = os.path.join(folder, "ringdns")
        shutil.copy(binary(), self.program)
        os.chmod(self.program, 0o755)
        self.argv = [self.program, "--listen", f"127.0.0.1:{free_port()}", "--forward", "192.0.2.1",
                     "--workers", "1"]

    def test_default_path_without_permission_is_left_out(self):
        process = Process(self.argv, preexec=[limits.as_nobody])
        self.addCleanup(process.kill)
        process.wait_for(r"\bready\b")
        self.assertIn("goes on without a control socket: /run/ringdns/control.sock",
                      process.output())
        process.signal(15)
        self.assertEqual(process.wait(), 0)

    def test_path_that_was_asked_for_is_an_error(self):
        process = Process([*self.argv, "--control", "/run/ringdns/control.sock"],
                          preexec=[limits.as_nobody])
        self.addCleanup(process.kill)
        self.assertEqual(process.wait(), 1)
        self.assertIn("the control socket /run/ringdns/control.sock cannot be made",
                      process.output())


class ToolTest(unittest.TestCase):
    def ask(self, *args):
        return run([binary("ringdnsctl"), *args], check=False)

    def test_no_such_socket(self):
        self.assertRegex(self.ask("-s", "/nonexistent/x.sock", "stats"),
                         "/nonexistent/x.sock: there is no such socket; is ringdns running?.*-s")

    def test_nobody_answers(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "dead.sock")
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(path)
            self.assertIn("nobody answers there", self.ask("-s", path, "stats"))

    def test_wrong_usage(self):
        self.assertIn("unknown command frobnicate", self.ask("frobnicate"))
        self.assertIn("no command", self.ask())
        self.assertIn("--help", self.ask("stats", "status"))

    def test_table_and_status_of_a_running_one(self):
        with Ringdns([("192.0.2.1", 53)], workers=2) as ringdns:
            table = self.ask("-s", ringdns.control, "stats")
            status = self.ask("-s", ringdns.control, "status")
        self.assertRegex(table, r"^ +total +worker +0 +worker +1\n")
        self.assertIn('"servers": [', status)


if __name__ == "__main__":
    unittest.main()
