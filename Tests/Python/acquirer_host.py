#!/usr/bin/env python3
"""An acquirer's host for tests: speaks ISO 8583 with pyiso8583 and does what test cards say. Charges nobody.

A card of 16 digits that begins with 400000 does what the four digits before its check digit say; every other card is
approved.

    0001-0099  declined, with these two digits as response code (1987)
    0901       lost on its way here: not charged, never answered
    0902       charged, never answered; an inquiry finds it
    0903       charged, answered after --delay-ms
    0904       charged, never answered, nor is the inquiry: it must be reversed
    0905       as 0904, and the first reversal is charged back but not answered
    0906       as 0904, but reversals are refused
    0907       the first reversal overtakes the sale: not found, and then the sale is charged and approved
    0910       charged, answered twice
    0911       charged, answered after --late-ms: later than the link waits
    0912       charged, answered with another STAN
    0913       charged, and the line is cut in the middle of the answer
    0914       another amount is approved
    0915       answered as a format error
    0916       charged, answered with bytes that are no message
    0917       declined, and then charged and approved after all

A reversal charges back at once. A request of class 2 with processing code 20xxxx is a refund: of a sale that its
original data elements name, never of more than is left of it. A reversal request (0400, 1400) is a void, an advice (0420,
1420) a reversal of what got no answer. The last two digits of the amount say what becomes of refunds and voids:

    51  declined; a void is refused
    52  done, never answered; a void is answered when it is sent again
    53  refund: done, answered after --late-ms
    54  refund: done, and the line is cut in the middle of the answer
    55  refund: answered with another amount, and not done

The log has one line for each sale, refund, inquiry and reversal, written before the answer:

    sale TERMINAL STAN STAMP REFERENCE AMOUNT CURRENCY charged|refunded|free CODE

STAMP is DE7 of the sale (1987) or its DE12 (1993), of a refund its own; REFERENCE is DE37, "-" stands for what is absent;
the eighth word tells whether the card is charged from then on, or was given the amount. No card data. A host that starts with an existing log knows from it what
was charged.

Prints "listening on port N". Ends with SIGTERM.

    python3 acquirer_host.py --port 7583 --log host.log --fields ../../dialects/iso8583-1987-ascii.fields
"""

import argparse
import asyncio
import os
import signal
import ssl
import sys

import iso8583

import field_table

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = os.path.join(HERE, "..", "..", "dialects")


class Framing:
    """Length headers: binary2, ascii4, or tpdu (two bytes, then five of TPDU that the length counts)."""

    def __init__(self, kind):
        self.kind = kind

    async def read(self, reader):
        """One message and its TPDU (or b"")."""
        size = int(await reader.readexactly(4)) if self.kind == "ascii4" else int.from_bytes(await reader.readexactly(2))
        body = await reader.readexactly(size)
        return (body[5:], body[:5]) if self.kind == "tpdu" and body else (body, b"")

    def wrap(self, message, tpdu):
        if self.kind == "ascii4":
            return b"%04d" % len(message) + message
        if self.kind == "tpdu":
            tpdu = tpdu or bytes.fromhex("6000000000")
            message = tpdu[:1] + tpdu[3:5] + tpdu[1:3] + message
        return len(message).to_bytes(2) + message


class Log:
    def __init__(self, path):
        self.charged = {}
        # By the sale they are of; kept for the life of the process.
        self.refunded = {}
        if path and os.path.exists(path):
            with open(path, encoding="ascii") as lines:
                for line in lines:
                    words = line.split()
                    if words[0] != "refund":
                        self.note(tuple(words[1:4]), words[7] == "charged", words[5])
        self.file = open(path, "a", encoding="ascii") if path else None

    def note(self, key, is_charged, amount):
        if is_charged:
            self.charged[key] = amount
        else:
            self.charged.pop(key, None)

    def add(self, kind, key, message, is_charged, code):
        """`is_charged` is a word where nothing is charged or charged back."""
        amount = message.get("4", "-")
        if not isinstance(is_charged, str):
            self.note(key, is_charged, amount)
        words = [kind, *key, message.get("37", "-").strip() or "-", amount, message.get("49", "-")]
        words += [is_charged if isinstance(is_charged, str) else "charged" if is_charged else "free", code]
        if self.file:
            self.file.write(" ".join(words) + "\n")
            self.file.flush()


