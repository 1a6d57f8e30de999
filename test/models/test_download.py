# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Downloads from a real server on this machine that misbehaves as servers and networks do."""

import fcntl
import hashlib
import http.server
import re
import shutil
import socket
import threading
from collections import namedtuple
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.models.download import DownloadError, download

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves one file; what it does to each request in turn is told by `behaviours`.

    A behaviour is a number of bytes after which the connection is cut, an error status, or one of
    the words below; when they are used up, everything works.
    """

    def __init__(self, content=CONTENT):
        self.content = content
        self.behaviours = []
        self.ranges = []
        self.ranges_work = True
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *arguments):
                pass

        self._http = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._http.handle_error = lambda *arguments: None  # clients that hang up
        self.url = f'http://127.0.0.1:{self._http.server_port}/weights.pth'
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request):
        wanted = request.headers.get('Range')
        self.ranges.append(wanted)
        behaviour = self.behaviours.pop(0) if self.behaviours else None
        if behaviour in (404, 429, 500, 503):
            request.send_error(behaviour)
            return
        if behaviour == 'redirect':
            request.send_response(302)
            request.send_header('Location', self.url)
            request.end_headers()
            return
        start = 0
        if wanted and self.ranges_work:
            start = int(re.fullmatch(r'bytes=(\d+)-', wanted)[1])
            if start >= len(self.content):
                request.send_error(416)
                return
            request.send_response(206)
            shift = 1 if behaviour == 'shifted' else 0
            last = len(self.content) - 1
            content_range = f'bytes {start + shift}-{last}/{len(self.content)}'
            request.send_header('Content-Range', content_range)
        else:
            request.send_response(200)
        if behaviour != 'no length':
            request.send_header('Content-Length', str(len(self.content) - start))
        request.end_headers()
        end = start + behaviour if isinstance(behaviour, int) else None
        request.wfile.write(self.content[start:end])


@contextmanager
def serving(content=CONTENT):
    server = Server(content)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server():
    with serving() as server:
        yield server


def fetch(folder, *servers, sha256=SHA256, size=3_000_000, progress=None):
    target = folder / 'weights.pth'
    urls = [getattr(server, 'url', server) for server in servers]
    download(urls, target, sha256=sha256, size=size, progress=progress, pause=0.001)
    return target


def is_complete(folder):
    return [path.name for path in folder.iterdir()] == ['weights.pth'] and (
        folder / 'weights.pth'
    ).read_bytes() == CONTENT


def test_file_arrives_whole_and_progress_is_told(tmp_path, server):
    told = []
    fetch(tmp_path, server, progress=lambda *where: told.append(where))

    assert is_complete(tmp_path)
    assert told == sorted(told)
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_dropped_connection_is_taken_up_where_it_broke_off(tmp_path, server):
    server.behaviours = [1_000_000, 0, 503, 500_000]
    fetch(tmp_path, server)

    assert is_complete(tmp_path)
    starts = [None, *(['bytes=1000000-'] * 3), 'bytes=1500000-']
    assert server.ranges == starts


def test_next_attempt_goes_on_from_what_is_there(tmp_path, server):
    server.behaviours = [2_000_000, 404]
    with pytest.raises(DownloadError, match=r'404 Not Found.*2\.0 MB are kept'):
        fetch(tmp_path, server)
    assert [path.name for path in tmp_path.iterdir()] == ['weights.pth.part']

    fetch(tmp_path, server)
    assert is_complete(tmp_path)
    assert server.ranges[-1] == 'bytes=2000000-'


def test_complete_part_is_only_checked(tmp_path, server):
    (tmp_path / 'weights.pth.part').write_bytes(CONTENT)
    fetch(tmp_path, server)

    assert is_complete(tmp_path)


@pytest.mark.parametrize('garbage', [b'x' * 1000, CONTENT[:-1] + b'x', CONTENT + b'x'], ids=len)
def test_bad_beginning_is_thrown_away(tmp_path, server, garbage):
    (tmp_path / 'weights.pth.part').write_bytes(garbage)
    fetch(tmp_path, server)

    assert is_complete(tmp_path)


def test_server_without_ranges_is_asked_for_everything_again(tmp_path, server):
    server.ranges_work = False
    server.behaviours = [1_000_000]
    fetch(tmp_path, server)

    assert is_complete(tmp_path)


def test_server_that_does_not_say_how_long_the_file_is(tmp_path, server):
    server.behaviours = ['no length']
    fetch(tmp_path, server)

    assert is_complete(tmp_path)


def test_redirect_keeps_the_range(tmp_path, server):
    (tmp_path / 'weights.pth.part').write_bytes(CONTENT[:7])
    server.behaviours = ['redirect']
    fetch(tmp_path, server)

    assert is_complete(tmp_path)
    assert server.ranges == ['bytes=7-'] * 2


def test_wrong_checksum_leaves_nothing(tmp_path, server):
    with pytest.raises(DownloadError, match=f'sha256 {SHA256}, not 00'):
        fetch(tmp_path, server, sha256='00' * 32)

    assert not list(tmp_path.iterdir())


def test_file_whose_checksum_nobody_states_arrives_whole(tmp_path, server):
    server.behaviours = [100_000, 1_000_000]
    fetch(tmp_path, server, sha256='')
    assert is_complete(tmp_path)
    assert len(server.ranges) == 3


def test_other_part_than_asked_for_is_refused(tmp_path, server):
    (tmp_path / 'weights.pth.part').write_bytes(CONTENT[:7])
    server.behaviours = ['shifted']
    with pytest.raises(DownloadError, match='another part'):
        fetch(tmp_path, server)


def test_mirror_goes_on_where_the_first_server_failed(tmp_path, server):
    with serving() as other:
        server.behaviours = [1_000_000, 404]
        fetch(tmp_path, server, other)

        assert is_complete(tmp_path)
        assert other.ranges == ['bytes=1000000-']


def test_mirror_replaces_a_file_that_was_changed(tmp_path, server):
    with serving(b'<html>please log in</html>') as changed:
        fetch(tmp_path, changed, server)

    assert is_complete(tmp_path)


def test_missing_file_is_said_for_every_server(tmp_path, server):
    with serving() as other:
        server.behaviours, other.behaviours = [404], [404]
        with pytest.raises(DownloadError) as caught:
            fetch(tmp_path, server, other)

        assert server.url in str(caught.value)
        assert other.url in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_busy_server_is_given_up_after_a_few_tries(tmp_path, server):
    server.behaviours = [503] * 100
    with pytest.raises(DownloadError, match='503'):
        fetch(tmp_path, server)

    assert len(server.ranges) < 10


def test_endless_stream_is_cut_off(tmp_path, server):
    with pytest.raises(DownloadError, match='more than'):
        fetch(tmp_path, server, size=100_000)

    assert not list(tmp_path.iterdir())


def test_nobody_listening_is_said_at_once(tmp_path):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{taken.getsockname()[1]}/x'
        with pytest.raises(DownloadError, match='refused'):
            fetch(tmp_path, url)


def test_name_that_cannot_be_looked_up_asks_for_a_network(tmp_path, monkeypatch):
    def lookup(*arguments, **options):
        raise socket.gaierror(socket.EAI_AGAIN, 'Temporary failure in name resolution')

    monkeypatch.setattr(socket, 'getaddrinfo', lookup)
    with pytest.raises(DownloadError, match='is there a network'):
        fetch(tmp_path, 'http://weights.example/x')


def test_silent_server_is_not_waited_for_forever(tmp_path, monkeypatch):
    monkeypatch.setattr('vpr_ros.models.download._TIMEOUT', 0.2)
    with (
        socket.create_server(('127.0.0.1', 0)) as silent,
        pytest.raises(DownloadError, match='nothing came'),
    ):
        fetch(tmp_path, f'http://127.0.0.1:{silent.getsockname()[1]}/x')


def test_second_process_is_told_of_the_first(tmp_path, server):
    with (tmp_path / 'weights.pth.part').open('ab') as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match='by another process'):
            fetch(tmp_path, server)


def test_full_disk_is_noticed_before_anything_is_downloaded(tmp_path, server, monkeypatch):
    usage = namedtuple('usage', 'total used free')(100, 99, 1)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage)
    with pytest.raises(DownloadError, match='has room for'):
        fetch(tmp_path, server)

    assert not server.ranges


@settings(max_examples=25)
@given(
    behaviours=st.lists(
        st.integers(1000, 3_000_000) | st.sampled_from([429, 500, 503, 'redirect', 'no length']),
        max_size=8,
    ),
    ranges_work=st.booleans(),
    begun=st.integers(0, len(CONTENT)),
)
def test_whatever_happens_the_file_is_right_or_not_there(
    tmp_path_factory, behaviours, ranges_work, begun
):
    folder = tmp_path_factory.mktemp('download')
    (folder / 'weights.pth.part').write_bytes(CONTENT[:begun])
    with serving() as server:
        server.behaviours, server.ranges_work = list(behaviours), ranges_work
        try:
            fetch(folder, server)
        except DownloadError:
            assert not (folder / 'weights.pth').exists()
            server.behaviours = []
            fetch(folder, server)
    assert is_complete(folder)
