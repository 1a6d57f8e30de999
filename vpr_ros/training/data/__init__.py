# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images for training: their sources, batches and augmentation."""

from vpr_ros.training.data.augmentation import Augmentation
from vpr_ros.training.data.batches import PlaceBatch, batch_loader
from vpr_ros.training.data.opening import open_source
from vpr_ros.training.data.source import PlaceSource, TrainingDataError

__all__ = [
    'Augmentation',
    'PlaceBatch',
    'PlaceSource',
    'TrainingDataError',
    'batch_loader',
    'open_source',
]
