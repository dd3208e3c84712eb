# SPDX-License-Identifier: Apache-2.0
"""safetensors files written by C++ are read by Python's package, and the other way round."""

import json
import os
import subprocess
from pathlib import Path

import numpy
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

BUILD = Path(os.environ["STEEPEST_CLI"]).parents[1]
BINARY = BUILD / "tests" / "test_steepest_io"

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16,
    "I32": torch.int32, "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16,
    "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip
METADATA = {"written": "for the other side"}


def known():
    """The same tensors as known() in tests/steepest_io/exchange_test.cpp."""
    values = torch.arange(-4, 8, dtype=torch.int32).reshape(3, 4)
    tensors = {name: values.to(dtype) for name, dtype in DTYPES.items()}
    tensors["U8"] = (values + 4).to(torch.uint8)
    tensors["empty"] = torch.empty(0, 3)
    tensors["scalar"] = torch.tensor(2.5)
    tensors["transposed"] = values.float().t().contiguous()
    return tensors


def run(test, folder):
    """Runs one gtest; its output is shown when it fails, or when it did not run at all."""
    result = subprocess.run(
        [BINARY, f"--gtest_filter=Exchange.{test}"],
        env=dict(os.environ, STEEPEST_EXCHANGE=str(folder)), capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0 and "[  PASSED  ] 1 test." in result.stdout, (
        result.stdout + result.stderr
    )


@pytest.fixture(scope="module")
def from_cpp(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchange")
    run("WriteForPython", folder)
    return folder / "from_cpp.safetensors"


def test_torch_reads(from_cpp):
    read = safetensors.torch.load_file(from_cpp)
    assert read.keys() == known().keys()
    for name, expected in known().items():
        assert read[name].dtype == expected.dtype, name
        assert torch.equal(read[name], expected), name


def test_numpy_reads(from_cpp):
    with safetensors.safe_open(from_cpp, framework="numpy") as file:
        assert set(file.keys()) == set(known())
        for name in set(known()) - {"BF16"}:  # numpy has no bfloat16
            numpy.testing.assert_array_equal(file.get_tensor(name), known()[name].numpy())
            assert file.get_tensor(name).dtype == known()[name].numpy().dtype, name


def test_slices(from_cpp):
    with safetensors.safe_open(from_cpp, framework="pt") as file:
        assert torch.equal(file.get_slice("F32")[1:, :2], known()["F32"][1:, :2])


def test_metadata(from_cpp):
    with safetensors.safe_open(from_cpp, framework="pt") as file:
        metadata = file.metadata()
    assert sorted(metadata) == ["crc32", "header_crc32", "written"]
    assert {"written": metadata["written"]} == METADATA


def test_cpp_reads_torch(tmp_path):
    safetensors.torch.save_file(known(), tmp_path / "from_python.safetensors", metadata=METADATA)
    run("ReadFromPython", tmp_path)


def test_cpp_reads_any_legal_header(tmp_path):
    """Blanks, keys in another order, unaligned data: legal, though no writer makes them."""
    header, data = {"__metadata__": METADATA}, b""
    for name, tensor in reversed(known().items()):
        raw = tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        header[name] = {
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
            "dtype": next(key for key, dtype in DTYPES.items() if dtype == tensor.dtype),
        }
        data += raw
    text = json.dumps(header, indent=3).encode()
    path = tmp_path / "from_python.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    run("ReadFromPython", tmp_path)


def test_python_rewrites_a_file_of_ours(from_cpp, tmp_path):
    """Rewritten without the metadata of the checksums, our file is an ordinary foreign one."""
    read = safetensors.torch.load_file(from_cpp)
    safetensors.torch.save_file(read, tmp_path / "from_python.safetensors", metadata=METADATA)
    run("ReadFromPython", tmp_path)
