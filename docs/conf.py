# SPDX-License-Identifier: Apache-2.0
"""The documentation: `python -m sphinx -W -b html docs build/docs`.

The package is that of a build tree where STEEPEST_LIBRARY names its library, else the installed
one. The table of rows is read from the engine's catalog while this runs.
"""

import importlib.util
import inspect
import json
import os
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.util.docutils import SphinxDirective

if "STEEPEST_LIBRARY" in os.environ:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import steepest
from steepest import _options, _table
from steepest.catalog import CLASSES

HERE = Path(__file__).resolve().parent


def one_file_mathjax() -> str:
    """MathJax with its glyphs in one file, out of a package: formulas need no network."""
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("sphinx-mathjax-offline: pip install -r docs/requirements.txt")
    return str(Path(spec.origin).parent / "static" / "mathjax" / "tex-svg.js")


def repository() -> str:
    """The address in pyproject.toml's [project.urls], or in the environment; empty without one."""
    lines = (HERE.parent / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    found = [line.split('"')[1] for line in lines if line.lower().startswith("repository =")]
    return os.environ.get("STEEPEST_REPOSITORY", found[0] if found else "")


project = "steepest"
copyright = "the steepest developers"
release = version = steepest.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "myst_parser"]
exclude_patterns = ["requirements.txt"]
mathjax_path = "tex-svg.js"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
html_theme = "furo"
html_title = f"steepest {release}"
html_show_copyright = False
html_static_path = ["static", one_file_mathjax()]
html_css_files = ["steepest.css"]
html_show_sourcelink = False
html_theme_options = {
    "footer_icons": [
        {"name": "Repository", "url": url, "html": "Repository", "class": ""}
        for url in [repository()]
        if url
    ],
}
if any(host in repository() for host in ("github.com", "gitlab.com", "bitbucket.org")):
    html_theme_options |= {  # links to a page's source
        "source_repository": repository(),
        "source_branch": "main",
        "source_directory": "docs/",
    }


def returns(self, preprocess_types=False):
    """A Returns section is text: Napoleon would take what is before its first colon as a type."""
    lines = self._dedent(self._consume_to_next_section())
    return [("", "", lines)] if any(lines) else []


GoogleDocstring._consume_returns_section = returns


def momentum(side: dict) -> str:
    """One side's momentum in words: "EMA 0.95, Nesterov, from zero"."""
    if side["momentum"] == 0:
        return "none"
    form = {"ema": "EMA", "heavy_ball": "heavy ball"}[side["momentum_form"]]
    words = [f"{form} {side['momentum']:g}"]
    words += ["Nesterov"] if side["nesterov"] else []
    words += {"first": [], "zero": ["from zero"], "corrected": ["bias-corrected"]}[side["start"]]
    words += ["of the direction"] if side["momentum_place"] == "after" else []
    return ", ".join(words)


def cells(name: str) -> list[str]:
    row = _options.row(name)
    matrix, backup = row["matrix"], row["backup"]
    both = momentum(matrix), momentum(backup)
    radii = tuple(f"`{side['radius']}`" for side in (matrix, backup))
    join = lambda pair: pair[0] if pair[0] == pair[1] else " / ".join(pair)
    paper = row["paper"].replace("|", "\\|")
    link = f"{{py:class}}`{name} <steepest.{CLASSES[name].__name__}>`"
    norms = ["+".join(f"`{term}`" for term in side["norm"].split("+")) for side in (matrix, backup)]
    return [link, row["update"], row["outer"], *norms, join(both), join(radii), paper]


class Rows(SphinxDirective):
    """The table of named optimizers, as the engine has them."""

    def run(self):
        head = ["name", "update", "outer", "norm", "non-matrix", "momentum", "radius", "paper"]
        lines = [head, ["---"] * len(head), *map(cells, CLASSES)]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return self.parse_text_to_nodes(text)


WHOSE = {
    "network": "the network's",
    "both": "both sides'",
    "momentum": "the matrices'; both sides' where the row has one momentum map",
    "matrix": "the matrices'",
    "backup": "the backup's",
}


def plain(text: str) -> str:
    """A text for a cell in which no character means more than itself."""
    return re.sub(r"([|*_`<\\[\]$])", r"\\\1", text)


def option_cells(option: _table.Option) -> list[str]:
    """Name, values, whose choice it is where the network says it, what it means."""
    named = ", ".join(f"`{name}`" for name in option.names)
    kinds = {"text": "text", "float": "number", "int": "whole number", "bool": "true or false"}
    values = named or kinds.get(option.type, "numbers") + (" or number" * option.number_too)
    own = option.scope not in ("network", "backup")
    return [
        f"`{option.name}`",
        values,
        WHOSE[option.scope],
        "yes" if own else "",
        plain(option.help),
    ]


class Options(SphinxDirective):
    """The table of options, as the engine has it."""

    def run(self):
        head = ["option", "values", "whose choice", "of a group", "meaning"]
        lines = [head, ["---"] * len(head), *map(option_cells, _table.OPTIONS.values())]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return self.parse_text_to_nodes(text)


