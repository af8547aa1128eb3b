#!/usr/bin/env python3
"""An API with second factors, and people, programs and attackers who use it: traffic for a sensor to look at.

    traffic.py serve [PORT]              the API
    traffic.py call URL [SECONDS]        those who call it, for ever or for so long
    traffic.py forward PORT HOST:PORT    hands connections on, so that a page on loopback can be published

Everything here is made up. It needs Python and nothing else, and speaks to the addresses it is given alone.
Clients name their addresses in X-Forwarded-For, as a proxy in front of an API does.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PEOPLE = ["alice", "bruno", "chen", "dana", "emil", "farah", "goran", "hana", "ivan", "jonas", "kira", "lars"]
ADMIN = "petra"
HOST = "api.acme.example"
TOKEN_LIFE_S = 900


def address_of(name):
    """Where somebody lives: always the same address, in a network of an access provider."""
    network = random.Random(name).choice(["79.114", "105.4", "68.107", "189.58", "84.160", "81.2"])
    return f"{network}.{random.Random(name + '3').randrange(1, 255)}.{random.Random(name + '4').randrange(1, 255)}"


def code_of(name, step):
    """The one-time code that the authenticator of `name` shows in a step of 30 seconds."""
    digest = hashlib.sha256(f"{name} {step}".encode()).digest()
    return f"{int.from_bytes(digest[:4], 'big') % 1_000_000:06}"


def segment(value):
    """A part of a token."""
    if not isinstance(value, bytes):
        value = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class Api(BaseHTTPRequestHandler):
    """The service: password, code, token, keys. It takes a code twice, and one route forgets to check signatures."""

    protocol_version = "HTTP/1.1"
    key = os.urandom(32)
    tickets: dict = {}
    keys: dict = {}
    lock = threading.Lock()

    def do_GET(self):
        path = urlsplit(self.path).path
        who = self.caller(forgetful=path == "/v1/reports")
        if who is None:
            return self.answer(401, {"error": "unauthorized"})
        if path == "/v1/admin/users":
            known = who == ADMIN
            return self.answer(200 if known else 403, {"users": PEOPLE if known else []})
        if path.startswith("/v1/orders/"):
            number = int(path.rsplit("/", 1)[1])
            if number % 4 == 0:
                return self.answer(404, {"error": "not found"})
            return self.answer(200, {"id": number, "state": "shipped", "total": number * 3})
        return self.answer(200, {"items": [{"id": number} for number in range(20)], "next": "2"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = json.loads(body or b"{}")
        if self.path == "/login":
            return self.login(said)
        if self.path == "/mfa/verify":
            return self.verify(said)
        who = self.caller()
        if who is None:
            return self.answer(401, {"error": "unauthorized"})
        if self.path == "/v1/api-keys":
            key = "ak_live_" + base64.b32encode(os.urandom(20)).decode().lower()
            with self.lock:
                self.keys[key] = who
            return self.answer(201, {"api_key": key})
        return self.answer(200, {})

    def login(self, said):
        name = said.get("username", "").split("@")[0]
        if name not in [*PEOPLE, ADMIN] or said.get("password") != f"pass-of-{name}":
            return self.answer(401, {"error": "invalid_credentials"})
        ticket = os.urandom(16).hex()
        with self.lock:
            self.tickets[ticket] = name
        return self.answer(200, {"mfa_required": True, "mfa_token": ticket, "factors": ["totp"]})

    def verify(self, said):
        with self.lock:
            name = self.tickets.get(said.get("mfa_token"))
        if name is None:
            return self.answer(401, {"error": "mfa_token_expired"})
        step = int(time.time()) // 30
        if said.get("code") not in (code_of(name, step), code_of(name, step - 1)):
            return self.answer(401, {"error": "invalid_code"})
        with self.lock:
            del self.tickets[said["mfa_token"]]
        now = int(time.time())
        claims = {"iss": f"https://{HOST}", "sub": f"{name}@acme.example", "iat": now, "exp": now + TOKEN_LIFE_S}
        text = segment({"alg": "HS256", "typ": "JWT"}) + "." + segment({**claims, "amr": ["pwd", "otp"]})
        token = text + "." + segment(hmac.digest(self.key, text.encode(), "sha256"))
        return self.answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S})

    def caller(self, forgetful=False):
        """Who calls, by key or token; nobody without a proof."""
        if key := self.headers.get("X-Api-Key"):
            return self.keys.get(key)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        text, _, signature = token.rpartition(".")
        if not text:
            return None
        right = segment(hmac.digest(self.key, text.encode(), "sha256"))
        if not forgetful and not hmac.compare_digest(signature, right):
            return None
        claims = text.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"].split("@")[0]

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Client:
    """One program or browser: a connection that is opened again when it breaks, and what it presents."""

    def __init__(self, place, name, agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/142.0"):
        self.connection = http.client.HTTPConnection(place, timeout=10)
        self.headers = {"Host": HOST, "X-Forwarded-For": address_of(name), "User-Agent": agent}

    def ask(self, method, path, body=None):
        headers = dict(self.headers)
        data = None
        if body is not None:
            data = json.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            self.connection.request(method, path, data, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            time.sleep(1)
            return 0, {}
        return answer.status, json.loads(text or b"{}")

    def log_in(self, name, wrong_codes=0):
        """Password, then the code; some wrong ones first."""
        _, said = self.ask("POST", "/login", {"username": f"{name}@acme.example", "password": f"pass-of-{name}"})
        ticket = said.get("mfa_token", "")
        for _ in range(wrong_codes):
            self.ask("POST", "/mfa/verify", {"mfa_token": ticket, "code": f"{random.randrange(10**6):06}"})
            time.sleep(random.uniform(1, 3))
        code = code_of(name, int(time.time()) // 30)
        _, said = self.ask("POST", "/mfa/verify", {"mfa_token": ticket, "code": code})
        self.headers["Authorization"] = f"Bearer {said.get('access_token', '')}"


def person(place, name):
    """Logs in, works for some minutes, comes back later. One in ten mistypes a code."""
    time.sleep(random.uniform(0, 20))
    while True:
        client = Client(place, name)
        client.log_in(name, wrong_codes=random.random() < 0.1)
        for _ in range(random.randrange(10, 40)):
            path = random.choice(["/v1/orders", "/v1/orders", "/v1/invoices", f"/v1/orders/{random.randrange(999)}"])
            client.ask("GET", path)
            time.sleep(random.uniform(0.5, 6))
        client.ask("POST", "/logout", {})
        time.sleep(random.uniform(10, 120))


def program(place, name, key):
    """A service that asks with its key every few seconds."""
    client = Client(place, f"service-{name}", agent="acme-sync/2.4")
    client.headers["X-Api-Key"] = key
    while True:
        client.ask("GET", random.choice(["/v1/orders", "/v1/stock"]))
        time.sleep(random.uniform(2, 5))


def wrong_codes(place, _key):
    """Somebody has a password and guesses codes."""
    Client(place, "guesser").log_in(random.choice(PEOPLE), wrong_codes=5)


def stuffing(place, _key):
    """A list of names and passwords from elsewhere."""
    client = Client(place, f"stuffer{random.randrange(99)}", agent="python-requests/2.32")
    for number in range(30):
        name = f"user{random.randrange(9999)}{number}@acme.example"
        client.ask("POST", "/login", {"username": name, "password": f"Summer{number}!"})
        time.sleep(0.4)


def key_of_an_administrator(place, key):
    """A key does what its owner may do with a second factor alone."""
    client = Client(place, "elsewhere", agent="curl/8.14.1")
    client.headers["X-Api-Key"] = key
    client.ask("GET", "/v1/admin/users")


def unsigned_token(place, _key):
    """A token without a signature, at the route that forgets to look."""
    now = int(time.time())
    claims = {"iss": f"https://{HOST}", "sub": f"{ADMIN}@acme.example", "iat": now, "exp": now + TOKEN_LIFE_S}
    client = Client(place, "forger", agent="curl/8.14.1")
    client.headers["Authorization"] = f"Bearer {segment({'alg': 'none', 'typ': 'JWT'})}.{segment(claims)}."
    client.ask("GET", "/v1/reports")


def enumeration(place, _key):
    """Somebody counts through other people's orders."""
    name = random.choice(PEOPLE)
    client = Client(place, name)
    client.log_in(name)
    start = random.randrange(1000, 9000)
    for number in range(120):
        client.ask("GET", f"/v1/orders/{start + number}")
        time.sleep(0.2)


