// PartFile: a file that is there whole or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keyledger::cli {

// A file that gets its name only when it is whole and on disk: until then it is FILE.part, which a later run writes
// over. Destroyed before Finish, it leaves nothing behind.
// Threads: thread-compatible.
class PartFile {
 public:
  explicit PartFile(std::string path);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  // What failed; empty: nothing.
  const std::string& error() const { return error_; }
  uint64_t bytes() const { return bytes_; }

  bool Write(std::string_view data);
  // Syncs the file, gives it its name and syncs that.
  bool Finish();

 private:
  void Fail(const char* what);

  const std::string path_;
  const std::string part_;
  int file_ = -1;
  uint64_t bytes_ = 0;
  std::string error_;
};

}  // namespace keyledger::cli
