// Verifies and decrypts with OpenPGP.js alone, to show that pouches are OpenPGP and not only what we read ourselves.
//
//     openpgp.cjs verify CERTIFICATE SIGNATURE FILE
//     openpgp.cjs decrypt key SECRET-KEY FILE...            contents to standard output, one after the other
//     openpgp.cjs decrypt session-key 9:HEX FILE...
"use strict";
const { readFileSync, writeSync } = require("node:fs");
const openpgp = require("openpgp");

async function verify(certificate, signature, file) {
    const verified = await openpgp.verify({
        message: await openpgp.createMessage({ binary: readFileSync(file) }),
        signature: await openpgp.readSignature({ binarySignature: readFileSync(signature) }),
        verificationKeys: await openpgp.readKey({ binaryKey: readFileSync(certificate) }),
        expectSigned: true,
    });
    for (const { verified: good, signature: packets } of verified.signatures) {
        await good;
        const { packets: [packet] } = await packets;
        console.log(`good signature, version ${packet.version}`);
    }
}

async function decrypt(how, secret, files) {
    const means = how === "key"
        ? { decryptionKeys: await openpgp.readPrivateKey({ binaryKey: readFileSync(secret) }) }
        : { sessionKeys: { data: Buffer.from(secret.replace(/^9:/, ""), "hex"), algorithm: "aes256" } };
    for (const file of files) {
        const message = await openpgp.readMessage({ binaryMessage: readFileSync(file) });
        const { data } = await openpgp.decrypt({ message, format: "binary", ...means });
        for (let done = 0; done < data.length;) done += writeSync(1, data, done);
    }
}

const [verb, ...words] = process.argv.slice(2);
const work = verb === "verify" ? verify(...words) : decrypt(words[0], words[1], words.slice(2));
work.catch(error => {
    console.error(error.message);
    process.exitCode = 1;
});
