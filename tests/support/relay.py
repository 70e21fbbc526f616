# SPDX-License-Identifier: BSD-2-Clause
"""A plain forwarder: what comes in goes on to one server, and its answers come back. It knows
nothing of DNS but IDs, so it closes loops that nobody notices."""

import selectors
import socket
import threading

from support.ringdns import family


class Relay:
    """Listens at .server. TARGET: (address, port), may be changed; None: nothing is passed on.
    .passed counts the queries that were."""

    def __init__(self, target=None, address="127.0.0.1"):
        self.target = target
        self.passed = 0
        self._front = socket.socket(family(address), socket.SOCK_DGRAM)
        self._front.bind((address, 0))
        self.server = self._front.getsockname()
        self._back = socket.socket(family(address), socket.SOCK_DGRAM)
        self._back.bind((address, 0))
        self._waker, self._alarm = socket.socketpair()
        self._askers, self._next = {}, 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._alarm.send(b"x")
        self._thread.join()
        for sock in (self._front, self._back, self._waker, self._alarm):
            sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            for sock in (self._front, self._back, self._waker):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._waker:
                        return
                    self._pass(key.fileobj)

    def _pass(self, sock):
        try:
            data, peer = sock.recvfrom(65535)
        except OSError:  # the ICMP answer to what was passed on before
            return
        if sock is self._front and self.target:
            self._next = self._next + 1 & 0xffff
            self._askers[self._next] = peer, data[:2]
            self.passed += 1
            self._back.sendto(self._next.to_bytes(2, "big") + data[2:], self.target)
        elif sock is self._back:
            peer, ident = self._askers.pop(int.from_bytes(data[:2], "big"), (None, b""))
            if peer:
                self._front.sendto(ident + data[2:], peer)
