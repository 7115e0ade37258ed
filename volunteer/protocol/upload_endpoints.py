"""Files that come in parts, by the tus protocol 1.0.0 (https://tus.io), as data for the document."""

from volunteer.protocol import requestor_messages as m
from volunteer.protocol.refusals import RefusalCode
from volunteer.protocol.requestor_endpoints import Header, RequestorEndpoint

PART_TYPE = "application/offset+octet-stream"

_C = RefusalCode
_TUS = Header("Tus-Resumable", "The protocol's version: 1.0.0.", "^1\\.0\\.0$")
_OFFSET = Header("Upload-Offset", "How many bytes are there.", "^[0-9]{1,18}$")
_CHECKSUM = Header("Upload-Checksum", "`sha256` or `sha1`, a space, the part's digest in base64.", needed=False)
_LENGTH = Header("Upload-Length", "The bytes of the whole file.", "^[0-9]{1,18}$")
_METADATA = Header("Upload-Metadata", "`filename` and `sha256`, each with its text in base64.", needed=False)
_OF_ONE = (_C.no_such_thing, _C.upload_gone, _C.malformed_request)
_WRONG_VERSION, _WRONG_TYPE = 412, 415

UPLOAD_ENDPOINTS = (
    RequestorEndpoint(
        "uploads", "GET", "/uploads", "Your uploads that no draft has yet.", None, (m.Uploads,), (), group="Uploads"
    ),
    RequestorEndpoint(
        "create_upload", "POST", "/uploads", "Begin an upload; its address comes as `Location`.", None, (),
        (_C.malformed_request, _C.too_large, _C.quota_exceeded), group="Uploads", scope="write", success=201,
        headers=(_TUS, _LENGTH, _METADATA), also=(_WRONG_VERSION,), tells=("Location", "Upload-Offset"),
    ),
    RequestorEndpoint(
        "upload_offset", "HEAD", "/uploads/{upload}", "How much of it has arrived.", None, (),
        (*_OF_ONE, _C.upload_locked, _C.checksum_mismatch), group="Uploads", headers=(_TUS,), also=(_WRONG_VERSION,),
        tells=("Upload-Offset", "Upload-Length"),
    ),
    RequestorEndpoint(
        "send_part", "PATCH", "/uploads/{upload}", "Send the next part; with the last the checksum is compared.", None,
        (), (*_OF_ONE, _C.upload_conflict, _C.upload_locked, _C.checksum_mismatch, _C.too_large, _C.too_slow),
        group="Uploads", scope="write", success=204, headers=(_TUS, _OFFSET, _CHECKSUM), body=PART_TYPE,
        also=(_WRONG_VERSION, _WRONG_TYPE), tells=("Upload-Offset",),
    ),
    RequestorEndpoint(
        "delete_upload", "DELETE", "/uploads/{upload}", "Delete an upload that no draft has.", None, (), _OF_ONE,
        group="Uploads", scope="write", success=204, headers=(_TUS,), also=(_WRONG_VERSION,),
    ),
    RequestorEndpoint(
        "upload_options", "OPTIONS", "/uploads", "What of the protocol this grid speaks.", None, (), (),
        group="Uploads", scope="", needs_token=False, success=204, tells=("Tus-Version", "Tus-Extension"),
    ),
)  # fmt: skip
