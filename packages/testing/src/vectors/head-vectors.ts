import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashBatchSummary } from '@ogong/protocol/settlement/batch';
import { encodeHeadCertificate, encodeHeadMessage, signHead } from '@ogong/protocol/settlement/head-certificate';
import { createSteadySigner } from '../protocol/steady-signer.ts';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

/** The certificate of a head, signed by three of four validators with equal stake: `vectors/log-head.json`. */
export function createHeadVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const domain = { chainId: 31_337n, verifyingContract: fill(0xaa, 20) };
  const batch = { validator: fill(0xbb, 20), sequence: 7n, logHead: fill(7), logLength: 12n, recordsRoot: fill(8) };
  const hashes = { debitsHash: fill(9), linesHash: fill(10), ejectedHash: fill(11), talliesHash: fill(12) };
  const summary = { ...batch, replies: 2, ...hashes };
  const seeds = [1, 2, 3].map((byte) => toHex(fill(byte, 64)));
  const accounts = [0x11, 0x22, 0x33, 0x44].map((byte) => fill(byte, 20));
  const signatures = seeds.map((seed, i) => ({
    signer: accounts[i] as Uint8Array,
    ...signHead(crypto, createSteadySigner(fromHex(seed)), { domain, summary }),
  }));
  const digest = hashBatchSummary(crypto, domain, summary);
  return {
    seeds,
    accounts: accounts.map((account) => toHex(account)),
    digest: toHex(digest),
    message: toHex(encodeHeadMessage(digest)),
    certificate: toHex(encodeHeadCertificate({ domain, summary, signatures })),
  };
}
