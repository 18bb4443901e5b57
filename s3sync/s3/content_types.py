"""Content types for names that the system's own table does not know.

Whether `mimetypes` knows woff2 or webp depends on the Python version and on /etc/mime.types. This table speaks only
where neither the storage nor `mimetypes` does, so a host without that file stores the same type as one that has it.
Source: IANA Media Types; WHATWG MIME Sniffing for text/javascript (RFC 9239).
"""

from __future__ import annotations

_TYPES = {
    "avif": "image/avif", "webp": "image/webp", "heic": "image/heic", "heif": "image/heif", "jxl": "image/jxl",
    "svg": "image/svg+xml", "svgz": "image/svg+xml", "ico": "image/vnd.microsoft.icon", "apng": "image/apng",
    "woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf", "ttc": "font/collection",
    "eot": "application/vnd.ms-fontobject", "js": "text/javascript", "mjs": "text/javascript", "css": "text/css",
    "map": "application/json", "json": "application/json", "webmanifest": "application/manifest+json",
    "wasm": "application/wasm", "md": "text/markdown", "yaml": "application/yaml", "yml": "application/yaml",
    "mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm", "mkv": "video/matroska", "ogv": "video/ogg",
    "m4a": "audio/mp4", "ogg": "audio/ogg", "opus": "audio/ogg", "flac": "audio/flac", "weba": "audio/webm",
    "pdf": "application/pdf", "epub": "application/epub+zip", "zip": "application/zip",
    "7z": "application/x-7z-compressed",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
}  # fmt: skip


def content_type_of(name: str) -> str | None:
    """The type that this table gives to a name's extension, or None."""
    return _TYPES.get(name.rpartition(".")[2].lower())
