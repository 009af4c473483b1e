"""The database: PostgreSQL as a real server, what is kept over the end of a process, what is not lost while it is away."""
import os
import subprocess

from lib import checks
from lib.postgres import Postgres
from lib.voxlane import BUILD
from lib.world import Failure, Skip


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
