#include "server/store/verify.h"

#include <utility>

#include <fmt/format.h>

#include "keyledger/storage/v1/store_rows.pb.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/store/keys.h"

namespace keyledger::store {
namespace {

constexpr uint64_t kProgressEvery = 4096;
constexpr uint64_t kTileWidth = 256;
constexpr size_t kTileBytes = 8192;

// Threads: confined to one thread. One run of VerifyStore.
class Verifier {
 public:
  Verifier(const ShardStore& store, const VerifyOptions& options)
      : store_(store), options_(options), count_(store.record_count()) {}

  VerifyReport Run() {
    CheckRecords();
    CheckStreams();
    CheckRequests();
    CheckUniques();
    CheckSnapshots();
    CheckTimers();
    CheckTiles();
    return std::move(report_);
  }

 private:
  void Report(std::string_view place, std::string_view what) {
    ++report_.problem_count;
    if (report_.problems.size() < options_.problems_max) report_.problems.push_back(fmt::format("{}: {}", place, what));
  }

  void CheckRecords() {
    const auto records = store_.ReadRecords(0, count_);
    while (records->Next()) {
      const uint64_t position = records->position();
      ++report_.records;
      if (options_.progress && report_.records % kProgressEvery == 0) options_.progress(report_.records, count_);
      const auto claims = options_.read_record(position, records->bytes());
      const std::string place = fmt::format("record {}", position);
      if (claims.ok()) {
        CheckClaims(place, position, *claims);
      } else {
        Report(place, MessageOf(claims.status()));
      }
    }
    if (!records->status().ok()) Report("records", MessageOf(records->status()));
    if (options_.progress) options_.progress(report_.records, count_);
  }

  void CheckClaims(const std::string& place, uint64_t position, const RecordClaims& claims) {
    if (claims.position != position) Report(place, fmt::format("claims position {}", claims.position));
    const auto in_stream = store_.PositionOf(claims.account_id, claims.revision);
    if (!in_stream.ok()) {
      Report(place, MessageOf(in_stream.status()));
    } else if (*in_stream != position) {
      Report(place, fmt::format("is not where account '{}' has its revision {}", claims.account_id, claims.revision));
    }
    if (claims.request_id.empty()) return;
    const auto row = store_.GetRequest(claims.account_id, claims.request_id);
    storage::v1::RequestResult result;
    if (!row.ok()) {
      Report(place, MessageOf(row.status()));
    } else if (!row->has_value() || !result.ParseFromString(**row)) {
      Report(place, fmt::format("names request '{}', which has no result", claims.request_id));
    } else if (position < result.first_position() || position - result.first_position() >= result.record_count()) {
      Report(place, fmt::format("names request '{}', whose records are elsewhere", claims.request_id));
    }
  }

  // Walks a family; `check` returns what is wrong with a row, or an empty string.
  void CheckRows(Family family, const std::function<std::string(std::string_view key, std::string_view value)>& check) {
    uint64_t row = 0;
    const auto status = store_.ScanRows(family, [&](std::string_view key, std::string_view value) {
      const std::string problem = check(key, value);
      if (!problem.empty()) Report(fmt::format("{} row {}", FamilyName(family), row), problem);
      ++row;
      return true;
    });
    if (!status.ok()) Report(FamilyName(family), MessageOf(status));
  }

  void CheckStreams() {
    std::string account;
    uint64_t next_revision = 0;
    uint64_t rows = 0;
    CheckRows(Family::kStreams, [&](std::string_view key, std::string_view value) -> std::string {
      const auto place = ParseStreamKey(key);
      const auto position = ParsePositionValue(value);
      if (!place.has_value() || !position.has_value()) return "does not parse";
      if (*position >= count_) return {};
      ++rows;
      if (place->account_id != account) {
        account = place->account_id;
        next_revision = 0;
      }
      if (place->revision != next_revision) {
        return fmt::format("account '{}' has revision {} where {} is due", account, place->revision,
                           std::exchange(next_revision, place->revision + 1));
      }
      ++next_revision;
      return {};
    });
    // Every record has its row, as seen above; as many rows as records means that every row has its record.
    if (rows != report_.records) Report("streams", fmt::format("{} rows for {} records", rows, report_.records));
  }

