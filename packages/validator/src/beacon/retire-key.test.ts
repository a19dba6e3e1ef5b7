import { bytesToHex } from '@ogong/chain/hex';
import { openStore } from '@ogong/host/store/store';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { prepareActivation } from '@ogong/testing/chain/beacon-keys-fixture';
import { createFakeBeaconKeys } from '@ogong/testing/chain/fake-beacon-keys';
import { fakeBls as bls } from '@ogong/testing/protocol/fake-bls';
import { describe, expect, it } from 'vitest';
import { createGuardedSigner } from '../signer/guarded-signer.ts';
import { assertNearEnd, createBeaconClock, isSuperseded } from '../signer/retirement-guard.ts';
import { GUARD_SCHEMA } from '../signer/signing-guard.ts';
import { signRetirement, submitRetirement } from './retire-key.ts';

const PERIOD_S = 60;
/** 15 minutes. */
const MARGIN_EPOCHS = 15n;
const WEEK_EPOCHS = 10_080n;

/** Three validators and a key of the beacon that has just been activated. */
async function openWorld() {
  const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(9) };
  const domain: LedgerDomain = { chainId: network.chainId, verifyingContract: network.settlement };
  const keys = [1, 2, 3].map((byte) => createNobleLedgerSigner(new Uint8Array(32).fill(byte)));
  const time = { seconds: 60_000 };
  const chain = createFakeBeaconKeys({
    ...{ network, crypto, bls, periodSeconds: PERIOD_S, nowSeconds: () => time.seconds },
    voters: () => keys.map(({ address }) => ({ account: address, signingKey: address, votes: 100n })),
  });
  const client = chain.connect(`0x${'77'.repeat(20)}`);
  const pass = async (seconds: number) => {
    time.seconds += seconds;
  };
  const validators = keys.map((signer) => ({ client: chain.connect(bytesToHex(signer.address)), signer }));
  await client.activateEra(
    await prepareActivation({ network, crypto, bls, validators, stranger: client, pass }, { generation: 1, era: 1 }),
  );
  const stores = keys.map(() => openStore(':memory:', { schema: GUARD_SCHEMA }));
  const openSigner = (index: number, hasClock = true) => {
    const key = keys[index] as (typeof keys)[number];
    const store = stores[index] as (typeof stores)[number];
    const readBeaconClock = hasClock ? () => client.beaconKeys() : undefined;
    return createGuardedSigner(crypto, { key, account: key.address, store, readBeaconClock });
  };
  const toEpoch = (epoch: bigint): void => {
    time.seconds = Number(epoch) * PERIOD_S;
  };
  const sign = async (lastEpoch: bigint, indices: readonly number[] = [0, 1, 2]) =>
    Promise.all(
      indices.map(async (i) => (await signRetirement({ signer: openSigner(i), domain }, client, lastEpoch))?.signature),
    ).then((signed) => signed.flatMap((one) => (one ? [one] : [])));
  const submit = (lastEpoch: bigint, signatures: readonly Uint8Array[]) =>
    submitRetirement({ crypto, domain }, client, { lastEpoch, signatures });
  return { chain, client, domain, openSigner, toEpoch, sign, submit, now: chain.epochNow() };
}

/** How a signer answers. */
const answerOf = (signing: Promise<unknown>): Promise<unknown> =>
  signing.then(
    () => 'signed',
    (error) => error.code,
  );

