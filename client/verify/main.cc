// Entry point of `keyledger-verify`.
#include <iostream>

#include <unistd.h>

#include <google/protobuf/stubs/logging.h>

#include "client/verify/app.h"

int main(int argc, char** argv) {
  // What protobuf logs of messages that cannot be read, the report says better.
  google::protobuf::SetLogHandler(nullptr);
  std::ios::sync_with_stdio(false);
  return keyledger::verify::Run(std::vector<std::string>(argv + 1, argv + argc),
                                {std::cout, std::cerr, isatty(STDERR_FILENO) != 0});
}
