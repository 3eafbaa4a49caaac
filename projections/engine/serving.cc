// The names and the meta value of builds. See serving.h.
#include "projections/engine/serving.h"

#include <fmt/format.h>

#include "server/base/error.h"

namespace keyledger::projections {

std::string MetaKey(std::string_view projection) { return fmt::format("projection.{}", projection); }

std::string FormatServing(const Serving& serving) { return fmt::format("{}{}", serving.letter, serving.rebuilds); }

absl::StatusOr<Serving> ParseServing(std::string_view key, std::string_view text) {
  Serving serving;
  bool good = text.size() >= 2 && text.size() <= 20 && (text[0] == 'a' || text[0] == 'b');
  for (size_t i = 1; good && i < text.size(); ++i) {
    good = text[i] >= '0' && text[i] <= '9';
    serving.rebuilds = serving.rebuilds * 10 + static_cast<uint64_t>(text[i] - '0');
  }
  if (!good) return MakeError(Reason::kStoreDamaged, fmt::format("setting {} is unreadable", key));
  serving.letter = text[0];
  return serving;
}

std::string TableName(const Projection& projection, char letter) {
  return fmt::format("{}.{}.{}", projection.name(), projection.version(), letter);
}

char OtherLetter(char letter) { return letter == 'a' ? 'b' : 'a'; }

}  // namespace keyledger::projections
