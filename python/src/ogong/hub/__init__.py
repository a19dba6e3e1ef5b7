"""Models of the hub: described, signed, pushed, pulled and checked."""

from .manifest import File, Manifest, Origin, SignedManifest, parse_signed, verify_signed
from .registry import Registry
from .repository import HubError, create_version, fetch_manifest, list_files, pull_model, push_model

__all__ = [
    "File",
    "HubError",
    "Manifest",
    "Origin",
    "Registry",
    "SignedManifest",
    "create_version",
    "fetch_manifest",
    "list_files",
    "parse_signed",
    "pull_model",
    "push_model",
    "verify_signed",
]
