import type { PublicClient } from 'viem';
import { expect, it } from 'vitest';
import { readChannelChanges } from './channel-changes.ts';
import { parseDraws } from './draws.ts';

const address = `0x${'11'.repeat(20)}` as const;
const args = { payer: `0x${'22'.repeat(20)}`, validator: `0x${'33'.repeat(20)}` } as const;
const HEAD = 2_500n;

const word = (value: bigint): string => value.toString(16).padStart(32, '0');
/** Of a batch that drew on another payer, too. */
const encodeDraws = (amount: bigint) =>
  `0x${'44'.repeat(20)}${word(7n)}${word(9n)}${args.payer.slice(2)}${word(amount)}${word(1n << 100n)}` as const;

/** A chain with a block every ten seconds. Events: block, name, amount. */
function createClient(
  channel: { admitted: bigint; spent: bigint; releasing: bigint },
  events: readonly (readonly [number, string, bigint])[],
) {
  const ranges: bigint[] = [];
  const client = {
    getBlock: async ({ blockNumber = HEAD } = {}) => ({ number: blockNumber, timestamp: blockNumber * 10n }),
    readContract: async () => channel,
    async getContractEvents(asked: { eventName: string; fromBlock: bigint; toBlock: bigint }) {
      ranges.push(asked.toBlock - asked.fromBlock);
      return events.flatMap(([block, name, amount], logIndex) =>
        name === asked.eventName && block >= asked.fromBlock && block <= asked.toBlock
          ? [{ args: { amount, draws: encodeDraws(amount) }, blockNumber: BigInt(block), logIndex }]
          : [],
      );
    },
  } as unknown as PublicClient;
  return {
    ranges,
    read: async (fromBlock: number) =>
      (await readChannelChanges(client, { address, args, fromMs: BigInt(fromBlock) * 10_000n })).map(
        ({ timeMs, roomAtomic }) => [Number(timeMs / 10_000n), Number(roomAtomic)],
      ),
  };
}

it('follows a channel back from what it holds now', async () => {
  const { read, ranges } = createClient({ admitted: 110n, spent: 30n, releasing: 0n }, [
    [5, 'Admitted', 100n],
    [900, 'Drawn', 30n],
    [1_800, 'ReleaseRequested', 50n],
    [1_800, 'Released', 20n],
    [2_400, 'Admitted', 30n],
  ]);
  const whole = [
    [5, 100],
    [900, 70],
    [1_800, 20],
    [1_800, 50],
    [2_400, 80],
  ];
  expect(await read(0)).toEqual([[0, 0], ...whole]);
  expect(ranges.every((blocks) => blocks < 1_000n)).toBe(true);
  expect(await read(900)).toEqual([[900, 70], ...whole.slice(2)]);
  expect(await read(1_799)).toEqual([[1_799, 70], ...whole.slice(2)]);
  expect(await read(2_400)).toEqual([[2_400, 80]]);
  expect(await read(99_999)).toEqual([[2_500, 80]]);
});

it('reads the draws of an event, and nothing from one that is cut short', () => {
  expect(parseDraws(encodeDraws(30n))).toEqual([
    { payer: `0x${'44'.repeat(20)}`, amount: 7n, spent: 9n },
    { payer: args.payer, amount: 30n, spent: 1n << 100n },
  ]);
  expect(parseDraws('0x')).toEqual([]);
  expect(() => parseDraws(`${encodeDraws(30n)}00`)).toThrow('105 bytes');
});

it('knows what is asked back where no event in the range says otherwise, and counts it as there where it is not known', async () => {
  const { read } = createClient({ admitted: 80n, spent: 0n, releasing: 60n }, [
    [100, 'Admitted', 80n],
    [200, 'ReleaseRequested', 50n],
    [300, 'ReleaseRequested', 60n],
  ]);
  expect(await read(300)).toEqual([[300, 20]]);
  // 30 in truth.
  expect(await read(250)).toEqual([
    [250, 80],
    [300, 20],
  ]);
});
