// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/fingerprint.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// The split's name in a fingerprint.
const char* name_of(Split split) { return split == Split::train ? "train" : "validation"; }

// Whether both are the same bytes for the same split, whatever their names.
bool same_content(const DataFile& a, const DataFile& b) {
  return a.split == b.split && a.size == b.size && a.crc32 == b.crc32;
}

// The file's size and CRC-32 as words of a message, to tell its content from another.
std::string content_text(const DataFile& file) {
  return std::to_string(file.size) + " bytes with crc32 " + file.crc32;
}

// The message on a file whose bytes are other ones `now` than they were `then`, at the run's start.
std::string change_message(const DataFile& now, const DataFile& then) {
  return one_line(now.path) + ": received " + content_text(now) + ", expected " +
         content_text(then) + (one_line(now.name) == then.name ? "" : " (" + then.name + ")") +
         " as at the run's start";
}

using Key = std::pair<Split, std::string>;

// The files by split and name, the name as a fingerprint has it; the pointers are into `files`.
std::map<Key, const DataFile*> index_of(const std::vector<DataFile>& files) {
  std::map<Key, const DataFile*> index;
  for (const DataFile& file : files) index[{file.split, one_line(file.name)}] = &file;
  return index;
}

// The message on the first difference between the files `now` and those `then`, at the run's start,
// matched by their names, which tell best what has happened: a changed file, then a new one, then a
// missing one. "" where the names show no difference.
std::string difference_by_name(const std::vector<DataFile>& now,
                               const std::vector<DataFile>& then) {
  const auto ours = index_of(now), theirs = index_of(then);
  for (const auto& [key, file] : ours) {
    const auto other = theirs.find(key);
    if (other != theirs.end() && !same_content(*file, *other->second))
      return change_message(*file, *other->second);
  }
  for (const auto& [key, file] : ours) {
    if (!theirs.count(key))
      return one_line(file->path) + ": received a file for " + name_of(file->split) +
             " that was not there at the run's start";
  }
  for (const auto& [key, file] : theirs) {
    if (!ours.count(key))
      return file->name + ": received no such file for " + std::string(name_of(file->split)) +
             ", expected " + content_text(*file) + " as at the run's start";
  }
  return "";
}

}  // namespace

std::string fingerprint(const std::vector<DataFile>& files) {
  std::string text;
  for (const DataFile& file : files) {
    text += std::string(name_of(file.split)) + " " + std::to_string(file.size) + " " + file.crc32 +
            " " + one_line(file.name, file.name.size()) + "\n";
  }
  return text;
}

std::vector<DataFile> read_fingerprint(const std::string& text) {
  std::vector<DataFile> files;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string split, size;
    DataFile file;
    words >> split >> size >> file.crc32;
    std::from_chars(size.data(), size.data() + size.size(), file.size);
    words.get();  // the blank before the name, which may begin with one
    std::getline(words, file.name);
    file.split = split == "train" ? Split::train : Split::validation;
    files.push_back(std::move(file));
  }
  return files;
}

std::string data_difference(const std::vector<DataFile>& now, const std::vector<DataFile>& then) {
  const bool equal = std::equal(now.begin(), now.end(), then.begin(), then.end(), same_content);
  if (equal) return "";
  const bool one = now.size() == then.size() &&
                   std::count_if(now.begin(), now.end(), [&](const DataFile& file) {
                     return !same_content(file, then[static_cast<size_t>(&file - now.data())]);
                   }) == 1;
  for (size_t i = 0; one && i < now.size(); ++i) {  // it may have another name
    if (!same_content(now[i], then[i])) return change_message(now[i], then[i]);
  }
  const std::string by_name = difference_by_name(now, then);
  if (!by_name.empty()) return by_name;
  for (size_t i = 0; i < std::min(now.size(), then.size()); ++i) {
    if (!same_content(now[i], then[i])) return change_message(now[i], then[i]);
  }
  return "the data: received " + std::to_string(now.size()) + " files, expected " +
         std::to_string(then.size()) + " as at the run's start";
}

}  // namespace steepest::trainer
