# SPDX-License-Identifier: Apache-2.0
"""Functions, classes and includes of C++ and Python files, read without a compiler.

C++ is cut into tokens, and every brace is given a kind (namespace, class, function, block, value)
by the tokens before it. That suffices for clang-formatted code without macros that open braces.
"""

import ast
import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.']*|::|&&|\|\||->|[^\s\w]")
BRANCHES = {"if", "for", "while", "case", "catch", "&&", "||", "?"}
NOT_A_NAME = {"__attribute__", "alignas", "decltype", "noexcept", "requires", "explicit"}
NO_MEMBER = {"using", "friend", "typedef", "static_assert", "template", "enum", "static", "class"}


@dataclass
class Function:
    name: str
    line: int
    lines: int  # of code: without blank lines and comments
    complexity: int  # cyclomatic: 1 and one for each branch, loop, case, catch, and, or


@dataclass
class Class:
    name: str
    line: int
    lines: int  # all of them
    members: int = 0  # of data
    methods: int = 0
    hides: bool = False  # whether it is more than a list of fields


@dataclass
class Brace:
    kind: str
    line: int
    name: str = ""
    body: Class | None = None
    statement: list = field(default_factory=list)  # the tokens since the last ; or }
    start: int = 0  # the line of the first of them
    branches: int = 0


