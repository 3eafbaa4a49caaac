// keyledger account: open, update, close, reopen, get, list, batch-get.
#include "client/cli/commands.h"

#include <fmt/format.h>

#include "client/cli/describe.h"
#include "client/cli/text.h"
#include "keyledger/ledger/v1/account_service.pb.h"

namespace keyledger::cli {
namespace {

// What opening and updating an account both take.
struct ProfileFlags {
  std::string name;
  std::string region;
  std::string segment;
  std::string owner;
  std::vector<std::string> facts;
  std::vector<std::string> removed;
  CLI::Option* name_option = nullptr;
  CLI::Option* region_option = nullptr;
  CLI::Option* segment_option = nullptr;
  CLI::Option* owner_option = nullptr;

  void AddTo(CLI::App* verb) {
    name_option = verb->add_option("--name", name, "Name for people");
    region_option = verb->add_option("--region", region, "Region path, for example CN/31/Shanghai");
    segment_option = verb->add_option("--segment", segment, "Segment");
    owner_option = verb->add_option("--owner", owner, "Id of the person responsible");
    verb->add_option("--fact", facts, "A declared fact, KEY=VALUE; may be repeated");
  }
};

// Splits KEY=VALUE into facts; false if one has no "=".
template <typename Facts>
bool FillFacts(const std::vector<std::string>& texts, Facts* facts) {
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return false;
    }
    ev::Fact& fact = *facts->Add();
    fact.set_key(text.substr(0, equals));
    fact.set_value(text.substr(equals + 1));
  }
  return true;
}

std::string FactsText(const v1::Account& account) {
  std::string text;
  for (const ev::Fact& fact : account.facts()) {
    text += (text.empty() ? "" : ", ") + fact.key() + "=" + fact.value();
  }
  return text;
}

std::string StateText(const v1::Account& account) {
  return ShortEnum(v1::AccountState_Name(account.state()), "ACCOUNT_STATE_");
}

Table AccountsTable() {
  return Table({{"account"},
                {"state"},
                {"name"},
                {"region"},
                {"segment"},
                {"owner"},
                {"tier"},
                {"purchases", Align::kRight},
                {"last purchase"}});
}

void AddAccountRow(Table& table, const v1::Account& account) {
  table.Add({account.account_id(), StateText(account), account.display_name(), account.region(), account.segment(),
             account.owner(), account.standing().tier_id(), FormatCount(account.purchase_count()),
             FormatTime(account.last_purchase_time())});
}

void PrintAccount(Session& session, const v1::Account& account) {
  Table table = Table::Fields();
  table.Add({"account", account.account_id()});
  table.Add({"state", StateText(account)});
  table.Add({"name", account.display_name()});
  table.Add({"region", account.region()});
  table.Add({"segment", account.segment()});
  table.Add({"owner", account.owner()});
  table.Add({"facts", FactsText(account)});
  table.Add({"opened", FormatTime(account.open_time())});
  table.Add({"last purchase", FormatTime(account.last_purchase_time())});
  table.Add({"purchases", FormatCount(account.purchase_count())});
  table.Add({"tier", account.standing().tier_id()});
  table.Add({"points available", FormatCount(account.standing().available_points())});
  table.Add({"points pending", FormatCount(account.standing().pending_points())});
  table.Add({"revision", std::to_string(account.standing().revision())});
  session.Print(table);
}

void AddOpen(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    ProfileFlags profile;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "open", "Opens an account", selected, [flags](Session& session) {
    ev::Event event;
    ev::AccountOpened& opened = *event.mutable_account_opened();
    opened.set_display_name(flags->profile.name);
    opened.set_region(flags->profile.region);
    opened.set_segment(flags->profile.segment);
    opened.set_owner(flags->profile.owner);
    if (!FillFacts(flags->profile.facts, opened.mutable_facts())) {
      return session.Usage("--fact takes KEY=VALUE");
    }
    return AppendEvent(session, flags->write, std::move(event));
  });
  flags->write.AddTo(verb);
  flags->profile.AddTo(verb);
}

void AddUpdate(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    ProfileFlags profile;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "update", "Changes what is known about an account; an empty value removes it",
                           selected, [flags](Session& session) {
                             const ProfileFlags& profile = flags->profile;
                             ev::Event event;
                             ev::AccountFactsUpdated& updated = *event.mutable_account_facts_updated();
                             if (profile.name_option->count() > 0) {
                               updated.set_display_name(profile.name);
                             }
                             if (profile.region_option->count() > 0) {
                               updated.set_region(profile.region);
                             }
                             if (profile.segment_option->count() > 0) {
                               updated.set_segment(profile.segment);
                             }
                             if (profile.owner_option->count() > 0) {
                               updated.set_owner(profile.owner);
                             }
                             for (const std::string& key : profile.removed) {
                               updated.add_removed_keys(key);
                             }
                             if (!FillFacts(profile.facts, updated.mutable_set_facts())) {
                               return session.Usage("--fact takes KEY=VALUE");
                             }
                             return AppendEvent(session, flags->write, std::move(event));
                           });
  flags->write.AddTo(verb);
  flags->profile.AddTo(verb);
  verb->add_option("--remove-fact", flags->profile.removed, "Key of a fact to remove; may be repeated");
}

