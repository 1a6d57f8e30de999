# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps asked for over the network: nothing outside of the folder is ever touched."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapAccessError
from vpr_ros.maps import MapFolder

PIECES = st.sampled_from(
    [
        '..',
        '.',
        '',
        '~',
        'a',
        'out',
        'in',
        'loop',
        'm.vprmap',
        '%2e%2e',
        '\0',
        '\n',
        'ä',
        ' ',
        '\\',
    ]
)
PATHS = st.lists(PIECES | st.text(max_size=4), max_size=8).map('/'.join)
URLS = st.builds(
    ''.join,
    st.tuples(
        st.sampled_from(['', '/', 'file://', 'file:///', 'file:', 'package://', 'http://', '//']),
        st.booleans().flatmap(lambda inside: st.just('FOLDER/' if inside else '')),
        PATHS,
        st.sampled_from(['', '.vprmap', '/m.vprmap', '.vprmap/', '.vprmap-wal', '?a#b']),
    ),
)


@pytest.fixture(scope='module')
def tree():
    """A folder of maps with links: one out of it, one within it, one to itself."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        maps, outside = root / 'maps', root / 'outside'
        (maps / 'a').mkdir(parents=True)
        outside.mkdir()
        for folder in (maps, maps / 'a', outside):
            (folder / 'm.vprmap').write_text('a map')
        (maps / 'out').symlink_to(outside)
        (maps / 'out.vprmap').symlink_to(outside / 'm.vprmap')
        (maps / 'in').symlink_to(maps / 'a')
        (maps / 'loop').symlink_to(maps / 'loop')
        (maps / 'longer').symlink_to(maps / 'longer' / 'a')
        (maps / 'loop.vprmap').symlink_to(maps / 'loop.vprmap')
        yield maps


@settings(max_examples=1000)
@given(url=URLS | st.text())
@example('../outside/m.vprmap')
@example('/etc/passwd')
@example('out/m.vprmap')
@example('out.vprmap')
@example('file:///etc/%2e%2e/m.vprmap')
@example('file://server/maps/m.vprmap')
@example('loop/m.vprmap')
@example('loop/../out.vprmap')
@example('longer/../out.vprmap')
@example('a' * 300 + '.vprmap')
@example('\ud800.vprmap')
@example('file:///%ff.vprmap')
def test_whatever_is_asked_for_lies_in_the_folder_or_is_refused(tree, url):
    url = url.replace('FOLDER', str(tree))
    try:
        path = MapFolder(tree).path_of(url)
    except MapAccessError:
        return
    assert path.is_relative_to(tree)
    assert path == path.resolve()
    assert path.suffix == '.vprmap'


@pytest.mark.parametrize(
    ('url', 'found'),
    [
        ('m.vprmap', 'm.vprmap'),
        ('a/new.vprmap', 'a/new.vprmap'),
        ('FOLDER/m.vprmap', 'm.vprmap'),
        ('file://FOLDER/m.vprmap', 'm.vprmap'),
        ('file://localhostFOLDER/a/m.vprmap', 'a/m.vprmap'),
        ('a/../m.vprmap', 'm.vprmap'),
        ('in/m.vprmap', 'a/m.vprmap'),
    ],
)
def test_maps_of_the_folder_are_found_however_they_are_named(tree, url, found):
    assert MapFolder(tree).path_of(url.replace('FOLDER', str(tree))) == tree / found


def test_blank_in_a_url_is_understood(tree):
    url = 'file://' + quote(f'{tree}/the yard.vprmap')
    assert MapFolder(tree).path_of(url) == tree / 'the yard.vprmap'


@pytest.mark.parametrize('url', ['../outside/m.vprmap', 'out/m.vprmap', 'out.vprmap', '/m.vprmap'])
def test_refusal_names_the_folder_and_the_parameter(tree, url):
    with pytest.raises(MapAccessError, match=f'below {tree}.*map_folder'):
        MapFolder(tree).path_of(url)


@pytest.mark.parametrize('url', ['m.vprmap-wal', 'm.vprmap-lock', '', 'a', '.vprmap', 'x.db'])
def test_what_is_no_name_of_a_map_is_refused(tree, url):
    with pytest.raises(MapAccessError, match='vprmap'):
        MapFolder(tree).path_of(url)


def test_folder_that_is_itself_a_link_is_taken_as_such(tree):
    link = tree.parent / 'link'
    if not link.exists():
        link.symlink_to(tree)
    assert MapFolder(link).path_of('m.vprmap') == tree / 'm.vprmap'


@pytest.mark.parametrize(
    'name', ['a\nb', 'a\rb', 'a\x1b[2Jb', '\u202epamrpv.exe', 'a\u2028b', 'a\x7fb', '\udcff', '\t']
)
def test_name_that_shows_as_another_is_refused(tmp_path, name):
    folder = MapFolder(tmp_path)
    urls = [f'{name}.vprmap', f'{tmp_path}/{name}.vprmap', f'{name}/town.vprmap']
    if name != '\udcff':
        urls.append(f'file://{tmp_path}/{quote(name)}.vprmap')
    for url in urls:
        with pytest.raises(MapAccessError, match='cannot be'):
            folder.path_of(url)


@pytest.mark.parametrize('name', ['two words', 'Straße', '東京\u3000駅', "it's", '=1', '-x'])
def test_name_that_people_give_is_taken(tmp_path, name):
    assert MapFolder(tmp_path).path_of(f'{name}.vprmap').name == f'{name}.vprmap'
