#!/usr/bin/env python3
"""A second reader of the vectors, written from SPEC.md alone, with nothing but the standard library.

Usage: check.py VECTOR...

Prints "NAME VERDICT [PAYLOAD-SHA256]" for each vector. The verdict is `accepted` or the id of a rule; of kinds that need
OpenPGP to be read to their end it is `open` if nothing outside of the ciphertext is wrong.
"""

import hashlib
import json
import os
import re
import struct
import sys
import unicodedata

KIB, MIB = 1 << 10, 1 << 20
U64, I64 = 2**64 - 1, 2**63


class Refused(Exception):
    """Refused by the rule of this id."""


def refuse_if(condition, rule):
    if condition:
        raise Refused(rule)


# --- vectors (SPEC section 11)


def read_vector(path):
    with open(path, "rb") as file:
        text, _, data = file.read().partition(b"\n\n")
    header = dict(line.split(": ", 1) for line in text.decode().splitlines())
    if "append" in header:
        count, octet = header["append"].split()
        data += bytes.fromhex(octet) * int(count)
    return header, data


# --- canonical JSON (section 1)


def parse_json(data, rule):
    """Any JSON value; objects become lists of pairs in `Object`, so that nothing is lost."""

    def bad_constant(_):
        raise ValueError("not JSON")

    try:
        # Nothing of a pouch nests deeper, and a deep nest must not exhaust the stack.
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=Object, parse_constant=bad_constant, parse_float=Fraction)
        text_of(value).encode("utf-8")
        return value
    except (ValueError, RecursionError, UnicodeError):
        raise Refused(rule) from None


class Fraction(str):
    """A number that is not an integer."""


class Object(list):
    """The fields of a JSON object as pairs."""


def text_of(value):
    """All strings of a value, to be looked through."""
    if isinstance(value, Object):
        return "".join(key + text_of(inner) for key, inner in value)
    if isinstance(value, list):
        return "".join(map(text_of, value))
    return value if isinstance(value, str) else ""


