# SPDX-License-Identifier: Apache-2.0
"""What the house rules read of the code is what stands there."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "house"))

import arrows
import source

CPP = """
// if (a) in a comment; "while" in a text
namespace a { struct Fields { int x = 0, y{1}; std::map<int, int> of; }; }
template <typename T>
class Kept : public Base<T> {
 public:
  Kept(int n) : n_{n}, f_([] { return 1; }) {}
  int look() const { return n_ > 0 && ready_ ? 1 : 2; }
  static constexpr int kMost = 3;
 private:
  friend struct Other;
  int n_;
  std::function<int(int, int)> f_;
  bool ready_ = false, warned_ = false;
};
[[gnu::noinline]] void Kept<int>::run(const int* p) {
  for (auto&& x : all) {
    if (x) continue;
  }
}
"""


def test_functions_and_classes_of_cpp():
    functions, classes = source.read_cpp(CPP)
    assert {f.name: f.complexity for f in functions} == {"Kept": 1, "look": 3, ">::run": 3}
    assert {c.name: (c.members, c.hides) for c in classes} == {
        "Fields": (3, False),
        "Kept": (4, True),
    }
    assert next(f for f in functions if f.name == ">::run").lines == 5


def test_functions_and_classes_of_python():
    functions, classes = source.read_python(
        'class A:\n  x: int\n  def f(self, a):\n    """Doc."""\n'
        "    self.y = [b for b in a if b and a]\n"
    )
    assert [(f.lines, f.complexity) for f in functions] == [(2, 4)]
    assert [(c.members, c.methods) for c in classes] == [(2, 1)]


def test_arrows_back_up_in_a_circle():
    graph = {"top": {"a"}, "a": {"b"}, "b": {"c"}, "c": {"b"}, "low": set()}
    assert arrows.circles(graph) == [["b", "c"]]
    assert len(arrows.back_arrows(graph, ["b", "c"])) == 1
