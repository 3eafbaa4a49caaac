// keyledger purchase: record, return.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/text.h"

namespace keyledger::cli {
namespace {

// A line, as flags of its own or as "key=value,key=value".
struct LineText {
  std::string number;
  std::string sku;
  std::string category;
  std::string quantity = "1";
  std::string amount;
  std::string cost;
  std::string single;
  std::string bundle;
};

struct LinesFlags {
  std::string currency = "USD";
  LineText single;
  std::vector<std::string> lines;

  void AddTo(CLI::App* verb, bool is_return) {
    verb->add_option("--currency", currency, "ISO 4217 code")->capture_default_str();
    verb->add_option("--amount", single.amount, "Total of the line")->check(MoneyText());
    verb->add_option("--quantity", single.quantity, "Units")->capture_default_str();
    verb->add_option("--sku", single.sku, "Article");
    verb->add_option("--category", single.category, "Category");
    if (is_return) {
      verb->add_option("--line-number", single.number, "Line of the purchase, from 1");
    } else {
      verb->add_option("--cost", single.cost, "What the line cost us")->check(MoneyText());
      verb->add_option("--single", single.single, "What the line costs by itself: what a bundle saves")
          ->check(MoneyText());
      verb->add_option("--bundle", single.bundle, "The bundle it was sold in");
    }
    verb->add_option(
        "--line", lines,
        is_return
            ? "A line: number=1,quantity=2,amount=12.50[,sku=..,category=..]; may be repeated"
            : "A line: amount=12.50[,quantity=2,sku=..,category=..,cost=..,single=..,bundle=..]; may be repeated");
  }
};

// Sets one key of a line; false if there is none of that name.
bool SetKey(LineText& line, std::string_view key, const std::string& value) {
  std::string* field = key == "number"     ? &line.number
                       : key == "sku"      ? &line.sku
                       : key == "category" ? &line.category
                       : key == "quantity" ? &line.quantity
                       : key == "amount"   ? &line.amount
                       : key == "cost"     ? &line.cost
                       : key == "single"   ? &line.single
                       : key == "bundle"   ? &line.bundle
                                           : nullptr;
  if (field != nullptr) {
    *field = value;
  }
  return field != nullptr;
}

// Returns what is wrong with the text, or "".
std::string ParseLine(std::string_view text, LineText& line) {
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos ||
        !SetKey(line, item.substr(0, equals), std::string(item.substr(equals + 1)))) {
      return fmt::format(
          "--line: '{}' is not one of number=, sku=, category=, quantity=, amount=, cost=, single=, bundle=", item);
    }
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return "";
}

// Writes one line into a PurchaseLine or ReturnLine. Returns what is wrong, or "".
template <typename Line>
std::string FillLine(const LineText& text, const std::string& currency, Line& line) {
  const std::optional<int64_t> amount = ParseMicros(text.amount);
  if (!amount) {
    return text.amount.empty() ? "a line needs its amount" : fmt::format("'{}' is no amount", text.amount);
  }
  const std::optional<int64_t> quantity = ParseInteger(text.quantity);
  if (!quantity) {
    return fmt::format("'{}' is no quantity: give a whole number", text.quantity);
  }
  line.set_sku(text.sku);
  line.set_category(text.category);
  line.set_quantity(*quantity);
  line.mutable_amount()->set_currency_code(currency);
  line.mutable_amount()->set_micros(*amount);
  if constexpr (requires { line.set_line_number(0); }) {
    const std::optional<int64_t> number = text.number.empty() ? 0 : ParseInteger(text.number);
    if (!number || *number < 0 || *number > UINT32_MAX) {
      return fmt::format("'{}' is no line number", text.number);
    }
    line.set_line_number(static_cast<uint32_t>(*number));
  } else {
    line.set_bundle_id(text.bundle);
    for (const std::string* given : {&text.cost, &text.single}) {
      if (given->empty()) {
        continue;
      }
      const std::optional<int64_t> micros = ParseMicros(*given);
      if (!micros) {
        return fmt::format("'{}' is no amount", *given);
      }
      ev::Money& money = given == &text.cost ? *line.mutable_cost() : *line.mutable_single_amount();
      money.set_currency_code(currency);
      money.set_micros(*micros);
    }
  }
  return "";
}

// Writes all lines. Returns what is wrong, or "".
template <typename Lines>
std::string FillLines(const LinesFlags& flags, Lines* lines) {
  if (flags.lines.empty() || !flags.single.amount.empty()) {
    if (std::string wrong = FillLine(flags.single, flags.currency, *lines->Add()); !wrong.empty()) {
      return flags.single.amount.empty() ? "give --amount, or one or more --line" : wrong;
    }
  }
  for (const std::string& text : flags.lines) {
    LineText line;
    if (std::string wrong = ParseLine(text, line); !wrong.empty()) {
      return wrong;
    }
    if (std::string wrong = FillLine(line, flags.currency, *lines->Add()); !wrong.empty()) {
      return wrong;
    }
  }
  return "";
}

ev::SaleMode ModeOf(const std::string& mode) {
  return mode == "direct"            ? ev::SALE_MODE_DIRECT
         : mode == "shop-registered" ? ev::SALE_MODE_SHOP_REGISTERED
         : mode == "shop-delivered"  ? ev::SALE_MODE_SHOP_DELIVERED
         : mode == "online"          ? ev::SALE_MODE_ONLINE
                                     : ev::SALE_MODE_UNSPECIFIED;
}

struct PurchaseFlags {
  WriteFlags write;
  LinesFlags lines;
  std::string merchant;
  std::string region;
  std::string invoice;
  std::string return_number;
  std::string mode;
  std::string order;
};

int Record(Session& session, const PurchaseFlags& flags) {
  ev::Event event;
  ev::PurchaseRecorded& purchase = *event.mutable_purchase_recorded();
  purchase.set_merchant_id(flags.merchant);
  purchase.set_invoice_number(flags.invoice);
  purchase.set_region(flags.region);
  purchase.set_order_id(flags.order);
  purchase.set_sale_mode(ModeOf(flags.mode));
  if (const std::string wrong = FillLines(flags.lines, purchase.mutable_lines()); !wrong.empty()) {
    return session.Usage(wrong);
  }
  return AppendEvent(session, flags.write, std::move(event));
}

int Return(Session& session, const PurchaseFlags& flags) {
  ev::Event event;
  ev::PurchaseReturned& returned = *event.mutable_purchase_returned();
  returned.set_merchant_id(flags.merchant);
  returned.set_return_number(flags.return_number);
  returned.set_purchase_invoice_number(flags.invoice);
  returned.set_region(flags.region);
  if (const std::string wrong = FillLines(flags.lines, returned.mutable_lines()); !wrong.empty()) {
    return session.Usage(wrong);
  }
  return AppendEvent(session, flags.write, std::move(event));
}

}  // namespace

void AddPurchaseCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("purchase", "Purchases and returns");
  auto bought = std::make_shared<PurchaseFlags>();
  CLI::App* record = AddVerb(noun, "record", "Records a purchase", selected,
                             [bought](Session& session) { return Record(session, *bought); });
  bought->write.AddTo(record);
  bought->lines.AddTo(record, /*is_return=*/false);
  record->add_option("--merchant", bought->merchant, "Who issued the invoice; required with --invoice");
  record->add_option("--invoice", bought->invoice, "Invoice number, unique per merchant");
  record->add_option("--region", bought->region, "Where the sale happened (default: the account's region)");
  record->add_option("--order", bought->order, "The order it belongs to");
  record->add_option("--mode", bought->mode, "How the sale came about")
      ->check(CLI::IsMember({"direct", "shop-registered", "shop-delivered", "online"}));

  auto back = std::make_shared<PurchaseFlags>();
  CLI::App* returned = AddVerb(noun, "return", "Records that goods came back or an invoice was cancelled", selected,
                               [back](Session& session) { return Return(session, *back); });
  back->write.AddTo(returned);
  back->lines.AddTo(returned, /*is_return=*/true);
  returned->add_option("--merchant", back->merchant,
                       "Who issued the credit note; required with --invoice and --return-number");
  returned->add_option("--invoice", back->invoice, "Invoice number of the purchase returned");
  returned->add_option("--return-number", back->return_number, "Number of the credit note, unique per merchant");
  returned->add_option("--region", back->region, "Where (default: the account's region)");
}

}  // namespace keyledger::cli
