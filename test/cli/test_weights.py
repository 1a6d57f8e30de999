# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr weights`` from the command line to the file that a describer finds."""

import functools
import hashlib
import http.server
import json
import threading
from dataclasses import asdict, replace

import pytest
import torch

from vpr_ros import models
from vpr_ros.cli import main as cli
from vpr_ros.models.vit import ViTConfig

SMALL = ViTConfig(width=96, depth=1, heads=3)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path / 'weights'))
    small = replace(models.registration('dinov2-vits14'), options=asdict(SMALL))
    monkeypatch.setitem(models.registry._BY_NAME, small.name, small)
    return tmp_path / 'weights'


@pytest.fixture
def original(tmp_path):
    """Return a published file of a small backbone."""
    backbone = models.create('cricavpr', vit=SMALL).backbone
    state = {k: v for k, v in backbone.state_dict().items() if 'adapter' not in k}
    (tmp_path / 'www').mkdir()
    path = tmp_path / 'www' / 'dinov2_vits14_pretrain.pth'
    torch.save(state, path)
    return path


@pytest.fixture
def published(original, monkeypatch):
    """Publish it on a server of this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=original.parent)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    backbone = models.registration('dinov2-vits14')
    entry = replace(
        backbone.weights,
        urls=(f'http://127.0.0.1:{server.server_port}/{original.name}',),
        sha256=hashlib.sha256(original.read_bytes()).hexdigest(),
    )
    monkeypatch.setitem(
        models.registry._BY_NAME, 'dinov2-vits14', replace(backbone, weights=entry)
    )
    yield entry
    server.shutdown()
    server.server_close()


def vpr(*arguments):
    try:
        return cli.main(['weights', *map(str, arguments)])
    except SystemExit as end:
        return end.code


def listed(capsys):
    assert vpr('list', '--json') == 0
    return {entry['name']: entry for entry in json.loads(capsys.readouterr().out)['weights']}


def test_list_names_size_digest_licence_source_and_whether_it_is_there(capsys):
    entries = listed(capsys)
    assert 'hog' not in entries

    base = entries['selavprpp-base']
    assert (base['size'], base['licence'], base['path']) == (513_995_711, 'MIT', None)
    assert base['sha256'].startswith('da31138202b9')
    assert entries['d2vpr']['state'] == 'no, and by browser only'
    assert vpr('list') == 0
    assert 'dinov2-vitl14' in capsys.readouterr().out


def test_fetched_weights_are_converted_and_listed(folder, published, capsys):
    assert vpr('fetch', 'dinov2-vits14') == 0
    assert [path.name for path in folder.iterdir()] == ['dinov2-vits14.safetensors']
    capsys.readouterr()

    entry = listed(capsys)['dinov2-vits14']
    assert entry['state'] == 'yes'
    assert entry['origin']['source_sha256'] == published.sha256
    assert entry['origin']['licence'] == 'Apache-2.0'


def test_weights_are_fetched_again_only_by_force(folder, published, capsys):
    folder.mkdir()
    (folder / 'dinov2-vits14.safetensors').write_bytes(b'damaged')
    assert listed(capsys)['dinov2-vits14']['state'].startswith('damaged')
    assert vpr('fetch', 'dinov2-vits14') == 0
    assert 'already there' in capsys.readouterr().out
    assert vpr('fetch', 'dinov2-vits14', '--force') == 0
    assert models.load_weights(folder / 'dinov2-vits14.safetensors')


def test_file_that_was_tampered_with_is_not_kept(folder, published, original, capsys):
    original.write_bytes(original.read_bytes() + b'x')
    assert vpr('fetch', 'dinov2-vits14') == 1
    error = capsys.readouterr().err
    assert published.sha256 in error
    assert 'vpr weights convert FILE dinov2-vits14' in error
    assert not list(folder.iterdir())


def test_file_that_is_not_the_network_is_not_kept_where_no_checksum_told(
    folder, published, original, capsys, monkeypatch
):
    entry = models.registration('dinov2-vits14')
    weights = replace(entry.weights, sha256='')
    monkeypatch.setitem(models.registry._BY_NAME, entry.name, replace(entry, weights=weights))
    content = original.read_bytes()
    original.write_bytes(b'<html>Too many downloads</html>')
    assert vpr('fetch', 'dinov2-vits14') == 1
    assert 'cannot be read as weights' in capsys.readouterr().err
    assert not list(folder.iterdir())
    original.write_bytes(content)
    assert vpr('fetch', 'dinov2-vits14') == 0


def test_file_for_browsers_only_comes_with_instructions(capsys):
    assert vpr('fetch', 'd2vpr') == 1
    error = capsys.readouterr().err
    assert 'https://drive.google.com/file/d/1uh4XZsmRBhPkGuBNTWtjNypoGBd2JWyy/view' in error
    assert 'vpr weights convert ~/Downloads/finetune_no_encoder.pth d2vpr' in error


@pytest.mark.parametrize(
    ('name', 'status', 'reason'),
    [
        ('hog', 1, 'without weights'),
        ('d2vpr-nano', 1, 'nothing to fetch'),
        ('d3vpr', 2, 'dinov2-vits14'),
    ],
)
def test_what_nobody_published_is_said(capsys, name, status, reason):
    assert vpr('fetch', name) == status
    assert reason in capsys.readouterr().err


def test_convert_writes_where_told_and_replaces_only_by_force(original, tmp_path, capsys):
    target = tmp_path / 'own.safetensors'
    assert vpr('convert', original, 'dinov2-vits14', '--output', target) == 0
    assert models.load_weights(target)
    assert vpr('convert', original, 'dinov2-vits14', '--output', target) == 1
    assert '--force' in capsys.readouterr().err
    assert vpr('convert', original, 'dinov2-vits14', '--output', target, '--force') == 0


def test_converting_weights_of_another_network_lists_the_keys(original, capsys):
    assert vpr('convert', original, 'd2vpr') == 1
    error = capsys.readouterr().err
    assert 'missing' in error
    assert 'not of this network' in error
