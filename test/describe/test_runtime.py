# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

import pytest
import torch

from vpr_ros.describe import DeviceError, configure_threads
from vpr_ros.describe.runtime import available_cpus, choose_device

_USE_BOTH = """
import threading
import numpy as np
{imports}
from vpr_ros.describe import configure_threads
assert configure_threads(2) == 2
assert torch.get_num_threads() == 2 and faiss.omp_get_max_threads() == 2
errors = []
def work():
    try:
        codes = np.random.default_rng(0).integers(0, 256, (2000, 64), np.uint8)
        index = faiss.IndexBinaryFlat(512)
        index.add(codes)
        for _ in range(20):
            left = torch.rand(256, 256)
            assert torch.isfinite(left @ left).all()
            assert (index.search(codes[:50], 1)[1][:, 0] == np.arange(50)).all()
    except Exception as error:
        errors.append(error)
threads = [threading.Thread(target=work) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join(60) for thread in threads]
assert not errors and not any(thread.is_alive() for thread in threads), errors
print('both work')
"""


@pytest.mark.parametrize('imports', ['import torch, faiss', 'import faiss, torch'])
def test_torch_and_faiss_work_in_one_process_whichever_came_first(imports):
    pytest.importorskip('faiss')
    code = _USE_BOTH.format(imports=imports)

    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, timeout=100, check=False
    )
    assert result.stdout.strip() == 'both work', result.stderr


def test_threads_are_all_processors_unless_told():
    before = torch.get_num_threads()
    try:
        assert configure_threads() == available_cpus() == torch.get_num_threads()
        assert configure_threads(1) == torch.get_num_threads() == 1
    finally:
        configure_threads(before)


@pytest.mark.parametrize('threads', [0, -1])
def test_fewer_than_one_thread_is_refused(threads):
    with pytest.raises(ValueError, match='threads must be at least 1'):
        configure_threads(threads)


def test_unknown_and_absent_devices_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)

    assert choose_device('auto').type == 'cpu'
    with pytest.raises(DeviceError, match='no CUDA device'):
        choose_device('cuda')
    with pytest.raises(DeviceError, match='unknown device'):
        choose_device('gpu')


@pytest.mark.parametrize(('own', 'expected'), [(None, 'PASSIVE'), ('ACTIVE', 'ACTIVE')])
def test_threads_do_not_spin_while_they_wait_unless_told(own, expected):
    environment = {key: value for key, value in os.environ.items() if key != 'OMP_WAIT_POLICY'}
    if own is not None:
        environment['OMP_WAIT_POLICY'] = own
    code = (
        "import sys, vpr_ros, os; assert not {'torch', 'faiss'} & set(sys.modules); "
        "print(os.environ['OMP_WAIT_POLICY'])"
    )

    result = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment,
    )
    assert result.stdout.strip() == expected