class Host:
    def __init__(self, options):
        self.options = options
        self.spec, _ = field_table.read(options.fields)
        self.framing = Framing(options.header)
        self.log = Log(options.log)
        self.behaviours = {}
        self.reversals = {}
        self.approvals = 0
        self.voided = set()
        self.lines = set()

    # Lines

    async def serve(self, reader, writer):
        line = Line(self, reader, writer)
        self.lines.add(line)
        try:
            await line.run()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self.lines.discard(line)
            writer.close()

    async def echo(self):
        """Tries every line now and then, as acquirers do."""
        stan = 0
        while True:
            await asyncio.sleep(self.options.echo_ms / 1000)
            stan = stan % 999_999 + 1
            for line in list(self.lines):
                line.send({"t": "0800", "7": "0101000000", "11": f"{stan:06}", "70": "301"})

    # Meaning

    def is_1993(self, message):
        return message["t"][0] == "1"

    def sale_key(self, message):
        return (message.get("41", "-").strip(), message["11"], message["12" if self.is_1993(message) else "7"])

    def original_key(self, message):
        """The sale that a reversal or an inquiry is about, from DE90 (1987) or DE56 (1993)."""
        original = message["56" if self.is_1993(message) else "90"]
        stamp = original[10:22] if self.is_1993(message) else original[10:20]
        return (message.get("41", "-").strip(), original[4:10], stamp)

    def code(self, message, meaning):
        old = {"ok": "00", "reversed": "00", "not found": "25", "refused": "12", "format": "30", "line": "00"}
        new = {"ok": "000", "reversed": "400", "not found": "914", "refused": "902", "format": "904", "line": "800"}
        return (new if self.is_1993(message) else old).get(meaning, meaning)


def behaviour(pan):
    """The four digits of a test card; "" for a card that is simply approved."""
    return pan[11:15] if len(pan) == 16 and pan.startswith("400000") else ""


