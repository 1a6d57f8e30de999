# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small data sets on disk, and describers for them, for the tests."""

from __future__ import annotations

import cv2
import numpy as np

from vpr_ros.types import Description, ModelInfo


def picture(seed: int, noise: float = 0.0) -> np.ndarray:
    """Return one of many different pictures; with noise, the same place another time."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3)).astype(np.float32)
    image = cv2.resize(coarse, (80, 60), interpolation=cv2.INTER_CUBIC)
    image += np.random.default_rng(seed + 1000).normal(0, noise + 1e-9, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def utm_name(east: float, north: float, *, zone: str = '32@U', key: str = '', note: str = ''):
    """Return a complete name of the convention."""
    return f'@{east:010.2f}@{north:010.2f}@{zone}@050.00000@0009.00000@{key}@@@@@@@{note}@.jpg'


def write(folder, named):
    """Write pictures by name and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in named.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # OpenCV opens no names with some characters on some systems; bytes always work.
        path.write_bytes(cv2.imencode('.jpg', image)[1].tobytes())
    return folder


def street(root, places=12, queries=12, *, gap=10.0, zone='32@U', start=0.0):
    """Write a street of places `gap` metres apart, seen twice, and return its root."""
    base = root / 'images' / 'test'
    write(
        base / 'database',
        {
            utm_name(500_000 + gap * i, 5_500_000, zone=zone, key=f'db{i}'): picture(i)
            for i in range(places)
        },
    )
    write(
        base / 'queries',
        {
            utm_name(500_001 + start + gap * i, 5_500_000, zone=zone, key=f'q{i}'): picture(i, 25)
            for i in range(queries)
        },
    )
    return root


class GreyDescriber:
    """Describes by a small grey picture; counts what it was asked for."""

    def __init__(self, dim: int = 64, code_bits: int = 0, fail_after: int | None = None) -> None:
        self.model_info = ModelInfo('grey', 'none', dim, code_bits, 'resize 8', trained=True)
        self.batches: list[int] = []
        self.fail_after = fail_after

    def describe(self, images):
        if self.fail_after is not None and sum(self.batches) >= self.fail_after:
            raise KeyboardInterrupt
        self.batches.append(len(images))
        return [self._one(image) for image in images]

    def _one(self, image):
        small = cv2.resize(image, (8, self.model_info.descriptor_dim // 8)).mean(axis=2).ravel()
        values = (small - small.mean()).astype(np.float32)
        values /= np.linalg.norm(values) + 1e-9
        code = np.packbits(values > 0) if self.model_info.code_bits else None
        return Description(values, code)


class CompanyDescriber(GreyDescriber):
    """Like a cross-image encoder: mixes the mean of the batch into every descriptor."""

    def describe(self, images):
        plain = [d.descriptor for d in super().describe(images)]
        mixed = [0.7 * d + 0.3 * np.mean(plain, axis=0) for d in plain]
        return [Description((m / np.linalg.norm(m)).astype(np.float32)) for m in mixed]
