import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashRetirement } from '@ogong/protocol/beacon/threshold/retirement';
import { computeThresholdValue, encodeEpochMessage } from '@ogong/protocol/beacon/threshold/threshold-value';
import { expect, it } from 'vitest';
import { type BeaconKeysWorld, prepareActivation, SECRET } from './beacon-keys-fixture.ts';

export const BEACON_PERIOD_S = 1_000;
const BOX_KEY_BYTES = 1_216;
const HEAD_KEY_BYTES = 1_344;

type Validator = BeaconKeysWorld['validators'][number];

const refusalOf = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'no refusal',
    (error) => error.revert?.name ?? error,
  );

/** Tests that every client of BeaconKeys must pass. */
export function testBeaconKeys(open: () => Promise<BeaconKeysWorld>): void {
  it('keeps the last box key of each validator', async () => {
    const world = await open();
    const [first, second] = world.validators as [Validator, Validator];
    const keys = [3, 4].map((byte) => new Uint8Array(BOX_KEY_BYTES).fill(byte));
    for (const key of keys) await first.client.registerBoxKey(key);
    const hashes = await first.client.boxKeyHashes([first.signer.address, second.signer.address]);
    expect(hashes).toEqual([`0x${toHex(world.crypto.sha256(keys[1] as Uint8Array))}`, undefined]);
    const found = await second.client.boxKeyOf(first.signer.address);
    expect(fromHex((found ?? '0x').slice(2))).toEqual(keys[1]);
    expect(await first.client.boxKeyOf(second.signer.address)).toBeUndefined();
    expect(await refusalOf(world.stranger.registerBoxKey(keys[0] as Uint8Array))).toBe('NotValidator');
    await expect(first.client.registerBoxKey(new Uint8Array(7))).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('keeps the last head key of each validator', async () => {
    const world = await open();
    const [first, second] = world.validators as [Validator, Validator];
    const keys = [3, 4].map((byte) => new Uint8Array(HEAD_KEY_BYTES).fill(byte));
    for (const key of keys) await first.client.registerHeadKey(key);
    const hashes = await first.client.headKeyHashes([first.signer.address, second.signer.address]);
    expect(hashes).toEqual([`0x${toHex(world.crypto.sha256(keys[1] as Uint8Array))}`, undefined]);
    expect(await refusalOf(world.stranger.registerHeadKey(keys[0] as Uint8Array))).toBe('NotValidator');
    await expect(first.client.registerHeadKey(new Uint8Array(BOX_KEY_BYTES))).rejects.toMatchObject({
      code: 'bad-input',
    });
  });

  it('accepts eras in order with a quorum and their shares, and ends a generation with a quorum alone', async () => {
    const world = await open();
    const { stranger, network, crypto, bls, validators } = world;
    const before = await stranger.beaconKeys();
    expect(before).toMatchObject({ period: BigInt(BEACON_PERIOD_S), generations: [], eras: [] });
    expect(await refusalOf(stranger.activateEra(await prepareActivation(world, { generation: 1, era: 2 })))).toBe(
      'WrongEra',
    );
    const few = await prepareActivation(world, { generation: 1, era: 1, signers: 2 });
    expect(await refusalOf(stranger.activateEra(few))).toBe('NoQuorum');
    const foreign = await prepareActivation(world, { generation: 1, era: 1, by: SECRET + 1n });
    expect(await refusalOf(stranger.activateEra(foreign))).toBe('BadActivation');
    await stranger.activateEra(await prepareActivation(world, { generation: 1, era: 1 }));
    const other = await prepareActivation(world, { generation: 1, era: 2, secret: SECRET + 1n });
    expect(await refusalOf(stranger.activateEra(other))).toBe('OtherKey');
    await stranger.activateEra(await prepareActivation(world, { generation: 1, era: 2 }));
    await stranger.activateEra(await prepareActivation(world, { generation: 2, era: 3, secret: SECRET + 1n }));
    const { generations, eras } = (await stranger.beaconKeys()) ?? { generations: [], eras: [] };
    expect(generations.map(({ key }) => key)).toEqual(
      [SECRET, SECRET + 1n].map((secret) => `0x${toHex(bls.deriveKey(secret))}`),
    );
    expect(eras.map(({ generation, attempt }) => [generation, attempt])).toEqual([
      [1, 7],
      [1, 7],
      [2, 7],
    ]);
    const firstEpoch = generations[1]?.firstEpoch as bigint;
    expect(generations[0]?.lastEpoch).toBe(firstEpoch - 1n);
    expect(generations[1]?.lastEpoch).toBeUndefined();

    await world.pass(3 * BEACON_PERIOD_S);
    const retire = async (lastEpoch: bigint, signers: number): Promise<unknown> => {
      const digest = hashRetirement(crypto, network, { generation: 2, lastEpoch });
      const signed = validators.slice(0, signers).map(({ signer }) => signer.signDigest(digest));
      return refusalOf(stranger.retireGeneration(2, lastEpoch, await sortQuorum(digest, signed)));
    };
    expect(await retire(0n, 3)).toBe('EpochPassed');
    const begun = (await stranger.beaconKeys())?.epoch ?? 0n;
    expect([firstEpoch <= begun, await retire(begun, 3)]).toEqual([true, 'EpochPassed']);
    expect(await retire(firstEpoch + 50n, 2)).toBe('NoQuorum');
    expect(await retire(firstEpoch + 50n, 3)).toBe('no refusal');
    expect(await retire(firstEpoch + 51n, 3)).toBe('AlreadyRetired');
    expect((await stranger.beaconKeys())?.generations[1]?.lastEpoch).toBe(firstEpoch + 50n);
  });

  it('returns only epoch values that the key of their generation signed', async () => {
    const world = await open();
    const { stranger, network, crypto, bls } = world;
    await stranger.activateEra(await prepareActivation(world, { generation: 1, era: 1 }));
    const epoch = ((await stranger.beaconKeys())?.generations[0]?.firstEpoch ?? 0n) + 3n;
    const sign = (of: bigint, secret = SECRET): Uint8Array =>
      bls.sign(secret, encodeEpochMessage(network, { generation: 1, epoch: of }));
    const certificate = { generation: 1, epoch, signature: sign(epoch) };
    const value = computeThresholdValue(crypto, network, certificate);
    expect(await stranger.valueOfEpoch(certificate)).toBe(`0x${toHex(value)}`);
    const early = epoch - 4n;
    for (const bent of [
      { ...certificate, epoch: epoch + 1n },
      { ...certificate, generation: 2 },
      { ...certificate, signature: sign(epoch, SECRET + 1n) },
      { ...certificate, epoch: early, signature: sign(early) },
    ]) {
      expect(await stranger.valueOfEpoch(bent)).toBeUndefined();
    }
  });
}
