// SPDX-License-Identifier: Apache-2.0
// Random numbers that are a function of a counter: no state, so the order of calls and the number
// of threads change nothing, and a run resumes from its step number alone.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace steepest::trainer {

// splitmix64, a bijection of 64 bits whose results look random.
constexpr uint64_t scramble(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// A hash of the seed and of the words, any integers, in their order.
template <class... Words>
constexpr uint64_t hash_words(uint64_t seed, Words... words) {
  ((seed = scramble(seed ^ scramble(static_cast<uint64_t>(words)))), ...);
  return seed;
}

// A hash of any bytes, taken eight at a time, the last ones filled up with zeros; the same on every
// machine of the same byte order.
inline uint64_t hash_bytes(std::span<const uint8_t> bytes) {
  uint64_t hash = scramble(bytes.size());
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, bytes.size() - i < 8 ? bytes.size() - i : 8);
    hash = scramble(hash ^ word);
  }
  return hash;
}

__extension__ using Wide = unsigned __int128;

// A number uniform in [0, n), n > 0, from 64 random bits.
constexpr uint64_t below(uint64_t bits, uint64_t n) {
  return static_cast<uint64_t>((static_cast<Wide>(bits) * n) >> 64);
}

// A number uniform in [0, 1) from 64 random bits: the upper 53, as many as a double holds.
constexpr double unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

// A stream for one small job, such as one picture.
class CounterStream {
 public:
  // The stream that the seed chooses.
  explicit constexpr CounterStream(uint64_t seed) : seed_(scramble(seed)) {}
  // The next 64 random bits: the factor is odd, so no two counts give the same.
  constexpr uint64_t bits() { return scramble(seed_ + count_++ * 0xd1342543de82ef95); }
  constexpr int64_t range(int64_t low, int64_t high) {  // uniform in low..high, both included
    return low + static_cast<int64_t>(below(bits(), static_cast<uint64_t>(high - low + 1)));
  }

 private:
  uint64_t seed_, count_ = 0;
};

// A keyed permutation of 0..n-1 in constant time and memory: a Feistel network on the next even
// number of bits, walked until it falls inside.
class Permutation {
 public:
  // Takes the permutation of 0..n-1 that the key chooses. It is computed, not stored: a Feistel
  // network permutes the numbers of 2 half_ bits, the least even number of bits that holds n - 1.
  constexpr Permutation(uint64_t n, uint64_t key)
      : n_(n), key_(key), half_(n < 2 ? 1 : (std::bit_width(n - 1) + 1) / 2) {}

  // Returns the number below n to which the permutation takes i < n. The network may give numbers
  // from n up: it is applied until the result lies below n, which keeps the whole one-to-one.
  constexpr uint64_t operator()(uint64_t i) const {
    do i = feistel(i);
    while (i >= n_);
    return i;
  }

 private:
  // Six rounds of a Feistel network under the key: a permutation of the numbers of 2 half_ bits,
  // the least even number of bits that holds n - 1.
  constexpr uint64_t feistel(uint64_t i) const {
    const uint64_t mask = (uint64_t{1} << half_) - 1;
    uint64_t left = i >> half_, right = i & mask;
    for (uint64_t round = 0; round < 6; ++round) {
      const uint64_t next = left ^ (hash_words(key_, round, right) & mask);
      left = right;
      right = next;
    }
    return (left << half_) | right;
  }

  uint64_t n_, key_;
  int half_;
};

}  // namespace steepest::trainer
