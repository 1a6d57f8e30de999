# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Words for people that every layer uses; those of evaluations are in ``evaluation.words``."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Write how many there are of something: 1 place, 2 places."""
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'
