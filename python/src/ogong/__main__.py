"""`python -m ogong verify RECEIPT`: the checks of a saved receipt, in this second implementation."""

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from .settled import find_settled, follow, read_settled, read_voters
from .trust import UnusableError
from .verify import verify_file

_MARKS = {"pass": "ok  ", "fail": "FAIL", "skip": "skip"}


def main(arguments: list[str] | None = None) -> int:
    """@returns 0 if the receipt is good, 1 where a check failed, 2 where it cannot be read, 3 where a skipped check is missing."""
    parser = argparse.ArgumentParser(prog="python -m ogong", description="Checks receipts of OGONG without a gateway.")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="check a saved receipt", description="Checks a receipt, request and response in it.")
    verify.add_argument("receipt", help="file as GET /v1/receipts/ID answers; - reads standard input")
    verify.add_argument("--trust", help="file with what you trust already (docs/spec/receipt.md)")
    verify.add_argument("--allow", action="append", default=[], metavar="CHECK", help="a check that you do without; repeatable")
    verify.add_argument(
        "--settled",
        metavar="SOURCE",
        help="follow the reply into its validator's log: the address of a gateway, or a file with entry, index, proof and certificate",
    )
    verify.add_argument("--voters", metavar="FILE", help="stakes and head keys of all validators (docs/spec/log-heads.md), for --settled")
    verify.add_argument("--json", action="store_true", help="print the verdict as JSON")
    options = parser.parse_args(arguments)
    try:
        data = sys.stdin.buffer.read() if options.receipt == "-" else _read(options.receipt)
        trust = json.loads(_read(options.trust)) if options.trust else {}
        if not isinstance(trust, dict):
            raise UnusableError(f"{options.trust} holds no object")
        trust["allow"] = [*trust.get("allow", []), *options.allow]
        verdict = verify_file(data, trust, now_ms=time.time_ns() // 1_000_000)
        if options.settled:
            if not options.voters:
                raise UnusableError("--settled takes --voters, whose quorum it is held against")
            receipt = json.loads(data)
            source = options.settled
            is_gateway = source.startswith(("http://", "https://"))
            shown = find_settled(receipt, _asking(source)) if is_gateway else read_settled(json.loads(_read(source)))
            voters = read_voters(json.loads(_read(options.voters)))
            verdict.checks.extend(follow(receipt, base64.b64decode(receipt["request"]), trust, shown, voters))
    except (OSError, ValueError) as error:
        print(f"ogong: {error}", file=sys.stderr)
        return 2
    if options.json:
        checks = [{"id": check.id, "status": check.status, "detail": check.detail} for check in verdict.checks]
        print(json.dumps({"ok": verdict.ok, "missing": verdict.missing, "allowed": verdict.allowed, "checks": checks}, indent=2))
    else:
        for check in verdict.checks:
            print(f"{_MARKS[check.status]}  {check.id:<18} {check.detail}")
        print("good" if verdict.ok else f"not good: {', '.join(verdict.failed or verdict.missing)}")
    return 0 if verdict.ok else 1 if verdict.failed else 3


def _asking(gateway: str) -> Callable[[str], Any]:
    """The JSON at a path of a gateway's public API; None if it has nothing there."""

    def ask(path: str) -> Any:
        try:
            with urllib.request.urlopen(gateway.rstrip("/").removesuffix("/v1") + path, timeout=30) as answer:
                return json.loads(answer.read(8 << 20))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    return ask


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    sys.exit(main())
