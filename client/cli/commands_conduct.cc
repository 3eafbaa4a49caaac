// keyledger conduct: discount, gift, commission, service, market-price.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

struct ConductFlags {
  WriteFlags write;
  std::string currency = "USD";
  std::string amount;
  std::string quantity = "1";
  std::string percent;
  std::string name;
  std::string contact;
  std::string role;
  std::string proposer;
  std::vector<std::string> approvals;
  std::string subject;
  std::string text;
  std::string region;

  // The option that holds money, and its currency.
  void AddMoney(CLI::App* verb, const std::string& option, const std::string& description) {
    verb->add_option(option, amount, description)->required()->check(MoneyText());
    verb->add_option("--currency", currency, "ISO 4217 code")->capture_default_str();
  }
};

void FillMoney(const ConductFlags& flags, ev::Money& money) {
  money.set_currency_code(flags.currency);
  // MoneyText has checked it.
  money.set_micros(ParseMicros(flags.amount).value_or(0));
}

int Discount(Session& session, const ConductFlags& flags) {
  ev::Event event;
  ev::DiscountGranted& granted = *event.mutable_discount_granted();
  // Thousandths of a percent.
  const std::optional<int64_t> percent = ParseMicros(flags.percent, 1000);
  if (!percent) {
    return session.Usage(fmt::format("--percent: '{}' is no number of at most three decimals", flags.percent));
  }
  granted.set_percent_milli(*percent);
  granted.set_proposer_role(flags.role);
  granted.set_proposer(flags.proposer);
  granted.set_subject(flags.subject);
  granted.set_reason(flags.text);
  for (const std::string& text : flags.approvals) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return session.Usage(fmt::format("--approval: '{}' is not ROLE=PERSON", text));
    }
    ev::DiscountApproval& approval = *granted.add_approvals();
    approval.set_role(text.substr(0, equals));
    approval.set_approver(text.substr(equals + 1));
  }
  return AppendEvent(session, flags.write, std::move(event));
}

int Gift(Session& session, const ConductFlags& flags) {
  ev::Event event;
  ev::GiftGiven& gift = *event.mutable_gift_given();
  const std::optional<int64_t> quantity = ParseInteger(flags.quantity);
  if (!quantity) {
    return session.Usage(fmt::format("'{}' is no quantity: give a whole number", flags.quantity));
  }
  gift.set_contact_id(flags.contact);
  gift.set_item(flags.name);
  gift.set_quantity(*quantity);
  FillMoney(flags, *gift.mutable_value());
  gift.set_purpose(flags.text);
  return AppendEvent(session, flags.write, std::move(event));
}

int Commission(Session& session, const ConductFlags& flags) {
  ev::Event event;
  ev::CommissionPaid& commission = *event.mutable_commission_paid();
  commission.set_contact_id(flags.contact);
  FillMoney(flags, *commission.mutable_amount());
  commission.set_purpose(flags.text);
  return AppendEvent(session, flags.write, std::move(event));
}

int Service(Session& session, const ConductFlags& flags) {
  ev::Event event;
  ev::ServiceProvided& service = *event.mutable_service_provided();
  service.set_kind(flags.name);
  FillMoney(flags, *service.mutable_cost());
  service.set_contact_id(flags.contact);
  service.set_description(flags.text);
  return AppendEvent(session, flags.write, std::move(event));
}

int MarketPrice(Session& session, const ConductFlags& flags) {
  ev::Event event;
  ev::MarketPriceObserved& observed = *event.mutable_market_price_observed();
  observed.set_sku(flags.name);
  FillMoney(flags, *observed.mutable_unit_price());
  observed.set_region(flags.region);
  observed.set_source(flags.text);
  return AppendEvent(session, flags.write, std::move(event));
}

// A verb that appends one event from flags of its own.
std::pair<CLI::App*, std::shared_ptr<ConductFlags>> AddFact(CLI::App* noun, const std::string& name,
                                                            const std::string& description, Action& selected,
                                                            int (*run)(Session&, const ConductFlags&)) {
  auto flags = std::make_shared<ConductFlags>();
  CLI::App* verb =
      AddVerb(noun, name, description, selected, [flags, run](Session& session) { return run(session, *flags); });
  flags->write.AddTo(verb);
  return {verb, flags};
}

}  // namespace

void AddConductCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("conduct", "What limits watch: discounts, gifts, commissions, services, prices");
  {
    const auto [verb, flags] = AddFact(noun, "discount", "Records that a discount was granted", selected, Discount);
    verb->add_option("--percent", flags->percent, "The discount, for example 12.5")->required();
    verb->add_option("--role", flags->role, "Role of the person who proposed it")->required();
    verb->add_option("--proposer", flags->proposer, "Who proposed it")->required();
    verb->add_option("--approval", flags->approvals, "A consent, as ROLE=PERSON; may be repeated");
    verb->add_option("--subject", flags->subject, "The quote, order or article it is for");
    verb->add_option("--reason", flags->text, "Why");
  }
  {
    const auto [verb, flags] = AddFact(noun, "gift", "Records that a contact was given something", selected, Gift);
    verb->add_option("--contact", flags->contact, "Id of the contact")->required();
    verb->add_option("--item", flags->name, "What was given")->required();
    verb->add_option("--quantity", flags->quantity, "How many")->capture_default_str();
    flags->AddMoney(verb, "--value", "Value of all of them");
    verb->add_option("--purpose", flags->text, "What for");
  }
  {
    const auto [verb, flags] = AddFact(noun, "commission", "Records that a contact was paid", selected, Commission);
    verb->add_option("--contact", flags->contact, "Id of the contact")->required();
    flags->AddMoney(verb, "--amount", "What was paid");
    verb->add_option("--purpose", flags->text, "What for");
  }
  {
    const auto [verb, flags] = AddFact(noun, "service", "Records a service at our expense", selected, Service);
    verb->add_option("--kind", flags->name, "Kind of service")->required();
    flags->AddMoney(verb, "--cost", "What it cost us");
    verb->add_option("--contact", flags->contact, "Id of the contact served");
    verb->add_option("--description", flags->text, "What was done");
  }
  {
    const auto [verb, flags] =
        AddFact(noun, "market-price", "Records a price at which others sell", selected, MarketPrice);
    verb->add_option("--sku", flags->name, "The article")->required();
    flags->AddMoney(verb, "--price", "Price of one unit");
    verb->add_option("--region", flags->region, "Where it was seen (default: the account's region)");
    verb->add_option("--source", flags->text, "Who was seen to sell at it");
  }
}

}  // namespace keyledger::cli
