# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finding the places of a map that look like an image: binary codes first, then floats."""

from vpr_ros.search.candidates import Candidates
from vpr_ros.search.retriever import Retriever, Searcher
from vpr_ros.search.window import Apart, Window

__all__ = ['Apart', 'Candidates', 'Retriever', 'Searcher', 'Window']
