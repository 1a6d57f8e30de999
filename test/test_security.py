# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing that is read from a file or the network may run code; what is required is known."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import running_code

from vpr_ros.nodes.parameters import NODES

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(ROOT.glob('vpr_ros/**/*.py'))
POLICY = ROOT / 'config' / 'sros2' / 'policy.xml'

WAYS = [
    'import pickle',
    'from pickle import loads',
    'importlib.import_module("dill")',
    '__import__(name).loads(data)',
    'eval(text)',
    'import builtins\nbuiltins.exec(text)',
    'import os as system\nsystem.popen(text)',
    'from os import execv',
    'import subprocess\nsubprocess.run(text, shell=True)',
    'import subprocess\nsubprocess.run(text, shell=choice)',
    'import subprocess as s\ns.getoutput(text)',
    'from yaml import unsafe_load',
    'import yaml\nyaml.load_all(text, loader)',
    'import yaml\nyaml.safe_load(text)  # beyond the limits',
    'getattr(yaml, "CUnsafeLoader")(text)',
    'from json import loads',
    'np.load(path, allow_pickle=True)',
    'import torch\ntorch.load(path)',
    'import torch\ntorch.load(\n    path,\n    weights_only=False,\n)',
    'self.connection.enable_load_extension(True)',
]
"""How a change might come to run, or to read without limits, what it was given."""


def test_nothing_that_is_read_can_run():
    found = {
        str(path.relative_to(ROOT)): running_code.dangers(
            path.read_text('utf-8'), within_limits=path.name == 'documents.py'
        )
        for path in SOURCES
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize('text', WAYS)
def test_what_would_run_what_is_read_is_found(text):
    assert running_code.dangers(text)


@pytest.mark.parametrize('text', ['yaml.load(x, yaml.SafeLoader)', 'yaml.CLoader(x)', 'eval(x)'])
def test_not_even_documents_are_read_in_other_ways(text):
    assert running_code.dangers(f'import yaml\n{text}', within_limits=True)


def test_every_promise_names_tests_that_exist():
    page = (ROOT / 'docs' / 'security.md').read_text('utf-8')
    promises = [line for line in page.splitlines() if line.startswith('| ') and '`' in line]
    assert len(promises) > 10
    for promise in promises:
        tests = re.findall(r'`(test/[\w/]+\.py)::(test_\w+)`', promise)
        assert tests, promise
        for path, name in tests:
            assert f'\ndef {name}(' in (ROOT / path).read_text('utf-8'), f'{path}::{name}'


def test_every_file_of_hostile_tests_is_named_by_a_promise():
    page = (ROOT / 'docs' / 'security.md').read_text('utf-8')
    hostile = [
        path for path in ROOT.glob('test/**/test_*.py') if 'mark.hostile' in path.read_text()
    ]
    assert len(hostile) > 5
    unnamed = [path.name for path in hostile if f'/{path.name}::' not in page]
    assert unnamed in ([], [Path(__file__).name])


def test_security_rules_of_the_linter_are_on():
    rules = re.search(
        r'^select = \[(.*?)\]', (ROOT / 'pyproject.toml').read_text('utf-8'), re.M | re.S
    )
    assert '"S"' in rules[1]


def test_list_of_licences_is_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / 'scripts' / 'licences.py', '--check'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_policy_covers_every_node_and_all_it_says_and_hears():
    root = ElementTree.parse(POLICY).getroot()
    profiles = {profile.get('node'): profile for profile in root.iter('profile')}
    assert set(profiles) == set(NODES)
    code = '\n'.join(path.read_text('utf-8') for path in ROOT.glob('vpr_ros/nodes/*.py'))
    made = set(re.findall(r"'(~/\w+)'", code))
    made |= {f'~/{name}' for name in re.findall(r"serve\(\w+, \w+, '(\w+)'", code)}
    granted = {
        entry.text.strip()
        for profile in profiles.values()
        for entry in profile.iter()
        if entry.tag in ('topic', 'service')
    }
    assert made <= granted


def test_audit_says_what_it_needs_where_there_is_no_network(tmp_path):
    environment = {'PATH': '/usr/bin:/bin', 'https_proxy': 'http://127.0.0.1:9', 'HOME': '/tmp'}
    environment |= {'PIP_INDEX_URL': 'https://127.0.0.1:9', 'PIP_RETRIES': '0'}
    done = subprocess.run(
        [ROOT / 'scripts' / 'audit.sh', tmp_path],
        env={**environment, 'PYTHON': sys.executable, 'PIP_CONFIG_FILE': '/dev/null'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'needs the internet' in done.stderr