def canonical(value):
    if isinstance(value, Object):
        return "{" + ",".join(canonical(key) + ":" + canonical(inner) for key, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


# --- types: each takes a value and returns it in its canonical form, or raises TypeError


def integer(least=0, most=U64):
    def check(value):
        if type(value) is not int or not least <= value <= most:
            raise TypeError
        return value

    return check


def boolean(value):
    if type(value) is not bool:
        raise TypeError
    return value


def string(pattern):
    def check(value):
        if type(value) is not str or not re.fullmatch(pattern, value):
            raise TypeError
        return value

    return check


def text(limit):
    def check(value):
        if type(value) is not str or len(value.encode()) > limit or "\0" in value:
            raise TypeError
        return value

    return check


def optional(kind):
    return lambda value: None if value is None else kind(value)


def array(kind):
    def check(value):
        if type(value) is not list:
            raise TypeError
        return [kind(item) for item in value]

    return check


def record(**kinds):
    def check(value):
        if not isinstance(value, Object) or len(value) != len(kinds) or dict(value).keys() != kinds.keys():
            raise TypeError
        found = dict(value)
        return Object((key, kind(found[key])) for key, kind in kinds.items())

    return check


def choice(field, kinds):
    """An object of which one field says which form it has."""

    def check(value):
        form = dict(value).get(field) if isinstance(value, Object) else None
        if type(form) is not str or form not in kinds:
            raise TypeError
        return kinds[form](value)

    return check


def decimal64(value):
    string(r"0|[1-9][0-9]*")(value)
    integer()(int(value))
    return value


TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def days(year, month, day):
    """Days since 1970 of a date (proleptic Gregorian calendar)."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


class Time(str):
    """The canonical form of a time, with its value in seconds and whether it has a fraction."""


def time(value):
    match = TIME.fullmatch(value) if type(value) is str else None
    if not match:
        raise TypeError
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if not (1 <= month <= 12 and 1 <= day <= lengths[month - 1] and hour < 24 and minute < 60 and second < 60):
        raise TypeError
    fraction, zone = match.group(7) or "", match.group(8)
    offset = 0
    if zone not in "Zz":
        offset = (int(zone[1:3]) * 60 + int(zone[4:6])) * (-60 if zone[0] == "-" else 60)
    # Another offset is never canonical, so the text need not be right for it.
    result = Time(f"{value[:10]}T{value[11:19]}Z" if offset == 0 else "")
    result.seconds = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    result.broken = fraction.strip(".0") != ""
    return result


DIGEST = string(r"[0-9a-f]{64}")
FINGERPRINT = string(r"[0-9A-F]{40}|[0-9A-F]{64}")
REGISTRY = string(r"[a-z][a-z0-9-]{0,31}")

# --- manifest (section 3.1)

PART = record(name=string(r"(?s:.*)"), size=integer(), sha256=DIGEST, frame=integer(), content=integer())
MANIFEST = record(
    pouch=integer(),
    registry=REGISTRY,
    sequence=integer(),
    previous=optional(DIGEST),
    kind=string("full"),
    as_of=time,
    sealed_at=time,
    rpo_seconds=integer(),
    profile=string("rfc9580|rfc4880|rfc9980"),
    signers=array(FINGERPRINT),
    recipients=array(record(certificate=FINGERPRINT, key=FINGERPRINT)),
    totals=record(entries=integer(), bytes=integer()),
    index_blake3=DIGEST,
    segments=array(PART),
    index=array(PART),
)


def check_manifest(data):
    refuse_if(len(data) > 16 * MIB, "MANIFEST-SIZE")
    value = parse_json(data, "MANIFEST-SYNTAX")
    if isinstance(value, Object):
        versions = [inner for key, inner in value if key == "pouch"]
        other = len(versions) == 1 and type(versions[0]) is int and 0 <= versions[0] <= U64 and versions[0] != 1
        refuse_if(other, "MANIFEST-VERSION")
    try:
        value = MANIFEST(value)
    except TypeError:
        raise Refused("MANIFEST-SYNTAX") from None
    fields = dict(value)
    check_ranges(fields)
    refuse_if((fields["sequence"] == 1) != (fields["previous"] is None), "MANIFEST-CHAIN")
    refuse_if(canonical(value).encode() + b"\n" != data, "MANIFEST-CANONICAL")
    return fields


def check_ranges(fields):
    def within(value, least, most):
        refuse_if(not least <= value <= most, "MANIFEST-RANGE")

    within(fields["sequence"], 1, 2**53)
    within(fields["rpo_seconds"], 0, 10 * 366 * 86400)
    for name in ["as_of", "sealed_at"]:
        within(fields[name].seconds, 0, days(2200, 1, 1) * 86400 - 1)
        refuse_if(fields[name].broken, "MANIFEST-RANGE")
    recipients = [dict(recipient)["certificate"] for recipient in fields["recipients"]]
    for certificates in [fields["signers"], recipients]:
        within(len(certificates), 1, 16)
        refuse_if(len(set(certificates)) != len(certificates), "MANIFEST-RANGE")
    for name in ["segments", "index"]:
        within(len(fields[name]), 1, 65536)
        for place, part in enumerate(map(dict, fields[name])):
            refuse_if(part["name"] != f"{name.rstrip('s')}-{place:06}.pgp", "MANIFEST-RANGE")
            within(part["content"], 1, 64 * MIB)
            within(part["frame"], 1, 65 * MIB)
            within(part["size"], part["frame"], 65 * MIB)
    totals = dict(fields["totals"])
    within(totals["entries"], 0, 2**24)
    within(totals["bytes"], 0, sum(dict(part)["content"] for part in fields["segments"]))


# --- paths (section 7.2)


def is_path(data):
    if not 1 <= len(data) <= 4095:
        return False
    components = data.split(b"/")
    return len(components) <= 64 and all(map(is_component, components))


def is_component(data):
    if not 1 <= len(data) <= 255 or data in (b".", b"..") or b"\\" in data:
        return False
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    bad = {"Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn"}
    return unicodedata.is_normalized("NFC", name) and not any(unicodedata.category(c) in bad for c in name)


def folded(path):
    def fold(name):
        name = unicodedata.normalize("NFD", name).casefold()
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", name).casefold())

    return tuple(map(fold, path.split("/")))


# --- archive (section 7)

NUMBER = re.compile(rb"([0-7]+)[ \0]+")
RECORD = re.compile(rb"([1-9][0-9]*) ")
MTIME = re.compile(rb"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")
OCTAL_END = 1 << 33


def number(field):
    match = NUMBER.fullmatch(field)
    refuse_if(not match, "ARCHIVE-NUMBER")
    return int(match.group(1), 8)


class Archive:
    """Reads an archive to its end; `entries` then holds what it says."""

    def __init__(self, data, totals=None):
        self.data, self.at, self.totals = data, 0, totals
        self.entries, self.directories, self.taken, self.bytes = [], {""}, set(), 0
        while self.read_entry():
            pass
        refuse_if(self.take(512) != bytes(512), "ARCHIVE-TRUNCATED")
        refuse_if(self.at != len(data), "ARCHIVE-PADDING")
        refuse_if(totals and (len(self.entries), self.bytes) != totals, "ARCHIVE-BUDGET")

    def take(self, size):
        refuse_if(self.at + size > len(self.data), "ARCHIVE-TRUNCATED")
        self.at += size
        return self.data[self.at - size : self.at]

    def take_padding(self, size):
        # What is there is looked at before it is missed that there is more.
        refuse_if(any(self.data[self.at : self.at + -size % 512]), "ARCHIVE-PADDING")
        self.take(-size % 512)

    def read_entry(self):
        start, pax = self.at, {}
        header = self.read_header()
        if header and header["type"] == b"x":
            size = header["size"]
            refuse_if(not 0 < size <= 64 * KIB, "ARCHIVE-PAX")
            records = self.take(size)
            self.take_padding(size)
            pax = read_records(records)
            header = self.read_header()
            refuse_if(header is None or header["type"] == b"x", "ARCHIVE-PAX")
        if header is None:
            return False
        path, mtime, size = self.check_entry(header, pax)
        directory = header["type"] == b"5"
        refuse_if(head(path, mtime, size, directory) != self.data[start : self.at], "ARCHIVE-CANONICAL")
        offset = self.at
        content = None if directory else self.take(size)
        self.take_padding(size)
        self.entries.append((path, mtime, content, offset))
        return True

    def read_header(self):
        block = self.take(512)
        if not any(block):
            return None
        names = "name mode uid gid size mtime checksum type linkname magic uname gname devmajor devminor prefix reserved"
        fields = dict(zip(names.split(), struct.unpack("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12s", block)))
        stated = number(fields["checksum"])
        refuse_if(stated != sum(block) - sum(fields["checksum"]) + 8 * 32, "ARCHIVE-HEADER")
        refuse_if(fields["type"] == b"g", "ARCHIVE-PAX")
        refuse_if(fields["type"] not in (b"0", b"5", b"x"), "ARCHIVE-TYPE")
        refuse_if(fields["magic"] != b"ustar\x0000", "ARCHIVE-HEADER")
        refuse_if(any(fields["linkname"] + fields["reserved"]), "ARCHIVE-HEADER")
        for name in ["devmajor", "devminor"]:
            refuse_if(any(fields[name]) and number(fields[name]) != 0, "ARCHIVE-HEADER")
        for name in ["uname", "gname"]:
            refuse_if(b"\0" not in fields[name] or any(fields[name].partition(b"\0")[2]), "ARCHIVE-HEADER")
        for name in ["uid", "gid", "mode", "size", "mtime"]:
            fields[name] = number(fields[name])
            refuse_if(name == "mode" and fields[name] > 0o777, "ARCHIVE-MODE")
        for name in ["name", "prefix"]:
            fields[name], _, behind = fields[name].partition(b"\0")
            refuse_if(any(behind), "ARCHIVE-HEADER")
        return fields

    def check_entry(self, header, pax):
        refuse_if("path" in pax and header["prefix"], "ARCHIVE-PAX")
        name = header["prefix"] + b"/" + header["name"] if header["prefix"] else header["name"]
        refuse_if("path" not in pax and not header["name"], "ARCHIVE-NAME")
        name, directory = pax.get("path", name), header["type"] == b"5"
        if directory and name.endswith(b"/"):
            name = name[:-1]
        refuse_if(not is_path(name), "ARCHIVE-NAME")
        path = name.decode()
        mtime = pax.get("mtime", header["mtime"])
        refuse_if(header["mtime"] != (mtime if 0 <= mtime < OCTAL_END else 0), "ARCHIVE-PAX")
        size = pax.get("size", header["size"])
        refuse_if(directory and (size or "size" in pax), "ARCHIVE-SIZE")
        refuse_if(header["size"] != (size if size < OCTAL_END else 0), "ARCHIVE-SIZE")
        refuse_if(path.rpartition("/")[0] not in self.directories, "ARCHIVE-PARENT")
        refuse_if(folded(path) in self.taken, "ARCHIVE-UNIQUE")
        self.taken.add(folded(path))
        if directory:
            self.directories.add(path)
        self.bytes += size
        if self.totals:
            refuse_if(len(self.entries) + 1 > self.totals[0] or self.bytes > self.totals[1], "ARCHIVE-BUDGET")
        return path, mtime, size

    def payload(self):
        listing = hashlib.sha256()
        for path, mtime, content, _ in sorted(self.entries, key=lambda entry: entry[0].encode()):
            if content is None:
                listing.update(f"directory {mtime} {path}\n".encode())
            else:
                listing.update(f"file {mtime} {len(content)} {path}\n".encode() + content)
        return listing.hexdigest()


def read_records(data):
    pax = {}
    while data:
        match = RECORD.match(data)
        refuse_if(not match, "ARCHIVE-PAX")
        length = int(match.group(1)) if len(match.group(1)) <= 5 else U64
        refuse_if(length > len(data) or length <= match.end(), "ARCHIVE-PAX")
        body, data = data[match.end() : length], data[length:]
        key, equals, value = body[:-1].partition(b"=")
        refuse_if(body[-1:] != b"\n" or not equals, "ARCHIVE-PAX")
        refuse_if(key not in (b"path", b"size", b"mtime") or key.decode() in pax, "ARCHIVE-PAX")
        pax[key.decode()] = RECORDS[key](value)
    return pax


def record_path(value):
    refuse_if(not value or b"\0" in value, "ARCHIVE-PAX")
    return value


def record_size(value):
    refuse_if(not re.fullmatch(rb"0|[1-9][0-9]{0,18}", value) or int(value) >= I64, "ARCHIVE-PAX")
    return int(value)


def record_mtime(value):
    match = MTIME.fullmatch(value)
    refuse_if(not match or len(value) > 4096, "ARCHIVE-PAX")
    sign, whole, fraction = match.groups()
    seconds = int(whole)
    broken = bool((fraction or b"").strip(b"0"))
    if sign:
        refuse_if(not seconds and not broken, "ARCHIVE-PAX")
        seconds = -seconds - broken
    refuse_if(not -I64 <= seconds < I64, "ARCHIVE-PAX")
    return seconds


RECORDS = {b"path": record_path, b"size": record_size, b"mtime": record_mtime}


def head(path, mtime, size, directory):
    """The one way to write the head of an entry (section 7.1)."""
    name = path.encode() + (b"/" if directory else b"")
    records = b""
    if len(name) > 100 or any(byte > 0x7F for byte in name):
        records += make_record(b"path", name)
    if size >= OCTAL_END:
        records += make_record(b"size", b"%d" % size)
    if not 0 <= mtime < OCTAL_END:
        records += make_record(b"mtime", b"%d" % mtime)
    before = header_of(b"pax", b"0000600", len(records), 0, b"x") + records + bytes(-len(records) % 512)
    if len(name) > 100:
        name = name[:100].decode("utf-8", "ignore").rstrip("/").encode()
    mode, kind = (b"0000700", b"5") if directory else (b"0000600", b"0")
    size, mtime = size if size < OCTAL_END else 0, mtime if 0 <= mtime < OCTAL_END else 0
    return (before if records else b"") + header_of(name, mode, size, mtime, kind)


def make_record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    length = len(body)
    while length != len(body) + len(b"%d" % length):
        length = len(body) + len(b"%d" % length)
    return b"%d" % length + body


def header_of(name, mode, size, mtime, kind):
    zero, form = b"0000000", "100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12s"
    fields = [name, mode, zero, zero, b"%011o" % size, b"%011o" % mtime, b" " * 8, kind, b"", b"ustar", b"00", b"", b""]
    fields += [zero, zero, b"", b""]
    fields[6] = b"%07o" % sum(struct.pack(form, *fields))
    return struct.pack(form, *fields)


# --- index (section 4)


def entry_path(value):
    if type(value) is not str or not is_path(value.encode()):
        raise TypeError
    return value


NAME = text(255)
LSN = string(r"(0|[1-9A-F][0-9A-F]{0,7})/(0|[1-9A-F][0-9A-F]{0,7})")
U32 = integer(0, 2**32 - 1)
ROWS = record(schema=NAME, table=NAME, rows_before=optional(integer()), rows_after=optional(integer()))
DECLARATION = choice(
    "source",
    {
        "directory": record(source=NAME),
        "command": record(source=NAME, program=text(4096)),
        "postgresql": record(
            source=NAME,
            system_identifier=decimal64,
            server_version=text(255),
            server_version_num=U32,
            wal_segment_bytes=integer(),
            data_checksums=boolean,
            timeline=U32,
            start_lsn=LSN,
            stop_lsn=LSN,
            tablespaces=array(record(oid=U32, location=text(4096))),
            databases=array(record(database=NAME, tables=array(ROWS))),
        ),
    },
)
ENTRY = {"type": NAME, "path": entry_path, "mode": integer(0, 511), "mtime": integer(-I64, I64 - 1)}
FILE = {"size": integer(), "offset": integer(), "blake3": DIGEST}
HEAD = record(**{"pouch-index": integer()}, registry=REGISTRY, sequence=integer())
LINE = choice("type", {"directory": record(**ENTRY), "file": record(**ENTRY, **FILE)})
END = record(entries=integer(), declaration=DECLARATION)


class Index:
    def __init__(self, data):
        self.data, self.at = data, 0

    def line(self, form):
        end = self.data.find(b"\n", self.at)
        length = (len(self.data) if end < 0 else end) - self.at
        refuse_if(length > 16 * MIB, "INDEX-SYNTAX")
        refuse_if(end < 0, "INDEX-MISMATCH")
        line, self.at = self.data[self.at : end], end + 1
        try:
            value = form(parse_json(line, "INDEX-SYNTAX"))
        except TypeError:
            raise Refused("INDEX-SYNTAX") from None
        refuse_if(canonical(value).encode() != line, "INDEX-SYNTAX")
        return dict(value)


def check_index(data, header, archive):
    index = Index(data)
    first = index.line(HEAD)
    stated = {"pouch-index": 1, "registry": header["registry"], "sequence": int(header["sequence"])}
    refuse_if(first != stated, "INDEX-MISMATCH")
    for path, mtime, content, offset in archive.entries:
        found = index.line(LINE)
        del found["mode"]
        expected = {"type": "directory", "path": path, "mtime": mtime}
        if content is not None:
            more = {"type": "file", "size": len(content), "offset": offset, "blake3": blake3(content)}
            expected.update(more)
        refuse_if(found != expected, "INDEX-MISMATCH")
    refuse_if(index.line(END)["entries"] != len(archive.entries), "INDEX-MISMATCH")
    refuse_if(index.at != len(data), "INDEX-MISMATCH")
    refuse_if(blake3(data) != header["index-blake3"], "INDEX-MISMATCH")


# --- BLAKE3 (its specification, section 2), for short inputs

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8


def compress(chaining, block, counter, length, flags):
    state = [*chaining, *IV[:4], counter & 0xFFFFFFFF, counter >> 32, length, flags]
    words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    for _ in range(7):
        for place, (a, b, c, d) in enumerate(QUARTERS + DIAGONALS):
            for word, (first, second) in zip(words[2 * place : 2 * place + 2], ((16, 12), (8, 7))):
                state[a] = (state[a] + state[b] + word) & 0xFFFFFFFF
                turned = state[d] ^ state[a]
                state[d] = (turned >> first | turned << 32 - first) & 0xFFFFFFFF
                state[c] = (state[c] + state[d]) & 0xFFFFFFFF
                turned = state[b] ^ state[c]
                state[b] = (turned >> second | turned << 32 - second) & 0xFFFFFFFF
        words = [words[place] for place in PERMUTATION]
    return [low ^ high for low, high in zip(state[:8], state[8:])]


def chunk(data, counter, root):
    chaining, flags = IV, CHUNK_START
    for at in range(0, max(len(data), 1), 64):
        block = data[at : at + 64]
        if at + 64 >= len(data):
            flags |= CHUNK_END | root
        chaining, flags = compress(chaining, block, counter, len(block), flags), 0
    return chaining


def subtree(data, counter, root):
    if len(data) <= 1024:
        return chunk(data, counter, root)
    left = 1024 << ((len(data) - 1) // 1024).bit_length() - 1
    both = subtree(data[:left], counter, 0) + subtree(data[left:], counter + left // 1024, 0)
    return compress(IV, struct.pack("<16I", *both), 0, 64, PARENT | root)


def blake3(data):
    return struct.pack("<8I", *subtree(data, 0, ROOT)).hex()


# --- what can be told of parts and pouches without a key


def check_part(data, stated):
    refuse_if(len(data) != stated["size"], "SEGMENT-SIZE")
    refuse_if(hashlib.sha256(data).hexdigest() != stated["sha256"], "SEGMENT-DIGEST")


FIRST = ["manifest.json", "manifest.json.sig"]


def check_pouch(data):
    # The vectors carry pouches as archives in the canonical form, so the same reader does.
    files = {path: content for path, _, content, _ in Archive(data).entries}
    refuse_if(any(files.get(name) is None for name in FIRST), "POUCH-PARTS")
    check_files(files)


def check_files(files, pouch=None):
    fields = check_manifest(files["manifest.json"])
    refuse_if(pouch and pouch != f"{fields['registry']}-{fields['sequence']:06}", "POUCH-TRANSIT")
    parts = list(map(dict, fields["segments"] + fields["index"]))
    names = FIRST + [part["name"] for part in parts]
    refuse_if(sorted(files) != sorted(names) or None in files.values(), "POUCH-PARTS")
    for part in parts:
        check_part(files[part["name"]], part)


# --- pouches in transit (section 2.1)

POUCH = re.compile(r"[a-z][a-z0-9-]{0,31}-([0-9]{6}|[1-9][0-9]{6,15})", re.ASCII)


def check_transit(data):
    """Takes names and sizes out of the headers, makes the tar again and compares."""
    at, pouch, files = 0, None, {}
    while any(data[at : at + 512]):
        name = re.match(rb"([a-z0-9-]+)/([a-z0-9.-]+)\0", data[at : at + 100])
        size = re.fullmatch(rb"[0-7]{11}\0", data[at + 124 : at + 136])
        refuse_if(not name or not size, "POUCH-TRANSIT")
        folder, file, size = name.group(1).decode(), name.group(2).decode(), int(size.group()[:-1], 8)
        refuse_if(pouch not in (None, folder) or file in files, "POUCH-TRANSIT")
        pouch, files[file] = folder, data[at + 512 : at + 512 + size]
        limit = {"manifest.json": 16 * MIB, "manifest.json.sig": 64 * KIB}.get(file, 65 * MIB)
        refuse_if(not 1 <= size <= limit or len(files[file]) != size, "POUCH-TRANSIT")
        at += 512 + size + -size % 512
    refuse_if(not pouch or not POUCH.fullmatch(pouch), "POUCH-TRANSIT")
    refuse_if(not 1 <= int(pouch.rpartition("-")[2]) <= 2**53, "POUCH-TRANSIT")
    count = {kind: sum(name.startswith(kind) for name in files) for kind in ["segment", "index"]}
    refuse_if(not all(1 <= number <= 65536 for number in count.values()), "POUCH-TRANSIT")
    names = FIRST + [f"{kind}-{place:06}.pgp" for kind, number in count.items() for place in range(number)]
    refuse_if(names != list(files), "POUCH-TRANSIT")
    entries = [head(f"{pouch}/{name}", 0, len(part), False) + part + bytes(-len(part) % 512) for name, part in files.items()]
    refuse_if(b"".join(entries) + bytes(1024) != data, "POUCH-TRANSIT")
    check_files(files, pouch)


def check(path):
    header, data = read_vector(path)
    kind = header["kind"]
    if kind == "manifest":
        check_manifest(data)
    elif kind == "archive":
        totals = (int(header["entries"]), int(header["bytes"])) if "entries" in header else None
        return "accepted", Archive(data, totals).payload()
    elif kind == "index":
        archive = Archive(read_vector(os.path.join(os.path.dirname(path), header["archive"]))[1])
        check_index(data, header, archive)
        return "accepted", archive.payload()
    elif kind == "part":
        check_part(data, json.loads(header["part"]))
        return "open", ""
    elif kind == "pouch":
        check_pouch(data)
        return "open", ""
    elif kind == "transit":
        check_transit(data)
        return "open", ""
    else:
        return "open", ""
    return "accepted", ""


def main():
    for path in sys.argv[1:]:
        try:
            verdict, payload = check(path)
        except Refused as refused:
            verdict, payload = str(refused), ""
        print(os.path.basename(path), verdict, payload)


if __name__ == "__main__":
    main()
