// CallSlots: how many calls of a costly kind may be under way at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace keyledger::service {

// Threads: thread-safe. Lifetime: must outlive every slot taken.
class CallSlots {
 public:
  // Gives its place back when it goes.
  class Slot {
   public:
    explicit Slot(CallSlots& slots) : slots_(&slots) {}
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (slots_ != nullptr) slots_->taken_.fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    CallSlots* slots_;
  };

  explicit CallSlots(size_t max) : max_(max) {}
  size_t max() const { return max_; }

  // Nothing: all are taken.
  std::optional<Slot> Take() {
    if (taken_.fetch_add(1, std::memory_order_relaxed) < max_) return std::optional<Slot>(std::in_place, *this);
    taken_.fetch_sub(1, std::memory_order_relaxed);
    return std::nullopt;
  }

 private:
  const size_t max_;
  std::atomic<size_t> taken_{0};
};

}  // namespace keyledger::service
