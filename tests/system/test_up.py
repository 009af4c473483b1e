"""The quickstart as a new user meets it, in a namespace that stands for the machine: phones on it and on its network."""
import os
import signal
import subprocess

from lib import checks
from lib.phone import Phone
from lib.voxlane import DATAPLANE, Lan
from lib.world import ROOT, Skip, wait_for
from lib import audio
from test_calls import establish


def start_up(world, pc):
    if not os.path.exists(DATAPLANE):
        raise Skip(f"{DATAPLANE} is not built")
    up = pc.start("up", os.path.join(ROOT, "tools", "up"), env=dict(os.environ, VOXLANE_SEGMENT=f"/dev/shm/{world.prefix}-up"))

    def is_up():
        checks.true(up.is_running(), "tools/up ended by itself")
        return "Ctrl-C ends it" in up.output()
    wait_for("line of tools/up that it is up", is_up, 60)
    return up


def test_up_phones_on_this_machine_and_on_the_network(world):
    lan = Lan(world)
    pc = lan.core
    pc.ip("route", "add", "default", "via", "10.77.0.254")
    up = start_up(world, pc)
    for user in ("1000", "2000"):
        audio.make_speech(world.path(f"{user}.wav"), user, 20)
    checks.true("phones on the network    10.77.0.1" in up.output(), "tools/up does not name the address on the network")
    here = Phone(pc, "here", "1000", "10.255.77.1", "10.255.77.1", "test1000", world.path("1000.wav"), port=5070)
    away = Phone(lan.add("away", "12"), "away", "2000", "10.77.0.1", "10.77.0.12", "test2000", world.path("2000.wav"))
    for phone in (here, away):
        phone.wait_registered()
    for caller, callee in ((here, away), (away, here)):
        establish(caller, callee, callee.user)
        callee.talk(4)
        caller.hang_up()
        callee.wait_event("CALL_CLOSED")
        checks.heard(world.path("1000.wav"), away.recording(), "the phone on the network", 3)
        checks.heard(world.path("2000.wav"), here.recording(), "the phone on this machine", 3)
    checks.equal(up.stop(signal.SIGINT, 15), 0, "exit code of tools/up after Ctrl-C")
    checks.true("voxlane-phones" not in pc.run("ip", "-br", "link"), "tools/up left its interface behind")


def test_up_without_a_network(world):
    """No default route: the phones of this machine still work."""
    pc = world.host("pc")
    up = start_up(world, pc)
    audio.make_speech(world.path("1000.wav"), "1000", 10)
    here = Phone(pc, "here", "1000", "10.255.77.1", "10.255.77.1", "test1000", world.path("1000.wav"), port=5070)
    here.wait_registered()
    here.dial("7777")
    here.wait_event("CALL_ESTABLISHED")
    here.talk(4)
    here.hang_up()
    checks.heard(world.path("1000.wav"), here.recording(), "the phone, itself", 3)
    checks.equal(up.stop(signal.SIGINT, 15), 0, "exit code of tools/up after Ctrl-C")


def test_up_demo(world):
    answer = subprocess.run([os.path.join(ROOT, "tools", "demo")], capture_output=True, text=True, timeout=100)
    checks.equal(answer.returncode, 0, f"exit code of tools/demo ({(answer.stderr or answer.stdout).strip().splitlines()[-1]})")
    checks.true(answer.stdout.rstrip().endswith("audio went both ways"), "tools/demo does not say that audio went both ways")
