// RandomFacts: facts about the relationship with an account, of every kind, made from the descriptors of their
// messages. What has no form that the ledger takes is thrown away; of steps of items mostly those are kept that the
// account is open for.
#pragma once

#include <random>
#include <string>

#include "keyledger/events/v1/event.pb.h"
#include "server/base/clock.h"
#include "server/domain/account_state.h"

namespace keyledger::testing {

// Threads: confined to one thread.
class RandomFacts {
 public:
  explicit RandomFacts(uint64_t seed) : random_(seed) {}

  // Whether the kind is one of those made here.
  static bool Makes(int kind);

  // A fact that occurs then, for an account that is in this state.
  events::v1::Event Next(const domain::AccountState& state, Micros occurred);

  int64_t Pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool Chance(int percent) { return Pick(0, 99) < percent; }

 private:
  // Sets the fields of the message, most of them.
  void Fill(google::protobuf::Message& message, Micros occurred);
  void Set(google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field, Micros occurred);
  std::string Text(const std::string& field_name);
  int64_t Number(const std::string& field_name);

  std::mt19937_64 random_;
};

}  // namespace keyledger::testing
