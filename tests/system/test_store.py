"""The database: PostgreSQL as a real server, what is kept over the end of a process, what is not lost while it is away."""
import csv
import os
import signal
import subprocess

from lib import checks
from lib.postgres import PORT, Postgres
from lib.sipp import Sipp
from lib.voxlane import BUILD, CONTROLPLANE, CORE4, Voxlane
from lib.world import Failure, Skip, wait_for
from test_calls import establish
from test_http import Node


def test_store_postgres(world):
    """The unit tests of the store against a real server."""
    programs = [os.path.join(BUILD, "tests", "unit", name) for name in ("test_store", "test_cdr_database")]
    if not all(map(os.path.exists, programs)):
        raise Skip(f"{programs} are not built")
    host = world.host("core")
    server = Postgres(world, host)
    server.start()
    for program in programs:
        answer = subprocess.run(["ip", "netns", "exec", host.namespace, program], env={**os.environ, "VOXLANE_TEST_POSTGRES": server.url},
                                capture_output=True, text=True, timeout=60, check=False)
        if answer.returncode != 0:
            raise Failure(f"{program}: {(answer.stdout + answer.stderr)[-600:]}")
    checks.equal([row[0] for row in server.query("SELECT version FROM schema_migration ORDER BY version")], ["1", "2", "3"], "schema steps")


def test_cdr_search_by_http_and_voxctl(world):
    node = Node(world, "--calls", "1")
    wait_for("records in the database", lambda: node.get("/api/v1/node")[1]["cdr"]["stored"] >= 3, 10)
    first = node.get("/api/v1/cdr?limit=2")[1]
    rest = node.get(f"/api/v1/cdr?limit=2&cursor={first['next_cursor']}")[1]
    checks.equal([r["call_id"] for r in first["records"] + rest["records"]][:3], ["old-3", "old-2", "old-1"], "records")
    checks.equal(node.get("/api/v1/cdr?number=9999")[1], {"records": [], "next_cursor": None}, "records of nobody")
    for query, field in (("from=yesterday", "from"), ("to=2026-13-01", "to"), ("disposition=answered", "disposition"), ("cursor=x", "cursor"),
                         ("format=xml", "format"), ("limit=1001", "limit"), ("number=", "number"), ("offset=1", "offset")):
        status, answer = node.get(f"/api/v1/cdr?{query}")
        checks.equal((status, answer["error"]["field"]), (400, field), f"answer to {query}")
    for how in (("/api/v1/cdr?limit=1", "-H", "Accept: text/csv"), ("/api/v1/cdr?limit=1&format=csv",)):
        status, _, body = node.curl(*how, "-D", "-")
        headers, _, text = body.replace("\r", "").partition("\n\n")
        rows = list(csv.DictReader(text.splitlines()))
        checks.equal((status, [row["call_id"] for row in rows]), (200, ["old-3"]), f"CSV of {how}")
        checks.true("text/csv" in headers and "x-next-cursor: " in headers.lower(), f"headers are {headers}")
    checks.true("old-3" in node.voxctl("cdr", "--from", "2020-01-01")[1], "voxctl cdr --from")
    code, output, _ = node.voxctl("cdr", "--csv", "--all")
    checks.equal((code, [row["call_id"] for row in csv.DictReader(output.splitlines())][:3]), (0, ["old-3", "old-2", "old-1"]), "voxctl cdr --csv")
    checks.equal(node.voxctl("calls", "--csv")[0], 2, "exit code of voxctl calls --csv")
    code, _, error = node.voxctl("cdr", "--from", "tomorrow")
    checks.true(code == 1 and "from" in error, f"voxctl cdr --from tomorrow: {error}")


def call_ids(voxlane):
    return sorted(record["call_id"] for record in voxlane.cdrs())


def test_store_no_record_is_lost_while_postgres_comes_and_goes(world):
    """Calls all the time; the server is stopped, started, crashed, started; our own process is killed while it is away."""
    voxlane = Voxlane(world, start=False, store=f"postgresql://postgres@127.0.0.1:{PORT}/postgres")
    server = Postgres(world, voxlane.core)
    server.start()
    voxlane.start_dataplane()
    voxlane.start_controlplane()
    caller, callee = voxlane.lan.add("caller", "21"), voxlane.lan.add("callee", "22")
    Sipp(callee, "register", CORE4).wait()

    def calls(count, **options):
        answering = Sipp(callee, "uas", calls=count)
        calling = Sipp(caller, "uac", CORE4, calls=count, **options)
        return answering, calling

    def finish(sipps):
        for sipp in sipps:
            sipp.wait(40)

    def rows(count, timeout_s=30):
        wait_for(f"{count} rows", lambda: int(server.query("SELECT COUNT(*) FROM cdr")[0][0]) >= count, timeout_s)

    finish(calls(10, hold_ms=100))
    rows(10)
    sipps = calls(40, hold_ms=100, rate=10)
    wait_for("some calls", lambda: len(voxlane.cdrs()) > 15, 20)
    server.stop()
    wait_for("more calls", lambda: len(voxlane.cdrs()) > 30, 20)
    server.start()
    wait_for("still more calls", lambda: len(voxlane.cdrs()) > 40, 20)
    server.stop(signal.SIGQUIT)
    finish(sipps)
    voxlane.wait_cdrs(50, 20)
    checks.true(voxlane.get("/api/v1/cdr")[0] == 503, "a search without a server")
    voxlane.controlplane.stop(signal.SIGKILL)
    server.start()
    voxlane.start_controlplane()
    rows(50)
    checks.equal(sorted(row[0] for row in server.query("SELECT call_id FROM cdr")), call_ids(voxlane), "call ids in the database")
    checks.equal(server.query("SELECT COUNT(*) FROM cdr_segment WHERE codec IS NOT NULL"), [["100"]], "legs")
    found = voxlane.get("/api/v1/cdr?number=2000&disposition=ANSWERED&limit=1000")[1]["records"]
    checks.equal(sorted(record["call_id"] for record in found), call_ids(voxlane), "what the search finds")
    voxlane.stop()


def killed_and_called(voxlane):
    """Bob's phone registers once; the control plane is killed; Alice calls Bob, who has not said a word since."""
    alice, bob = voxlane.two_phones()
    before = sorted(row["contact"] for row in voxlane.rows("registrations"))
    voxlane.controlplane.stop(signal.SIGKILL)
    voxlane.start_controlplane()
    checks.equal(sorted(row["contact"] for row in voxlane.rows("registrations")), before, "contacts after the restart")
    establish(alice, bob)
    bob.talk(3)
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 2)
    voxlane.wait_cdrs(1)
    registers = [line for line in voxlane.controlplane.output().splitlines() if " added: " in line]
    checks.equal(registers, [], "REGISTER after the restart")


def test_store_registrations_survive_a_kill(world):
    voxlane = Voxlane(world)
    killed_and_called(voxlane)
    voxlane.stop()


def test_store_registrations_survive_a_kill_with_postgres(world):
    voxlane = Voxlane(world, start=False, store=f"postgresql://postgres@127.0.0.1:{PORT}/postgres")
    server = Postgres(world, voxlane.core)
    refused = voxlane.core.start("refused", CONTROLPLANE, "--config", voxlane.config)
    checks.equal(refused.wait(15), 1, "exit code without the server")
    checks.true("store.url: the postgresql database cannot be opened" in refused.output(), f"it says {refused.output()!r}")
    server.start()
    voxlane.start_dataplane()
    voxlane.start_controlplane()
    killed_and_called(voxlane)
    voxlane.stop()
