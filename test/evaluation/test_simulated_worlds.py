# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from vpr_ros.describe import Describer
from vpr_ros.evaluation import simulated_worlds
from vpr_ros.evaluation.metrics import Tolerance, localisable, pose_rows
from vpr_ros.evaluation.simulated_worlds import SIMULATED_WORLDS, map_drive
from vpr_ros.inputs.bags import Bag
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.maps import PlaceMap


def test_second_drive_leads_past_the_places_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated_worlds, '_FRAMES', 6)
    told = []
    world = next(each for each in SIMULATED_WORLDS if each.layout == 'building')

    def note(done, total):
        told.append((done, total))

    first, second = (world.render(tmp_path, again=again, progress=note) for again in (False, True))
    assert told[-1] == (6, 6)
    map_drive(first, tmp_path / 'm.vprmap', Describer('hog'), note)
    with PlaceMap.open(tmp_path / 'm.vprmap') as place_map, Bag(second) as bag:
        places = place_map.snapshot.columns.poses
        frames = replay_frames(bag, '/camera/image_raw/compressed', '/odom')
        poses = pose_rows(reading.pose for _, reading in frames)
    assert len(places) == 3
    assert localisable(poses, places, Tolerance(5.0)).all()


def test_worlds_differ():
    assert len({world.layout for world in SIMULATED_WORLDS}) == len(SIMULATED_WORLDS)
    assert all(world.mapped != world.asked for world in SIMULATED_WORLDS)
