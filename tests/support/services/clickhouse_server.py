"""ClickHouse's HTTP interface for tests: the real engine (chDB) in this process behind a small front.

    python clickhouse_server.py --path DATA --port N [--tls-port N --tls BUNDLE] [--user NAME:PASSWORD] [--lenient]

Queries come in ?query=, in the body, in both, or as multipart/form-data; the data of an INSERT are streamed to the
engine (chunked; gzip, lz4 or zstd; with ?decompress=1 blocks of LZ4 or ZSTD). It knows database, default_format, param_*,
session_id and query_id; every other parameter is a setting of that query alone. Answers and errors are as ClickHouse
sends them. More than one statement in a query is refused, but for --lenient.

GET /_stats counts. POST /_fault?mode=MODE[&times=N][&match=REGEX on the query], and POST /_fault?clear=1:
    status   an error, not run    &status=503 &code=202 &text=...
    late     200, and the error in the answer's body, not run
    delay    runs after &ms=500
    hang     no answer for &ms, then cut, not run
    reset    cut, not run
    torn     run, then cut before the answer: a retry makes duplicates
    half     run, then cut within the answer

Not here: SELECT answers are built in memory; compress=1, external tables, roles, quotas, clusters, system.query_log.
The database `default` has another engine than a server's: make your own.
"""
import argparse, base64, email.parser, email.policy, gzip, json, os, re, signal, socket, ssl, struct, threading, time
import uuid, zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from urllib.parse import parse_qsl, urlsplit

import lz4.block, lz4.frame, zstandard
from chdb.session import Session

PIECE = 1 << 18
NO_SETTINGS = frozenset(
    "query database default_format session_id session_timeout session_check query_id user password role quota_key "
    "compress decompress buffer_size wait_end_of_query stacktrace client_protocol_version enable_http_compression"
    .split()
)
# HTTP status by the exception's code, as ClickHouse's HTTPHandler chooses it; 500 for all others.
STATUS = {
    code: status
    for status, codes in {
        400: (6, 26, 27, 33, 36, 38, 41, 53, 62, 70, 117, 456),
        401: (194,),
        403: (192, 497, 516),
        404: (16, 46, 47, 50, 56, 60, 81, 115),
        408: (159,),
        413: (223,),
        501: (48,),
        503: (202, 209, 439),
    }.items()
    for code in codes
}
SPACE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
INSERT = re.compile(rf"{SPACE}INSERT\s+INTO\b", re.I | re.S)
# INSERT INTO t (columns) [SETTINGS ...], then FORMAT name or VALUES, then data; quoted names and (...) are stepped over.
INSERT_HEAD = re.compile(
    rf"(?P<head>{SPACE}INSERT\s+INTO\s+(?:`[^`]*`|\"[^\"]*\"|\([^()]*\)|[^`\"()])*?)"
    r"\b(?:FORMAT\s+(?P<format>\w+)|VALUES)\b[ \t]*;?\r?\n?",
    re.I | re.S,
)
NO_DATA = re.compile(r"\b(SELECT|WITH|FROM\s+INFILE)\b", re.I)
TEXT_OR_COMMENT = re.compile(r"'(?:[^'\\]|\\.)*'|--[^\n]*")


class Refused(Exception):
    """An error in ClickHouse's words: `Code: 62. DB::Exception: ...`."""

    def __init__(self, code, text):
        super().__init__(f"Code: {code}. DB::Exception: {text}")


class Body:
    """A request's body: read(n) gives n bytes, fewer only at its end; ConnectionError when the client went away."""

    def __init__(self, file, headers):
        self.file, self.pending = file, bytearray()
        self.chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        self.left = 0 if self.chunked else int(headers.get("Content-Length") or 0)
        self.ended = not self.chunked and not self.left
        coding = headers.get("Content-Encoding", "").lower()
        self.decoder = zlib.decompressobj(31) if coding == "gzip" else None
        self.decoder = lz4.frame.LZ4FrameDecompressor() if coding == "lz4" else self.decoder
        self.decoder = zstandard.ZstdDecompressor().decompressobj() if coding == "zstd" else self.decoder

    def read(self, count):
        while len(self.pending) < count and not self.ended:
            data = self.next_chunk() if self.chunked else self.next_piece()
            self.pending += self.decoder.decompress(data) if self.decoder and data else data
        data = bytes(self.pending[:count])
        del self.pending[:count]
        return data

    def next_chunk(self):
        size = int(self.file.readline().strip() or b"-1", 16)
        data = self.exactly(size) if size > 0 else b""
        if size < 0 or not self.file.readline():
            raise ConnectionError
        self.ended = not size
        return data

    def next_piece(self):
        data = self.exactly(min(self.left, PIECE))
        self.left -= len(data)
        self.ended = not self.left
        return data

    def exactly(self, size):
        data = self.file.read(size)
        if len(data) != size:
            raise ConnectionError
        return data

    def pieces(self):
        return iter(lambda: self.read(PIECE), b"")

    def blocks(self):
        """Undoes ClickHouse's own compression: 16 bytes of checksum (not checked), method, two sizes, data."""
        while head := self.read(25):
            method, packed, plain = struct.unpack("<BII", head[16:].ljust(9, b"\0"))
            if len(head) < 25 or len(data := self.read(packed - 9)) != packed - 9:
                raise Refused(33, "truncated compressed block. (CANNOT_READ_ALL_DATA)")
            if method == 0x82:
                yield lz4.block.decompress(data, uncompressed_size=plain)
            elif method == 0x90:
                yield zstandard.ZstdDecompressor().decompress(data, max_output_size=plain)
            else:
                yield data


