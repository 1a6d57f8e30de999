# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mounts: the poses of sensors in the base frame, as users write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.geometry.pose import Pose
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTICAL_ROTATION = Pose.of((0, 0, 0), (-0.5, 0.5, -0.5, 0.5))
"""An optical frame (x right, y down, z forward) in a body frame (x forward, z up); REP-103."""

_UPRIGHT = 1e-6
"""Cosine of the pitch at which roll and yaw turn about the same axis."""

_NAME = re.compile(r'[A-Za-z]\w*(?:/[A-Za-z]\w*)*', re.ASCII)


def parse_mount(text: str) -> Pose | None:
    """Return the pose of a sensor in the base frame, None where the text is empty.

    Args:
        text: `x y z` in metres, or `x y z roll pitch yaw` with angles in radians about the fixed
            axes of the base, as in a URDF.

    Raises:
        VprError: It is something else.
    """
    if not text.strip():
        return None
    try:
        numbers = [float(word) for word in text.replace(',', ' ').split()]
        if len(numbers) in (3, 6) and np.isfinite(numbers).all():
            return Pose.of(numbers[:3]) @ _rotation(*(numbers[3:] or (0.0, 0.0, 0.0)))
    except ValueError:
        pass
    msg = f'a mount is "x y z" or "x y z roll pitch yaw" (metres, radians), not {text!r}'
    raise VprError(msg)


def mount_text(pose: Pose) -> str:
    """Return a pose as `parse_mount` takes it: `x y z roll pitch yaw`, six decimals.

    At a pitch of a right angle only the sum of roll and yaw is defined: the roll is then 0.
    """
    r = pose.rotation
    level = np.hypot(r[0, 0], r[1, 0])
    pitch = np.arctan2(-r[2, 0], level)
    if level > _UPRIGHT:
        roll, yaw = np.arctan2(r[2, 1], r[2, 2]), np.arctan2(r[1, 0], r[0, 0])
    else:
        roll, yaw = 0.0, np.arctan2(-r[0, 1], r[1, 1])
    numbers = np.round([*pose.position, roll, pitch, yaw], 6) + 0.0  # which turns -0 into 0
    return ' '.join(f'{number:.6f}'.rstrip('0').rstrip('.') for number in numbers)


def _rotation(roll: float, pitch: float, yaw: float) -> Pose:
    about_x, about_y, about_z = (
        Pose.of((0, 0, 0), (*(np.sin(angle / 2) * axis), np.cos(angle / 2)))
        for angle, axis in zip((roll, pitch, yaw), np.eye(3), strict=True)
    )
    return about_z @ about_y @ about_x


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
            f'camera_extrinsics has {counted(len(mounts), "pose")} for '
            f'{counted(len(cameras), "camera")}: it must have one for each, in their order, '
            'separated by semicolons'
        )
        raise VprError(msg)
    return {name: mount @ OPTICAL_ROTATION for name, mount in zip(cameras, mounts, strict=True)}
