#include "world/token_cache.hpp"

namespace metta {

void TokenCache::begin(std::size_t num_configs, std::size_t num_cells) {
  objects.clear();
  cells.assign(num_cells, static_cast<std::uint16_t>(kNothing));
  shared.assign(num_configs, kLookCloser);
  pieces.assign(kFirstHeader, TokenPiece{});
  pieces[kLookCloser].set_last_byte(kStale);
}

}  // namespace metta
