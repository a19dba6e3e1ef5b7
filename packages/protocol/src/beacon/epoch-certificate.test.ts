import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { createNobleBls } from '../crypto/noble-bls.ts';
import {
  encodeEpochCertificate,
  findGeneration,
  parseEpochCertificate,
  readEpochValue,
  verifyEpochCertificate,
} from './epoch-certificate.ts';
import { encodeEpochMessage } from './threshold/threshold-value.ts';

const vectors = JSON.parse(readFileSync(new URL('../../vectors/beacon.json', import.meta.url), 'utf8'));
const aggregate = fromHex(vectors.certificate);
const bls = createNobleBls();
const SECRET = 1_234_567n;
const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(9) };
const key = bls.deriveKey(SECRET);
const generations = [
  { generation: 1, key, firstEpoch: 5n, lastEpoch: 9n },
  { generation: 2, key: bls.deriveKey(SECRET + 1n), firstEpoch: 10n },
];

function certify(epoch: bigint, secret = SECRET, generation = 1) {
  const signature = bls.sign(secret, encodeEpochMessage(network, { generation, epoch }));
  return { kind: 'threshold', generation, epoch, signature } as const;
}

const firstFailure = (claim: Parameters<typeof verifyEpochCertificate>[2]) => {
  const { ok, checks } = verifyEpochCertificate(crypto, network, claim);
  return ok ? 'ok' : checks.find(({ status }) => status === 'fail')?.id;
};

it('reads either kind by its tag, and nothing else', () => {
  const threshold = encodeEpochCertificate(certify(7n));
  expect(threshold).toHaveLength(146);
  expect(parseEpochCertificate(threshold)).toEqual(certify(7n));
  const parsed = parseEpochCertificate(aggregate);
  expect(parsed.kind).toBe('aggregate');
  expect(toHex(encodeEpochCertificate(parsed))).toBe(vectors.certificate);
  for (const bytes of [new Uint8Array(0), new Uint8Array(146), threshold.subarray(0, 145), threshold.subarray(1)]) {
    expect(() => parseEpochCertificate(bytes)).toThrow(ProtocolError);
  }
});

it('accepts one signature of the generation that the epoch belongs to', () => {
  expect(firstFailure({ certificate: certify(7n), validators: [], generations })).toBe('ok');
  expect(firstFailure({ certificate: certify(7n), validators: [] })).toBe('beacon-generation');
  expect(firstFailure({ certificate: certify(4n), validators: [], generations })).toBe('beacon-generation');
  expect(firstFailure({ certificate: certify(10n), validators: [], generations })).toBe('beacon-generation');
  expect(firstFailure({ certificate: certify(7n, SECRET + 1n), validators: [], generations })).toBe('beacon-signature');
  const other = { ...certify(7n), epoch: 8n };
  expect(firstFailure({ certificate: other, validators: [], generations })).toBe('beacon-signature');
});

it('refuses every aggregate for an epoch of a generation', () => {
  const certificate = parseEpochCertificate(aggregate);
  const { epoch } = certificate;
  const during = [{ generation: 1, key, firstEpoch: epoch, lastEpoch: epoch }];
  expect(firstFailure({ certificate, validators: [], generations: during })).toBe('beacon-generation');
  // Before the generation and after it the quorum decides. Here the set has no validators.
  const before = [{ generation: 1, key, firstEpoch: epoch + 1n }];
  expect(firstFailure({ certificate, validators: [], generations: before })).toBe('beacon-quorum');
});

it('finds the generation of an epoch', () => {
  const found = [4n, 5n, 9n, 10n, 99n].map((epoch) => findGeneration(generations, epoch)?.generation);
  expect(found).toEqual([undefined, 1, 1, 2, 2]);
});

it('gives value and bank of an epoch, which differ', () => {
  const { value, previous } = readEpochValue(crypto, network, certify(7n));
  const other = readEpochValue(crypto, network, certify(8n));
  expect(new Set([value, previous, other.value, other.previous].map(toHex)).size).toBe(4);
});
