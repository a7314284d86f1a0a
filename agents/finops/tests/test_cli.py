import subprocess
import sys


def test_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys, opsrail_finops.cli\n"
        "print([name for name in ('numpy', 'pyarrow', 'duckdb', 'holidays', 'prophet') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
