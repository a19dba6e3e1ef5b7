import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseNewcomerWork, verifyNewcomerWork, type WorkTerms } from '@ogong/protocol/exchange/newcomer-work';
import { afterEach, expect, it } from 'vitest';
import { createNewcomerWorker, type NewcomerWorker } from './newcomer-work.ts';

const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(1) };
const providerId = new Uint8Array(32).fill(2);
const workers: NewcomerWorker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.stop();
});

function open({ work = { bits: 8, epochs: 10 } as WorkTerms, stake = 0n } = {}) {
  const seen = { epoch: 100n, work };
  const errors: unknown[] = [];
  const beaconOf = (epoch: bigint): Uint8Array => crypto.sha256(new Uint8Array([Number(epoch)]));
  const worker = createNewcomerWorker({
    ...{ crypto, providerId, readStake: async () => stake, onError: (error) => errors.push(error) },
    chain: { network, parameters: () => ({ work: seen.work }) as never },
    beacons: {
      latest: () => ({ epoch: seen.epoch, value: beaconOf(seen.epoch) }) as never,
    },
  });
  workers.push(worker);
  const isGood = (bytes: Uint8Array): boolean =>
    verifyNewcomerWork(crypto, bytes, {
      ...{ ...network, providerId, terms: seen.work, latest: seen.epoch },
      beacon: beaconOf(parseNewcomerWork(bytes).epoch),
    }).ok;
  return { worker, at: seen, errors, isGood };
}

it('finds what the network asks for, and the next one before its time is over', async () => {
  const { worker, at, isGood } = open();
  expect(worker.get()).toBeUndefined();
  await expect.poll(() => worker.get()).toBeDefined();
  const first = worker.get() as Uint8Array;
  expect(isGood(first)).toBe(true);
  at.epoch = 105n;
  expect(worker.get()).toBe(first);
  at.epoch = 106n;
  // The old one is shown until the next one is there.
  expect(worker.get()).toBe(first);
  await expect.poll(() => worker.get()).not.toBe(first);
  expect(parseNewcomerWork(worker.get() as Uint8Array).epoch).toBe(106n);
  // More is asked for: the next one is searched for at once.
  at.work = { bits: 12, epochs: 10 };
  await expect.poll(() => isGood(worker.get() as Uint8Array)).toBe(true);
});

it('does nothing where nothing is asked for, and for a payee with stake', async () => {
  for (const options of [{ work: { bits: 0, epochs: 0 } }, { stake: 1n }]) {
    const { worker } = open(options);
    worker.get();
    await worker.stop();
    expect(worker.get()).toBeUndefined();
  }
});

it('ends while it searches for what nobody finds', async () => {
  const { worker, errors } = open({ work: { bits: 40, epochs: 1_000_000 } });
  worker.get();
  await worker.stop();
  expect(worker.get()).toBeUndefined();
  expect(errors).toEqual([]);
});
