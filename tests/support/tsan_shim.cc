// Tells the thread sanitizer about the locks and queues inside gRPC. Linked into every program of a KL_SANITIZE=thread
// build, and into no other.
//
// The distribution's absl and gRPC are not instrumented, and they lock with absl::Mutex, which is atomics and futexes:
// the sanitizer sees no order between what one thread does before handing work to gRPC and what another does after
// receiving it, and reports every such pair as a race. The executable's own definitions of the functions below come
// first in the dynamic linker's search, so that libgrpc calls them too; each calls the real one and marks a release
// before or an acquire after it, all on one address. One address orders more than there is: a race whose two sides are
// always separated by a gRPC operation goes unseen. The core (domain, store, shard) is therefore tested without gRPC.
#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>

#include <absl/synchronization/mutex.h>
#include <grpc/grpc.h>

extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

namespace {

char edge;

void Acquire() { __tsan_acquire(&edge); }
void Release() { __tsan_release(&edge); }

// The definition that this one hides.
template <typename Function>
Function* Hidden(const char* symbol) {
  void* found = dlsym(RTLD_NEXT, symbol);
  if (found == nullptr) {
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace

// Member functions are called as free ones with the object first, which is what they are to the Itanium ABI.
namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const real = Hidden<void(Mutex*)>("_ZN4absl7debian35Mutex4LockEv");
  real(this);
  Acquire();
}

void Mutex::Unlock() {
  static auto* const real = Hidden<void(Mutex*)>("_ZN4absl7debian35Mutex6UnlockEv");
  Release();
  real(this);
}

bool Mutex::TryLock() {
  static auto* const real = Hidden<bool(Mutex*)>("_ZN4absl7debian35Mutex7TryLockEv");
  const bool locked = real(this);
  if (locked) {
    Acquire();
  }
  return locked;
}

void Mutex::ReaderLock() {
  static auto* const real = Hidden<void(Mutex*)>("_ZN4absl7debian35Mutex10ReaderLockEv");
  real(this);
  Acquire();
}

void Mutex::ReaderUnlock() {
  static auto* const real = Hidden<void(Mutex*)>("_ZN4absl7debian35Mutex12ReaderUnlockEv");
  Release();
  real(this);
}

void CondVar::Wait(Mutex* mutex) {
  static auto* const real = Hidden<void(CondVar*, Mutex*)>("_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  Release();
  real(this, mutex);
  Acquire();
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const real =
      Hidden<bool(CondVar*, Mutex*, Time)>("_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  Release();
  const bool expired = real(this, mutex, deadline);
  Acquire();
  return expired;
}

ABSL_NAMESPACE_END
}  // namespace absl

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag, void* reserved) {
  static auto* const real =
      Hidden<grpc_call_error(grpc_call*, const grpc_op*, size_t, void*, void*)>("grpc_call_start_batch");
  Release();
  return real(call, ops, count, tag, reserved);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline, void* reserved) {
  static auto* const real =
      Hidden<grpc_event(grpc_completion_queue*, gpr_timespec, void*)>("grpc_completion_queue_next");
  Release();
  const grpc_event event = real(queue, deadline, reserved);
  Acquire();
  return event;
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag, gpr_timespec deadline, void* reserved) {
  static auto* const real =
      Hidden<grpc_event(grpc_completion_queue*, void*, gpr_timespec, void*)>("grpc_completion_queue_pluck");
  Release();
  const grpc_event event = real(queue, tag, deadline, reserved);
  Acquire();
  return event;
}

void grpc_call_unref(grpc_call* call) {
  static auto* const real = Hidden<void(grpc_call*)>("grpc_call_unref");
  Release();
  real(call);
}

}  // extern "C"
