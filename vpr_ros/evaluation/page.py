# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""HTML pages that need nothing else: no network, no scripts, no files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from vpr_ros.evaluation.words import counted, metres, milliseconds, share


def render(template: str, **values: Any) -> str:
    """Return the page of a template beside this module; what is put in is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        'counted': counted,
        'share': share,
        'metres': metres,
        'milliseconds': milliseconds,
    }
    return environment.get_template(template).render(**values)
