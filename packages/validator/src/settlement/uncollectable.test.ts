import { setImmediate as nextTurn } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ChainError } from '@ogong/chain/errors';
import { signForWallet } from '@ogong/gateway/buy/paying-signer';
import { toHex } from '@ogong/protocol/base/bytes';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { type CosignBatchRequest, CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeSettlement, parseSettlement, type Settlement } from '@ogong/protocol/settlement/batch';
import { payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { readChannel, readVoucher } from '../store/channel-store.ts';
import { checkUncollectable } from './cosign/batch-check.ts';

const FEE = 86_000n;
const createPayer = (name: string): LedgerSigner => createTestLedgerSigner(seedOf(name));
const second = createPayer('second payer');
const third = createPayer('third payer');

/** One accepted reply of each payer, not yet proposed. */
async function decideOfEach(payers: readonly LedgerSigner[] = [payer, second]) {
  const four = await createFour();
  const replies = [];
  for (const [number, by] of payers.entries()) replies.push(await four.own.deliver(number, { payer: by }));
  await four.certifyAll();
  await four.own.runAudits();
  return { ...four, ids: replies.map(({ reply }) => reply.record.replyId) };
}

type World = Awaited<ReturnType<typeof decideOfEach>>;

const empty = ({ chain }: World, ...payers: LedgerSigner[]): void => {
  for (const { address } of payers) chain.reserves.set(toHex(address), FEE - 1n);
};
const refill = ({ chain }: World, ...payers: LedgerSigner[]): void => {
  for (const { address } of payers) chain.reserves.delete(toHex(address));
};

/** Settles until there is nothing more to do, as the validator's loop does. */
async function settleAll({ own }: World): Promise<void> {
  while (await own.settlement.step());
}

const listDrawn = ({ chain }: World) =>
  chain.settled.map(({ debits }) => debits.map((debit) => toHex(debit.payer as Uint8Array)));

describe('a payer whose channel was emptied', () => {
  it('is left out, and the others are settled', async () => {
    const world = await decideOfEach();
    empty(world, second);
    await settleAll(world);
    expect(listDrawn(world)).toEqual([[toHex(payer.address)]]);
    expect(world.chain.settled[0]).toMatchObject({ lines: [{ gross: FEE }], batch: { replies: 2, logLength: 2n } });
    const { own, ids } = world;
    expect(ids.map((id) => [own.find(id).state, own.find(id).isUncollectable])).toEqual([
      ['settled', false],
      ['settled', true],
    ]);
    expect(readChannel(own.store, payer.address)).toMatchObject({ settled: FEE, owed: 0n });
    expect(readChannel(own.store, second.address)).toMatchObject({ settled: 0n, owed: 0n });
  });

  it('is left out of a batch that everybody had signed before', async () => {
    const world = await decideOfEach();
    const { settle } = world.chain;
    world.chain.settle = async () => Promise.reject(new Error('the connection was lost'));
    await expect(world.own.settlement.step()).rejects.toThrow('connection');
    world.chain.settle = settle;
    empty(world, second);
    await settleAll(world);
    expect(listDrawn(world)).toEqual([[toHex(payer.address)]]);
    expect(world.own.find(world.ids[1] as Uint8Array)).toMatchObject({ state: 'settled', isUncollectable: true });
  });

  it('delays no batch when it fills its channel up before the batch is signed', async () => {
    const world = await decideOfEach();
    world.offline.add(2).add(3);
    empty(world, second);
    // One peer signs that it is left out, and is the only one whom the validator reaches.
    await expect(world.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
    world.offline.clear();
    refill(world, second);
    await settleAll(world);
    expect(listDrawn(world)).toEqual([[toHex(payer.address), toHex(second.address)].sort()]);
    expect(world.own.find(world.ids[1] as Uint8Array)).toMatchObject({ state: 'settled', isUncollectable: false });
  });

  it('is not held by a signature under the batch before that comes late', async () => {
    const world = await decideOfEach();
    const slow = world.peers[2] as TestValidator;
    const { cosign } = slow.cosigner;
    let answer: () => void = () => {};
    slow.cosigner.cosign = async (...call) => {
      const signed = await cosign(...call);
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return signed;
    };
    const { settle } = world.chain;
    world.chain.settle = async () => Promise.reject(new Error('the connection was lost'));
    await expect(world.own.settlement.step()).rejects.toThrow('connection');
    world.chain.settle = settle;
    empty(world, second);
    // The third signature of the first batch comes after it was replaced; the second batch needs this peer's too.
    expect(await world.own.settlement.step()).toBe(true);
    answer();
    await nextTurn();
    slow.cosigner.cosign = cosign;
    world.offline.add(1);
    await settleAll(world);
    expect(listDrawn(world)).toEqual([[toHex(payer.address)]]);
  });

  it('may be the only one', async () => {
    const world = await decideOfEach([second]);
    empty(world, second);
    await settleAll(world);
    expect(world.chain.settled).toMatchObject([{ debits: [], lines: [], batch: { replies: 1 } }]);
  });

  it('is recorded as paid if the chain took the batch that drew it', async () => {
    const world = await decideOfEach();
    const { settle } = world.chain;
    let first: Parameters<typeof settle>[0] | undefined;
    world.chain.settle = async (call) => {
      first ??= call;
      throw new Error('the connection was lost');
    };
    await world.own.settlement.step().catch(() => undefined);
    world.chain.settle = settle;
    empty(world, second);
    expect(await world.own.settlement.step()).toBe(true);
    expect(world.chain.settled.length).toBe(0);
    refill(world, second);
    await settle(first as Parameters<typeof settle>[0]);
    await settleAll(world);
    expect(world.own.find(world.ids[1] as Uint8Array)).toMatchObject({ state: 'settled', isUncollectable: false });
    expect(readChannel(world.own.store, second.address)).toMatchObject({ settled: FEE, owed: 0n });
  });
});

describe('a co-signer of a batch that leaves payers out', () => {
  /** Request to a co-signer, with other payers left out. */
  async function proposed(payers: readonly LedgerSigner[] = [payer, second, third]) {
    const world = await decideOfEach(payers);
    world.offline.add(1).add(2).add(3);
    await world.own.settlement.step().catch(() => undefined);
    world.offline.clear();
    const [request] = world.own.requests;
    const whole = create(CosignBatchRequestSchema, structuredClone(request) as never);
    const without = (...left: LedgerSigner[]): CosignBatchRequest => {
      const settlement = parseSettlement(whole.batch);
      const unpaid = left.map(({ address }) => toHex(address)).sort();
      const gross = settlement.lines[0]!.gross - FEE * BigInt(unpaid.length);
      const next: Settlement = {
        ...settlement,
        debits: settlement.debits.filter((debit) => !unpaid.includes(toHex(debit.payer))),
        lines: gross === 0n ? [] : settlement.lines.map((line) => ({ ...line, gross })),
        uncollectable: settlement.debits.map((debit) => debit.payer).filter((one) => unpaid.includes(toHex(one))),
      };
      return { ...structuredClone(whole), batch: encodeSettlement(next) };
    };
    const [peer] = world.peers as [TestValidator];
    const sign = (message: CosignBatchRequest) => peer.cosigner.cosign(world.own.signer.address, message);
    return { world, peer, whole, without, sign };
  }

  it('signs if none of them can be drawn, and signs a replacement that leaves out more', async () => {
    const { world, whole, without, sign } = await proposed();
    const first = await sign(whole);
    empty(world, second);
    const next = await sign(without(second));
    expect(toHex(next.signature)).not.toBe(toHex(first.signature));
    expect(toHex((await sign(without(second))).signature)).toBe(toHex(next.signature));
    empty(world, third);
    await sign(without(second, third));
  });

  it('refuses to leave out a payer that the chain can debit, at first and as a replacement', async () => {
    const { world, whole, without, sign, peer } = await proposed();
    await expect(sign(without(second))).rejects.toThrow('can be debited');
    expect(peer.store.prepare('SELECT count(*) AS n FROM cosigned').get()?.n).toBe(0);
    await sign(whole);
    await expect(sign(without(second))).rejects.toMatchObject({ code: 'refuted' });
    empty(world, second);
    await expect(sign(without(second, third))).rejects.toThrow(`payer ${toHex(third.address)} can be debited`);
  });

  it('refuses a replacement that leaves out fewer, unless the others can be drawn again', async () => {
    const { world, whole, without, sign } = await proposed();
    empty(world, second, third);
    await sign(without(second, third));
    await expect(sign(without(second))).rejects.toThrow('still cannot be debited');
    await expect(sign(whole)).rejects.toThrow('still cannot be debited');
    refill(world, third);
    await sign(without(second));
    await expect(sign(without(second, third))).rejects.toThrow('can be debited');
  });

  it('refuses a replacement with another log', async () => {
    const { world, whole, without, sign } = await proposed();
    await sign(whole);
    empty(world, second);
    const other = without(second);
    const settlement = parseSettlement(other.batch);
    other.batch = encodeSettlement({ ...settlement, batch: { ...settlement.batch, logHead: new Uint8Array(32) } });
    await expect(sign(other)).rejects.toMatchObject({ code: 'refuted' });
  });

  it('signs the same payments under newer orders, as they are when a payer comes back, and no other amounts', async () => {
    const { whole, sign } = await proposed();
    await sign(whole);
    const settlement = parseSettlement(whole.batch);
    const newer = settlement.debits.map((debit) => ({ ...debit, cumulative: debit.cumulative + 1n }));
    await sign({ ...whole, batch: encodeSettlement({ ...settlement, debits: newer }) });
    const [first, ...rest] = settlement.debits;
    const debits = [{ ...first!, amount: FEE + 1n }, ...rest];
    const lines = settlement.lines.map((line) => ({ ...line, gross: line.gross + 1n }));
    await expect(sign({ ...whole, batch: encodeSettlement({ ...settlement, debits, lines }) })).rejects.toMatchObject({
      code: 'refuted',
    });
  });

  it('refuses a batch that leaves payers out of the list but not out of the debits, or the other way round', async () => {
    const { world, whole, without, sign } = await proposed();
    empty(world, second);
    const silent = parseSettlement(without(second).batch);
    await expect(sign({ ...whole, batch: encodeSettlement({ ...silent, uncollectable: [] }) })).rejects.toMatchObject({
      code: 'refuted',
    });
    const stranger = new Uint8Array(20).fill(9);
    const named = encodeSettlement({ ...parseSettlement(whole.batch), uncollectable: [stranger] });
    await expect(sign({ ...whole, batch: named })).rejects.toMatchObject({ code: 'refuted' });
  });

  it('has its vote on the disk, and waits while it cannot read the channels', async () => {
    const { world, whole, without, sign, peer } = await proposed();
    empty(world, second);
    await sign(without(second));
    const row = peer.store.prepare('SELECT uncollectable FROM cosigned').get();
    const last = peer.store.prepare('SELECT hash FROM cosigned_entries ORDER BY position DESC').get();
    expect(toHex(last?.hash as Uint8Array)).toBe(toHex(parseSettlement(whole.batch).batch.logHead));
    expect(toHex(row?.uncollectable as Uint8Array)).toBe(toHex(second.address));
    world.chain.channelOf = async () => Promise.reject(new Error('the chain is down'));
    await expect(sign(without(second, third))).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });
});

describe('a payer whose key a reorganisation took away', () => {
  const key = createPayer('key of the wallet');
  const wallet = signForWallet(second.address, key);

  /** The wallet's reply and another one, decided while its key was allowed. */
  async function decideOfWallet() {
    let limit = 10n ** 20n;
    const four = await createFour({ keyLimitOf: async () => limit });
    await four.own.deliver(0);
    const { reply } = await four.own.deliver(1, { payer: wallet });
    await four.certifyAll();
    await four.own.runAudits();
    const { settle } = four.chain;
    // As the contract does: it refuses the whole batch.
    four.chain.settle = async (call) => {
      if (limit > 0n || !call.debits.some(({ payer: by }) => String(by) === String(second.address)))
        return settle(call);
      const revert = { name: 'BadPayerSignature', args: [] };
      throw new ChainError('reverted', 'refused', { revert });
    };
    return { ...four, id: reply.record.replyId, setLimit: (to: bigint) => (limit = to) };
  }

  it('is left out alone of a batch that was signed before, and the others settle', async () => {
    const { own, chain, id, setLimit } = await decideOfWallet();
    const { settle } = chain;
    chain.settle = async () => Promise.reject(new Error('the connection was lost'));
    await expect(own.settlement.step()).rejects.toThrow('connection');
    chain.settle = settle;
    setLimit(0n);
    while (await own.settlement.step());
    expect(chain.settled.map(({ debits }) => debits.map((debit) => toHex(debit.payer as Uint8Array)))).toEqual([
      [toHex(payer.address)],
    ]);
    expect(own.find(id)).toMatchObject({ state: 'settled', isUncollectable: true });
  });

  it('is drawn by an older order if the key may still sign for that one', async () => {
    const { own, certifyAll, chain, id, setLimit } = await decideOfWallet();
    const newest = readVoucher(own.store, second.address)!.order.cumulativeAtomic;
    // It covers more, and its reply comes into no batch yet.
    await own.intake.admit(own.order(2, {}, wallet));
    expect(readVoucher(own.store, second.address)!.order.cumulativeAtomic).toBeGreaterThan(newest);
    setLimit(newest);
    await certifyAll();
    await own.settlement.step();
    expect(own.find(id)).toMatchObject({ state: 'settled', isUncollectable: false });
    const drawn = chain.settled[0]?.debits.find(({ payer: by }) => toHex(by as Uint8Array) === toHex(second.address));
    expect(drawn?.cumulative).toBe(newest);
  });

  it('has its entry refused by co-signers that never knew the key, and the others settle', async () => {
    const { own, chain, id, setLimit } = await decideOfWallet();
    setLimit(0n);
    while (await own.settlement.step());
    expect(own.find(id).state).toBe('refused');
    expect(chain.settled.map(({ debits }) => debits.length)).toEqual([1]);
  });

  it('is drawn if its key is still allowed', async () => {
    const { own, chain, id } = await decideOfWallet();
    while (await own.settlement.step());
    expect(own.find(id)).toMatchObject({ state: 'settled', isUncollectable: false });
    expect(chain.settled[0]?.debits).toHaveLength(2);
  });

  it('is left out by nobody while its key is allowed: co-signers refuse', async () => {
    const { own, peers, offline } = await decideOfWallet();
    const request = await proposeUnheard({ own, offline });
    const debits = parseSettlement(request.batch).debits.filter(
      ({ payer: by }) => String(by) !== String(second.address),
    );
    expect(debits).toHaveLength(1);
    const orders = request.entries.flatMap(({ record }) =>
      record?.order ? [{ order: parseOrder(record.order.order), signature: record.order.signature }] : [],
    );
    const [peer] = peers as [TestValidator];
    const named = { batch: { validator: own.signer.address }, uncollectable: [second.address] };
    const owing = [{ payer: second.address, amount: FEE }];
    await expect(checkUncollectable(peer.cosigning, named, owing, [], orders)).rejects.toThrow('can be debited');
  });
});
