# SPDX-License-Identifier: BSD-2-Clause
"""Sizes: hard limits, and the present maxima, which may only go down.

limits.json holds the maxima. When one could be lower the test fails as well, so that what was won
is kept: python3 tests/style/test_size.py --update lowers them.
"""

import json
import os
import sys
import unittest

import sources

FILE_LINES = 500
FUNCTION_LINES = 70
LIMITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'limits.json')
LANGUAGES = {'C': ('.c', '.h'), 'Python': ('.py',)}


def file_sizes(endings):
    return {path: len(sources.read(path).splitlines()) for path in sources.paths(*endings)}


def size(function):
    return function['end'] - function['line'] + 1


def has_reason(lines, function):
    """Is the comment directly above FUNCTION (LINES: its file) one that begins "Long because"?"""
    above = function['line'] - 2
    while above >= 0 and lines[above].strip().startswith(('*', '/*', '#', 'static', 'const')):
        if lines[above].strip().lstrip('/*# ').startswith('Long because'):
            return True
        above -= 1
    return False


def measure():
    """Every number that only goes down."""
    found = {}
    for language, endings in LANGUAGES.items():
        sizes = [size(one) for one in sources.functions(*endings)]
        found[f'lines of the longest {language} file'] = max(file_sizes(endings).values())
        found[f'lines of the longest {language} function'] = max(sizes)
        found[f'{language} functions over {FUNCTION_LINES} lines'] = sum(
            lines > FUNCTION_LINES for lines in sizes)
    return found


def verdicts(limits, present):
    """One sentence per number that is not what the limits say."""
    for name in sorted(limits.keys() | present.keys()):
        limit, now = limits.get(name), present.get(name)
        if limit is None or now is None:
            yield f'{name}: limit {limit}, now {now}; run test_size.py --update'
        elif now > limit:
            yield f'{name}: {now} is more than {limit}, and it may only go down'
        elif now < limit:
            yield f'{name}: is {now} now, better than {limit}; run test_size.py --update to keep it'


def update():
    """Lowers, adds and removes; never raises."""
    try:
        with open(LIMITS, encoding='utf-8') as file:
            old = json.load(file)
    except FileNotFoundError:
        old = {}
    new = {name: min(now, old.get(name, now)) for name, now in measure().items()}
    with open(LIMITS, 'w', encoding='utf-8') as file:
        json.dump(new, file, indent=2)
        file.write('\n')


class Size(unittest.TestCase):
    def test_files_are_short(self):
        for endings in LANGUAGES.values():
            long = {path: lines for path, lines in file_sizes(endings).items()
                    if lines > FILE_LINES}
            self.assertEqual(long, {})

    def test_functions_are_short_or_say_why_not(self):
        for endings in LANGUAGES.values():
            found = sources.functions(*endings)
            self.assertTrue(found)
            long = [one for one in found if size(one) > FUNCTION_LINES
                    and not has_reason(sources.read(one['path']).splitlines(), one)]
            self.assertEqual([f'{one["path"]}: {one["name"]}: {size(one)} lines' for one in long],
                             [])

    def test_numbers_only_go_down(self):
        with open(LIMITS, encoding='utf-8') as file:
            said = list(verdicts(json.load(file), measure()))
        self.assertFalse(said, '\n'.join(said))

    def test_growth_and_slack_are_found(self):
        self.assertEqual(len(list(verdicts({'a': 1}, {'a': 2}))), 1)
        self.assertEqual(len(list(verdicts({'a': 2}, {'a': 1}))), 1)
        self.assertEqual(list(verdicts({'a': 2}, {'a': 2})), [])

    def test_a_reason_stands_above_its_function(self):
        lines = ['/* Long because the table is', ' * in it. */', 'static int', 'f(void)', '{']
        self.assertTrue(has_reason(lines, {'line': 4}))
        self.assertFalse(has_reason(['/* Long because */', '', 'int f(void)'], {'line': 3}))
        self.assertFalse(has_reason(['/* Short. */', 'int f(void)'], {'line': 2}))


if __name__ == '__main__':
    if '--update' in sys.argv:
        update()
    else:
        unittest.main()
