"""What importing the connector does: nothing that anybody sees."""

import subprocess
import sys


def test_a_machine_without_libmagic_is_not_told_so():
    code = "import sys; sys.modules['magic'] = None; import bridge.connectors.servicenow, bridge.app"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout + run.stderr == ""
