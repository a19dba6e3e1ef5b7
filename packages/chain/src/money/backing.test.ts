import type { PublicClient } from 'viem';
import { describe, expect, it } from 'vitest';
import type { Address } from '../hex.ts';
import { createBackingReads } from './backing.ts';

const DAY_S = 86_400n;
const addressOf = (byte: string): Address => `0x${byte.repeat(20)}`;
const [payee, other, staking, cases] = [addressOf('ab'), addressOf('cd'), addressOf('01'), addressOf('02')];
const [contradiction, misrouting, refutedReport, forgedMachine] = [2, 3, 5, 6];

interface Opened {
  readonly block: bigint;
  readonly accused: Address;
  readonly offence: number;
  readonly amount: bigint;
  isOver?: boolean;
}

/** A chain with a block a second, and the calls that it was asked. */
function createChain() {
  const state = {
    ...{ head: 2_000_000n, amount: 100n, leaving: 0n, held: 0n },
    opened: [] as Opened[],
    calls: 0,
    most: 0n,
    failAfter: Number.POSITIVE_INFINITY,
  };
  const answers: Record<string, (args: readonly unknown[]) => unknown> = {
    stakingOf: () => ({ amount: state.amount, leaving: state.leaving }),
    heldOf: () => ({ amount: state.held }),
    caseCount: () => BigInt(state.opened.length),
    caseOf([id]) {
      const found = state.opened[Number(id)];
      if (found === undefined) throw new Error('NoCase');
      return { isOver: false, ...found, openedAt: found.block };
    },
  };
  const count = () => {
    if (++state.calls > state.failAfter) throw new Error('the endpoint is gone');
  };
  const client = {
    async getBlockNumber() {
      count();
      return state.head;
    },
    async getBlock({ blockNumber = state.head } = {}) {
      count();
      return { number: blockNumber, timestamp: blockNumber };
    },
    async readContract({ functionName, args = [] }: { functionName: string; args?: readonly unknown[] }) {
      count();
      return answers[functionName]?.(args);
    },
    async getContractEvents(asked: { args: { offence: number[] }; fromBlock: bigint; toBlock: bigint }) {
      count();
      const blocks = asked.toBlock - asked.fromBlock + 1n;
      if (blocks > state.most) state.most = blocks;
      return state.opened.flatMap(({ block, accused, offence }, id) =>
        block >= asked.fromBlock && block <= asked.toBlock && asked.args.offence.includes(offence)
          ? [{ args: { id: BigInt(id), accused: accused.toUpperCase().replace('0X', '0x') } }]
          : [],
      );
    },
  };
  const read = <T>(_: string, call: (of: PublicClient) => Promise<T>): Promise<T> => call(client as never);
  const { backingOf } = createBackingReads({ read }, { staking, cases, block: 1 });
  async function countCalls(of: Address): Promise<number> {
    const before = state.calls;
    await backingOf(of);
    return state.calls - before;
  }
  return { state, backingOf, countCalls };
}

const daysAgo = (head: bigint, days: bigint): bigint => head - days * DAY_S;

describe('backing of a payee', () => {
  it('counts its own cases of seven days against its stake that are not over', async () => {
    const { state, backingOf } = createChain();
    const common = { accused: payee, offence: refutedReport };
    state.opened.push(
      { ...common, block: daysAgo(state.head, 8n), amount: 1n },
      { ...common, block: daysAgo(state.head, 6n), amount: 2n },
      { ...common, block: daysAgo(state.head, 5n), amount: 4n, isOver: true },
      { ...common, block: daysAgo(state.head, 4n), amount: 8n, offence: contradiction },
      { ...common, block: daysAgo(state.head, 3n), amount: 16n, accused: other },
      { ...common, block: state.head - 500n, amount: 32n, offence: forgedMachine },
    );
    expect(await backingOf(payee)).toBe(100n + 2n + 32n);
    state.opened.push({ ...common, block: ++state.head, amount: 5n, offence: misrouting });
    expect(await backingOf(payee)).toBe(100n + 2n + 32n + 5n);
    // A day later the first has been there for seven days.
    state.head += DAY_S + 1n;
    expect(await backingOf(payee)).toBe(100n + 32n + 5n);
    expect(state.most).toBeLessThanOrEqual(1_000n);
  });

  it('asks no more however many cases others have', async () => {
    const [quiet, crowded] = [createChain(), createChain()];
    const own = { block: daysAgo(quiet.state.head, 1n), accused: payee, offence: refutedReport, amount: 7n };
    quiet.state.opened.push(own);
    crowded.state.opened.push(own);
    for (let i = 0; i < 5_000; i++) {
      const block = crowded.state.head - BigInt(i * 100);
      crowded.state.opened.push({ block, accused: other, offence: i % 10 ? contradiction : refutedReport, amount: 1n });
    }
    const first = await quiet.countCalls(payee);
    expect(await crowded.countCalls(payee)).toBe(first);
    // Seven days in readings of 1,000 blocks, where they begin, and a few of state.
    expect(first).toBeLessThan(605 + 40);
    expect(await crowded.countCalls(payee)).toBeLessThan(10);
    expect(await crowded.backingOf(payee)).toBe(107n);
    // Another payee costs no scan of its own, and what is asked at once shares one.
    expect(await crowded.countCalls(addressOf('ef'))).toBeLessThan(10);
    const fresh = createChain();
    fresh.state.opened.push(own);
    await Promise.all([payee, addressOf('ef'), addressOf('aa')].map((of) => fresh.backingOf(of)));
    expect(fresh.state.calls).toBeLessThan(first + 20);
  });

  it('asks for no event where there is no case', async () => {
    const { countCalls } = createChain();
    expect(await countCalls(payee)).toBe(4);
  });

  it('goes on where a reading failed', async () => {
    const { state, backingOf, countCalls } = createChain();
    state.opened.push({ block: daysAgo(state.head, 6n), accused: payee, offence: refutedReport, amount: 7n });
    state.failAfter = 400;
    await expect(backingOf(payee)).rejects.toThrow('gone');
    state.failAfter = Number.POSITIVE_INFINITY;
    expect(await countCalls(payee)).toBeLessThan(605 + 40 - 300);
    expect(await backingOf(payee)).toBe(107n);
  });

  it('reads the newest blocks again, which a reorganisation may replace', async () => {
    const { state, backingOf } = createChain();
    const block = state.head - 10n;
    state.opened.push(
      { block, accused: other, offence: refutedReport, amount: 3n },
      { block, accused: payee, offence: refutedReport, amount: 7n },
    );
    expect(await backingOf(payee)).toBe(107n);
    state.opened.pop();
    expect(await backingOf(payee)).toBe(100n);
    state.opened[0] = { block, accused: payee, offence: refutedReport, amount: 4n };
    expect(await backingOf(payee)).toBe(104n);
  });

  it('counts no more of what is held than what is left', async () => {
    const { state, backingOf } = createChain();
    // Thirty penalties of a tenth that nobody collects: each restarts the appeal of all before it.
    Object.assign(state, { amount: 4n, leaving: 1n, held: 95n });
    expect(await backingOf(payee)).toBe(10n);
    Object.assign(state, { amount: 40n, leaving: 10n, held: 45n });
    state.opened.push({ block: state.head - 10n, accused: payee, offence: refutedReport, amount: 30n });
    expect(await backingOf(payee)).toBe(100n);
    // Four days of a penalty and a case leave 0.43, and no list from before them is refused: 4 x 100 <= 5 x 86.
    Object.assign(state, { amount: 43n, leaving: 0n, held: 27n });
    expect(await backingOf(payee)).toBe(86n);
  });
});
