# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loop closures judged, on a traverse of easily told places."""

import json
import math

import cv2
import numpy as np
import pytest
from camera_bags import write_drive
from evaluation_bags import PLACES, SampleDescriber, look, write_traverse

from vpr_ros.cli.main import main
from vpr_ros.errors import VprError
from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.bag_evaluation import frame_pictures
from vpr_ros.evaluation.loop_evaluation import TruthByPairs, TruthByPoses, evaluate_loops
from vpr_ros.evaluation.loop_report import render_loop_report
from vpr_ros.evaluation.loop_results import LoopEvaluation, LoopRecord, LoopSetup
from vpr_ros.evaluation.words import loop_verdict
from vpr_ros.geometry import Pose
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.localize import Localizer
from vpr_ros.loops import LoopConfig, LoopDetector
from vpr_ros.mapping import KeyframeConfig, MapBuilder
from vpr_ros.maps import MapWriter
from vpr_ros.search import Retriever

SETUP = LoopSetup(
    'laps', SampleDescriber.model_info, 'within 0.5 m', '3 keyframes', verified=False
)


@pytest.fixture(scope='module')
def laps(tmp_path_factory):
    """Two laps past the same places; on the second, place 4 looks like place 9."""
    second = [look(2 if i == 4 else i, noise=8) for i in range(PLACES)]
    pictures = [look(i) for i in range(PLACES)] + second
    return write_traverse(
        tmp_path_factory.mktemp('laps') / 'laps', pictures, [*range(PLACES), *range(PLACES)]
    )


@pytest.fixture(scope='module')
def evaluation(laps, tmp_path_factory):
    path = tmp_path_factory.mktemp('map') / 'laps.vprmap'
    config = LoopConfig(time=8, distance=0, keyframes=3)
    with MapWriter.create(path, SampleDescriber.model_info) as place_map, Bag(laps) as bag:
        detector = LoopDetector(
            place_map,
            MapBuilder(place_map, SampleDescriber(), KeyframeConfig(0.1)),
            Localizer(SampleDescriber(), Retriever(place_map)),
            config,
        )
        topics = choose_topics(bag)
        frames = replay_frames(bag, topics.image.name, topics.pose.name)
        return evaluate_loops(frames, detector, config, TruthByPoses(Tolerance(0.5)), SETUP)


def test_right_and_wrong_loops_are_counted(evaluation):
    s = evaluation.summary
    assert s.keyframes == 2 * PLACES
    assert s.revisits == PLACES
    assert (s.accepted, s.right, s.wrong) == (PLACES, PLACES - 1, 1)
    assert s.precision_accepted == s.recall_accepted == pytest.approx((PLACES - 1) / PLACES)
    assert [i for i, r in enumerate(evaluation.records) if r.kind == 'wrong'] == [PLACES + 4]
    assert evaluation.records[PLACES + 4].match == 2
    assert evaluation.records[PLACES + 4].true_match == 4


def test_first_lap_has_no_revisits_and_closes_nothing(evaluation):
    first = evaluation.records[:PLACES]
    assert not any(record.revisit or record.announced for record in first)


def record(number, **changes):
    values = {
        'place_id': number + 1,
        'stamp': number,
        'pose': Pose.planar(number, 0, 0).as_array(),
        'status': 'ACCEPTED',
        'reason': '',
        'match': None,
        'similarity': 0.5,
        'inliers': None,
        'announced': False,
        'right': None,
        'revisit': False,
    }
    return LoopRecord(**{**values, **changes})


def test_measured_transform_is_compared_with_the_true_one():
    transform = Pose.planar(1.3, 0.4, 0.1).as_array()
    loop = record(1, match=0, announced=True, right=True, revisit=True, transform=transform)
    s = LoopEvaluation(SETUP, (record(0), loop)).summary
    assert s.measured == 1
    assert s.position_error[50.0] == pytest.approx(0.5)
    assert s.angle_error[50.0] == pytest.approx(0.1)


def test_keyframes_whose_truth_is_unknown_do_not_count():
    loop = record(1, match=0, announced=True, revisit=None, pose=None)
    s = LoopEvaluation(SETUP, (record(0), loop)).summary
    assert (s.accepted, s.right, s.wrong, s.revisits) == (1, 0, 0, 0)
    assert math.isnan(s.precision_accepted)
    assert 'ground truth is unknown' in loop_verdict(s)


def test_nothing_at_all_has_no_figures_but_a_loop_verdict():
    s = LoopEvaluation(SETUP, ()).summary
    assert math.isnan(s.recall_accepted)
    assert 'No loop' in loop_verdict(s)


