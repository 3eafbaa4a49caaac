// What the vault's tests share: fixed keys, counted randomness, files as bytes.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/error.h"
#include "server/vault/vault.h"
#include "tests/support/temp_dir.h"

namespace keyledger::vault {

inline std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return text;
}

inline std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

// A master key of 32 equal bytes.
inline MasterKey MasterOf(char byte) { return MasterKey{SecretKey::From(std::string(kKeyBytes, byte))}; }

// Bytes 1, 2, 3, ... 255, 1, ... instead of random ones.
inline RandomSource CountedBytes() {
  auto next = std::make_shared<int>(0);
  return [next](uint8_t* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(1 + (*next)++ % 255);
  };
}

inline std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

inline void WriteBytes(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::unique_ptr<Vault> OpenVault(const std::string& directory, const MasterKey& master,
                                        const std::optional<MasterKey>& previous = std::nullopt,
                                        VaultOptions options = {}) {
  auto vault = Vault::Open(directory, master, previous, std::move(options));
  EXPECT_TRUE(vault.ok()) << vault.status();
  return vault.ok() ? *std::move(vault) : nullptr;
}

// The key of a subject, made if need be.
inline SecretKey KeyIn(Vault& vault, std::string_view subject_id) {
  const std::string_view ids[] = {subject_id};
  auto keys = vault.KeysFor(ids);
  EXPECT_TRUE(keys.ok()) << keys.status();
  return keys.ok() ? (*keys)[0] : SecretKey();
}

// Runs `body` in a process of its own that ends at the `stop_at`-th step (0-based) without any cleaning up. Returns
// whether it came that far.
template <typename Body>
bool EndsAtStep(int stop_at, const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    int left = stop_at;
    body([&left](std::string_view) {
      if (left-- == 0) _exit(7);
    });
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

}  // namespace keyledger::vault
