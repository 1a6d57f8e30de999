# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The cross-image encoder of CricaVPR and D²-VPR."""

from __future__ import annotations

from torch import nn


def cross_image_encoder(channels: int) -> nn.TransformerEncoder:
    """Return an encoder of regions (B, R, C) that takes the *batch* as its sequence.

    Each of the R regions attends to the same region of the other images, never to the other
    regions of its own image.
    """
    layer = nn.TransformerEncoderLayer(channels, 16, 2048, dropout=0.1, activation='gelu')
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
