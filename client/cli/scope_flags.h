// ScopeFlags: the options that say what a query over the population measures and of whom, and --by, which repeats it
// for each group of accounts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/empty_answer.h"
#include "keyledger/ledger/v1/portfolio_service.pb.h"
#include "keyledger/ledger/v1/retention_service.pb.h"

namespace keyledger::cli {

struct ScopeFlags {
  // What a query has no use for is not offered.
  struct Offer {
    bool period = true;
    bool currency = true;
    bool basis = true;
    bool by = true;
  };

  std::string period = "month";
  int period_length = 0;
  std::string time_zone;
  std::string currency;
  std::string basis = "gross";
  std::string as_of;
  std::string known_at;
  std::string region;
  std::string segment;
  std::string owner;
  std::string tier;
  std::string club;
  // "region", "segment", "owner", "tier", "club"; empty: all accounts together.
  std::string by;
  // Groups of --by that are asked for at most; with more, none is.
  int groups_max = 200;
  // "auto", "always" or "never".
  std::string chart = "never";
  ReadFlags read;

  void AddTo(CLI::App* verb, const Offer& offer);
  void AddTo(CLI::App* verb) { AddTo(verb, Offer()); }
  // For queries that have a picture.
  void AddChart(CLI::App* verb);
  void Fill(v1::RetentionScope& scope) const;
  // Whether only some of the accounts are meant.
  bool filtered() const { return !(region + segment + owner + tier + club).empty(); }
  // One period in words: "month", "3 weeks".
  std::string PeriodWords() const;
};

// Which option it is that leaves an answer empty: a moment before all purchases, a filter that no account matches
// (alone, or with the others), a currency that nobody buys in. Asks the server. Empty if it is none of them, or the
// server fails.
std::string WhyEmpty(Session& session, const ScopeFlags& flags);

// Returns the dimension of a name that --by takes.
v1::GroupDimension DimensionOf(const std::string& name);

// Asks for the accounts of one group, and prints the answer (tables) or adds it to `documents` (JSON texts).
using AskGroup =
    std::function<std::optional<client::ClientError>(const v1::PopulationFilter&, std::vector<std::string>& documents)>;

// Lists the groups of --by and asks for each. As tables each answer stands below a heading; as JSON all of them are one
// array of {group, accounts, response} or {group, accounts, error}. A group that a rule refuses (too few for a
// forecast) is said so and the others go on: kExitPartly then, as where there are more groups than the server lists.
// More groups than flags.groups_max are asked for none: kExitUsage.
int ForEachGroup(Session& session, const ScopeFlags& flags, const AskGroup& ask);

template <typename Request>
v1::RetentionScope& ScopeOf(Request& request) {
  if constexpr (requires { request.mutable_scope(); }) {
    return *request.mutable_scope();
  } else {
    return *request.mutable_forecast()->mutable_scope();
  }
}

// Calls the method once or, if it lists, as `pages` says; `take` gets each page. Leaves the token of the page after the
// last in the request.
template <typename Request, typename Response, typename Take>
std::optional<client::ClientError> ReadPages(Session& session, Request& request, const PageFlags* pages,
                                             client::Result<Response> (client::Client::*method)(const Request&),
                                             const Take& take) {
  while (true) {
    client::Result<Response> result = (session.client().*method)(request);
    if (!result.ok()) {
      return result.error();
    }
    bool more = false;
    if constexpr (requires { request.set_page_token(result->next_page_token()); }) {
      request.set_page_token(result->next_page_token());
      more = pages != nullptr && pages->all && !request.page_token().empty();
    }
    take(std::move(result.value()));
    if (!more) {
      return std::nullopt;
    }
  }
}

// Prints what is wrong with a call for the scope; returns the exit code.
int FailScoped(Session& session, const ScopeFlags& flags, const client::ClientError& error);

// Asks for the scope, or with --by for each group of it, and prints the answers: as JSON, or by `render`, which gets
// the pages of one answer (one, if the method does not list or without --all). An empty answer that an option explains
// is not rendered (as JSON it is printed all the same): the option is named on stderr, and the exit code is
// kExitNotFound. `inspect`, if given, sees every page, whatever it is printed as.
template <typename Request, typename Response, typename Render>
int ShowScoped(Session& session, const ScopeFlags& flags, Request request, const PageFlags* pages,
               client::Result<Response> (client::Client::*method)(const Request&), const Render& render,
               const std::function<void(const Response&)>& inspect = nullptr) {
  flags.Fill(ScopeOf(request));
  flags.read.Fill(request);
  if constexpr (requires { request.set_page_token(""); }) {
    if (pages != nullptr) {
      request.set_page_size(pages->page_size);
      request.set_page_token(pages->page_token);
    }
  }
  const auto show = [&](const std::vector<Response>& answer, const Request& asked) {
    render(answer);
    if constexpr (requires { asked.page_token(); }) {
      if (!asked.page_token().empty()) {
        session.err() << "more: add --all, or --page-token " << asked.page_token() << "\n";
      }
    }
  };
  std::vector<Response> answer;
  if (flags.by.empty()) {
    bool empty = true;
    const std::optional<client::ClientError> error = ReadPages(session, request, pages, method, [&](Response page) {
      empty = empty && IsEmpty(page);
      if (inspect) {
        inspect(page);
      }
      session.json() ? session.PrintJson(page) : answer.push_back(std::move(page));
    });
    if (error) {
      return FailScoped(session, flags, *error);
    }
    if (const std::string why = empty ? WhyEmpty(session, flags) : ""; !why.empty()) {
      return session.NotFound(why);
    }
    if (!session.json()) {
      show(answer, request);
    }
    return kExitOk;
  }
  return ForEachGroup(session, flags, [&](const v1::PopulationFilter& accounts, std::vector<std::string>& documents) {
    Request one = request;
    *ScopeOf(one).mutable_accounts() = accounts;
    answer.clear();
    const std::optional<client::ClientError> error = ReadPages(session, one, pages, method, [&](Response page) {
      if (inspect) {
        inspect(page);
      }
      session.json() ? documents.push_back(Session::JsonText(page)) : answer.push_back(std::move(page));
    });
    if (!error && !session.json()) {
      show(answer, one);
    }
    return error;
  });
}

}  // namespace keyledger::cli
