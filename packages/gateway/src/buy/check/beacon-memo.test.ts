import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import {
  type EpochCertificate,
  parseEpochCertificate,
  verifyEpochCertificate,
} from '@ogong/protocol/beacon/epoch-certificate';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it } from 'vitest';
import { createBeaconMemo } from './beacon-memo.ts';

const { receipt, trust } = createSyntheticReceipt({
  crypto,
  tokens: 1,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
});
const certificate = parseEpochCertificate(receipt.beacon) as Extract<EpochCertificate, { kind: 'aggregate' }>;
const { validators, settlement } = trust;
const network = { chainId: 31_337n, settlement };

it('checks each certificate once, and again if anything differs', () => {
  let looks = 0;
  const verify = createBeaconMemo((...claim) => {
    looks++;
    return verifyEpochCertificate(...claim);
  });
  const good = { certificate, validators };
  expect(verify(crypto, network, good).ok).toBe(true);
  expect(verify(crypto, network, { certificate: { ...certificate }, validators: [...validators] }).ok).toBe(true);
  expect(looks).toBe(1);

  const [first, ...rest] = validators;
  const others = [
    verify(crypto, { ...network, chainId: 1n }, good),
    verify(crypto, { ...network, settlement: new Uint8Array(20) }, { ...good, previous: new Uint8Array(32) }),
    verify(crypto, network, { ...good, validators: [] }),
    verify(crypto, network, {
      ...good,
      validators: [{ ...first!, stake: 1_000_000n, address: new Uint8Array(20) }, ...rest],
    }),
    verify(crypto, network, { ...good, certificate: { ...certificate, value: new Uint8Array(32) } }),
    verify(crypto, network, { ...good, certificate: { ...certificate, signatures: certificate.signatures.slice(1) } }),
  ];
  expect(others.map(({ ok }) => ok)).toEqual([false, false, false, false, false, false]);
  expect(looks).toBe(7);
  expect(verify(crypto, network, { ...good, validators: [] }).ok).toBe(false);
  expect(looks).toBe(7);
});

it('forgets the oldest', () => {
  let looks = 0;
  const verify = createBeaconMemo(() => {
    looks++;
    return { ok: true, checks: [] };
  });
  for (let i = 0n; i < 65n; i++) verify(crypto, { ...network, chainId: i }, { certificate, validators });
  verify(crypto, { ...network, chainId: 64n }, { certificate, validators });
  expect(looks).toBe(65);
  verify(crypto, { ...network, chainId: 0n }, { certificate, validators });
  expect(looks).toBe(66);
});
