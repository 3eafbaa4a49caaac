// The limits of a program. See program_check.h.
#include <set>

#include <fmt/format.h>

#include "server/domain/account_state.h"
#include "server/domain/program_fields.h"
#include "server/domain/program_part_check.h"

namespace keyledger::domain {
namespace {

using programs::v1::Allowance;
using programs::v1::Limit;
using programs::v1::Program;

class LimitsCheck : private ProgramPartCheck {
 public:
  LimitsCheck(const Program& program, std::vector<ProgramMistake>& mistakes)
      : ProgramPartCheck(mistakes), program_(program) {}

  void Run() {
    CheckRange("limits", program_.limits_size(), 0, kLimitsMax, "limits");
    std::set<std::string> ids;
    for (int i = 0; i < program_.limits_size(); ++i) {
      const std::string path = fmt::format("limits[{}]", i);
      CheckLimit(path, program_.limits(i));
      CheckDistinct(path + ".limit_id", program_.limits(i).limit_id(), ids);
    }
  }

 private:
  void CheckLimit(const std::string& path, const Limit& limit) {
    CheckId(path + ".limit_id", limit.limit_id());
    if (!programs::v1::OnBreach_IsValid(limit.on_breach())) Add(path + ".on_breach", "must be refuse or flag");
    CheckTierIds(path + ".tier_ids", limit.tier_ids(), program_);
    switch (limit.kind_case()) {
      case Limit::kDiscounts:
        return CheckDiscounts(path + ".discounts", limit.discounts());
      case Limit::kGifts:
        return CheckAllowance(path + ".gifts", limit.gifts());
      case Limit::kCommissions:
        if (!limit.commissions().names().empty()) {
          Add(path + ".commissions.names", "is for gifts, services and interactions only: commissions have no names");
        }
        return CheckAllowance(path + ".commissions", limit.commissions());
      case Limit::kServices:
        return CheckAllowance(path + ".services", limit.services());
      case Limit::kInteractions:
        CheckKinds(path + ".interactions.names", limit.interactions().names());
        return CheckAllowance(path + ".interactions", limit.interactions());
      case Limit::kMarketPrice:
        return CheckMarketPrice(path + ".market_price", limit.market_price());
      case Limit::KIND_NOT_SET:
        return Add(path, "needs a kind: discounts, gifts, commissions, services, interactions or market_price");
    }
  }

  void CheckDiscounts(const std::string& path, const programs::v1::DiscountAuthorities& discounts) {
    CheckRange(path + ".authorities", discounts.authorities_size(), 1, kAuthoritiesMax, "roles");
    std::set<std::string> roles;
    for (int i = 0; i < discounts.authorities_size(); ++i) {
      const std::string at = fmt::format("{}.authorities[{}]", path, i);
      CheckId(at + ".role", discounts.authorities(i).role());
      CheckDistinct(at + ".role", discounts.authorities(i).role(), roles);
      CheckRange(at + ".max_percent_milli", discounts.authorities(i).max_percent_milli(), 0, 100'000,
                 "thousandths of a percent");
    }
  }

  void CheckAllowance(const std::string& path, const Allowance& allowance) {
    CheckNames(path + ".names", allowance.names());
    if (!programs::v1::AllowanceScope_IsValid(allowance.scope())) Add(path + ".scope", "must be account or contact");
    if (allowance.prohibited()) {
      const char* const why = "does not go with prohibited, which allows nothing at all";
      if (allowance.period() != programs::v1::PERIOD_UNIT_UNSPECIFIED) Add(path + ".period", why);
      if (allowance.has_max_times()) Add(path + ".max_times", why);
      if (allowance.has_max_micros()) Add(path + ".max_micros", why);
      return;
    }
    if (!allowance.has_max_times() && !allowance.has_max_micros()) {
      Add(path, "needs max_times, max_micros or prohibited");
    }
    CheckPeriod(path + ".period", allowance.period());
    if (allowance.has_max_times()) CheckRange(path + ".max_times", allowance.max_times(), 1, 1'000'000, "times");
    if (allowance.has_max_micros()) {
      CheckRange(path + ".max_micros", allowance.max_micros(), 0, kMoneyMicrosMax, "micros");
    }
  }

  void CheckNames(const std::string& path, const google::protobuf::RepeatedPtrField<std::string>& names) {
    CheckRange(path, names.size(), 0, kLimitNamesMax, "names");
    for (int i = 0; i < names.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      if (names[i].empty()) {
        Add(at, "must not be empty; leave the whole list out for all");
      } else {
        CheckText(at, names[i], 64);
      }
    }
  }

  // Names of interactions are words of the schema, not of the client's own: another would never be met.
  void CheckKinds(const std::string& path, const google::protobuf::RepeatedPtrField<std::string>& names) {
    const google::protobuf::EnumDescriptor& kinds = *events::v1::InteractionKind_descriptor();
    for (int i = 0; i < names.size(); ++i) {
      bool is_known = false;
      for (int kind = 1; kind < kinds.value_count(); ++kind) {
        is_known = is_known || EnumWord(*kinds.value(kind)) == names[i];
      }
      if (!is_known && !names[i].empty()) {
        Add(fmt::format("{}[{}]", path, i), fmt::format("'{}' is no kind of interaction", names[i]));
      }
    }
  }

  void CheckMarketPrice(const std::string& path, const programs::v1::MarketPriceLimit& market) {
    CheckRange(path + ".window_days", market.window_days(), 1, kMarketPriceHorizonMicros / kMicrosPerDay, "days");
    if (market.has_min_observations()) {
      CheckRange(path + ".min_observations", market.min_observations(), 1, static_cast<int64_t>(kMarketPricesMax),
                 "observations");
    }
    if (market.has_max_percent_milli()) {
      CheckRange(path + ".max_percent_milli", market.max_percent_milli(), 1, 1'000'000, "thousandths of a percent");
    }
  }

  const Program& program_;
};

}  // namespace

void CheckLimits(const Program& program, std::vector<ProgramMistake>& mistakes) {
  LimitsCheck(program, mistakes).Run();
}

}  // namespace keyledger::domain
