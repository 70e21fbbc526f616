# SPDX-License-Identifier: BSD-2-Clause
"""What a hurried hand would do to the data plane, one bug each. A mutant's number is its place in
the list, from 1.

The simulation must find each of them (tests/sim/test_mutants.py): a bug like it would be found.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from messages import CLIENTS, FORM, RECORDS, REPLIES  # noqa: E402
from mutant import mutant  # noqa: E402
from state import BOOKS, CACHE, ONCE, QUESTIONS, SERVERS, STORE, STREAMS  # noqa: E402

__all__ = ['MUTANTS', 'mutant']

MUTANTS = (REPLIES + RECORDS + CACHE + QUESTIONS + CLIENTS + BOOKS + ONCE +
           STORE + STREAMS + SERVERS + FORM)
