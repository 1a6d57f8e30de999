# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import logging
import math
import sys
from pathlib import Path

import hostile
import hostile_documents
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from calibration_sample import FRAME, MODEL, sample_calibration

from vpr_ros.localize import Calibration, CalibrationError, calibration, calibration_for
from vpr_ros.localize.evidence import FEATURES, Evidence


def evidence_of(
    similarity,
    rival,
    support=np.nan,
    *,
    standing=np.nan,
    trail=np.nan,
    inliers=(np.nan, np.nan, 0.0),
    congruence=np.nan,
    parallax=np.nan,
):
    """Return the evidence of one candidate."""
    figures = similarity, rival, 1.0, standing, support, trail, *inliers
    figures += congruence, parallax, 1.0
    return Evidence(
        *(np.array([figure], float) for figure in figures), np.array([-1]), np.ones((1, 1), bool)
    )


def test_what_is_written_reads_back(tmp_path):
    path = tmp_path / 'sample.yaml'
    written = sample_calibration()
    written.save(path)
    read = Calibration.load(path)
    assert read.stages == written.stages
    assert read.model == written.model
    assert (read.places, read.pose_errors) == (written.places, written.pose_errors)
    assert (read.data, read.quality) == (written.data, written.quality)


def test_probability_is_the_logistic_function_of_the_evidence():
    features = evidence_of(0.8, 0.2).features
    odds = -6 + 6 * 0.8 + 10 * -math.log(math.sqrt(0.2 / 0.8))
    assert FRAME.probabilities(features)[0] == pytest.approx(1 / (1 + math.exp(-odds)))


def test_unknown_evidence_counts_as_average():
    stage = dataclasses.replace(
        FRAME, weights={'support': 3.0}, means={'support': 2.0}, intercept=0.0
    )
    (found,) = stage.probabilities(evidence_of(0.5, 0.0).features)
    assert found == pytest.approx(1 / (1 + math.exp(-6)))


@given(
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.floats(0, 1),
    st.tuples(st.integers(0, 1024), st.floats(0, 1), st.integers(0, 1024)),
    st.floats(0, 5),
    st.floats(0.001, 1),
)
def test_any_evidence_has_finite_features_and_a_probability(
    s, rival, support, inliers, congruence, parallax
):
    features = evidence_of(
        *(s, rival, support),
        standing=s,
        trail=rival,
        inliers=inliers,
        congruence=congruence,
        parallax=parallax,
    ).features
    assert np.isfinite(features).all()
    assert 0 <= FRAME.probabilities(features)[0] <= 1


@pytest.mark.parametrize(
    ('field', 'value'),
    [('weights_id', '1' * 64), ('name', 'other'), ('preprocessing', 'resize=7')],
)
def test_calibration_of_another_model_is_refused_with_what_differs(tmp_path, field, value):
    path = tmp_path / 'sample.yaml'
    sample_calibration().save(path)
    other = dataclasses.replace(MODEL, **{field: value})
    with pytest.raises(CalibrationError, match=f'{field} .*{value}'):
        calibration_for(other, str(path))


def test_shipped_calibration_of_other_weights_is_left_out_and_said_so(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(calibration, '_SHIPPED', tmp_path)
    sample_calibration().save(tmp_path / 'sample.yaml')
    assert calibration_for(MODEL) is not None
    assert calibration_for(MODEL, 'none') is None
    with caplog.at_level(logging.WARNING):
        assert calibration_for(dataclasses.replace(MODEL, weights_id='1' * 64)) is None
    assert 'another model' in caplog.text


def test_model_without_a_calibration_does_without():
    assert calibration_for(MODEL) is None


@pytest.mark.parametrize(
    'damage',
    [
        lambda c: c.pop('stages'),
        lambda c: c.update(format=2),
        lambda c: c.update(format=99),
        lambda c: c['pose_errors'].pop('sequence'),
        lambda c: c['stages']['frame']['weights'].update(colour=1.0),
        lambda c: c['stages']['frame'].update(intercept=float('nan')),
        lambda c: c['places'].pop('plain'),
        lambda c: c['stages'].update(frame=7),
    ],
)
def test_damaged_file_is_refused_by_name(tmp_path, damage):
    path = tmp_path / 'sample.yaml'
    sample_calibration().save(path)
    content = yaml.safe_load(path.read_text('utf-8'))
    damage(content)
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(CalibrationError, match=r'sample\.yaml'):
        Calibration.load(path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize('text', hostile_documents.YAML.values(), ids=hostile_documents.YAML)
def test_file_that_stands_for_too_much_is_refused_soon(tmp_path, text):
    path = tmp_path / 'sample.yaml'
    path.write_text(text)
    with pytest.raises(CalibrationError, match=r'sample\.yaml') as refused:
        Calibration.load(path)
    assert len(str(refused.value)) < 1000


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@pytest.mark.hostile
@hostile.examples(60, 3000)
@given(data=st.data())
def test_calibration_with_any_value_is_refused_or_gives_probabilities(tmp_path_factory, data):
    path = tmp_path_factory.mktemp('calibration') / 'sample.yaml'
    sample_calibration().save(path)
    content = yaml.safe_load(path.read_text('utf-8'))
    part, key = content, data.draw(st.sampled_from(list(content)))
    while isinstance(part[key], dict) and part[key] and data.draw(st.integers(0, 9)):
        part = part[key]
        key = data.draw(st.sampled_from(list(part)))
    part[key] = data.draw(ANYTHING)
    path.write_text(yaml.safe_dump(content))
    hostile.tried()
    try:
        calibration = Calibration.load(path)
    except CalibrationError:
        hostile.survived()
        return
    features = np.full((3, len(FEATURES)), np.nan)
    features[1:] = [[-1e3], [1e3]]
    for stage in calibration.stages.values():
        probabilities = stage.probabilities(features)
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
    for errors in calibration.pose_errors.values():
        assert np.isfinite(errors.position**2 + errors.position_factor * 1e6)


@pytest.mark.parametrize('text', ['', 'a: [', '!!python/object:os.system {}', '- 1'])
def test_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / 'sample.yaml'
    path.write_text(text)
    with pytest.raises(CalibrationError):
        Calibration.load(path)


def test_shipped_calibrations_belong_to_their_models():
    from vpr_ros.describe import Describer

    files = sorted(calibration._SHIPPED.glob('*.yaml'))
    assert files
    for path in files:
        shipped = Calibration.load(path)
        shipped.require(Describer(path.stem).model_info)
        assert {'frame', 'sequence'} <= set(shipped.stages)
