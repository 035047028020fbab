"""Says which Python this is and which packages it has, by the digests of their files, and nothing of where they are."""

import hashlib
import importlib.metadata
import json
import os
import sys

# Scripts with the interpreter's path in them, and notes of where a package came from.
OF_PLACE = ("..", "__editable__", "_virtualenv")
NOTES = ("direct_url.json", "INSTALLER", "REQUESTED", "RECORD")


def is_of_place(line):
    return line.startswith(OF_PLACE) or os.path.basename(line.split(",", 1)[0]) in NOTES


def check_editable(distribution):
    """Of a package that lies elsewhere, only what is in the workspace is known."""
    source = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not source.get("dir_info", {}).get("editable"):
        return
    folder = os.path.realpath(source.get("url", "").replace("file://", "", 1))
    workspace = os.path.realpath(os.environ.get("MUSTER_WORKSPACE", os.getcwd()))
    if os.path.commonpath([folder, workspace]) != workspace:
        sys.exit("%s is installed in place from %s, outside of the workspace" % (distribution.metadata["Name"], folder))


packages = []
for distribution in importlib.metadata.distributions():
    check_editable(distribution)
    lines = sorted(line for line in (distribution.read_text("RECORD") or "").splitlines() if not is_of_place(line))
    digest = hashlib.sha256("\n".join(lines).encode("utf-8", "backslashreplace")).hexdigest()
    packages.append("%s %s %s" % (distribution.metadata["Name"], distribution.version, digest))
print(sys.version, sys.platform, *sorted(packages), sep="\n")