class Handler(BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True
    server_version, sys_version = "clickhouse-for-tests", ""

    def log_message(self, *_):
        pass

    def do_GET(self):
        state, url = self.server.state, urlsplit(self.path)
        self.parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/ping" or (self.command != "POST" and url.path == "/" and not self.parameters):
            self.answer(200, b"Ok.\n")
        elif url.path == "/_stats":
            self.answer(200, json.dumps(state.counts).encode())
        elif url.path == "/_fault":
            state.arrange(self.parameters)
            self.answer(200, b"Ok.\n")
        else:
            body = Body(self.rfile, self.headers)
            try:
                self.query(body)
            except OSError:  # our own ConnectionError, or the client went away
                self.cut()
            except Exception as error:  # the engine's, or in its words
                for _ in body.pieces():  # a client that still sends reads the answer only afterwards
                    pass
                self.refuse(str(error))

    do_POST = do_HEAD = do_GET

    def query(self, body):
        state = self.server.state
        self.authenticate()
        state.count("requests")
        sql, data, pieces = self.statement(body)
        fault = state.fault_for(sql)
        mode = fault.get("mode")
        if mode in ("status", "late", "hang", "reset"):
            for _ in pieces:
                pass
        text = fault.get("text", "Injected. (TOO_MANY_SIMULTANEOUS_QUERIES)")
        error = f"Code: {fault.get('code', 202)}. DB::Exception: {text}"
        if mode == "status":
            return self.refuse(error, fault.get("status"))
        if mode == "late":
            return self.answer(200, error.encode() + b"\n")
        if mode in ("delay", "hang"):
            time.sleep(int(fault.get("ms", 500)) / 1000)
        if mode in ("hang", "reset"):
            raise ConnectionError
        with state.slots:
            answer, summary, form = self.run(sql, data, pieces)
        if mode == "torn":
            raise ConnectionError
        self.answer(200, answer, "application/octet-stream", half=mode == "half", **{
            "X-ClickHouse-Format": form,
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Query-Id": self.parameters.get("query_id") or uuid.uuid4(),
            "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        })

    def authenticate(self):
        user, password = self.headers.get("X-ClickHouse-User"), self.headers.get("X-ClickHouse-Key")
        if self.headers.get("Authorization", "").startswith("Basic "):
            user, _, password = base64.b64decode(self.headers["Authorization"][6:]).decode().partition(":")
        user = user or self.parameters.get("user", "default")
        password = password or self.parameters.get("password", "")
        if self.server.state.user not in (None, f"{user}:{password}"):
            raise Refused(516, f"{user}: Authentication failed: password is incorrect, or there is no user with such "
                               "name. (AUTHENTICATION_FAILED)")

    def statement(self, body):
        """The query's text, the data that came behind it in the same place, and where further data come from."""
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            whole = f"Content-Type: {kind}\r\n\r\n".encode() + b"".join(body.pieces())
            for part in email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(whole).iter_parts():
                name = part.get_param("name", header="content-disposition")
                self.parameters[name] = part.get_payload(decode=True).decode()
        sql, data = self.parameters.get("query", ""), b""
        pieces = body.blocks() if self.parameters.get("decompress") == "1" else body.pieces()
        if not INSERT.match(sql):  # the query is, or goes on, in the body; binary data may follow an INSERT there
            whole = (sql.encode() + b"\n" if sql else b"") + b"".join(pieces)
            head = insert_head(whole.decode("latin-1")) if INSERT.match(whole[:4096].decode("latin-1")) else None
            end = head.end() if head and head["format"] else len(whole)
            sql, data, pieces = whole[:end].decode(), whole[end:], iter(())
        if not sql.strip():
            raise Refused(62, "Syntax error: empty query. (SYNTAX_ERROR)")
        return sql, data, pieces

    def run(self, sql, data, pieces):
        """Runs one query. Gives the answer, what it read and wrote, and the answer's format."""
        state, parameters = self.server.state, self.parameters
        session = parameters.get("session_id")
        engine = state.session(session)
        try:
            if database := parameters.get("database") or self.headers.get("X-ClickHouse-Database"):
                engine.query("USE `{}`".format(database.replace("`", "")))
            for name, value in parameters.items():
                if name not in NO_SETTINGS and not name.startswith("param_"):
                    value = re.sub(r"([\\'])", r"\\\1", value)
                    engine.query(f"SET {re.sub('[^A-Za-z0-9_]', '', name)} = '{value}'")
            head = insert_head(sql)
            if head and (head["format"] or not sql[head.end():].strip()):  # VALUES (...) is a query like others
                return self.insert(engine, head, chain([sql[head.end():].encode() + data], pieces))
            if not state.lenient and re.search(r";\s*\S", TEXT_OR_COMMENT.sub("", sql)):
                raise Refused(62, "Syntax error (Multi-statements are not allowed). (SYNTAX_ERROR)")
            form = parameters.get("default_format") or self.headers.get("X-ClickHouse-Format") or "TabSeparated"
            values = {name[len("param_"):]: value for name, value in parameters.items() if name.startswith("param_")}
            result = engine.query(sql, form, params=values or None)
            return bytes(result.bytes()), {
                "read_rows": result.storage_rows_read(),
                "read_bytes": result.storage_bytes_read(),
                "written_rows": result.rows_written(),
                "result_rows": result.rows_read(),
            }, form
        finally:
            if not session:
                engine.close()

    def insert(self, engine, head, pieces):
        self.server.state.count("inserts")
        form = head["format"] or "Values"
        with engine.send_insert(head["head"].rstrip(), form) as running:  # left before its end: nothing is written
            for piece in pieces:
                running.append(piece)
            result = running.finish()
        return b"", {"written_rows": result.rows_written, "written_bytes": result.bytes_written}, form

    def answer(self, status, body=b"", kind="text/plain; charset=UTF-8", half=False, **headers):
        accepted = self.headers.get("Accept-Encoding", "")
        if len(body) > 64 and "lz4" in accepted:
            body, headers["Content-Encoding"] = lz4.frame.compress(body), "lz4"
        elif len(body) > 64 and "gzip" in accepted and self.parameters.get("enable_http_compression") == "1":
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": max(len(body), int(half))}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if half:
            self.wfile.write(body[: len(body) // 2])
            raise ConnectionError
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, text, status=None):
        found = re.search(r"Code: (\d+)\..*", text, re.S)  # the engine's text may come with a prefix
        code, text = (int(found[1]), found[0]) if found else (1002, f"Code: 1002. DB::Exception: {text}")
        self.server.state.count("errors")
        self.answer(int(status or STATUS.get(code, 500)), text.encode() + b"\n", **{"X-ClickHouse-Exception-Code": code})

    def cut(self):
        self.close_connection = True
        reset_not_end = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_not_end)
        self.connection.close()


class State:
    """What the listeners share: the engine, named sessions, arranged faults, counts."""

    def __init__(self, options):
        self.path, self.user, self.lenient = options.path, options.user, options.lenient
        self.lock, self.slots = threading.Lock(), threading.BoundedSemaphore(8)
        self.faults, self.sessions = [], {}
        self.counts = {"requests": 0, "inserts": 0, "errors": 0, "faults": 0}
        self.keeper = Session(self.path)  # keeps the engine, and so merges and TTLs, going between requests

    def session(self, name):
        """A named session lives on; one without a name belongs to one query and costs 0.1 ms."""
        with self.lock:
            if name and name not in self.sessions:
                self.sessions[name] = Session(self.path)
            return self.sessions[name] if name else Session(self.path)

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def arrange(self, fault):
        with self.lock:
            if "clear" in fault:
                self.faults = []
            else:
                self.faults.append({**fault, "left": int(fault.get("times", 1))})

    def fault_for(self, sql):
        with self.lock:
            for fault in self.faults:
                if fault["left"] > 0 and re.search(fault.get("match", ""), sql, re.I):
                    fault["left"] -= 1
                    self.counts["faults"] += 1
                    return fault
        return {}


class Listener(ThreadingHTTPServer):
    daemon_threads, request_queue_size, allow_reuse_address = True, 128, True

    def __init__(self, port, state, bundle=None):
        self.state, self.tls = state, None
        if bundle:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(bundle)
        super().__init__(("127.0.0.1", port), Handler)

    def finish_request(self, request, address):
        # In the connection's own thread: a client that is slow to shake hands holds nobody else up.
        if not self.tls:
            return super().finish_request(request, address)
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, address)

    def handle_error(self, *_):
        pass  # connections that clients cut


def insert_head(sql):
    """The match of an INSERT that takes data, or None."""
    head = INSERT_HEAD.match(sql)
    return head if head and not NO_DATA.search(head["head"]) else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", required=True, help="data folder, kept between runs; of one process at a time")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-port", type=int)
    parser.add_argument("--tls", help="key and certificate chain in one PEM file")
    parser.add_argument("--user", help="name:password that every query must show")
    parser.add_argument("--lenient", action="store_true", help="allow several statements in a query")
    options = parser.parse_args()
    state = State(options)
    listeners = [Listener(options.port, state)]
    if options.tls_port:
        listeners.append(Listener(options.tls_port, state, options.tls))
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    for listener in listeners:
        threading.Thread(target=listener.serve_forever, args=(0.1,), daemon=True).start()
    print("ready", flush=True)
    stopped.wait()
    for listener in listeners:
        listener.shutdown()
    state.keeper.close()
    os._exit(0)


if __name__ == "__main__":
    main()