class Line:
    """One connection."""

    def __init__(self, host, reader, writer):
        self.host, self.reader, self.writer = host, reader, writer
        self.tpdu = b""

    async def run(self):
        while True:
            raw, self.tpdu = await self.host.framing.read(self.reader)
            if not raw:
                continue
            try:
                message, _ = iso8583.decode(raw, self.host.spec)
            except iso8583.DecodeError as error:
                print(f"unreadable message: field {error.field}", file=sys.stderr)
                continue
            kind = message["t"]
            if int(kind[2]) % 2 == 1:
                continue
            if kind[1] == "8":
                self.answer(message, self.host.code(message, "line"))
            elif kind[1] == "2" and message["3"].startswith("20"):
                await self.refund(message)
            elif kind[1] == "2":
                await self.sell(message)
            elif kind[1] == "4":
                self.reverse(message)
            elif kind[1] == "3":
                self.inquire(message)

    async def sell(self, sale):
        key, what = self.host.sale_key(sale), behaviour(sale["2"])
        self.host.behaviours[key] = what
        code = self.host.code(sale, "ok")
        if what and 1 <= int(what) <= 99:
            declined = "1" + what[2:] if self.host.is_1993(sale) else what[2:]
            self.host.log.add("sale", key, sale, False, declined)
            return self.answer(sale, declined)
        if what in ("0901", "0907"):
            return self.host.log.add("sale", key, sale, False, "-") if what == "0901" else None
        if what == "0915":
            code = self.host.code(sale, "format")
            self.host.log.add("sale", key, sale, False, code)
            return self.answer(sale, code)
        if what == "0917":
            declined = "116" if self.host.is_1993(sale) else "51"
            self.host.log.add("sale", key, sale, False, declined)
            self.answer(sale, declined)
            self.host.log.add("sale", key, sale, True, code)
            return self.later(self.host.options.delay_ms, sale, code)
        is_answered = what not in ("0902", "0904", "0905", "0906")
        self.host.log.add("sale", key, sale, True, code if is_answered else "-")
        if what in ("0903", "0911"):
            self.later(self.host.options.delay_ms if what == "0903" else self.host.options.late_ms, sale, code)
        elif what == "0912":
            self.answer(sale, code, {"11": f"{(int(sale['11']) + 500_000) % 999_999 + 1:06}"})
        elif what == "0913":
            await self.cut(sale, code)
        elif what == "0914":
            self.answer(sale, code, {"4": f"{int(sale['4']) // 2:012}"})
        elif what == "0916":
            self.writer.write(self.host.framing.wrap(b"this is no message", self.tpdu))
        elif is_answered:
            self.answer(sale, code)
            if what == "0910":
                self.answer(sale, code)

    async def refund(self, refund):
        key, what = self.host.sale_key(refund), int(refund["4"]) % 100
        sale, log = self.host.original_key(refund), self.host.log
        code = self.host.code(refund, "ok")
        left = int(log.charged.get(sale, "0")) - log.refunded.get(sale, 0)
        if what == 51 or int(refund["4"]) > left:
            declined = "116" if self.host.is_1993(refund) else "51"
            log.add("refund", key, refund, "free", declined)
            return self.answer(refund, declined)
        if what == 55:
            log.add("refund", key, refund, "free", code)
            return self.answer(refund, code, {"4": f"{int(refund['4']) // 2:012}"})
        log.refunded[sale] = log.refunded.get(sale, 0) + int(refund["4"])
        log.add("refund", key, refund, "refunded", "-" if what == 52 else code)
        if what == 53:
            self.later(self.host.options.late_ms, refund, code)
        elif what == 54:
            await self.cut(refund, code)
        elif what != 52:
            self.answer(refund, code)

    def void(self, void):
        """Whether this said all about a void that does not simply succeed."""
        key, what = self.host.original_key(void), int(void["4"]) % 100
        if what == 51:
            code = self.host.code(void, "refused")
            self.host.log.add("void", key, void, key in self.host.log.charged, code)
            self.answer(void, code)
        if what == 52 and void["t"][3] == "0":
            self.host.log.add("void", key, void, False, "-")
            self.host.voided.add(key)
        return what == 51 or what == 52 and void["t"][3] == "0"

    def reverse(self, reversal):
        key = self.host.original_key(reversal)
        is_void = reversal["t"][2] == "0"
        if is_void and self.void(reversal):
            return None
        what = self.host.behaviours.get(key, "")
        self.host.reversals[key] = self.host.reversals.get(key, 0) + 1
        is_charged = key in self.host.log.charged or is_void and key in self.host.voided
        code = self.host.code(reversal, "reversed" if is_charged else "not found")
        if what == "0906":
            code = self.host.code(reversal, "refused")
            self.host.log.add("reversal", key, reversal, is_charged, code)
            return self.answer(reversal, code)
        is_answered = what != "0905" or self.host.reversals[key] > 1
        if what == "0905" and self.host.reversals[key] > 1:
            code = self.host.code(reversal, "reversed")
        self.host.log.add("void" if is_void else "reversal", key, reversal, False, code if is_answered else "-")
        if is_answered:
            self.answer(reversal, code)
        if what == "0907" and self.host.reversals[key] == 1:
            sale = dict(reversal) | {"t": "1200" if self.host.is_1993(reversal) else "0200"}
            stamp = "12" if self.host.is_1993(reversal) else "7"
            sale |= {"11": key[1], stamp: key[2]}
            sale.pop("90", None)
            sale.pop("56", None)
            self.host.log.add("sale", key, sale, True, self.host.code(sale, "ok"))
            self.answer(sale, self.host.code(sale, "ok"))

    def inquire(self, inquiry):
        key = self.host.original_key(inquiry)
        is_charged = key in self.host.log.charged
        code = self.host.code(inquiry, "ok" if is_charged else "not found")
        is_answered = self.host.behaviours.get(key, "") not in ("0904", "0905", "0906", "0907", "0911")
        self.host.log.add("inquiry", key, inquiry, is_charged, code if is_answered else "-")
        if is_answered:
            self.answer(inquiry, code)

    # Answers

    async def cut(self, request, code):
        """Half of an answer, then the end of the line."""
        whole = self.bytes(self.reply(request, code))
        self.writer.write(whole[: len(whole) // 2])
        await self.writer.drain()
        self.writer.transport.abort() if not self.host.options.tls_cert else self.writer.close()

    def later(self, milliseconds, request, code):
        asyncio.get_running_loop().call_later(milliseconds / 1000, lambda: self.answer(request, code))

    def answer(self, request, code, changes=None):
        self.send(self.reply(request, code, changes))

    def reply(self, request, code, changes=None):
        kept = ("3", "4", "7", "11", "12", "13", "24", "32", "37", "41", "49", "70")
        reply = {field: request[field] for field in kept if field in request}
        kind = request["t"]
        reply["t"] = kind[:2] + str(int(kind[2]) + 1) + "0"
        reply["39"] = code
        if kind[1] in "23" and code in ("00", "000"):
            self.host.approvals = self.host.approvals % 999_999 + 1
            reply["38"] = f"{self.host.approvals:06}"
        return reply | (changes or {})

    def bytes(self, message):
        raw, _ = iso8583.encode(message, self.host.spec)
        return self.host.framing.wrap(bytes(raw), self.tpdu)

    def send(self, message):
        if not self.writer.is_closing():
            self.writer.write(self.bytes(message))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, default 127.0.0.1")
    parser.add_argument("--port", type=int, default=7583, help="port, default 7583; 0 takes any free one")
    parser.add_argument("--log", help="file that everything is appended to; none by default")
    parser.add_argument(
        "--fields", default=os.path.join(TABLES, "iso8583-1987-ascii.fields"), help="field table, default 1987 in ASCII"
    )
    parser.add_argument("--header", choices=["binary2", "ascii4", "tpdu"], default="binary2", help="length header")
    parser.add_argument("--delay-ms", type=int, default=300, help="how long card 0903 takes, default 300")
    parser.add_argument("--late-ms", type=int, default=20_000, help="how long card 0911 takes, default 20000")
    parser.add_argument("--echo-ms", type=int, default=0, help="try every line this often; 0: never")
    parser.add_argument("--tls-cert", help="PEM chain; with --tls-key the host speaks TLS")
    parser.add_argument("--tls-key", help="PEM key")
    parser.add_argument("--tls-client-ca", help="PEM certificates; clients must show one that they issued")
    return parser.parse_args()


async def main():
    options = parse()
    context = None
    if options.tls_cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.tls_cert, options.tls_key)
        if options.tls_client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options.tls_client_ca)
    host = Host(options)
    server = await asyncio.start_server(host.serve, options.host, options.port, ssl=context)
    print(f"listening on port {server.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    if options.echo_ms:
        asyncio.ensure_future(host.echo())
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
