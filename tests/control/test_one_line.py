# SPDX-License-Identifier: BSD-2-Clause
"""A new option is one line in config.def, a new counter one line in stats.def: each is added to a
copy of the tree, and everything that shows options or counters must show it."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from support.process import run, wait_until
from support.ringdns import Ringdns

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPTION = ('OPTION("probe.level", probe_level, COUNT, "7", 1, 99, "steps", RESTART, "RFC 1035", '
          '"a line added by a test")\n')
STAT = ('STAT(probe_steps, "ringdns_probe_steps_total", COUNTER, "steps", "kind=\\"probe\\"", '
        '"a counter added by a test")\n')
END = "/* clang-format on */"
COUNTED = "rd_stat_inc(&worker->stats.turns);"  # something that happens by itself


def insert(path, before, text):
    """TEXT before the one place in the file PATH where BEFORE stands."""
    with open(path, encoding="utf-8") as file:
        parts = file.read().split(before)
    if len(parts) != 2:
        raise AssertionError(f"{path}: {before!r} stands there {len(parts) - 1} times")
    with open(path, "w", encoding="utf-8") as file:
        file.write(parts[0] + text + before + parts[1])


class OneLineTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="ringdns-one-line-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        tree, cls.build = os.path.join(cls.folder, "tree"), os.path.join(cls.folder, "build")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "build", "build-*",
                                                                  "__pycache__", "corpus-*"))
        insert(os.path.join(tree, "include/ringdns/config.def"), END, OPTION)
        insert(os.path.join(tree, "include/ringdns/stats.def"), END, STAT)
        insert(os.path.join(tree, "fastpath/worker.c"), COUNTED,
               COUNTED.replace("turns", "probe_steps"))
        for command in (["meson", "setup", cls.build, tree, "-Dbuildtype=debug"],
                        ["ninja", "-j2", "-C", cls.build, "ringdns", "ringdnsctl"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise AssertionError(f"{command}:\n{done.stdout}{done.stderr}")
        cls.ringdns = os.path.join(cls.build, "ringdns")

    def config_file(self, text):
        path = os.path.join(self.folder, "probe.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_option_is_in_the_reference(self):
        text = run([self.ringdns, "--help-config"])
        entry = text[text.index("probe.level\n"):].split("\n\n", 1)[0]
        for part in ("a line added by a test", "1 to 99 steps", "default: 7", "RFC 1035",
                     "next start"):
            self.assertIn(part, entry)
        self.assertIn("## `probe.level`", run([self.ringdns, "--help-config=markdown"]))

    def test_option_is_dumped_with_its_default(self):
        self.assertRegex(run([self.ringdns, "--dump-config"]), r"(?m)^probe:\n  level: 7$")

    def test_option_is_read(self):
        path = self.config_file("probe:\n  level: 42\n")
        self.assertRegex(run([self.ringdns, "--dump-config", "-c", path]), r"\n  level: 42\n")

    def test_option_is_checked(self):
        path = self.config_file("probe:\n  level: 100\n")
        said = run([self.ringdns, "--check-config", "-c", path], check=False)
        self.assertIn(f'{path}:2:10: probe.level: found "100" (too large); allowed: 1 to 99 steps',
                      said)

    def test_option_is_suggested(self):
        path = self.config_file("prob: 1\n")
        said = run([self.ringdns, "--check-config", "-c", path], check=False)
        self.assertIn("is probe meant?", said)

    def test_counter_is_in_the_reference(self):
        text = run([self.ringdns, "--help-stats"])
        self.assertIn('probe_steps\n    ringdns_probe_steps_total{kind="probe"}, counter, steps\n'
                      "    a counter added by a test\n", text)
        self.assertIn("| `probe_steps` |", run([self.ringdns, "--help-stats=markdown"]))

    def test_counter_is_served_and_shown(self):
        with Ringdns([("127.0.0.1", 9)], program=self.ringdns, workers=2) as server:
            ask = [os.path.join(self.build, "ringdnsctl"), "-s", server.control, "stats"]
            server.process.signal(signal.SIGHUP)  # a new snapshot: each worker takes a turn

            def look():
                stats = [each["stats"] for each in json.loads(run([*ask, "--json"]))["workers"]]
                return all(each["probe_steps"] > 0 for each in stats)
            wait_until(look, 10, "the new counter is not in the JSON, or stays 0")
            self.assertRegex(run(ask), r"(?m)^probe_steps +[1-9]\d* +[1-9]\d* +[1-9]\d*$")


if __name__ == "__main__":
    unittest.main()
