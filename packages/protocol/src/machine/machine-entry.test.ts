import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/eip712.json' with { type: 'json' };
import tier from '../../vectors/tier.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { computeReportData } from '../tier/attestation.ts';
import { hashMachineEjection } from './machine-ejection.ts';
import { computeMachineNonce, hashMachineEntry, hashMachineRevocation, type MachineEntry } from './machine-entry.ts';

const bytes = (hex: string, length = 32): Uint8Array => fromHex(hex.slice(2), length);
const chainId = BigInt(vectors.domain.chainId);
const domain = { chainId, verifyingContract: bytes(vectors.domain.machines, 20) };
const ledger = { chainId, verifyingContract: bytes(vectors.domain.escrow, 20) };

describe.each(vectors.machineEntries)('entry of a machine %#', (vector) => {
  const names = ['providerId', 'machine', 'image', 'evidence', 'signingKey', 'sealKey', 'platformKey'] as const;
  const entry = {
    ...Object.fromEntries(names.map((name) => [name, bytes(vector[name])])),
    ...{ epoch: BigInt(vector.epoch), until: BigInt(vector.until) },
  } as unknown as MachineEntry;
  const hash = (change: Partial<MachineEntry> = {}): string =>
    `0x${toHex(hashMachineEntry(crypto, domain, { ...entry, ...change }))}`;

  it('is hashed as in the contract', () => {
    expect(hash()).toBe(vector.digest);
    for (const name of names) expect(hash({ [name]: new Uint8Array(32).fill(9) }), name).not.toBe(vector.digest);
    expect(hash({ epoch: entry.epoch - 1n })).not.toBe(vector.digest);
    expect(hash({ until: entry.until + 1n })).not.toBe(vector.digest);
    expect(`0x${toHex(hashMachineEntry(crypto, ledger, entry))}`).not.toBe(vector.digest);
  });

  it('has keys with the hash that contract and machines compute', () => {
    const { providerId, signingKey: attestedKey, sealKey: sealKeyHash } = entry;
    const keys = { ledger, providerId, attestedKey, sealKeyHash };
    expect(`0x${toHex(computeReportData(crypto, keys, new Uint8Array(32)).subarray(0, 32))}`).toBe(vector.keysHash);
  });
});

it.each(vectors.revocations)('a revocation is hashed as in the contract: number $number', (vector) => {
  const revocation = { ...vector, machine: bytes(vector.machine), evidence: bytes(vector.evidence) };
  const hash = (change: object = {}): string =>
    `0x${toHex(hashMachineRevocation(crypto, domain, { ...revocation, ...change }))}`;
  expect(hash()).toBe(vector.digest);
  expect(hash({ isRevoked: !vector.isRevoked })).not.toBe(vector.digest);
  expect(hash({ number: vector.number + 1 })).not.toBe(vector.digest);
});

it.each(vectors.machineEjections)('an ejection is hashed as in the contract: number $ejection', (vector) => {
  const ejected = { ...vector, providerId: bytes(vector.providerId), evidence: bytes(vector.evidence) };
  const settlement = { chainId, verifyingContract: bytes(vectors.domain.settlement, 20) };
  const hash = (change: object = {}, of = settlement): string =>
    `0x${toHex(hashMachineEjection(crypto, of, { ...ejected, ...change }))}`;
  expect(hash()).toBe(vector.digest);
  expect(hash({ ejection: vector.ejection + 1 })).not.toBe(vector.digest);
  expect(hash({ evidence: new Uint8Array(32) })).not.toBe(vector.digest);
  expect(hash({ providerId: new Uint8Array(32) })).not.toBe(vector.digest);
  expect(hash({}, domain)).not.toBe(vector.digest);
});

it('the nonce of a machine follows from epoch, beacon and provider', () => {
  const { machineNonce: vector } = tier;
  const asked = {
    ...{ epoch: BigInt(vector.epoch), beacon: fromHex(vector.beacon, 32), providerId: fromHex(vector.providerId, 32) },
  };
  const nonce = toHex(computeMachineNonce(crypto, asked));
  expect(nonce).toBe(vector.nonce);
  for (const change of [{ epoch: 8n }, { beacon: new Uint8Array(32) }, { providerId: new Uint8Array(32) }])
    expect(toHex(computeMachineNonce(crypto, { ...asked, ...change }))).not.toBe(nonce);
});
