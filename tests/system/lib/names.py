"""A name server for tests: a dictionary of records, answered over UDP by a thread of ours in a host's namespace. It answers A, AAAA, SRV
and NAPTR; other names do not exist. (dnsmasq knows no NAPTR in a form that can be changed while it runs.)"""
import socket
import struct
import threading

TYPES = {"A": 1, "AAAA": 28, "SRV": 33, "NAPTR": 35}


def pack_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label) + b"\0"


def pack_text(text):
    return bytes([len(text)]) + text.encode()


def pack_data(kind, data):
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, data)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, data)
    if kind == "SRV":
        priority, weight, port, target = data
        return struct.pack("!HHH", priority, weight, port) + pack_name(target)
    order, preference, flags, service, replacement = data
    return struct.pack("!HH", order, preference) + pack_text(flags) + pack_text(service) + b"\0" + pack_name(replacement)


class Names:
    def __init__(self, host, port=53):
        """zone: (name, type) -> list of data; changed at any time. silent: nobody answers."""
        self.zone, self.asked, self.silent, self.ttl_s = {}, [], False, 5
        self.socket = host.udp(host.address4, port)
        threading.Thread(target=self.serve, daemon=True).start()

    def add(self, name, kind, *data):
        self.zone.setdefault((name, kind), []).append(data if kind in ("SRV", "NAPTR") else data[0])

    def serve(self):
        while True:
            try:
                question, sender = self.socket.recvfrom(4096)
            except OSError:
                return
            if not self.silent:
                self.socket.sendto(self.answer(question), sender)

    def answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode().lower())
            at += 1 + question[at]
        number, = struct.unpack("!H", question[at + 1:at + 3])
        name, kind = ".".join(labels), {value: key for key, value in TYPES.items()}.get(number, "?")
        self.asked.append((name, kind))
        found = self.zone.get((name, kind), [])
        code = 0 if any(key[0] == name for key in self.zone) else 3
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", number, 1, self.ttl_s, len(pack_data(kind, data))) + pack_data(kind, data)
                        for data in found)
        return head + question[12:at + 5] + body
