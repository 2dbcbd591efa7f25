// Large pages for the memory of many worlds: with small ones most of a step's waiting is for the processor to look up
// where a page lies.
#pragma once

#include <cstddef>
#include <set>

namespace metta {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Collects the huge pages that arrays lie on, and asks the kernel to make them so. Advice only: what it cannot or may
// not do (no such pages, another kernel) leaves everything as it was.
class HugePages {
 public:
  void add(const void* first, std::size_t bytes);
  void ask() const;

 private:
  std::set<std::size_t> pages_;
};

}  // namespace metta
