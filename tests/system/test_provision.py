"""Extensions, trunks and routes as data: made, changed and deleted by REST while calls go on; kept in the database."""
import os
import signal
import subprocess

from lib import checks
from lib.sipp import Sipp
from lib.voxlane import BUILD, CONTROLPLANE, CORE4, Voxlane
from lib.world import wait_for


def sql(world, text):
    """Every byte of the database, to look for secrets."""
    found = b""
    for name in ("voxlane.db", "voxlane.db-wal"):
        if os.path.exists(world.path(name)):
            with open(world.path(name), "rb") as file:
                found += file.read()
    return text.encode() in found


def contacts(voxlane):
    return sorted(row["contact"].split(":")[1].split("@")[0] for row in voxlane.rows("registrations"))


def names(voxlane, what, key):
    return [row[key] for row in voxlane.rows(what)]


def test_provision_an_extension_while_a_call_goes_on(world):
    voxlane = Voxlane(world)
    phone, callee = voxlane.lan.add("phone", "21"), voxlane.lan.add("callee", "22")
    Sipp(callee, "register", CORE4).wait()
    answering = Sipp(callee, "uas", calls=1)
    call = Sipp(phone, "uac", CORE4, calls=1, hold_ms=6000, port=5071)
    wait_for("a call", lambda: voxlane.stats()["active_calls"] == 1, 5)
    Sipp(phone, "register_refused", CORE4, user="3000", port=5072).wait()
    status, made, headers = voxlane.send("POST", "/api/v1/extensions", {"number": "3000", "password": "test3000", "name": "Carol"})
    checks.equal((status, made["number"], made["name"], made["source"], made["version"], made["has_password"], headers["etag"]),
                 (201, "3000", "Carol", "database", 1, True, '"1"'), "the new extension")
    checks.true("ha1_md5" not in made and "password" not in made, f"it shows a secret: {made}")
    Sipp(phone, "register", CORE4, user="3000", port=5072).wait()
    checks.true(sql(world, "3000") and not sql(world, "test3000"), "the database has the number and not the password")
    checks.equal(names(voxlane, "extensions", "number"), ["1000", "2000", "3000"], "extensions")
    # As it was shown, with another name: the password stays.
    made["name"] = "Caroline"
    status, changed, _ = voxlane.send("PUT", "/api/v1/extensions/3000", made, if_match='"1"')
    checks.equal((status, changed["name"], changed["version"]), (200, "Caroline", 2), "the change")
    checks.equal(voxlane.send("PUT", "/api/v1/extensions/3000", made, if_match='"1"')[0], 412, "status with an old version")
    Sipp(phone, "register", CORE4, user="3000", port=5073).wait()
    checks.equal(contacts(voxlane), ["2000", "3000", "3000"], "who is registered")
    checks.equal(voxlane.send("DELETE", "/api/v1/extensions/3000")[:2], (200, {"deleted": "3000"}), "answer to DELETE")
    checks.equal(contacts(voxlane), ["2000"], "who is registered")
    Sipp(phone, "register_refused", CORE4, user="3000", port=5074).wait()
    checks.equal(voxlane.send("GET", "/api/v1/extensions/3000")[0], 404, "status of what was deleted")
    call.wait()
    answering.wait()
    checks.equal(voxlane.wait_cdrs(1)[0]["disposition"], "ANSWERED", "disposition of the call that went on")
    voxlane.stop()


