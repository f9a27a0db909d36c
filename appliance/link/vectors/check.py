#!/usr/bin/env python3
"""A second receiver, written from SPEC.md alone, with nothing but the standard library.

Usage: check.py VECTOR...

Prints a line for each vector: its name, the verdict (`accepted` or the id of a rule), and "KEY: VALUE" of what else the
header of a vector may state, all separated by tabs.
"""

import hashlib
import os
import re
import struct
import sys

M32 = 2**32 - 1


class Refused(Exception):
    """Refused by the rule of this id."""


def refuse_if(condition, rule):
    if condition:
        raise Refused(rule)


# --- BLAKE3 (the paper's section 2), in its three modes

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL = (1 << bit for bit in range(7))
COLUMNS_AND_DIAGONALS = [
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
]  # fmt: skip


def compress(chaining, block, counter, length, flags):
    """The first 8 words of the compression function."""
    words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    v = chaining + IV[:4] + [counter & M32, counter >> 32, length, flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(COLUMNS_AND_DIAGONALS):
            for word, turn_d, turn_b in ((words[2 * i], 16, 12), (words[2 * i + 1], 8, 7)):
                v[a] = v[a] + v[b] + word & M32
                x = v[d] ^ v[a]
                v[d] = (x >> turn_d | x << 32 - turn_d) & M32
                v[c] = v[c] + v[d] & M32
                x = v[b] ^ v[c]
                v[b] = (x >> turn_b | x << 32 - turn_b) & M32
        words = [words[place] for place in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)]


