#include "batch/huge_pages.hpp"

#include <cstdint>

#include <sys/mman.h>

namespace metta {

namespace {

constexpr int kCollapse = 25;  // MADV_COLLAPSE, since Linux 6.1; not in every libc's headers

}  // namespace

void HugePages::add(const void* first, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(first);
  for (std::size_t page = address / kHugePage; page * kHugePage < address + bytes; ++page) pages_.insert(page);
}

void HugePages::ask() const {
#if defined(__linux__)
  for (const std::size_t page : pages_) {
    // Untouched memory needs only the first, memory in use the second.
    void* start = reinterpret_cast<void*>(page * kHugePage);
    if (::madvise(start, kHugePage, MADV_HUGEPAGE) == 0) ::madvise(start, kHugePage, kCollapse);
  }
#endif
}

}  // namespace metta