void AddCloseAndReopen(CLI::App* noun, Action& selected) {
  struct Flags {
    WriteFlags write;
    std::string reason;
  };
  const auto add = [&](const std::string& name, const std::string& description, auto make) {
    auto flags = std::make_shared<Flags>();
    CLI::App* verb = AddVerb(noun, name, description, selected, [flags, make](Session& session) {
      ev::Event event;
      make(event)->set_reason(flags->reason);
      return AppendEvent(session, flags->write, std::move(event));
    });
    flags->write.AddTo(verb);
    verb->add_option("--reason", flags->reason, "Why")->required();
  };
  add("close", "Closes an account: no more purchases and redemptions",
      [](ev::Event& event) { return event.mutable_account_closed(); });
  add("reopen", "Takes a closed account up again", [](ev::Event& event) { return event.mutable_account_reopened(); });
}

void AddGet(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string account;
    ReadFlags read;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "get", "Shows an account, always current", selected, [flags](Session& session) {
    v1::GetAccountRequest request;
    request.set_account_id(flags->account);
    flags->read.Fill(request);
    return Show(session, session.client().GetAccount(request),
                [&](const v1::GetAccountResponse& response) { PrintAccount(session, response.account()); });
  });
  verb->add_option("ACCOUNT", flags->account, "Account id")->required();
  verb->add_option("--as-of", flags->read.as_of, "As it stood just before this time")->check(TimeText());
}

void AddList(CLI::App* noun, Action& selected) {
  struct Flags {
    std::string state;
    std::string region;
    std::string segment;
    std::string owner;
    std::string tier;
    std::string text;
    std::vector<std::string> facts;
    ReadFlags read;
    PageFlags page;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = AddVerb(noun, "list", "Lists the directory by account id", selected, [flags](Session& session) {
    v1::ListAccountsRequest request;
    v1::AccountFilter& filter = *request.mutable_filter();
    filter.set_state(flags->state == "open"     ? v1::ACCOUNT_STATE_OPEN
                     : flags->state == "closed" ? v1::ACCOUNT_STATE_CLOSED
                                                : v1::ACCOUNT_STATE_UNSPECIFIED);
    filter.set_region(flags->region);
    filter.set_segment(flags->segment);
    filter.set_owner(flags->owner);
    filter.set_tier_id(flags->tier);
    filter.set_text(flags->text);
    if (!FillFacts(flags->facts, filter.mutable_facts())) {
      return session.Usage("--fact takes KEY=VALUE, or KEY= for any value");
    }
    flags->read.Fill(request);
    return ShowPages(session, request, flags->page, &client::Client::ListAccounts, AccountsTable(),
                     [](Table& table, const v1::ListAccountsResponse& response) {
                       for (const v1::Account& account : response.accounts()) {
                         AddAccountRow(table, account);
                       }
                     });
  });
  verb->add_option("--state", flags->state, "Only open or closed ones")->check(CLI::IsMember({"open", "closed"}));
  verb->add_option("--region", flags->region, "Region path and everything below it");
  verb->add_option("--segment", flags->segment, "Segment");
  verb->add_option("--owner", flags->owner, "Owner");
  verb->add_option("--tier", flags->tier, "Tier id");
  verb->add_option("--text", flags->text, "Text in the id or the name, ignoring case");
  verb->add_option("--fact", flags->facts, "A fact held, KEY=VALUE, or KEY= for any value; may be repeated");
  flags->read.AddTo(verb, /*with_as_of=*/false);
  flags->page.AddTo(verb);
}

void AddBatchGet(CLI::App* noun, Action& selected) {
  auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = AddVerb(noun, "batch-get", "Shows up to 1,000 accounts at once", selected, [ids](Session& session) {
    v1::BatchGetAccountsRequest request;
    for (const std::string& id : *ids) {
      request.add_account_ids(id);
    }
    return Show(session, session.client().BatchGetAccounts(request), [&](const v1::BatchGetAccountsResponse& response) {
      Table table = AccountsTable();
      for (const v1::Account& account : response.accounts()) {
        AddAccountRow(table, account);
      }
      session.Print(table);
      for (const std::string& id : response.not_found()) {
        session.err() << "not found: " << Printable(id) << "\n";
      }
    });
  });
  verb->add_option("ACCOUNT", *ids, "Account ids")->required();
}

}  // namespace

void AddAccountCommands(CLI::App& root, Action& selected) {
  CLI::App* noun = root.add_subcommand("account", "Accounts: who they are");
  AddOpen(noun, selected);
  AddUpdate(noun, selected);
  AddCloseAndReopen(noun, selected);
  AddGet(noun, selected);
  AddList(noun, selected);
  AddBatchGet(noun, selected);
  AddExplainAccount(noun, selected);
}

}  // namespace keyledger::cli
