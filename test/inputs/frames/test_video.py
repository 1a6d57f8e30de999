# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import math
import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import blocks

from vpr_ros.inputs.frames import Video, VideoError, VideoFrame, is_video
from vpr_ros.inputs.frames.video import _from_first

KINDS = {'.mp4': 'mp4v', '.avi': 'MJPG', '.mov': 'mp4v', '.mkv': 'mp4v', '.MP4': 'mp4v'}
SECOND = 10**9


def film(path, pictures, rate=10.0):
    """Write RGB pictures as a video."""
    height, width = pictures[0].shape[:2]
    fourcc = cv2.VideoWriter.fourcc(*KINDS[path.suffix])
    writer = cv2.VideoWriter(str(path), fourcc, rate, (width, height))
    assert writer.isOpened()
    for rgb in pictures:
        writer.write(np.ascontiguousarray(rgb[..., ::-1]))
    writer.release()
    return path


def shades(count):
    """Return pictures whose brightness tells their number."""
    return [np.full((48, 64, 3), 10 * i, np.uint8) for i in range(count)]


def number_of(rgb):
    return round(float(rgb.mean()) / 10)


def turned(path, cosine, sine):
    """Say in the header of an MP4 that the picture is to be turned to the right by an angle."""
    data = bytearray(path.read_bytes())
    matrix = cosine << 16, sine << 16, 0, -(sine << 16), cosine << 16, 0, 0, 0, 1 << 30
    struct.pack_into('>9i', data, data.index(b'tkhd') + 44, *matrix)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('kind', KINDS)
def test_frames_come_with_their_times(tmp_path, kind):
    path = film(tmp_path / f'drive{kind}', shades(12))
    assert is_video(path)
    video = Video(path)
    assert video.stamps == pytest.approx([i * SECOND // 10 for i in range(12)], abs=10**6)
    assert [number_of(video.rgb(i)) for i in range(12)] == list(range(12))


def test_frames_are_found_in_any_order(tmp_path):
    video = Video(film(tmp_path / 'drive.mp4', shades(12)))
    assert [number_of(video.rgb(i)) for i in (7, 7, 3, 11, 0)] == [7, 7, 3, 11, 0]


def test_a_frame_names_itself_by_its_time(tmp_path):
    video = Video(film(tmp_path / 'drive.mp4', shades(12)))
    frame = VideoFrame(video, 5)
    assert (frame.path.name, frame.stamp) == ('drive.mp4#t=0.500', SECOND // 2)
    assert VideoFrame(video, 5, 7).stamp == 7
    assert number_of(frame.rgb) == 5


def test_frames_are_chosen_so_many_seconds_apart(tmp_path):
    video = Video(film(tmp_path / 'drive.mp4', shades(12)))
    assert video.chosen(0.5) == [0, 5, 10]
    assert video.chosen(0) == list(range(12))
    assert video.chosen(60) == [0]


@pytest.mark.parametrize(
    ('cosine', 'sine', 'quarters'), [(1, 0, 0), (0, 1, 3), (-1, 0, 2), (0, -1, 1)]
)
def test_the_picture_is_turned_as_the_phone_was(tmp_path, cosine, sine, quarters):
    rgb = blocks(2, 48, 64)
    found = Video(turned(film(tmp_path / 'portrait.mp4', [rgb] * 3), cosine, sine)).rgb(1)
    upright = np.rot90(rgb, quarters)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 12


@pytest.mark.parametrize(
    ('content', 'reason'),
    [(b'', 'cannot be read as a video'), (b'no video' * 99, 'cannot be read as a video')],
)
def test_what_is_no_video_is_refused(tmp_path, content, reason):
    (tmp_path / 'drive.mp4').write_bytes(content)
    with pytest.raises(VideoError, match=rf'drive\.mp4 {reason}'):
        Video(tmp_path / 'drive.mp4')


def test_a_video_without_frames_is_refused(tmp_path):
    path = film(tmp_path / 'drive.avi', shades(3))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b'movi') + 4])  # Only the header is left.
    with pytest.raises(VideoError, match=r'drive\.avi.*(no frame|cannot be read)'):
        Video(path)


def test_a_missing_file_and_a_folder_are_no_videos(tmp_path):
    (tmp_path / 'folder.mp4').mkdir()
    assert not is_video(tmp_path / 'folder.mp4')
    for name in ('folder.mp4', 'gone.mp4'):
        with pytest.raises(VideoError, match=f'{name} is no file'):
            Video(tmp_path / name)


