// See validate_relationship.h. Every rule stands beside the fields in events/v1/care.proto.
#include "server/domain/validate_relationship.h"

namespace keyledger::domain {
namespace {

using events::v1::Event;

constexpr int64_t kLentMax = 1'000'000;
constexpr int64_t kSeverityMax = 5;

void Opened(const FieldPath& path, const events::v1::IssueOpened& opened, FieldChecks& checks) {
  checks.Text(path.Field("issue_id"), opened.issue_id(), 1, 128);
  checks.Named(path.Field("kind"), opened.kind(), events::v1::IssueKind_IsValid);
  checks.FreeText(path.Field("description"), opened.description(), 1, 2048);
  checks.OptionalMoment(path.Field("due_time"), opened.has_due_time(), opened.due_time());
  checks.Text(path.Field("person"), opened.person(), 0, 128);
  checks.Text(path.Field("contact_id"), opened.contact_id(), 0, 128);
  checks.Text(path.Field("activity_id"), opened.activity_id(), 0, 128);
  checks.Range(path.Field("severity"), opened.severity(), 0, kSeverityMax);
}

void Moved(const FieldPath& path, const events::v1::IssueMoved& moved, FieldChecks& checks) {
  const bool needs_note = moved.state() == events::v1::ISSUE_STATE_OPEN ||
                          moved.state() == events::v1::ISSUE_STATE_ANSWERED ||
                          moved.state() == events::v1::ISSUE_STATE_RESOLVED;
  checks.Text(path.Field("issue_id"), moved.issue_id(), 1, 128);
  checks.Named(path.Field("state"), moved.state(), events::v1::IssueState_IsValid);
  checks.FreeText(path.Field("note"), moved.note(), needs_note ? 1 : 0, 2048);
  checks.Text(path.Field("person"), moved.person(), moved.state() == events::v1::ISSUE_STATE_ESCALATED ? 1 : 0, 128);
  checks.OptionalMoment(path.Field("due_time"), moved.has_due_time(), moved.due_time());
}

void Issued(const FieldPath& path, const events::v1::LoanIssued& issued, FieldChecks& checks) {
  checks.Text(path.Field("loan_id"), issued.loan_id(), 1, 128);
  checks.Text(path.Field("item"), issued.item(), 1, 64);
  checks.Range(path.Field("quantity"), issued.quantity(), 1, kLentMax);
  checks.Sum(path.Field("value"), issued.has_value(), issued.value(), 0);
  checks.Moment(path.Field("due_time"), issued.has_due_time(), issued.due_time());
  checks.Text(path.Field("serial"), issued.serial(), 0, 128);
  checks.Text(path.Field("contact_id"), issued.contact_id(), 0, 128);
  checks.FreeText(path.Field("purpose"), issued.purpose(), 0, 512);
}

void Returned(const FieldPath& path, const events::v1::LoanReturned& returned, FieldChecks& checks) {
  checks.Text(path.Field("loan_id"), returned.loan_id(), 1, 128);
  checks.Range(path.Field("quantity"), returned.quantity(), 1, kLentMax);
  checks.FreeText(path.Field("condition"), returned.condition(), 0, 256);
}

void Accrued(const FieldPath& path, const events::v1::CommissionAccrued& accrued, FieldChecks& checks) {
  checks.Text(path.Field("commission_id"), accrued.commission_id(), 1, 128);
  checks.Text(path.Field("contact_id"), accrued.contact_id(), 1, 128);
  checks.Sum(path.Field("amount"), accrued.has_amount(), accrued.amount(), 1);
  checks.FreeText(path.Field("purpose"), accrued.purpose(), 0, 512);
}

void Refused(const FieldPath& path, const events::v1::CommissionRefused& refused, FieldChecks& checks) {
  checks.Text(path.Field("commission_id"), refused.commission_id(), 0, 128);
  checks.Text(path.Field("contact_id"), refused.contact_id(), 1, 128);
  checks.OptionalSum(path.Field("amount"), refused.has_amount(), refused.amount(), 1);
  checks.FreeText(path.Field("reason"), refused.reason(), 1, 512);
}

void Asked(const FieldPath& path, const events::v1::ReferralAsked& asked, FieldChecks& checks) {
  checks.Text(path.Field("contact_id"), asked.contact_id(), 1, 128);
  checks.Text(path.Field("person"), asked.person(), 0, 128);
}

void Given(const FieldPath& path, const events::v1::ReferralGiven& given, FieldChecks& checks) {
  checks.Text(path.Field("referral_id"), given.referral_id(), 1, 128);
  checks.Text(path.Field("contact_id"), given.contact_id(), 0, 128);
  checks.Id(path.Field("lead_source"), given.lead_source());
  if (!given.account_id().empty()) checks.AccountId(path.Field("account_id"), given.account_id());
  checks.FreeText(path.Field("description"), given.description(), 0, 512);
}

void Advanced(const FieldPath& path, const events::v1::AdvanceRecorded& recorded, FieldChecks& checks) {
  checks.Text(path.Field("person"), recorded.person(), 1, 128);
  checks.Sum(path.Field("amount"), recorded.has_amount(), recorded.amount(), 1);
  checks.FreeText(path.Field("purpose"), recorded.purpose(), 0, 512);
}

}  // namespace

void CheckCare(const FieldPath& root, const Event& event, FieldChecks& checks) {
  switch (event.payload_case()) {
    case Event::kIssueOpened:
      return Opened(root.Field("issue_opened"), event.issue_opened(), checks);
    case Event::kIssueMoved:
      return Moved(root.Field("issue_moved"), event.issue_moved(), checks);
    case Event::kLoanIssued:
      return Issued(root.Field("loan_issued"), event.loan_issued(), checks);
    case Event::kLoanReturned:
      return Returned(root.Field("loan_returned"), event.loan_returned(), checks);
    case Event::kCommissionAccrued:
      return Accrued(root.Field("commission_accrued"), event.commission_accrued(), checks);
    case Event::kCommissionRefused:
      return Refused(root.Field("commission_refused"), event.commission_refused(), checks);
    case Event::kReferralAsked:
      return Asked(root.Field("referral_asked"), event.referral_asked(), checks);
    case Event::kReferralGiven:
      return Given(root.Field("referral_given"), event.referral_given(), checks);
    case Event::kReferralConverted: {
      const FieldPath path = root.Field("referral_converted");
      checks.Text(path.Field("referral_id"), event.referral_converted().referral_id(), 1, 128);
      return checks.AccountId(path.Field("account_id"), event.referral_converted().account_id());
    }
    case Event::kAdvanceRecorded:
      return Advanced(root.Field("advance_recorded"), event.advance_recorded(), checks);
    default:
      return;
  }
}

}  // namespace keyledger::domain
