# SPDX-License-Identifier: BSD-2-Clause
"""Starting and stopping where something is in the way: each time a sentence that says what to do,
and an exit status that is not 0; or the fall-back is named, and it serves."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from support import limits, wire
from support.case import ForwarderCase
from support.client import Client
from support.hostile import Send, good
from support.process import run
from support.ringdns import Ringdns, binary, family, free_port

UPSTREAM = [("127.0.0.1", 9)]  # nobody is asked in tests that do not get so far


def io_uring_works():
    """Whether this kernel lets us make a ring at all."""
    program = ("import ctypes, sys; params = ctypes.create_string_buffer(120);"
               "sys.exit(ctypes.CDLL(None).syscall(425, 4, params) < 0)")
    return subprocess.run(["/usr/bin/env", "python3", "-c", program], check=False).returncode == 0


class StartCase(ForwarderCase):
    def refuse(self, *words, status=(1,), **kw):
        """It must not start, and say all of WORDS (regular expressions). What it said."""
        ringdns = Ringdns(kw.pop("forward", UPSTREAM), **kw)
        self.addCleanup(ringdns.process.kill)
        said = ringdns.failed(status)
        for word in words:
            self.assertRegex(said, word)
        self.assertNotRegex(said, r"\bready\b")
        return said

    def serves(self, **kw):
        """It starts, answers a hundred queries and ends well; what it said."""
        self.serve(**kw)
        for i in range(100):
            self.assert_address(self.client.query(f"q{i}.start.example"))
        output = self.ringdns.process.output()
        self.ringdns.stop()
        return output


class AddressTest(StartCase):
    def hold(self, address, reuse):
        sock = self.enterContext(socket.socket(family(address), socket.SOCK_DGRAM))
        if reuse:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address, 0))
        return sock.getsockname()[1]

    def test_port_taken(self):
        for address in ("127.0.0.1", "::1"):
            for holder in (address, "0.0.0.0" if address == "127.0.0.1" else "::"):
                for reuse in (False, True):
                    with self.subTest(address=address, holder=holder, reuse=reuse):
                        port = self.hold(holder, reuse)
                        self.refuse(f":{port}", "(?i)in use", "another", listen=(address,),
                                    port=port)

    def test_port_taken_by_another_ringdns(self):
        self.serve(workers=2)
        self.refuse(f":{self.ringdns.port}", "(?i)in use", port=self.ringdns.port, workers=2)
        self.assert_address(self.client.query("first.start.example"))

    def test_one_of_two_ports_taken(self):
        port = self.hold("127.0.0.1", False)
        free = free_port()
        self.refuse(f"127.0.0.1:{port}", "(?i)in use", listen=(),
                    args=["--listen", f"127.0.0.1:{free}", "--listen", f"127.0.0.1:{port}"])

    def test_no_such_address(self):
        for address in ("192.0.2.1", "2001:db8::1"):
            with self.subTest(address):
                self.refuse(address.replace(".", r"\."), "freebind", listen=(address,), port=5399)

    def test_freebind_takes_an_address_that_is_not_there(self):
        self.serve(listen=("192.0.2.1", "2001:db8::1", "127.0.0.1"), port=free_port(),
                   config={"freebind": True})
        self.assert_address(self.client.query("freebind.start.example"))

    def test_no_permission_for_port_53(self):
        preexec = [limits.as_nobody] if os.geteuid() == 0 else []
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            if int(file.read()) <= 53:
                self.skipTest("the kernel cannot refuse port 53: ip_unprivileged_port_start")
        folder = self.enterContext(tempfile.TemporaryDirectory())
        os.chmod(folder, 0o777)
        program = os.path.join(folder, "ringdns")  # where nobody may read it
        shutil.copy(binary(), program)
        os.chmod(program, 0o755)
        # 127.3.5.7: so that no other server on this machine is in the way first.
        self.refuse("(?i)permission", "127.3.5.7:53", "CAP_NET_BIND_SERVICE|unprivileged_port",
                    listen=("127.3.5.7",), port=53, preexec=preexec, program=program,
                    control=os.path.join(folder, "control.sock"))

    def test_upstream_is_our_own_listener(self):
        port = free_port()
        for listen, forward in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"),
                                ("0.0.0.0", "127.5.6.7"), ("::1", "::1"), ("::", "::1")):
            with self.subTest(listen=listen, forward=forward):
                self.refuse(str(port), "(?i)itself|own|loop", status=(1, 2), listen=(listen,),
                            port=port, forward=[(forward, port)])

    def test_upstream_of_another_pool_is_our_own_listener(self):
        port = free_port()
        self.refuse(r"upstreams\.corp\.servers: .*itself", status=(2,), port=port, config={
            "routes": {"corp.test": "corp"},
            "upstreams": {"corp": {"servers": [f"127.0.0.1:{port}"]}}})

    def test_source_that_this_machine_does_not_have(self):
        for server, source in (("192.0.2.9", "192.0.2.1"), ("2001:db8::9", "2001:db8::1")):
            with self.subTest(source):
                self.refuse(rf"upstreams\.corp\.source: found {source}, ".replace("192.", r"192\."),
                            "interface of this machine", config={
                                "routes": {"corp.test": "corp"},
                                "upstreams": {"corp": {"servers": [server], "source": source}}})

    def test_source_that_this_machine_has(self):
        self.assertNotRegex(self.serves(pool={"source": "127.0.0.1"}), "error")

    def test_upstream_at_another_port_of_ours_is_fine(self):
        self.assertNotRegex(self.serves(listen=("127.0.0.1",)), "(?i)itself")


class IoTest(StartCase):
    def setUp(self):
        if not io_uring_works():
            self.skipTest("the kernel cannot do io_uring here")

    def test_io_uring_forbidden(self):
        for number in (errno.EPERM, errno.ENOSYS):
            with self.subTest(errno.errorcode[number]):
                self.refuse("io_uring", "syscall|auto", io="uring",
                            preexec=[limits.forbid_io_uring(number)])

    def test_auto_falls_back_and_says_so(self):
        said = self.serves(io="auto", preexec=[limits.forbid_io_uring(errno.EPERM)])
        self.assertRegex(said, "io_uring")
        self.assertRegex(said, "syscall")

    def test_syscall_needs_no_io_uring(self):
        self.serves(io="syscall", preexec=[limits.forbid_io_uring(errno.EPERM)])

    def test_auto_takes_io_uring_and_says_so(self):
        self.assertRegex(self.serves(io="auto"), "uring")

    def test_little_locked_memory(self):
        """64 KiB without CAP_IPC_LOCK, as older systems give by default."""
        for io in ("uring", "auto", "syscall"):
            with self.subTest(io=io):
                try:
                    said = self.serves(io=io, preexec=[limits.locked_memory(65536)])
                except AssertionError as error:
                    self.assertEqual(io, "uring", error)
                    self.assertRegex(str(error), "(?i)memlock|locked memory")
                else:
                    self.assertRegex(said, "(?s)uring|syscall")


class DescriptorsTest(StartCase):
    def test_twenty_descriptors(self):
        """Too few to work: said at start, not found out under load. Or enough: then it works."""
        for io in ("uring", "syscall"):
            with self.subTest(io=io):
                try:
                    self.serves(io=io, preexec=[limits.descriptors(20)])
                except AssertionError as error:
                    self.assertRegex(str(error), "(?i)descriptor|open files")
                    self.assertRegex(str(error), r"\(exit 1\)")

    def test_few_descriptors_bound_the_ports(self):
        """100: fewer ports than there could be, no failure under load."""
        self.serve(preexec=[limits.descriptors(100)])
        for i in range(20):
            for j in range(50):
                self.client.send(wire.query(f"q{i}-{j}.few.example"))
            for j in range(50):
                self.assert_address(self.client.answer())
        stats = self.ringdns.stats()
        self.assertEqual(stats["failed_ports"], 0)
        self.assertLess(stats["ports_open"], 100)
        self.assertRegex(self.ringdns.process.output(),
                         r"warning: .*\(100\) leaves each worker \d\d TCP connections of clients "
                         r"in place of 10000")

    def test_some_descriptors_bound_the_connections(self):
        """Ports first: of 8000, all that there can be, and the rest is for connections."""
        output = self.serves(preexec=[limits.descriptors(8000)])
        self.assertNotRegex(output, "source ports in place of")
        self.assertRegex(output, r"leaves each worker [12]\d\d\d TCP connections of clients")

    def test_enough_descriptors_are_no_word_worth(self):
        output = self.serves(preexec=[limits.descriptors(20000)])
        self.assertNotIn("descriptors", output)


class CommandLineTest(StartCase):
    def test_wrong_usage(self):
        for title, args, word in (
                ("an unknown option", ["--bogus"], "--bogus"),
                ("a word", ["listen"], "listen"),
                ("a missing value", ["--control"], "--control"),
                ("no such back end", ["--io", "magic"], "magic"),
                ("workers that are no number", ["--workers", "many"], "many"),
                ("too many workers", ["--workers", "100000"], "100000"),
                ("no address", ["--listen", "localhost"], "localhost"),
                ("no port", ["--listen", "127.0.0.1:0"], "127.0.0.1:0"),
                ("a port too high", ["--forward", "127.0.0.1:65536"], "65536"),
                ("no such file", ["-c", "/nonexistent/ringdns.yaml"], "/nonexistent"),
                ("a control path too long", ["--control", "/" + "x" * 200], "xxx")):
            with self.subTest(title):
                self.refuse(word, status=(2,), args=args, io=None, workers=None)

    def test_actions_that_serve_nothing(self):
        for args, word in ((["--version"], r"\d+\.\d+\.\d+"), (["--help"], "--listen"),
                           (["--help-config"], "access.allow"), (["--help-stats"], "queries"),
                           (["--dump-config"], "max-answer"), (["--check-config"], "(?i)ok")):
            with self.subTest(args):
                self.assertRegex(run([binary(), *args]), word)

    def test_dumped_configuration_can_be_read_again(self):
        text = run([binary(), "--dump-config", "--listen", "127.0.0.1:5301", "--forward",
                    "192.0.2.1", "--forward", "[2001:db8::1]:5353", "--workers", "3"])
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            self.assertEqual(run([binary(), "-c", file.name, "--dump-config"]), text)


class ControlTest(StartCase):
    def test_second_instance_on_the_same_control_socket(self):
        self.serve()
        said = self.refuse("control", control=self.ringdns.control)
        self.assertIn(self.ringdns.control, said)
        self.assertEqual(self.ringdns.stats()["queries_udp"], 0)
        self.assert_address(self.client.query("first.start.example"))

    def test_socket_that_a_dead_instance_left_behind(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(folder, "control.sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        self.serve(control=path)
        self.assertEqual(self.ringdns.stats()["queries_udp"], 0)

    def test_something_else_at_the_sockets_place_is_left_alone(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("precious")
            file.flush()
            self.refuse("control", file.name, control=file.name)
            with open(file.name, encoding="ascii") as again:
                self.assertEqual(again.read(), "precious")

    def test_no_such_folder(self):
        self.refuse("/nonexistent", control="/nonexistent/folder/control.sock")

    def test_restart_on_the_same_port(self):
        """The port is free again when the process has ended: no waiting for a ring to go."""
        self.serve()
        port = self.ringdns.port
        for i in range(5):
            self.assert_address(self.client.query(f"r{i}.start.example"))
            self.ringdns.stop()
            self.start(self.upstream.servers, port=port)


class StopTest(ForwarderCase):
    def test_queries_under_way_are_answered(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number=number):
                def late(arrival):
                    return [Send(wire.address_reply(arrival.message, "192.0.2.1"), delay=1.0)]

                self.serve(late, workers=2)
                clients = self.clients(8)
                for i, client in enumerate(clients):
                    client.send(wire.query(f"q{i}.stop.example"))
                self.upstream.wait_asked(count=8)
                self.ringdns.process.signal(number)
                for client in clients:
                    self.assert_address(client.answer())
                self.ringdns.judge(self.ringdns.process.wait())

    def test_stops_at_once_when_nothing_is_under_way(self):
        self.serve(good)
        self.assert_address(self.client.query("last.stop.example"))
        self.ringdns.stop()
        with Client(("127.0.0.1", self.ringdns.port)) as client:
            client.sock.connect(client.server)
            client.sock.send(wire.query("gone.stop.example"))
            client.sock.settimeout(5)
            with self.assertRaises(ConnectionRefusedError):
                client.sock.recv(512)

    def test_stops_in_bounded_time_when_upstreams_are_silent(self):
        """Those who wait are told."""
        self.serve(lambda arrival: [])
        self.client.send(wire.query("silent.stop.example"))
        self.upstream.wait_asked("silent.stop.example")
        self.ringdns.process.signal(signal.SIGTERM)
        self.assertEqual(self.client.answer(8).rcode, wire.SERVFAIL)
        self.ringdns.judge(self.ringdns.process.wait())

    def test_new_queries_do_not_keep_it_from_stopping(self):
        self.serve(lambda arrival: [])
        self.client.send(wire.query("old.stop.example"))
        self.upstream.wait_asked("old.stop.example")
        self.ringdns.process.signal(signal.SIGTERM)
        i = 0
        while self.ringdns.process.alive() and i < 100_000:
            self.client.send(wire.query(f"new{i}.stop.example"))
            i += 1
            try:
                self.ringdns.process.child.wait(0.01)
            except subprocess.TimeoutExpired:
                pass
        self.ringdns.judge(self.ringdns.process.wait())

    def test_control_socket_goes_with_the_process(self):
        self.serve()
        folder, path = self.ringdns.folder, self.ringdns.control
        self.assertTrue(os.path.exists(path))
        self.ringdns.process.signal(signal.SIGTERM)
        self.assertEqual(self.ringdns.process.wait(), 0)
        self.assertTrue(os.path.isdir(folder))
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    unittest.main()
