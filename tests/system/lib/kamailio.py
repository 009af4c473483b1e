"""A Kamailio with one of the configurations in tests/system/kamailio, on a host of the LAN."""
import os
import shutil

from .world import ROOT, Skip


class Kamailio:
    def __init__(self, host, config, **values):
        """values stand for @NAME@ in the configuration; @ADDRESS@ is the host's."""
        if not shutil.which("kamailio"):
            raise Skip("Kamailio is not installed: apt-get install --no-install-recommends kamailio")
        with open(os.path.join(ROOT, "tests", "system", "kamailio", f"{config}.cfg"), encoding="ascii") as file:
            text = file.read().replace("@ADDRESS@", host.address4)
        for name, value in values.items():
            text = text.replace(f"@{name.upper()}@", value)
        path, folder = host.world.path(f"{host.name}.cfg"), host.world.path(f"{host.name}-run")
        os.makedirs(folder, exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        self.process = host.start(f"kamailio-{host.name}", "kamailio", "-f", path, "-DD", "-E", "-Y", folder, "-m", "32", "-M", "4")

    def stop(self):
        self.process.stop()
