// AnyAnswers: a ledger in the test's own process that answers every unary method with what the test says, so that a
// test of a command needs no service of its own.
#pragma once

#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/cli/app.h"

namespace keyledger::cli {

// Threads: one command at a time; the test reads and sets between two.
class AnyAnswers final : public grpc::CallbackGenericService {
 public:
  AnyAnswers() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~AnyAnswers() override { server_->Shutdown(); }

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    return new Call(*this, context->method());
  }

  // Runs the command, which succeeds, and returns what it prints. What it says beside that is in `err`.
  std::string Print(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--server", "127.0.0.1:" + std::to_string(port_), "--timeout", "10"});
    asked.clear();
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream said;
    EXPECT_EQ(Run(arguments, Environment{in, out, said}), 0) << said.str();
    err = said.str();
    return out.str();
  }

  // The same with one answer, which the command is to use.
  std::string Print(const std::string& answer, std::vector<std::string> arguments) {
    answers = {answer};
    std::string printed = Print(std::move(arguments));
    EXPECT_TRUE(answers.empty());
    return printed;
  }

  // What the command asks for: "ListOwners role: \"owner\"", of several calls joined by "; ".
  std::string Ask(std::vector<std::string> arguments) {
    Print(std::move(arguments));
    std::string text;
    for (const std::string& one : asked) {
      text += (text.empty() ? "" : "; ") + one;
    }
    return text;
  }

  // Answers still to be given, in text format, the next first; without any: empty messages.
  std::deque<std::string> answers;
  // The method and the request of each call of the latest command.
  std::vector<std::string> asked;
  std::string err;

 private:
  using Message = google::protobuf::Message;

  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    Call(AnyAnswers& ledger, std::string method) : ledger_(ledger), method_(std::move(method)) { StartRead(&request_); }
    void OnReadDone(bool ok) override {
      if (!ok) {
        Finish(grpc::Status(grpc::StatusCode::INTERNAL, "no request"));
        return;
      }
      const grpc::Status status = ledger_.Answer(method_, request_, response_);
      if (status.ok()) {
        StartWriteAndFinish(&response_, grpc::WriteOptions(), status);
      } else {
        Finish(status);
      }
    }
    void OnDone() override { delete this; }

   private:
    AnyAnswers& ledger_;
    const std::string method_;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer response_;
  };

  static std::unique_ptr<Message> Make(const google::protobuf::Descriptor* type) {
    return std::unique_ptr<Message>(google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  }

  // `path` is "/keyledger.ledger.v1.EngagementService/ListOwners".
  grpc::Status Answer(const std::string& path, const grpc::ByteBuffer& bytes, grpc::ByteBuffer& answer) {
    std::string name = path.substr(1);
    name[name.find('/')] = '.';
    const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
    if (method == nullptr) {
      return {grpc::StatusCode::UNIMPLEMENTED, name};
    }
    std::vector<grpc::Slice> slices;
    std::string text;
    if (!bytes.Dump(&slices).ok()) {
      return {grpc::StatusCode::INTERNAL, "unreadable"};
    }
    for (const grpc::Slice& slice : slices) {
      text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
    const std::unique_ptr<Message> request = Make(method->input_type());
    const std::unique_ptr<Message> response = Make(method->output_type());
    if (!request->ParseFromString(text)) {
      return {grpc::StatusCode::INTERNAL, "no " + method->input_type()->name()};
    }
    const std::string fields = request->ShortDebugString();
    asked.push_back(method->name() + (fields.empty() ? "" : " ") + fields);
    if (!answers.empty()) {
      if (!google::protobuf::TextFormat::ParseFromString(answers.front(), response.get())) {
        return {grpc::StatusCode::INTERNAL, "the answer is no " + method->output_type()->name()};
      }
      answers.pop_front();
    }
    const grpc::Slice slice(response->SerializeAsString());
    answer = grpc::ByteBuffer(&slice, 1);
    return grpc::Status::OK;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace keyledger::cli
