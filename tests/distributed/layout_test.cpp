// SPDX-License-Identifier: Apache-2.0
// Boxes are those of torch.chunk, as DTensor places them; a block's parts tile it.
#include <gtest/gtest.h>

#include "steepest/distributed/local_blocks.h"
#include "tests/distributed/shared_run.h"

namespace steepest::test {
namespace {

std::vector<int64_t> begins(const std::vector<Box>& boxes, size_t dim) {
  std::vector<int64_t> all;
  for (const auto& box : boxes) all.push_back(box.begin[dim]);
  return all;
}

std::vector<int64_t> sizes(const std::vector<Box>& boxes, size_t dim) {
  std::vector<int64_t> all;
  for (const auto& box : boxes) all.push_back(box.size[dim]);
  return all;
}

using Numbers = std::vector<int64_t>;

TEST(Layout, ChunksAreThoseOfTorch) {
  for (const int64_t rows : {1, 2, 3, 5, 7, 10, 18, 64})
    for (const int64_t processes : {1, 2, 3, 4, 8}) {
      const auto chunks = at::zeros({rows, 2}).chunk(processes);
      const auto boxes = boxes_of("w", {rows, 2}, {processes}, {{0}});
      for (size_t r = 0; r < boxes.size(); ++r) {
        const int64_t expected = r < chunks.size() ? chunks[r].size(0) : 0;
        EXPECT_EQ(boxes[r].size, (Numbers{expected, 2})) << rows << " rows on " << processes;
      }
    }
}

TEST(Layout, MeshesAreRowMajor) {
  const auto boxes = boxes_of("w", {8, 6}, {2, 2}, {{}, {0}});
  EXPECT_EQ(begins(boxes, 0), (Numbers{0, 4, 0, 4}));
  const auto both = boxes_of("w", {8, 6}, {2, 2}, {{0}, {1}});
  EXPECT_EQ(begins(both, 0), (Numbers{0, 0, 4, 4}));
  EXPECT_EQ(begins(both, 1), (Numbers{0, 3, 0, 3}));
}

// FSDP2 over tensor parallelism: the later dimension of the mesh is cut first.
TEST(Layout, StridedShardsLieInWhatTheOthersLeave) {
  const auto boxes = boxes_of("w", {8, 6}, {2, 2}, {{0, true}, {0}});
  EXPECT_EQ(begins(boxes, 0), (Numbers{0, 4, 2, 6}));
  EXPECT_EQ(sizes(boxes, 0), (Numbers{2, 2, 2, 2}));
}

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const c10::ValueError& error) {
    return error.what_without_backtrace();
  }
  return "";
}

TEST(Layout, RefusesInOneLine) {
  EXPECT_EQ(
      refusal([] {
        boxes_of("w", {7, 6}, {2, 2}, {{0, true}, {0}});
      }),
      "\"w\": received 7 rows in strided shards, allowed a multiple of 4: uneven ones are wrong "
      "in torch (pytorch#168134)");
  EXPECT_EQ(refusal([] { boxes_of("w", {7}, {2}, {{1}}); }),
            "\"w\": placement: received dimension 1, allowed below 1");
  EXPECT_EQ(refusal([] { placement_from("P", "w"); }),
            "\"w\": placement: received \"P\", allowed R, S and a dimension (S0), or _S and a "
            "dimension");
}

// Of every block of the tiny network the parts on all processes are each entry once.
TEST(LocalBlocks, TileEveryBlock) {
  const auto leaves = tiny_leaves();
  for (const auto& [mesh, placements] :
       {std::pair<Numbers, std::vector<Placement>>{{2}, {{0}}}, {{3}, {{0}}}, {{5}, {{0}}}})
    for (const auto& leaf : leaves) {
      const auto shape = leaf.value.sizes().vec();
      const auto whole = at::zeros(shape, at::kDouble);
      PlannedParam param{leaf.name, shape, 0, leaf.view};
      for (const auto& block : make_blocks(leaf.name, shape, leaf.role, leaf.view))
        for (const auto& box : boxes_of(leaf.name, shape, mesh, placements)) {
          auto held = box.of(whole, whole_box(shape));
          for (const auto& part : local_blocks(block, box, param)) {
            part.piece(held).add_(1);
            EXPECT_GE(part.leaf, block.leaf);
            EXPECT_LE(part.leaf + part.batch, block.leaf + block.batch);
          }
        }
      EXPECT_TRUE(whole.eq(1).all().item<bool>()) << leaf.name << "\n" << whole;
    }
}

}  // namespace
}  // namespace steepest::test