def test_verdict_counts_one_as_one():
    loop = record(1, match=0, announced=True, right=True, revisit=True)
    one = loop_verdict(LoopEvaluation(SETUP, (record(0), loop)).summary)
    assert one == (
        '2 keyframes, of which 1 shows a place that was seen before. '
        '1 loop was announced, and correct.'
    )


def test_inliers_are_the_score_where_pictures_were_compared():
    assert record(0, inliers=12).score == 12
    assert record(0).score == 0.5


def test_json_is_strict_and_holds_every_keyframe(evaluation):
    data = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert data['schema'] == 'vpr_ros/loops'
    assert data['summary']['wrong'] == 1
    assert len(data['keyframes']) == 2 * PLACES
    assert data['keyframes'][0]['similarity'] is None


def test_report_shows_wrong_loops_with_both_ends(evaluation, laps):
    with Bag(laps) as bag:
        page = render_loop_report(evaluation, frame_pictures(bag, '/image'))
    assert '1 of them wrong' in page
    # Place 5, come again as keyframe 17, looks like place 3; both count from 1, as reasons do.
    assert 'keyframe 17 and 3' in page
    assert page.count('data:image/jpeg') >= 4
    assert 'http' not in page.replace('http://www.w3.org', '')


def test_report_tells_the_distance_of_the_ends_from_the_error_of_the_measure():
    transform = Pose.planar(6.3, 0.4, 0).as_array()
    loop = record(6, match=0, announced=True, right=False, revisit=False, transform=transform)
    traverse = LoopEvaluation(SETUP, (*map(record, range(6)), loop))
    page = render_loop_report(traverse, lambda _stamps: [])
    assert '6.0 m apart · relative pose 0.50 m off' in page


def test_pairs_of_frames_can_say_what_is_right(tmp_path):
    (tmp_path / 'pairs.csv').write_text('query,match,similarity\n5,2,0.4\n')
    truth = TruthByPairs.read(tmp_path / 'pairs.csv', 1)
    poses = np.full((5, 7), np.nan)
    assert truth.earlier(4, poses).tolist() == [True, True, True, False]
    assert not truth.earlier(3, poses[:4]).any()


@pytest.mark.parametrize('text', ['a,b\n1,2\n', 'query,match\n1,x\n'])
def test_table_of_something_else_is_refused(tmp_path, text):
    (tmp_path / 'pairs.csv').write_text(text)
    with pytest.raises(VprError, match=r'query(,| and) match'):
        TruthByPairs.read(tmp_path / 'pairs.csv')


def test_command_judges_a_folder_by_pairs_and_writes_what_it_is_asked_for(tmp_path, capsys):
    folder = tmp_path / 'images'
    folder.mkdir()
    for i in range(24):
        blocks = np.random.default_rng(i % 12).integers(0, 256, (15, 20, 3), np.uint8)
        cv2.imwrite(str(folder / f'{i + 1}.png'), blocks.repeat(12, 0).repeat(12, 1))
    rows = [f'{i},{i - 12}' for i in range(13, 25)]
    (tmp_path / 'pairs.csv').write_text('\n'.join(['query,match', *rows]))
    arguments = ['--pairs', str(tmp_path / 'pairs.csv'), '--pair-tolerance', '0', '--model', 'hog']
    files = ['--output', str(tmp_path / 'l.json'), '--report', str(tmp_path / 'l.html')]
    options = ['--verify', 'sift', '--exclude-keyframes', '5', *files]
    with pytest.raises(SystemExit) as end:
        main(['evaluate', 'loops', str(folder), *arguments, *options])
    assert end.value.code == 0
    summary = json.loads((tmp_path / 'l.json').read_text('utf-8'))['summary']
    assert (summary['revisits'], summary['right'], summary['wrong']) == (12, 12, 0)
    assert (tmp_path / 'l.html').stat().st_size > 10_000
    assert 'all of them correct' in capsys.readouterr().out


def test_a_drive_by_odometry_gets_no_advice_about_later_sessions(tmp_path, caplog):
    bag = write_drive(tmp_path / 'drive')
    with pytest.raises(SystemExit) as end:
        main(['evaluate', 'loops', str(bag), '--image-topic', '/rear/image_raw', '--model', 'hog'])
    assert not end.value.code
    assert 'later session' not in caplog.text


def test_folder_without_pairs_is_refused_with_advice(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(['evaluate', 'loops', str(tmp_path), '--model', 'hog'])
    assert end.value.code == 2
    assert '--pairs' in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--output', '--report'])
def test_missing_folder_is_told_before_the_work(tmp_path, capsys, option):
    nowhere = tmp_path / 'no' / 'file'
    assert main(['evaluate', 'loops', str(tmp_path), '--model', 'hog', option, str(nowhere)]) == 1
    assert 'no folder' in capsys.readouterr().err
