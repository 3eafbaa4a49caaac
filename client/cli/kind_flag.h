// KindFlag: the option --kind, which narrows a list down to some values of an enum.
#pragma once

#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "client/cli/command.h"

namespace keyledger::cli {

struct KindFlag {
  std::vector<std::string> names;

  // Takes the values of `type`, or only those of the names, which EnumNames gives; others are refused with those that
  // there are. The KindFlag must outlive the verb.
  void AddTo(CLI::App* verb, const google::protobuf::EnumDescriptor& type, std::vector<std::string> allowed = {});

  template <typename Request>
  void Fill(Request& request) const {
    using Kind = std::decay_t<decltype(request.kinds(0))>;
    for (const int number : Numbers(*google::protobuf::GetEnumDescriptor<Kind>())) {
      request.add_kinds(static_cast<Kind>(number));
    }
  }

 private:
  std::vector<int> Numbers(const google::protobuf::EnumDescriptor& type) const;
};

}  // namespace keyledger::cli
