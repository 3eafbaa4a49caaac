// Transfers of points between two accounts: what a program allows the sender, and the two steps that no client can
// submit. Pure; the courier (server/shard/courier.h) carries them between the accounts. A merge of two accounts takes
// the same steps, and brings more than points: merges.h.
//
// A transfer is sent, received or refused, and then completed or returned. All of its records occur when it was sent,
// however much later they are taken: in business time a transfer is one moment, and what the two accounts hold between
// them is the same before and after. A lot that came to be only after that moment (the transfer was submitted late)
// arrives when it was earned.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "keyledger/events/v1/record.pb.h"
#include "server/domain/account_state.h"
#include "server/domain/decide.h"
#include "server/domain/program_set.h"

namespace keyledger::domain {

// Lots that one transfer takes from: each is a record of the receiver.
inline constexpr int kTransferLotsMax = 500;
// Lots of an account that takes in points of others: half of what it may hold, so that what others send leaves room for
// what it earns itself.
inline constexpr int64_t kLotsWithTransfersMax = kLotsMax / 2;

// What a merge of two accounts is open under among the transfers of the one that ends. No client can choose it.
inline constexpr std::string_view kMergeTransferId = "$merge";

// Whether the program's transfer policy (none: its defaults) lets so many points be sent at `occurred`.
// Errors: FAILED_PRECONDITION (kTransferLimit) with the rule's name and numbers as metadata, and for a maximum per
// period when the next one begins.
absl::Status CheckTransfer(const AccountState& state, const CompiledProgram* program, int64_t points, Micros occurred);

// Adds the count that a transfer at `occurred` adds to, if there is one.
void AddTransferCounts(const AccountState& state, const CompiledProgram& program, Micros occurred,
                       google::protobuf::RepeatedPtrField<events::v1::PeriodCount>* out);

// Activity is an account's own: a lot of another one that runs out by inactivity does so here when its days are over
// after `from` (when it was sent, or what is known of activity since), whatever happens.
void FixEnd(Micros from, events::v1::LotTerms& lot);

// What a lot that was sent, at `occurred`, is where it arrives: so many points, with a fixed end. What comes with a
// merge goes on being points of the purchase that earned them; what is given away does not.
events::v1::LotTerms ArrivingLot(const events::v1::LotAllocation& sent, const std::string& from_account_id,
                                 std::string_view transfer_id, Micros occurred);

// What a receiver is to be given.
struct TransferReceipt {
  std::string to_account_id;
  std::string from_account_id;
  std::string transfer_id;
  // Of the sender's record.
  std::string sent_event_id;
  Micros occurred = 0;
  events::v1::PointsTransferSent sent;
  // Of a merge: what comes beside the points.
  std::optional<events::v1::MergedAccount> merged{};
};

// Requires: the record is a PointsTransferSent or an AccountMerged.
TransferReceipt ReceiptOf(const events::v1::EventRecord& sent);

// The request_id that a receipt is applied under, once. No client can send one with spaces.
std::string ReceiptRequestId(std::string_view from_account_id, std::string_view transfer_id);

// How a transfer ended.
struct TransferResult {
  std::string transfer_id;
  // Empty: it was received. Otherwise the reason of refusal, as "ACCOUNT_CLOSED".
  std::string refusal;
  // Of the first record of the receiver, if it was received; of a merge AccountMergeReceived.
  std::string received_event_id;
};

// Gives the receiver the points: a lot for each that was debited. What has run out meanwhile does so, and debts are
// paid. Of a merge, what comes beside them first; what is measured with it may raise the receiver's tier at the end.
// Errors, all of which are final for the transfer: NOT_FOUND (kAccountNotFound), FAILED_PRECONDITION (kAccountClosed,
// kAccountMerged, kAccountLimit, kArithmeticRange).
absl::StatusOr<Outcome> DecideTransferReceipt(const AccountState& receiver, const TransferReceipt& receipt,
                                              const ProgramSet& programs);

// Whether an error of DecideTransferReceipt says that the account cannot take the points, rather than that it could not
// be asked.
bool IsTransferRefusal(const absl::Status& status);

// The name of that error in PointsTransferReturned, as "ACCOUNT_CLOSED". Requires: IsTransferRefusal.
std::string RefusalName(const absl::Status& status);

// Ends the transfer on its sender. No events: it is not open, or not any more.
absl::StatusOr<Outcome> DecideTransferResult(const AccountState& sender, const TransferResult& result,
                                             const ProgramSet& programs);

}  // namespace keyledger::domain
