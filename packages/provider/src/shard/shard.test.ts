import type { ChainPass } from '@ogong/engine/interface/segment';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import { parseBoundaryPass } from '@ogong/protocol/modality/text/boundary/boundary-pass';
import {
  type BoundaryRoot,
  encodeBoundaryRoot,
  parseBoundaryRoot,
  signBoundaryRoot,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import { readCohort } from '@ogong/protocol/settlement/cohort-agreement';
import { createFakeSegment } from '@ogong/testing/engine/fake-segment';
import { ledger } from '@ogong/testing/provider/provider-fixture';
import { createTestChain, EMBEDDING_SIZE, sessions } from '@ogong/testing/provider/shard-fixture';
import { describe, expect, it } from 'vitest';
import type { ChainedOrder } from './chain-order.ts';
import { passKeyOf } from './cohort-chain.ts';

const passOf = (
  kind: ChainPass['kind'],
  groups: readonly { readonly of: ChainedOrder; readonly at: number; readonly tokens: readonly number[] }[],
): ChainPass => ({
  kind,
  groups: groups.map(({ of, at, tokens }, sequence) => ({
    sequence,
    position: at,
    rows: tokens.length,
    passKey: passKeyOf(of.order),
  })),
  tokens: Uint32Array.from(groups.flatMap(({ tokens }) => tokens)),
});
const prompt = (of: ChainedOrder, tokens: readonly number[] = [1, 2, 3]): ChainPass =>
  passOf('prompt', [{ of, at: 0, tokens }]);

describe('shards of a cohort and its leader', () => {
  it('run two orders in shared passes, drop rejected guesses, and end with equal roots', async () => {
    const { chain, order, begin, shards } = createTestChain();
    const [a, b] = [order(1), order(2)];
    const { agreement } = await begin(a);
    await begin(b);
    expect(readCohort(crypto, { ledger, order: a.order }, agreement)).toMatchObject({
      terms: { members: [{}, {}, {}] },
    });
    expect(shards.map((shard) => shard.free())).toEqual([0, 0]);

    await chain.run(prompt(a));
    await chain.run(prompt(b, [7, 8]));
    const guessed = passOf('step', [
      { of: b, at: 2, tokens: [9, 10, 11] },
      { of: a, at: 3, tokens: [4, 5, 6] },
    ]);
    await chain.run(guessed);
    // The guesses behind the first token of `a` were wrong.
    const rows = await chain.run(passOf('step', [{ of: a, at: 4, tokens: [50] }]));

    // The same segments without links and signatures.
    const first = createFakeSegment({ place: 'first', weights: 0 });
    const second = createFakeSegment({ place: 'interior', weights: 1 });
    const group = { sequence: 0, position: 0, rows: 5 };
    const between = await first.run({ kind: 'prompt', groups: [group], input: Uint32Array.of(1, 2, 3, 4, 50) });
    if (between.kind !== 'rows') throw new Error('a first segment returns rows');
    const whole = await second.run({ kind: 'prompt', groups: [group], input: between.rows });
    if (whole.kind !== 'rows') throw new Error('an interior segment returns rows');
    expect(rows).toEqual(whole.rows.subarray(4 * EMBEDDING_SIZE));

    const roots = await chain.close(a.order.orderHash);
    expect(roots.map((root) => root?.positions)).toEqual([5, 5]);
    expect(roots.map((root) => root?.turns)).toEqual([3, 3]);
    expect(shards.map((shard) => shard.free())).toEqual([1, 1]);
  });

  it('serve an order once, and until it expires', async () => {
    const { chain, order, begin, shards, advance } = createTestChain();
    const given = order();
    await begin(given);
    await chain.close(given.order.orderHash);
    await expect(chain.open(given)).rejects.toThrow('an order is served once');
    const next = order(2);
    const { failed } = await begin(next);
    advance(60_001);
    // Clocks may differ.
    await chain.run(prompt(next));
    expect(failed.aborted).toBe(false);
    advance(29_999);
    await Promise.all(shards.map((shard) => shard.sweep()));
    expect(shards.map((shard) => shard.free())).toEqual([2, 2]);
    expect(shards.map((shard) => shard.holds(given.order.orderHash))).toEqual([false, false]);
    await chain.run(prompt(next, [4]));
    expect(failed.reason.message).toContain('no such order');
    await expect(chain.open(next)).rejects.toThrow('the order has expired');
  });

  it('keep a sequence for each order, and refuse one more', async () => {
    const { chain, order, begin } = createTestChain();
    await begin(order(1));
    await begin(order(2));
    await expect(chain.open(order(3))).rejects.toThrow('all 2 sequences of this shard are busy');
  });

  it('refuse an order that its payer did not sign', async () => {
    const { chain, order } = createTestChain();
    const given = order();
    const signed = { ...given.signed, order: { ...given.signed.order, signature: new Uint8Array(65) } };
    await expect(chain.open({ ...given, signed: signed as ChainedOrder['signed'] })).rejects.toThrow(
      'not signed by its payer',
    );
  });

  it('refuse an order at another price than the sum of theirs', async () => {
    const { chain, order } = createTestChain();
    await expect(chain.open(order(1, (one) => ({ ...one, pricePer1kAtomic: 999n })))).rejects.toThrow('prices of 1000');
  });

  it('serve an order to the link of its leader alone', async () => {
    const { order, begin, shards } = createTestChain();
    const given = order();
    await begin(given);
    const [shard] = shards;
    const { orderHash } = given.order;
    const stranger = new Uint8Array(32).fill(1);
    const unknown = 'this shard serves no such order for you';
    await expect(shard.close(stranger, orderHash)).rejects.toThrow(unknown);
    await expect(shard.admit(stranger, orderHash, given.admission)).rejects.toThrow(unknown);
    const answers = await shard.run(stranger, [{ orderHash, pass: new Uint8Array(80) }]);
    expect(answers).toEqual([{ orderHash, result: { case: 'refusal', value: unknown } }]);
    expect(shard.free()).toBe(1);
  });

  it('refuse a pass that its sender did not sign, before any computing, and end the order', async () => {
    const { chain, order, begin, shards, segments } = createTestChain((calls, place) => ({
      ...calls,
      run: (parts) =>
        calls.run(
          place === 0
            ? parts
            : parts.map(({ orderHash, pass }) => ({
                orderHash,
                pass: pass.map((byte, i) => (i === pass.length - 2 ? byte ^ 1 : byte)),
              })),
        ),
    }));
    let ran = 0;
    const [, second] = segments;
    const run = second.run.bind(second);
    Object.assign(second, {
      run(pass: Parameters<typeof run>[0]) {
        ran++;
        return run(pass);
      },
    });
    const given = order();
    const { failed } = await begin(given);
    expect(await chain.run(prompt(given))).toEqual(new Float32Array(3 * EMBEDDING_SIZE));
    expect(failed.reason.message).toMatch(/shard 1 .* did not run a pass: .*signature/);
    expect(ran).toBe(0);
    await expect.poll(() => shards[1].free()).toBe(2);
  });

  it('name the shard whose rows are refused, and give no root for it', async () => {
    let roots = 0;
    const { chain, order, begin } = createTestChain((calls, place) => ({
      ...calls,
      async run(parts) {
        const answer = await calls.run(parts);
        return place === 0
          ? answer
          : answer.map(({ orderHash, result }) => {
              if (result.case !== 'pass' || parseBoundaryPass(result.value).head.kind === 'prompt')
                return { orderHash, result };
              const value = result.value.map((byte, i) => (i === 20 ? byte ^ 1 : byte));
              return { orderHash, result: { case: 'pass', value } };
            });
      },
      async close(orderHash) {
        roots++;
        return place === 0 ? calls.close(orderHash) : new Uint8Array();
      },
    }));
    const given = order();
    await begin(given);
    await chain.run(prompt(given));
    await expect(chain.run(passOf('step', [{ of: given, at: 3, tokens: [4] }]))).rejects.toThrow(
      /shard 1 .* sent rows that are refused, signature/,
    );
    expect((await chain.close(given.order.orderHash)).map((root) => root?.place)).toEqual([0, undefined]);
    expect(roots).toBe(2);
  });

  it('end an order behind its pass in flight', async () => {
    const [started, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { chain, order, begin } = createTestChain((calls, place) => ({
      ...calls,
      async run(parts) {
        if (place === 1) started.resolve();
        await released.promise;
        return calls.run(parts);
      },
    }));
    const given = order();
    await begin(given);
    const running = chain.run(prompt(given));
    const closing = chain.close(given.order.orderHash);
    await expect(chain.run(prompt(given))).rejects.toThrow('an order that is not open');
    released.resolve();
    await started.promise;
    expect(await running).toHaveLength(3 * EMBEDDING_SIZE);
    expect((await closing).map((root) => root?.positions)).toEqual([3, 3]);
  });

  it.each([
    ['drop rows of guesses behind the reply, by one more pass', 4, [4, 4], [3, 3]],
    ['run no pass more if no row stands behind the reply', 6, [6, 6], [2, 2]],
    ['give no root of fewer rows than the reply has', 7, [undefined, undefined], [undefined, undefined]],
  ])('%s', async (_how, end, positions, turns) => {
    const { chain, order, begin } = createTestChain();
    const given = order();
    await begin(given);
    await chain.run(prompt(given));
    await chain.run(passOf('step', [{ of: given, at: 3, tokens: [4, 5, 6] }]));
    const roots = await chain.close(given.order.orderHash, end);
    expect(roots.map((root) => root?.positions)).toEqual(positions);
    expect(roots.map((root) => root?.turns)).toEqual(turns);
  });

  it('give no root of a shard that does not drop rows of guesses', async () => {
    let passes = 0;
    const { chain, order, begin } = createTestChain((calls, place) => ({
      ...calls,
      async run(parts) {
        if (place === 1 && ++passes === 3) throw new Error('the line is cut');
        return calls.run(parts);
      },
    }));
    const given = order();
    await begin(given);
    await chain.run(prompt(given));
    await chain.run(passOf('step', [{ of: given, at: 3, tokens: [4, 5, 6] }]));
    const roots = await chain.close(given.order.orderHash, 4);
    expect(roots.map((root) => root?.positions)).toEqual([4, undefined]);
  });

  it.each<[string, (root: BoundaryRoot) => Partial<BoundaryRoot>]>([
    ['positions', ({ positions }) => ({ positions: positions + 1 })],
    ['turns', ({ turns }) => ({ turns: turns + 1 })],
    ['rows', ({ root }) => ({ root: root.map((byte) => byte ^ 1) })],
    ['rows that came', ({ input }) => ({ input: input.map((byte) => byte ^ 1) })],
  ])('give no root that is signed for other %s, and are named to their leader', async (what, bend) => {
    const liar = what === 'rows that came' ? 0 : 1;
    const blamed: Uint8Array[] = [];
    const { chain, order, begin, members } = createTestChain(
      (calls, place) => ({
        ...calls,
        async close(orderHash) {
          const encoded = await calls.close(orderHash);
          const root = parseBoundaryRoot(encoded);
          return place !== liar
            ? encoded
            : encodeBoundaryRoot(signBoundaryRoot(sessions[liar] as Ed25519Signer, { ...root, ...bend(root) }));
        },
      }),
      { onRootMissing: ({ providerId }) => void blamed.push(providerId) },
    );
    const given = order();
    await begin(given);
    await chain.run(prompt(given));
    const places = (await chain.close(given.order.orderHash, 3)).map((root) => root?.place);
    expect(places).toEqual([0, 1].map((place) => (place === liar ? undefined : place)));
    expect(blamed).toEqual([members[liar]?.providerId]);
  });
});