def use_cells(name: str, uses: dict[str, str], costs: dict, results: dict[str, float]) -> list[str]:
    """What a row is for, its step's cost beside Muon's, its default rate, and when not to take it.

    ``uses``: of uses.toml; ``costs``: the rows of family.json; ``results``: of experiments/rates.
    """
    import judge

    found = judge.judged(results, name) or {}
    holds = sum(own <= judge.TOLERANCE * best for own, best, _ in found.values())
    not_for = re.search(
        r"When\s+not:\s+(.*?)\.\s*(?:\n\n|$)", CLASSES[name].__doc__ or "", re.DOTALL
    )
    reason = " ".join(not_for.group(1).split()) if not_for else ""
    reason = re.sub(r":class:`~?\.?(\w+)`", r"{py:class}`\1 <steepest.\1>`", reason)
    # A bar would end the cell.
    reason = re.sub(
        r":math:`([^`]*)`", lambda m: f"${m[1].replace('|', chr(92) + 'vert ')}$", reason
    )
    return [
        f"{{py:class}}`{name} <steepest.{CLASSES[name].__name__}>`",
        uses[name],
        f"{costs[name]['to_muon']:.2g}" if name in costs else "",
        f"{judge.default_rates(name)[0]:g}" + (f" ({holds})" if found else ""),
        reason.replace("``", "`"),
    ]


class Uses(SphinxDirective):
    """The table of what each row is for, and what not."""

    def run(self):
        sys.path.insert(0, str(HERE.parent / "experiments/rates"))
        import judge

        uses = dict(
            (line.split(" = ", 1)[0], line.split('"')[1])
            for line in (HERE / "uses.toml").read_text(encoding="utf-8").splitlines()
            if " = " in line
        )
        file = HERE / "family.json"
        costs = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else {}
        head = ["row", "for", "time of a step, Muon = 1", "default lr (holds on, of 4)", "not"]
        results = judge.recorded()
        lines = [head, ["---"] * len(head)]
        lines += [use_cells(name, uses, costs, results) for name in CLASSES]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return self.parse_text_to_nodes(text)


class Rates(SphinxDirective):
    """The table of default learning rates with their evidence, as experiments/rates has it."""

    def run(self):
        sys.path.insert(0, str(HERE.parent / "experiments/rates"))
        import judge

        return self.parse_text_to_nodes(judge.table(judge.recorded()))


sys.path.insert(0, str(HERE))
import guide  # noqa: E402


class Guide(SphinxDirective):
    """The table of the guide, with the verdicts that the experiments have stored."""

    def run(self):
        return self.parse_text_to_nodes(guide.table())


class Results(SphinxDirective):
    """The report's tables of a paper's experiments, with the verdicts that these have stored."""

    required_arguments = 1

    def run(self):
        return self.parse_text_to_nodes(guide.results(self.arguments[0]))


class ByRow(SphinxDirective):
    """The effect of a contrast in each of its rows."""

    required_arguments = 1

    def run(self):
        return self.parse_text_to_nodes(guide.by_row(self.arguments[0]))


def found(name, rawtext, text, lineno, inliner, options=None, content=()):
    """The role of a contrast's effect, interval and verdict within a sentence."""
    return [nodes.inline("", f"{text}: {guide.finding(guide.contrasts()[text])}")], []


def leave_out_arguments(app, what, name, obj, options, lines):
    """Takes the arguments from a named optimizer's entry: the table of options has them once."""
    if obj in CLASSES.values() and "Args:" in lines:
        begin, end = lines.index("Args:"), lines.index("Example:")
        del lines[begin:end]


def escape_bars(app, what, name, obj, options, lines):
    """In an option's help ``|x|`` is a length; reStructuredText would look for a substitution."""
    if obj is steepest.SteepestDescent:
        lines[:] = [re.sub(r"(?<!\\)\|", r"\\|", line) for line in lines]  # \| is of a formula


def short_signature(app, what, name, obj, options, signature, returned):
    """A named optimizer's own arguments, and ``**options`` for those that all have."""
    if obj not in CLASSES.values():
        return None
    plain = [
        str(p.replace(annotation=p.empty))
        for p in inspect.signature(obj).parameters.values()
        if p.kind is not p.KEYWORD_ONLY or p.name == "rank"
    ]
    return f"({', '.join(plain)}, **options)", returned


def setup(app):
    app.add_directive("rates", Rates)
    app.add_directive("uses", Uses)
    app.add_directive("guide", Guide)
    app.add_directive("results", Results)
    app.add_directive("by-row", ByRow)
    app.add_role("found", found)
    app.connect("autodoc-process-docstring", leave_out_arguments, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", escape_bars, priority=400)
    app.connect("autodoc-process-signature", short_signature)
    app.add_directive("rows", Rows)
    app.add_directive("options", Options)
    return {"parallel_read_safe": True}
