"""Queries: tags, filtered, closures, rays, materialized; limits and random order, which draws random numbers."""

from mettagrid.config.filter import (
    GameValueFilter,
    HandlerTarget,
    MaxDistanceFilter,
    SharedTagPrefixFilter,
    TagPrefixFilter,
    VibeFilter,
    actorHas,
    hasTag,
    isA,
    isNot,
    maxDistance,
    targetHas,
)
from mettagrid.config.game_value import InventoryValue, QueryCountValue, QueryInventoryValue, SumGameValue
from mettagrid.config.handler_config import AllOf, Handler
from mettagrid.config.mettagrid_config import AgentConfig, InventoryConfig
from mettagrid.config.mutation import (
    AddTagMutation,
    EntityTarget,
    PushObjectMutation,
    QueryInventoryMutation,
    RecomputeMaterializedQueryMutation,
    RelocateMutation,
    RemoveTagMutation,
    updateActor,
    updateTarget,
)
from mettagrid.config.query import ClosureQuery, MaterializedQuery, Query
from mettagrid.config.raycast_query import RaycastQuery
from mettagrid.config.vibes import VIBES

from tests.parity.case import Case
from tests.parity.zoo.base import case, config, const, gauge, log, machine, observing, ring, world
from tests.parity.zoo.handlers import moving


def marking(query: object, amount: int = 1) -> QueryInventoryMutation:
    """Give ore to every result, so that which objects and in what order a query finds shows."""
    return QueryInventoryMutation(query=query, deltas={"ore": amount})


FIELD = ["......", ".ab.a.", "@.b..@", ".a..b.", "......"]
LEGEND = {"a": "apple", "b": "berry"}


def field_objects() -> dict[str, object]:
    return {
        "apple": machine("apple", tags=["fruit"], inventory={"initial": {"gold": 2}}),
        "berry": machine("berry", tags=["fruit"], inventory={"initial": {"gold": 1}}, vibe=1),
    }


def ticking(*mutations: object, **fields: object) -> AgentConfig:
    return AgentConfig(on_tick=Handler(mutations=list(mutations)), **fields)


@world
def tag_queries() -> Case:
    """Objects of a tag in the order of the index, with filters, as a string and as a query."""
    agent = ticking(
        marking(Query(source="fruit")),
        marking(Query(source="fruit", filters=[targetHas({"gold": 2}), maxDistance(3)])),
        marking(Query(source="type:agent", filters=[isNot(maxDistance(0))])),
    )
    return case(config(2, agent=agent, objects=field_objects()), FIELD, LEGEND, env_steps=30)


@world
def limited() -> Case:
    """max_items: constants, zero, negative for unlimited, and values read from the acting agent."""
    agent = ticking(
        marking(Query(source="fruit", max_items=2)),
        marking(Query(source="fruit", max_items=0)),
        marking(Query(source="fruit", max_items=-1, filters=[targetHas({"ore": 9})])),
        marking(Query(source="fruit", max_items=InventoryValue(item="heart"))),
        marking(Query(source="fruit", max_items=SumGameValue(values=[const(1.5), const(0.4)]))),
        inventory=InventoryConfig(initial={"heart": 3}),
    )
    return case(config(2, agent=agent, objects=field_objects()), FIELD, LEGEND, env_steps=20)


@world
def random_order() -> Case:
    """Random order shuffles on each evaluation, also when nothing is cut; that moves agent orders of later steps."""
    agent = ticking(
        marking(Query(source="fruit", order_by="random", max_items=1)),
        marking(Query(source="fruit", order_by="random", max_items=0)),
        marking(Query(source=Query(source="fruit", order_by="random", max_items=4), order_by="random", max_items=2)),
    )
    return case(config(4, agent=agent, objects=field_objects()), ["@@....", *FIELD], LEGEND, env_steps=40, seed=9)


@world
def random_in_filters() -> Case:
    """Random queries in filters draw only when the filter is reached."""
    near = MaxDistanceFilter(query=Query(source="fruit", order_by="random", max_items=2), radius=2)
    tick = AllOf(
        handlers=[
            Handler(filters=[actorHas({"heart": 1}), near], mutations=[log("lucky")]),
            Handler(filters=[near, actorHas({"heart": 1})], mutations=[log("unlucky")]),
        ]
    )
    agents = [AgentConfig(on_tick=tick, inventory={"initial": {"heart": i % 2}}) for i in range(3)]
    cfg = config(3, agents=agents, objects=field_objects())
    return case(cfg, ["@.....", *FIELD], LEGEND, env_steps=40, seed=2)


