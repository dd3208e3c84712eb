# SPDX-License-Identifier: Apache-2.0
"""Non-Euclidean steepest-descent optimizers for PyTorch: Muon and its relatives, by one engine."""

from steepest import _torch_loader
from steepest.averaging import TailAverage
from steepest.catalog import (
    MuonAdam,
    MuonJordan,
    MuonMax,
    NormalizedSGD,
    OrthogonalSGDM,
    PolarGrad,
    Scion,
    ScionLions,
    make,
)
from steepest.curvature import ASGO, KLSOAP, SOAP, KLShampoo, Shampoo, ShampooMax
from steepest.ema_nesterov import EMANesterov
from steepest.files import load, save
from steepest.functional import Steepest, Triplets, polar, steepest, svd, workspace_bytes
from steepest.geometry import AdamH, MuonH, Muown
from steepest.ky_fan import Fanion, FMuon, FNeon, FStar, Neon, SMuon
from steepest.logger import Logger
from steepest.low_rank import COSMOS, Dion, Dion2, KRank
from steepest.optimizer import SteepestDescent
from steepest.prepared import Aurora, MuonEq, MuonSquared, SOAPMuon
from steepest.qk_clip import QKClip
from steepest.rescaled import AdaMuon, MuonPlus, NorMuon
from steepest.route import Routes, route
from steepest.signs import Lion, SignSGD, Signum
from steepest.torch_like import SGD, Adam, AdamW, Muon

_torch_loader.install()

__version__ = "0.1.0"
__all__ = [
    "ASGO",
    "COSMOS",
    "SGD",
    "AdaMuon",
    "Adam",
    "AdamH",
    "AdamW",
    "Dion",
    "Dion2",
    "Aurora",
    "EMANesterov",
    "FMuon",
    "FNeon",
    "FStar",
    "Fanion",
    "KLSOAP",
    "KLShampoo",
    "KRank",
    "Lion",
    "Logger",
    "Muon",
    "MuonAdam",
    "MuonH",
    "MuonJordan",
    "MuonMax",
    "Muown",
    "MuonEq",
    "MuonJordan",
    "MuonMax",
    "MuonPlus",
    "MuonSquared",
    "Neon",
    "NorMuon",
    "NormalizedSGD",
    "OrthogonalSGDM",
    "PolarGrad",
    "QKClip",
    "Routes",
    "SOAP",
    "SOAPMuon",
    "SMuon",
    "Scion",
    "ScionLions",
    "Shampoo",
    "ShampooMax",
    "SignSGD",
    "Signum",
    "Steepest",
    "SteepestDescent",
    "Triplets",
    "TailAverage",
    "load",
    "make",
    "polar",
    "route",
    "save",
    "steepest",
    "svd",
    "workspace_bytes",
]
