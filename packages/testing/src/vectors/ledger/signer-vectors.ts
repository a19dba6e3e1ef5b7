import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import {
  type SignerRequest,
  type SignerResponse,
  signerRequestFormat,
  signerResponseFormat,
} from '@ogong/protocol/settlement/signer-message';
import { hashStatement, type ValidatorStatement } from '@ogong/protocol/settlement/validator-statement';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

/** Requests to an external signer, with the digest that it signs, and its answers: `vectors/signer.json`. */
export function createSignerVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const key = createNobleLedgerSigner(fill(1));
  const domain = { chainId: 31_337n, verifyingContract: fill(0xaa, 20) };
  const set = { set: fill(4), following: fill(5), next: fill(6) };
  const statement = { epoch: 7n, view: 2, previous: fill(2), value: fill(3), ...set, block: 17n };
  const batch = { validator: fill(0xbb, 20), sequence: 1n, logHead: fill(7), logLength: 2n, recordsRoot: fill(8) };
  const hashes = { debitsHash: fill(9), linesHash: fill(10), ejectedHash: fill(11), talliesHash: fill(12) };
  const subject = { generation: 1, era: 2, attempt: 3, set: fill(4) };
  const silence = {
    ...{ witness: fill(0xbb, 20), validator: fill(0xcc, 20), orderHash: fill(16) },
    ...{ target: fill(19), subject: fill(17) },
  };
  const said = { domain, summary: { ...batch, replies: 2, ...hashes }, entries: [fill(13, 3), fill(14, 5)] };
  const statements: readonly ValidatorStatement[] = [
    { kind: 'beacon-vote', domain, phase: 'prepare', statement },
    { kind: 'beacon-vote', domain, phase: 'commit', statement },
    { kind: 'batch', ...said },
    { kind: 'reinstatement', domain, providerId: fill(15), ejection: 1 },
    {
      ...{ kind: 'admission', domain, validator: fill(0xbb, 20) },
      orderHash: fill(16),
      epoch: 9n,
      timeMs: 1_700_000_000_000n,
    },
    { kind: 'intake', domain, validator: fill(0xbb, 20), orderHash: fill(16), recordHash: fill(17), epoch: 9n },
    {
      ...{ kind: 'silence', domain, ...silence },
      asked: 'opening',
      isRefused: true,
      epoch: 9n,
      timeMs: 1_700_000_000_000,
    },
    { kind: 'signing-key', domain, account: fill(0xbb, 20) },
    { kind: 'held', domain, validator: fill(0xbb, 20), delivery: fill(20) },
    { kind: 'pardon', domain, payee: fill(0xdd, 20), penalty: 3 },
    {
      ...{ kind: 'conviction', domain, offence: 'misrouting', accused: fill(0xdd, 20), reporter: fill(0xee, 20) },
      ...{ evidence: fill(21), conviction: 3 },
    },
    { kind: 'reveal', domain, validator: fill(0xbb, 20), round: fill(21) },
    { kind: 'allotment', domain, number: 3, until: 1_800_000_000n, root: fill(22), units: 5n },
    { kind: 'beacon-key', domain, subject, statement: { kind: 'deal', dealHash: fill(23) } },
    { kind: 'beacon-key', domain, subject, statement: { kind: 'complaint', dealer: 1, complainer: 2 } },
    { kind: 'beacon-key', domain, subject, statement: { kind: 'outcome', transcript: fill(24), key: fill(25, 48) } },
    { kind: 'beacon-retirement', domain, generation: 1, lastEpoch: 99n },
    { kind: 'acquittal', domain, subject: fill(23) },
    {
      ...{ kind: 'machine', domain, providerId: fill(26), machine: fill(27), image: fill(28), evidence: fill(29) },
      ...{ signingKey: fill(30), sealKey: fill(31), platformKey: fill(32), epoch: 7n, until: 1_800_000_000n },
    },
    { kind: 'machine-revocation', domain, machine: fill(27), evidence: fill(33), isRevoked: true, number: 2 },
    { kind: 'quorum-key', domain, account: fill(0xbb, 20), number: 2n, key: fill(34, 48) },
    { kind: 'machine-ejection', domain, providerId: fill(15), evidence: fill(33), ejection: 1 },
    { kind: 'seal-key', domain, validator: fill(0xbb, 20), sealKey: fill(34) },
  ];
  const answers: readonly SignerResponse[] = [
    { kind: 'described', account: fill(0xbb, 20), signingKey: key.address, epoch: 7n, view: 2, positions: 2n },
    { kind: 'signed', signature: fill(18, 65) },
    { kind: 'refused', code: 'conflict', reason: 'entry 1: another log of this validator was signed' },
    { kind: 'head-described', publicKey: fill(34, 1_344) },
    { kind: 'head-signed', publicKey: fill(34, 1_344), signature: fill(35, 2_484) },
    { kind: 'shared', key: fill(34, 48), share: fill(35, 96) },
    { kind: 'share-key', key: fill(34, 48) },
    { kind: 'share-key', key: undefined },
  ];
  const encode = (request: SignerRequest): string => toHex(signerRequestFormat.encode(request));
  return {
    signingKey: toHex(key.address),
    describe: encode({ kind: 'describe' }),
    describeHead: encode({ kind: 'describe-head' }),
    signHead: encode({ kind: 'sign-head', statement: said }),
    shareKey: encode({ kind: 'share-key' }),
    share: encode({ kind: 'share', statement: statements[3] as ValidatorStatement }),
    statements: statements.map((one) => ({
      kind: one.kind,
      request: encode({ kind: 'sign', statement: one }),
      digest: toHex(hashStatement(crypto, one, key.address)),
    })),
    answers: answers.map((one) => ({ kind: one.kind, response: toHex(signerResponseFormat.encode(one)) })),
  };
}