@world
def random_in_observations() -> Case:
    """Random queries in observed values and rewards draw at construction and every step."""
    count = QueryInventoryValue(query=Query(source="fruit", order_by="random", max_items=2), item="gold")
    agent = AgentConfig(rewards={"luck": {"reward": count, "per_tick": True}})
    obs = observing(obs={"luck": count})
    return case(
        config(3, agent=agent, objects=field_objects(), obs=obs), ["@.....", *FIELD], LEGEND, env_steps=30, seed=11
    )


@world
def filtered() -> Case:
    """A query over a query: the inner limits apply first."""
    inner = Query(source="fruit", filters=[targetHas({"gold": 1})], max_items=4)
    vibed = VibeFilter(target=HandlerTarget.TARGET, vibe=VIBES[1].name)
    agent = ticking(
        marking(Query(source=inner, filters=[vibed])),
        marking(Query(source=Query(source=inner, filters=[vibed]), max_items=1)),
        marking(Query(source=inner)),
    )
    return case(config(2, agent=agent, objects=field_objects()), FIELD, LEGEND, env_steps=20)


@world
def closure() -> Case:
    """Breadth first over edges of limited length; result filters, limits, random order; roots are included."""
    net = ClosureQuery(source="hub", candidates=Query(source="node"), edge_filters=[maxDistance(2)])
    cut = ClosureQuery(
        source=Query(source="hub"),
        candidates="node",
        edge_filters=[maxDistance(3)],
        filters=[targetHas({"gold": 1})],
        max_items=3,
    )
    drawn = ClosureQuery(
        source="hub",
        candidates="node",
        edge_filters=[maxDistance(2)],
        order_by="random",
        max_items=InventoryValue(item="heart"),
    )
    nested = ClosureQuery(
        source="hub",
        candidates="node",
        edge_filters=[MaxDistanceFilter(query=Query(source="node", filters=[maxDistance(2)]), radius=1)],
    )
    whole = ClosureQuery(source="hub", candidates="node")
    actor = ClosureQuery(source="hub", candidates="node", edge_filters=[SharedTagPrefixFilter(tag_prefix="team")])
    agent = ticking(
        *[marking(query) for query in (net, cut, drawn, nested, whole, actor)],
        tags=["team:a"],
        inventory={"initial": {"heart": 2}},
    )
    objects = {
        "hub": machine("hub", tags=["hub", "team:a"]),
        "node": machine("node", tags=["node"], inventory={"initial": {"gold": 1}}),
        "mate": machine("mate", tags=["node", "team:a"]),
    }
    rows = ["h.n.n.m.", "........", ".n..@..n", "........", "n.m..@.h"]
    return case(config(2, agent=agent, objects=objects), rows, {"h": "hub", "n": "node", "m": "mate"}, env_steps=30)


@world
def raycast() -> Case:
    """Rays from sources: range, directions (none given means all), blockers included or not, several sources."""
    blocker = [
        isA("wall"),
        targetHas({"heart": 1}),
        VibeFilter(target=HandlerTarget.TARGET, vibe=VIBES[2].name),
        TagPrefixFilter(target=HandlerTarget.TARGET, tag_prefix="ha"),
    ]
    source = Query(source="eye")
    agent = ticking(
        marking(RaycastQuery(source=source)),
        marking(RaycastQuery(source="eye", max_range=5, blocker=blocker)),
        marking(RaycastQuery(source=source, max_range=5, blocker=blocker, include_blocker=False), 10),
        marking(RaycastQuery(source=source, max_range=InventoryValue(item="gold"), directions=["east", "south"]), 100),
        marking(RaycastQuery(source=source, max_range=4, directions=[], max_items=2), 1000),
        marking(
            RaycastQuery(source="type:agent", max_range=3, order_by="random", max_items=InventoryValue(item="gold"))
        ),
        marking(RaycastQuery(source=source, max_range=0), 7),
    )
    objects = {
        "eye": machine("eye", tags=["eye"], inventory={"initial": {"gold": 3}}),
        "fruit": machine("fruit"),
        "hard": machine("hard", tags=["hard"]),
        "warm": machine("warm", inventory={"initial": {"heart": 1}}),
        "calm": machine("calm", vibe=2),
    }
    rows = ["..f.f...", ".#......", ".e.f.hf.", "...@....", ".f.f.e.c", "....@...", ".w...f.."]
    legend = {"f": "fruit", "e": "eye", "h": "hard", "w": "warm", "c": "calm"}
    return case(config(2, agent=agent, objects=objects), rows, legend, env_steps=30)


