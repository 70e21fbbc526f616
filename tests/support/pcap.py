# SPDX-License-Identifier: BSD-2-Clause
"""DNS messages out of packet captures (pcap, not pcapng): the payloads of UDP datagrams and of TCP
segments, whatever their ports are. Fragments and what is not IP are passed over."""

import glob
import os
import struct
import unittest

from support.process import ROOT

FOLDER = os.path.join(os.environ.get("RINGDNS_SHARED") or os.path.join(ROOT, "../shared/data"),
                      "packets")
LINK_HEADERS = {0: 4, 1: 14, 10: 21, 12: 0, 101: 0, 113: 16, 228: 0, 229: 0}


def files():
    """The captures that are shared with the project; skips the test where they are not."""
    found = sorted(glob.glob(os.path.join(FOLDER, "*.pcap")))
    if not found:
        raise unittest.SkipTest("no shared data")
    return found


def transport(packet):
    """(protocol, segment) of an IP packet, or None."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        if struct.unpack_from("!H", packet, 6)[0] & 0x1fff:
            return None
        end = struct.unpack_from("!H", packet, 2)[0] or len(packet)
        return packet[9], packet[(packet[0] & 15) * 4:end]
    if len(packet) >= 40 and packet[0] >> 4 == 6:
        return packet[6], packet[40:]
    return None


def payload(packet):
    found = transport(packet)
    if found is None:
        return None
    protocol, segment = found
    if protocol == 17 and len(segment) > 8:
        return segment[8:]
    if protocol == 6 and len(segment) > 20:
        data = segment[(segment[12] >> 4) * 4:]
        return data[2:] if len(data) > 2 else None  # the length before each message
    return None


def payloads(path):
    """Every payload in the capture at PATH, in order."""
    with open(path, "rb") as file:
        data = file.read()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<",
             b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}[data[:4]]
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xffff
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + size]
        at += 16 + size
        skip = LINK_HEADERS[link]
        if link == 1 and frame[12:14] == b"\x81\x00":
            skip += 4
        found = payload(frame[skip:])
        if found:
            yield found
