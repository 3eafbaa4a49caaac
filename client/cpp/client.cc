// Unary calls with retries, and reads. See client.h.
#include "client/cpp/client.h"

#include "client/cpp/request_id.h"
#include "keyledger/ledger/v1/account_service.grpc.pb.h"
#include "keyledger/ledger/v1/admin_service.grpc.pb.h"
#include "keyledger/ledger/v1/audit_service.grpc.pb.h"
#include "keyledger/ledger/v1/engagement_service.grpc.pb.h"
#include "keyledger/ledger/v1/ledger_service.grpc.pb.h"
#include "keyledger/ledger/v1/pipeline_service.grpc.pb.h"
#include "keyledger/ledger/v1/points_service.grpc.pb.h"
#include "keyledger/ledger/v1/portfolio_service.grpc.pb.h"
#include "keyledger/ledger/v1/program_service.grpc.pb.h"
#include "keyledger/ledger/v1/retention_service.grpc.pb.h"
#include "keyledger/ledger/v1/tier_service.grpc.pb.h"

namespace keyledger::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

ClientError Cancelled() {
  ClientError error;
  error.code = grpc::StatusCode::CANCELLED;
  error.message = "the call was cancelled";
  return error;
}

// One stream of frames, each of which must come in time. The call is driven through a queue of its own because a
// blocking read has no deadline but the whole call's.
template <typename Frame>
class FrameReader {
 public:
  template <typename Open>
  FrameReader(grpc::ClientContext& context, milliseconds frame_timeout, const Open& open)
      : context_(context), frame_timeout_(frame_timeout), reader_(open(context, queue_)) {
    reader_->StartCall(nullptr);
    started_ = Await();
  }

  // Waits for the next frame. False at the end, whatever it is.
  bool Next() {
    if (!started_ || late_) {
      return false;
    }
    reader_->Read(&frame_, nullptr);
    return Await();
  }
  const Frame& frame() const { return frame_; }

  // Must be called once, after Next has returned false or the call was cancelled.
  grpc::Status Finish() {
    grpc::Status status;
    reader_->Finish(&status, nullptr);
    Await();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
    // Whatever the status: a frame may have come between the timeout and the cancellation, and was not handed on.
    if (late_) {
      return {grpc::StatusCode::DEADLINE_EXCEEDED,
              "the server sent nothing for " + std::to_string(frame_timeout_.count()) + " ms"};
    }
    return status;
  }

 private:
  // Waits for the operation under way, the only one; cancels the call if that takes too long. False if it failed.
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    const auto next = queue_.AsyncNext(&tag, &ok, system_clock::now() + frame_timeout_);
    if (next == grpc::CompletionQueue::GOT_EVENT) {
      return ok;
    }
    late_ = true;
    context_.TryCancel();
    queue_.Next(&tag, &ok);
    return false;
  }

  grpc::ClientContext& context_;
  const milliseconds frame_timeout_;
  grpc::CompletionQueue queue_;
  const std::unique_ptr<grpc::ClientAsyncReader<Frame>> reader_;
  Frame frame_;
  bool started_ = false;
  bool late_ = false;
};

}  // namespace

struct Client::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : ledger(channel),
        account(channel),
        points(channel),
        tier(channel),
        retention(channel),
        portfolio(channel),
        engagement(channel),
        pipeline(channel),
        program(channel),
        admin(channel),
        audit(channel) {}

  v1::LedgerService::Stub ledger;
  v1::AccountService::Stub account;
  v1::PointsService::Stub points;
  v1::TierService::Stub tier;
  v1::RetentionService::Stub retention;
  v1::PortfolioService::Stub portfolio;
  v1::EngagementService::Stub engagement;
  v1::PipelineService::Stub pipeline;
  v1::ProgramService::Stub program;
  v1::AdminService::Stub admin;
  v1::AuditService::Stub audit;
};

Client::Client(const ChannelOptions& channel, const CallOptions& options) : Client(MakeChannel(channel), options) {}

Client::Client(std::shared_ptr<grpc::Channel> channel, const CallOptions& options)
    : options_(options), channel_(std::move(channel)), stubs_(std::make_unique<Stubs>(channel_)) {}

Client::~Client() = default;

const std::shared_ptr<grpc::Channel>& Client::channel() const { return channel_; }

void Client::Cancel() {
  waiter_.Cancel();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (grpc::ClientContext* context : running_) {
    context->TryCancel();
  }
}

