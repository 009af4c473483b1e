"""SRTP with the keys in SIP (SDES): real phones encrypted on either side or on both, beside plain ones."""
from lib import checks, rtp
from lib.sipp import Sipp
from lib.voxlane import CORE4, Voxlane
from test_calls import closed_with, establish

G711, HEADERS, TAG = 160, 14 + 20 + 8 + 12, 10
SUITE = "AES_CM_128_HMAC_SHA1_80"


def phones(voxlane, alice_srtp, bob_srtp):
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000", srtp=alice_srtp)
    bob = voxlane.phone(voxlane.lan.add("bob", "12"), "2000", srtp=bob_srtp)
    for phone in (alice, bob):
        phone.wait_registered()
    return alice, bob


def sizes_of_packets(host):
    """Of the next RTP packets that a host receives."""
    sock = rtp.packet_socket(host, "lan", False, 10000, 20000, 0)
    sock.settimeout(5)
    return {len(sock.recv(2048)) for _ in range(20)}


def suites(record):
    return [leg["srtp"] for leg in record["legs"]]


def authenticated(voxlane):
    """All packets did, but for one or two that the phone sends before its keys are in place."""
    checks.between(voxlane.drop_count("auth_failed"), 0, 4, "packets that did not authenticate")


def speak(voxlane, alice, bob, wanted):
    """A call in which both hear each other; `wanted` are the suites of the two legs."""
    establish(alice, bob)
    for phone, suite in zip((alice, bob), wanted):
        size = HEADERS + G711 + (TAG if suite else 0)
        checks.true(size in sizes_of_packets(phone.host), f"no packet of {size} bytes at {phone.name}")
    bob.talk(4)
    call = voxlane.rows("calls")[0]
    checks.equal(suites(call), wanted, "suites in the API")
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 3)
    checks.heard(voxlane.speech("2000"), alice.recording(), "alice", 3)
    checks.equal(suites(voxlane.wait_cdrs(1)[-1]), wanted, "suites in the record")
    authenticated(voxlane)


def test_srtp_on_both_legs(world):
    voxlane = Voxlane(world, bob='srtp = "required";')
    speak(voxlane, *phones(voxlane, "srtp-mand", "srtp-mand"), [SUITE, SUITE])
    voxlane.wait_quiet()
    voxlane.stop()


def test_srtp_to_a_plain_phone(world):
    voxlane = Voxlane(world)
    speak(voxlane, *phones(voxlane, "srtp-mand", ""), [SUITE, None])
    voxlane.wait_quiet()


def test_srtp_from_a_plain_phone(world):
    voxlane = Voxlane(world, bob='srtp = "required";')
    speak(voxlane, *phones(voxlane, "", "srtp-mand"), [None, SUITE])
    voxlane.wait_quiet()


def test_srtp_opportunistic(world):
    """RTP/AVP with keys (RFC 8643) both ways."""
    voxlane = Voxlane(world, media='srtp_clear_signalling = "allow";')
    speak(voxlane, *phones(voxlane, "srtp", "srtp"), [SUITE, SUITE])
    voxlane.wait_quiet()


def test_srtp_hold_and_resume(world):
    """Keys stay while the call is held and resumed, and speech goes on both ways."""
    voxlane = Voxlane(world, bob='srtp = "required";')
    alice, bob = phones(voxlane, "srtp-mand", "srtp-mand")
    establish(alice, bob)
    bob.talk(2)
    alice.command("hold")
    bob.talk(1)
    alice.command("resume")
    bob.talk(4)
    checks.equal(suites(voxlane.rows("calls")[0]), [SUITE, SUITE], "suites")
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    authenticated(voxlane)
    record = voxlane.wait_cdrs(1)[0]
    for leg in record["legs"]:
        checks.between(leg["media"]["packets_out"], 200, 500, f"packets to the {leg['side']}")


def test_srtp_to_sipp(world):
    """A phone with SRTP calls SIPp, which knows none."""
    voxlane = Voxlane(world)
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000", srtp="srtp-mand")
    alice.wait_registered()
    bob = voxlane.lan.add("bob", "12")
    Sipp(bob, "register", CORE4).wait()
    uas = Sipp(bob, "uas", hold_ms=1000)
    alice.dial("2000")
    alice.wait_event("CALL_ESTABLISHED")
    alice.talk(4)
    alice.hang_up()
    uas.wait()
    record = voxlane.wait_cdrs(1)[0]
    checks.equal(suites(record), [SUITE, None], "suites")
    caller, callee = (leg["media"] for leg in record["legs"])
    checks.true(callee["packets_out"] >= 100 and caller["packets_in"] >= 100, f"no media: {record}")
    voxlane.wait_quiet()


def test_srtp_required_refuses_a_plain_phone(world):
    voxlane = Voxlane(world, alice='srtp = "required";')
    alice, _ = phones(voxlane, "", "")
    alice.dial("2000")
    closed_with(alice, 488)
    record = voxlane.wait_cdrs(1)[0]
    checks.equal(record["cause"]["text"], "no_common_media", "cause")
    checks.equal(record["cause"]["sip"], 488, "status")
    voxlane.wait_quiet()
