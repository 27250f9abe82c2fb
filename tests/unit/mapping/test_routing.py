from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.ids import DeskName
from bridge.mapping.attributes import CaseAttributes, configured
from bridge.mapping.expressions import FieldKind, compile_expression
from bridge.mapping.routing import Route, Router
from tests.unit.mapping.cases import case

TRIAGED = "assignment_group != '' and state == 'Open'"


def router(*routes: tuple[str, str] | tuple[str, str, bool], triaged: str = TRIAGED, **extra) -> Router:
    numbered = [Route(number, when, DeskName(desk), *rest) for number, (when, desk, *rest) in enumerate(routes, 1)]
    return Router(numbered, triaged, CaseAttributes(extra))


def desks(routing) -> list[str]:
    return [hit.desk for hit in routing.hits]


def test_a_case_meets_the_routes_whose_conditions_hold():
    routes = router(
        ("category == 'Registration'", "ldso"), ("category == 'Switching'", "css"), ("priority == 'P2'", "rec")
    )
    routing = routes.route(case())
    assert routing.triaged
    assert desks(routing) == ["ldso", "rec"]
    assert (routing.hits[1].rule, routing.hits[1].text, routing.hits[1].automatic) == (3, "priority == 'P2'", False)


def test_nothing_is_routed_before_elexon_has_triaged():
    routes = router(("category == 'Registration'", "ldso"))
    assert not routes.route(case(assignment_group="")).triaged
    assert routes.route(case(state="1", displays={"state": "New"})).hits == ()


def test_triage_that_equality_alone_tells_holds_too():
    routes = router(("true", "ldso"), ("category == 'Registration'", "dcc"), triaged="state == 'Open'")
    assert desks(routes.route(case())) == ["ldso", "dcc"]
    assert not routes.route(case(state="1", displays={"state": "New"})).triaged
    routes = router(("category == 'Registration'", "dcc"), triaged="state == 'Open'")
    assert not routes.route(case(state="1", displays={"state": "New"})).triaged


def test_triage_may_look_at_text():
    routes = router(("true", "ldso"), triaged="description =~~ 'triaged by'")
    assert not routes.route(case()).triaged
    assert desks(routes.route(case(description="triaged by Ann"))) == ["ldso"]


def test_a_desk_is_named_once_and_the_automatic_route_wins():
    routes = router(("priority == 'P2'", "ldso"), ("category == 'Registration'", "ldso", True))
    (hit,) = routes.route(case()).hits
    assert (hit.automatic, hit.rule) == (True, 2)


def test_patterns_are_asked_about_every_new_text():
    routes = router(("category == 'Registration' and short_description =~ '(?i)reject'", "ldso"))
    assert desks(routes.route(case(short_description="Was rejected"))) == []
    routes = router(("category == 'Registration' and short_description =~~ '(?i)reject'", "ldso"))
    assert desks(routes.route(case(short_description="Was REJECTED"))) == ["ldso"]
    assert desks(routes.route(case(short_description="Was accepted"))) == []
    assert desks(routes.route(case(short_description="x" * 5000 + " rejected"))) == ["ldso"]
    assert desks(routes.route(case(short_description="x" * 5000))) == []


def test_configured_attributes_are_read_from_their_columns():
    routes = router(
        ("mpans > 100", "ldso"),
        ("role == 'Supplier' and wrong", "css"),
        mpans=configured("u_mpans", FieldKind.NUMBER),
        role=configured("account.u_role", FieldKind.TEXT),
        wrong=configured("u_wrong", FieldKind.BOOLEAN),
    )
    assert desks(routes.route(case(u_mpans="100"))) == []
    assert desks(routes.route(case(u_mpans="1,001"))) == ["ldso"]
    assert desks(routes.route(case(u_mpans="many"))) == []
    shown = {"account.u_role": "Supplier"}
    assert desks(routes.route(case(displays=shown, u_wrong="true", **{"account.u_role": "s"}))) == ["css"]
    assert desks(routes.route(case(displays=shown, u_wrong="false", **{"account.u_role": "s"}))) == []


def test_what_is_remembered_is_bounded_and_changes_no_answer():
    routes = Router([Route(1, "category == 'c7'", DeskName("ldso"))], "state == 'Open'", remember=10)
    for _ in range(2):
        for number in range(100):
            found = desks(routes.route(case(category="c", displays={"category": f"c{number}"})))
            assert found == (["ldso"] if number == 7 else [])
    assert len(routes._shortlists._answers) <= 10


CONDITIONS = [
    "category == 'Registration' and raised_by == 'Robin Supplier'",
    "priority in ['P1', 'P2'] and not major_incident",
    "short_description =~~ 'x' and category == 'Registration'",
    "category == 'DIP' or priority == 'P1'",
    "major_incident",
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Registration", "DIP"]),
            st.sampled_from("1234"),
            st.sampled_from(["x", "y"]),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_the_routes_answer_as_each_condition_alone_would(cases):
    routes = router(*((condition, f"desk{number}") for number, condition in enumerate(CONDITIONS)))
    compiled = [compile_expression(condition, routes.attributes.kinds) for condition in CONDITIONS]
    for category, priority, text, major in cases:
        subject = case(
            category="c",
            priority=priority,
            short_description=text,
            major_case_state="accepted" if major else "",
            displays={"category": category},
        )
        values = routes.attributes.values(subject)
        expected = [f"desk{number}" for number, one in enumerate(compiled) if one.holds(values)]
        assert desks(routes.route(subject)) == expected