bool Client::Enter(grpc::ClientContext& context) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // Cancel sets the waiter before it takes the lock: either it is seen here, or Cancel sees this call in the set.
  if (waiter_.cancelled()) {
    return false;
  }
  running_.insert(&context);
  return true;
}

void Client::Leave(grpc::ClientContext& context) {
  const std::lock_guard<std::mutex> lock(mutex_);
  running_.erase(&context);
}

template <typename Response>
Result<Response> Client::Call(const std::function<grpc::Status(grpc::ClientContext&, Response&)>& attempt, bool retry) {
  const auto deadline = steady_clock::now() + options_.timeout;
  const auto wall_deadline = system_clock::now() + options_.timeout;
  Backoff backoff(options_.backoff);
  for (int number = 1;; ++number) {
    grpc::ClientContext context;
    context.set_deadline(wall_deadline);
    if (!Enter(context)) {
      return Cancelled();
    }
    Response response;
    const grpc::Status status = attempt(context, response);
    Leave(context);
    if (status.ok()) {
      return response;
    }
    ClientError error = DecodeError(status);
    if (!retry || !IsRetryable(error) || number >= options_.attempts_max) {
      return error;
    }
    const milliseconds wait = backoff.Next(error.retry_delay);
    if (steady_clock::now() + wait >= deadline) {
      return error;
    }
    if (!waiter_.WaitFor(wait)) {
      return Cancelled();
    }
  }
}

template <typename Frame>
std::optional<ClientError> Client::Read(
    const std::function<std::unique_ptr<grpc::ClientAsyncReader<Frame>>(grpc::ClientContext&, grpc::CompletionQueue&)>&
        open,
    const std::function<bool(const Frame&)>& on_frame) {
  const auto deadline = steady_clock::now() + options_.timeout;
  Backoff backoff(options_.backoff);
  for (int number = 1;; ++number) {
    grpc::ClientContext context;
    if (!Enter(context)) {
      return Cancelled();
    }
    FrameReader<Frame> reader(context, options_.frame_timeout, open);
    bool any = false;
    bool stopped = false;
    while (!stopped && reader.Next()) {
      any = true;
      if (!on_frame(reader.frame())) {
        stopped = true;
        context.TryCancel();
      }
    }
    const grpc::Status status = reader.Finish();
    Leave(context);
    if (stopped || status.ok()) {
      return std::nullopt;
    }
    ClientError error = DecodeError(status);
    const milliseconds wait = backoff.Next(error.retry_delay);
    if (any || !IsRetryable(error) || number >= options_.attempts_max || steady_clock::now() + wait >= deadline) {
      return error;
    }
    if (!waiter_.WaitFor(wait)) {
      return Cancelled();
    }
  }
}

// Methods that write get a request_id where the caller gave none, so that a repetition is applied once.
#define KL_CLIENT_WRITE_METHOD(service, method)                                                           \
  Result<v1::method##Response> Client::method(v1::method##Request request) {                              \
    if (request.request_id().empty()) {                                                                   \
      request.set_request_id(NewRequestId());                                                             \
    }                                                                                                     \
    return Call<v1::method##Response>([&](grpc::ClientContext& context, v1::method##Response& response) { \
      return stubs_->service.method(&context, request, &response);                                        \
    });                                                                                                   \
  }

KL_CLIENT_WRITE_METHOD(ledger, Append)
KL_CLIENT_WRITE_METHOD(program, PublishProgram)
KL_CLIENT_WRITE_METHOD(tier, StartReview)
KL_CLIENT_WRITE_METHOD(retention, RecordForecast)
KL_CLIENT_WRITE_METHOD(engagement, TransferPortfolio)
KL_CLIENT_WRITE_METHOD(audit, RotateSigningKey)
KL_CLIENT_WRITE_METHOD(audit, EraseSubject)
KL_CLIENT_WRITE_METHOD(audit, PlaceLegalHold)
KL_CLIENT_WRITE_METHOD(audit, ReleaseLegalHold)

#undef KL_CLIENT_WRITE_METHOD

Result<v1::RebuildProjectionResponse> Client::RebuildProjection(const v1::RebuildProjectionRequest& request) {
  return Call<v1::RebuildProjectionResponse>(
      [&](grpc::ClientContext& context, v1::RebuildProjectionResponse& response) {
        return stubs_->admin.RebuildProjection(&context, request, &response);
      },
      /*retry=*/false);
}

