"""Calls as people make them: two phones, an echo, and everything that does not work out."""
from lib import checks
from lib.voxlane import Voxlane
from lib.world import wait_for


def establish(alice, bob, number="2000"):
    alice.dial(number)
    bob.wait_event("CALL_INCOMING")
    bob.answer()
    alice.wait_event("CALL_ESTABLISHED")
    bob.wait_event("CALL_ESTABLISHED")


def test_call_speech_both_ways_either_side_hangs_up(world):
    voxlane = Voxlane(world)
    alice, bob = voxlane.two_phones()
    for round_number, (first, second, side) in enumerate(((alice, bob, "caller"), (bob, alice, "callee")), 1):
        establish(alice, bob)
        bob.talk(5)
        checks.equal(voxlane.stats()["active_calls"], 1, "active_calls")
        first.hang_up()
        second.wait_event("CALL_CLOSED")
        record = voxlane.wait_cdrs(round_number)[-1]
        checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 4)
        checks.heard(voxlane.speech("2000"), alice.recording(), "alice", 4)
        checks.equal(record["caller"].split("@")[0], "1000", "caller")
        checks.equal(record["callee"].split("@")[0], "2000", "callee")
        checks.equal(record["disposition"], "ANSWERED", "disposition")
        checks.equal(record["hangup_side"], side, "hangup_side")
        checks.between(record["duration"], 5, 8, "duration")
        for leg in record["legs"]:
            checks.between(leg["media"]["packets_in"], 200, 400, f"packets_in of the {leg['side']}")
            checks.equal(leg["media"]["lost"], 0, f"lost of the {leg['side']}")
    voxlane.wait_quiet()
    voxlane.stop()


def test_call_echo(world):
    voxlane = Voxlane(world)
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000")
    alice.wait_registered()
    alice.dial("7777")
    alice.wait_event("CALL_ESTABLISHED")
    alice.talk(5)
    alice.hang_up()
    checks.equal(voxlane.wait_cdrs(1)[0]["disposition"], "ANSWERED", "disposition")
    checks.heard(voxlane.speech("1000"), alice.recording(), "alice, herself", 4)
    voxlane.wait_quiet()


def test_call_ipv6(world):
    voxlane = Voxlane(world, listen="::")
    alice, bob = voxlane.two_phones(ipv6=True)
    establish(alice, bob)
    bob.talk(5)
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 4)
    checks.heard(voxlane.speech("2000"), alice.recording(), "alice", 4)


def test_call_rtcp_mux(world):
    voxlane = Voxlane(world)
    alice, bob = voxlane.two_phones(rtcp_mux=True)
    establish(alice, bob)
    bob.talk(8)
    judged = {}

    def is_judged():
        judged.update(voxlane.stream_of("10.77.0.11"))
        return judged["quality"]["reported"] and judged["quality"]["round_trip_ms"]

    wait_for("RTCP of the phone about what it is sent, and a round trip", is_judged, 20)
    checks.true(judged["counters"]["rtcp_in"] > 0 and judged["counters"]["rtcp_out"] > 0, f"no RTCP: {judged['counters']}")
    checks.between(judged["quality"]["mos"], 4.0, 4.5, "MOS of a call on one machine")
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 6)
    media = voxlane.wait_cdrs(1)[0]["legs"][0]["media"]
    checks.between(media["mos"], 4.0, 4.5, "MOS in the record")
    checks.true(media["reported"] and media["round_trip_ms"] is not None, f"no reports in the record: {media}")


def closed_with(phone, code):
    reason = phone.wait_event("CALL_CLOSED").get("param", "")
    checks.true(str(code) in reason, f"the call ended with {reason!r}, not {code}")


def test_call_refused(world):
    """Unknown number, nobody registered, busy, no answer, cancelled while ringing, wrong password."""
    voxlane = Voxlane(world, ring_timeout=3)
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000")
    alice.wait_registered()
    alice.dial("9999")
    closed_with(alice, 404)
    alice.dial("2000")
    closed_with(alice, 480)
    bob = voxlane.phone(voxlane.lan.add("bob", "12"), "2000")
    bob.wait_registered()
    alice.dial("2000")
    bob.wait_event("CALL_INCOMING")
    bob.hang_up()
    closed_with(alice, 486)
    alice.dial("2000")
    bob.wait_event("CALL_INCOMING")
    closed_with(alice, 480)
    bob.wait_event("CALL_CLOSED")
    alice.dial("2000")
    bob.wait_event("CALL_INCOMING")
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    wrong = voxlane.phone(voxlane.lan.add("mallory", "13"), "1000", password="guess")
    wrong.wait_registration("401 Unauthorized")
    records = voxlane.wait_cdrs(5)
    checks.equal([r["disposition"] for r in records], ["REJECTED", "NO_ANSWER", "BUSY", "NO_ANSWER", "CANCELLED"], "dispositions")
    voxlane.wait_quiet()
