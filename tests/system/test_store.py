"""The database: PostgreSQL as a real server, what is kept over the end of a process, what is not lost while it is away."""
import os
import signal
import subprocess

from lib import checks
from lib.postgres import PORT, Postgres
from lib.voxlane import BUILD, CONTROLPLANE, Voxlane
from lib.world import Failure, Skip
from test_calls import establish


def test_store_postgres(world):
    """The unit tests of the store against a real server."""
    program = os.path.join(BUILD, "tests", "unit", "test_store")
    if not os.path.exists(program):
        raise Skip(f"{program} is not built")
    host = world.host("core")
    server = Postgres(world, host)
    server.start()
    answer = subprocess.run(["ip", "netns", "exec", host.namespace, program], env={**os.environ, "VOXLANE_TEST_POSTGRES": server.url},
                            capture_output=True, text=True, timeout=60, check=False)
    if answer.returncode != 0:
        raise Failure(f"test_store: {(answer.stdout + answer.stderr)[-600:]}")
    checks.equal([row[0] for row in server.query("SELECT version FROM schema_migration ORDER BY version")], ["1", "2", "3"], "schema steps")


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