// The methods that only read differ in nothing but their names.
#define KL_CLIENT_READ_METHOD(service, method)                                                            \
  Result<v1::method##Response> Client::method(const v1::method##Request& request) {                       \
    return Call<v1::method##Response>([&](grpc::ClientContext& context, v1::method##Response& response) { \
      return stubs_->service.method(&context, request, &response);                                        \
    });                                                                                                   \
  }

KL_CLIENT_READ_METHOD(ledger, GetRecord)
KL_CLIENT_READ_METHOD(account, GetAccount)
KL_CLIENT_READ_METHOD(account, BatchGetAccounts)
KL_CLIENT_READ_METHOD(account, ListAccounts)
KL_CLIENT_READ_METHOD(account, ExplainAccount)
KL_CLIENT_READ_METHOD(account, ListContacts)
KL_CLIENT_READ_METHOD(points, GetBalance)
KL_CLIENT_READ_METHOD(points, ListLots)
KL_CLIENT_READ_METHOD(points, ListStatement)
KL_CLIENT_READ_METHOD(points, GetExpirySchedule)
KL_CLIENT_READ_METHOD(points, GetLiability)
KL_CLIENT_READ_METHOD(points, GetTransfer)
KL_CLIENT_READ_METHOD(tier, GetStanding)
KL_CLIENT_READ_METHOD(tier, ExplainStanding)
KL_CLIENT_READ_METHOD(tier, ListHistory)
KL_CLIENT_READ_METHOD(tier, ListStageHistory)
KL_CLIENT_READ_METHOD(tier, GetDistribution)
KL_CLIENT_READ_METHOD(tier, GetReview)
KL_CLIENT_READ_METHOD(tier, ListReviews)
KL_CLIENT_READ_METHOD(retention, GetRetention)
KL_CLIENT_READ_METHOD(retention, GetCohorts)
KL_CLIENT_READ_METHOD(retention, GetSurvival)
KL_CLIENT_READ_METHOD(retention, GetTenure)
KL_CLIENT_READ_METHOD(retention, GetMigration)
KL_CLIENT_READ_METHOD(retention, GetRfm)
KL_CLIENT_READ_METHOD(retention, GetForecast)
KL_CLIENT_READ_METHOD(retention, ListForecasts)
KL_CLIENT_READ_METHOD(retention, ScoreForecast)
KL_CLIENT_READ_METHOD(retention, GetContractRetention)
KL_CLIENT_READ_METHOD(retention, ListAtRisk)
KL_CLIENT_READ_METHOD(retention, GetLossEffect)
KL_CLIENT_READ_METHOD(portfolio, GetConcentration)
KL_CLIENT_READ_METHOD(portfolio, GetClasses)
KL_CLIENT_READ_METHOD(portfolio, ListProfitability)
KL_CLIENT_READ_METHOD(portfolio, ListWalletShares)
KL_CLIENT_READ_METHOD(portfolio, GetSatisfaction)
KL_CLIENT_READ_METHOD(portfolio, GetAcquisition)
KL_CLIENT_READ_METHOD(portfolio, GetMembership)
KL_CLIENT_READ_METHOD(portfolio, GetReferralTree)
KL_CLIENT_READ_METHOD(portfolio, GetRankMigration)
KL_CLIENT_READ_METHOD(portfolio, ListGroups)
KL_CLIENT_READ_METHOD(engagement, ListDue)
KL_CLIENT_READ_METHOD(engagement, GetCadence)
KL_CLIENT_READ_METHOD(engagement, GetManagement)
KL_CLIENT_READ_METHOD(engagement, GetCoverage)
KL_CLIENT_READ_METHOD(engagement, GetTimeline)
KL_CLIENT_READ_METHOD(engagement, ListAttendance)
KL_CLIENT_READ_METHOD(engagement, GetProfile)
KL_CLIENT_READ_METHOD(engagement, ListProfiles)
KL_CLIENT_READ_METHOD(engagement, GetEntryDelay)
KL_CLIENT_READ_METHOD(engagement, ListOwners)
KL_CLIENT_READ_METHOD(engagement, GetContinuity)
KL_CLIENT_READ_METHOD(engagement, ListProspects)
KL_CLIENT_READ_METHOD(engagement, GetEffort)
KL_CLIENT_READ_METHOD(engagement, ListGiven)
KL_CLIENT_READ_METHOD(engagement, ListFlags)
KL_CLIENT_READ_METHOD(engagement, ListViolations)
KL_CLIENT_READ_METHOD(engagement, GetPortfolioTransfer)
KL_CLIENT_READ_METHOD(engagement, ListPortfolioTransfers)
KL_CLIENT_READ_METHOD(pipeline, GetPipeline)
KL_CLIENT_READ_METHOD(pipeline, ListOpportunities)
KL_CLIENT_READ_METHOD(pipeline, ListQuotes)
KL_CLIENT_READ_METHOD(pipeline, ListApprovals)
KL_CLIENT_READ_METHOD(pipeline, ListContracts)
KL_CLIENT_READ_METHOD(pipeline, ListIssues)
KL_CLIENT_READ_METHOD(pipeline, ListPromises)
KL_CLIENT_READ_METHOD(pipeline, ListPlans)
KL_CLIENT_READ_METHOD(pipeline, ListItems)
KL_CLIENT_READ_METHOD(pipeline, GetDemand)
KL_CLIENT_READ_METHOD(pipeline, GetPaymentTerms)
KL_CLIENT_READ_METHOD(pipeline, GetReferrals)
KL_CLIENT_READ_METHOD(pipeline, GetSaleModes)
KL_CLIENT_READ_METHOD(program, ValidateProgram)
KL_CLIENT_READ_METHOD(program, GetProgram)
KL_CLIENT_READ_METHOD(program, ListPrograms)
KL_CLIENT_READ_METHOD(admin, GetStatus)
KL_CLIENT_READ_METHOD(admin, ListProjections)
KL_CLIENT_READ_METHOD(audit, GetCheckpoint)
KL_CLIENT_READ_METHOD(audit, ListCheckpoints)
KL_CLIENT_READ_METHOD(audit, GetInclusionProof)
KL_CLIENT_READ_METHOD(audit, GetConsistencyProof)
KL_CLIENT_READ_METHOD(audit, ListSigningKeys)
KL_CLIENT_READ_METHOD(audit, GetSignedStanding)
KL_CLIENT_READ_METHOD(audit, ListLegalHolds)
KL_CLIENT_READ_METHOD(audit, ListAccesses)
KL_CLIENT_READ_METHOD(audit, ReadSubject)

