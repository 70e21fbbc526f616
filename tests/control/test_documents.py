# SPDX-License-Identifier: BSD-2-Clause
"""The sample file is what the program takes."""

import os
import re
import tempfile
import unittest

from support.process import ROOT, run
from support.ringdns import binary


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class DocumentsTest(unittest.TestCase):
    maxDiff = None

    def test_sample_file_holds_the_defaults(self):
        sample = os.path.join(ROOT, "dist/ringdns.yaml")
        self.assertEqual(run([binary(), "-c", sample, "--dump-config"]),
                         run([binary(), "--dump-config"]))

    def test_sample_file_can_be_used_with_its_comments_taken_off(self):
        text = re.sub(r"(?m)^#(upstreams:|routes:| {2})", r"\1", read("dist/ringdns.yaml"))
        self.assertIn("\nupstreams:\n  default:\n    servers:", text)
        self.assertIn("\nroutes:\n  corp.example: corp\n", text)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            dump = run([binary(), "-c", file.name, "--dump-config"])
        self.assertIn('"192.0.2.2:5353"', dump)
        self.assertIn('"corp.example.": "corp"\n', dump)
        self.assertIn('{ address: "10.0.0.54:53", tier: 1 }\n', dump)

    def check_blocks(self, path, fence):
        """Every example that names pools is a configuration without an error."""
        found = [text for text in re.findall(fence, read(path)) if "upstreams:" in text]
        self.assertTrue(found)
        for text in found:
            with self.subTest(text), tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                self.assertIn("OK:", run([binary(), "-c", file.name, "--check-config"]))

    def test_examples_of_the_manual_are_right(self):
        self.check_blocks("doc/ringdns.yaml.5.scd", r"(?s)\n```\n(.*?)```")

    def test_examples_of_the_readme_are_right(self):
        self.check_blocks("README.md", r"(?s)```yaml\n(.*?)```")


if __name__ == "__main__":
    unittest.main()
