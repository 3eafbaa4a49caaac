// From the first idea of a deal to payment: opportunity, quote, order, payment and demand.
#include "client/cli/commands.h"
#include "client/cli/fact_verb.h"

namespace keyledger::cli {
namespace {

constexpr Need kRequired = Need::kRequired;

std::vector<FactVerb> OpportunityVerbs() {
  return {{"opportunity",
           "open",
           "opportunity_opened",
           "Records that an opportunity was found",
           "acme --id O-1 --what \"40 vans\" --amount 1200000 --chance 40 --close 2027-03-31",
           {{"--id", "opportunity_id", "The opportunity", kRequired},
            {"--what", "description", "What", kRequired},
            {"--person", "person", "Who pursues it (default: the account's owner)"},
            {"--amount", "amount", "What it is worth"},
            {"--close", "close_time", "When it is expected to be decided"},
            {"--chance", "chance_milli", "Chance to win it"},
            {"--source", "lead_source", "Lead source"}}},
          {"opportunity",
           "move",
           "opportunity_moved",
           "Records the stage an opportunity is in now, or other figures",
           "acme --id O-1 --stage qualified --chance 55",
           {{"--id", "opportunity_id", "The opportunity", kRequired},
            {"--stage", "stage", "The stage it is in now", kRequired},
            {"--reason", "reason", "Why; lost and dropped need it"},
            {"--amount", "amount", "What it is worth"},
            {"--close", "close_time", "When it is expected to be decided"},
            {"--chance", "chance_milli", "Chance to win it"},
            {"--person", "person", "Who pursues it now"},
            {"--competitor", "competitor", "To whom it was lost"}}}};
}

std::vector<FactVerb> QuoteVerbs() {
  return {{"quote",
           "propose",
           "quote_proposed",
           "Records that a price was proposed",
           "acme --id Q-7 --proposer anna --role field_sales --amount 90000 --discount 12.5",
           {{"--id", "quote_id", "The quote", kRequired},
            {"--proposer", "proposer", "Who proposes", kRequired},
            {"--role", "proposer_role", "Role of the proposer", kRequired},
            {"--amount", "amount", "Price of the whole after discount", kRequired},
            {"--discount", "percent_milli", "The discount"},
            {"--parts", "parts_amount", "Sum of the parts by themselves: what a bundle saves"},
            {"--terms", "payment_terms", "Terms of payment, for example transfer"},
            {"--until", "end_time", "Until when it binds us, exclusive"},
            {"--opportunity", "opportunity_id", "The opportunity"},
            {"--what", "description", "What is quoted"}}},
          {"quote",
           "revise",
           "quote_revised",
           "Records another price: the quote begins anew",
           "acme --id Q-7 --proposer anna --role field_sales --amount 94000 --discount 8",
           {{"--id", "quote_id", "The quote", kRequired},
            {"--proposer", "proposer", "Who proposes", kRequired},
            {"--role", "proposer_role", "Role of the proposer", kRequired},
            {"--amount", "amount", "Price of the whole after discount", kRequired},
            {"--discount", "percent_milli", "The discount"},
            {"--parts", "parts_amount", "Sum of the parts by themselves"},
            {"--terms", "payment_terms", "Terms of payment"},
            {"--until", "end_time", "Until when it binds us, exclusive"},
            {"--reason", "reason", "Why"}}},
          {"quote",
           "request",
           "quote_approval_requested",
           "Records that approval was asked of somebody",
           "acme --id Q-7 --role sales_manager --person chen",
           {{"--id", "quote_id", "The quote", kRequired},
            {"--role", "role", "Role asked", kRequired},
            {"--person", "person", "The person asked (default: anybody in the role)"},
            {"--reason", "reason", "Why it should be granted"}}},
          {"quote",
           "approve",
           "quote_approval_given",
           "Records that a quote was approved",
           "acme --id Q-7 --role sales_manager --by chen",
           {{"--id", "quote_id", "The quote", kRequired},
            {"--role", "role", "Role in which it was given", kRequired},
            {"--by", "approver", "Who", kRequired},
            {"--note", "note", "In words"}}},
          {"quote",
           "refuse",
           "quote_approval_refused",
           "Records that a quote was not approved",
           "acme --id Q-7 --role sales_manager --by chen --reason \"margin too low\"",
           {{"--id", "quote_id", "The quote", kRequired},
            {"--role", "role", "Role in which it was refused", kRequired},
            {"--by", "approver", "Who", kRequired},
            {"--reason", "reason", "Why", kRequired}}},
          {"quote",
           "move",
           "quote_moved",
           "Records that a quote went a step on",
           "acme --id Q-7 --step entered --person inside-2",
           {{"--id", "quote_id", "The quote", kRequired},
            {"--step", "step", "The step", kRequired},
            {"--person", "person", "Who took it", kRequired},
            {"--note", "note", "How: by courier, number of the contract"}}}};
}

std::vector<FactVerb> OrderVerbs() {
  return {{"order",
           "place",
           "order_placed",
           "Records what the account ordered",
           "acme --id PO-31 --amount 90000 --quote Q-7 --channel online --due 2027-05-01",
           {{"--id", "order_id", "The order", kRequired},
            {"--amount", "amount", "What it is worth", kRequired},
            {"--quote", "quote_id", "The quote"},
            {"--channel", "channel", "How it came, for example online, phone, manager"},
            {"--units", "units", "Units"},
            {"--category", "category", "Category of article"},
            {"--terms", "payment_terms", "Terms of payment"},
            {"--due", "due_time", "When it is to be delivered, exclusive"}}},
          {"order",
           "end",
           "order_ended",
           "Records how an order ended",
           "acme --id PO-31 --ending delivered",
           {{"--id", "order_id", "The order", kRequired},
            {"--ending", "ending", "How", kRequired},
            {"--reason", "reason", "Why"}}},
          {"payment",
           "receive",
           "payment_received",
           "Records that the account paid",
           "acme --amount 90000 --method transfer --quote Q-7",
           {{"--amount", "amount", "How much", kRequired},
            {"--method", "method", "How, for example transfer, letter_of_credit, deposit", kRequired},
            {"--order", "order_id", "The order"},
            {"--quote", "quote_id", "The quote"}}},
          {"payment",
           "except",
           "payment_exception_granted",
           "Records that other than standard terms were granted",
           "acme --terms on_delivery --by cfo-1 --reason \"first order\" --quote Q-7",
           {{"--terms", "terms", "Terms granted, for example deposit, on_delivery", kRequired},
            {"--by", "approver", "Who approved it", kRequired},
            {"--reason", "reason", "Why", kRequired},
            {"--order", "order_id", "The order"},
            {"--quote", "quote_id", "The quote"},
            {"--until", "end_time", "Until when, exclusive"}}},
          {"demand",
           "state",
           "demand_forecast_stated",
           "Records what the account is expected to order",
           "acme --from 2027-01-01 --until 2028-01-01 --units 40 --category vans --declared",
           {{"--from", "start_time", "Start of the stretch", kRequired},
            {"--until", "end_time", "End of the stretch, exclusive", kRequired},
            {"--amount", "amount", "Money expected"},
            {"--units", "units", "Units expected"},
            {"--category", "category", "Category of article (default: everything)"},
            {"--declared", "declared", "The account said so (default: we think so)"},
            {"--person", "person", "Who says so"}}}};
}

}  // namespace

std::vector<FactVerb> DealVerbs() {
  std::vector<FactVerb> verbs = OpportunityVerbs();
  for (std::vector<FactVerb> more : {QuoteVerbs(), OrderVerbs()}) {
    verbs.insert(verbs.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return verbs;
}

void AddDealRecordCommands(CLI::App& root, Action& selected) {
  AddFactVerbs(root, selected,
               {{"opportunity", "Deals that may come"},
                {"quote", "Prices proposed, approved and taken to production"},
                {"order", "What accounts order"},
                {"payment", "What accounts pay, and other than standard terms"},
                {"demand", "What accounts are expected to order"}},
               DealVerbs());
}

}  // namespace keyledger::cli
