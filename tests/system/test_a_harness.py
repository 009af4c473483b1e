"""The judge is judged, and two phones call each other without us: what fails here says nothing about Voxlane."""
import numpy

from lib import audio, checks
from lib.phone import Phone
from lib.world import Failure


def test_judge_knows_good_from_bad(world):
    audio.make_speech(world.path("a.wav"), "alice", 12)
    audio.make_speech(world.path("b.wav"), "bob", 12)
    a, b = audio.read_wav(world.path("a.wav")), audio.read_wav(world.path("b.wav"))
    noise = numpy.random.default_rng(1).normal(size=len(a)) * 0.1
    silent = a.copy()
    silent[5 * audio.RATE:6 * audio.RATE] = 0
    late = numpy.concatenate((numpy.zeros(4321), a))
    checks.heard(a, late, "late", 11)
    checks.heard(a, a + noise * 0.02, "with little noise", 11)
    for what, received in (("the other speaker", b), ("silence", a * 0), ("noise", noise), ("backwards", a[::-1]),
                           ("one second of silence", silent), ("half a second cut out", numpy.delete(a, slice(40000, 44000))),
                           ("a frame of 60 ms lost", numpy.delete(a, slice(40000, 40480))), ("drowned", a + noise * 2)):
        try:
            verdict = checks.heard(a, received, what, 11)
        except Failure:
            continue
        raise Failure(f"{what} passed: {verdict}")


def test_two_phones_without_us(world):
    one, other = world.host("a"), world.host("b")
    world.wire(one, "lan", other, "lan", ["10.9.0.1/24"], ["10.9.0.2/24"])
    for name in ("alice", "bob"):
        audio.make_speech(world.path(f"{name}.wav"), name, 10)
    alice = Phone(one, "alice", "1000", "", "10.9.0.1", speech=world.path("alice.wav"))
    bob = Phone(other, "bob", "2000", "", "10.9.0.2", speech=world.path("bob.wav"))
    alice.dial("sip:2000@10.9.0.2:5060")
    bob.wait_event("CALL_INCOMING")
    bob.answer()
    alice.wait_event("CALL_ESTABLISHED")
    bob.talk(4)
    bob.hang_up()
    alice.wait_event("CALL_CLOSED")
    checks.heard(world.path("alice.wav"), bob.recording(), "bob", 3)
    checks.heard(world.path("bob.wav"), alice.recording(), "alice", 3)
