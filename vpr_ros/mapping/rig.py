# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of a robot: their names, and where they sit on its base."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError
from vpr_ros.geometry import Pose
from vpr_ros.mapping.mounting import parse_mount

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTICAL = Pose.of((0, 0, 0), (-0.5, 0.5, -0.5, 0.5))
"""Optical frame (x right, y down, z forward) in that of a camera (x forward, z up); REP-103."""

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


def parse_extrinsics(text: str, cameras: Sequence[str]) -> dict[str, Pose]:
    """Return the optical frame of each camera in the base frame; empty where the text is.

    Args:
        text: For each camera in order, separated by semicolons, where it sits: `x y z` or
            `x y z roll pitch yaw` (metres, radians). Without rotation it looks forward.
        cameras: Their names.

    Raises:
        VprError: It is something else, or of another number of cameras.
    """
    if not text.strip():
        return {}
    parts = text.split(';')
    mounts = [mount for part in parts if (mount := parse_mount(part)) is not None]
    if len(mounts) != len(parts) or len(parts) != len(cameras):
        msg = (
            f'camera_extrinsics has {len(mounts)} poses for {len(cameras)} cameras: it must have '
            'one for each, in their order, separated by semicolons'
        )
        raise VprError(msg)
    return {name: mount @ OPTICAL for name, mount in zip(cameras, mounts, strict=True)}
