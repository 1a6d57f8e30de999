# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""place_recognition_node with and without something to know probabilities by."""

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from vpr_ros.describe import Describer
from vpr_ros.maps import MapWriter

pytestmark = pytest.mark.ros
NODE = 'place_recognition_node'


def lines_with(node, text):
    return [line for line in node.output.splitlines() if text in line]


def test_filter_without_a_calibration_is_refused_with_what_to_do(start, listener):
    node = start(NODE, model='hog', calibration='none', temporal='sequence')
    listener.wait_until(lambda: lines_with(node, 'cannot start'), what='for the complaint')
    assert 'vpr calibrate' in lines_with(node, 'cannot start')[0]


def test_calibration_of_another_model_is_refused_with_the_reason(start, listener, tmp_path):
    from vpr_ros.localize import calibration_for

    path = tmp_path / 'nano.yaml'
    calibration_for(Describer('d2vpr-nano').model_info).save(path)
    node = start(NODE, model='hog', calibration=path)
    listener.wait_until(lambda: lines_with(node, 'cannot start'), what='for the complaint')
    assert 'another model' in lines_with(node, 'cannot start')[0]


def test_gate_on_a_map_without_a_datum_is_said_to_have_no_effect(start, listener, tmp_path):
    path = tmp_path / 'plain.vprmap'
    MapWriter.create(path, model=Describer('hog').model_info).close()
    node = start(NODE, model='hog', map_path=path, fix_gate=30.0)
    listener.wait_until(lambda: lines_with(node, 'no datum'), what='for the warning')
