#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""tap.py FILE [NAME...] - runs one unittest module and speaks TAP.

Standard output carries the plan and one line per test, a skip with its reason; what the tests
themselves print goes to standard error, so that it never mixes with the protocol. NAME keeps only
the tests whose id contains it. Exit code 1 when a test failed, 2 when the module has no tests.
"""

import contextlib
import importlib.util
import os
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load(path):
    """The module at PATH; beside its own folder it finds tests/ (so: from support import ...)."""
    path = os.path.abspath(path)
    sys.path[:0] = [os.path.dirname(path), TESTS]
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


class TapResult(unittest.TestResult):
    """Every test of the plan gets exactly one line, also those that a failed set-up kept away."""

    def __init__(self, tests, out):
        super().__init__()
        self.out = out
        self.numbers = {test.id(): number for number, test in enumerate(tests, 1)}
        self.unreported = dict.fromkeys(self.numbers)
        self.fixtures = []  # (name of the class or module, reason of a skip or None, text)
        self.broken = {}    # id of a test that failed in subtests -> texts
        self.partly = {}    # id of a test that skipped a subtest -> reason

    def line(self, ok, test_id, skip=None, text=''):
        if test_id not in self.unreported:
            return
        del self.unreported[test_id]
        reason = '' if skip is None else ' # SKIP ' + ' '.join(skip.split())
        for row in text.splitlines():
            print('#', row, file=self.out)
        print(f'{"ok" if ok else "not ok"} {self.numbers[test_id]} - {test_id}{reason}',
              file=self.out, flush=True)

    def failed(self, test, error):
        text = self._exc_info_to_string(error, test)
        if test.id() in self.numbers:
            self.line(False, test.id(), text=text)
        else:  # setUpClass, setUpModule and their opposites: "setUpClass (module.Class)"
            self.fixtures.append((test.id(), None, text))

    def addSuccess(self, test):
        if test.id() in self.broken:
            self.line(False, test.id(), text='\n'.join(self.broken[test.id()]))
        else:
            self.line(True, test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.failed(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            text = f'{subtest}\n{self._exc_info_to_string(err, test)}'
            self.broken.setdefault(test.id(), []).append(text)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if test.id() in self.numbers:
            self.line(True, test.id(), skip=reason)
        elif hasattr(test, 'test_case'):  # a subtest: what is not run in full has not passed
            self.partly[test.test_case.id()] = reason
        else:
            self.fixtures.append((test.id(), reason, ''))

    def addExpectedFailure(self, test, err):
        self.line(True, test.id())

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.line(False, test.id(), text='passed, though it was expected to fail')

    def settle(self):
        """Reports the tests that never ran, by what their fixtures said."""
        for name, texts in self.broken.items():
            self.line(False, name, text='\n'.join(texts))
        for name, reason in self.partly.items():
            self.line(True, name, skip=reason)
        for test_id in list(self.unreported):
            parents = (test_id.rsplit('.', 1)[0], test_id.split('.', 1)[0])
            causes = [fixture for fixture in self.fixtures
                      if any(f'({parent})' in fixture[0] for parent in parents)]
            skips = [reason for _, reason, _ in causes if reason is not None]
            texts = [text for _, reason, text in causes if reason is None]
            if skips and not texts:
                self.line(True, test_id, skip=skips[0])
            else:
                self.line(False, test_id, text='\n'.join(texts) or 'it was never run')


def main(path, *names):
    out = os.fdopen(os.dup(1), 'w', encoding='utf-8', buffering=1)
    os.dup2(2, 1)
    with contextlib.redirect_stdout(sys.stderr):
        suite = unittest.defaultTestLoader.loadTestsFromModule(load(path))
        tests = [test for test in flatten(suite)
                 if not names or any(name in test.id() for name in names)]
        print(f'1..{len(tests)}', file=out)
        if not tests:
            return 2
        result = TapResult(tests, out)
        unittest.TestSuite(tests).run(result)
        result.settle()
    # A tearDownClass that failed belongs to no test: the exit code tells.
    for name, reason, text in result.fixtures:
        print(f'# {name}: {reason or text}', file=sys.stderr)
    return 0 if result.wasSuccessful() else 1


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
