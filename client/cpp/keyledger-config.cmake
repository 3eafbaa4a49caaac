# find_package(keyledger): the target keyledger::client, the C++ client library of the ledger.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(OpenSSL)
find_dependency(Protobuf)
find_dependency(absl CONFIG)
find_dependency(gRPC CONFIG)
find_dependency(fmt CONFIG)
include(${CMAKE_CURRENT_LIST_DIR}/keyledger-targets.cmake)
