#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A small DNS server on 127.0.0.1, for trying Ringdns where no resolver can be reached.

It answers as a resolver would (RA=1, aliases followed) from the table below, over UDP and TCP:

    sample_upstream.py --port 0      prints 'ready PORT', ends on SIGTERM or when stdin ends

All addresses are documentation's (RFC 5737, RFC 3849). Not here: IPv6 transport, DNSSEC, anything
that an attacker could hold against it; it is a sample, and listens on loopback only.
"""
import argparse
import asyncio
import ipaddress
import os
import signal
import socket
import struct
import sys
import threading

HEADER = struct.Struct("!HHHHHH")
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
CNAME, OPT, ANY, CLASS_IN = 5, 41, 255, 1
NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 3, 4, 5, 16
QR, TC, RD, RA, CD = 0x8000, 0x0200, 0x0100, 0x0080, 0x0010
UDP_BYTES = 1232  # RFC 9715
TCP_IDLE_S = 10
ALIASES_MAX = 8
SOA_NUMBERS = struct.pack("!5I", 1, 3600, 600, 86400, 300)  # the last: negative TTL, RFC 2308

# Owner, TTL, type, data. Zones are the owners of an SOA record.
TABLE = """
.                                3600 SOA   ns.sample. admin.sample.
.                                3600 NS    ns.sample.
ns.sample.                       3600 A     192.0.2.53
networkutopia.com.               3600 SOA   dns1.networkutopia.com. admin.networkutopia.com.
networkutopia.com.               3600 NS    dns1.networkutopia.com.
networkutopia.com.               3600 NS    dns2.networkutopia.com.
networkutopia.com.               3600 MX    10 mail.networkutopia.com.
networkutopia.com.               3600 MX    20 mail2.networkutopia.com.
networkutopia.com.               3600 A     203.0.113.4
networkutopia.com.               3600 TXT   v=spf1 mx -all
dns1.networkutopia.com.          3600 A     203.0.113.1
dns1.networkutopia.com.          3600 AAAA  2001:db8:71::1
dns2.networkutopia.com.          3600 A     203.0.113.2
mail.networkutopia.com.          600  A     203.0.113.25
mail.networkutopia.com.          600  AAAA  2001:db8:71::25
mail2.networkutopia.com.         600  A     203.0.113.26
www.networkutopia.com.           300  A     203.0.113.4
www.networkutopia.com.           300  AAAA  2001:db8:71::4
umass.edu.                       3600 SOA   dns.umass.edu. admin.umass.edu.
umass.edu.                       3600 NS    dns.umass.edu.
dns.umass.edu.                   3600 A     198.51.100.1
gaia.cs.umass.edu.               300  A     198.51.100.12
enterprise.com.                  3600 SOA   dns.enterprise.com. admin.enterprise.com.
enterprise.com.                  3600 NS    dns.enterprise.com.
dns.enterprise.com.              3600 A     192.0.2.1
www.enterprise.com.              300  CNAME web.enterprise.com.
web.enterprise.com.              60   CNAME relay1.west-coast.enterprise.com.
relay1.west-coast.enterprise.com. 600 A     192.0.2.80
relay1.west-coast.enterprise.com. 600 AAAA  2001:db8:1b::80
gone.enterprise.com.             300  CNAME nothing.enterprise.com.
113.0.203.in-addr.arpa.          3600 SOA   dns1.networkutopia.com. admin.networkutopia.com.
113.0.203.in-addr.arpa.          3600 NS    dns1.networkutopia.com.
4.113.0.203.in-addr.arpa.        3600 PTR   www.networkutopia.com.
25.113.0.203.in-addr.arpa.       3600 PTR   mail.networkutopia.com.
"""


class Malformed(Exception):
    """A query that cannot be read: FORMERR."""


def name_parse(text):
    """Presentation form -> a tuple of labels (bytes)."""
    return tuple(label.encode() for label in text.rstrip(".").split(".") if label)


def name_key(labels):
    return tuple(label.lower() for label in labels)


class Record:
    """One line of the table; data is a list of raw bytes and of names (tuples, compressible)."""

    def __init__(self, line):
        owner, ttl, kind, rest = line.split(None, 3)
        self.owner, self.ttl, self.type = name_parse(owner), int(ttl), TYPES[kind]
        self.data = getattr(self, "data_" + kind.lower())(rest)

    def target(self):
        """The name that the data ends with (CNAME, NS, MX, PTR)."""
        return self.data[-1]

    @staticmethod
    def data_a(text):
        return [ipaddress.ip_address(text).packed]

    data_aaaa = data_a

    @staticmethod
    def data_ns(text):
        return [name_parse(text)]

    data_cname = data_ptr = data_ns

    @staticmethod
    def data_mx(text):
        preference, host = text.split()
        return [struct.pack("!H", int(preference)), name_parse(host)]

    @staticmethod
    def data_soa(text):
        mname, rname = text.split()
        return [name_parse(mname), name_parse(rname), SOA_NUMBERS]

    @staticmethod
    def data_txt(text):
        raw = text.encode()
        parts = [raw[i:i + 255] for i in range(0, len(raw), 255)]
        return [b"".join(bytes([len(p)]) + p for p in parts)]


def table_read():
    lines = [line for line in TABLE.splitlines() if line]
    # Two answers that try size limits: over 512 bytes, and over what UDP carries here.
    lines.append("medium.networkutopia.com. 300 TXT " + "m" * 700)
    lines.append("large.networkutopia.com. 300 TXT " + "l" * 2000)
    records = {}
    for line in lines:
        record = Record(line)
        records.setdefault(name_key(record.owner), []).append(record)
    return records


RECORDS = table_read()
ZONES = {key for key, records in RECORDS.items() if any(r.type == TYPES["SOA"] for r in records)}
# A name exists, though it owns nothing, when something is below it (RFC 8020).
EXISTING = {key[i:] for key in RECORDS for i in range(len(key) + 1)}


class Query:
    """What was asked: one question, and EDNS if there was any."""

    def __init__(self, message):
        self.edns, self.edns_version, self.do, self.udp_bytes = False, 0, False, 512
        self.id, self.flags, counts, self.labels, self.question = 0, 0, (), None, b""
        if len(message) < HEADER.size:
            raise Malformed
        self.id, self.flags, *counts = HEADER.unpack_from(message)
        if self.opcode():
            return
        if counts[0] != 1 or counts[1] or counts[2]:
            raise Malformed
        self.labels, at = self.name_at(message, HEADER.size)
        self.type, self.cls = self.unpack("!HH", message, at)
        self.question = message[HEADER.size:at + 4]
        at += 4
        for _ in range(counts[3]):
            at = self.additional_read(message, at)

    def opcode(self):
        return self.flags >> 11 & 15

    @staticmethod
    def unpack(form, message, at):
        if at + struct.calcsize(form) > len(message):
            raise Malformed
        return struct.unpack_from(form, message, at)

    @staticmethod
    def name_at(message, at):
        """A query has no use for compression: pointers are malformed here."""
        labels, total = [], 1
        while True:
            if at >= len(message) or message[at] > 63:
                raise Malformed
            size, at = message[at], at + 1
            if size == 0:
                return tuple(labels), at
            total += size + 1
            if at + size > len(message) or total > 255:
                raise Malformed
            labels.append(message[at:at + size])
            at += size

    def additional_read(self, message, at):
        labels, at = self.name_at(message, at)
        kind, size, ttl, length = self.unpack("!HHIH", message, at)
        if at + 10 + length > len(message):
            raise Malformed
        if kind == OPT:
            if self.edns or labels:
                raise Malformed
            self.edns, self.udp_bytes = True, max(512, size)
            self.edns_version, self.do = ttl >> 16 & 255, bool(ttl & 0x8000)
        return at + 10 + length


class Answer:
    """Builds a message, with names compressed (RFC 1035 section 4.1.4)."""

    def __init__(self, query, rcode):
        self.query, self.rcode = query, rcode
        self.body, self.places, self.counts = bytearray(query.question), {}, [0, 0, 0]
        if query.labels is not None:
            at = HEADER.size
            for i, label in enumerate(query.labels):
                self.place(query.labels[i:], at)
                at += 1 + len(label)

    def place(self, labels, at):
        """From now on, a pointer to at stands for these labels."""
        if at < 0x4000:
            self.places.setdefault(name_key(labels), at)

    def name_write(self, out, labels, at):
        for i, label in enumerate(labels):
            known = self.places.get(name_key(labels[i:]))
            if known is not None:
                out += struct.pack("!H", 0xC000 | known)
                return
            self.place(labels[i:], at + len(out))
            out += bytes([len(label)]) + label
        out += b"\0"

    def add(self, section, records):
        for record in records:
            out, at = bytearray(), HEADER.size + len(self.body)
            self.name_write(out, record.owner, at)
            out += struct.pack("!HHIH", record.type, CLASS_IN, record.ttl, 0)
            start = len(out)
            for part in record.data:
                if isinstance(part, tuple):
                    self.name_write(out, part, at)
                else:
                    out += part
            struct.pack_into("!H", out, start - 2, len(out) - start)
            self.body += out
            self.counts[section] += 1

    def opt(self):
        if not self.query.edns:
            return b""
        ttl = (self.rcode >> 4) << 24 | (0x8000 if self.query.do else 0)
        return b"\0" + struct.pack("!HHIH", OPT, UDP_BYTES, ttl, 0)

    def bytes(self, limit):
        """The message; one that is longer than limit loses its sections and gets TC=1."""
        opt, query = self.opt(), self.query
        flags = QR | RA | (query.flags & (RD | CD | 0x7800)) | (self.rcode & 15)
        body, counts = self.body, self.counts
        if HEADER.size + len(body) + len(opt) > limit:
            body, counts, flags = query.question, [0, 0, 0], flags | TC
        return HEADER.pack(query.id, flags, 1 if query.question else 0, counts[0], counts[1],
                           counts[2] + bool(opt)) + bytes(body) + opt


def chain_follow(key, kind):
    """The records that answer, aliases first, and the name at which the chain ends."""
    found = []
    for _ in range(ALIASES_MAX):
        here = RECORDS.get(key, [])
        match = [r for r in here if kind in (r.type, ANY)]
        alias = [r for r in here if r.type == CNAME]
        if match or not alias:
            return found + match, key, bool(match)
        found += alias
        key = name_key(alias[0].target())
    return found, key, True


def addresses_of(records):
    """What a client of these MX or NS records will ask next."""
    hosts = [name_key(r.target()) for r in records if r.type in (TYPES["MX"], TYPES["NS"])]
    kinds = (TYPES["A"], TYPES["AAAA"])
    return [r for host in hosts for r in RECORDS.get(host, []) if r.type in kinds]


def soa_of(key):
    zone = next(key[i:] for i in range(len(key) + 1) if key[i:] in ZONES)
    return [r for r in RECORDS[zone] if r.type == TYPES["SOA"]]


def lookup(query):
    records, end, complete = chain_follow(name_key(query.labels), query.type)
    answer = Answer(query, NOERROR if end in EXISTING else NXDOMAIN)
    answer.add(0, records)
    if not complete:
        answer.add(1, soa_of(end))
    answer.add(2, addresses_of(records))
    return answer


def header_only(message):
    """A stand-in for a query whose question could not be read."""
    query = Query.__new__(Query)
    query.id, query.flags = struct.unpack_from("!HH", message)
    query.edns, query.labels, query.question = False, None, b""
    return query


def respond(message, udp):
    """The answer to a message, or None where silence is due."""
    if len(message) < HEADER.size or message[2] & 0x80:
        return None
    try:
        query = Query(message)
    except Malformed:
        return Answer(header_only(message), FORMERR).bytes(UDP_BYTES)
    if query.opcode():
        return Answer(query, NOTIMP).bytes(UDP_BYTES)
    if query.edns_version:
        answer = Answer(query, BADVERS)
    elif query.cls != CLASS_IN or 249 <= query.type <= 254:
        answer = Answer(query, REFUSED)
    else:
        answer = lookup(query)
    return answer.bytes(min(query.udp_bytes, UDP_BYTES) if udp else 65535)


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        reply = respond(data, udp=True)
        if reply:
            self.transport.sendto(reply, address)


async def stream_serve(reader, writer):
    """One connection: messages with a length before each (RFC 7766), in order."""
    try:
        while True:
            head = await asyncio.wait_for(reader.readexactly(2), TCP_IDLE_S)
            size = int.from_bytes(head, "big")
            reply = respond(await asyncio.wait_for(reader.readexactly(size), TCP_IDLE_S), udp=False)
            if reply is None:
                break
            writer.write(struct.pack("!H", len(reply)) + reply)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()


def sockets_open(port):
    """UDP and TCP on one port; any port that is free on both when port is 0."""
    for _ in range(50):
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(tcp.getsockname())
            return udp, tcp
        except OSError as error:
            tcp.close()
            udp.close()
            if port:
                sys.exit(f"sample_upstream: 127.0.0.1 port {port}: {error.strerror}")
    sys.exit("sample_upstream: found no port that is free for UDP and TCP")


def stdin_watch(at_end):
    """A thread of its own: asyncio cannot wait for every kind of stdin (/dev/null, a file)."""
    def watch():
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        at_end()
    threading.Thread(target=watch, daemon=True).start()


async def serve(port):
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    udp, tcp = sockets_open(port)
    transport, _ = await loop.create_datagram_endpoint(Datagrams, sock=udp)
    server = await asyncio.start_server(stream_serve, sock=tcp)
    stdin_watch(lambda: loop.call_soon_threadsafe(end.set))
    print(f"ready {udp.getsockname()[1]}", flush=True)
    await end.wait()
    transport.close()
    server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="UDP and TCP port; 0 takes a free one")
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
