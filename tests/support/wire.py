# SPDX-License-Identifier: BSD-2-Clause
"""DNS messages as bytes, for tests that need each of them to be exactly so.

Nothing here is lenient: parse() refuses what a stub resolver would refuse, so that every answer a
test looks at has also been checked for its shape. Odd packets are made by build() with the parts
given one by one, or by hand.
"""

import random
import struct
from typing import NamedTuple

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41
TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY = 249, 250, 251, 252, 253, 254, 255
IN, CH = 1, 3
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x40, 0x20, 0x10
DO = 0x8000
FENCE_IDS = 0xfe00  # IDs from here on are not drawn for queries: Client.before_fence uses them
NSID, ECS, COOKIE, PADDING, EDE = 3, 8, 10, 12, 15


class Malformed(Exception):
    """The bytes are not a message."""


class Record(NamedTuple):
    name: bytes  # wire form, pointers followed, spelling kept
    type: int
    cls: int
    ttl: int
    rdata: bytes


class Edns(NamedTuple):
    size: int
    version: int
    flags: int
    options: list  # of (code, bytes)

    def values(self, code):
        return [data for c, data in self.options if c == code]

    def errors(self):
        """Extended DNS errors: (info code, text) of each."""
        return [(struct.unpack("!H", d[:2])[0], d[2:]) for d in self.values(EDE)]


class Message(NamedTuple):
    data: bytes
    id: int
    flags: int
    rcode: int  # with the upper bits of OPT
    questions: list  # of (name, type, class)
    answer: list
    authority: list
    additional: list  # without OPT
    edns: Edns

    @property
    def opcode(self):
        return self.flags >> 11 & 15

    @property
    def qname(self):
        return self.questions[0][0]

    def has(self, flag):
        return bool(self.flags & flag)

    def texts(self):
        """The character strings of every TXT record of the answer section."""
        return [b"".join(strings(r.rdata)) for r in self.answer if r.type == TXT]


def strings(rdata):
    at = 0
    while at < len(rdata):
        yield rdata[at + 1:at + 1 + rdata[at]]
        at += 1 + rdata[at]


def name(text):
    """Wire form of a name in presentation form, \\DDD and \\X understood."""
    labels, label, at = [], bytearray(), 0
    text = text.rstrip(".") if not text.endswith("\\.") else text
    while at < len(text):
        if text[at] == "\\":
            digits = text[at + 1:at + 4]
            if digits.isdigit() and len(digits) == 3:
                label.append(int(digits))
                at += 4
            else:
                label += text[at + 1].encode("latin-1")
                at += 2
        elif text[at] == ".":
            labels.append(bytes(label))
            label, at = bytearray(), at + 1
        else:
            label += text[at].encode("latin-1")
            at += 1
    if label:
        labels.append(bytes(label))
    return b"".join(bytes([len(each)]) + each for each in labels) + b"\0"


def show(wire_name):
    """Presentation form of an uncompressed name, for messages of failed tests."""
    labels, at = [], 0
    while wire_name[at]:
        label = wire_name[at + 1:at + 1 + wire_name[at]]
        labels.append("".join(
            chr(c) if 33 <= c < 127 and c not in b'.\\"' else f"\\{c:03d}" for c in label))
        at += 1 + wire_name[at]
    return ".".join(labels) + "."


def spelling(wire_name, rnd):
    """The same name in another mixture of upper and lower case. Lengths of labels stay."""
    out, at = bytearray(wire_name), 0
    while out[at]:
        for i in range(at + 1, at + 1 + out[at]):
            if chr(out[i]).isascii() and chr(out[i]).isalpha() and rnd.random() < 0.5:
                out[i] ^= 0x20
        at += 1 + out[at]
    return bytes(out)


def question(qname, qtype=A, qclass=IN):
    wire_name = name(qname) if isinstance(qname, str) else qname
    return wire_name + struct.pack("!HH", qtype, qclass)


def record(owner, rtype, rdata, ttl=300, rclass=IN):
    wire_name = name(owner) if isinstance(owner, str) else owner
    return wire_name + struct.pack("!HHIH", rtype, rclass, ttl, len(rdata)) + rdata


def option(code, data=b""):
    return struct.pack("!HH", code, len(data)) + data


def opt(size=1232, version=0, flags=0, options=b"", extended_rcode=0, owner=b"\0"):
    ttl = extended_rcode << 24 | version << 16 | flags
    return record(owner, OPT, options, ttl=ttl, rclass=size)


def a(address):
    return bytes(int(each) for each in address.split("."))


def txt(*texts):
    return b"".join(bytes([len(t)]) + t for t in texts)


