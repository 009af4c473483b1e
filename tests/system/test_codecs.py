"""Parties that share no codec: real phones, each with its own, and speech compared on both sides."""
from lib import audio, checks
from lib.voxlane import Voxlane
from test_calls import establish


def two_phones(world, alice_codec, bob_codec, **options):
    voxlane = Voxlane(world, media='mode = "transcode";', **options)
    alice = voxlane.phone(voxlane.lan.add("alice", "11"), "1000", codecs=alice_codec)
    bob = voxlane.phone(voxlane.lan.add("bob", "12"), "2000", codecs=bob_codec)
    for phone in (alice, bob):
        phone.wait_registered()
    return voxlane, alice, bob


def heard_as_coded(speech, listener):
    """Speech that went through one or two lossy codecs and a jitter buffer that finds its delay: alike, not equal."""
    verdict = audio.judge(speech, listener.recording())
    checks.true(verdict.heard >= 4 and verdict.correlation >= 0.75 and len(verdict.missing) * 3 <= verdict.windows,
                f"{listener.name} heard it badly: {verdict}")


def talk(voxlane, alice, bob, words):
    establish(alice, bob)
    bob.talk(6)
    call = voxlane.get("/api/v1/calls")[1]["calls"][0]
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    voxlane.wait_cdrs(1)
    voxlane.wait_quiet()
    for word in words:
        checks.true(word in (call["transcoded"] or ""), f"transcoded is {call['transcoded']}")
    for listener, speaker in ((alice, "2000"), (bob, "1000")):
        heard_as_coded(voxlane.speech(speaker), listener)


def test_codec_pcmu_and_pcma(world):
    voxlane, alice, bob = two_phones(world, "PCMU/8000/1", "PCMA/8000/1")
    talk(voxlane, alice, bob, ("no codec in common", "PCMU", "PCMA"))


def test_codec_g722_and_pcmu(world):
    voxlane, alice, bob = two_phones(world, "G722/16000/1", "PCMU/8000/1")
    talk(voxlane, alice, bob, ("no codec in common", "G722", "PCMU"))


def test_codec_opus_and_pcma(world):
    voxlane, alice, bob = two_phones(world, "opus/48000/2", "PCMA/8000/1")
    talk(voxlane, alice, bob, ("no codec in common", "opus", "PCMA"))


def test_codec_opus_and_g722(world):
    voxlane, alice, bob = two_phones(world, "opus/48000/2", "G722/16000/1")
    talk(voxlane, alice, bob, ("no codec in common", "opus", "G722"))


def test_codec_shared_is_passed_through(world):
    voxlane, alice, bob = two_phones(world, "opus/48000/2,PCMU/8000/1", "PCMU/8000/1")
    establish(alice, bob)
    bob.talk(4)
    call = voxlane.get("/api/v1/calls")[1]["calls"][0]
    alice.hang_up()
    voxlane.wait_quiet()
    checks.equal(call["transcoded"], None, "transcoded")
    checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 2)