def test_provision_refuses_by_name_of_the_field(world):
    voxlane = Voxlane(world, start=False)
    voxlane.start_controlplane(alone=True)
    wrong = (("POST", "extensions", {"number": "3000"}, 400, ""),
             ("POST", "extensions", {"password": "x"}, 400, "number"),
             ("POST", "extensions", {"number": "30 00", "password": "x"}, 400, "number"),
             ("POST", "extensions", {"number": "3000", "password": 17}, 400, "password"),
             ("POST", "extensions", {"number": "3000", "password": ""}, 400, ""),
             ("POST", "extensions", {"number": "3000", "password": "x", "colour": "red"}, 400, "colour"),
             ("POST", "extensions", {"number": "3000", "password": "x", "max_contacts": "5"}, 400, "max_contacts"),
             ("POST", "extensions", {"number": "3000", "password": "x", "max_contacts": 101}, 400, "max_contacts"),
             ("POST", "extensions", {"number": "3000", "password": "x", "max_contacts": 4294967297}, 400, "max_contacts"),
             ("POST", "extensions", {"number": "3000", "password": "x", "max_contacts": 1.5}, 400, "max_contacts"),
             ("POST", "extensions", {"number": "3000", "password": "x", "name": "a\u0007b"}, 400, "name"),
             ("POST", "extensions", {"number": "3000", "password": "x", "name": "\"; }, { number = \"666"}, 201, None),
             ("POST", "extensions", {"number": "3001", "ha1_md5": "abc"}, 400, "ha1_md5"),
             ("POST", "extensions", {"number": "3000", "password": "x"}, 409, None),
             ("PUT", "extensions/3002", {"number": "3003", "password": "x"}, 400, "number"),
             ("PUT", "extensions/1000", {"password": "x"}, 409, None),
             ("DELETE", "extensions/1000", None, 409, None),
             ("DELETE", "extensions/4711", None, 404, None),
             ("PUT", "routes/a", {"pattern": "_1[", "action": "extension"}, 400, "pattern"),
             ("PUT", "routes/a", {"action": "extension"}, 400, "pattern"),
             ("PUT", "routes/a", {"pattern": "_9.", "action": "fly"}, 400, "action"),
             ("PUT", "routes/a", {"pattern": "_9.", "action": "trunk", "target": "nowhere"}, 400, "target"),
             ("PUT", "routes/a", {"pattern": "_9.", "times": "Mon"}, 201, None),
             ("PUT", "routes/a", {"pattern": "_9.", "times": [1]}, 400, "times"),
             ("PUT", "routes/config-1", {"pattern": "_8."}, 409, None),
             ("POST", "config/trunks", {"name": "carrier"}, 400, "host"),
             ("POST", "config/trunks", {"name": "carrier", "host": "192.0.2.5", "register": True}, 400, "register"),
             ("POST", "config/trunks", {"name": "carrier", "host": "192.0.2.5", "rewrite": [{"match": "_1["}]}, 400, "rewrite"),
             ("POST", "config/trunks", {"name": "carrier", "host": "192.0.2.5", "rewrite": [{"match": "_1X", "strp": 1}]}, 400, "strp"))
    for method, path, document, status, field in wrong:
        got, answer, _ = voxlane.send(method, f"/api/v1/{path}", document)
        checks.equal(got, status, f"status of {method} {path} {document}: {answer}")
        if field:
            checks.equal(answer["error"].get("field"), field, f"field of {method} {path} {document}: {answer}")
    checks.equal(names(voxlane, "extensions", "number"), ["1000", "2000", "3000"], "extensions")
    checks.equal(voxlane.send("GET", "/api/v1/extensions/3000")[1]["name"], "\"; }, { number = \"666", "a name that wants to be more")
    checks.true("voxlane.conf" in voxlane.send("DELETE", "/api/v1/extensions/1000")[1]["error"]["message"], "where a row of the file stands")
    voxlane.stop()


def test_provision_routes_and_restart(world):
    voxlane = Voxlane(world)
    phone, callee = voxlane.lan.add("phone", "21"), voxlane.lan.add("callee", "22")
    Sipp(callee, "register", CORE4).wait()
    Sipp(phone, "uac_refused", CORE4, status=404, called="5555").wait()
    status, route, _ = voxlane.send("POST", "/api/v1/routes", {"pattern": "5555", "action": "extension", "target": "2000"})
    checks.equal((status, route["source"]), (201, "database"), "the new route")
    checks.equal([row["pattern"] for row in voxlane.rows("routes")], ["_1XXX", "_2XXX", "7777", "5555"], "patterns")

    def call(status=None):
        sipps = (Sipp(callee, "uas"), Sipp(phone, "uac", CORE4, called="5555", hold_ms=100)) if status is None else \
            (Sipp(phone, "uac_refused", CORE4, status=status, called="5555"),)
        for sipp in sipps:
            sipp.wait()

    call()
    voxlane.controlplane.stop(signal.SIGKILL)
    voxlane.start_controlplane()
    call()
    voxlane.controlplane.popen.send_signal(signal.SIGHUP)
    wait_for("the reload", lambda: "configuration reloaded; changed: nothing" in voxlane.controlplane.output(), 5)
    call()
    checks.equal(voxlane.send("PUT", f"/api/v1/routes/{route['route']}", {"pattern": "5555", "action": "reject", "code": 488})[0], 200, "status")
    call(488)
    voxctl = [os.path.join(BUILD, "tools", "voxctl")]
    run = lambda *arguments: subprocess.run(["ip", "netns", "exec", voxlane.core.namespace, *voxctl, *arguments], capture_output=True, text=True,
                                            timeout=30, check=False)
    shown = run("routes").stdout
    checks.true("5555" in shown and "_1XXX" in shown, f"voxctl routes: {shown}")
    checks.equal(run("delete", "routes", route["route"]).returncode, 0, "exit code of voxctl delete")
    call(404)
    checks.equal(run("set", "extensions", "3000", "password=test3000", "max_contacts=2", "name=Carol C").returncode, 0, "exit code of voxctl set")
    checks.equal(voxlane.send("GET", "/api/v1/extensions/3000")[1]["name"], "Carol C", "name")
    refused = run("set", "extensions", "3000", "max_contacts=many")
    checks.true(refused.returncode == 1 and "max_contacts" in refused.stderr, f"voxctl set: {refused}")
    voxlane.stop()
    # A number that the file takes as well: the start says which two they are.
    with open(voxlane.config, encoding="utf-8") as file:
        text = file.read()
    with open(voxlane.config, "w", encoding="utf-8") as file:
        file.write(text.replace("extensions = (", 'extensions = ( { number = "3000"; password = "x"; },'))
    twice = voxlane.core.start("twice", CONTROLPLANE, "--config", voxlane.config)
    checks.equal(twice.wait(15), 1, "exit code with a number that is there twice")
    checks.true('database:extensions/3000: extension "3000" is there twice; the other one is at' in twice.output(), f"it says {twice.output()!r}")