def without_comments(text):
    """C++ text with comments and the insides of literals blanked; line breaks stay."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''

    def blank(match):
        lines = "\n" * match[0].count("\n")
        return lines if match[0][0] == "/" else '""' + lines

    text = re.sub(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)", "", text)
    text = re.sub(r"\[\[[^\]\n]*\]\]", "", text)
    directive = r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$"
    return re.sub(
        directive,
        lambda match: "\n" * match[0].count("\n"),
        re.sub(pattern, blank, text, flags=re.S),
        flags=re.M,
    )


def kind_of(statement, inside, parens):
    """What a brace opens after these tokens."""
    if inside in ("function", "block"):
        return "block"
    if parens or inside in ("value", "enum"):
        return "value"
    words = after_template(statement)
    if "namespace" in words or words[:1] == ["extern"]:
        return "namespace"
    head = words[: words.index("(")] if "(" in words else words
    if "enum" in head:
        return "enum"
    if {"class", "struct", "union"} & set(head) and "=" not in head:
        return "class"
    if "(" not in words or ("=" in head and "operator" not in head):
        return "value"
    initialised = ":" in words[words.index(")") :] if ")" in words else False
    return "value" if initialised and re.match(r"\w|>", words[-1]) else "function"


def after_template(words):
    """The statement without a leading template<..>."""
    while words[:1] == ["template"]:
        depth = 0
        for i, word in enumerate(words):
            depth += (word == "<") - (word == ">")
            if word == ">" and depth == 0:
                words = words[i + 1 :]
                break
        else:
            return words
    return words


def name_of(statement):
    """The name before the first parenthesis, or after class or struct."""
    words = after_template(statement)
    for i, word in enumerate(words):
        if word == "(" and i and words[i - 1] not in NOT_A_NAME | {"(", "="}:
            first = i - 1
            while first >= 1 and words[first - 1] in ("::", "~", "operator"):
                first -= 2 if words[first - 1] == "::" and first >= 2 else 1
            return "".join(words[first:i])
    names = [w for w in words if re.match(r"[A-Za-z_]", w)]
    for i, word in enumerate(words):
        if word in ("class", "struct", "union"):
            rest = [w for w in words[i + 1 :] if re.match(r"[A-Za-z_]", w)]
            return rest[0] if rest else "(unnamed)"
    return names[-1] if names else "(unnamed)"


def members_of(statement):
    """How many members of data the statement declares (0: a function, a type, nothing)."""
    words = [w for w in statement if w != "mutable"]
    if not words or words[0] in NO_MEMBER | {"struct", "union"}:
        return 0
    count, angle, paren = 1, 0, 0
    for i, word in enumerate(words):
        if word == "=":  # what follows is its value; commas in it are within parentheses
            angle = 0
        angle += (word == "<") - (word == ">" and angle > 0)
        if word == "(" and angle == 0 and paren == 0 and "=" not in words[:i]:
            return 0
        paren += (word in "([") - (word in ")]")
        count += word == "," and angle == 0 and paren == 0
    return count if len(words) > 1 else 0


class Reader:
    """Walks the tokens of a C++ file with a stack of open braces."""

    def __init__(self, clean):
        self.code_lines = [bool(line.strip()) for line in clean.split("\n")]
        self.functions, self.classes = [], []
        self.stack = [Brace("namespace", 1)]
        self.line, self.parens = 1, 0

    def take(self, token):
        top = self.stack[-1]
        if not top.statement:
            top.start = self.line
        if token in BRANCHES and top.kind in ("function", "block"):
            self.count_branch(token, top)
        before = top.statement[-1:] and top.statement[-1]
        if token == "{":
            self.open(top)
        elif token == "}" and len(self.stack) > 1:
            self.close()
        elif token == ";" and self.parens == 0:
            self.end_statement(top)
        elif token == ":" and before in ("public", "private", "protected"):
            if top.body and before != "public":
                top.body.hides = True
            top.statement = []
        else:
            if top.kind not in ("function", "block"):
                self.parens += (token == "(") - (token == ")")
            top.statement.append(token)

    def count_branch(self, token, top):
        if token == "&&" and top.statement[-1:] == ["auto"]:
            return
        next(b for b in reversed(self.stack) if b.kind == "function").branches += 1

    def open(self, top):
        kind = kind_of(top.statement, top.kind, self.parens)
        brace = Brace(kind, top.start, name_of(top.statement) if kind != "block" else "")
        if kind == "class":
            hides = "class" in after_template(top.statement)
            brace.body = Class(brace.name, top.start, 0, hides=hides)
        self.stack.append(brace)

    def close(self):
        closed = self.stack.pop()
        top = self.stack[-1]
        if closed.kind == "value":  # the statement goes on
            top.statement.append("}")
            return
        if closed.kind == "function":
            lines = sum(self.code_lines[closed.line - 1 : self.line])
            self.functions.append(Function(closed.name, closed.line, lines, 1 + closed.branches))
            if top.body:
                top.body.methods += 1
        elif closed.kind == "class":
            closed.body.lines = self.line - closed.line + 1
            self.classes.append(closed.body)
        top.statement = []

    def end_statement(self, top):
        if top.body:
            found = members_of(top.statement)
            top.body.members += found
            top.body.methods += found == 0 and "(" in top.statement
        top.statement = []


def read_cpp(text):
    """(functions, classes) of a C++ file."""
    clean = without_comments(text)
    reader = Reader(clean)
    at = 0
    for match in TOKEN.finditer(clean):
        reader.line += clean.count("\n", at, match.start())
        at = match.start()
        reader.take(match[0])
    return reader.functions, reader.classes


def read_python(text):
    """(functions, classes) of a Python file."""
    tree = ast.parse(text)
    lines = text.splitlines()
    functions, classes = [], []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(python_function(node, lines))
        elif isinstance(node, ast.ClassDef):
            classes.append(python_class(node))
    return functions, classes


def python_function(node, lines):
    docs = set()
    if ast.get_docstring(node, clean=False) is not None:
        docs = set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    code = [
        n
        for n in range(node.lineno, node.end_lineno + 1)
        if n not in docs and lines[n - 1].strip() and not lines[n - 1].strip().startswith("#")
    ]
    return Function(node.name, node.lineno, len(code), 1 + sum(map(branches, own_nodes(node))))


def own_nodes(function):
    """The nodes of a function without those of functions within it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child
            yield from own_nodes(child)


def branches(node):
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    return isinstance(
        node, ast.If | ast.IfExp | ast.For | ast.While | ast.ExceptHandler | ast.match_case
    )


def python_class(node):
    own = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
    methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
            if isinstance(child.value, ast.Name) and child.value.id == "self":
                own.add(child.attr)
    lines = node.end_lineno - node.lineno + 1
    plain = any("dataclass" in ast.unparse(d) for d in node.decorator_list)  # a list of fields
    hides = bool(methods) and not plain
    return Class(node.name, node.lineno, lines, len(own), len(methods), hides=hides)


def comment_lines(text, python):
    """How many lines are comment (in Python: or docstring) and nothing else."""
    if not python:
        clean = without_comments(text).split("\n")
        return sum(
            bool(a.strip()) and not b.strip() and not a.lstrip().startswith("#")
            for a, b in zip(text.split("\n"), clean)
        )
    count = sum(line.lstrip().startswith("#") for line in text.splitlines())
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                count += node.body[0].end_lineno - node.body[0].lineno + 1
    return count
