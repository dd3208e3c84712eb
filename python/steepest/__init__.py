# SPDX-License-Identifier: Apache-2.0
"""Non-Euclidean steepest-descent optimizers for PyTorch: Muon and its relatives, by one engine."""

from steepest import _torch_loader
from steepest.catalog import (
    SGD,
    SOAP,
    Adam,
    AdamW,
    Fanion,
    FMuon,
    FNeon,
    FStar,
    Muon,
    MuonAdam,
    MuonJordan,
    MuonMax,
    Neon,
    NormalizedSGD,
    NorMuon,
    OrthogonalSGDM,
    PolarGrad,
    Scion,
    ScionLions,
    SignSGD,
    SMuon,
    make,
)
from steepest.files import load, save
from steepest.functional import Steepest, Triplets, polar, steepest, svd, workspace_bytes
from steepest.logger import Logger
from steepest.optimizer import SteepestDescent
from steepest.route import Routes, route

_torch_loader.install()

__version__ = "0.1.0"
__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "FMuon",
    "FNeon",
    "FStar",
    "Fanion",
    "Logger",
    "Muon",
    "MuonAdam",
    "MuonJordan",
    "MuonMax",
    "Neon",
    "NorMuon",
    "NormalizedSGD",
    "OrthogonalSGDM",
    "PolarGrad",
    "Routes",
    "SOAP",
    "SMuon",
    "Scion",
    "ScionLions",
    "SignSGD",
    "Steepest",
    "SteepestDescent",
    "Triplets",
    "load",
    "make",
    "polar",
    "route",
    "save",
    "steepest",
    "svd",
    "workspace_bytes",
]
