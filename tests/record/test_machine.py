"""Fingerprints of machines, odd ones too."""

from __future__ import annotations

import subprocess

import pytest

from ganbench.record import machine as fingerprint
from ganbench.record import probes
from ganbench.record.machine import Place, hardware_key, host_name, software_key

GIB = 2**30


def _software(**changes):
    values = {
        "device": "cpu",
        "precision": "fp32",
        "tf32": False,
        "deterministic": False,
        "threads": 2,
        "runner": "eager",
        "kernels": "ref",
        "channels_last": True,
    }
    return software_key(Place(**{**values, **changes}))


def test_the_same_machine_has_the_same_keys():
    """Two calls agree, and the host's name is not in them."""
    assert hardware_key("cpu").digest == hardware_key("cpu").digest
    assert _software().digest == _software().digest
    everything = dict(hardware_key("cpu").fields) | dict(_software().fields)
    assert host_name() not in everything.values()
    assert "host" not in everything


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "bf16"},
        {"tf32": True},
        {"deterministic": True},
        {"threads": 1},
        {"runner": "cuda_graph"},
        {"kernels": "triton"},
        {"channels_last": False},
        {"device": "cuda"},
    ],
)
def test_every_choice_is_in_the_software_key(change):
    """Two runs that differ in one choice have unlike keys, and the field is named."""
    differences = {name for name, _, _ in _software(**change).differences(_software())}
    assert set(change) <= differences


def test_many_processes_are_another_way_of_running():
    """One process is no field, so that the keys of all runs so far stay what they are; which process it is does not matter."""
    assert "world" not in dict(_software().fields)
    assert dict(_software(world=4).fields)["world"] == 4
    assert _software(world=4, rank=3) == _software(world=4)


def test_the_index_of_a_gpu_is_not_part_of_the_software():
    """cuda:0 and cuda:1 run the same software."""
    assert _software(device="cuda:0") == _software(device="cuda:1")


def test_a_cpu_run_does_not_depend_on_gpus():
    """Its key says so."""
    fields = dict(hardware_key("cpu").fields)
    assert fields["gpu"] is None
    assert fields["gpu_count"] == 0
    assert fields["cpu"]
    assert fields["cpu_cores"] >= 1


def test_a_gpu_is_described_by_what_cuda_says(monkeypatch):
    """Name, memory class and power limit, without a GPU in the test machine."""

    class Properties:
        name, total_memory, uuid = "NVIDIA Test", 79 * GIB, "1234"

    monkeypatch.setattr("torch.cuda.get_device_properties", lambda index: Properties)
    monkeypatch.setattr(probes, "nvidia_power_limit_watts", lambda uuid: 700.0 if uuid == "1234" else None)
    fingerprint._gpu.cache_clear()
    fields = dict(hardware_key("cuda:0").fields)
    fingerprint._gpu.cache_clear()
    assert fields["gpu"] == "NVIDIA Test"
    assert fields["gpu_count"] == 1
    assert fields["gpu_memory_gib"] == 80
    assert fields["gpu_power_limit_watts"] == 700.0


def test_a_broken_driver_does_not_end_a_run(monkeypatch):
    """What CUDA does not tell is None."""

    def broken(index):
        raise RuntimeError("driver mismatch")

    monkeypatch.setattr("torch.cuda.get_device_properties", broken)
    fingerprint._gpu.cache_clear()
    fields = dict(hardware_key("cuda:0").fields)
    fingerprint._gpu.cache_clear()
    assert fields["gpu"] == "cuda"
    assert fields["gpu_memory_gib"] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nmodel name\t: AMD  EPYC 9555\nmodel name\t: other", "AMD EPYC 9555"),
        ("processor : 0\nHardware : BCM2835\nModel : Raspberry Pi 5", "Raspberry Pi 5"),
    ],
)
def test_the_cpu_is_named_by_its_model(tmp_path, text, expected):
    """x86 and ARM write it in different fields."""
    (tmp_path / "cpuinfo").write_text(text)
    assert probes.cpu_model(tmp_path / "cpuinfo") == expected


def test_a_cpu_without_a_name_has_its_architecture(tmp_path):
    """No /proc at all."""
    assert probes.cpu_model(tmp_path / "none")


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_quota_of_cgroup_2_is_the_tightest_of_all_levels(tmp_path):
    """The parent's limit holds for the child."""
    _write(tmp_path / "self", "0::/pod/container\n")
    _write(tmp_path / "fs/pod/container/cpu.max", "max 100000\n")
    _write(tmp_path / "fs/pod/cpu.max", "250000 100000\n")
    _write(tmp_path / "fs/pod/container/memory.max", f"{4 * GIB}\n")
    assert probes.cpu_quota(tmp_path / "fs", tmp_path / "self") == 2.5
    assert probes.memory_gib(tmp_path / "fs", tmp_path / "self") <= 4


def test_a_quota_of_cgroup_1_is_read_from_its_own_mount(tmp_path):
    """Each controller has a folder, often named after both."""
    _write(tmp_path / "self", "3:cpu,cpuacct:/job\n2:memory:/job\n1:name=systemd:/\n")
    _write(tmp_path / "fs/cpu,cpuacct/job/cpu.cfs_quota_us", "50000")
    _write(tmp_path / "fs/cpu,cpuacct/job/cpu.cfs_period_us", "100000")
    _write(tmp_path / "fs/memory/job/memory.limit_in_bytes", str(GIB))
    assert probes.cpu_quota(tmp_path / "fs", tmp_path / "self") == 0.5
    assert probes.memory_gib(tmp_path / "fs", tmp_path / "self") == 1


@pytest.mark.parametrize("quota", ["-1", "", "many"])
def test_no_quota_and_nonsense_are_none(tmp_path, quota):
    """An odd machine has no quota, and never an error."""
    _write(tmp_path / "self", "3:cpu:/\nnonsense\n")
    _write(tmp_path / "fs/cpu/cpu.cfs_quota_us", quota)
    _write(tmp_path / "fs/cpu/cpu.cfs_period_us", "0")
    assert probes.cpu_quota(tmp_path / "fs", tmp_path / "self") is None
    assert probes.cpu_quota(tmp_path / "none", tmp_path / "none") is None


@pytest.mark.parametrize(
    ("gib", "expected"), [(0.4, 1), (1.9, 2), (7.6, 8), (15.5, 16), (23.4, 24), (24.1, 24), (125.6, 128), (139.8, 144), (503.0, 512)]
)
def test_a_memory_class_forgives_what_the_kernel_keeps(gib, expected):
    """Equal machines have equal classes."""
    assert probes.size_class(int(gib * GIB)) == expected


def test_the_driver_is_read_from_the_kernel(tmp_path):
    """Closed and open modules write it differently."""
    _write(tmp_path / "closed", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n")
    _write(tmp_path / "open", "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build\n")
    assert probes.nvidia_driver(tmp_path / "closed") == "550.54.15"
    assert probes.nvidia_driver(tmp_path / "open") == "570.86.10"
    assert probes.nvidia_driver(tmp_path / "none") is None


@pytest.mark.parametrize(("answer", "expected"), [("700.00\n", 700.0), ("[N/A]\n", None), ("", None)])
def test_a_power_limit_may_be_unknown(monkeypatch, answer, expected):
    """A slice of a GPU has none."""
    monkeypatch.setattr(probes.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, stdout=answer))
    probes.nvidia_power_limit_watts.cache_clear()
    assert probes.nvidia_power_limit_watts("GPU-1") == expected
    probes.nvidia_power_limit_watts.cache_clear()
