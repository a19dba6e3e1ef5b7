import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { contractNames, type Deployment } from './deployment.ts';
import { type Cursor, createEventReader } from './events.ts';
import type { Transactor } from './transactor.ts';

/** A chain without contracts that writes down what it is asked. */
function createChain() {
  const asked: string[] = [];
  let head = 5;
  const hashOf = (number: number) => `0x${number.toString(16).padStart(64, '0')}`;
  const client = {
    async request({ params: [tag] }: { params: [string] }) {
      asked.push(tag);
      const number = tag === 'latest' ? head : Number(tag);
      return { number: `0x${number.toString(16)}`, hash: hashOf(number), parentHash: hashOf(number - 1) };
    },
    async getLogs({ blockHash, toBlock }: { blockHash?: string; toBlock?: bigint }) {
      asked.push(`logs ${blockHash === undefined ? `to ${toBlock}` : `of ${Number(blockHash)}`}`);
      return [];
    },
  };
  const transactor = { read: (_: string, run: (of: unknown) => unknown) => run(client) } as unknown as Transactor;
  return {
    transactor,
    takeAsked: () => asked.splice(0),
    mine: (blocks: number) => {
      head += blocks;
    },
  };
}

const addresses = Object.fromEntries(contractNames.map((name, i) => [name, `0x${String(i).repeat(40)}`]));
const deployment = { ...addresses, chainId: 1, block: 1 } as unknown as Deployment;

describe('event reader', () => {
  it('pauses after the newest block before it asks for another one', async () => {
    const { transactor, takeAsked } = createChain();
    const saved = Promise.withResolvers<void>();
    const store = { load: () => undefined, save: () => saved.resolve() };
    const reader = createEventReader({ client: { transactor, deployment }, pollIntervalMs: 60_000 }, { store });
    const reading = reader.events().next();
    await saved.promise;
    await setImmediate();
    expect(takeAsked()).toEqual(['latest', '0x5', 'logs to 5', '0x5']);
    reader.stop();
    await reading;
  });

  it('asks once while no block comes, twice for a block, and for a range after a pause', async () => {
    const { transactor, takeAsked, mine } = createChain();
    const store = { load: () => undefined, save: () => undefined };
    const reader = createEventReader({ client: { transactor, deployment }, pollIntervalMs: 1 }, { store });
    const reading = reader.events().next();
    /** Lists the questions up to the first one after the logs of the last block. */
    const listAsked = async (logs: string) => {
      const asked: string[] = [];
      const isDone = () => asked.push(...takeAsked()) > 0 && asked.lastIndexOf('latest') > asked.indexOf(logs);
      await expect.poll(() => isDone() && asked.includes(logs), { interval: 2 }).toBe(true);
      return asked.filter((what) => what !== 'latest');
    };
    expect(await listAsked('logs to 5')).toEqual(['0x5', 'logs to 5', '0x5']);
    await expect.poll(() => takeAsked().length).toBeGreaterThan(0);
    expect(takeAsked().filter((what) => what !== 'latest')).toEqual([]);
    mine(1);
    expect(await listAsked('logs of 6')).toEqual(['logs of 6']);
    mine(3);
    expect(await listAsked('logs to 9')).toEqual(['0x6', '0x9', 'logs to 9', '0x9']);
    reader.stop();
    await reading;
  });

  it('saves the cursor once in sixteen blocks while no event comes', async () => {
    const { transactor, mine } = createChain();
    const saved: number[] = [];
    const store = { load: () => undefined, save: ({ nextBlock }: Cursor) => void saved.push(nextBlock) };
    // Each look at the chain finds one more block.
    const read: Transactor['read'] = (what, call) => {
      if (what === 'logs') mine(1);
      return transactor.read(what, call);
    };
    const client = { transactor: { ...transactor, read }, deployment };
    const reader = createEventReader({ client, pollIntervalMs: 1 }, { store });
    const reading = reader.events().next();
    await expect.poll(() => saved.length, { interval: 2 }).toBeGreaterThan(3);
    reader.stop();
    await reading;
    expect(saved.slice(0, 4)).toEqual([6, 22, 38, 54]);
  });
});
