# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The one place where torch, OpenCV and faiss get their order and their threads.

torch and faiss each bring an OpenMP runtime; which of them is loaded first, and how many threads
each starts, has made processes crash or crawl (faiss issues 2555, 3401, 4273). Whoever uses both
calls `configure_threads` before the first of them works.
"""

from __future__ import annotations

import importlib
import importlib.util
import os

import cv2
import torch  # before faiss, always: this module is where both meet

from vpr_ros.errors import VprError


class DeviceError(VprError):
    """A device to compute on that is unknown or absent."""


def available_cpus() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def configure_threads(threads: int | None = None) -> int:
    """Load torch, then faiss where it is installed, and give each the same number of threads.

    Args:
        threads: Threads each library may use; None for all processors of this process.

    Returns:
        The number that was set.

    Raises:
        ValueError: ``threads`` is below one.
    """
    count = available_cpus() if threads is None else threads
    if count < 1:
        msg = f'threads must be at least 1, not {threads}'
        raise ValueError(msg)
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    if importlib.util.find_spec('faiss') is not None:
        importlib.import_module('faiss').omp_set_num_threads(count)
    return count


def choose_device(device: str) -> torch.device:
    """Return the device to run on; ``auto`` is CUDA where it works, else the CPU.

    Raises:
        DeviceError: The device is unknown or absent.
    """
    if device == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        msg = f'unknown device {device!r}; use auto, cpu, cuda or cuda:N'
        raise DeviceError(msg) from error
    if chosen.type == 'cuda' and not torch.cuda.is_available():
        msg = f'device {device!r} was asked for, but torch finds no CUDA device'
        raise DeviceError(msg)
    return chosen
