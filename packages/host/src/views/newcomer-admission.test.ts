import type { NetworkParameters } from '@ogong/chain/client';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { encodeNewcomerWork, searchNewcomerWork, type WorkTerms } from '@ogong/protocol/exchange/newcomer-work';
import { describe, expect, it } from 'vitest';
import { createNewcomerAdmission } from './newcomer-admission.ts';

const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(1) };
const key = { providerId: new Uint8Array(32).fill(2), payee: new Uint8Array(20).fill(3) };
const NOTHING = new Uint8Array(0);
const LATEST = 105n;
const terms: WorkTerms = { bits: 8, epochs: 10 };
const beaconOf = (epoch: bigint): Uint8Array => crypto.sha256(new Uint8Array([Number(epoch)]));

function makeWork(epoch: bigint, providerId = key.providerId): Uint8Array {
  const subject = { ...network, providerId, epoch, beacon: beaconOf(epoch) };
  const nonce = searchNewcomerWork(crypto, subject, { bits: terms.bits, from: 0n, tries: 100_000 }) as bigint;
  return encodeNewcomerWork({ epoch, nonce });
}

function open(options: { readonly work?: WorkTerms | undefined; readonly stake?: () => Promise<bigint> } = {}) {
  const { stake = async () => 0n } = options;
  const work = 'work' in options ? options.work : terms;
  const clock = { now: 0, nowMs: () => clock.now };
  const asked: { epochs: bigint[]; stakes: number } = { epochs: [], stakes: 0 };
  const letIn = createNewcomerAdmission({
    ...{ crypto, clock, latestEpoch: async () => LATEST },
    chain: { network, parameters: () => work && ({ work } as NetworkParameters) },
    async findValue(epoch) {
      asked.epochs.push(epoch);
      return epoch === 104n ? undefined : beaconOf(epoch);
    },
    async readStake() {
      asked.stakes++;
      return stake();
    },
  });
  return { letIn, clock, asked };
}

describe('the admission of newcomers', () => {
  it.each([
    ['the network asks for nothing', { work: { bits: 0, epochs: 0 } }],
    ['the chain was not read', { work: undefined }],
  ])('is open where %s', async (_, options) => {
    const { letIn, asked } = open(options);
    await letIn(key, NOTHING);
    await letIn(key, makeWork(50n));
    expect(asked).toEqual({ epochs: [], stakes: 0 });
  });

  it('admits a key with work, and needs no stake', async () => {
    const { letIn, asked } = open();
    for (const epoch of [95n, 100n, 105n]) await letIn(key, makeWork(epoch));
    expect(asked).toEqual({ epochs: [95n, 100n, 105n], stakes: 0 });
  });

  it('admits a key with stake, and reads the stake once a minute', async () => {
    const { letIn, clock, asked } = open({ stake: async () => 1n });
    for (let i = 0; i < 5; i++) await letIn(key, NOTHING);
    expect(asked.stakes).toBe(1);
    clock.now = 60_000;
    await letIn(key, NOTHING);
    expect(asked.stakes).toBe(2);
  });

  it.each([
    ['none', NOTHING, 'none is shown', []],
    ['work that is too old', makeWork(94n), 'it counts for 10', []],
    ['work of an epoch to come', makeWork(106n), 'has not come', []],
    ['work of an epoch whose value nobody tells', makeWork(104n), 'is not known', [104n]],
    ["another key's work", makeWork(100n, new Uint8Array(32).fill(9)), 'zero bits', [100n]],
    ['bytes that are none', new Uint8Array(9), '', []],
  ])('refuses %s', async (_, work, why, epochs) => {
    const { letIn, asked } = open();
    await expect(letIn(key, work)).rejects.toThrow('asks for work of 8 bits: ');
    await expect(letIn(key, work)).rejects.toThrow(why);
    // Requests to others are limited to records that may count.
    expect(new Set(asked.epochs)).toEqual(new Set(epochs));
  });

  it('accepts work if the chain cannot be read, and gives others that reason', async () => {
    const { letIn } = open({ stake: () => Promise.reject(new Error('the chain is down')) });
    await letIn(key, makeWork(100n));
    await expect(letIn(key, NOTHING)).rejects.toThrow('the chain is down');
  });
});
