"""Phones over TCP beside phones over UDP, and strangers who hold connections."""
import re

from lib import checks
from lib.sipp import Sipp
from lib.voxlane import CORE4, Voxlane
from test_calls import establish


def two(voxlane, first, second):
    """Alice over the first transport, Bob over the second, registered."""
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000", transport=first)
    bob = voxlane.phone(voxlane.lan.add("bob", "12"), "2000", transport=second)
    for phone in (alice, bob):
        phone.wait_registered()
    return alice, bob


def talk_both_ways(voxlane, alice, bob):
    for caller, callee, number in ((alice, bob, "2000"), (bob, alice, "1000")):
        establish(caller, callee, number)
        callee.talk(4)
        caller.hang_up()
        callee.wait_event("CALL_CLOSED")
        checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 3)
        checks.heard(voxlane.speech("2000"), alice.recording(), "alice", 3)
    voxlane.wait_quiet()


def memory_kb(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def test_transport_tcp_phone_and_udp_phone(world):
    voxlane = Voxlane(world, transport='"udp", "tcp"')
    alice, bob = two(voxlane, "tcp", "udp")
    checks.equal(sorted(row["transport"] for row in voxlane.rows("registrations")), ["tcp", "udp"], "transports")
    talk_both_ways(voxlane, alice, bob)
    voxlane.stop()


def test_transport_sipp_over_one_and_many_connections(world):
    voxlane = Voxlane(world, transport='"udp", "tcp"')
    alice, bob = voxlane.lan.add("alice", "11"), voxlane.lan.add("bob", "12")
    Sipp(bob, "register", CORE4).wait()
    for transport in ("t1", "tn"):
        uas = Sipp(bob, "uas", calls=10)
        Sipp(alice, "uac", CORE4, calls=10, rate=10, transport=transport).wait()
        uas.wait()
    voxlane.wait_quiet()
    voxlane.stop()


def test_transport_held_connections_do_not_disturb(world):
    """Idle, half a message, trickling, garbage, from one address up to its limit: calls go on, memory stays."""
    voxlane = Voxlane(world, transport='"udp", "tcp"')
    alice, bob = two(voxlane, "tcp", "tcp")
    mallory = voxlane.lan.add("mallory", "66")
    before = memory_kb(voxlane.controlplane)
    held = []
    for number in range(300):
        connection = mallory.connect(CORE4, 5060, timeout_s=5)
        held.append(connection)
        try:
            connection.sendall((b"", b"INVITE sip:2000@x SIP/2.0\r\nVia: ", b"\0" * 3000, b"\r\n\r\n")[number % 4])
        except OSError:
            pass
    talk_both_ways(voxlane, alice, bob)
    checks.true(memory_kb(voxlane.controlplane) - before < 8192, "300 connections of a stranger cost more than 8 MB")
    for connection in held:
        connection.close()
    voxlane.stop()
