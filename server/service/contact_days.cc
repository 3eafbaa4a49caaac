#include "server/service/contact_days.h"

#include <utility>

#include "projections/contacts/contacts_queries.h"
#include "server/base/error.h"
#include "server/service/access_trail.h"
#include "server/vault/seal.h"

namespace keyledger::service {
namespace {

namespace engagement = projections::engagement;

constexpr size_t kContactsPerPage = 1'000;

engagement::ContactDay DayOf(uint32_t account, const std::string& contact_id, const events::v1::ImportantDay& day,
                             const std::string& day_id) {
  return {account, contact_id, day_id, day.name().empty() ? day_id : day.name(), day.year(), day.month(), day.day()};
}

// A birthday comes every year, whatever year it names.
void AddDays(uint32_t account, const std::string& contact_id, const events::v1::PersonDetails& details,
             std::vector<engagement::ContactDay>& days) {
  if (details.has_birthday()) {
    days.push_back(DayOf(account, contact_id, details.birthday(), "birthday"));
    days.back().year = 0;
  }
  for (const events::v1::ImportantDay& day : details.important_days()) {
    days.push_back(DayOf(account, contact_id, day, day.name()));
  }
}

}  // namespace

absl::StatusOr<std::vector<engagement::ContactDay>> ContactDays::Of(const engagement::EngagementHistory& history) {
  std::vector<engagement::ContactDay> days;
  unsealed_.clear();
  for (uint32_t account = 0; account <= history.absorbed.size(); ++account) {
    KL_RETURN_IF_ERROR(Read(history, account, days));
  }
  return days;
}

const store::TableReader& ContactDays::RowsOf(const std::string& account_id) const {
  return *contacts_[context_.ledger.ShardOfAccount(account_id).number()];
}

absl::Status ContactDays::Read(const engagement::EngagementHistory& history, uint32_t account,
                               std::vector<engagement::ContactDay>& days) {
  const std::string& account_id = history.AccountOf(account);
  const store::TableReader& rows = RowsOf(account_id);
  std::string continuation;
  do {
    KL_ASSIGN_OR_RETURN(const projections::ContactsPage page,
                        projections::ListContacts(rows, account_id, "", kContactsPerPage, continuation));
    for (const projections::Contact& contact : page.contacts) {
      const projections::ContactPerson& person = contact.people.front();
      if (!person.data.has_sealed()) continue;
      if (account != 0) {
        KL_ASSIGN_OR_RETURN(const bool named,
                            projections::IsContactNamed(RowsOf(history.account_id), history.account_id,
                                                        history.ContactName(account, contact.contact_id)));
        if (named) continue;
      }
      const absl::StatusOr<events::v1::PersonalData> data =
          vault::Unseal(*context_.vault, {account_id, person.path}, person.data);
      if (ReasonOf(data.status()) == Reason::kSubjectErased) continue;
      KL_RETURN_IF_ERROR(data.status());
      const size_t before = days.size();
      AddDays(account, contact.contact_id, data->details(), days);
      if (days.size() > before) {
        unsealed_[history.ContactName(account, contact.contact_id)] = {account_id, person.data.subject_id()};
      }
    }
    continuation = page.continuation;
  } while (!continuation.empty());
  return absl::OkStatus();
}

void ContactDays::Give(const engagement::Duty& duty) {
  if (duty.kind != engagement::DutyKind::kOccasion) return;
  const auto unsealed = unsealed_.find(duty.contact_id);
  if (unsealed != unsealed_.end()) given_[unsealed->second.first].push_back(unsealed->second.second);
}

absl::Status ContactDays::Record(const std::string& reader, const std::string& purpose, std::string_view method,
                                 const std::function<bool()>& canceled) {
  std::vector<Reading> readings;
  for (auto& [account_id, subjects] : given_) {
    readings.push_back(Reading{account_id, std::move(subjects), reader, purpose, method});
  }
  given_.clear();
  return RecordReadings(context_, std::move(readings), canceled);
}

}  // namespace keyledger::service
