# SPDX-License-Identifier: BSD-2-Clause
"""dig(1), and what it printed: one Reply per question that it was given.

TTLs are left out and the records of a section are in order, so that two replies compare by what
they say.
"""

import re
from typing import NamedTuple

from support.process import run

SECTIONS = {"ANSWER": "answer", "AUTHORITY": "authority", "ADDITIONAL": "additional"}
HEADER = re.compile(r"^;; ->>HEADER<<- opcode: (\w+), status: (\w+), id: (\d+)", re.M)
FLAGS = re.compile(r"^;; flags:([^;]*); (?:MBZ: (\S+); )?QUERY: (\d+), ANSWER: (\d+), "
                   r"AUTHORITY: (\d+), ADDITIONAL: (\d+)", re.M)
EDNS = re.compile(r"^; EDNS: version: (\d+), flags:([^;]*); udp: (\d+)", re.M)
SIZE = re.compile(r"^;; MSG SIZE\s+rcvd: (\d+)", re.M)
RECORD = re.compile(r"^(\S+)\s+\d+\s+(\S+)\s+(\S+)\s+(.*)$")


class Reply(NamedTuple):
    text: str
    rcode: str
    flags: frozenset
    question: str       # spelling kept
    answer: tuple
    authority: tuple
    additional: tuple   # without OPT
    edns: tuple         # (version, flags, size), None without OPT
    size: int

    @property
    def sections(self):
        return self.rcode, self.answer, self.authority, self.additional


def read_section(text, title):
    found = re.search(rf"^;; {title} SECTION:\n(.*?)(?:\n\n|\Z)", text, re.M | re.S)
    records = []
    for line in found[1].splitlines() if found else ():
        owner, rclass, rtype, rdata = RECORD.match(line).groups()
        if rtype in ("CNAME", "MX", "NS", "PTR", "SOA", "SRV", "NSEC"):
            rdata = rdata.lower()
        records.append(f"{owner.lower()} {rclass} {rtype} {rdata}")
    return tuple(sorted(records))


def read(text):
    """The replies in dig's output, in order."""
    replies = []
    for part in text.split(";; Got answer:")[1:]:
        header, flags, edns, size = (p.search(part) for p in (HEADER, FLAGS, EDNS, SIZE))
        if not (header and flags and size):
            raise AssertionError(f"dig printed something else:\n{text}")
        asked = re.search(r"^;; QUESTION SECTION:\n;(.*)$", part, re.M)
        sections = {SECTIONS[title]: read_section(part, title) for title in SECTIONS}
        for section, count in zip(sections, (flags[4], flags[5], flags[6])):
            held = len(sections[section]) + (section == "additional" and edns is not None)
            if int(count) != held:
                raise AssertionError(f"{section}: {held} records, the header says {count}\n{part}")
        replies.append(Reply(
            part, header[2], frozenset(flags[1].split()), asked[1] if asked else None,
            edns=(int(edns[1]), edns[2].strip(), int(edns[3])) if edns else None,
            size=int(size[1]), **sections))
    return replies


def ask(server, questions, options=(), *, preexec=()):
    """The replies of SERVER (address, port) to QUESTIONS, a list of (name, type)."""
    words = [word for name, rtype in questions for word in ("-q", name, "-t", rtype)]
    text = run(["dig", f"@{server[0]}", "-p", str(server[1]), "+tries=1", "+time=10", "+ignore",
                "+nocookie", *options, *words], preexec=preexec)
    replies = read(text)
    if len(replies) != len(questions):
        raise AssertionError(f"{len(replies)} replies to {len(questions)} questions:\n{text}")
    return replies
