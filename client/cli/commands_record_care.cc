// Complaints and requests, what is lent, owed to brokers and asked as a favour: issue, loan, commission, referral and
// advance.
#include "client/cli/commands.h"
#include "client/cli/fact_verb.h"

namespace keyledger::cli {
namespace {

constexpr Need kRequired = Need::kRequired;

std::vector<FactVerb> IssueVerbs() {
  return {{"issue",
           "open",
           "issue_opened",
           "Records that an issue was raised",
           "acme --id I-3 --kind complaint --what \"late delivery\" --due 2026-11-25",
           {{"--id", "issue_id", "The issue", kRequired},
            {"--kind", "kind", "Kind", kRequired},
            {"--what", "description", "What", kRequired},
            {"--due", "due_time", "By when it is to be resolved, exclusive (default: by the program's deadlines)"},
            {"--person", "person", "Who is to see to it (default: the account's owner)"},
            {"--contact", "contact_id", "Who raised it"},
            {"--activity", "activity_id", "The activity it was raised at"},
            {"--severity", "severity", "How grave it is, 1 to 5"}}},
          {"issue",
           "move",
           "issue_moved",
           "Records the state an issue is in now",
           "acme --id I-3 --state resolved --note \"delivered by courier\"",
           {{"--id", "issue_id", "The issue", kRequired},
            {"--state", "state", "The state it is in now", kRequired},
            {"--note", "note", "The answer, the resolution, the reason"},
            {"--person", "person", "Who sees to it now; escalated needs it"},
            {"--due", "due_time", "New due time, exclusive"}}}};
}

std::vector<FactVerb> LoanVerbs() {
  return {{"loan",
           "issue",
           "loan_issued",
           "Records that something was lent to the account",
           "acme --id L-1 --item server-x --quantity 2 --value 8000 --due 2027-01-15",
           {{"--id", "loan_id", "The loan", kRequired},
            {"--item", "item", "What", kRequired},
            {"--quantity", "quantity", "How many", kRequired},
            {"--value", "value", "Value of all of them", kRequired},
            {"--due", "due_time", "When they are to be back, exclusive", kRequired},
            {"--serial", "serial", "Serial number"},
            {"--contact", "contact_id", "Who has it"},
            {"--purpose", "purpose", "What for"}}},
          {"loan",
           "return",
           "loan_returned",
           "Records what came back, or was given up",
           "acme --id L-1 --quantity 2 --condition sound",
           {{"--id", "loan_id", "The loan", kRequired},
            {"--quantity", "quantity", "How many", kRequired},
            {"--given-up", "given_up", "They are lost, or were left to the account"},
            {"--condition", "condition", "In which state"}}}};
}

std::vector<FactVerb> FavourVerbs() {
  return {
      {"commission",
       "accrue",
       "commission_accrued",
       "Records that a contact has earned a commission not paid yet",
       "acme --id CM-1 --contact broker-1 --amount 500 --purpose \"the order of May\"",
       {{"--id", "commission_id", "The commission", kRequired},
        {"--contact", "contact_id", "The contact", kRequired},
        {"--amount", "amount", "How much", kRequired},
        {"--purpose", "purpose", "What for"}}},
      {"commission",
       "pay",
       "commission_paid",
       "Records that a contact was paid",
       "acme --id CM-1 --contact broker-1 --amount 500",
       {{"--id", "commission_id", "The commission accrued that it pays"},
        {"--contact", "contact_id", "The contact", kRequired},
        {"--amount", "amount", "What was paid", kRequired},
        {"--purpose", "purpose", "What for"}}},
      {"commission",
       "refuse",
       "commission_refused",
       "Records that a commission was refused",
       "acme --id CM-1 --contact broker-1 --by-contact --reason \"house rule\"",
       {{"--id", "commission_id", "The commission accrued, which ends (default: one asked for or offered only)"},
        {"--contact", "contact_id", "The contact", kRequired},
        {"--amount", "amount", "How much"},
        {"--by-contact", "by_contact", "The contact refused (default: we did)"},
        {"--reason", "reason", "Why", kRequired}}},
      {"referral",
       "ask",
       "referral_asked",
       "Records that we asked a contact to refer us to others",
       "acme --contact buyer-1 --person km-07",
       {{"--contact", "contact_id", "The contact", kRequired}, {"--person", "person", "Who asked (default: --actor)"}}},
      {"referral",
       "give",
       "referral_given",
       "Records that a contact referred us to somebody",
       "acme --id R-1 --contact buyer-1 --source referral --what \"a colleague in Ningbo\"",
       {{"--id", "referral_id", "Names the referral", kRequired},
        {"--contact", "contact_id", "The contact"},
        {"--source", "lead_source", "Lead source, for example referral, broker, association", kRequired},
        {"--new-account", "account_id", "The account that it is"},
        {"--what", "description", "What is known of it"}}},
      {"referral",
       "convert",
       "referral_converted",
       "Records that a referral became an account",
       "acme --id R-1 --new-account ningbo-motors",
       {{"--id", "referral_id", "The referral", kRequired}, {"--new-account", "account_id", "The account", kRequired}}},
      {"advance",
       "record",
       "advance_recorded",
       "Records that one of ours advanced money, or had it back",
       "acme --person km-07 --amount 300 --purpose \"taxi and dinner\"",
       {{"--person", "person", "The person", kRequired},
        {"--amount", "amount", "How much", kRequired},
        {"--settled", "settled", "The person had it back (default: advanced it)"},
        {"--purpose", "purpose", "What for"}}}};
}

}  // namespace

std::vector<FactVerb> CareVerbs() {
  std::vector<FactVerb> verbs = IssueVerbs();
  for (std::vector<FactVerb> more : {LoanVerbs(), FavourVerbs()}) {
    verbs.insert(verbs.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return verbs;
}

void AddCareRecordCommands(CLI::App& root, Action& selected) {
  AddFactVerbs(root, selected,
               {{"issue", "Complaints, conflicts and requests"},
                {"loan", "What is lent to accounts"},
                {"commission", "What contacts earn for business brought"},
                {"advance", "Money that our people advance for accounts"}},
               CareVerbs());
}

}  // namespace keyledger::cli
