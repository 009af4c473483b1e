"""SIGHUP: what changes while calls go on, what a bad file does, what waits for a restart."""
import re
import signal

from lib import checks
from lib.sipp import Sipp
from lib.voxlane import CORE4, Voxlane
from lib.world import wait_for


def reload(voxlane, change, wanted):
    """The file after change(text), SIGHUP, and the log line that has to come."""
    with open(voxlane.config, encoding="utf-8") as file:
        text = change(file.read())
    with open(voxlane.config, "w", encoding="utf-8") as file:
        file.write(text)
    seen = len(voxlane.controlplane.output())
    voxlane.controlplane.popen.send_signal(signal.SIGHUP)
    return wait_for(wanted, lambda: re.search(wanted, voxlane.controlplane.output()[seen:]), 5)


def numbers(voxlane):
    return sorted(row["contact"].split(":")[1].split("@")[0] for row in voxlane.rows("registrations"))


def test_reload_accounts_and_dial_plan(world):
    voxlane = Voxlane(world)
    phone, callee = voxlane.lan.add("phone", "21"), voxlane.lan.add("callee", "22")
    Sipp(phone, "register", CORE4, user="1000", port=5070).wait()
    Sipp(callee, "register", CORE4).wait()
    answering = Sipp(callee, "uas", calls=1)
    call = Sipp(phone, "uac", CORE4, calls=1, hold_ms=4000, port=5071)
    wait_for("a call", lambda: voxlane.stats()["active_calls"] == 1, 5)
    reload(voxlane, lambda text: text.replace('number = "1000"; password = "test1000"', 'number = "3000"; password = "test3000"'),
           r"configuration reloaded; changed: extensions\n")
    checks.equal(numbers(voxlane), ["2000"], "who is registered after 1000 was removed")
    checks.equal(voxlane.stats()["active_calls"], 1, "calls that go on")
    Sipp(phone, "register", CORE4, user="3000", port=5072).wait()
    Sipp(phone, "register_refused", CORE4, user="1000", password="test1000", port=5073).wait()
    checks.equal(numbers(voxlane), ["2000", "3000"], "who is registered")
    call.wait()
    answering.wait()
    reload(voxlane, lambda text: text.replace("sip: {", "sip: { listen_port = 5555; min_expires = 120;"), r"only a restart changes: sip.listen_port\n")
    voxlane.stop()


def test_reload_of_a_bad_file_changes_nothing(world):
    voxlane = Voxlane(world, start=False)
    voxlane.start_controlplane(alone=True)
    phone = voxlane.lan.add("phone", "21")
    Sipp(phone, "register", CORE4).wait()
    reload(voxlane, lambda text: text.replace("extensions = (", "extension = ("), r"the configuration is not changed: \S+voxlane.conf:\d+: unknown key extension; did you mean extensions")
    checks.equal(numbers(voxlane), ["2000"], "who is registered")
    reload(voxlane, lambda text: text.replace("extension = (", "extensions = (") + 'dialplan: { routes = ( { pattern = "_1[" ; } ); };', r"the configuration is not changed: \S+voxlane.conf:\d+: ")
    Sipp(phone, "register", CORE4, user="1000", port=5070).wait()
    for _ in range(20):
        voxlane.controlplane.popen.send_signal(signal.SIGHUP)
    voxlane.stop()


def test_reload_of_tokens(world):
    voxlane = Voxlane(world, start=False)
    voxlane.start_controlplane(alone=True)
    checks.equal(voxlane.get("/api/stats")[0], 200, "status without tokens")
    reload(voxlane, lambda text: text + 'monitoring: { tokens = [ "0123456789abcdef0123" ]; };', r"changed: monitoring.tokens\n")
    checks.equal(voxlane.get("/api/stats")[0], 401, "status without the new token")
    voxlane.stop()
