import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashBlind } from '@ogong/protocol/commitment/blinds';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import { createPassSender, encodeBoundaryPass } from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { commitBoundary } from '@ogong/protocol/modality/text/boundary/boundary-root';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import { type CohortTerms, findConsentProblem, parseCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { createTestChain, LEADER_PEER, LEADER_SESSION, MANIFEST } from '@ogong/testing/provider/shard-fixture';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ChainedOrder } from './chain-order.ts';
import { commitRows } from './commit-rows.ts';
import { boundOrder } from './shard-order.ts';
import { createShardService } from './shard-service.ts';

afterEach(() => void vi.restoreAllMocks());

const STRANGER = new Uint8Array(32).fill(1);

/** The leader's passes of tokens for one order. */
function openTokens({ order: { orderHash }, blind }: ChainedOrder) {
  const edge = { orderHash, blind, place: 2, content: createTokenContent(300) };
  const sender = createPassSender(crypto, edge, { maxPositions: 1_000, signer: LEADER_SESSION });
  return (position: number, ...tokens: number[]) => ({
    orderHash,
    pass: encodeBoundaryPass(sender.send('step', position, Uint32Array.from(tokens))),
  });
}

describe('the agreement of a shard', () => {
  it.each<[string, (terms: CohortTerms) => CohortTerms, string]>([
    ['another link of the leader', (terms) => ({ ...terms, leaderLink: STRANGER }), 'another link of the leader'],
    [
      'another blind',
      (terms) => ({ ...terms, blindHash: hashBlind(crypto, LEADER_PEER) }),
      "another blind than the answer's",
    ],
    [
      'members that begin at no edge of the cut',
      ({ members: [first, second, leader], ...terms }) => ({
        ...terms,
        members: [
          first as CohortTerms['members'][number],
          { ...(second as CohortTerms['members'][number]), layers: 3 },
          { ...(leader as CohortTerms['members'][number]), firstLayer: 6, layers: 3 },
        ],
      }),
      'begins at layer 6, which is no edge',
    ],
    [
      'fewer layers than the model',
      ({ members, ...terms }) => ({
        ...terms,
        members: members.map((one, i) => (i === 2 ? { ...one, layers: 1 } : one)),
      }),
      '8 layers, and the model 9',
    ],
  ])('is refused for terms with %s', async (_, bend, message) => {
    const { shards, order, request } = createTestChain();
    await expect(shards[0].agree(LEADER_PEER, request(order(), bend))).rejects.toThrow(message);
    expect(shards[0].free()).toBe(2);
  });

  it('is refused to a peer that shows the terms of a leader first', async () => {
    const { shards, order, request } = createTestChain();
    const asked = request(order());
    await expect(shards[0].agree(STRANGER, asked)).rejects.toThrow('another link of the leader');
    const signature = await shards[0].agree(LEADER_PEER, asked);
    expect(findConsentProblem(crypto, parseCohortTerms(asked.terms), signature, 0)).toBeUndefined();
    expect(await shards[0].agree(LEADER_PEER, asked)).toEqual(signature);
  });

  it('is refused for an ejected leader', async () => {
    const { shards, order, request } = createTestChain(undefined, { chain: { isEjected: async () => true } });
    await expect(shards[0].agree(LEADER_PEER, request(order()))).rejects.toThrow('the leader is ejected');
  });

  it('is refused if another segment of the provider serves the order', async () => {
    const { shards, spare, members, order, request } = createTestChain();
    const [first, second, leader] = members;
    const given = order();
    // The first provider has the second segment here, and the second provider the first.
    const { providerId, payee } = first;
    const swapped = [
      { ...second, firstLayer: 0, layers: 3, pricePer1kAtomic: first.pricePer1kAtomic },
      { ...spare.member, providerId, payee },
      leader,
    ];
    const other = request(given, (terms) => ({ ...terms, members: swapped }));
    const service = createShardService([shards[0], spare]);
    const context = { values: { get: () => ({ peer: LEADER_PEER, group: undefined }) } } as never;
    await service.agree(request(given), context);
    await expect(service.agree(other, context)).rejects.toThrow('an order is served once');
    expect([shards[0].free(), spare.free()]).toEqual([1, 2]);
    const next = order(2);
    await service.agree(
      request(next, (terms) => ({ ...terms, members: swapped })),
      context,
    );
    expect(spare.holds(next.order.orderHash)).toBe(true);
    expect(() => createShardService([shards[0], shards[1]])).toThrow('one memory of orders');
  });

  it('is refused once the leader has ended the order, and to no other peer', async () => {
    const { shards, order, request, advance } = createTestChain();
    const given = order();
    const { orderHash } = given.order;
    await expect(shards[0].close(STRANGER, orderHash)).rejects.toThrow('no such order');
    await shards[0].agree(LEADER_PEER, request(given));
    const next = order(2);
    await expect(shards[0].close(LEADER_PEER, next.order.orderHash)).rejects.toThrow('no such order');
    await expect(shards[0].agree(LEADER_PEER, request(next))).rejects.toThrow('has ended this order already');
    advance(10_000);
    await shards[0].close(LEADER_PEER, orderHash);
    await shards[0].agree(LEADER_PEER, request(next));
  });

  it('is refused for an order whose rows have no room, and takes no sequence', async () => {
    const contextSize = 2 ** 26;
    const { shards, order, request } = createTestChain(undefined, { contextSize });
    const given = order(1, (one) => ({ ...one, contextSize, maxFeeAtomic: 2n ** 40n }));
    await expect(shards[0].agree(LEADER_PEER, request(given))).rejects.toThrow('exceed a blob');
    expect(shards[0].free()).toBe(2);
  });
});