def test_a_video_that_was_cut_short_is_read_as_far_as_it_goes(tmp_path, caplog):
    path = film(tmp_path / 'drive.avi', [blocks(i, 48, 64) for i in range(30)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    video = Video(path)
    assert 5 < len(video.stamps) < 25
    assert 'damaged, or was cut' in caplog.text
    assert video.rgb(len(video.stamps) - 1).shape == (48, 64, 3)


def timed(path, durations):
    """Give the frames of an MP4 durations of their own, in units of its time scale."""
    data = bytearray(path.read_bytes().replace(b'edts', b'free'))  # It would end the video.
    at = data.index(b'stts') - 4
    old = int.from_bytes(data[at : at + 4], 'big')
    entries = b''.join(struct.pack('>II', 1, duration) for duration in durations)
    atom = b'stts' + bytes(4) + struct.pack('>I', len(durations)) + entries
    data[at : at + old] = struct.pack('>I', len(atom) + 4) + atom
    for name in (b'moov', b'trak', b'mdia', b'minf', b'stbl'):
        parent = data.index(name) - 4
        size = int.from_bytes(data[parent : parent + 4], 'big')
        struct.pack_into('>I', data, parent, size + len(atom) + 4 - old)
    path.write_bytes(data)
    return path


def test_a_variable_frame_rate_is_read(tmp_path):
    path = film(tmp_path / 'phone.mp4', shades(6))
    data = path.read_bytes()
    assert data.index(b'moov') > data.index(b'mdat')  # No offset into the frames changes.
    scale = int.from_bytes(data[data.index(b'mdhd') + 16 : data.index(b'mdhd') + 20], 'big')
    seconds = [0.1, 0.1, 0.5, 0.1, 1.2, 0.1]
    video = Video(timed(path, [round(scale * duration) for duration in seconds]))
    wanted = np.cumsum([0, *seconds[:-1]])
    np.testing.assert_allclose(np.array(video.stamps) / SECOND, wanted, atol=1e-3)
    assert number_of(video.rgb(4)) == 4


SCENES = Path(__file__).parents[2] / 'data' / 'videos'
TIMES = [0, 33, 66, 100, 133, 500, 533, 566, 1200, 1233, 1300, 1400, 1433, 1466, 2500, 2533, 2566]
TIMES += [2600, 2633, 2700]
"""Of the frames of these, milliseconds."""


def written_number(rgb):
    """Return the number that a frame of these shows in squares."""
    squares = (rgb[72:90, 16 * bit + 36 : 16 * bit + 44].mean() > 128 for bit in range(6))
    return sum(int(white) << bit for bit, white in enumerate(squares))


@pytest.mark.parametrize(
    ('name', 'quarters'),
    [('phone.mov', 3), ('phone.mp4', 1), ('recorder.mkv', 0), ('browser.webm', 0)],
)
def test_videos_of_phones_recorders_and_browsers_are_upright_and_timed(name, quarters, caplog):
    video = Video(SCENES / name)
    pictures = [np.rot90(video.rgb(i), -quarters) for i in range(len(video.stamps))]
    assert [written_number(picture) for picture in pictures] == list(range(20))
    assert pictures[0][4:28, 4:28].mean((0, 1)) == pytest.approx([235, 20, 20], abs=12)
    # OpenCV 4.6 does not know the times of the last frames.
    known = 20 if cv2.__version__ >= '4.8' else 17
    found = np.array(video.stamps) / 1e6
    np.testing.assert_allclose(found[:known], TIMES[:known], atol=1)
    np.testing.assert_allclose(found[known:], TIMES[known:], atol=70)
    assert 'damaged' not in caplog.text


def test_a_codec_that_opencv_lacks_is_named_with_the_way_out():
    try:
        assert len(Video(SCENES / 'screen.mp4').stamps) == 20  # AV1, which few have
    except VideoError as error:
        assert re.search(r'codec (av01|AV01).*ffmpeg -i screen\.mp4', str(error))  # noqa: PT017


def test_a_recording_that_ends_early_is_told_where_only_its_length_is_known(tmp_path, caplog):
    path = film(tmp_path / 'drive.mkv', [blocks(i, 48, 64) for i in range(30)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    assert 5 < len(Video(path).stamps) < 15
    assert 'damaged, or was cut' in caplog.text


def test_a_variable_frame_rate_is_kept():
    positions = [0.0, 33.0, 66.0, 500.0, 533.0]
    assert _from_first(positions, 1)[0] == [round(p * 1e6) for p in positions]


def test_frames_without_times_follow_as_most_do_or_at_the_frame_rate():
    assert _from_first([0.0, 33.0, 66.0, 500.0, 533.0, 0.0, 0.0], 1) == (
        [0, 33 * 10**6, 66 * 10**6, 500 * 10**6, 533 * 10**6, 566 * 10**6, 599 * 10**6],
        2,
    )
    assert _from_first([40.0, 40.0, 40.0], 7) == ([0, 7, 14], 2)
    assert _from_first([0.0, math.nan, 100.0], 7) == ([0, 7, 10**8], 1)


@given(st.lists(st.floats(), max_size=20), st.integers(1, 10**9))
def test_stamps_grow_whatever_a_video_says(positions, period):
    stamps, _ = _from_first(positions, period)
    assert stamps[:1] == [0] * bool(positions)
    assert all(later > earlier for earlier, later in itertools.pairwise(stamps))
