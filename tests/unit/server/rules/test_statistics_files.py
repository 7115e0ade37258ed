"""The files for statistics sites are XML, whatever people call themselves."""

import xml.etree.ElementTree as Tree

from server.rules import statistics_xml as xml


def test_names_survive_whatever_is_in_them() -> None:
    for name in ("plain", "<b>&amp;</b>", "Zoë 漢字 🙂", 'a "quoted" one'):
        one = xml.User(7, name, 10.5, 1.25, 0.5, "c" * 32, None)
        assert Tree.fromstring(xml.user(one, 1000.0)).findtext("name") == name
    assert Tree.fromstring(xml.user(one._replace(name="bell\x07 and \x00"), 1.0)).findtext("name") == "bell and "


def test_a_user_has_the_elements_of_boinc_in_their_order() -> None:
    one = xml.User(7, "x", 10.5, 1.25, 0.5, "c" * 32, 3)
    found = [(part.tag, part.text) for part in Tree.fromstring(xml.user(one, 1000.0))]
    assert found == [
        ("id", "7"), ("name", "x"), ("create_time", "10"), ("total_credit", "1.250000"), ("expavg_credit", "0.500000"),
        ("expavg_time", "1000.000000"), ("cpid", "c" * 32), ("teamid", "3"),
    ]  # fmt: skip


def test_a_host_tells_its_system_and_version_apart() -> None:
    one = xml.Host(1, 2, 3.0, 4.0, "x86", "Linux 6.1 amd64", "0.1.0", 5.0, 6.0, 8, 7e9, 2**33, "d" * 32)
    found = Tree.fromstring(xml.host(one, 9.0))
    assert (found.findtext("os_name"), found.findtext("os_version")) == ("Linux", "6.1 amd64")
    assert (found.findtext("ncpus"), found.findtext("p_fpops")) == ("8", "7000000000.000000")
