// TempDir: a directory of a test's own, removed at the end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "server/base/check.h"

namespace keyledger::testing {

class TempDir {
 public:
  // In memory where the machine has a file system of that kind: for tests that open and close very often and whose
  // syncs are pretended.
  enum class Place { kDefault, kMemory };

  explicit TempDir(Place place = Place::kDefault) {
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = place == Place::kMemory && std::filesystem::is_directory(memory);
    std::string pattern = ((in_memory ? memory : std::filesystem::temp_directory_path()) / "keyledger.XXXXXX").string();
    KL_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace keyledger::testing
