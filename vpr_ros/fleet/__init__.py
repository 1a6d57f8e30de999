# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of many robots on a Qdrant server: sessions pushed, pulled, and searched there."""

from vpr_ros.fleet.remote_map import RemoteMap
from vpr_ros.fleet.remote_retriever import RemoteRetriever

__all__ = ['RemoteMap', 'RemoteRetriever']
