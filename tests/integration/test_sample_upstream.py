# SPDX-License-Identifier: BSD-2-Clause
"""The sample upstream of `./dev run` answers as a resolver would, over UDP and TCP."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, "tests", "support", "sample_upstream.py")
DEADLINE_S = 10


def start():
    """A running sample upstream on a free port: (process, port)."""
    process = subprocess.Popen([sys.executable, PROGRAM, "--port", "0"], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    word, port = process.stdout.readline().split()
    assert word == "ready"
    return process, int(port)


def close(process):
    """Ends it by whatever is left of it; its exit code."""
    process.stdin.close()
    try:
        return process.wait(DEADLINE_S)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Server(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process, cls.port = start()
        cls.addClassCleanup(close, cls.process)


@unittest.skipUnless(shutil.which("dig"), "no dig")
class Digging(Server):
    def dig(self, *args):
        command = ["dig", "@127.0.0.1", "-p", str(self.port), "+tries=1", "+time=5", *args]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def short(self, *args):
        return self.dig("+short", *args).splitlines()

    def status(self, text):
        return re.search(r"status: (\w+)", text)[1]

    def flags(self, text):
        return re.search(r"flags: ([a-z ]+);", text)[1].split()

    def test_addresses(self):
        self.assertEqual(self.short("www.networkutopia.com", "A"), ["203.0.113.4"])
        self.assertEqual(self.short("www.networkutopia.com", "AAAA"), ["2001:db8:71::4"])
        self.assertEqual(self.short("gaia.cs.umass.edu"), ["198.51.100.12"])

    def test_case_does_not_matter(self):
        self.assertEqual(self.short("WWW.NetworkUtopia.COM"), ["203.0.113.4"])

    def test_mail_exchangers_come_with_their_addresses(self):
        text = self.dig("networkutopia.com", "MX")
        self.assertRegex(text, r"(?m)^networkutopia\.com\.\s.*MX\s+10 mail\.networkutopia\.com\.$")
        additional = text.split(";; ADDITIONAL SECTION:")[1]
        self.assertRegex(additional, r"mail\.networkutopia\.com\.\s.*A\s+203\.0\.113\.25")

    def test_aliases_are_followed(self):
        self.assertEqual(self.short("www.enterprise.com", "A"),
                         ["web.enterprise.com.", "relay1.west-coast.enterprise.com.", "192.0.2.80"])

    def test_alias_asked_for_itself(self):
        self.assertEqual(self.short("www.enterprise.com", "CNAME"), ["web.enterprise.com."])

    def test_alias_to_nothing_is_nxdomain_with_the_alias(self):
        text = self.dig("gone.enterprise.com")
        self.assertEqual(self.status(text), "NXDOMAIN")
        self.assertIn("nothing.enterprise.com.", text.split("ANSWER SECTION")[1])
        self.assertRegex(text.split("AUTHORITY SECTION")[1], r"enterprise\.com\.\s.*SOA")

    def test_reverse_name(self):
        self.assertEqual(self.short("-x", "203.0.113.4"), ["www.networkutopia.com."])

    def test_text_zone_and_servers(self):
        self.assertEqual(self.short("networkutopia.com", "TXT"), ['"v=spf1 mx -all"'])
        self.assertEqual(sorted(self.short("networkutopia.com", "NS")),
                         ["dns1.networkutopia.com.", "dns2.networkutopia.com."])
        self.assertEqual(self.short("networkutopia.com", "SOA")[0].split()[0],
                         "dns1.networkutopia.com.")

    def test_unknown_name_is_nxdomain_with_soa(self):
        text = self.dig("no.such.name.example")
        self.assertEqual(self.status(text), "NXDOMAIN")
        self.assertRegex(text.split("AUTHORITY SECTION")[1], r"(?m)^\.\s.*SOA")

    def test_name_without_the_type_is_noerror_with_soa(self):
        for name in ("gaia.cs.umass.edu", "cs.umass.edu"):  # the second owns nothing itself
            text = self.dig(name, "AAAA")
            self.assertEqual(self.status(text), "NOERROR")
            self.assertIn("ANSWER: 0, AUTHORITY: 1", text)

    def test_flags_are_a_resolvers(self):
        self.assertEqual(self.flags(self.dig("+cd", "gaia.cs.umass.edu")), ["qr", "rd", "ra", "cd"])

    def test_opt_answers_opt_and_only_opt(self):
        with_opt = self.dig("+bufsize=4096", "+dnssec", "gaia.cs.umass.edu")
        self.assertIn("EDNS: version: 0, flags: do; udp: 1232", with_opt)
        self.assertNotIn("EDNS", self.dig("+noedns", "gaia.cs.umass.edu"))

    def test_later_edns_version_is_badvers(self):
        text = self.dig("+edns=5", "+noednsnegotiation", "gaia.cs.umass.edu")
        self.assertEqual(self.status(text), "BADVERS")

    def test_udp_answer_that_does_not_fit_is_truncated(self):
        for args in (["large.networkutopia.com"], ["+noedns", "medium.networkutopia.com"]):
            text = self.dig("+ignore", *args, "TXT")
            self.assertIn("tc", self.flags(text))
            self.assertIn("ANSWER: 0, AUTHORITY: 0", text)

    def test_answer_within_the_clients_size_is_whole(self):
        text = self.dig("+ignore", "+bufsize=1232", "medium.networkutopia.com", "TXT")
        self.assertNotIn("tc", self.flags(text))
        self.assertEqual(text.count("m" * 190), 3)

    def test_tcp_carries_what_udp_does_not(self):
        text = "".join(self.short("+tcp", "large.networkutopia.com", "TXT"))
        self.assertEqual(text.count("l"), 2000)

    def test_other_class_is_refused(self):
        self.assertEqual(self.status(self.dig("version.bind", "TXT", "CH")), "REFUSED")


class RawBytes(Server):
    QUESTION = b"\x04gaia\x02cs\x05umass\x03edu\0" + struct.pack("!HH", 1, 1)

    def exchange(self, message):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(DEADLINE_S)
            s.sendto(message, ("127.0.0.1", self.port))
            return s.recv(4096)

    def test_question_with_a_pointer_is_formerr(self):
        query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\x01\0\x01"
        self.assertEqual(struct.unpack("!HHH", self.exchange(query)[:6]), (7, 0x8181, 0))

    def test_cut_question_is_formerr(self):
        query = struct.pack("!HHHHHH", 8, 0x0100, 1, 0, 0, 0) + self.QUESTION[:-1]
        self.assertEqual(struct.unpack("!HHH", self.exchange(query)[:6]), (8, 0x8181, 0))

    def test_other_opcode_is_notimp(self):
        query = struct.pack("!HHHHHH", 9, 0x2000, 1, 0, 0, 0) + self.QUESTION
        self.assertEqual(struct.unpack("!HH", self.exchange(query)[:4]), (9, 0xa084))

    def test_responses_and_runts_get_silence(self):
        response = struct.pack("!HHHHHH", 1, 0x8100, 1, 0, 0, 0) + self.QUESTION
        query = struct.pack("!HHHHHH", 2, 0x0100, 1, 0, 0, 0) + self.QUESTION
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(DEADLINE_S)
            for message in (response, b"\0" * 11, query):
                s.sendto(message, ("127.0.0.1", self.port))
            # One socket, one server that answers in order: only the query's answer comes first.
            self.assertEqual(s.recv(4096)[:2], b"\0\x02")

    def test_several_queries_on_one_connection(self):
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_S) as s:
            stream = s.makefile("rwb")
            for number in (1, 2, 3):
                query = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + self.QUESTION
                stream.write(struct.pack("!H", len(query)) + query)
            stream.flush()
            for number in (1, 2, 3):
                size, = struct.unpack("!H", stream.read(2))
                reply = stream.read(size)
                self.assertEqual(reply[:2], struct.pack("!H", number))
                self.assertEqual(reply[-4:], bytes([198, 51, 100, 12]))
            stream.close()


class Ending(unittest.TestCase):
    def test_ends_with_its_stdin(self):
        process, _ = start()
        self.assertEqual(close(process), 0)

    def test_ends_on_sigterm(self):
        process, _ = start()
        self.addCleanup(close, process)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE_S), 0)

    def test_port_in_use_is_said(self):
        process, port = start()
        self.addCleanup(close, process)
        second = subprocess.run([sys.executable, PROGRAM, "--port", str(port)], text=True,
                                capture_output=True, stdin=subprocess.PIPE, timeout=DEADLINE_S)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"port {port}: Address already in use", second.stderr)


if __name__ == "__main__":
    unittest.main()
