// The tests of the server over a real gRPC channel, both ends in this process.
#include <absl/synchronization/mutex.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  // gRPC's locks trip the detector of the distribution's absl, which would abort.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
