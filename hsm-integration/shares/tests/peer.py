"""The other side of peer.rs: shamir-mnemonic, by the authors of the standard. One JSON request in, one JSON answer out.

The folder that pip installed it into is the only argument; secrets travel through pipes.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

import shamir_mnemonic  # noqa: E402

request = json.load(sys.stdin)
passphrase = request["passphrase"].encode()
if request["verb"] == "combine":
    answer = shamir_mnemonic.combine_mnemonics(request["shares"], passphrase).hex()
else:
    answer = shamir_mnemonic.generate_mnemonics(
        group_threshold=request["group_threshold"],
        groups=[tuple(group) for group in request["groups"]],
        master_secret=bytes.fromhex(request["secret"]),
        passphrase=passphrase,
        extendable=request["extendable"],
        iteration_exponent=request["exponent"],
    )
json.dump(answer, sys.stdout)
