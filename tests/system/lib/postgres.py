"""A PostgreSQL server of a test's own: in a folder of the test, as a user of its own, ended by its pid."""
import glob
import os
import signal
import subprocess

from .world import Skip, wait_for

PORT = 5432


class Postgres:
    def __init__(self, world, host):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not found:
            raise Skip("PostgreSQL is not installed (package postgresql)")
        self.world, self.host, self.bin = world, host, found[-1]
        self.user = "postgres"
        self.folder = world.path("postgres")
        self.url = f"postgresql://{self.user}@127.0.0.1:{PORT}/postgres"
        os.chmod(world.folder, 0o711)  # the server's user passes through
        os.mkdir(self.folder)
        subprocess.run(["chown", self.user, self.folder], check=True)
        subprocess.run([*self.as_user(), f"{self.bin}/initdb", "-D", self.folder, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
                       check=True, capture_output=True, cwd="/", timeout=60)
        self.process, self.starts = None, 0

    def as_user(self):
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]

    def start(self):
        self.starts += 1
        self.process = self.host.start(f"postgres-{self.starts}", *self.as_user(), f"{self.bin}/postgres", "-D", self.folder, "-p", PORT,
                                       "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "shared_buffers=16MB")
        wait_for("PostgreSQL", self.is_up, 30)

    def is_up(self):
        return subprocess.run(["ip", "netns", "exec", self.host.namespace, f"{self.bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(PORT)],
                              check=False).returncode == 0

    def stop(self, signal_number=signal.SIGINT):
        """SIGINT: connections are cut, then it ends cleanly; SIGQUIT: as if it had crashed."""
        self.process.stop(signal_number, 20)

    def query(self, sql):
        """Rows as lists of texts."""
        answer = self.host.run(f"{self.bin}/psql", "-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url)
        return [line.split("\t") for line in answer.splitlines()]