def build(ident=0, flags=0, questions=(), answer=(), authority=(), additional=(), counts=None,
          trail=b""):
    """A message from its parts. COUNTS overrides what the header claims."""
    parts = (questions, answer, authority, additional)
    counts = counts or [len(part) for part in parts]
    return (struct.pack("!6H", ident, flags, *counts)
            + b"".join(b"".join(part) for part in parts) + trail)


def query(qname, qtype=A, qclass=IN, *, ident=None, flags=RD, edns=True, size=1232, do=False,
          options=b""):
    ident = random.randrange(FENCE_IDS) if ident is None else ident
    extra = [opt(size=size, flags=DO if do else 0, options=options)] if edns else []
    return build(ident, flags, [question(qname, qtype, qclass)], additional=extra)


def reply(asked, answer=(), authority=(), additional=(), *, rcode=NOERROR, flags=RA, edns=None,
          ident=None, opt_at=None, drop=0):
    """A reply to the message ASKED, with its question, opcode, RD and CD. EDNS None: an OPT if the
    query had one; b"": none; else that OPT record, at place OPT_AT of the additional section.
    DROP: flags taken away again."""
    additional = list(additional)
    if edns is None:
        edns = opt() if asked.edns else b""
    if edns:
        additional.insert(len(additional) if opt_at is None else opt_at, edns)
    word = (QR | flags | asked.flags & (RD | CD | 0x7800) | rcode & 15) & ~drop
    return build(asked.id if ident is None else ident, word,
                 [question(*each) for each in asked.questions], answer, authority, additional)


def address_reply(asked, address, ttl=300, **kw):
    """A reply with one A record; its owner is a pointer to the question."""
    return reply(asked, [record(b"\xc0\x0c", A, a(address), ttl)], **kw)


def read_name(data, at):
    """(name without pointers, offset behind it)."""
    out, end, lowest = bytearray(), None, len(data)
    while True:
        if at >= len(data):
            raise Malformed("a name runs out of the message")
        length = data[at]
        if length >= 0xc0:
            if at + 1 >= len(data):
                raise Malformed("half a pointer")
            end = at + 2 if end is None else end
            at = (length & 0x3f) << 8 | data[at + 1]
            if at >= lowest:
                raise Malformed("a pointer that does not go back")
            lowest = at
        elif length > 63:
            raise Malformed("a label of an unknown kind")
        else:
            lowest = min(lowest, at)
            out += data[at:at + 1 + length]
            at += 1 + length
            if len(out) > 255 or at > len(data):
                raise Malformed("a name that is too long")
            if not length:
                return bytes(out), at if end is None else end


def read_record(data, at):
    owner, at = read_name(data, at)
    if at + 10 > len(data):
        raise Malformed("half a record")
    rtype, rclass, ttl, rdlength = struct.unpack_from("!HHIH", data, at)
    at += 10
    if at + rdlength > len(data):
        raise Malformed("RDATA runs out of the message")
    return Record(owner, rtype, rclass, ttl, data[at:at + rdlength]), at + rdlength


def read_edns(one):
    options, at = [], 0
    while at < len(one.rdata):
        if at + 4 > len(one.rdata):
            raise Malformed("half an option")
        code, length = struct.unpack_from("!HH", one.rdata, at)
        if at + 4 + length > len(one.rdata):
            raise Malformed("an option overruns")
        options.append((code, one.rdata[at + 4:at + 4 + length]))
        at += 4 + length
    return Edns(one.cls, one.ttl >> 16 & 255, one.ttl & 0xffff, options)


def parse(data):
    """The message that DATA is, all of it; Malformed if it is none."""
    if len(data) < 12:
        raise Malformed(f"{len(data)} bytes are no message")
    ident, flags, *counts = struct.unpack_from("!6H", data)
    at, questions, sections = 12, [], []
    for _ in range(counts[0]):
        qname, at = read_name(data, at)
        if at + 4 > len(data):
            raise Malformed("half a question")
        questions.append((qname, *struct.unpack_from("!HH", data, at)))
        at += 4
    for count in counts[1:]:
        section = []
        for _ in range(count):
            one, at = read_record(data, at)
            section.append(one)
        sections.append(section)
    if at != len(data):
        raise Malformed(f"{len(data) - at} bytes trail behind the message")
    found = [one for one in sections[2] if one.type == OPT]
    if len(found) > 1 or any(one.name != b"\0" for one in found):
        raise Malformed("more than one OPT, or not at the root")
    rcode = flags & 15 | (found[0].ttl >> 24 << 4 if found else 0)
    return Message(data, ident, flags, rcode, questions, sections[0], sections[1],
                   [one for one in sections[2] if one.type != OPT],
                   read_edns(found[0]) if found else None)
