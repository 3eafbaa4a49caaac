// PipelineFlags: the options of every question about what is under way: which accounts, as of when, which page.
#pragma once

#include <string>

#include "client/cli/command.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/engagement_service.pb.h"
#include "keyledger/ledger/v1/pipeline_service.pb.h"

namespace keyledger::cli {

struct PipelineFlags {
  std::string account;
  std::string state = "open";
  std::string person;
  std::string as_of;
  std::string known_at;
  std::string region;
  std::string segment;
  std::string owner;
  std::string tier;
  std::string club;
  PageFlags pages;
  ReadFlags read;

  // What a query has no use for is not offered.
  void AddAccount(CLI::App* verb);
  void AddState(CLI::App* verb);
  void AddPerson(CLI::App* verb, const std::string& help);
  // Scope, and for lists the page.
  void AddTo(CLI::App* verb, bool pages_too = true);

  template <typename Request>
  void Fill(Request& request) const {
    FillScope(*request.mutable_scope());
    read.Fill(request);
    if constexpr (requires { request.set_account_id(account); }) {
      request.set_account_id(account);
    }
    if constexpr (requires { request.set_person(person); }) {
      request.set_person(person);
    }
    if constexpr (requires { request.set_state(v1::ITEM_STATE_OPEN); }) {
      request.set_state(state == "ended" ? v1::ITEM_STATE_ENDED
                        : state == "all" ? v1::ITEM_STATE_ALL
                                         : v1::ITEM_STATE_OPEN);
    }
  }

  void FillScope(v1::EngagementScope& scope) const;
};

// "-" for a time that is not set.
std::string TimeOrDash(bool given, const google::protobuf::Timestamp& time);
// "-" for money that is not stated.
std::string MoneyOrDash(bool given, const ev::Money& money);
// "all that match: 12 of 1,234.00 USD", a line a currency; nothing as JSON.
void PrintSums(Session& session, const google::protobuf::RepeatedPtrField<v1::ItemSum>& sums);

}  // namespace keyledger::cli
