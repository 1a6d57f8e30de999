# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from vpr_ros.errors import MapError
from vpr_ros.mapping import MapBuilder
from vpr_ros.maps import MapWriter
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('test-net', 'weights', 16, 0, 'none', trained=False)


def test_first_place_that_cannot_be_stored_leaves_no_session(tmp_path):
    path = tmp_path / 'town.vprmap'
    frame = SimpleNamespace(stamp=5, camera='')
    with MapWriter.create(path, MODEL) as writer:
        before = path.read_bytes()
        builder = MapBuilder(writer, describer=None, session='morning')
        with pytest.raises(MapError, match='norm'):
            builder.add(frame, None, Description(np.ones(16, np.float32)))
        assert builder.session is None
        assert writer.session_list() == ()
        assert builder.add(frame, None, Description(np.full(16, 0.25, np.float32))) == 1
        assert [session.name for session in writer.session_list()] == ['morning']
        assert builder.session == 1
    assert path.read_bytes() != before