#undef KL_CLIENT_READ_METHOD

std::optional<ClientError> Client::ReadAccount(const v1::ReadAccountRequest& request,
                                               const std::function<bool(const v1::ReadAccountResponse&)>& on_frame) {
  return Read<v1::ReadAccountResponse>(
      [&](grpc::ClientContext& context, grpc::CompletionQueue& queue) {
        return stubs_->ledger.PrepareAsyncReadAccount(&context, request, &queue);
      },
      on_frame);
}

std::optional<ClientError> Client::ReadLog(const v1::ReadLogRequest& request,
                                           const std::function<bool(const v1::ReadLogResponse&)>& on_frame) {
  return Read<v1::ReadLogResponse>(
      [&](grpc::ClientContext& context, grpc::CompletionQueue& queue) {
        return stubs_->ledger.PrepareAsyncReadLog(&context, request, &queue);
      },
      on_frame);
}

std::optional<ClientError> Client::Simulate(const v1::SimulateRequest& request,
                                            const std::function<bool(const v1::SimulateResponse&)>& on_frame) {
  return Read<v1::SimulateResponse>(
      [&](grpc::ClientContext& context, grpc::CompletionQueue& queue) {
        return stubs_->program.PrepareAsyncSimulate(&context, request, &queue);
      },
      on_frame);
}

std::optional<ClientError> Client::Replay(const v1::ReplayRequest& request,
                                          const std::function<bool(const v1::ReplayResponse&)>& on_frame) {
  return Read<v1::ReplayResponse>(
      [&](grpc::ClientContext& context, grpc::CompletionQueue& queue) {
        return stubs_->audit.PrepareAsyncReplay(&context, request, &queue);
      },
      on_frame);
}

std::optional<ClientError> Client::ExportBundle(const v1::ExportBundleRequest& request,
                                                const std::function<bool(const v1::ExportBundleResponse&)>& on_frame) {
  return Read<v1::ExportBundleResponse>(
      [&](grpc::ClientContext& context, grpc::CompletionQueue& queue) {
        return stubs_->audit.PrepareAsyncExportBundle(&context, request, &queue);
      },
      on_frame);
}

}  // namespace keyledger::client
