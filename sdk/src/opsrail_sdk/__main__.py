"""``python -m opsrail_sdk new NAME`` makes an agent, ``check FOLDER`` runs the conformance checks on one."""

import argparse
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m opsrail_sdk", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    new = verbs.add_parser("new", help="make a working agent to start from")
    new.add_argument("name", help="id: lower case letters, digits, _")
    new.add_argument("--in", dest="target", type=Path, default=Path("agents"), help="where to put its folder")
    check = verbs.add_parser("check", help="run the conformance checks")
    check.add_argument("folder", type=Path, help="the agent's folder")
    check.add_argument("--json", action="store_true", help="print findings as JSON")
    arguments = parser.parse_args()
    if arguments.verb == "new":
        from opsrail_sdk import scaffold  # noqa: PLC0415

        try:
            print(scaffold.new(arguments.name, arguments.target))
        except (ValueError, FileExistsError) as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    from opsrail_sdk.testing.conformance import check_and_print  # noqa: PLC0415

    return check_and_print(arguments.folder, json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
