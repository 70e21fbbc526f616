# SPDX-License-Identifier: BSD-2-Clause
"""A deliberate bug of the data plane.

A mutant is a few places in one file below fastpath/ and what is written there instead; MUTANT is
true where that mutant is on, and where it is off the code does as before. generate.py makes C of
it; a place must be found in its file exactly once, no two may overlap, and what replaces it has as
many lines.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    help: str
    edits: tuple  # of (what is there, what is there instead)


def mutant(name, file, help_text, *edits):
    return Mutant(name, file, help_text, edits)