def call(url, seconds):
    """Starts everybody, and one attack a minute, the first at once."""
    place = urlsplit(url).netloc
    admin = Client(place, ADMIN)
    while admin.ask("POST", "/login", {})[0] == 0:
        pass
    admin.log_in(ADMIN)
    keys = [admin.ask("POST", "/v1/api-keys", {"name": "sync"})[1].get("api_key", "") for _ in range(2)]
    for name in PEOPLE:
        threading.Thread(target=person, args=(place, name), daemon=True).start()
    threading.Thread(target=program, args=(place, "stock", keys[1]), daemon=True).start()
    end = time.monotonic() + seconds
    pause = min(60, seconds / 8)
    while time.monotonic() < end:
        for attack in (wrong_codes, key_of_an_administrator, stuffing, unsigned_token, enumeration):
            print(time.strftime("%H:%M:%S"), attack.__doc__, flush=True)
            attack(place, keys[0])
            time.sleep(pause)


def forward(port, target):
    """Hands every connection on to `target`."""
    host, _, target_port = target.rpartition(":")
    with socket.create_server(("0.0.0.0", port)) as listener:
        while True:
            near = listener.accept()[0]
            try:
                far = socket.create_connection((host, int(target_port)), timeout=5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()


def pump(source, sink):
    """One direction of a connection, until it ends."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        sink.close()


def main(words):
    match words:
        case ["serve", *port]:
            ThreadingHTTPServer(("0.0.0.0", int(port[0]) if port else 8080), Api).serve_forever()
        case ["call", url, *seconds]:
            call(url, float(seconds[0]) if seconds else float("inf"))
        case ["forward", port, target]:
            forward(int(port), target)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        pass
