# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np

from vpr_ros.evaluation import Evaluation
from vpr_ros.evaluation.dataset_results import DatasetEvaluation

MODEL = (
    '{"name": "m", "weights_id": "w", "descriptor_dim": 4, "code_bits": 8, '
    '"preprocessing": "p", "trained": true}'
)
TOLERANCE = '{"distance": 5.0, "angle": null}'
BAG = f"""{{"schema": "vpr_ros/evaluation", "schema_version": 1,
"setup": {{"query": "q", "map": "m", "model": {MODEL}, "tolerance": {TOLERANCE}, "candidates": 5,
"mode": "single frame", "created": "", "software": "vpr_ros 0.3.0", "unreadable": 1}},
"places": {{"ids": [3, 9], "sessions": [1, 1], "stamps": [10, 20],
"poses": [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], null]}},
"queries": [{{"stamp": 7, "status": "ACCEPTED", "reason": "", "truth": null,
"pose": [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], "place_ids": [9, 3],
"similarities": [0.75, 0.5], "hamming": [1, 2], "probabilities": [null, 0.25],
"timings": {{"search": 0.5}}}}]}}"""
DATASET = f"""{{"schema": "vpr_ros/dataset-evaluation", "schema_version": 1,
"setup": {{"dataset": "d", "layout": "utm", "model": {MODEL}, "tolerance": {TOLERANCE},
"candidates": 100, "code_bits": 8, "coder": "hash head", "batch": 0, "queries_id": "id",
"queries_list": "", "unreadable_database": 0, "unreadable_queries": 0, "describe_seconds": null,
"stored_bytes": 9, "created": "", "software": ""}}, "findings": [],
"database": ["a", "b"], "queries": {{"names": ["x", "y"], "has_positive": [true, false],
"methods": {{"float": {{"rank": [2, 0], "match": [1, -1], "score": [0.5, null], "depth": 10,
"seconds": 0.25}}}}}}}}"""


def test_an_evaluation_written_by_an_earlier_release_is_read() -> None:
    evaluation = Evaluation.from_json(json.loads(BAG))
    (query,) = evaluation.queries
    assert evaluation.setup.unreadable == 1
    assert np.isnan(evaluation.places.poses[1]).all()
    assert query.candidates.ids.tolist() == [9, 3]
    assert np.isnan(query.candidates.probabilities[0])
    assert query.timings == {'search': 0.5}


def test_a_dataset_evaluation_written_by_an_earlier_release_is_read() -> None:
    evaluation = DatasetEvaluation.from_json(json.loads(DATASET))
    method = evaluation.methods['float']
    assert method.recall == {1: 0.0, 5: 0.5, 10: 0.5}
    assert np.isnan(method.score[1])
    assert np.isnan(evaluation.setup.describe_seconds)
    assert evaluation.positives == 1
