// FieldPath: where in a request a value stands, as "events[3].purchase_recorded.lines[0].sku". Internal to the room.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace keyledger::domain {

// One step of a path, linked to the step above it, which must outlive it. Costs nothing until someone asks for the
// text: almost no field is ever named.
class FieldPath {
 public:
  // The root; empty: paths begin with the field below it.
  explicit FieldPath(std::string_view root) : name_(root) {}

  // A field, or entry `index` of a repeated field, of the message that stands here. `name` must outlive the result.
  FieldPath Field(std::string_view name, int index = -1) const { return FieldPath(this, name, index); }

  std::string Text() const {
    std::string text = above_ == nullptr ? std::string() : above_->Text();
    if (!text.empty()) text += '.';
    text += name_;
    if (index_ >= 0) text += fmt::format("[{}]", index_);
    return text;
  }

 private:
  FieldPath(const FieldPath* above, std::string_view name, int index) : above_(above), name_(name), index_(index) {}

  const FieldPath* above_ = nullptr;
  std::string_view name_;
  int index_ = -1;
};

}  // namespace keyledger::domain
