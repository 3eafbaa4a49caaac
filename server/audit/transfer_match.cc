// See transfer_match.h.
#include "server/audit/transfer_match.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/audit/comparison.h"
#include "server/base/calendar.h"
#include "server/base/ids.h"
#include "server/domain/merges.h"
#include "server/domain/proto_time.h"
#include "server/merkle/tree.h"

namespace keyledger::audit {
namespace {

using domain::MicrosOf;
using events::v1::EventRecord;

std::string Digest(const std::string& bytes) {
  const merkle::Hash hash = merkle::Sha256(bytes);
  return std::string(hash.begin(), hash.end());
}

void AddLot(int64_t points, const events::v1::LotTerms& lot, std::string& out) {
  out += fmt::format("{} {} ", points, lot.SerializeAsString().size());
  out += lot.SerializeAsString();
}

// What a merge brings beside the points.
std::string MergedText(const events::v1::MergedAccount& merged) {
  const std::string bytes = merged.SerializeAsString();
  return fmt::format("merged {} ", bytes.size()) + bytes;
}

}  // namespace

v1::Finding TransferMatch::About(const Name& name, const TransferPlace& place, const std::string& account_id) {
  v1::Finding finding;
  finding.set_kind(v1::FINDING_KIND_BAD_TRANSFER);
  finding.set_shard(place.shard);
  finding.set_position(place.position);
  finding.set_revision(place.revision);
  finding.set_account_id(account_id);
  finding.set_rule(fmt::format("transfer {} of {}", name.second, name.first));
  return finding;
}

void TransferMatch::Take(uint32_t shard, uint64_t position, const EventRecord& record, const OnFinding& report) {
  const events::v1::Event& event = record.event();
  const TransferPlace place{shard, position, record.revision(), MicrosOf(record.record_time())};
  if (event.has_account_merge_received()) {
    CloseGroup(report);
    const auto& merge = event.account_merge_received();
    const Name name(merge.from_account_id(), std::string(domain::kMergeTransferId));
    group_.emplace(
        name, TransferReceived{place, record.account_id(), record.event_id(), merge.sent_event_id(), 0, "", 0, {}});
    group_->second.occurred.push_back(MicrosOf(record.occurred_time()));
    group_lots_ = MergedText(merge.merged());
    group_next_ = position + 1;
    return;
  }
  if (event.has_points_transfer_received()) {
    const auto& received = event.points_transfer_received();
    const Name name(received.from_account_id(), received.transfer_id());
    const bool goes_on = group_.has_value() && group_->first == name && group_next_ == position &&
                         group_->second.account_id == record.account_id();
    if (!goes_on) {
      CloseGroup(report);
      group_.emplace(name, TransferReceived{
                               place, record.account_id(), record.event_id(), received.sent_event_id(), 0, "", 0, {}});
    }
    TransferReceived& group = group_->second;
    group.points += received.points();
    group.lots += 1;
    group.occurred.push_back(MicrosOf(record.occurred_time()));
    AddLot(received.points(), received.lot(), group_lots_);
    group_next_ = position + 1;
    return;
  }
  CloseGroup(report);
  if (domain::SentBy(event) != nullptr) {
    TakeSent(place, record, report);
  } else if (IsTransferEnd(event)) {
    TakeEnd(place, record, report);
  }
}

void TransferMatch::TakeSent(const TransferPlace& place, const EventRecord& record, const OnFinding& report) {
  const events::v1::PointsTransferSent& sent = *domain::SentBy(record.event());
  const Name name(record.account_id(), sent.transfer_id());
  Transfer& transfer = transfers_[name];
  if (transfer.sent.has_value()) {
    v1::Finding finding = About(name, place, record.account_id());
    finding.set_message(fmt::format("transfer '{}' of account '{}' was sent twice", name.second, name.first));
    return report(std::move(finding));
  }
  TransferSent kept{
      place, sent.to_account_id(), record.event_id(), MicrosOf(record.occurred_time()), sent.points(), "", 0, {}};
  std::string lots;
  if (record.event().has_account_merged()) {
    lots = MergedText(record.event().account_merged().merged());
    kept.lots_occurred.push_back(kept.occurred);
  }
  for (const auto& allocation : sent.allocations()) {
    AddLot(allocation.points(), domain::ArrivingLot(allocation, name.first, name.second, kept.occurred), lots);
    kept.lots_occurred.push_back(MicrosOf(allocation.lot().occurred_time()));
    kept.lots += 1;
  }
  kept.lots_digest = Digest(lots);
  transfer.sent = std::move(kept);
  Check(name, report);
}

void TransferMatch::TakeEnd(const TransferPlace& place, const EventRecord& record, const OnFinding& report) {
  const auto* const completed = domain::CompletedBy(record.event());
  const auto* const returned = domain::ReturnedBy(record.event());
  const bool arrived = completed != nullptr;
  const Name name(record.account_id(), arrived ? completed->transfer_id() : returned->transfer_id());
  Transfer& transfer = transfers_[name];
  if (transfer.ended.has_value()) {
    v1::Finding finding = About(name, place, record.account_id());
    finding.set_message(fmt::format("transfer '{}' of account '{}' ended twice", name.second, name.first));
    return report(std::move(finding));
  }
  transfer.ended = TransferEnded{place, arrived, arrived ? completed->points() : returned->points(),
                                 arrived ? completed->received_event_id() : ""};
  Check(name, report);
}

void TransferMatch::EndShard(uint32_t shard, Micros last, const OnFinding& report) {
  CloseGroup(report);
  if (last_recorded_.size() <= shard) last_recorded_.resize(shard + 1);
  last_recorded_[shard] = last;
}

void TransferMatch::CloseGroup(const OnFinding& report) {
  if (!group_.has_value()) return;
  const Name name = group_->first;
  TransferReceived received = std::move(group_->second);
  group_.reset();
  received.lots_digest = Digest(group_lots_);
  group_lots_.clear();
  Transfer& transfer = transfers_[name];
  if (transfer.received.has_value()) {
    v1::Finding finding = About(name, received.place, received.account_id);
    finding.set_expected("received once");
    finding.set_found(fmt::format("{} points received again", received.points));
    finding.set_message(
        fmt::format("transfer '{}' of account '{}' was received more than once", name.second, name.first));
    return report(std::move(finding));
  }
  transfer.received = std::move(received);
  Check(name, report);
}

void TransferMatch::CheckArrival(const Name& name, const TransferSent& sent, const TransferReceived& received,
                                 const OnFinding& report) {
  const auto differs = [&](const std::string& expected, const std::string& found, const std::string& what) {
    v1::Finding finding = About(name, received.place, received.account_id);
    finding.set_expected(expected);
    finding.set_found(found);
    finding.set_message(fmt::format("transfer '{}' of account '{}' was received {}", name.second, name.first, what));
    report(std::move(finding));
  };
  if (sent.to_account_id != received.account_id) {
    return differs(sent.to_account_id, received.account_id, "by another account than it was sent to");
  }
  if (sent.points != received.points) {
    return differs(fmt::format("{} points", sent.points), fmt::format("{} points", received.points),
                   "with other points than were sent");
  }
  if (sent.event_id != received.sent_event_id) {
    return differs(sent.event_id, received.sent_event_id, "as of another record than the one that sent it");
  }
  if (sent.lots != received.lots || sent.lots_digest != received.lots_digest) {
    return differs(fmt::format("{} lots as sent", sent.lots), fmt::format("{} lots with other terms", received.lots),
                   "in other lots than were sent");
  }
  for (size_t i = 0; i < received.occurred.size(); ++i) {
    const Micros earliest = std::max(sent.occurred, sent.lots_occurred[i]);
    if (received.occurred[i] == earliest) continue;
    if (received.occurred[i] < earliest) {
      return differs(FormatMicros(earliest), FormatMicros(received.occurred[i]), "before it was sent");
    }
    dated_by_opening_[{received.place.shard, received.place.position}] = received.occurred[i];
  }
}

void TransferMatch::Check(const Name& name, const OnFinding& report) {
  const auto found = transfers_.find(name);
  const Transfer& transfer = found->second;
  if (transfer.sent.has_value() && transfer.ended.has_value() && !transfer.ended->arrived) {
    if (!transfer.received.has_value()) {
      // Whoever received it all the same is found to have received what nobody sent.
      transfers_.erase(found);
      return;
    }
    // A merge that came back may be tried again, as a record of the same event_id, too: what was received is of a later
    // one. If none follows, it is found to have been received though nobody sent it.
    if (name.second == domain::kMergeTransferId) {
      Transfer& later = found->second;
      later.sent.reset();
      later.ended.reset();
      return;
    }
  }
  if (!transfer.sent.has_value() || !transfer.received.has_value() || !transfer.ended.has_value()) return;
  CheckArrival(name, *transfer.sent, *transfer.received, report);
  if (!transfer.ended->arrived) {
    v1::Finding finding = About(name, transfer.ended->place, name.first);
    finding.set_expected(fmt::format("{} points that left", transfer.received->points));
    finding.set_found(fmt::format("{} points that came back", transfer.ended->points));
    finding.set_message(fmt::format("transfer '{}' of account '{}' came back although account '{}' has the points",
                                    name.second, name.first, transfer.received->account_id));
    report(std::move(finding));
  } else if (transfer.ended->received_event_id != transfer.received->event_id) {
    v1::Finding finding = About(name, transfer.ended->place, name.first);
    finding.set_expected(transfer.received->event_id);
    finding.set_found(transfer.ended->received_event_id);
    finding.set_message(fmt::format("transfer '{}' of account '{}' names another record that it arrived with",
                                    name.second, name.first));
    report(std::move(finding));
  }
  // A later part of it comes alone, and is found.
  transfers_.erase(found);
}

bool TransferMatch::MayBePast(const TransferPlace& place, uint32_t other_shard) const {
  return other_shard < place.shard && other_shard < last_recorded_.size() &&
         place.recorded >= last_recorded_[other_shard];
}

void TransferMatch::Finish(const std::string& only_account, uint32_t shard_count, const OnFinding& report) {
  for (const auto& [name, transfer] : transfers_) {
    const uint32_t sender_shard = ShardOf(name.first, shard_count);
    if (transfer.received.has_value()) {
      const TransferReceived& received = *transfer.received;
      if (!only_account.empty() && received.account_id != only_account && name.first != only_account) continue;
      if (!transfer.ended.has_value()) under_way_ += received.points;
      if (transfer.sent.has_value()) {
        CheckArrival(name, *transfer.sent, received, report);
      } else if (only_account.empty() && MayBePast(received.place, sender_shard)) {
        ++excused_;
      } else {
        v1::Finding finding = About(name, received.place, received.account_id);
        finding.set_expected("a record that sent it");
        finding.set_found(fmt::format("{} points received", received.points));
        finding.set_message(fmt::format("transfer '{}' of account '{}' was received, but account '{}' never sent it",
                                        name.second, name.first, name.first));
        report(std::move(finding));
      }
      continue;
    }
    if (!transfer.ended.has_value() || !transfer.ended->arrived) continue;
    if (!only_account.empty() && name.first != only_account) continue;
    under_way_ -= transfer.ended->points;
    const uint32_t receiver_shard =
        transfer.sent.has_value() ? ShardOf(transfer.sent->to_account_id, shard_count) : sender_shard;
    if (only_account.empty() && MayBePast(transfer.ended->place, receiver_shard)) {
      ++excused_;
      continue;
    }
    v1::Finding finding = About(name, transfer.ended->place, name.first);
    finding.set_expected("a record of the receiver");
    finding.set_found(fmt::format("{} points that left", transfer.ended->points));
    finding.set_message(fmt::format("transfer '{}' of account '{}' is said to have arrived, but nobody received it",
                                    name.second, name.first));
    report(std::move(finding));
  }
  transfers_.clear();
}

}  // namespace keyledger::audit