def tree(data, key, flags, counter=0, root=0):
    """The chaining value of a subtree."""
    if len(data) <= 1024:
        blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
        value = key
        for i, block in enumerate(blocks):
            last = i == len(blocks) - 1
            mode = flags | (CHUNK_START if i == 0 else 0) | ((CHUNK_END | root) if last else 0)
            value = compress(value, block, counter, len(block), mode)
        return value
    # To the left the largest power of two of chunks that leaves something to the right.
    left = 1024
    while left * 2 < len(data):
        left *= 2
    children = tree(data[:left], key, flags, counter) + tree(data[left:], key, flags, counter + left // 1024)
    return compress(key, struct.pack("<16I", *children), 0, 64, flags | PARENT | root)


def blake3(data, key=IV, flags=0):
    return struct.pack("<8I", *tree(data, key, flags, root=ROOT))


def blake3_keyed(key, data):
    return blake3(data, list(struct.unpack("<8I", key)), KEYED)


def blake3_derive(context, data):
    return blake3(data, list(struct.unpack("<8I", blake3(context.encode(), flags=CONTEXT))), MATERIAL)


# --- AES-256 (FIPS 197) and GMAC (NIST SP 800-38D)


def byte_times(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = a << 1 ^ (0x11B if a & 0x80 else 0), b >> 1
    return product


def make_sbox():
    box = []
    for value in range(256):
        inverse = next((i for i in range(256) if byte_times(value, i) == 1), 0) if value else 0
        turned = [(inverse << n | inverse >> 8 - n) & 0xFF for n in range(5)]
        box.append(turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4] ^ 0x63)
    return box


SBOX = []


def aes256(key, block):
    if not SBOX:
        SBOX.extend(make_sbox())
    words = [list(key[at : at + 4]) for at in range(0, 32, 4)]
    constant = 1
    while len(words) < 60:
        word = list(words[-1])
        if len(words) % 8 == 0:
            word = [SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = byte_times(constant, 2)
        elif len(words) % 8 == 4:
            word = [SBOX[byte] for byte in word]
        words.append([a ^ b for a, b in zip(word, words[-8])])
    keys = [sum(words[at : at + 4], []) for at in range(0, 60, 4)]
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number in range(1, 15):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if number < 14:
            mixed = []
            for at in range(0, 16, 4):
                a = state[at : at + 4]
                for i in range(4):
                    mixed.append(byte_times(a[i], 2) ^ byte_times(a[(i + 1) % 4], 3) ^ a[(i + 2) % 4] ^ a[(i + 3) % 4])
            state = mixed
        state = [a ^ b for a, b in zip(state, keys[number])]
    return bytes(state)


def gmac(key, nonce, data):
    hash_key = int.from_bytes(aes256(key, bytes(16)), "big")
    padded = data + bytes(-len(data) % 16) + struct.pack(">QQ", len(data) * 8, 0)
    state = 0
    for at in range(0, len(padded), 16):
        factor, product, state = hash_key, 0, state ^ int.from_bytes(padded[at : at + 16], "big")
        for bit in range(127, -1, -1):
            product ^= factor if state >> bit & 1 else 0
            factor = factor >> 1 ^ (0xE1 << 120 if factor & 1 else 0)
        state = product
    mask = aes256(key, nonce + b"\0\0\0\1")
    return (state ^ int.from_bytes(mask, "big")).to_bytes(16, "big")


# --- CRC32C


def crc32c(data):
    total = M32
    for byte in data:
        total ^= byte
        for _ in range(8):
            total = total >> 1 ^ (0x82F63B78 if total & 1 else 0)
    return total ^ M32


# --- datagrams and tags (sections 2 and 3)


class Datagram:
    def __init__(self, data, link_key):
        refuse_if(len(data) < 64, "LINK-DATAGRAM")
        magic, self.kind, _, _, self.stream, transmission, sequence, self.length, self.block, self.index, size = (
            struct.unpack(">4sBBHQQQQIHH", data[:48])
        )
        self.payload = data[64:]
        refuse_if(magic != b"PLK1" or self.kind not in (1, 2, 3), "LINK-DATAGRAM")
        refuse_if(len(self.payload) != size or size > 8896, "LINK-DATAGRAM")
        tagged = data[:48] + self.payload
        if link_key is None:
            tag = struct.pack(">I12x", crc32c(tagged))
        else:
            key = blake3_keyed(link_key, b"pouch link 1" + struct.pack(">QQ", self.stream, transmission))
            tag = gmac(key, bytes(4) + struct.pack(">Q", sequence), tagged)
        refuse_if(tag != data[48:64], "LINK-TAG")


# --- announcements and heartbeats (sections 4 and 7)


def registry(size, field):
    name, rest = field[:size], field[size:]
    if size > 32 or any(rest) or not re.fullmatch(rb"[a-z][a-z0-9-]{0,31}", name):
        return None
    return name.decode()


def pouch(name, sequence):
    return f"{name}-{sequence:06}"


class Announcement:
    def __init__(self, data, stream, length=None):
        rule = "LINK-ANNOUNCEMENT"
        refuse_if(len(data) != 156, rule)
        version, self.symbol, self.source, name, zero, self.length, sequence = struct.unpack(">HHHBBQQ", data[:24])
        phase, zero_2, rounds, depth, repair, blocks, zero_3, symbols, _, zero_4 = struct.unpack(
            ">BBHHHIIQQI", data[120:]
        )
        refuse_if(version != 1 or zero or zero_2 or zero_3 or zero_4, rule)
        refuse_if(self.symbol % 64 or not 64 <= self.symbol <= 8896 or not 1 <= self.source <= 1024, rule)
        name = registry(name, data[88:120])
        refuse_if(name is None or not 1 <= sequence <= 2**53, rule)
        self.payload = self.symbol * self.source - 32
        self.blocks = -(-self.length // self.payload)
        refuse_if(not 1 <= self.blocks <= 2**32 - 1, rule)
        refuse_if(phase > 2 or rounds < 1 or not 1 <= depth <= 1024 or repair > 256, rule)
        refuse_if(not 1 <= blocks <= self.blocks or not 1 <= symbols <= 1280 * blocks, rule)
        self.lasting = data[:120]
        self.context = blake3_derive("pouch link 1 stream", self.lasting)
        self.name = int.from_bytes(self.context[:8], "big")
        refuse_if(self.name != stream or length not in (None, self.length), rule)
        self.pouch = pouch(name, sequence)


def heartbeat(data):
    """The pouch sent last, if there is one."""
    rule = "LINK-DATAGRAM"
    refuse_if(len(data) != 88, rule)
    _, _, busy, size, zero, _, _, _, stream, sequence = struct.unpack(">QIBBHQQQQQ", data[:56])
    refuse_if(busy > 1 or zero, rule)
    if size == 0:
        refuse_if(stream or sequence or any(data[56:]), rule)
        return None
    name = registry(size, data[56:])
    refuse_if(name is None or not 1 <= sequence <= 2**53, rule)
    return pouch(name, sequence)


# --- the code (section 6)

BASIS = [0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012,
         0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E]  # fmt: skip


class Field:
    """Logarithms of words to the base x."""

    def __init__(self):
        element = [0]
        for vector in BASIS:
            element += [other ^ vector for other in element]
        word_of = {one: word for word, one in enumerate(element)}
        self.exp, self.log, power = [], {}, 1
        for exponent in range(2**16 - 1):
            self.exp.append(word_of[power])
            self.log[word_of[power]] = exponent
            power <<= 1
            if power >> 16:
                power ^= 0x1002D

    def times(self, a, b):
        return self.exp[(self.log[a] + self.log[b]) % (2**16 - 1)] if a and b else 0

    def over(self, a, b):
        return self.exp[(self.log[a] - self.log[b]) % (2**16 - 1)] if a else 0

    def factor(self, repair, source):
        """What a source symbol contributes to a repair symbol."""
        total = sum(
            self.log[256 + source ^ other] - self.log[repair ^ other] for other in range(256) if other != repair
        )
        return self.exp[total % (2**16 - 1)]


FIELD = []


def field():
    if not FIELD:
        FIELD.append(Field())
    return FIELD[0]


def words(symbol):
    groups = (symbol[at : at + 64] for at in range(0, len(symbol), 64))
    return [low | high << 8 for group in groups for low, high in zip(group[:32], group[32:])]


def symbol_of(row):
    groups = (row[at : at + 32] for at in range(0, len(row), 32))
    return b"".join(bytes(w & 0xFF for w in group) + bytes(w >> 8 for w in group) for group in groups)


def add_scaled(row, other, factor):
    """Adds to a row of words another one times a factor."""
    times = field().times
    for place, word in enumerate(other):
        if word:
            row[place] ^= times(word, factor)


def restore(count, source, repair):
    """All source symbols, from those at hand and just as many repair symbols as are lost."""
    lost = [index for index in range(count) if index not in source]
    matrix, rows = [], []
    for number in sorted(repair)[: len(lost)]:
        row = words(repair[number])
        for index, symbol in source.items():
            add_scaled(row, words(symbol), field().factor(number, index))
        rows.append(row)
        matrix.append([field().factor(number, index) for index in lost])
    # Gauss and Jordan.
    for step in range(len(lost)):
        pivot = next(i for i in range(step, len(lost)) if matrix[i][step])
        matrix[step], matrix[pivot] = matrix[pivot], matrix[step]
        rows[step], rows[pivot] = rows[pivot], rows[step]
        scale = field().over(1, matrix[step][step])
        matrix[step] = [field().times(word, scale) for word in matrix[step]]
        rows[step] = [field().times(word, scale) for word in rows[step]]
        for i in range(len(lost)):
            factor = matrix[i][step]
            if i != step and factor:
                add_scaled(matrix[i], matrix[step], factor)
                add_scaled(rows[i], rows[step], factor)
    whole = dict(source)
    whole.update((index, symbol_of(row)) for index, row in zip(lost, rows))
    return b"".join(whole[index] for index in range(count))


# --- blocks (section 5)


class Block:
    def __init__(self, stream, number):
        self.stream, self.number = stream, number
        self.length = min(stream.payload, stream.length - number * stream.payload)
        self.count = -(-(self.length + 32) // stream.symbol)
        self.data = None
        self.forget()

    def forget(self):
        self.source, self.repair = {}, {}

    def need(self):
        return 0 if self.data is not None else self.count - len(self.source) - len(self.repair)

    def take(self, index, symbol):
        repair = index >= 2**15
        index %= 2**15
        refuse_if(index >= (256 if repair else self.count), "LINK-STREAM")
        if self.data is not None:
            return
        (self.repair if repair else self.source).setdefault(index, symbol)
        if self.need() > 0:
            return
        data = restore(self.count, self.source, self.repair)
        self.forget()
        hashed = self.stream.context + struct.pack("<I", self.number) + data[:-32]
        refuse_if(blake3(hashed) != data[-32:], "LINK-BLOCK")
        self.data = data[: self.length]


# --- what is missing (section 8)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NEEDS = [4, 8, 16, 32, 64, 96, 128, 192, 256, 320, 384, 512, 640, 768, 896, 1024]


def check_of(bits):
    total = 2**20 - 1
    for bit in bits:
        total <<= 1
        if (total >> 20) != int(bit):
            total ^= 0x87B0B
        total %= 2**20
    return f"{total:020b}"


def number_bits(number):
    width = (number + 1).bit_length() - 1
    return f"{width:05b}" + f"{number + 1:b}"[1:]


def encode_gaps(hint, gaps):
    """The digits' letters, without hyphens."""
    bits, end = f"{hint:030b}", 0
    for first, count, need in gaps:
        bits += number_bits(first - end) + number_bits(count - 1) + f"{NEEDS.index(need):04b}"
        end = first + count
    bits += "0" * (-len(bits) % 5)
    bits += check_of(bits)
    return "".join(ALPHABET[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))


def joined(gaps):
    """Without gaps that touch and have the same need."""
    result = []
    for first, count, need in gaps:
        if result and sum(result[-1][:2]) == first and result[-1][2] == need:
            result[-1] = (result[-1][0], result[-1][1] + count, need)
        else:
            result.append((first, count, need))
    return result


def decode_gaps(code):
    rule = "LINK-CODE"
    refuse_if(len(code) > 3600, rule)
    letters = re.sub(r"[-\s]", "", code).upper().replace("O", "0").replace("I", "1").replace("L", "1")
    refuse_if(len(letters) < 10 or not set(letters) <= set(ALPHABET), rule)
    bits = "".join(f"{ALPHABET.index(letter):05b}" for letter in letters)
    refuse_if(check_of(bits[:-20]) != bits[-20:], rule)
    bits, at, end, gaps = bits[:-20], 30, 0, []

    def take(width):
        nonlocal at
        at += width
        refuse_if(at > len(bits), rule)
        return int(bits[at - width : at] or "0", 2)

    def take_number():
        width = take(5)
        return (1 << width | take(width)) - 1

    while len(bits) - at >= 5:
        first = end + take_number()
        count = take_number() + 1
        end = first + count
        refuse_if(end > 2**32 - 1, rule)
        gaps.append((first, count, NEEDS[take(4)]))
    refuse_if(encode_gaps(int(bits[:30], 2), joined(gaps)) != letters, rule)
    return gaps


# --- captures


class Receiver:
    def __init__(self):
        self.stream, self.blocks = None, []

    def take(self, datagram):
        if datagram.kind == 3:
            heartbeat(datagram.payload)
        elif datagram.kind == 1:
            announced = Announcement(datagram.payload, datagram.stream, datagram.length)
            if self.stream is None:
                self.stream = announced
                self.blocks = [Block(announced, number) for number in range(announced.blocks)]
            refuse_if(self.stream.lasting != announced.lasting, "LINK-STREAMS")
        else:
            stream = self.stream
            refuse_if(stream is None or datagram.stream != stream.name, "LINK-STREAM")
            refuse_if(datagram.length != stream.length or datagram.block >= stream.blocks, "LINK-STREAM")
            refuse_if(len(datagram.payload) != stream.symbol, "LINK-STREAM")
            self.blocks[datagram.block].take(datagram.index, datagram.payload)

    def end(self):
        if all(block.data is not None for block in self.blocks):
            stream = b"".join(block.data for block in self.blocks)
            return "accepted", {"payload-sha256": hashlib.sha256(stream).hexdigest()}
        lacking = (block for block in self.blocks if block.need())
        gaps = joined((block.number, 1, next(n for n in NEEDS if n >= block.need())) for block in lacking)
        letters = encode_gaps(self.stream.name >> 34, gaps)
        code = "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))
        return "LINK-INCOMPLETE", {"missing": code}


def capture(data, link_key):
    receiver, refused = Receiver(), {}
    while data:
        size = int.from_bytes(data[:2], "big")
        try:
            receiver.take(Datagram(data[2 : 2 + size], link_key))
        except Refused as refusal:
            refused[str(refusal)] = refused.get(str(refusal), 0) + 1
        data = data[2 + size :]
    verdict, facts = receiver.end()
    if refused:
        facts["refused"] = ", ".join(f"{rule} {count}" for rule, count in sorted(refused.items()))
    return verdict, facts


# --- vectors (section 10)


def judge(path):
    with open(path, "rb") as file:
        text, _, data = file.read().partition(b"\n\n")
    header = dict(line.split(": ", 1) for line in text.decode().splitlines())
    link_key = bytes.fromhex(header["key"]) if "key" in header else None
    try:
        if header["kind"] == "stream":
            return capture(data, link_key)
        if header["kind"] == "datagram":
            Datagram(data, link_key)
            return "accepted", {}
        if header["kind"] == "announcement":
            return "accepted", {"pouch": Announcement(data, int(header["stream"], 16)).pouch}
        if header["kind"] == "heartbeat":
            last = heartbeat(data)
            return "accepted", {"pouch": last} if last else {}
        gaps = decode_gaps(data.decode())
        return "accepted", {"gaps": " ".join(f"{first}+{count}:{need}" for first, count, need in gaps)}
    except Refused as refusal:
        return str(refusal), {}


def main():
    for path in sys.argv[1:]:
        verdict, facts = judge(path)
        print("\t".join([os.path.basename(path), verdict] + [f"{key}: {facts[key]}" for key in sorted(facts)]))


if __name__ == "__main__":
    main()
