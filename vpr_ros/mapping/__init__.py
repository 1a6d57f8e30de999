# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Building maps: which frames become places, and how they get into the file."""

from vpr_ros.mapping.builder import MapBuilder, map_bag
from vpr_ros.mapping.keyframes import KeyframeConfig, KeyframeGate

__all__ = ['KeyframeConfig', 'KeyframeGate', 'MapBuilder', 'map_bag']
