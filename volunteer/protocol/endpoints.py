"""The endpoints of the volunteer's API, as data: one row each, for the server's routes, the client and the document."""

from dataclasses import dataclass

import msgspec

from volunteer.protocol import messages, releases
from volunteer.protocol.refusals import RefusalCode

PREFIX = "/api/v1"
GRADIENT_TYPE = "application/vnd.safetensors"
RESUMABLE_BYTES = 2**18
"""Of a shorter gradient no beginning is kept: it is sent again faster than it is asked for."""


@dataclass(frozen=True)
class Endpoint:
    """`takes` and `gives` are message types; None means raw bytes (or nothing, for `takes`)."""

    name: str
    method: str
    path: str
    summary: str
    takes: type[msgspec.Struct] | None
    gives: tuple[type[msgspec.Struct], ...]
    refusals: tuple[RefusalCode, ...]
    needs_token: bool = True


_C = RefusalCode

ATTACH = Endpoint(
    "attach", "POST", "/hosts", "Become a host by a join key.", messages.AttachRequest, (messages.Attached,),
    (_C.malformed_request, _C.join_key_invalid, _C.host_too_old, _C.account_blocked, _C.too_many_tries),
    needs_token=False,
)  # fmt: skip
DEVICE = Endpoint(
    "device", "POST", "/device", "Ask for a code by which a person links this machine in a browser.",
    messages.DeviceRequest, (messages.DeviceCode,), (_C.malformed_request, _C.host_too_old, _C.too_many_tries),
    needs_token=False,
)  # fmt: skip
DEVICE_TOKEN = Endpoint(
    "device_token", "POST", "/device/token", "Ask whether the person has confirmed; then become a host.",
    messages.DeviceTokenRequest, (messages.Attached,),
    (_C.malformed_request, _C.authorization_pending, _C.slow_down, _C.access_denied, _C.expired_token,
     _C.account_blocked), needs_token=False,
)  # fmt: skip
NUMBERS = Endpoint(
    "numbers", "GET", "/host", "What the grid knows of this host.", None, (messages.HostNumbers,), (),
)  # fmt: skip
WORK = Endpoint(
    "work", "POST", "/work", "Ask for work; waits up to wait_seconds for some.", messages.WorkRequest,
    (messages.Lease, messages.NoWork), (_C.malformed_request, _C.host_too_old, _C.host_quarantined),
)  # fmt: skip
BLOB = Endpoint(
    "blob", "GET", "/blobs/{sha256}", "Download a blob of a current lease; Range and ETag work.", None, (),
    (_C.no_such_blob,),
)  # fmt: skip
HEARTBEAT = Endpoint(
    "heartbeat", "POST", "/results/{result}/heartbeat", "A sign of life while computing.", messages.Heartbeat,
    (messages.HeartbeatReply,), (_C.malformed_request, _C.no_such_result, _C.not_your_result),
)  # fmt: skip
REPORT = Endpoint(
    "report", "PUT", "/results/{result}/gradient", "Upload the gradient of a result, whole or a prefix of it.", None,
    (messages.ReportReply,),
    (_C.no_such_result, _C.not_your_result, _C.stale_result, _C.result_ended, _C.digest_mismatch,
     _C.malformed_gradient, _C.too_large, _C.length_required, _C.too_slow, _C.malformed_request,
     _C.upload_conflict, _C.upload_locked),
)  # fmt: skip
BEGINNING = Endpoint(
    "beginning", "GET", "/results/{result}/gradient", "How much has arrived of a gradient whose upload broke off.",
    None, (messages.Beginning,),
    (_C.no_such_result, _C.not_your_result, _C.stale_result, _C.result_ended, _C.upload_locked),
)  # fmt: skip
GIVE_BACK = Endpoint(
    "give_back", "POST", "/results/{result}/give-back", "Return a result unfinished.", messages.GiveBack,
    (messages.Acknowledged,), (_C.malformed_request, _C.no_such_result, _C.not_your_result),
)  # fmt: skip

DETACH_SELF = Endpoint(
    "detach_self", "DELETE", "/host", "Be no host any more: this token ends, what was computed stays.", None,
    (messages.Acknowledged,), (),
)  # fmt: skip

RELEASE_MANIFEST = Endpoint(
    "release_manifest", "GET", "/releases/manifest", "The release of the program that this grid offers, as signed.",
    None, (releases.Manifest,), (_C.no_such_thing,), needs_token=False,
)  # fmt: skip
RELEASE_SIGNATURE = Endpoint(
    "release_signature", "GET", "/releases/signature", "The Ed25519 signature of the manifest's bytes: 64 bytes.",
    None, (), (_C.no_such_thing,), needs_token=False,
)  # fmt: skip
RELEASE_FILE = Endpoint(
    "release_file", "GET", "/releases/files/{file}", "An installer that the manifest names; Range and ETag work.",
    None, (), (_C.no_such_thing,), needs_token=False,
)  # fmt: skip

ENDPOINTS = (
    ATTACH, DEVICE, DEVICE_TOKEN, NUMBERS, WORK, BLOB, HEARTBEAT, REPORT, BEGINNING, GIVE_BACK, DETACH_SELF,
    RELEASE_MANIFEST, RELEASE_SIGNATURE, RELEASE_FILE,
)  # fmt: skip
