import { compareBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { computeInclusionProof, computeMerkleRoot, hashLeaf } from '@ogong/protocol/crypto/merkle';
import { hashBatchSummary } from '@ogong/protocol/settlement/batch';
import { encodeHeadCertificate, encodeHeadMessage, signHead } from '@ogong/protocol/settlement/head-certificate';
import { appendVerdict, computeGenesisPosition } from '@ogong/protocol/settlement/verdict-log';
import { createSteadySigner } from '../../protocol/steady-signer.ts';
import { createSyntheticReceipt } from '../../synthetic/synthetic-receipt.ts';
import { usualReceipt } from '../receipt-vectors.ts';

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
    settled: createSettled(crypto),
  };
}

/** The entry of the receipt `chat` of `vectors/receipt.json`, third of five in its batch, and the certificate of that batch's head. */
function createSettled(crypto: Crypto): unknown {
  const { receipt, reply, trust } = createSyntheticReceipt(usualReceipt(crypto));
  const { order, recordBytes } = reply;
  const domain = { chainId: receipt.ledger.chainId, verifyingContract: trust.settlement };
  let position = computeGenesisPosition(crypto, {
    chainId: domain.chainId,
    settlement: domain.verifyingContract,
    validator: order.validator,
  });
  const entries = [0, 1, 2, 3, 4].map((i) => {
    const isIts = i === 2;
    const { bytes, position: next } = appendVerdict(crypto, position, {
      ...{
        replyId: isIts ? order.replyId : fill(i, 16),
        recordHash: hashRecord(crypto, recordBytes),
        payee: order.payee,
      },
      ...{
        providerId: order.providerId,
        verdict: 'accept',
        evidence: 'statistical',
        feeAtomic: 12_000n,
        fineAtomic: 0n,
      },
      ...{ payer: order.payer, router: order.router, shards: [], verifiers: [], beaconEpoch: 8n },
      ...{ evidenceHash: fill(9), step: 'reply', eValuePpm: 102_040, ejects: false, timeMs: 1_700_000_002_000 },
    });
    position = next;
    return bytes;
  });
  const leaves = entries.map((entry) => hashLeaf(crypto, entry));
  const summary = {
    ...{ validator: order.validator, sequence: 3n, logHead: position.head, logLength: 5n, replies: entries.length },
    ...{ recordsRoot: computeMerkleRoot(crypto, leaves), debitsHash: fill(9), linesHash: fill(10) },
    ...{ ejectedHash: fill(11), talliesHash: fill(12) },
  };
  const members = trust.validators.map(({ address, stake }, i) => {
    const key = createSteadySigner(fill(0x70 + i, 64));
    return { address, stake, key, keyHash: hashHybridKey(crypto, key.publicKey) };
  });
  const signatures = members
    .slice(0, 3)
    .map(({ address, key }) => ({ signer: address, ...signHead(crypto, key, { domain, summary }) }))
    .sort((a, b) => compareBytes(a.signer, b.signer));
  return {
    base: 'chat',
    entry: toHex(entries[2] as Uint8Array),
    index: 2,
    proof: computeInclusionProof(crypto, leaves, 2).map((hash) => toHex(hash)),
    certificate: toHex(encodeHeadCertificate({ domain, summary, signatures })),
    voters: members.map(({ address, stake, keyHash }) => ({
      ...{ address: `0x${toHex(address)}`, stake: String(stake), headKey: `0x${toHex(keyHash)}` },
    })),
  };
}
