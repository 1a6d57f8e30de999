# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of many robots on PostgreSQL: sessions pushed whole, pulled by region, searched there."""

from vpr_ros.fleet.fleet_map import FleetMap, FleetSession
from vpr_ros.fleet.fleet_retriever import FleetRetriever
from vpr_ros.fleet.publishing import delete
from vpr_ros.fleet.pulling import PullReport, open_copy, pull
from vpr_ros.fleet.pushing import Pushed, push
from vpr_ros.fleet.schema import initialise
from vpr_ros.fleet.server_connection import connected, explained
from vpr_ros.fleet.tidying import TidyReport, tidy

__all__ = [
    'FleetMap',
    'FleetRetriever',
    'FleetSession',
    'PullReport',
    'Pushed',
    'TidyReport',
    'connected',
    'delete',
    'explained',
    'initialise',
    'open_copy',
    'pull',
    'push',
    'tidy',
]
