# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Visual place recognition for ROS 2: tells a robot where it is from what its camera sees."""

import os

# The threads of torch and faiss wait for each other, by default by spinning. Where other
# processes want the processors too, as on every robot, each wait then lasts until the scheduler
# comes round: describing an image took 20 times longer. OpenMP reads this when it is loaded, so
# it is set here, before any module of ours imports either.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

__version__ = '0.1.0'
