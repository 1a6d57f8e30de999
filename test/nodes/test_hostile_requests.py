# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every service with any values in its request, over real DDS: each request is answered."""

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from hostile import examples, survived, tried
from hypothesis import given
from hypothesis import strategies as st
from node_samples import MODEL, make_map, message, picture
from ros_messages import any_message
from std_srvs.srv import SetBool, Trigger
from vpr_ros.msg import MapInfo
from vpr_ros.srv import DeleteSession, GetPlace, LoadMap, MergeMap, QueryPlace, SaveMap

from vpr_ros.maps import verify

pytestmark = [pytest.mark.ros, pytest.mark.hostile]
QUERY = {'image': message(picture(0), 1)}
SERVICES = {
    'place_recognition_node': {
        'get_place': (GetPlace, {'place_id': 1}),
        'load_map': (LoadMap, {'map_url': 'm.vprmap'}),
        'query': (QueryPlace, QUERY),
        'relocalize': (Trigger, {}),
        'save_map': (SaveMap, {'map_url': 'copy.vprmap'}),
    },
    'map_builder_node': {
        'clear_map': (Trigger, {}),
        'delete_session': (DeleteSession, {'session_id': 1}),
        'get_place': (GetPlace, {'place_id': 1}),
        'load_map': (LoadMap, {'map_url': 'm.vprmap'}),
        'merge_map': (MergeMap, {'map_url': 'm.vprmap'}),
        'save_map': (SaveMap, {'map_url': 'copy.vprmap'}),
        'set_mapping': (SetBool, {'data': True}),
    },
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize('name', SERVICES)
def test_any_request_is_answered_and_the_map_stays_sound(start, listener, tmp_path, name):
    path = make_map(tmp_path / 'm.vprmap', [picture(seed) for seed in range(4)])
    info = listener.collect_latched(MapInfo, f'/{name}/map_info')
    node = start(name, model=MODEL, map_path=path)
    listener.wait_until(lambda: info, what='for the map')
    clients = {
        service: listener.node.create_client(kind, f'/{name}/{service}')
        for service, (kind, _) in SERVICES[name].items()
    }
    for service, client in clients.items():
        listener.wait_until(client.service_is_ready, 30, f'for {service}')

    @examples(40, 600)
    @given(st.data())
    def tries(data):
        service = data.draw(st.sampled_from(sorted(clients)))
        kind, fields = SERVICES[name][service]
        request = data.draw(any_message(kind.Request(**fields)))
        answer = clients[service].call_async(request)
        listener.wait_until(answer.done, 30, f'for the answer of {service}')
        tried()
        said = answer.result()
        if getattr(said, 'result', 0) or not getattr(said, 'success', True):
            assert 0 < len(said.message) < 10_000
            survived()

    tries()
    assert node.alive
    assert 'Traceback' not in node.output
    assert node.stop() == 0
    assert verify(path) == []
    assert (
        list(tmp_path.parent.glob('*.vprmap')) == []
    )  # Nothing is written outside of its folder.
