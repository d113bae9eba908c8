"""Emoji of people by words."""

from clipedu_lessons.l12_limits.class_design import Role, neutral_roles, share_leaning


def test_roles_have_three_pictures_each_and_leaning_is_counted():
    roles = neutral_roles()
    assert len(roles) > 20 and "firefighter" in roles
    assert not any(role.startswith(("man ", "woman ")) for role in roles)
    share, low, high = share_leaning([Role("a", 0.1), Role("b", -0.1), Role("c", 0.2)])
    assert low < share == 2 / 3 < high
