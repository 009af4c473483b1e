"""A phone: baresip 1.0.0 in a namespace, driven over its control socket. It speaks from a WAV file and records what it hears
(the sndfile filter, before the sound card)."""
import glob
import json
import os
import re
import select
import time

from .world import Failure, wait_for

CONFIG = """poll_method epoll
sip_listen {address}:{port}
call_local_timeout 120
call_max_calls 8
audio_player aubridge,{name}
audio_source aufile,{speech}
audio_alert aubridge,{name}-alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
rtp_tos 184
rtp_ports {rtp_start}-{rtp_end}
rtcp_mux {rtcp_mux}
jitter_buffer_delay 1-5
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module opus.so
module l16.so
module sndfile.so
module aufile.so
module aubridge.so
module srtp.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
ringback_disabled yes
menu_bell no
statmode_default off
snd_path {recordings}
"""


def bracket(address):
    return f"[{address}]" if ":" in address else address


class Phone:
    control_next = 4440

    def __init__(self, host, name, user, server, address, password="", speech="", port=5060, register=True, answer="manual",
                 codecs="PCMU/8000/1", rtcp_mux=False, transport="udp", srtp="", authority=""):
        """`server` is where it registers and whom it asks to call; "" is nobody (phone to phone). answer: manual or auto.
        authority: a PEM file whose signature it wants to see on the server's certificate (TLS)."""
        Phone.control_next += 1
        self.host, self.name, self.user, self.server, self.address, self.port = host, name, user, server, address, port
        self.folder = host.world.path(f"phone-{name}")
        self.recordings = os.path.join(self.folder, "recordings")
        os.makedirs(self.recordings)
        self.events, self.buffer, self.token = [], b"", 0
        control = Phone.control_next
        rtp_start = 30000 + (control - 4440) * 20
        with open(os.path.join(self.folder, "config"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(address=bracket(address), port=port, name=name, speech=speech, control=control,
                                     recordings=self.recordings, rtp_start=rtp_start, rtp_end=rtp_start + 19,
                                     rtcp_mux="yes" if rtcp_mux else "no"))
            file.write(f"sip_cafile {authority}\n" if authority else "")
        domain = bracket(server) if server else f"{bracket(address)}:{port}"
        account = f"<sip:{user}@{domain};transport={transport}>;answermode={answer};audio_codecs={codecs};auth_user={user};auth_pass={password}"
        account += f';outbound="sip:{domain};transport={transport}"' if transport != "udp" else ""
        account += f";mediaenc={srtp}" if srtp else ""
        account += ";regint=60" if server and register else ";regint=0"
        with open(os.path.join(self.folder, "accounts"), "w", encoding="utf-8") as file:
            file.write(account + "\n")
        family = "-6" if ":" in address else "-4"
        self.process = host.start(f"phone-{name}", "baresip", family, "-f", self.folder, "-v")
        self.socket = host.connect("127.0.0.1", control, timeout_s=10)
        self.socket.setblocking(False)

    def poll(self, timeout_s=0.0):
        """Takes in what the phone said: events go to self.events, a response is returned."""
        if select.select([self.socket], [], [], timeout_s)[0]:
            data = self.socket.recv(65536)
            if not data:
                raise Failure(f"phone {self.name} ended")
            self.buffer += data
        response = None
        while b":" in self.buffer:
            size, rest = self.buffer.split(b":", 1)
            if len(rest) <= int(size):
                break
            message = json.loads(rest[:int(size)])
            self.buffer = rest[int(size) + 1:]
            if message.get("event"):
                self.events.append(message)
            else:
                response = message
        return response

    def command(self, command, parameters=""):
        self.token += 1
        text = json.dumps({"command": command, "params": parameters, "token": str(self.token)}).encode()
        self.socket.sendall(b"%d:%s," % (len(text), text))
        end = time.monotonic() + 5
        while time.monotonic() < end:
            response = self.poll(0.1)
            if response:
                return response.get("data", "")
        raise Failure(f"phone {self.name} does not answer {command}")

    def wait_event(self, kind, timeout_s=10):
        """The first event of that type that was not waited for yet; earlier ones are forgotten."""
        def found():
            self.poll(0.02)
            for number, event in enumerate(self.events):
                if event["type"] == kind:
                    self.events = self.events[number + 1:]
                    return event
                if kind == "CALL_ESTABLISHED" and event["type"] in ("CALL_CLOSED", "REGISTER_FAIL"):
                    raise Failure(f"phone {self.name}: {event['type']} {event.get('param', '')} instead of {kind}")
            return None
        return wait_for(f"{kind} at phone {self.name}", found, timeout_s, step_s=0)

    def has_event(self, kind):
        self.poll()
        return any(event["type"] == kind for event in self.events)

    def wait_registration(self, status, timeout_s=10):
        """The first answer to REGISTER often comes before anybody listens to events, so its line in the log counts."""
        wait_for(f"registration with {status} at phone {self.name}",
                 lambda: re.search(rf"{self.user}@\S+: .*\b{status}\b", self.process.output()), timeout_s)

    def wait_registered(self, timeout_s=10):
        self.wait_registration("200 OK", timeout_s)

    def dial(self, target):
        """A number of the server's, or a whole SIP URI."""
        uri = target if target.startswith("sip:") else f"sip:{target}@{bracket(self.server)}"
        self.command("dial", uri)

    def answer(self):
        self.command("accept")

    def talk(self, seconds):
        """Lets time pass in a call that must not end meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.has_event("CALL_CLOSED"):
                raise Failure(f"phone {self.name}: the call ended before its time")
            self.poll(0.1)

    def hang_up(self):
        self.command("hangup")
        self.wait_event("CALL_CLOSED", 5)

    def recording(self):
        """What it heard in its last call. Complete once the call is over."""
        files = sorted(glob.glob(os.path.join(self.recordings, "*-dec.wav")), key=os.path.getmtime)
        if not files:
            raise Failure(f"phone {self.name} recorded nothing")
        return files[-1]
