"""What media has to stand: strangers, silence, and the death of the control plane."""
import signal
import time

from lib import checks
from lib.rtp import Watch, packet
from lib.voxlane import CORE4, Voxlane
from lib.world import wait_for
from test_calls import establish


def test_media_of_strangers_is_dropped_and_counted(world):
    voxlane = Voxlane(world)
    alice, bob = voxlane.two_phones()
    mallory = voxlane.lan.add("mallory", "13")
    establish(alice, bob)
    bob.talk(2)
    stream = voxlane.stream_of("10.77.0.11")
    port = int(stream["local"].rsplit(":", 1)[1])
    before = voxlane.drop_count("source")
    with mallory.udp("10.77.0.13") as sock:
        for number in range(200):
            sock.sendto(packet(number, number * 160, 0xBADCAFE), (CORE4, port))
            time.sleep(0.005)
    bob.talk(2)
    after = voxlane.stream_of("10.77.0.11")
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    checks.equal(after["counters"]["dropped_source"] - stream["counters"]["dropped_source"], 200, "dropped_source of the stream")
    checks.equal(after["remote"], stream["remote"], "remote of the stream")
    checks.equal(voxlane.drop_count("source") - before, 200, "packets dropped by source")
    checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 4)


def test_media_that_stays_away_ends_the_call(world):
    voxlane = Voxlane(world, rtp_timeout=3)
    alice, bob = voxlane.two_phones()
    establish(alice, bob)
    bob.talk(1)
    alice.process.popen.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    bob.wait_event("CALL_CLOSED", timeout_s=10)
    waited = time.monotonic() - started
    alice.process.popen.send_signal(signal.SIGCONT)
    record = voxlane.wait_cdrs(1)[0]
    checks.between(waited, 2.5, 6, "seconds until the call ended")
    checks.equal(record["cause"]["text"], "rtp_timeout", "cause")
    checks.equal(record["hangup_side"], "system", "hangup_side")
    voxlane.wait_quiet()


def test_media_goes_on_without_the_control_plane(world):
    voxlane = Voxlane(world)
    alice, bob = voxlane.two_phones()
    establish(alice, bob)
    bob.talk(2)
    watch = Watch(bob.host, "lan", 10000, 20000)
    voxlane.controlplane.popen.kill()
    voxlane.controlplane.popen.wait()
    time.sleep(4)
    voxlane.start_controlplane()
    carol = voxlane.phone(voxlane.lan.add("carol", "14"), "1000", name="carol")
    carol.wait_registered()
    carol.dial("7777")
    carol.wait_event("CALL_ESTABLISHED")
    carol.talk(3)
    watch.stop()
    checks.true(len(watch.packets) > 300, f"bob got {len(watch.packets)} packets")
    checks.between(watch.longest_gap_s(), 0, 0.08, "longest gap in seconds")
    checks.equal(watch.lost(), 0, "lost packets")
    carol.hang_up()
    checks.heard(voxlane.speech("1000"), carol.recording(), "carol, herself", 2)
    alice.process.stop()
    bob.process.stop()
    checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 8)
    wait_for("end of the streams that nobody owns", lambda: not voxlane.get("/api/v1/node")[1]["media_engine"]["orphan_streams"], 30)
    voxlane.wait_quiet(20)
