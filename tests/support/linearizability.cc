// See linearizability.h.
#include "tests/support/linearizability.h"

#include <algorithm>
#include <deque>
#include <unordered_set>
#include <utility>

namespace keyledger::testing {
namespace {

// A call or an end, in a doubly linked list in the order of time. Operations that have been put in order are unlinked,
// and linked again when the search goes back.
struct Entry {
  size_t operation = 0;
  bool is_call = false;
  Entry* before = nullptr;
  Entry* after = nullptr;
  // Of a call: its end.
  Entry* end = nullptr;
};

void Unlink(Entry& entry) {
  entry.before->after = entry.after;
  if (entry.after != nullptr) entry.after->before = entry.before;
}

void Link(Entry& entry) {
  entry.before->after = &entry;
  if (entry.after != nullptr) entry.after->before = &entry;
}

class Search {
 public:
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;
  Search(const std::vector<RecordedOperation>& history, const std::string& initial)
      : history_(history), entries_(history.size() * 2), done_((history.size() + 7) / 8, '\0'), state_(initial) {
    for (size_t i = 0; i < history.size(); ++i) {
      unanswered_ += history[i].end == kNeverAnswered ? 1 : 0;
      entries_[2 * i] = {i, true, nullptr, nullptr, &entries_[2 * i + 1]};
      entries_[2 * i + 1] = {i, false, nullptr, nullptr, nullptr};
    }
    std::vector<Entry*> order;
    for (Entry& entry : entries_) order.push_back(&entry);
    const auto stamp = [&](const Entry* entry) {
      return entry->is_call ? history_[entry->operation].call : history_[entry->operation].end;
    };
    std::stable_sort(order.begin(), order.end(), [&](const Entry* a, const Entry* b) { return stamp(a) < stamp(b); });
    Entry* last = &head_;
    for (Entry* const entry : order) {
      last->after = entry;
      entry->before = last;
      last = entry;
    }
  }

  // Goes on for at most so many steps; nothing if there is no verdict yet.
  std::optional<bool> Run(uint64_t steps) {
    Entry* entry = next_ == nullptr ? head_.after : next_;
    for (; left() > 0; --steps) {
      if (steps == 0) {
        next_ = entry;
        return std::nullopt;
      }
      if (entry != nullptr && entry->is_call) {
        std::optional<std::string> next = history_[entry->operation].step(state_);
        if (next.has_value() && Take(*entry, *std::move(next))) {
          entry = head_.after;
        } else {
          entry = entry->after;
        }
        continue;
      }
      // An end: what was answered by now has to come before it, and nothing fits. (An end that never came, or the end
      // of the list: nothing that is left fits here.)
      if (taken_.empty()) return false;
      entry = GoBack();
    }
    return true;
  }

 private:
  // Operations that have to be put in order: those never answered may be left out.
  size_t left() const { return history_.size() - unanswered_ - answered_taken_; }

  bool Take(Entry& call, std::string next) {
    char& byte = done_[call.operation / 8];
    const char bit = static_cast<char>(1 << (call.operation % 8));
    byte = static_cast<char>(byte | bit);
    if (!tried_.insert(done_ + next).second) {
      byte = static_cast<char>(byte & ~bit);
      return false;
    }
    taken_.push_back({&call, std::exchange(state_, std::move(next))});
    Unlink(call);
    Unlink(*call.end);
    if (history_[call.operation].end != kNeverAnswered) ++answered_taken_;
    return true;
  }

  // Undoes the last operation taken and returns what to try instead.
  Entry* GoBack() {
    Entry& call = *taken_.back().call;
    state_ = std::move(taken_.back().state_before);
    taken_.pop_back();
    if (history_[call.operation].end != kNeverAnswered) --answered_taken_;
    char& byte = done_[call.operation / 8];
    byte = static_cast<char>(byte & ~(1 << (call.operation % 8)));
    // In the reverse order of unlinking.
    Link(*call.end);
    Link(call);
    return call.after;
  }

  struct Taken {
    Entry* call = nullptr;
    std::string state_before;
  };

  const std::vector<RecordedOperation>& history_;
  Entry head_;
  std::vector<Entry> entries_;
  size_t unanswered_ = 0;
  size_t answered_taken_ = 0;
  // A bit per operation.
  std::string done_;
  std::string state_;
  std::vector<Taken> taken_;
  // Where an interrupted search goes on.
  Entry* next_ = nullptr;
  // Operations done, then the state they led to; the first part has a fixed length.
  std::unordered_set<std::string> tried_;
};

}  // namespace

bool IsLinearizable(const std::vector<RecordedOperation>& history, const std::string& initial) {
  return *Search(history, initial).Run(std::numeric_limits<uint64_t>::max());
}

bool AreLinearizable(const std::vector<std::vector<RecordedOperation>>& histories, const std::string& initial) {
  constexpr uint64_t kStepsPerTurn = 10'000;
  std::deque<Search> searches;
  for (const std::vector<RecordedOperation>& history : histories) searches.emplace_back(history, initial);
  std::deque<Search*> undecided;
  for (Search& search : searches) undecided.push_back(&search);
  while (!undecided.empty()) {
    Search* const search = undecided.front();
    undecided.pop_front();
    const std::optional<bool> verdict = search->Run(kStepsPerTurn);
    if (verdict == false) return false;
    if (!verdict.has_value()) undecided.push_back(search);
  }
  return true;
}

}  // namespace keyledger::testing
