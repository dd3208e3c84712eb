# SPDX-License-Identifier: Apache-2.0
"""Shapes, layouts, dtypes and kinds of tensors."""

import time
import warnings

import torch
from kit import case
from matrices import DTYPES, EXACT, NORMS, random

import steepest


@case("19", "1x1, 1xn, nx1, 0xn, nx0, 2x100,000")
def shapes(t):
    """Sign, unit vector or nothing; time linear in the long side."""
    for norm in NORMS:
        direction, dual = steepest.steepest(torch.tensor([[-3.0]]), norm=norm, **EXACT)
        ok = direction.item() < 0 and abs(float(dual) - abs(direction.item()) * 3) < 1e-4
        t.check(ok, f"{norm} of 1x1: {direction.item():.4g}, dual {float(dual):.4g}")
        for shape in ((1, 50), (50, 1)):
            x = random(*shape)
            direction, dual = steepest.steepest(x, norm=norm, **EXACT)
            found = float((direction * x).sum())
            good = abs(found - float(dual)) < 1e-3 * float(dual) and float(dual) > 0
            t.check(good, f"{norm} of {shape}: {found:.4g}, dual {float(dual):.4g}")
        for shape in ((0, 5), (5, 0), (0, 0), (3, 0, 4)):
            direction, dual = steepest.steepest(torch.zeros(shape), norm=norm)
            t.check(direction.shape == shape and not dual.any(), f"{norm} of {shape}")
        seconds = []
        for n in (100_000, 400_000):
            for shape in ((2, n), (n, 2)):
                x = random(*shape)
                spent = []
                for _ in range(3):  # the fastest: a busy machine makes some of them slow
                    begin = time.process_time()
                    steepest.steepest(x, norm=norm)
                    spent.append(time.process_time() - begin)
                seconds.append(min(spent))
        for short, long, what in zip(seconds[:2], seconds[2:], ("wide", "tall")):
            grown = long / max(short, 0.01)
            t.check(grown < 10, f"{norm} {what}: 4 times as long takes {grown:.1f} times")
    for name in steepest.catalog.CLASSES:
        for shape in ((0, 4), (4, 0), (1, 1), (1, 9), (9, 1), (0,), ()):
            w = torch.ones(shape)
            w.grad = torch.ones(shape)
            optimizer = steepest.make(name, [w], lr=0.1)
            optimizer.step()
            t.check(bool(torch.isfinite(w).all()), f"{name} {shape}: not finite")
            moved = w.numel() == 0 or bool((w != 1).any())
            t.check(moved, f"{name} {shape}: did not move")
    return t.result(f"{len(NORMS)} norms, {len(steepest.catalog.CLASSES)} optimizers")


def layouts(x):
    """The same numbers in other places; the second item is the memory around them."""
    rows, cols = x.shape
    wide = torch.full((rows, 2 * cols), 7.0, dtype=x.dtype)
    wide[:, ::2] = x
    base = torch.full((rows * cols + 9,), 7.0, dtype=x.dtype)
    base[5 : 5 + x.numel()] = x.flatten()
    yield "transposed", x.T.contiguous().T, None
    yield "strided", wide[:, ::2], lambda: wide[:, 1::2]
    offset = base[5 : 5 + x.numel()].view(rows, cols)
    yield "offset", offset, lambda: torch.cat([base[:5], base[5 + x.numel() :]])


