import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseAnnouncement } from '@ogong/protocol/exchange/announcement';
import { createTestClock, createTestValidator, ledger, type TestValidator } from '@ogong/testing/validator/test-bench';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestHybrid, createTestPayee, seedOf } from '@ogong/testing/validator/test-keys';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { listStoredIds, MAX_HANDED_OF_PAYEE } from '../store/announcement-store.ts';
import {
  acceptForwarded,
  listLacking,
  listStoredAnnouncements,
  MAX_ANSWERED,
  SHORT_ID_BYTES,
} from './hand-announcements.ts';

const TOKEN = 10n ** 18n;
const open: TestValidator[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** Two validators that read the same stakes; the first is told of verifiers, the second asks it. */
function createTwo(stakeOf: (payee: Uint8Array) => bigint = () => TOKEN) {
  const clock = createTestClock();
  const all: TestValidator[] = [];
  for (let index = 0; index < 2; index++) all.push(createTestValidator({ index, clock, stakeOf, members: () => all }));
  open.push(...all);
  const [told, asking] = all as [TestValidator, TestValidator];
  const offered = () => listLacking(told, listStoredAnnouncements(asking));
  const take = (answer = offered(), tokens = TOKEN, onUnread?: () => void) =>
    acceptForwarded(
      {
        ...{ crypto, clock, store: asking.store, group: asking.group, ledger },
        readStakes: async (payees) => payees.map(() => tokens),
        ...(onUnread && { onUnread }),
      },
      answer,
    );
  return { clock, told, asking, offered, take };
}

const countHeld = ({ store, clock }: TestValidator): number => listStoredIds(store, clock.nowMs()).length;

describe('announcements that validators forward', () => {
  it('are those of staked verifiers that the other one lacks, most stake first', async () => {
    const stakes = new Map(
      (['none', 'some', 'most', 'both'] as const).map((name, i) => [
        toHex(createTestPayee(name).address),
        BigInt(i) * TOKEN,
      ]),
    );
    const { told, asking, offered } = createTwo((payee) => stakes.get(toHex(payee)) ?? 0n);
    for (const name of ['none', 'some', 'most', 'both']) await told.announceVerifier(name);
    await told.announce(createTestHybrid('provides alone'));
    await asking.announceVerifier('both');
    const endpoints = offered().map(({ announcement }) => parseAnnouncement(announcement).endpoint);
    expect(endpoints).toEqual(['most:1', 'some:1']);
    expect(listStoredAnnouncements(asking).length).toBe(SHORT_ID_BYTES);
  });

  it('are accepted once, again before they end, and never after', async () => {
    const { clock, told, asking, offered, take } = createTwo();
    await told.announceVerifier('v0');
    const first = offered();
    expect([await take(first), await take(first), offered().length]).toEqual([1, 0, 0]);
    clock.advance(3_600_000 - 10_000);
    expect(countHeld(asking)).toBe(1);
    await told.announceVerifier('v0', 'x', createTestPayee('v0'), {}, 2n);
    expect(await take()).toBe(1);
    clock.advance(3_600_000 - 4_000);
    expect(offered()).toEqual([]);
    await expect(take(first)).resolves.toBe(0);
  });

  it('are no more than fit into an answer, nor more of one payee than it needs', async () => {
    const { told, asking, offered, take } = createTwo();
    const payee = createTestPayee('many keys');
    for (let i = 0; i <= MAX_ANSWERED; i++) await told.announceVerifier(`v${i}`, 'x', payee);
    expect(offered().length).toBe(MAX_ANSWERED);
    expect(await take()).toBe(MAX_HANDED_OF_PAYEE);
    expect(await take()).toBe(0);
    expect(countHeld(asking)).toBe(MAX_HANDED_OF_PAYEE);
  });

  it('of a payee without stake on the chain are not accepted, against the claim of the sender', async () => {
    const { told, asking, take } = createTwo();
    await told.announceVerifier('v0');
    expect(await take(undefined, TOKEN - 1n)).toBe(0);
    expect(countHeld(asking)).toBe(0);
  });

  it('with an invalid signature are not accepted, nor anything after them', async () => {
    const { told, asking, offered, take } = createTwo();
    for (const name of ['v0', 'v1']) await told.announceVerifier(name);
    const [one, two] = offered();
    if (one === undefined || two === undefined) throw new Error('two were announced');
    const bent = { ...one, signature: one.signature.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) };
    await expect(take([bent, two])).rejects.toMatchObject({ code: 'malformed' });
    expect(countHeld(asking)).toBe(0);
  });

  it('that this program cannot read are passed over, and counted', async () => {
    const { told, asking, offered, take } = createTwo();
    for (const name of ['v0', 'v1']) await told.announceVerifier(name);
    const [one, two] = offered();
    if (one === undefined || two === undefined) throw new Error('two were announced');
    const later = { ...one, announcement: utf8Encode('ogong-announcement-v9\n') };
    const onUnread = vi.fn();
    expect(await take([later, two], TOKEN, onUnread)).toBe(1);
    expect([countHeld(asking), onUnread.mock.calls.length]).toEqual([1, 1]);
  });

  it('give way to a provider that comes under the named certificate, and displace no owner of one', async () => {
    const { told, asking, take } = createTwo();
    const certHash = seedOf('a certificate');
    const announce = (to: TestValidator, name: string) => {
      const key = createTestHybrid(name);
      const keyHash = hashHybridKey(crypto, key.publicKey);
      const verifier = { endpoint: `${name}:1`, certHash: seedOf(name), keyHash };
      return to.announce(key, { certHash, verifier }, createTestPayee(name));
    };
    const listIds = () => listStoredIds(asking.store, asking.clock.nowMs());
    const idOf = (name: string) => hashHybridKey(crypto, createTestHybrid(name).publicKey);
    await announce(told, 'squatter');
    expect(await take()).toBe(1);
    const third = createTwo();
    await announce(third.told, 'holder');
    expect(await take(third.offered())).toBe(1);
    expect(listIds()).toEqual(expect.arrayContaining([idOf('squatter'), idOf('holder')]));
    await announce(asking, 'owner');
    expect(await take()).toBe(0);
    expect(listIds()).toEqual([idOf('owner')]);
  });
});
