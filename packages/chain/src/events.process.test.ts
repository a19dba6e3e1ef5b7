import { createServer, type Server } from 'node:http';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createTestClient, http } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChainEvent, type Cursor, type CursorStore, createEventReader } from './events.ts';
import { createTransactor } from './transactor.ts';

function createMemoryStore(): CursorStore & { cursor: Cursor | undefined } {
  const store = {
    cursor: undefined as Cursor | undefined,
    load: () => store.cursor,
    save: (cursor: Cursor) => {
      // Through JSON, as a real store would.
      store.cursor = JSON.parse(JSON.stringify(cursor));
    },
  };
  return store;
}

/** Reads on until an event satisfies the condition; returns all that were read, that one included. */
async function readUntil(
  events: AsyncGenerator<ChainEvent>,
  done: (event: ChainEvent) => boolean,
): Promise<ChainEvent[]> {
  const read: ChainEvent[] = [];
  for (;;) {
    const { value } = await events.next();
    if (!value) throw new Error('the reader ended');
    read.push(value);
    if (done(value)) return read;
  }
}

const isStaked = (amount: bigint) => (event: ChainEvent) =>
  event.kind === 'event' && event.name === 'Staked' && event.args.amount === amount;
const namesOf = (events: ChainEvent[]) => events.map((event) => (event.kind === 'event' ? event.name : event.kind));

describe('event reader', () => {
  let ledger: TestLedger;
  beforeAll(async () => {
    ledger = await startTestLedger();
  });
  afterAll(() => ledger.stop());

  it('yields decoded events in order and goes on where its cursor stands', async () => {
    const { client, address } = await ledger.createMember(10n * unit);
    const store = createMemoryStore();
    await client.stake(unit);
    const first = createEventReader({ client: ledger.governor, pollIntervalMs: 20 }, { store });
    const seen = await readUntil(first.events(), isStaked(unit));
    first.stop();
    // The token gives five parts of itself away, then the parameters get their owner.
    expect(namesOf(seen).slice(0, 7)).toEqual([
      ...Array(5).fill('Transfer'),
      ...['OwnershipTransferred', 'DistributionScheduled'],
    ]);
    expect(seen.at(-1)).toMatchObject({ contract: 'staking', args: { payee: address, amount: unit, stake: unit } });
    const positions = seen.map((event) => (event.kind === 'event' ? event.blockNumber * 1_000 + event.logIndex : -1));
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));

    // The read that held the last event was not saved, since nothing more was asked for: it comes again.
    await client.stake(2n * unit);
    const second = createEventReader({ client: ledger.governor, pollIntervalMs: 20 }, { store });
    const again: ChainEvent[] = [];
    const drained = (async () => {
      for await (const event of second.events()) again.push(event);
    })();
    // Its cursor stands behind that event, however many reads it took.
    const isBehind = (event: ChainEvent): boolean =>
      isStaked(2n * unit)(event) && event.kind === 'event' && event.blockNumber < (store.cursor?.nextBlock ?? 0);
    await expect.poll(() => again.some(isBehind)).toBe(true);
    second.stop();
    await drained;
    expect(again.some(isStaked(unit))).toBe(true);
    expect(store.cursor?.recent.length).toBeGreaterThan(0);
    await client.stake(3n * unit);
    const third = createEventReader({ client: ledger.governor, pollIntervalMs: 20 }, { store });
    const rest = await readUntil(third.events(), isStaked(3n * unit));
    third.stop();
    expect(rest.filter(isStaked(unit))).toEqual([]);
    expect(rest.filter(isStaked(2n * unit))).toEqual([]);
  });

  it('takes back what a reorganisation undid', async () => {
    const { client } = await ledger.createMember(20n * unit);
    const tester = createTestClient({ mode: 'anvil', transport: http(ledger.chain.rpcUrl) });
    const store = createMemoryStore();
    const reader = createEventReader({ client: ledger.governor, pollIntervalMs: 20 }, { store });
    const events = reader.events();
    await client.stake(4n);
    await readUntil(events, isStaked(4n));
    const id = await tester.snapshot();
    await client.stake(5n);
    const [undone] = (await readUntil(events, isStaked(5n))).slice(-1);
    await tester.revert({ id });
    await client.stake(6n);
    const seen = await readUntil(events, isStaked(6n));
    reader.stop();
    const rollback = seen.findIndex(({ kind }) => kind === 'rolledback');
    expect(rollback).toBeGreaterThanOrEqual(0);
    const { toBlock } = seen[rollback] as { toBlock: number };
    expect(toBlock).toBeLessThan((undone as { blockNumber: number }).blockNumber);
    expect(seen.slice(rollback).filter(isStaked(5n))).toEqual([]);
  });

  it('starts over when no block that it knows is left', async () => {
    const store = createMemoryStore();
    store.save({ nextBlock: 3, recent: [{ number: 2, hash: `0x${'99'.repeat(32)}` }] });
    const reader = createEventReader({ client: ledger.governor, pollIntervalMs: 20 }, { store });
    const [first, second] = await readUntil(reader.events(), ({ kind }) => kind === 'event');
    reader.stop();
    expect(first).toEqual({ kind: 'rolledback', toBlock: ledger.deployment.block - 1 });
    expect(second).toMatchObject({ name: 'Transfer' });
  });

  it('waits out an endpoint that is down', async () => {
    let failing = true;
    const gate = await startGate(ledger.chain.rpcUrl, () => failing);
    const transactor = createTransactor({ rpcUrl: gate.url, chainId: ledger.chain.chainId });
    let retries = 0;
    const reader = createEventReader(
      {
        client: { transactor, deployment: ledger.deployment },
        pollIntervalMs: 10,
        onRetry: ({ code }) => {
          expect(code).toBe('rpc-unreachable');
          retries += 1;
          if (retries === 2) failing = false;
        },
      },
      { store: createMemoryStore() },
    );
    const [first] = await readUntil(reader.events(), ({ kind }) => kind === 'event');
    reader.stop();
    gate.server.close();
    expect(retries).toBe(2);
    expect(first).toMatchObject({ name: 'Transfer' });
  });
});

/** Passes requests on to the chain, or cuts the connection. */
async function startGate(target: string, isFailing: () => boolean): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    if (isFailing()) return request.socket.destroy();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.concat(chunks),
    });
    response.setHeader('content-type', 'application/json').end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, server };
}
