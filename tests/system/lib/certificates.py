"""Certificates made on the spot by openssl: an authority and what it signs, PEM files in the world's folder."""
import os
import subprocess

from .world import Failure

CA_CONFIG = """[ca]
default_ca = here
[here]
dir = {folder}
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""


def openssl(*arguments):
    answer = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30)
    if answer.returncode != 0:
        raise Failure(f"openssl {arguments[0]}: {answer.stderr.strip()}")


class Authority:
    def __init__(self, world, folder="certificates"):
        self.folder = world.path(folder)
        os.makedirs(self.folder)
        for name, content in (("index", ""), ("serial", "01\n"), ("ca.conf", CA_CONFIG.format(folder=self.folder))):
            with open(self.path(name), "w", encoding="ascii") as file:
                file.write(content)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Test Authority",
                "-keyout", self.path("ca.key"), "-out", self.path("ca.crt"), "-days", "10")
        self.file = self.path("ca.crt")

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, name, alternative, begin="20240101000000Z", end="20480101000000Z"):
        """<name>.pem, the certificate and its key; the path. alternative: "IP:10.77.0.1,DNS:sip.example.com"."""
        request, certificate, key, both = (self.path(f"{name}.{ending}") for ending in ("req", "crt", "key", "pem"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-addext", f"subjectAltName={alternative}", "-keyout", key, "-out", request)
        openssl("ca", "-batch", "-config", self.path("ca.conf"), "-startdate", begin, "-enddate", end, "-notext", "-in", request,
                "-out", certificate)
        with open(both, "w", encoding="ascii") as file:
            for part in (certificate, key):
                with open(part, encoding="ascii") as source:
                    file.write(source.read())
        return both
