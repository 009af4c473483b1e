"""SIPp in a namespace: scenarios from tests/system/sipp, media by rtp_stream, its own statistics read back."""
import csv
import os

from .world import ROOT, Failure

SCENARIOS = os.path.join(ROOT, "tests", "system", "sipp")


class Sipp:
    def __init__(self, host, scenario, server, calls=1, rate=10, hold_ms=1000, port=5060):
        """Runs scenario.xml; toward `server` when it begins, else it waits for calls."""
        self.name = f"sipp-{host.name}-{scenario}"
        self.statistics = host.world.path(f"{self.name}.csv")
        speech = host.world.path("speech.ulaw")
        if not os.path.exists(speech):
            with open(speech, "wb") as file:
                file.write(bytes(range(256)) * 1000)
        address = host.address4
        self.process = host.start(self.name, "sipp", *([server] if server else []), "-sf", os.path.join(SCENARIOS, f"{scenario}.xml"),
                                  "-i", address, "-mi", address, "-p", port, "-m", calls, "-r", rate, "-d", hold_ms, "-nostdin",
                                  "-trace_err", "-error_file", host.world.path(f"{self.name}.errors"), "-trace_stat", "-stf",
                                  self.statistics, "-fd", "1")

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