describe('an order that is not admitted', () => {
  it('has no pass computed, and needs the signature of its validator', async () => {
    const { shards, segments, order, request } = createTestChain();
    const run = vi.spyOn(segments[0], 'run');
    const given = order();
    const { orderHash } = given.order;
    await shards[0].agree(LEADER_PEER, request(given));
    const forged = { ...given.admission, timeMs: 5n };
    await expect(shards[0].admit(LEADER_PEER, orderHash, forged)).rejects.toThrow('did not sign that it admitted');
    const [answer] = await shards[0].run(LEADER_PEER, [openTokens(given)(0, 1)]);
    expect(answer?.result).toEqual({ case: 'refusal', value: 'the order is not admitted yet' });
    expect(run).not.toHaveBeenCalled();
    expect(shards[0].free()).toBe(2);
  });

  it('gives its sequence back after 10 s', async () => {
    const { shards, order, request, advance } = createTestChain(undefined, { sequences: 3 });
    const given = order();
    await shards[0].agree(LEADER_PEER, request(given));
    await expect(shards[0].agree(LEADER_PEER, request(order(2)))).rejects.toThrow('already wait for their admissions');
    advance(9_999);
    await shards[0].sweep();
    expect(shards[0].free()).toBe(2);
    advance(1);
    await shards[0].agree(LEADER_PEER, request(order(3)));
    await expect(shards[0].admit(LEADER_PEER, given.order.orderHash, given.admission)).rejects.toThrow('no such order');
  });

  it('shares half of the sequences with others, and gives way to a leader that the chain knows', async () => {
    let isBacked = false;
    const chain = { isBacked: async () => isBacked };
    const { shards, order, request } = createTestChain(undefined, { sequences: 6, chain });
    const [shard] = shards;
    const agree = (nonce: number) => shard.agree(LEADER_PEER, request(order(nonce)));
    await agree(1);
    await agree(2);
    // Leaders of which the chain knows nothing count as one.
    await expect(agree(3)).rejects.toThrow('2 orders of such a leader');
    isBacked = true;
    await agree(4);
    await agree(5);
    expect([1, 2, 4, 5].map((nonce) => shard.holds(order(nonce).order.orderHash))).toEqual([false, true, true, true]);
    await expect(agree(6)).rejects.toThrow('2 orders of such a leader');
    expect(shard.free()).toBe(3);
  });
});

