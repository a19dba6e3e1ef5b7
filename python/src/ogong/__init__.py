"""A client of the OGONG network, and the checks of its receipts."""

from .checks import Check
from .client import Client
from .sealed import SealedCallError
from .shown import GatewayError, ReceiptError
from .verify import UnusableError, Verdict, verify_file, verify_receipt

__all__ = ["Check", "Client", "GatewayError", "ReceiptError", "SealedCallError", "UnusableError", "Verdict", "verify_file", "verify_receipt"]
__version__ = "0.1.0"