@case("22", "Transposed, strided, expanded, channels_last, offset, overlapping")
def strides(t):
    """The numbers of contiguous memory to 1e-5, nothing between the elements touched; parameters
    that overlap are refused."""
    x, g = random(24, 16), random(24, 16, seed=9)
    for norm in NORMS:
        want = steepest.steepest(x, norm=norm, **EXACT).direction
        for what, view, _ in layouts(x):
            off = float((steepest.steepest(view, norm=norm, **EXACT).direction - want).abs().max())
            t.check(off < 1e-5, f"{norm} {what}: off by {off:.2g}")
        expanded = x[:1].expand(24, 16)
        want = steepest.steepest(expanded.contiguous(), norm=norm, **EXACT).direction
        got = steepest.steepest(expanded, norm=norm, **EXACT).direction
        t.check(float((got - want).abs().max()) < 1e-5, f"{norm} expanded")
    for name in steepest.catalog.CLASSES:
        plain = stepped(name, x.clone(), g.clone())
        for (what, w, around), (_, grad, _) in zip(layouts(x), layouts(g)):
            before = None if around is None else around().clone()
            for kind, gradient in ((what, grad), (f"{what} parameter", g.clone())):
                view = w if w.is_leaf else w.detach()
                saved = view.clone()
                got = stepped(name, view, gradient)
                off = float((got - plain).abs().max())
                t.check(off < 1e-5, f"{name} {kind}: off by {off:.2g}")
                view.copy_(saved)
            if before is not None:
                t.check(torch.equal(around(), before), f"{name} {what}: bytes between changed")
        kernel, slope = random(6 * 27).view(6, 3, 3, 3), random(6 * 27, seed=9).view(6, 3, 3, 3)
        want = stepped(name, kernel.clone(), slope.clone())
        last = torch.channels_last
        got = stepped(
            name, kernel.clone().to(memory_format=last), slope.clone().to(memory_format=last)
        )
        t.check(float((got - want).abs().max()) < 1e-5, f"{name} channels_last")
    overlapping(t)
    return t.result(f"{len(NORMS)} norms, {len(steepest.catalog.CLASSES)} optimizers")


def stepped(name, w, g):
    w.grad = g
    steepest.make(name, [w], lr=0.1).step()
    return w.detach().clone()


def overlapping(t):
    base = random(40)
    pairs = {
        "an expanded parameter": [torch.ones(1, 4).expand(4, 4)],
        "a parameter over itself": [base.as_strided((4, 4), (2, 1))],
        "two views that share": [base[:20].view(4, 5), base[10:30].view(4, 5)],
        "a view and its base": [base, base[:16].view(4, 4)],
    }
    for what, params in pairs.items():
        try:
            optimizer = steepest.Muon(params)
            for p in params:
                p.grad = torch.ones(p.shape)
            optimizer.step()
            t.check(False, f"{what}: taken")
        except (ValueError, RuntimeError) as error:
            t.check("\n" not in str(error).strip(), f"{what}: not one line: {error}")


@case("F17", "Parameters that overlap in memory")
def overlap(t):
    """Refused at construction, or at the first step before anything moves, in one line."""
    overlapping(t)
    return t.result("4 kinds")


@case("23", "bfloat16, float16, float64, mixed dtypes, gradients of another dtype")
def dtypes(t):
    """The parameter's dtype stays; float64 exact to 1e-10; half precision near float32; what does
    not fit is refused before anything moves."""
    x, g = random(24, 16), random(24, 16, seed=9)
    for name in steepest.catalog.CLASSES:
        want = stepped(name, x.clone(), g.clone())
        for dtype, bound in DTYPES:
            w = x.to(dtype)
            got = stepped(name, w, g.to(dtype))
            off = float((got.double() - want.double()).abs().max() / want.abs().max())
            t.check(got.dtype == dtype, f"{name}: {dtype} became {got.dtype}")
            t.check(off < bound, f"{name} {str(dtype)[6:]}: {off:.2g} from float32")
        mixed = [x.clone(), x.double(), x.bfloat16(), torch.ones(4, dtype=torch.float16)]
        for w in mixed:
            w.grad = torch.ones_like(w)
        steepest.make(name, mixed, lr=0.1).step()
        t.check(all(bool(torch.isfinite(w).all()) for w in mixed), f"{name} mixed dtypes")
    for method in ("svd", "polar_express"):
        a = random(30, 20).double()
        u, _, vh = torch.linalg.svd(a, full_matrices=False)
        q = steepest.polar(a, method=method, steps=None if method == "svd" else 12)
        off = float((q - u @ vh).abs().max())
        t.check(off < 1e-10, f"polar {method} float64: {off:.2g}")
    odd_dtypes(t)
    return t.result(f"{len(steepest.catalog.CLASSES)} optimizers, {len(DTYPES)} dtypes")