describe('an order at a shard', () => {
  it('has positions, turns and rows by its context and by its fee', () => {
    const order = {
      orderHash: STRANGER,
      modelRoot: STRANGER,
      contextSize: 64,
      maxFeeAtomic: 50n,
      pricePer1kAtomic: 1_000n,
    };
    expect(boundOrder(order, { contextSize: 4_096 })).toEqual({ maxPositions: 64, maxTurns: 320, maxRowsInAll: 1_024 });
    expect(boundOrder({ ...order, maxFeeAtomic: 20n }, { contextSize: 4_096 }).maxPositions).toBe(36);
    expect(boundOrder(order, { contextSize: 32 }).maxPositions).toBe(32);
    expect(boundOrder({ ...order, pricePer1kAtomic: 0n }, { contextSize: 4_096 }).maxPositions).toBe(64);
  });

  it.each([
    ['positions', 20n, 2, /refused, position/],
    ['passes', 1n, 200, /refused, turn/],
    ['rows', 1n, 200, /refused, size: more than 272 rows/],
  ])('ends if it has more %s than it pays for', async (what, maxFeeAtomic, passes, message) => {
    const { shards, order, request } = createTestChain();
    const given = order(1, (one) => ({ ...one, maxFeeAtomic }));
    await shards[0].agree(LEADER_PEER, request(given));
    await shards[0].admit(LEADER_PEER, given.order.orderHash, given.admission);
    const tokens = openTokens(given);
    let refusal: unknown;
    for (let i = 0; i < passes && refusal === undefined; i++) {
      const rows = what === 'passes' ? 1 : what === 'rows' ? 10 : 20;
      const part = tokens(what === 'positions' ? 20 * i : 0, ...Array.from({ length: rows }, () => 7));
      const [answer] = await shards[0].run(LEADER_PEER, [part]);
      if (answer?.result.case === 'refusal') refusal = answer.result.value;
    }
    expect(refusal).toMatch(message);
    await expect.poll(() => shards[0].free()).toBe(2);
  });

  it('ends after 30 s without a pass', async () => {
    const { shards, order, request, advance } = createTestChain();
    const given = order();
    await shards[0].agree(LEADER_PEER, request(given));
    await shards[0].admit(LEADER_PEER, given.order.orderHash, given.admission);
    const tokens = openTokens(given);
    advance(29_000);
    await shards[0].run(LEADER_PEER, [tokens(0, 1)]);
    advance(29_999);
    await shards[0].admit(LEADER_PEER, given.order.orderHash, given.admission);
    await shards[0].sweep();
    expect(shards[0].free()).toBe(1);
    advance(1);
    await shards[0].sweep();
    expect(shards[0].free()).toBe(2);
    const [answer] = await shards[0].run(LEADER_PEER, [tokens(1, 1)]);
    expect(answer?.result.value).toBe('the order is over');
  });

  it('goes on if another order of its pass is refused', async () => {
    const { chain, begin, order, shards } = createTestChain();
    const [a, b] = [order(1), order(2)];
    const [of, other] = [await begin(a), await begin(b)];
    await shards[1].close(LEADER_PEER, b.order.orderHash);
    const groups = [a, b].map(({ order: { orderHash } }, sequence) => ({
      ...{ sequence, position: 0, rows: 2, passKey: Buffer.from(orderHash).toString('hex') },
    }));
    const rows = await chain.run({ kind: 'prompt', groups, tokens: Uint32Array.of(1, 2, 1, 2) });
    expect(of.failed.aborted).toBe(false);
    expect(other.failed.reason.message).toMatch(/shard 1 .* the order is over/);
    const own = rows.length / 2;
    expect(rows.subarray(0, own).every((value) => value !== 0)).toBe(true);
    expect(rows.subarray(own)).toEqual(new Float32Array(own));
    const step = { kind: 'step', groups: groups.map((group) => ({ ...group, position: 2, rows: 1 })) } as const;
    await chain.run({ ...step, tokens: Uint32Array.of(3, 3) });
    expect((await chain.close(a.order.orderHash)).map((root) => root?.positions)).toEqual([3, 3]);
  });

  it('gives its sequence back if the engine drops nothing, and other orders are swept', async () => {
    const { shards, segments, begin, order, advance, errors } = createTestChain();
    await begin(order(1));
    await begin(order(2));
    vi.spyOn(segments[0], 'drop').mockRejectedValueOnce(new Error('the engine is gone'));
    advance(90_000);
    await shards[0].sweep();
    expect(shards[0].free()).toBe(2);
    expect(errors).toMatchObject([{ message: 'the engine is gone' }]);
  });
});

describe('the root of many rows', () => {
  it('is computed in turns of the event loop', async () => {
    const embeddingSize = 64;
    const edge = { orderHash: STRANGER, blind: STRANGER, place: 0, content: createRowContent(embeddingSize) };
    const signer = createNobleEd25519Signer(new Uint8Array(32).fill(3));
    const { send, kept } = createPassSender(crypto, edge, { maxPositions: 64, signer });
    send(
      'prompt',
      0,
      Float32Array.from({ length: 40 * embeddingSize }, (_, i) => Math.sin(i)),
    );
    const bankSeed = computeBankSeed(crypto, MANIFEST.modelRoot, STRANGER);
    const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize });
    let nowMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 4));
    let turns = 0;
    const count = () => {
      turns++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    const { root } = await commitRows(crypto, kept, { blind: STRANGER, bank });
    clearImmediate(counting);
    expect(turns).toBeGreaterThan(8);
    expect(root).toEqual(commitBoundary(crypto, kept, { blind: STRANGER, bank }).root);
  });
});
