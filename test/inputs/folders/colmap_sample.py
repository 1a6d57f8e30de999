# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes COLMAP models, text and binary, as COLMAP 3.12 does."""

from __future__ import annotations

import struct


def _numbers(pose):
    x, y, z, w = pose.orientation
    return [w, x, y, z, *pose.position]


def write_text(model, images, rigs=()):
    """Write a model; `images` are name, camera and pose of the world in the camera."""
    model.mkdir(parents=True, exist_ok=True)
    lines = [
        '# Image list with two lines of data per image:',
        f'# Number of images: {len(images)}',
    ]
    for number, (name, camera, world) in enumerate(images, start=1):
        values = ' '.join(map(repr, map(float, _numbers(world))))
        lines += [f'{number} {values} {camera} {name}', '' if number % 2 else '1.5 2.5 -1']
    (model / 'images.txt').write_text('\n'.join(lines) + '\n', 'utf-8')
    for rig, (first, others) in enumerate(rigs, start=1):
        sensors = [
            f'CAMERA {key} 1 ' + ' '.join(map(repr, map(float, _numbers(pose))))
            for key, pose in others.items()
        ]
        words = [str(rig), str(1 + len(others)), 'CAMERA', str(first), *sensors]
        (model / 'rigs.txt').write_text(f'# Rigs\n{" ".join(words)}\n')
    return model


def write_binary(model, images, rigs=()):
    """Write the same model as `write_text`."""
    model.mkdir(parents=True, exist_ok=True)
    data = struct.pack('<Q', len(images))
    for number, (name, camera, world) in enumerate(images, start=1):
        points = number % 3
        data += struct.pack('<I7dI', number, *_numbers(world), camera)
        data += name.encode() + b'\0' + struct.pack('<Q', points) + bytes(24 * points)
    (model / 'images.bin').write_bytes(data)
    if rigs:
        data = struct.pack('<Q', len(rigs))
        for rig, (first, others) in enumerate(rigs, start=1):
            data += struct.pack('<IIiI', rig, 1 + len(others), 0, first)
            for key, pose in others.items():
                data += struct.pack('<iIB7d', 0, key, 1, *_numbers(pose))
        (model / 'rigs.bin').write_bytes(data)
    return model
