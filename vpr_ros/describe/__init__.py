# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From an image to its description: preprocessing, device, network."""

from vpr_ros.describe.describer import Describer
from vpr_ros.describe.runtime import DeviceError, configure_threads

__all__ = ['Describer', 'DeviceError', 'configure_threads']
