# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of a robot: their names, and where they sit on its base."""

from __future__ import annotations

import re

from vpr_ros.errors import VprError

_NAME = re.compile(r'[A-Za-z]\w*(?:/[A-Za-z]\w*)*', re.ASCII)


def parse_cameras(text: str) -> tuple[str, ...]:
    """Return the names in a text, separated by spaces; one empty name where there are none.

    Raises:
        VprError: A name cannot be that of a topic's namespace, or comes twice.
    """
    names = tuple(text.replace(',', ' ').split()) or ('',)
    for name in names:
        if name and not _NAME.fullmatch(name):
            msg = (
                f'{name!r:.40} is no name for a camera: letters, digits, _ and / make topic names'
            )
            raise VprError(msg)
    if len(set(names)) < len(names):
        msg = f'every camera needs a name of its own, not {text!r:.80}'
        raise VprError(msg)
    return names
