// Queries: by tag, filtered, closure (breadth first), raycast.
#pragma once

#include "rules/context.hpp"

namespace metta {

// The results of a query, alive until destroyed; nested queries stack on top. Index, don't keep pointers: a later
// query may move the stack.
class QueryResult {
 public:
  QueryResult(World& world, QueryId query, const Context& context);
  ~QueryResult() { world_.query_stack.resize(first_); }
  QueryResult(const QueryResult&) = delete;
  QueryResult& operator=(const QueryResult&) = delete;

  std::size_t size() const { return count_; }
  ObjectIndex operator[](std::size_t i) const { return world_.query_stack[first_ + i]; }
  void shuffle() { world_.random.shuffle(world_.query_stack.data() + first_, count_); }

 private:
  World& world_;
  std::size_t first_;
  std::size_t count_;
};

}  // namespace metta
