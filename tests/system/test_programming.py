"""The control plane's media against the real dataplane, without SIP: programmed, killed on either side, programmed again."""
import os
import signal
import socket
import threading
import time

from lib import checks
from lib.rtp import packet
from lib.voxlane import BUILD, Voxlane
from lib.world import Skip, wait_for

PROBE = os.path.join(BUILD, "tests", "system", "media_probe")


class Probe:
    """A media_probe beside the dataplane; see media_probe.c for what it understands."""

    def __init__(self, voxlane, name="probe", orphan_timeout_ms=3000):
        if not os.path.exists(PROBE):
            raise Skip(f"{PROBE} is not built")
        self.fifo = voxlane.world.path(f"{name}.fifo")
        os.mkfifo(self.fifo)
        self.process = voxlane.core.start(name, PROBE, voxlane.segment, self.fifo, orphan_timeout_ms)
        self.wait("ready 1")

    def lines(self, beginning):
        return [line for line in self.process.output().splitlines() if line.startswith(beginning)]

    def say(self, *lines):
        with open(self.fifo, "w", encoding="ascii") as fifo:
            fifo.writelines(line + "\n" for line in lines)

    def wait(self, beginning, count=1, timeout_s=10):
        wait_for(f"line '{beginning}'", lambda: len(self.lines(beginning)) >= count, timeout_s)
        return self.lines(beginning)[-1].split()[len(beginning.split()):]

    def ask(self, question, beginning):
        count = len(self.lines(beginning)) + 1
        self.say(question)
        return [int(word) for word in self.wait(beginning, count)]

    def new(self, name, peer, beside=""):
        self.say(f"new {name} {peer.host.address4} {beside}", f"remote {name} {peer.host.address4}:{peer.port}")
        address, port = self.wait(f"{name} local")[0].rsplit(":", 1)
        peer.target = (address, int(port))


class Peer:
    """Sends a packet every 20 ms while it talks, and remembers the sequence numbers that it hears."""

    def __init__(self, host, port, ssrc):
        self.host, self.port, self.ssrc = host, port, ssrc
        self.socket = host.udp(host.address4, port)
        self.socket.settimeout(0.2)
        self.heard, self.sequence, self.target = [], 0, None
        self.is_talking, self.is_open = False, True
        self.threads = [threading.Thread(target=body, daemon=True) for body in (self.listen, self.talk)]
        for thread in self.threads:
            thread.start()

    def listen(self):
        while self.is_open:
            try:
                data = self.socket.recv(2048)
            except socket.timeout:
                continue
            self.heard.append(int.from_bytes(data[2:4], "big"))

    def talk(self):
        while self.is_open:
            if self.is_talking:
                self.socket.sendto(packet(self.sequence, self.sequence * 160, self.ssrc), self.target)
                self.sequence += 1
            time.sleep(0.02)

    def close(self):
        self.is_open = False
        for thread in self.threads:
            thread.join()
        self.socket.close()


class Pair:
    """Two peers whose streams are each other's source."""

    def __init__(self, voxlane, probe):
        self.alice = Peer(voxlane.lan.add("alice", "11"), 40000, 0xA11CE)
        self.bob = Peer(voxlane.lan.add("bob", "12"), 50000, 0xB0B)
        probe.new("a", self.alice)
        probe.new("b", self.bob, "a")
        probe.say("source a b", "source b a")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.alice.close()
        self.bob.close()

    def talk(self, seconds):
        self.alice.is_talking = self.bob.is_talking = True
        time.sleep(seconds)
        self.alice.is_talking = self.bob.is_talking = False
        time.sleep(0.3)

    def wait_both_hear(self, timeout_s=5):
        self.alice.heard.clear()
        self.bob.heard.clear()
        wait_for("media both ways", lambda: len(self.alice.heard) > 10 and len(self.bob.heard) > 10, timeout_s)


def begin(world, **options):
    voxlane = Voxlane(world, start=False, **options)
    voxlane.start_dataplane()
    return voxlane, Probe(voxlane)


def test_programming_relays_both_ways_and_counts(world):
    voxlane, probe = begin(world)
    with Pair(voxlane, probe) as pair:
        pair.talk(2)
        for one, other, name in ((pair.alice, pair.bob, "a"), (pair.bob, pair.alice, "b")):
            first = other.heard[0] if other.heard else None
            checks.equal(other.heard, list(range(first or 0, one.sequence)), f"packets from {name}")
            checks.between(len(other.heard), one.sequence - 10, one.sequence, f"number of packets from {name}")
        wait_for("counters", lambda: probe.ask("counters a", "a counters")[0] == pair.alice.sequence, 2)
        checks.equal(probe.wait("a latched"), [f"10.77.0.11:{pair.alice.port}"], "latched address")
        probe.say("timeout a 500")
        probe.wait("a silent", timeout_s=3)
        probe.say("del a", "del b")
        checks.equal(int(probe.wait("a gone")[0]), pair.alice.sequence, "final counter")
        probe.wait("b gone")
        checks.equal(probe.ask("stats", "stats"), [0, 0, 0, 0], "streams left")
    checks.equal(probe.lines("error"), [], "errors of the probe")


def test_programming_again_after_the_dataplane_was_killed(world):
    voxlane, probe = begin(world)
    with Pair(voxlane, probe) as pair:
        pair.alice.is_talking = pair.bob.is_talking = True
        pair.wait_both_hear()
        voxlane.dataplane.popen.send_signal(signal.SIGKILL)
        voxlane.dataplane.popen.wait()
        probe.wait("ready 0", timeout_s=2)
        voxlane.start_dataplane()
        probe.wait("ready 1", count=2)
        pair.wait_both_hear()
        probe.say("del a", "del b")
        probe.wait("a gone")
        probe.wait("b gone")
    checks.equal(probe.lines("error"), [], "errors of the probe")


def test_programming_survives_its_own_death(world):
    voxlane, probe = begin(world)
    with Pair(voxlane, probe) as pair:
        pair.alice.is_talking = pair.bob.is_talking = True
        pair.wait_both_hear()
        probe.process.popen.kill()
        probe.process.popen.wait()
        pair.wait_both_hear()
        second = Probe(voxlane, "second")
        checks.equal(second.ask("stats", "stats"), [0, 0, 2, 0], "orphans found")
        pair.bob.is_talking = False
        time.sleep(5)
        # Alice alone keeps both: what bob is sent comes from her.
        checks.equal(second.ask("stats", "stats"), [0, 0, 2, 0], "orphans while one side talks")
        pair.alice.is_talking = False
        wait_for("sweep", lambda: second.ask("stats", "stats") == [0, 0, 0, 2], 8)