@world
def materialized() -> Case:
    """Results become tags at construction, stripping static ones; recomputed on request; own limits are not read."""
    rich = MaterializedQuery(
        tag="rich",
        query=Query(source="fruit", filters=[targetHas({"gold": 2})]),
        source="unread",
        filters=[targetHas({"gold": 9})],
        max_items=1,
        order_by="random",
    )
    twice = MaterializedQuery(tag="fruit:all", query=Query(source="fruit", max_items=1))
    again = MaterializedQuery(tag="fruit:all", query=Query(source="rich"))
    stolen = MaterializedQuery(
        tag="stolen", query=ClosureQuery(source="rich", candidates="fruit", edge_filters=[maxDistance(2)])
    )
    objects = {
        "apple": machine("apple", tags=["fruit"], inventory={"initial": {"gold": 2}}),
        "berry": machine(
            "berry", tags=["fruit", "stolen"], inventory={"initial": {"gold": 1}}, mutations=[updateTarget({"gold": 1})]
        ),
        "clock": machine("clock", mutations=[RecomputeMaterializedQueryMutation(tag_prefix="ric")]),
        "every": machine("every", mutations=[RecomputeMaterializedQueryMutation(tag_prefix="")]),
    }
    agent = ticking(marking(rich), marking(Query(source="fruit:all", max_items=1)))
    cfg = config(2, agent=agent, objects=objects, materialize_queries=[rich, twice, again, stolen])
    return case(cfg, ring(objects)[0] + [["wall", "berry", "apple", "wall"]], env_steps=100)


@world
def recomputed_with_handlers() -> Case:
    """Objects that lose a materialized tag run on_tag_remove in the old order, nested recomputes included."""
    near = MaterializedQuery(tag="near", query=Query(source="ball", filters=[maxDistance(2)]))
    pair = MaterializedQuery(tag="pair", query=Query(source="near", order_by="random", max_items=2))
    lost = Handler(
        mutations=[updateTarget({"gold": 1}), log("lost"), RecomputeMaterializedQueryMutation(tag_prefix="pair")]
    )
    objects = {
        "ball": machine(
            "ball", tags=["ball"], on_tag_remove={"near": lost, "pair": Handler(mutations=[log("unpaired")])}
        )
    }
    agent = ticking(RecomputeMaterializedQueryMutation(tag_prefix="near"))
    cfg = config(2, agent=agent, objects=objects, materialize_queries=[near, pair])
    return case(cfg, ["b....b", ".@..b.", "b...@.", "..b..b"], {"b": "ball"}, env_steps=50)


@world
def index_order() -> Case:
    """Removing and adding a tag moves an object to the end of its list; pushes and moves do not."""
    actions = moving(Handler(name="push", filters=[isA("ball")], mutations=[PushObjectMutation(), RelocateMutation()]))
    touch = Handler(
        mutations=[
            RemoveTagMutation(tag="ball", target=EntityTarget.ACTOR),
            AddTagMutation(tag="ball", target=EntityTarget.ACTOR),
        ]
    )
    objects = {"ball": machine("ball", tags=["ball"])}
    agents = [
        AgentConfig(
            on_tick=Handler(
                filters=[hasTag("ball")], mutations=[marking(Query(source="ball", max_items=2)), *touch.mutations]
            ),
            tags=["ball"],
        )
        for _ in range(3)
    ]
    return case(
        config(3, agents=agents, actions=actions, objects=objects),
        ["b..@..", ".@.b..", "..b.@."],
        {"b": "ball"},
        env_steps=60,
    )


@world
def counted() -> Case:
    """Counts and sums over queries as values."""
    objects = {
        **field_objects(),
        "count": gauge("count", QueryCountValue(query=Query(source="fruit", filters=[targetHas({"gold": 2})]))),
        "sum": gauge("sum", QueryInventoryValue(query=Query(source="fruit"), item="gold")),
        "rays": gauge("rays", QueryCountValue(query=RaycastQuery(source="type:agent", max_range=4))),
        "net": gauge(
            "net",
            QueryCountValue(query=ClosureQuery(source="type:agent", candidates="fruit", edge_filters=[maxDistance(2)])),
        ),
        "gate": machine(
            "gate",
            GameValueFilter(
                target=HandlerTarget.ACTOR,
                value=QueryCountValue(query=Query(source="type:agent", filters=[maxDistance(1)])),
                min=2,
            ),
            mutations=[updateActor({"gold": 1})],
        ),
    }
    return case(config(2, objects=objects), ring(objects)[0], env_steps=100)