def odd_dtypes(t):
    for dtype in (torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.bool, torch.complex64):
        good, odd = torch.ones(4, 4), torch.ones(4, 4).to(dtype)
        good.grad = torch.ones(4, 4)
        try:
            optimizer = steepest.Muon([good, odd], lr=0.1)
            odd.grad = odd.clone()
            optimizer.step()
            t.check(False, f"{dtype}: taken")
        except (TypeError, ValueError, RuntimeError) as error:
            t.check("\n" not in str(error).strip(), f"{dtype}: not one line: {error}")
        t.check(bool((good == 1).all()), f"{dtype}: refused after another parameter had moved")


@case("24", "Sparse, complex, meta, quantised, non-leaf, frozen, duplicate parameters")
def kinds(t):
    """Right, or refused in one line, at construction where it can be known there."""
    leaf = torch.ones(4, 4, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantised = torch.quantize_per_tensor(torch.ones(4, 4), 0.1, 0, torch.qint8)
        compressed = torch.eye(4).to_sparse_csr()
    for name, cls in steepest.catalog.CLASSES.items():
        for what, params in (
            ("sparse", [torch.eye(4).to_sparse()]),
            ("csr", [compressed]),
            ("complex", [torch.ones(4, 4, dtype=torch.complex64)]),
            ("integer", [torch.ones(4, 4, dtype=torch.int64)]),
            ("quantised", [quantised]),
            ("non-leaf", [leaf * 2]),
            ("no tensor", [3.0]),
            ("a tensor instead of a list", torch.ones(4, 4)),
            ("nothing", []),
            ("in two groups", [{"params": [leaf]}, {"params": [leaf]}]),
            ("a set", [{"params": {leaf}}]),
        ):
            try:
                cls(params)
                t.check(False, f"{name}: {what}: taken")
            except (TypeError, ValueError, RuntimeError) as error:
                t.check("\n" not in str(error).strip(), f"{name}: {what}: not one line: {error}")
    sparse_gradient(t)
    return t.result(f"{len(steepest.catalog.CLASSES)} classes, 11 kinds")


def sparse_gradient(t):
    table = torch.nn.Embedding(10, 4, sparse=True)
    table(torch.tensor([1, 2])).sum().backward()
    before = table.weight.detach().clone()
    try:
        steepest.SGD(table.parameters(), lr=0.1).step()
        t.check(False, "a sparse gradient: taken")
    except (TypeError, ValueError, RuntimeError) as error:
        t.check("sparse" in str(error).lower(), f"a sparse gradient: {error}")
    t.check(torch.equal(before, table.weight), "a sparse gradient: refused after a move")
    frozen = torch.ones(4, 4)
    one = torch.ones(4, 4, requires_grad=True)
    one.grad = torch.ones(4, 4)
    steepest.Muon([one, frozen]).step()
    t.check(bool((frozen == 1).all()) and bool((one != 1).any()), "frozen beside trained")
    with torch.device("meta"):
        lazy = torch.nn.Linear(4, 4)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            optimizer = steepest.Muon(lazy.parameters())
            lazy.to_empty(device="cpu")
            for p in lazy.parameters():
                torch.nn.init.ones_(p)
                p.grad = torch.ones_like(p)
            optimizer.step()
        moved = all(bool((p != 1).any()) for p in lazy.parameters())
        t.check(moved or said, "made on the meta device: never trained, nothing said")
    except (TypeError, ValueError, RuntimeError) as error:
        t.check("meta" in str(error), f"meta: {error}")
