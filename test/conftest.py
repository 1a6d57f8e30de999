# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import resource
import signal
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import hostile
import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
PROMISES = (ROOT / 'docs' / 'security.md').read_text('utf-8')
"""Names the tests that hold what is promised of hostile inputs; all get the marker ``hostile``."""
LONGEST = (
    'test_live_equals_offline',
    'test_place_recognition_node',
    'test_session',
    'test_shown_commands_run',
    'test_verifying_node',
)
"""Files of tests that take long: begun first, lest one processor work on them at the end."""

# How long an example takes tells nothing where others use the machine; pytest-timeout ends a hang.
settings.register_profile('shared', deadline=None)
settings.load_profile('shared')


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    for item in items:
        name = f'`{item.path.relative_to(ROOT).as_posix()}::{item.originalname}`'
        if name in PROMISES and not item.get_closest_marker('slow'):
            item.add_marker('hostile')


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    hostile.counts.clear()
    yield
    if hostile.counts:  # A property of the report reaches the process that prints the summary.
        item.user_properties.append(('hostile', dict(hostile.counts)))


def pytest_terminal_summary(terminalreporter):
    counted = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, 'when', '') == 'call':
                counted.update(dict(report.user_properties).get('hostile', {}))
    if counted:
        terminalreporter.write_sep('=', 'hostile inputs')
        terminalreporter.write_line(hostile.summary(counted))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a package of one file on the path, as pip would.

    It takes the registry that the package adds to, the group and the name that the entry point
    has, the name of the package and its source; it returns the folder that holds the package.
    """
    folder = tmp_path / 'site'
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    changed = []

    def installed(registry, group, attribute, name, source):
        (folder / f'{name}.py').write_text(source)
        info = folder / f'{name}-1.0.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n')
        (info / 'entry_points.txt').write_text(f'[{group}]\nentries = {name}:{attribute}\n')
        vars(registry).pop('others', None)
        changed.append(registry)
        return folder

    yield installed
    for registry in changed:
        vars(registry).pop('others', None)
    for path in folder.glob('*.py'):
        sys.modules.pop(path.stem, None)


@pytest.fixture
def files_limited_to():
    @contextmanager
    def limited(size):
        """Let no file of this process grow beyond a size, as a full disk would not."""
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, handler)

    return limited
