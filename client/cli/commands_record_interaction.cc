// Meetings, calls and letters, planned, made or missed, and what is handed on: interaction and handover.
#include "client/cli/commands.h"
#include "client/cli/fact_verb.h"

namespace keyledger::cli {
namespace {

constexpr Need kRequired = Need::kRequired;

FactVerb MakeVerb() {
  return {"interaction",
          "make",
          "interaction_made",
          "Records an interaction that took place",
          "acme --kind visit --by km-07 --contact buyer-1 --purpose \"annual need\" --preparation \"price list\" "
          "--result \"wants 40 in May\" --next offer --next-by 2026-12-01 --interest high --gift sample_pack:1:20",
          {{"--kind", "kind", "How", kRequired},
           {"--id", "interaction_id", "The plan it carries out"},
           {"--by", "people", "Who of ours; may be repeated", kRequired},
           {"--contact", "contact_ids", "Contact met; may be repeated"},
           {"--purpose", "purpose", "What for; a visit needs it"},
           {"--preparation", "preparation", "What was prepared; a visit needs it"},
           {"--result", "result", "What came of it; a visit needs it"},
           {"--next", "next_step.what", "What is to follow; a visit needs it"},
           {"--next-by", "next_step.due_time", "By when, exclusive"},
           {"--next-kind", "next_step.kind", "How"},
           {"--next-person", "next_step.person", "Whose task it is (default: the first of --by)"},
           {"--interest", "interest", "How the account took it"},
           {"--cost", "cost", "What it cost us"},
           {"--minutes", "our_minutes", "Time of ours, all people together"},
           {"--account-minutes", "account_minutes", "Time of the account's people"},
           {"--initiator", "initiator", "Whose idea it was"},
           {"--activity", "activity_id", "The activity; one of that kind needs it"},
           {"--opportunity", "opportunity_id", "The opportunity it served"},
           {"--end-customer", "end_customer", "The account's own customer visited with it"},
           {"--late-minutes", "late_minutes", "How late we were at the appointment"}},
          {},
          /*gifts=*/true};
}

}  // namespace

std::vector<FactVerb> InteractionVerbs() {
  return {{"interaction",
           "plan",
           "interaction_planned",
           "Records that an interaction was planned or agreed upon",
           "acme --id v-12 --kind visit --by km-07 --start 2026-12-01T10:00:00Z --purpose offer",
           {{"--id", "interaction_id", "Names the plan", kRequired},
            {"--kind", "kind", "How", kRequired},
            {"--start", "start_time", "When it is to be", kRequired},
            {"--by", "people", "Who of ours; may be repeated", kRequired},
            {"--contact", "contact_ids", "Contact to be met; may be repeated"},
            {"--purpose", "purpose", "What for; a visit needs it"},
            {"--preparation", "preparation", "What was prepared"},
            {"--activity", "activity_id", "The activity; one of that kind needs it"},
            {"--opportunity", "opportunity_id", "The opportunity it serves"}}},
          MakeVerb(),
          {"interaction",
           "miss",
           "interaction_missed",
           "Records that a planned interaction did not take place",
           "acme --id v-12 --cause postponed --until 2026-12-08T10:00:00Z",
           {{"--id", "interaction_id", "The plan", kRequired},
            {"--cause", "cause", "Why", kRequired},
            {"--reason", "reason", "Why, in words"},
            {"--until", "new_start_time", "When it is to be now, where it was postponed"}}},
          {"handover",
           "give",
           "handover_given",
           "Records that something heard was handed to another of ours",
           "acme --id H-4 --from inside-2 --to km-07 --what \"plans 12 machines\" --due 2026-12-03",
           {{"--id", "handover_id", "Names the handover", kRequired},
            {"--from", "from_person", "Who hands over", kRequired},
            {"--to", "to_person", "Who is to take it up", kRequired},
            {"--what", "what", "What", kRequired},
            {"--due", "due_time", "By when, exclusive (default: by the program's deadlines)"},
            {"--need", "need_id", "The need it is about"}}},
          {"handover",
           "acknowledge",
           "handover_acknowledged",
           "Records that it was taken up",
           "acme --id H-4 --person km-07 --next \"visit the buyer\" --next-by 2026-12-10 --next-kind visit",
           {{"--id", "handover_id", "The handover", kRequired},
            {"--person", "person", "Who", kRequired},
            {"--next", "next_step.what", "What is to follow"},
            {"--next-by", "next_step.due_time", "By when, exclusive"},
            {"--next-kind", "next_step.kind", "How"},
            {"--next-person", "next_step.person", "Whose task it is"}}}};
}

void AddInteractionRecordCommands(CLI::App& root, Action& selected) {
  AddFactVerbs(root, selected,
               {{"interaction", "Meetings, calls and letters with accounts"},
                {"handover", "What one of ours hands to another about an account"}},
               InteractionVerbs());
}

}  // namespace keyledger::cli
