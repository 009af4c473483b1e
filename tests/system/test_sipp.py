"""Signalling toward SIPp: who gets in, what strangers see, refusals, races of ringing, IPv6, a killed control plane."""
import re
import signal
import socket

from lib import checks
from lib.sipp import Sipp
from lib.voxlane import CORE4, CORE6, Voxlane


def start_without_media(world, **options):
    """The control plane alone: it registers phones, it has no media."""
    voxlane = Voxlane(world, start=False, **options)
    voxlane.start_controlplane(alone=True)
    return voxlane


def contacts(voxlane):
    return sorted(row["contact"] for row in voxlane.rows("registrations"))


def without_chance(message, user):
    """A message without what differs from one request to the next."""
    for pattern in (r"branch=[^;\s]+", r";tag=\S+", r"Call-ID: \S+", r'nonce="[0-9a-f]+"', rf"\b{user}\b"):
        message = re.sub(pattern, "~", message)
    return message


def test_register_and_unregister(world):
    voxlane = start_without_media(world, listen="::")
    phone = voxlane.lan.add("phone", "21")
    Sipp(phone, "register", CORE4).wait()
    Sipp(phone, "register", CORE4, user="1000", port=5070).wait()
    Sipp(phone, "register", CORE6, port=5080).wait()
    checks.equal(contacts(voxlane), ["sip:1000@10.77.0.21:5070", "sip:2000@10.77.0.21:5060", "sip:2000@[fd77::21]:5080"],
                 "contacts")
    Sipp(phone, "register", CORE4, expires_s=0).wait()
    checks.equal(contacts(voxlane), ["sip:1000@10.77.0.21:5070", "sip:2000@[fd77::21]:5080"], "contacts")


def test_strangers_learn_nothing(world):
    voxlane = start_without_media(world)
    phone = voxlane.lan.add("phone", "21")
    for scenario in ("register_refused", "uac_stranger"):
        seen = []
        for user, password in (("1000", "wrong"), ("4711", "wrong")):
            sipp = Sipp(phone, scenario, CORE4, user=user, password=password).wait()
            seen.append([without_chance(message, user) for message in sipp.received()])
        checks.equal(len(seen[0]), 2, f"number of answers to {scenario}")
        checks.equal(seen[1], seen[0], f"what an unknown extension gets in {scenario}, beside a wrong password")
    checks.equal(contacts(voxlane), [], "contacts")


def test_guessing_is_banned(world):
    voxlane = start_without_media(world, config="auth: { ban_failures = 5; };")
    guesser, phone = voxlane.lan.add("guesser", "66"), voxlane.lan.add("phone", "21")
    Sipp(guesser, "register_refused", CORE4, calls=5, password="guess").wait()
    sock = guesser.udp(guesser.address4, 5099)
    sock.settimeout(1)
    sock.sendto((f"OPTIONS sip:{CORE4} SIP/2.0\r\nVia: SIP/2.0/UDP {guesser.address4}:5099;branch=z9hG4bKa\r\n"
                 f"From: <sip:a@{CORE4}>;tag=1\r\nTo: <sip:{CORE4}>\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
                 "Content-Length: 0\r\n\r\n").encode(), (CORE4, 5060))
    try:
        checks.true(False, f"a banned address was answered: {sock.recv(2000)}")
    except socket.timeout:
        pass
    checks.equal(contacts(voxlane), [], "contacts")
    Sipp(phone, "register", CORE4).wait()
    checks.equal(contacts(voxlane), ["sip:2000@10.77.0.21:5060"], "contacts")


def test_registrations_survive_a_killed_control_plane(world):
    voxlane = start_without_media(world)
    phone = voxlane.lan.add("phone", "21")
    Sipp(phone, "register", CORE4).wait()
    Sipp(phone, "register", CORE4, user="1000", port=5070).wait()
    before = contacts(voxlane)
    voxlane.controlplane.stop(signal.SIGKILL)
    voxlane.start_controlplane(alone=True)
    checks.equal(contacts(voxlane), before, "contacts after the restart")
    Sipp(phone, "register", CORE4, expires_s=0).wait()
    checks.equal(contacts(voxlane), ["sip:1000@10.77.0.21:5070"], "contacts")


def test_call_refused_by_sipp(world):
    """Busy, no answer, given up while it rings: each side sees what the RFC says."""
    voxlane = Voxlane(world, ring_timeout=3)
    caller, callee = voxlane.lan.add("caller", "21"), voxlane.lan.add("callee", "22")
    Sipp(caller, "uac_refused", CORE4, status=404, called="9999").wait()
    Sipp(caller, "uac_refused", CORE4, status=480).wait()
    Sipp(callee, "register", CORE4).wait()
    for uas, uac, options in (("uas_busy", "uac_refused", {"status": 486}), ("uas_no_answer", "uac_refused", {"status": 480}),
                              ("uas_no_answer", "uac_cancel", {})):
        sipps = Sipp(callee, uas), Sipp(caller, uac, CORE4, **options)
        for sipp in sipps:
            sipp.wait(15)
            checks.equal(sipp.value("Retransmissions(C)"), 0, f"retransmissions of {sipp.name}")
    voxlane.wait_quiet()


def test_call_hung_up_by_either_side_and_ipv6(world):
    voxlane = Voxlane(world, listen="::")
    caller, callee = voxlane.lan.add("caller", "21"), voxlane.lan.add("callee", "22")
    for server in (CORE4, CORE6):
        Sipp(callee, "register", server).wait()
        for uas, uac in (("uas", "uac"), ("uas_hangs_up", "uac_waits")):
            sipps = Sipp(callee, uas, ipv6=server == CORE6), Sipp(caller, uac, server)
            for sipp in sipps:
                sipp.wait(20)
                checks.equal(sipp.value("Retransmissions(C)"), 0, f"retransmissions of {sipp.name}")
        Sipp(callee, "register", server, expires_s=0).wait()
    voxlane.wait_quiet()
