"""Both daemons in a namespace of their own, on a small LAN: a switch, the core with an AF_XDP port, and hosts for phones.

    core   10.77.0.1   fd77::1     both daemons
    alice  10.77.0.11  fd77::11    bob 10.77.0.12 fd77::12, and whoever else a test adds
"""
import glob
import http.client
import json
import os
import signal

from . import audio
from .phone import Phone
from .world import ROOT, Failure, Skip, wait_for

CORE4, CORE6 = "10.77.0.1", "fd77::1"
BUILD = os.environ.get("VOXLANE_BUILD", os.path.join(ROOT, "build"))
DATAPLANE = os.path.join(BUILD, "dataplane", "voxlane-dataplane")
CONTROLPLANE = os.path.join(BUILD, "controlplane", "voxlane-controlplane")

CONFIG = """sip: {{ listen_ip = "{listen}"; transport = [ {transport} ]; ring_timeout = {ring_timeout}; max_concurrent_calls = {calls}; realm = "voxlane"; {sip} }};
store: {{ url = "{store}"; }};
media: {{ rtp_timeout = {rtp_timeout}; segment = "{segment}"; {media} }};
cdr: {{ output_dir = "{cdr}"; }};
logging: {{ level = "DEBUG"; sip_traffic_dir = "{traffic}"; }};
dataplane: {{ workers = {workers}; ports = (
	{{ name = "lan"; driver = "{driver}"; device = "lan"; addresses = [ "{core4}", "{core6}" ]; }}
); }};
extensions = (
	{{ number = "1000"; password = "test1000"; name = "Alice"; {alice} }},
	{{ number = "2000"; password = "test2000"; name = "Bob"; {bob} }}
);
"""


