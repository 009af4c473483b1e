"""SIPp in a namespace: scenarios from tests/system/sipp, media by rtp_stream, its own statistics and messages read back."""
import csv
import os
import re

from .world import ROOT, Failure

SCENARIOS = os.path.join(ROOT, "tests", "system", "sipp")


class Sipp:
    counter = 0

    def __init__(self, host, scenario, server=None, calls=1, rate=10, hold_ms=1000, port=5060, user=None, password=None,
                 called="2000", status=None, expires_s=600, ipv6=False, transport="u1"):
        """Runs scenario.xml; toward `server` (an address) when it begins, else it waits for calls (on its IPv6 address if
        that is asked for). The user is 1000 for the uac scenarios and 2000 for all others unless it is told, the password
        "test" and the user. transport is its -t. `status` is what uac_refused shall get."""
        Sipp.counter += 1
        self.name = f"sipp-{host.name}-{scenario}-{Sipp.counter}"
        self.statistics, self.trace = host.world.path(f"{self.name}.csv"), host.world.path(f"{self.name}.messages")
        user = user or ("1000" if scenario.startswith("uac") else "2000")
        speech = host.world.path("speech.ulaw")
        if not os.path.exists(speech):
            with open(speech, "wb") as file:
                file.write(bytes(range(256)) * 1000)
        ipv6 = ipv6 or (server is not None and ":" in server)
        address = f"[{host.address6}]" if ipv6 else host.address4
        toward = []
        if server:
            # SIPp leaves out the brackets in the uri of its credentials unless it is told that uri; Voxlane says 400 to that.
            toward = [f"[{server}]:5060", "-auth_uri", f"[{server}]:5060"] if ipv6 else [f"{server}:5060"]
        self.process = host.start(self.name, "sipp", *toward, "-sf", self.scenario(host, scenario, status),
                                  "-i", address, "-mi", address.strip("[]"), "-p", port, "-m", calls, "-r", rate, "-d", hold_ms,
                                  "-s", called, "-key", "user", user, "-key", "expires", expires_s, "-au", user,
                                  "-ap", password or f"test{user}", "-t", transport, "-max_socket", "1000", "-nostdin", "-trace_err", "-error_file",
                                  host.world.path(f"{self.name}.errors"), "-trace_stat", "-stf", self.statistics, "-fd", "1",
                                  *(["-trace_msg", "-message_file", self.trace] if calls == 1 else []))

    def scenario(self, host, name, status):
        path = os.path.join(SCENARIOS, f"{name}.xml")
        if status is None:
            return path
        with open(path, encoding="ascii") as file:
            text = file.read().replace("@STATUS@", str(status))
        path = host.world.path(f"{self.name}.xml")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def wait(self, timeout_s=30):
        """Its end; every call must have succeeded."""
        code = self.process.wait(timeout_s)
        if code != 0:
            raise Failure(f"{self.name} ended with {code}: {self.value('FailedCall(C)')} of {self.value('TotalCallCreated')} calls failed")
        return self

    def value(self, column):
        """The last value of a column of SIPp's statistics."""
        with open(self.statistics, encoding="utf-8", errors="replace") as file:
            rows = list(csv.reader(file, delimiter=";"))
        return int(rows[-1][rows[0].index(column)])

    def received(self):
        """The messages that it received, when it made one call."""
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            parts = re.split(r"^-{20,}.*\n", file.read(), flags=re.M)
        return [part.split("\n\n", 1)[1].strip() + "\n" for part in parts if " message received " in part.split("\n", 1)[0]]
