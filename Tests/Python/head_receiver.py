"""A company's HTTPS server for heads of the journal (docs/operations.md, "Heads elsewhere").

    python3 head_receiver.py PORT CERT.pem KEY.pem FILE REFUSED

Appends what is posted to /heads to FILE, once it has answered the first REFUSED posts with 503. Prints "listening" when
it is ready. Needs only Python's standard library.
"""

import http.server
import ssl
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    refused = 0
    file = ""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        is_right = self.path == "/heads" and self.headers["content-type"] == "text/plain; charset=us-ascii"
        if Receiver.refused > 0:
            Receiver.refused -= 1
            is_right = False
        if is_right:
            with open(self.file, "ab") as file:
                file.write(body)
        self.send_response(204 if is_right else 503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main(port, certificate, key, file, refused):
    Receiver.file, Receiver.refused = file, int(refused)
    server = http.server.ThreadingHTTPServer(("localhost", int(port)), Receiver)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