  void CheckRequests() {
    CheckRows(Family::kRequests, [&](std::string_view key, std::string_view value) -> std::string {
      const size_t zero = key.find('\0');
      storage::v1::RequestResult result;
      if (zero == std::string_view::npos || zero == 0 || zero + 1 == key.size() ||
          !result.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
        return "does not parse";
      }
      if (result.first_position() >= count_) return {};
      if (result.record_count() > count_ - result.first_position()) {
        return fmt::format("its records end at {}, past the end", result.first_position() + result.record_count());
      }
      for (const uint32_t offset : result.fact_offsets()) {
        if (offset >= result.record_count())
          return fmt::format("names its record {} of {}", offset, result.record_count());
      }
      if (result.record_count() == 0) return {};
      const auto position_of_head = store_.PositionOf(key.substr(0, zero), result.revision());
      if (!position_of_head.ok()) return MessageOf(position_of_head.status());
      if (*position_of_head != result.first_position() + result.record_count() - 1) {
        return fmt::format("its records are not those up to revision {} of account '{}'", result.revision(),
                           key.substr(0, zero));
      }
      return {};
    });
  }

  void CheckUniques() {
    CheckRows(Family::kUniques, [&](std::string_view, std::string_view value) -> std::string {
      const auto position = ParsePositionValue(value);
      if (!position.has_value()) return "does not parse";
      return *position < store_.record_count() ? std::string()
                                               : fmt::format("names record {}, which does not exist", *position);
    });
  }

  void CheckAccount(std::string_view account_id, std::string& problem) {
    const auto last = store_.LastRevision(account_id);
    if (!last.ok()) {
      problem = MessageOf(last.status());
    } else if (!last->has_value()) {
      problem = fmt::format("account '{}' has no records", account_id);
    }
  }

  void CheckSnapshots() {
    CheckRows(Family::kSnapshots, [&](std::string_view key, std::string_view) {
      std::string problem;
      CheckAccount(key, problem);
      return problem;
    });
  }

  void CheckTimers() {
    CheckRows(Family::kTimers, [&](std::string_view key, std::string_view value) -> std::string {
      const auto place = ParseTimerKey(key);
      if (!place.has_value() || !value.empty()) return "does not parse";
      std::string problem;
      // The name of a hold is no account's.
      if (place->due != kHoldInForce) CheckAccount(place->account_id, problem);
      return problem;
    });
  }

  void CheckTiles() {
    uint32_t level = 0;
    uint64_t next = 0;
    uint64_t full = count_ / kTileWidth;
    const auto finish_level = [&] {
      if (next < full) Report("tree", fmt::format("tile {}/{} is missing", level, next));
      ++level;
      next = 0;
      full /= kTileWidth;
    };
    CheckRows(Family::kTree, [&](std::string_view key, std::string_view value) -> std::string {
      const auto place = ParseTileKey(key);
      if (!place.has_value()) return "its key does not parse";
      while (level < place->level) finish_level();
      if (place->index >= full) {
        // A tile that became full since the call is not a problem.
        uint64_t full_now = store_.record_count();
        for (uint32_t i = 0; i <= place->level; ++i) full_now /= kTileWidth;
        return place->index < full_now ? std::string()
                                       : fmt::format("tile {}/{} cannot be full yet", place->level, place->index);
      }
      if (place->index != std::exchange(next, place->index + 1)) {
        return fmt::format("a tile before {}/{} is missing", place->level, place->index);
      }
      return value.size() == kTileBytes
                 ? std::string()
                 : fmt::format("tile {}/{} has {} bytes", place->level, place->index, value.size());
    });
    while (full > 0) finish_level();
  }

  const ShardStore& store_;
  const VerifyOptions& options_;
  const uint64_t count_;
  VerifyReport report_;
};

}  // namespace

VerifyReport VerifyStore(const ShardStore& store, const VerifyOptions& options) {
  KL_CHECK(options.read_record != nullptr);
  return Verifier(store, options).Run();
}

}  // namespace keyledger::store
