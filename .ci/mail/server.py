"""A mail server whose treatment of a recipient stands in the address, before a `+` or the `@`.

`refuse` is refused for good, `later` is asked to come again the first time, `stall` gets no answer to its mail the first
time, `drop` has its connection cut in the middle of its mail the first time, `lost` has it cut after the mail was taken,
in place of the answer, the first time. `mute` gets its mail, and no answer to its farewell. Everybody else gets mail.
"""

import argparse
import asyncio
import json
import logging
import os
import ssl
import sys
import warnings
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

STALL_S = 3600
USER, PASSWORD = b"census", b"p@ss word"
seen: set[str] = set()


def first_time(recipients: list[str], treatment: str) -> bool:
    """Whether one of them is to be treated so, and was not yet."""
    for recipient in recipients:
        if recipient.partition("@")[0].partition("+")[0] == treatment and recipient not in seen:
            seen.add(recipient)
            return True
    return False


class Handler:
    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("refuse"):
            return f"550 5.1.1 <{address}>: no such user here"
        if first_time([address], "later"):
            return f"451 4.7.1 <{address}>: greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if first_time(envelope.rcpt_tos, "stall"):
            await asyncio.sleep(STALL_S)
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.content.decode(),
            "tls": server.transport.get_extra_info("sslcontext") is not None,
        }
        print(json.dumps(mail), flush=True)
        if first_time(envelope.rcpt_tos, "lost"):
            server.transport.abort()
        if first_time(envelope.rcpt_tos, "mute"):
            session.is_mute = True
        return "250 taken"


class Server(SMTP):
    async def smtp_DATA(self, arg: str) -> None:
        if self.envelope and first_time(self.envelope.rcpt_tos, "drop"):
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:
        if getattr(self.session, "is_mute", False):
            await asyncio.sleep(STALL_S)
        await super().smtp_QUIT(arg)


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=good, handled=False)


def certificate(folder: str) -> ssl.SSLContext:
    """A certificate for this host, whose authority is left in the folder."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(os.path.join(folder, "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


async def main() -> None:
    # A connection that was cut is no news.
    logging.getLogger("mail").setLevel(logging.CRITICAL)
    # It does not see the TLS that is there from the first byte.
    warnings.filterwarnings("ignore", "Requiring AUTH")
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls")
    arguments = parser.parse_args()
    loop = asyncio.get_running_loop()
    context = certificate(arguments.tls) if arguments.tls else None

    def protocol(wrapped: bool) -> Any:
        login: dict[str, Any] = {}
        if context:
            login = {"auth_required": True, "auth_require_tls": not wrapped, "authenticator": authenticate}
        if context and not wrapped:
            login |= {"tls_context": context, "require_starttls": True}
        return Server(Handler(), enable_SMTPUTF8=False, hostname="localhost", loop=loop, **login)

    servers = [await loop.create_server(lambda: protocol(False), "127.0.0.1", arguments.port)]
    if context:
        servers.append(await loop.create_server(lambda: protocol(True), "127.0.0.1", 0, ssl=context))
    print(*[server.sockets[0].getsockname()[1] for server in servers], flush=True)
    # Whoever started it holds the pipe.
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    sys.stdout.flush()
    # A stalled conversation would be waited for.
    os._exit(0)


asyncio.run(main())