class Lan:
    """The switch and the hosts on it."""

    def __init__(self, world):
        self.world = world
        self.switch = world.host("switch")
        self.switch.ip("link", "add", "bridge", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self.switch.ip("link", "set", "bridge", "up")
        self.core = self.add("core", "1")

    def add(self, name, number):
        """A host whose interface `lan` has 10.77.0.<number> and fd77::<number>."""
        host = self.world.host(name)
        self.world.wire(self.switch, name, host, "lan", (), (f"10.77.0.{number}/24", f"fd77::{number}/64"))
        self.switch.ip("link", "set", name, "master", "bridge")
        host.address4, host.address6 = f"10.77.0.{number}", f"fd77::{number}"
        return host


class Voxlane:
    def __init__(self, world, start=True, **options):
        """options: those of CONFIG, and `config`, text appended to it."""
        if (start and not os.path.exists(DATAPLANE)) or not os.path.exists(CONTROLPLANE):
            raise Skip(f"{DATAPLANE} or {CONTROLPLANE} is not built")
        self.world, self.lan = world, Lan(world)
        self.core = self.lan.core
        self.segment = f"/dev/shm/{world.prefix}-media"
        self.config = world.path("voxlane.conf")
        values = {"listen": "0.0.0.0", "transport": '"udp"', "ring_timeout": 60, "calls": 1000, "rtp_timeout": 60, "workers": 1,
                  "driver": "af_xdp", "core4": CORE4, "core6": CORE6, "cdr": world.path("cdr"), "segment": self.segment,
                  "store": f"sqlite:{world.path('voxlane.db')}", "traffic": world.path("traffic"), "sip": "", "media": "", "alice": "", "bob": ""}
        values.update(options)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(**values) + values.get("config", ""))
        self.dataplane = self.controlplane = None
        self.programs = [DATAPLANE], [CONTROLPLANE]
        if start:
            self.start_dataplane()
            self.start_controlplane()

    def start_dataplane(self):
        self.dataplane = self.core.start("dataplane", *self.programs[0], "--config", self.config)
        self.wait_for_log(self.dataplane, lambda: os.path.exists(self.segment), "segment of the dataplane")

    def start_controlplane(self, alone=False):
        """alone: without a dataplane it works, but it is never ready."""
        self.controlplane = self.core.start("controlplane", *self.programs[1], "--config", self.config)
        self.wait_for_log(self.controlplane, self.is_up if alone else self.is_ready, "API" if alone else "readiness")

    def wait_for_log(self, process, condition, what):
        def check():
            if not process.is_running():
                lines = process.output().strip().splitlines()
                raise Failure(f"{process.name} ended with {process.popen.returncode}: {lines[-1] if lines else 'no output'}")
            return condition()
        return wait_for(what, check, 15)

    def stop(self):
        """Both end cleanly, the control plane first."""
        for process in (self.controlplane, self.dataplane):
            if process and process.is_running() and process.stop(signal.SIGTERM, 10) != 0:
                raise Failure(f"{process.name} ended with {process.popen.returncode} after SIGTERM")

    def get(self, path, port=8080):
        """The answer's status and JSON (or text)."""
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.sock = self.core.connect("127.0.0.1", port, timeout_s=2)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        return answer.status, json.loads(body) if "json" in answer.getheader("Content-Type", "") else body

    def send(self, method, path, document=None, **headers):
        """The answer's status, JSON and headers (names in lower case); if_match="3" becomes If-Match."""
        connection = http.client.HTTPConnection("127.0.0.1", 8080)
        connection.sock = self.core.connect("127.0.0.1", 8080, timeout_s=5)
        connection.sock.settimeout(20)
        try:
            connection.request(method, path, json.dumps(document) if document is not None else None,
                               {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def is_up(self):
        try:
            return self.get("/health")[0] == 200
        except (OSError, Failure, http.client.HTTPException):
            return False

    def is_ready(self):
        try:
            return self.get("/ready")[1].get("ready")
        except (OSError, Failure, http.client.HTTPException):
            return False

    def stats(self):
        return self.get("/api/stats")[1]

    def rows(self, what):
        """The rows of /api/v1/<what>, of calls, registrations, streams, drops."""
        return self.get(f"/api/v1/{what}")[1][what]

    def stream_of(self, address):
        """The stream whose peer has that address; its local port."""
        def found():
            return [row for row in self.rows("streams") if (row["remote"] or "").startswith((f"{address}:", f"[{address}]:"))]
        return wait_for(f"stream toward {address}", found, 5)[0]

    def drop_count(self, reason):
        return next(row["packets"] for row in self.rows("drops") if row["reason"] == reason)

    def metric(self, name):
        """The sum over all labels."""
        lines = [line for line in self.get("/metrics", 9090)[1].splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def cdrs(self):
        records = []
        for path in sorted(glob.glob(os.path.join(self.world.path("cdr"), "*.jsonl"))):
            with open(path, encoding="utf-8") as file:
                records += [json.loads(line) for line in file]
        return records

    def wait_cdrs(self, count, timeout_s=5):
        wait_for(f"{count}. call detail record", lambda: len(self.cdrs()) >= count, timeout_s)
        return self.cdrs()

    def wait_quiet(self, timeout_s=10):
        """No call, no stream left."""
        wait_for("end of all calls", lambda: self.stats()["active_calls"] == 0, timeout_s)
        wait_for("end of all streams", lambda: not self.rows("streams"), timeout_s)

    def phone(self, host, user, password=None, **options):
        """A phone on a host of the LAN that speaks with the voice of that user, registered unless told otherwise."""
        speech = self.world.path(f"{user}.wav")
        if not os.path.exists(speech):
            audio.make_speech(speech, user, 40)
        is_ipv6 = options.pop("ipv6", False)
        return Phone(host, options.pop("name", f"{host.name}-{user}"), user, CORE6 if is_ipv6 else CORE4,
                     host.address6 if is_ipv6 else host.address4, password or f"test{user}", speech, **options)

    def speech(self, user):
        return self.world.path(f"{user}.wav")

    def two_phones(self, **options):
        """Alice (1000) and Bob (2000), registered."""
        alice = self.phone(self.lan.add("alice", "11"), "1000", **options)
        bob = self.phone(self.lan.add("bob", "12"), "2000", **options)
        for phone in (alice, bob):
            phone.wait_registered()
        return alice, bob
