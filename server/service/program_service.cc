// ProgramService. See operator_services.h.
#include <algorithm>

#include <fmt/format.h>

#include "server/base/codec.h"
#include "server/base/cursor.h"
#include "server/base/error.h"
#include "server/base/ids.h"
#include "server/domain/proto_time.h"
#include "server/service/operator_services.h"
#include "server/service/simulate_source.h"

namespace keyledger::service {
namespace {

constexpr size_t kValidateBytesMax = 1u << 20;
constexpr size_t kPublishBytesMax = 64u << 10;

void Fill(const shard::PublishedProgram& program, bool with_source, ledger::v1::PublishedProgram& out) {
  *out.mutable_program() = program.program->program();
  if (with_source) out.set_source_yaml(program.source_yaml);
  domain::SetTimestamp(out.mutable_publish_time(), program.publish_time);
}

void Fill(const std::vector<domain::ProgramFinding>& findings,
          google::protobuf::RepeatedPtrField<ledger::v1::ProgramFinding>& out) {
  for (const domain::ProgramFinding& finding : findings) {
    ledger::v1::ProgramFinding& one = *out.Add();
    one.set_line(finding.line);
    one.set_column(finding.column);
    one.set_path(finding.path);
    one.set_message(finding.message);
  }
}

absl::Status CheckSource(const std::string& source_yaml, size_t bytes_max) {
  if (source_yaml.empty()) return FieldError("source_yaml", "is required");
  if (source_yaml.size() <= bytes_max) return absl::OkStatus();
  return MakeError(Reason::kPayloadTooLarge,
                   fmt::format("source_yaml has {} bytes, at most {} are allowed", source_yaml.size(), bytes_max));
}

}  // namespace

grpc::ServerUnaryReactor* ProgramServiceImpl::ValidateProgram(grpc::CallbackServerContext* call,
                                                              const ledger::v1::ValidateProgramRequest* request,
                                                              ledger::v1::ValidateProgramResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckSource(request->source_yaml(), kValidateBytesMax));
    std::vector<std::shared_ptr<const domain::CompiledProgram>> published;
    for (const shard::PublishedProgram& one : context_.ledger.published()) published.push_back(one.program);
    domain::ParsedProgram parsed = domain::ParseProgramYaml(request->source_yaml(), published);
    Fill(parsed.findings, *response->mutable_findings());
    Fill(parsed.warnings, *response->mutable_warnings());
    if (!parsed.program.has_value()) return absl::OkStatus();
    response->set_normal_yaml(domain::FormatProgramYaml(*parsed.program));
    *response->mutable_program() = *std::move(parsed.program);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ProgramServiceImpl::PublishProgram(grpc::CallbackServerContext* call,
                                                             const ledger::v1::PublishProgramRequest* request,
                                                             ledger::v1::PublishProgramResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_RETURN_IF_ERROR(CheckSource(request->source_yaml(), kPublishBytesMax));
    if (!IsPrintableId(request->request_id(), kRequestIdBytesMax)) {
      return FieldError("request_id", "must be 1 to 128 printable ASCII bytes");
    }
    if (request->actor().size() > 128 || !IsUtf8(request->actor()))
      return FieldError("actor", "must be UTF-8 of at most 128 bytes");
    KL_ASSIGN_OR_RETURN(const shard::PublishedProgram program,
                        context_.ledger.Publish(request->source_yaml(), request->request_id(), request->actor()));
    Fill(program, true, *response->mutable_program());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ProgramServiceImpl::GetProgram(grpc::CallbackServerContext* call,
                                                         const ledger::v1::GetProgramRequest* request,
                                                         ledger::v1::GetProgramResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    if (request->program_id().empty()) return FieldError("program_id", "is required");
    const shard::PublishedProgram* found = nullptr;
    const std::vector<shard::PublishedProgram> all = context_.ledger.published();
    for (const shard::PublishedProgram& program : all) {
      if (program.program->program().program_id() != request->program_id()) continue;
      if (request->version() == 0 || request->version() == program.program->program().version()) found = &program;
    }
    if (found == nullptr) {
      return MakeError(Reason::kProgramNotFound, request->version() == 0
                                                     ? fmt::format("there is no program {}", request->program_id())
                                                     : fmt::format("there is no version {} of program {}",
                                                                   request->version(), request->program_id()));
    }
    Fill(*found, true, *response->mutable_program());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ProgramServiceImpl::ListPrograms(grpc::CallbackServerContext* call,
                                                           const ledger::v1::ListProgramsRequest* request,
                                                           ledger::v1::ListProgramsResponse* response) {
  return RunUnary(context_, call, [this, request, response]() -> absl::Status {
    KL_ASSIGN_OR_RETURN(const int page_size, CheckPageSize(request->page_size()));
    // Programs are only ever added, in an order that the list is not in: the token names the last one shown.
    std::string after_id;
    uint32_t after_version = 0;
    if (!request->page_token().empty()) {
      KL_ASSIGN_OR_RETURN(const std::string token, ParsePageToken(request->page_token(), request->program_id()));
      std::string_view in(token);
      if (!GetBigEndian32(in, after_version))
        return MakeError(Reason::kInvalidToken, "not a page token of this ledger");
      after_id = in;
    }
    for (const shard::PublishedProgram& entry : context_.ledger.published()) {
      const programs::v1::Program& program = entry.program->program();
      if (!request->program_id().empty() && program.program_id() != request->program_id()) continue;
      if (std::pair(program.program_id(), program.version()) <= std::pair(after_id, after_version)) continue;
      if (response->programs_size() == page_size) {
        const programs::v1::Program& last = response->programs(page_size - 1).program();
        std::string token;
        PutBigEndian32(token, last.version());
        response->set_next_page_token(FormatPageToken(token + last.program_id(), request->program_id()));
        break;
      }
      Fill(entry, false, *response->add_programs());
    }
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<ledger::v1::SimulateResponse>* ProgramServiceImpl::Simulate(
    grpc::CallbackServerContext*, const ledger::v1::SimulateRequest* request) {
  return FrameStream<ledger::v1::SimulateResponse>::Start(
      context_, context_.queries, [this, request] { return MakeSimulateSource(context_, *request); });
}

}  // namespace keyledger::service