describe('the end of a key of the beacon', () => {
  it('is taken once a quorum has signed it in time', async () => {
    const { sign, submit, client, now } = await openWorld();
    const lastEpoch = now + 5n;
    const signatures = await sign(lastEpoch);
    await expect(submit(lastEpoch, signatures.slice(1))).rejects.toMatchObject({ revert: { name: 'NoQuorum' } });
    expect(await submit(lastEpoch, signatures.toReversed())).toEqual({ generation: 1, lastEpoch });
    expect((await client.beaconKeys())?.generations[0]?.lastEpoch).toBe(lastEpoch);
    // There is nothing to sign any more.
    expect(await sign(lastEpoch + 1n)).toEqual([]);
    expect(await submit(lastEpoch, signatures)).toBeUndefined();
  });

  it('is signed again if the quorum came too late, once the chain cannot take the first any more', async () => {
    const { sign, submit, toEpoch, client, now } = await openWorld();
    const [first, second] = [now + 5n, now + 40n];
    const early = await sign(first, [0, 1]);
    toEpoch(first);
    expect(await submit(first, early)).toBeUndefined();
    // The first one has begun, but a block that goes back would still take it.
    await expect(sign(second)).rejects.toMatchObject({ code: 'conflict' });
    toEpoch(first + MARGIN_EPOCHS);
    const signatures = await sign(second);
    expect(await submit(second, signatures)).toEqual({ generation: 1, lastEpoch: second });
    expect((await client.beaconKeys())?.generations[0]?.lastEpoch).toBe(second);
  });

  it('is one at a time: neither the first again, nor a third, nor two at once', async () => {
    const { openSigner, domain, toEpoch, now } = await openWorld();
    const first = now + 5n;
    const say = (lastEpoch: bigint, signer = openSigner(0)) =>
      answerOf(signer.sign({ kind: 'beacon-retirement', domain, generation: 1, lastEpoch }));
    expect(await say(first)).toBe('signed');
    toEpoch(first + MARGIN_EPOCHS - 1n);
    expect(await say(first + 99n)).toBe('conflict');
    toEpoch(first + MARGIN_EPOCHS);
    // One that the chain would not take serves nobody, and would end the way of the next.
    expect(await say(first + MARGIN_EPOCHS)).toBe('conflict');
    expect(await say(first + 99n, openSigner(0, false))).toBe('conflict');
    const both = await Promise.all([say(first + 98n), say(first + 99n)]);
    expect(both.toSorted()).toEqual(['conflict', 'signed']);
    const taken = both[0] === 'signed' ? first + 98n : first + 99n;
    expect([await say(first), await say(taken), await say(taken + 1n)]).toEqual(['conflict', 'signed', 'conflict']);
  });

  it('is the first one for good if the chain has taken it', async () => {
    const { openSigner, domain, toEpoch, sign, submit, now } = await openWorld();
    const lastEpoch = now + 5n;
    await submit(lastEpoch, await sign(lastEpoch));
    toEpoch(lastEpoch + 1_000n);
    const another = { kind: 'beacon-retirement', domain, generation: 1, lastEpoch: lastEpoch + 2_000n } as const;
    expect(await answerOf(openSigner(0).sign(another))).toBe('conflict');
  });

  it('is at most a week ahead, for who asks and for the signer, and a far one leaves no note', async () => {
    const { openSigner, domain, sign, submit, now } = await openWorld();
    const far = now + WEEK_EPOCHS + 1n;
    const tooFar = { code: 'conflict', message: expect.stringContaining(`up to ${far - 1n}`) };
    await expect(sign(far, [0])).rejects.toMatchObject(tooFar);
    await expect(submit(far, [])).rejects.toMatchObject(tooFar);
    const said = { kind: 'beacon-retirement', domain, generation: 1 } as const;
    await expect(openSigner(0).sign({ ...said, lastEpoch: far })).rejects.toMatchObject(tooFar);
    expect(await answerOf(openSigner(0).sign({ ...said, lastEpoch: now + 5n }))).toBe('signed');
    expect(await answerOf(openSigner(1).sign({ ...said, lastEpoch: far - 1n }))).toBe('signed');
  });

  it('is not signed again while the chain does not answer, or for contracts that a signer does not know', async () => {
    const { chain, openSigner, domain, toEpoch, now } = await openWorld();
    const said = { kind: 'beacon-retirement', domain, generation: 1, lastEpoch: now + 5n } as const;
    await openSigner(0).sign(said);
    toEpoch(now + 100n);
    const next = { ...said, lastEpoch: now + 200n };
    chain.state.isDown = true;
    expect(await answerOf(openSigner(0).sign(next))).toBe('unavailable');
    expect(await answerOf(openSigner(1).sign(said))).toBe('unavailable');
    // The first one needs no chain.
    expect(await answerOf(openSigner(0).sign(said))).toBe('signed');
    const deployment = { chainId: 31_337, settlement: `0x${'08'.repeat(20)}` } as const;
    const elsewhere = createBeaconClock({ deployment: deployment as never, rpcUrl: 'http://127.0.0.1:1' });
    expect(await elsewhere(domain)).toBeUndefined();
    chain.state.isDown = false;
    expect(await answerOf(openSigner(0).sign(next))).toBe('signed');
  });
});

it.each([
  ['just begun long enough ago', { epoch: 24n }, true],
  ['begun a moment ago', { epoch: 23n }, false],
  ['of epochs that are as long as the margin', { epoch: 10n, period: 900n }, true],
  ['that the chain took', { generations: [{ key: '0x', firstEpoch: 0n, lastEpoch: 9n }] }, false],
  ['of a key that the chain does not have', { generations: [] }, false],
  ['before one that the chain does not take either', { epoch: 99n }, false],
] as const)('a retirement %s is superseded: %o, %s', (_what, other, isOver) => {
  const clock = { epoch: 30n, period: 60n, generations: [{ key: '0x', firstEpoch: 0n }], ...other } as const;
  expect(isSuperseded(clock, { generation: 1, lastEpoch: 9n }, { lastEpoch: 99n })).toBe(isOver);
});

it.each([
  [60n, 10_080n],
  // A week has no whole number of these.
  [1_000n, 604n],
])('an end is near for epochs of %s s up to %s ahead', (period, most) => {
  expect(() => assertNearEnd({ epoch: 7n, period }, 7n + most)).not.toThrow();
  expect(() => assertNearEnd({ epoch: 7n, period }, 8n + most)).toThrow('more than a week ahead');
});
