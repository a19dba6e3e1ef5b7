import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { compareBytes } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { summarizeSettlement } from '@ogong/protocol/settlement/batch';
import {
  buildHeadCertificate,
  encodeHeadCertificate,
  type HeadTrust,
  signHead,
  verifyHeadCertificate,
} from '@ogong/protocol/settlement/head-certificate';
import { measureInTurn, median, type Row } from '../row.ts';

/** Validators of equal stake. */
const SIZES = [4, 16, 64];
const ROUNDS = 15;

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const domain = { chainId: 31_337n, verifyingContract: fill(0xaa, 20) };
const validator = fill(1, 20);
const batch = { validator, sequence: 7n, logHead: fill(2, 32), logLength: 420n, recordsRoot: fill(3, 32), replies: 60 };
const summary = summarizeSettlement(crypto, { batch, debits: [], lines: [], ejections: [], tallies: [] });
const subject = { domain, summary };

/** Measures certificates of log heads with Ed25519 and ML-DSA-44 (docs/spec/log-heads.md). */
export async function measureHeads(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const size of SIZES) rows.push(...(await measureSize(size)));
  return rows;
}

async function measureSize(size: number): Promise<Row[]> {
  const keys = Array.from({ length: size }, (_, i) => createNodeHybridSigner(fill(i + 1, 64)));
  const addresses = keys.map(({ publicKey }) => crypto.sha256(publicKey).subarray(0, 20));
  const voters = keys.map(({ publicKey }, i) => ({
    ...{ address: addresses[i] as Uint8Array, stake: 1n, headKeyHash: hashHybridKey(crypto, publicKey) },
  }));
  const trust: HeadTrust = { domain, validator, voters, totalStake: BigInt(size) };
  const signatures = keys
    .map((key, i) => ({ signer: addresses[i] as Uint8Array, ...signHead(crypto, key, subject) }))
    .sort((a, b) => compareBytes(a.signer, b.signer));
  const certificate = buildHeadCertificate(crypto, { ...subject, signatures }, trust);
  if (certificate === undefined) throw new Error('no quorum');
  const encoded = encodeHeadCertificate(certificate);
  const [first] = keys as [(typeof keys)[number]];
  const time = (work: () => void): number => {
    const startMs = performance.now();
    work();
    return performance.now() - startMs;
  };
  const { sign, verify } = await measureInTurn(ROUNDS, {
    sign: () => time(() => signHead(crypto, first, subject)),
    verify: () =>
      time(() => {
        if (!verifyHeadCertificate(crypto, encoded, trust).ok) throw new Error('it does not hold');
      }),
  });
  const quorum = certificate.signatures.length;
  return [
    {
      id: `head-sign-${size}`,
      what: `signing the head of a log with both keys, ${size} validators`,
      value: median(sign),
      unit: 'ms',
      note: 'each validator, once a batch; Ed25519 and ML-DSA-44',
    },
    {
      id: `head-verify-${size}`,
      what: `verifying the certificate of a head, ${size} validators`,
      value: median(verify),
      unit: 'ms',
      note: `${quorum} of ${size} signed, both signatures of each are checked; ${encoded.length} bytes`,
    },
  ];
}
