// SPDX-License-Identifier: Apache-2.0
// The instructions are VEX-encoded, map 0F38, W0, 128 bits (Intel's Software Developer's Manual,
// vol. 2): C4, R X B inverted and the map, W vvvv inverted L and the prefix, the opcode, ModRM, for
// memory SIB and displacement.
//   49  no prefix, memory: LDTILECFG; no prefix, C0: TILERELEASE; F2: TILEZERO
//   4B  F2: TILELOADD; F3: TILESTORED
//   5C  F3: TDPBF16PS

#include "tests/support/amx_emulator.h"

#include <atomic>
#include <bit>
#include <cstring>

#if defined(__x86_64__) && defined(__linux__)
#include <ucontext.h>

namespace steepest::test {
namespace {

struct Tile {
  uint8_t bytes[16][64];
};
thread_local Tile tiles[8];
thread_local uint16_t bytes_per_row[8];
thread_local uint8_t rows[8];
std::atomic<int64_t> done{0};

int64_t general_register(const ucontext_t& context, int number) {
  constexpr int kOrder[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                            REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context.uc_mcontext.gregs[kOrder[number]];
}

struct Memory {
  uint8_t* base;
  int64_t stride;  // the index register's part
};

class Instruction {
 public:
  Instruction(const ucontext_t& context, const uint8_t* code)
      : context_(context), code_(code), modrm_(code[4]) {}

  bool is_tiles() const { return code_[0] == 0xC4 && (code_[1] & 31) == 2 && !(code_[2] & 0x84); }
  int prefix() const { return code_[2] & 3; }  // 0: none, 1: 66, 2: F3, 3: F2
  int opcode() const { return code_[3]; }
  int third() const { return ~code_[2] >> 3 & 7; }
  int reg() const { return modrm_ >> 3 & 7; }
  int rm() const { return modrm_ & 7; }
  bool in_memory() const { return modrm_ >> 6 != 3; }

  // Sets length().
  Memory memory() {
    const int mode = modrm_ >> 6;
    const int b = (~code_[1] >> 5 & 1) << 3, x = (~code_[1] >> 6 & 1) << 3;
    const uint8_t* next = code_ + 5;
    int64_t base = 0, stride = 0;
    bool far = mode == 2, relative = false;
    if (rm() == 4) {
      const uint8_t sib = *next++;
      const int index = (sib >> 3 & 7) | x;
      if (index != 4) stride = general_register(context_, index) << (sib >> 6);
      if ((sib & 7) == 5 && mode == 0) {
        far = true;
      } else {
        base = general_register(context_, (sib & 7) | b);
      }
    } else if (rm() == 5 && mode == 0) {
      far = relative = true;
    } else {
      base = general_register(context_, rm() | b);
    }
    if (mode == 1) base += static_cast<int8_t>(*next++);
    if (far) {
      int32_t displacement;
      std::memcpy(&displacement, next, sizeof displacement);
      next += sizeof displacement;
      base += displacement;
    }
    length_ = next - code_;
    if (relative) base += reinterpret_cast<int64_t>(next);
    return {reinterpret_cast<uint8_t*>(base), stride};
  }
  int64_t length() const { return length_; }

 private:
  const ucontext_t& context_;
  const uint8_t* code_;
  uint8_t modrm_;
  int64_t length_ = 5;
};

float wide(uint16_t bfloat16) {
  return std::bit_cast<float>(static_cast<uint32_t>(bfloat16) << 16);
}

template <typename T>
T& element(Tile& tile, int row, int column) {
  return *reinterpret_cast<T*>(tile.bytes[row] + column * sizeof(T));
}

// sum[m][n] += a[m][2k] b[k][2n] + a[m][2k + 1] b[k][2n + 1]
void multiply(int sum, int a, int b) {
  for (int m = 0; m < rows[sum]; ++m) {
    for (int k = 0; k < bytes_per_row[a] / 4; ++k) {
      for (int n = 0; n < bytes_per_row[sum] / 4; ++n) {
        for (const int half : {0, 1}) {
          element<float>(tiles[sum], m, n) += wide(element<uint16_t>(tiles[a], m, 2 * k + half)) *
                                              wide(element<uint16_t>(tiles[b], k, 2 * n + half));
        }
      }
    }
  }
}

void load(int tile, Memory from) {
  tiles[tile] = {};
  for (int r = 0; r < rows[tile]; ++r)
    std::memcpy(tiles[tile].bytes[r], from.base + r * from.stride, bytes_per_row[tile]);
}
void store(int tile, Memory to) {
  for (int r = 0; r < rows[tile]; ++r)
    std::memcpy(to.base + r * to.stride, tiles[tile].bytes[r], bytes_per_row[tile]);
}
void configure(const uint8_t* shapes) {
  std::memset(tiles, 0, sizeof tiles);
  std::memcpy(bytes_per_row, shapes + 16, sizeof bytes_per_row);
  std::memcpy(rows, shapes + 48, sizeof rows);
}

bool emulate(Instruction& i) {
  constexpr int kNone = 0, kF3 = 2, kF2 = 3;
  if (!i.is_tiles()) return false;
  if (i.opcode() == 0x49 && i.prefix() == kNone) {
    const uint8_t released[64] = {};
    configure(i.in_memory() ? i.memory().base : released);
  } else if (i.opcode() == 0x49 && i.prefix() == kF2) {
    tiles[i.reg()] = {};
  } else if (i.opcode() == 0x4B && i.prefix() == kF2) {
    load(i.reg(), i.memory());
  } else if (i.opcode() == 0x4B && i.prefix() == kF3) {
    store(i.reg(), i.memory());
  } else if (i.opcode() == 0x5C && i.prefix() == kF3) {
    multiply(i.reg(), i.rm(), i.third());
  } else {
    return false;
  }
  return true;
}

void on_illegal_instruction(int, siginfo_t*, void* context) {
  auto& state = *static_cast<ucontext_t*>(context);
  auto& at = state.uc_mcontext.gregs[REG_RIP];
  Instruction instruction(state, reinterpret_cast<const uint8_t*>(at));
  if (!emulate(instruction)) {
    std::signal(SIGILL, SIG_DFL);  // and dies of it when it is tried again
    return;
  }
  at += instruction.length();
  ++done;
}

}  // namespace

AmxEmulator::AmxEmulator() {
  done = 0;
  struct sigaction action = {};
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, &before_);
}
AmxEmulator::~AmxEmulator() { sigaction(SIGILL, &before_, nullptr); }

int64_t AmxEmulator::instructions() const { return done; }

}  // namespace steepest::test

#else

namespace steepest::test {
AmxEmulator::AmxEmulator() = default;
AmxEmulator::~AmxEmulator() = default;
int64_t AmxEmulator::instructions() const { return 0; }
}  // namespace steepest::test

#endif
