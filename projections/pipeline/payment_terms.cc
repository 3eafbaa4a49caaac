#include "projections/pipeline/payment_terms.h"

#include <algorithm>
#include <utility>

#include "server/domain/proto_time.h"

namespace keyledger::projections::pipeline {
namespace {

using domain::ItemKind;

// How one account pays.
class AccountTerms {
 public:
  AccountTerms(const ItemAccount& account, const PipelineScope& scope) : account_(account), scope_(scope) {
    // as_of itself is not looked at any more.
    const domain::CompiledProgram* program = account.ProgramAt(scope.as_of - 1);
    if (program != nullptr) standard_ = &program->program().payment_terms().standard();
  }

  // Whether a program says what is standard.
  bool is_defined() const { return standard_ != nullptr && !standard_->empty(); }
  bool IsStandard(const std::string& terms) const {
    return is_defined() && std::find(standard_->begin(), standard_->end(), terms) != standard_->end();
  }

  // Terms of the latest order that states any, or of the latest running contract; empty: none.
  std::string Stated() const {
    const std::string by_order = LatestOf(ItemKind::kOrder);
    return by_order.empty() ? LatestOf(ItemKind::kContract) : by_order;
  }

  bool Holds(const ItemFact& fact) const {
    const events::v1::PaymentExceptionGranted& granted = fact.event.payment_exception_granted();
    if (granted.has_end_time()) return domain::MicrosOf(granted.end_time()) > scope_.as_of - 1;
    if (!granted.order_id().empty()) return IsOpen(ItemKind::kOrder, granted.order_id(), fact);
    if (!granted.quote_id().empty()) return IsOpen(ItemKind::kQuote, granted.quote_id(), fact);
    return std::none_of(account_.items.begin(), account_.items.end(), [&](const ItemLife& life) {
      return life.kind == ItemKind::kOrder && life.open_time() > fact.occurred &&
             IsStandard(life.opening().order_placed().payment_terms());
    });
  }

 private:
  std::string LatestOf(ItemKind kind) const {
    std::string terms;
    Micros latest = 0;
    for (const ItemLife& life : account_.items) {
      if (life.kind != kind || (kind == ItemKind::kContract && !life.is_open())) continue;
      const std::string& stated = kind == ItemKind::kOrder ? life.opening().order_placed().payment_terms()
                                                           : life.opening().contract_signed().payment_terms();
      if (stated.empty() || (!terms.empty() && life.open_time() < latest)) continue;
      terms = stated;
      latest = life.open_time();
    }
    return terms;
  }

  // The latest of that id that began before the exception, or, if it names one to come, is there by now.
  bool IsOpen(ItemKind kind, const std::string& item_id, const ItemFact& fact) const {
    const ItemLife* named = nullptr;
    for (const ItemLife& life : account_.items) {
      if (life.kind != kind || life.item_id != item_id) continue;
      if (named == nullptr || life.open_time() <= fact.occurred) named = &life;
    }
    return named == nullptr || named->is_open();
  }

  const ItemAccount& account_;
  const PipelineScope& scope_;
  const google::protobuf::RepeatedPtrField<std::string>* standard_ = nullptr;
};

}  // namespace

absl::StatusOr<PaymentTermsAnswer> GetPaymentTerms(const Shards& shards, const PipelineScope& scope,
                                                   const PageAsk& page_ask) {
  PaymentTermsAnswer out;
  KL_ASSIGN_OR_RETURN(auto page, PageCollector<ExceptionRow>::Begin(page_ask));
  const ItemAsk ask{
      .kinds = {ItemKind::kOrder, ItemKind::kContract, ItemKind::kQuote}, .payments = true, .account_id = {}};
  const auto visit = [&](const ItemAccount& account) {
    const AccountTerms terms(account, scope);
    bool excepted = false;
    for (const ItemFact& fact : account.payments) {
      if (!fact.event.has_payment_exception_granted() || !terms.Holds(fact)) continue;
      excepted = true;
      PageOrder order{-fact.occurred, 0, account.account_id(), "", fact.revision};
      page.Offer(std::move(order), {account.account_id(), fact.event.payment_exception_granted(), fact.occurred});
    }
    const std::string stated = terms.Stated();
    if (stated.empty()) return absl::OkStatus();
    out.accounts += 1;
    out.undefined += terms.is_defined() ? 0 : 1;
    out.standard += !excepted && terms.IsStandard(stated) ? 1 : 0;
    return absl::OkStatus();
  };
  KL_RETURN_IF_ERROR(WalkItems(shards, scope, ask, visit));
  if (out.accounts > 0) out.standard_share = static_cast<double>(out.standard) / static_cast<double>(out.accounts);
  out.next = page.Finish(out.exceptions);
  return out;
}

}  // namespace keyledger::projections::pipeline
