// See probe.h.
#include "client/verify/probe.h"

#include <algorithm>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/verify/shallow_json.h"
#include "server/merkle/base64.h"
#include "server/merkle/proof.h"

namespace keyledger::verify {
namespace {

using nlohmann::json;

constexpr size_t kLineBytesMax = 1u << 20;
constexpr size_t kHashesMax = 128;

std::optional<merkle::Hash> HashOf(const json& value) {
  if (!value.is_string()) return std::nullopt;
  const std::optional<std::string> bytes = merkle::DecodeBase64(value.get_ref<const std::string&>());
  if (!bytes.has_value() || bytes->size() != merkle::kHashBytes) return std::nullopt;
  merkle::Hash hash{};
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

std::optional<merkle::Proof> ProofOf(const json& value) {
  merkle::Proof proof;
  if (value.is_null()) return proof;
  if (!value.is_array() || value.size() > kHashesMax) return std::nullopt;
  for (const json& element : value) {
    const std::optional<merkle::Hash> hash = HashOf(element);
    if (!hash.has_value()) return std::nullopt;
    proof.push_back(*hash);
  }
  return proof;
}

std::optional<uint64_t> SizeOf(const json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<uint64_t>();
}

const json& Field(const json& probe, const char* name) {
  static const json kAbsent;
  const auto found = probe.find(name);
  return found == probe.end() ? kAbsent : *found;
}

bool AcceptsInclusion(const json& probe) {
  const std::optional<uint64_t> index = SizeOf(Field(probe, "leafIdx"));
  const std::optional<uint64_t> size = SizeOf(Field(probe, "treeSize"));
  const std::optional<merkle::Hash> root = HashOf(Field(probe, "root"));
  const std::optional<merkle::Hash> leaf = HashOf(Field(probe, "leafHash"));
  const std::optional<merkle::Proof> proof = ProofOf(Field(probe, "proof"));
  return index && size && root && leaf && proof && merkle::VerifyInclusion(*leaf, *index, *size, *proof, *root);
}

// Of equal sizes: nothing is hashed, and any two roots that are the same are consistent (RFC 9162 section 2.1.4.2).
bool SaysTheSame(const json& probe) {
  const json& first = Field(probe, "root1");
  const std::optional<merkle::Proof> proof = ProofOf(Field(probe, "proof"));
  return proof.has_value() && proof->empty() && first.is_string() && first == Field(probe, "root2") &&
         merkle::DecodeBase64(first.get_ref<const std::string&>()).has_value();
}

bool AcceptsConsistency(const json& probe) {
  const std::optional<uint64_t> first = SizeOf(Field(probe, "size1"));
  const std::optional<uint64_t> second = SizeOf(Field(probe, "size2"));
  if (first && second && *first == *second) return *first > 0 && SaysTheSame(probe);
  const std::optional<merkle::Hash> first_root = HashOf(Field(probe, "root1"));
  const std::optional<merkle::Hash> second_root = HashOf(Field(probe, "root2"));
  const std::optional<merkle::Proof> proof = ProofOf(Field(probe, "proof"));
  return first && second && first_root && second_root && proof &&
         merkle::VerifyConsistency(*first, *second, *first_root, *second_root, *proof);
}

// Reads the next line; false at the end. `whole`: it is no longer than a probe may be.
bool NextLine(std::istream& in, std::string& line, bool& whole) {
  line.clear();
  whole = true;
  char byte = 0;
  bool any = false;
  while (in.get(byte)) {
    any = true;
    if (byte == '\n') return true;
    if (line.size() < kLineBytesMax) {
      line += byte;
    } else {
      whole = false;
    }
  }
  return any;
}

}  // namespace

int CheckProbes(const std::string& path, bool as_json, Environment& environment) {
  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) {
    environment.err << "error: cannot read " << path << "\n";
    return kExitCannotRead;
  }
  uint64_t number = 0;
  uint64_t probes = 0;
  uint64_t differ = 0;
  uint64_t unreadable = 0;
  std::string line;
  for (bool whole = true; NextLine(in, line, whole);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    json probe = whole ? ParseShallowJson(line) : json();
    const bool inclusion = probe.is_object() && probe.contains("leafIdx");
    if (!probe.is_object() || inclusion == probe.contains("size1")) {
      ++unreadable;
      environment.err << fmt::format("error: line {} of {} is no probe of inclusion or consistency\n", number, path);
      continue;
    }
    ++probes;
    const json want_error = probe.value("wantErr", json(false));
    const json name = probe.value("file", json(fmt::format("line {}", number)));
    const bool accepted = inclusion ? AcceptsInclusion(probe) : AcceptsConsistency(probe);
    const bool expected = accepted == (want_error != json(true));
    differ += expected ? 0 : 1;
    const std::string verdict = accepted ? "accepted" : "rejected";
    const std::string file = name.is_string() ? name.get<std::string>() : name.dump();
    if (as_json) {
      const json answer = {{"file", file}, {"verdict", verdict}, {"as_expected", expected}};
      environment.out << answer.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
    } else {
      environment.out << fmt::format("{}: {}, {}\n", file, verdict, expected ? "as expected" : "NOT as expected");
    }
  }
  if (in.bad()) ++unreadable;
  environment.err << fmt::format("{} probes, {} not as expected\n", probes, differ);
  if (unreadable > 0) return kExitCannotRead;
  return differ == 0 ? kExitHolds : kExitDoesNotHold;
}

}  // namespace keyledger::verify
