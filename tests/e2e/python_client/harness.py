"""What the Python client tests stand on: a client generated from proto/ by protoc, a keyledgerd process of their own, and rich errors read back.

Nothing here knows the server's code: the protos and the command line are all there is. Needs the distribution's python3 with python3-grpcio and
python3-protobuf, and protoc with its Python plugin.
"""

import importlib
import pathlib
import signal
import subprocess
import sys
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOOGLEAPIS = pathlib.Path("/usr/share/gocode/src/github.com/gogo/googleapis")
START_DEADLINE_S = 60
STOP_DEADLINE_S = 30
CALL_DEADLINE_S = 30


def generate(directory):
    """Generates the client into `directory` and makes it importable."""
    protos = sorted(path for path in (ROOT / "proto").rglob("*.proto") if "storage" not in path.parts)
    base = ["protoc", f"--proto_path={ROOT / 'proto'}", f"--proto_path={GOOGLEAPIS}", "--proto_path=/usr/include", f"--python_out={directory}"]
    subprocess.run([*base, f"--grpc_out={directory}", "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", *map(str, protos)], check=True)
    subprocess.run([*base, "google/rpc/status.proto", "google/rpc/error_details.proto"], check=True)
    sys.path.insert(0, str(directory))
    # The installed package "google" does not look for its parts anywhere else.
    importlib.import_module("google").__path__.append(f"{directory}/google")


class Server:
    """A keyledgerd on a free port of loopback."""

    def __init__(self, binary, directory, *options):
        self.data_dir = pathlib.Path(directory) / "data"
        self.port_file = pathlib.Path(directory) / "port"
        self.log = pathlib.Path(directory) / "log"
        command = [binary, "--data-dir", str(self.data_dir), "--listen", "127.0.0.1:0", "--port-file", str(self.port_file), *options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.address = f"127.0.0.1:{self._wait_for_port()}"
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        self.channel = grpc.insecure_channel(self.address)

    def _wait_for_port(self):
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            text = self.port_file.read_text() if self.port_file.exists() else ""
            if text.endswith("\n"):
                return int(text.split(":")[-1])
            if self.process.poll() is not None:
                raise AssertionError(f"keyledgerd ended with {self.process.returncode} before it served:\n{self.log.read_text()}")
            # The file is the signal; there is nothing to wait on but its appearance.
            time.sleep(0.02)
        raise AssertionError(f"keyledgerd did not serve within {START_DEADLINE_S} s:\n{self.log.read_text()}")

    def stop(self):
        """Asks the server to stop and returns its exit code; fails if it takes longer than it may."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"keyledgerd did not stop within {STOP_DEADLINE_S} s of SIGTERM:\n{self.log.read_text()}") from None


class RichError:
    """A refusal as a client sees it: code, reason, domain, metadata, violated fields, retry delay."""

    def __init__(self, code, status):
        from google.rpc import error_details_pb2

        self.code = code
        self.message = status.message
        self.reason = self.domain = ""
        self.metadata = {}
        self.fields = []
        self.retry_delay_s = None
        for detail in status.details:
            info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                self.reason, self.domain, self.metadata = info.reason, info.domain, dict(info.metadata)
            elif detail.Unpack(bad):
                self.fields = [violation.field for violation in bad.field_violations]
            elif detail.Unpack(retry):
                self.retry_delay_s = retry.retry_delay.ToTimedelta().total_seconds()


def rich_error(error):
    """Reads the google.rpc.Status that a failed call carries in its trailing metadata."""
    from google.rpc import status_pb2

    trailer = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if trailer is None:
        raise AssertionError(f"the refusal carries no details: {error.code()} {error.details()}")
    status = status_pb2.Status.FromString(trailer)
    if status.code != error.code().value[0]:
        raise AssertionError(f"the details say code {status.code}, the call {error.code()}")
    return RichError(error.code(), status)


def rich_error_of_bytes(text):
    """Reads the serialized google.rpc.Status of one refused request of a stream."""
    from google.rpc import status_pb2

    status = status_pb2.Status.FromString(text)
    codes = {code.value[0]: code for code in grpc.StatusCode}
    return RichError(codes[status.code], status)
