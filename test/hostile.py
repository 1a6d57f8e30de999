# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests marked ``hostile`` share: how much they try, and the counts of what they tried.

`make test` runs the quick ones on a few inputs; `make test-hostile` runs all on many, and prints
the counts at the end. One that is long even on few inputs is marked ``slow``, too.
"""

from __future__ import annotations

import os
from collections import Counter

from hypothesis import HealthCheck, settings

MANY = bool(os.environ.get('TEST_HOSTILE'))
"""Whether this is `make test-hostile`."""
counts: Counter[str] = Counter()
"""Counts of the present test; the summary adds up those of all tests, of all processes."""


def amount(few: int, many: int) -> int:
    """Return the number of inputs to try: few in `make test`, many in `make test-hostile`."""
    return many if MANY else few


def examples(few: int, many: int) -> settings:
    """Return the settings of a property-based test that tries so many examples."""
    return settings(
        max_examples=amount(few, many),
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def tried(inputs: int = 1) -> None:
    """Count inputs that were given to what is tested."""
    counts['inputs tried'] += inputs


def survived(faults: int = 1) -> None:
    """Count faults that were refused or recovered from: bad inputs, kills, full disks."""
    counts['faults survived'] += faults


def lost(places: int) -> None:
    """Count acknowledged places that were missing afterwards; the test must fail, too."""
    counts['places lost'] += places


def summary(counted: Counter[str]) -> str:
    """Return the counts of all tests in a line."""
    names = 'inputs tried', 'faults survived', 'places lost'
    return ', '.join(f'{counted[name]:,} {name}'.replace(',', ' ') for name in names)
