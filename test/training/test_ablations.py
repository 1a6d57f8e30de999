# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each row of the papers' tables that docs/training.md lists: trained, and used by its file."""

from __future__ import annotations

import json
import re
import shlex

import pytest

pytest.importorskip('lightning')

from documented_commands import ROOT

from vpr_ros import models
from vpr_ros.cli.main import main
from vpr_ros.training.pca import PcaRecipe
from vpr_ros.training.recipe import load_recipe, read_recipe
from vpr_ros.training.session import train
from vpr_ros.training.trainable_network import freeze, trained_model

RECIPES = ROOT / 'config' / 'train'


def _rows():
    """Yield table and row, recipes and settings of each row in the docs."""
    text = (ROOT / 'docs' / 'training.md').read_text('utf-8')
    text = text.partition('## Ablations of the papers')[2]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if len(cells) != 4 or not cells[2].startswith('`'):
            continue
        table, row, recipes, settings = cells
        words = shlex.split(''.join(re.findall('`([^`]*)`', settings)[:1]))
        assert words[::2] == ['--set'] * (len(words) // 2), line
        yield f'{table}, {row}', re.findall('`([^`]*)`', recipes), words[1::2]


ROWS = list(_rows())
TRAINED = {str(row[1:]): row for row in reversed(ROWS) if row[1] != ['pca.yaml']}.values()
"""Each way to train once: some are rows of several tables."""


def small(path, settings, photographs, weights=''):
    """Return a recipe with its settings, but for a small network and a few pictures."""
    name = load_recipe(path, settings).model.name
    vit = {'width': 32, 'depth': 24 if name.endswith('large') else 12, 'heads': 2}
    sizes = {'patch': 14, 'native_grid': 9} if 'sela' in name else {'patch': 16, 'native_grid': 2}
    side = 126 if 'sela' in name else 256
    changes = [
        f'model.options.vit={json.dumps(vit | sizes)}',
        f'model.size={side}',
        f'model.size_in_use={side}',
        f'model.weights={json.dumps(str(weights))}',
        f'data.sources=[{{kind: photos, folder: {photographs}, crops: 3}}]',
        'data.places=4',
        'data.views=2',
        'data.workers=0',
        'run.unit=steps',
        'run.steps=2',
        'run.precision="32"',
        'run.accelerator=cpu',
        'run.threads=1',
        'run.patience=0',
        'validation=[]',
    ]
    if 'sela' in name:
        changes.append('model.options.grid=9')
    if weights:  # the whole network, of the recipe before
        changes.append("model.weights_into=''")
    if path.name == 'distill.yaml':
        changes.append('teacher={kind: model, name: hog}')
    return load_recipe(path, [*settings, *changes])


def test_the_rows_of_both_papers_are_listed():
    assert len(ROWS) > 30
    tables = {row[0].partition(',')[0] for row in ROWS}
    assert {'6', '4', 'V', 'X', 'XIV', 'XV', 'VIII'} <= tables
    hashing = [settings[0] for name, _, settings in ROWS if name.startswith('XIV')]
    assert len(set(hashing)) == 5


@pytest.mark.parametrize(
    ('recipes', 'settings'), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_a_row_is_a_recipe_whose_names_are_parts_of_its_network(recipes, settings, photographs):
    for name in recipes:
        path = RECIPES / name
        if name == 'pca.yaml':
            assert read_recipe(PcaRecipe, path, settings).dim == 4096
            continue
        recipe = small(path, settings, photographs)
        freeze(models.network_of(trained_model(recipe.model)), recipe.trainable, recipe.frozen)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('recipes', 'settings'), [row[1:] for row in TRAINED], ids=[r[0] for r in TRAINED]
)
def test_a_row_is_trained_and_evaluated_by_its_file(recipes, settings, photographs, tmp_path):
    weights = ''
    for name in recipes:
        recipe = small(RECIPES / name, settings, photographs, weights)
        weights = train(recipe, tmp_path / name)
    (tmp_path / 'database').symlink_to(photographs)
    frames = (
        '--format',
        'frames',
        '--tolerance',
        '0',
        '--queries',
        'database',
        '--verify',
        'none',
    )
    batch = ('--batch-size', '4') if recipe.model.name.endswith('encoder') else ()
    words = ['evaluate', 'dataset', tmp_path, '--model', weights, *frames, *batch]
    result = tmp_path / 'result.json'
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words), '--cache', str(tmp_path / 'cache'), '--output', str(result)])
    assert ended.value.code == 0
    found = json.loads(result.read_text('utf-8'))['summary']['float']['recall']['1']
    assert found == 1.0, 'a picture is found in itself'
