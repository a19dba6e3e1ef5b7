import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { providerId, type TestValidator } from '@ogong/testing/validator/test-bench';
import { proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { createScored } from '@ogong/testing/validator/test-scores';
import { describe, expect, it } from 'vitest';
import { listEntries } from '../../store/batch-store.ts';
import { createTestStates, OWN_TESTS, readCountedPosition } from '../../store/sequential-store.ts';
import { readVerifier } from '../../store/verifier-store.ts';
import { CosignError } from './cosign-error.ts';
import { openCosignState } from './cosign-state.ts';

const ejectsOf = ({ own }: { readonly own: TestValidator }) =>
  own.store
    .read(() => listEntries(own.store, 0n, -1))
    .map(({ entry }) => parseVerdictEntry(entry))
    .map(({ verdict, ejects }) => [verdict, ejects]);

/** Two rejects that have settled, and a third that is decided and ejects. */
async function settleTwo() {
  const four = await createScored();
  await four.reject(2);
  while (await four.own.settlement.step());
  await four.reject(1);
  four.offline.add(1).add(2).add(3);
  await four.own.settlement.step().catch(() => undefined);
  four.offline.clear();
  return four;
}

describe('the tests of a log', () => {
  it('eject at the third reject by scores, over two batches, and every co-signer counts alike', async () => {
    const four = await createScored();
    await four.reject(2);
    while (await four.own.settlement.step());
    await four.reject(1);
    expect(ejectsOf(four)).toEqual([
      ['reject', false],
      ['reject', false],
      ['reject', true],
    ]);
    while (await four.own.settlement.step());
    expect(four.chain.settled.map(({ ejections }) => ejections.length)).toEqual([0, 1]);
    const { address } = four.own.signer;
    const counted = four.peers.map(({ store }) => store.read(() => readCountedPosition(store, address)));
    expect(counted.filter((one) => one?.length === 2n).length).toBeGreaterThan(1);
    // The marks of verifiers in the two settled entries count there as here, for the key and for its payee.
    const marks = four.own.store
      .read(() => listEntries(four.own.store, 0n, 2))
      .flatMap(({ entry }) => parseVerdictEntry(entry).verifiers);
    const creditOf = (subject: Uint8Array): number =>
      marks.filter(({ verifierId, payee }) => [verifierId, payee].some((one) => equalBytes(one, subject))).length;
    expect(marks.length).toBeGreaterThan(1);
    const counting = four.peers.filter((_, i) => counted[i]?.length === 2n);
    for (const { store } of counting) {
      for (const subject of marks.flatMap(({ verifierId, payee }) => [verifierId, payee])) {
        expect(readVerifier(store, subject)).toMatchObject({ credit: creditOf(subject), marks: 0 });
      }
    }
    // The validator's own tests, where its log has settled and at its end.
    const [settled, own] = [address, OWN_TESTS].map((log) => createTestStates(four.own.store, log).find(providerId));
    expect(settled).toEqual(own);
    expect(settled).not.toEqual(INITIAL_TESTS);
  });

  it('are not believed if an entry ejects too early', async () => {
    const four = await createScored();
    await four.reject(2);
    const request = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    const early = await rebuild(
      four.own,
      request,
      (entry) => ({ ...entry, ejects: entry.index === 1n }),
      (same) => same,
    );
    await expect(peer.cosigner.cosign(four.own.signer.address, early)).rejects.toThrow(
      'entry 1: the tests of this log do not eject its provider yet',
    );
  });

  it('are not overlooked if an entry does not eject', async () => {
    const four = await createScored();
    await four.reject(3);
    const request = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    const mild = await rebuild(
      four.own,
      request,
      (entry) => ({ ...entry, ejects: false }),
      (same) => same,
    );
    await expect(peer.cosigner.cosign(four.own.signer.address, mild)).rejects.toThrow(
      'entry 2: the tests of this log eject its provider',
    );
  });

  it('are counted again without entries that leave the log, so that those behind them eject no more', async () => {
    const four = await createScored();
    await four.reject(3);
    for (const peer of four.peers.slice(0, 2)) {
      const { cosign } = peer.cosigner;
      peer.cosigner.cosign = async (from, message) => {
        if (message.entries.length === 2) return cosign(from, message);
        throw new CosignError('refuted', 'bad', { refused: [{ index: 0n, reason: 'entry 0 is bad' }] });
      };
    }
    while (await four.own.settlement.step());
    expect(ejectsOf(four)).toEqual([
      ['reject', false],
      ['reject', false],
    ]);
    expect(four.chain.settled).toMatchObject([{ ejections: [] }]);
  });
});

describe('a co-signer that has not seen a log grow', () => {
  const cosignNew = async (bend: (peer: TestValidator, entries: readonly Uint8Array[]) => readonly Uint8Array[]) => {
    const world = await settleTwo();
    const { own, peers } = world;
    const peer = peers[2] as TestValidator;
    // As if it had been away, or had lost its files.
    peer.store.database.exec(
      'DELETE FROM tests; DELETE FROM counted_logs; DELETE FROM cosigned; DELETE FROM cosigned_entries',
    );
    const { listEntries: list } = peer.cosigning;
    const cosigning = openCosignState(peer.cosigning, {
      ...peer.cosigning,
      listEntries: async (...asked) => bend(peer, await list(...asked)),
    });
    Object.assign(peer.cosigning, cosigning);
    const request = own.requests.at(-1) as never;
    const answer = peer.cosigner.cosign(own.signer.address, structuredClone(request));
    return { answer, counted: () => peer.store.read(() => readCountedPosition(peer.store, own.signer.address)) };
  };

  it('gets it from its validator, page by page, and counts it', async () => {
    let pages = 0;
    const { answer, counted } = await cosignNew((_peer, entries) => {
      pages++;
      return entries.slice(0, 1);
    });
    expect((await answer).signature).toHaveLength(65);
    expect([pages, counted()?.length]).toEqual([2, 2n]);
  });

  it.each<[string, (entries: readonly Uint8Array[]) => readonly Uint8Array[], RegExp]>([
    ['shows nothing', () => [], /shows another log/],
    ['shows entries in another order', (entries) => entries.toReversed(), /shows another log/],
    [
      'shows another last entry',
      (entries) => entries.map((entry, i) => (i === 1 ? entry.with(entry.length - 1, 7) : entry)),
      /shows another log/,
    ],
    [
      'does not answer',
      () => {
        throw new Error('offline');
      },
      /does not show its settled log/,
    ],
  ])('waits where the validator %s, and keeps nothing of it', async (_name, bend, message) => {
    const { answer, counted } = await cosignNew((_peer, entries) => bend(entries));
    await expect(answer).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(message) });
    expect(counted()).toBeUndefined();
  });

  it('counts a log once, however many batches ask for it at the same time', async () => {
    const world = await settleTwo();
    const { own, peers } = world;
    const [, , peer] = peers as [TestValidator, TestValidator, TestValidator];
    peer.store.database.exec(
      'DELETE FROM tests; DELETE FROM counted_logs; DELETE FROM cosigned; DELETE FROM cosigned_entries',
    );
    const request = own.requests.at(-1) as never;
    const votes = await Promise.all(
      [1, 2, 3].map(() => peer.cosigner.cosign(own.signer.address, structuredClone(request))),
    );
    expect(new Set(votes.map(({ signature }) => toHex(signature))).size).toBe(1);
    const tests = createTestStates(peer.store, own.signer.address).find(providerId);
    expect(tests.replies).toMatchObject({ audits: 2, rejects: 2 });
  });
});
