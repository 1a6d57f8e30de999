# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Says the errors of a node in its log, and none of them more often than is of use."""

from __future__ import annotations

import time
import traceback
from typing import Any

from vpr_ros.errors import VprError

REPEAT = 5.0
"""Seconds between repetitions of the same warning in the log."""
_REMEMBERED = 100
"""Different warnings that are remembered."""


class Complaints:
    """Says errors: of messages every few seconds at most, of the start once for each reason.

    Args:
        logger: The node's.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._said: dict[str, float] = {}
        self._refusal = ''

    def of_message(self, error: Exception) -> None:
        """Say why a message could not be used."""
        now, text = time.monotonic(), f'{type(error).__name__}: {error}'
        if now - self._said.get(text, -REPEAT) < REPEAT:
            return
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[text] = now
        if isinstance(error, VprError):
            self._logger.warning(f'left out: {error}')
        else:
            self._report(error)

    def of_start(self, error: Exception, hint: str) -> None:
        """Say why the node cannot be configured or activated, and a hint; once in a row."""
        text = reason_in(error)
        if text != self._refusal:
            self._refusal = text
            self._logger.error(f'cannot start: {text}{hint}')
            if not isinstance(error, VprError):
                self._report(error)

    def forget_start(self) -> None:
        """Let the reasons of the next start be said, since this one has succeeded."""
        self._refusal = ''

    def _report(self, error: Exception) -> None:
        trace = ''.join(traceback.format_exception(error))
        self._logger.error(f'unexpected error, please report it: {trace}')


def reason_in(error: Exception) -> str:
    """Return an error in words, also one that has none."""
    return str(error) or type(error).__name__
