// A program with one planted fault, which the sanitizer it is built with must report: proof that the sanitizer builds
// see anything at all.
#include <cstdio>
#include <memory>
#include <thread>

namespace {

#if defined(KL_CANARY_RACE)
// Two threads write a plain variable.
int Fault() {
  int shared = 0;
  std::thread other([&shared] { shared = 1; });
  shared = 2;
  other.join();
  return shared;
}
#else
// A byte is read after it was freed.
int Fault() {
  auto owner = std::make_unique<volatile char[]>(16);
  volatile char* const dangling = owner.get();
  owner.reset();
  return dangling[3];
}
#endif

}  // namespace

int main() {
  std::printf("%d\n", Fault());
  return 0;
}
