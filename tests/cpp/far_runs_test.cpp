#include "check.hpp"
#include "observe/encoder.hpp"
#include "walkers.hpp"

namespace metta::tests {

// Runs that a cell's two bytes do not reach show the same as near ones. A map that has so many would be a huge one.
void test_far_runs() {
  constexpr std::uint32_t kTokens = 200;
  std::mt19937 random(1);
  const std::shared_ptr<const Game> game = walkers(11, kTokens);
  const Map map = room(random);
  World near;
  World far;
  Rows near_rows(kTokens);
  Rows far_rows(kTokens);
  construct_world(near, game, map, 0);
  construct_world(far, game, map, 0);
  far.tokens.pieces.resize(70'000);
  attach_buffers(near, near_rows.buffers());
  attach_buffers(far, far_rows.buffers());
  std::mt19937 near_random(2);
  std::mt19937 far_random(2);
  for (int env_step = 0; env_step < 50; ++env_step) {
    move_everybody(near, near_random);
    move_everybody(far, far_random);
    // Something new to show, of an object whose tokens others share as well.
    const auto changed = static_cast<ObjectIndex>(kFirstObject + random() % (near.objects.size() - kFirstObject));
    for (World* world : {&near, &far}) world->set_vibe(changed, static_cast<VibeId>(env_step % 3));
    encode_observations(*game, near);
    encode_observations(*game, far);
    CHECK(near_rows.observations == far_rows.observations, "env step " + std::to_string(env_step));
  }
  CHECK(TokenCache::near(near.tokens.objects[near.agents[0].object]) != TokenCache::kLookCloser);
  CHECK(TokenCache::near(far.tokens.objects[far.agents[0].object]) == TokenCache::kLookCloser);
}

}  // namespace metta::tests
