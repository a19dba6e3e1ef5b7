import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { describe, expect, it } from 'vitest';
import { type BeaconSources, checkEpoch, readBeaconHistory } from './beacon-history.ts';

const make = (isThreshold: boolean) => {
  const { receipt, trust } = createSyntheticReceipt({
    ...{ crypto, seed: 5, windows: 1, isThreshold },
    ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(9) },
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
    provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
    router: createNobleHybridSigner(new Uint8Array(64).fill(5)),
  });
  const sources = {
    info: { chainId: trust.ledger.chainId, settlement: trust.settlement },
    validators: trust.validators.map((one) => ({ ...one, endpoint: 'v:1', certHash: new Uint8Array(32) })),
    generations: trust.generations ?? [],
  } as BeaconSources;
  return { bytes: receipt.beacon as Uint8Array, sources };
};

const bend = (bytes: Uint8Array): Uint8Array => {
  const bent = bytes.slice();
  bent[bent.length - 5] = (bent.at(-5) as number) ^ 1;
  return bent;
};

describe.each([
  ['aggregate', false],
  ['threshold', true],
] as const)('an epoch of the beacon, %s', (kind, isThreshold) => {
  const { bytes, sources } = make(isThreshold);

  it('holds under the validators or the key of its epoch', () => {
    expect(checkEpoch(bytes, sources)).toMatchObject({ kind, standing: 'holds' });
  });

  it('is refuted if its signatures were changed', () => {
    expect(checkEpoch(bend(bytes), sources).standing).toBe('refuted');
  });
});

describe('the history of a beacon', () => {
  const { bytes, sources } = make(false);

  it('is of other validators if the set has changed, and refuted under a key that does not sign it', () => {
    expect(checkEpoch(bytes, { ...sources, validators: sources.validators.slice(1) }).standing).toBe('others');
    const threshold = make(true);
    expect(checkEpoch(threshold.bytes, { ...threshold.sources, generations: [] }).standing).toBe('refuted');
  });

  it('is refuted if an epoch does not follow the one before', () => {
    const { value } = checkEpoch(bytes, sources);
    expect(checkEpoch(bytes, sources, value).checks.find(({ id }) => id === 'beacon-chain')?.status).toBe('fail');
    expect(checkEpoch(bytes, sources, value).standing).toBe('refuted');
  });

  it('ends if the gateway has no older epoch, and at the count', async () => {
    const asked: bigint[] = [];
    const certificate = async (epoch: bigint) => {
      asked.push(epoch);
      if (epoch !== 0n) throw new Error('none');
      return bytes;
    };
    expect(await readBeaconHistory({ certificate }, sources, 5)).toHaveLength(1);
    expect(asked).toHaveLength(2);
    asked.length = 0;
    expect(await readBeaconHistory({ certificate }, sources, 1)).toHaveLength(1);
    expect(asked).toHaveLength(1);
  });

  it('takes no epoch for another one', async () => {
    expect(await readBeaconHistory({ certificate: async () => bytes }, sources, 3)).toHaveLength(1);
  });
});
