"""Random cases: valid configs over the whole config language, maps, seeds and action streams.

`generate(seed)` always returns the same case. What the published engine leaves undefined is never generated:

* resource mutations on an entity that may be none, objects removed while areas of effect are being walked;
* two areas that leave an agent in one step with effects that depend on their order (a hash of addresses there);
* recursion without end (uses inside uses, removal handlers that remove their own tag, cyclic fallbacks);
* numbers beyond the range of the integer they are truncated to, NaN, shared limits used beyond 65535;
* windows of even size, an observation radius below the window's together with territory tokens.
"""

from tests.parity.generator.cases import generate

__all__ = ["generate"]
