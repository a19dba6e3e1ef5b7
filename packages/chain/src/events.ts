import { setTimeout as delay } from 'node:timers/promises';
import { type ContractEventName, type DecodeEventLogReturnType, type Log, parseEventLogs, toEventSelector } from 'viem';
import { contractNames, type Deployment } from './deployment.ts';
import { ChainError } from './errors.ts';
import { type Address, type Hex, lowerHex } from './hex.ts';
import { ledgerAbi, type Transactor } from './transactor.ts';

/** Where the reader stands. Plain data: bigint-free, so that it can be stored as JSON. */
export interface Cursor {
  /** First block that was not read yet. */
  readonly nextBlock: number;
  /** Blocks at which earlier reads ended, ascending: where to fall back to when the chain is reorganised. */
  readonly recent: readonly { readonly number: number; readonly hash: Hex }[];
}

export interface CursorStore {
  load(): Cursor | undefined;
  save(cursor: Cursor): void;
}

/** Name of an event in Solidity. */
export type EventName = ContractEventName<typeof ledgerAbi>;

/** Named arguments of an event; bytes and addresses in lower-case hex. */
export type EventArgs<Name extends EventName> = DecodeEventLogReturnType<typeof ledgerAbi, Name>['args'];

interface EventPosition {
  readonly contract: (typeof contractNames)[number];
  readonly blockNumber: number;
  readonly blockHash: Hex;
  readonly logIndex: number;
  readonly transactionHash: Hex;
}

/** A union over all events: comparing `name` narrows `args`. */
export type ContractEvent = {
  [Name in EventName]: { readonly kind: 'event'; readonly name: Name; readonly args: EventArgs<Name> } & EventPosition;
}[EventName];

/** Every event above `toBlock` is undone; those of the new chain follow. */
export interface RolledBack {
  readonly kind: 'rolledback';
  readonly toBlock: number;
}

export type ChainEvent = ContractEvent | RolledBack;

export interface EventReaderOptions {
  readonly client: { readonly transactor: Transactor; readonly deployment: Deployment };
  /** Default: the block of the deployment. Counts only while the store is empty. */
  readonly fromBlock?: number;
  /** Default: 250. */
  readonly pollIntervalMs?: number;
  /** Told about each failed attempt; the reader itself tries again for ever. */
  readonly onRetry?: (error: ChainError) => void;
}

const maxBlocksPerRead = 1_000;
const keptBlocks = 128;
/** Blocks without an event that are read again after a crash. */
const unsavedBlocks = 16;
/** The pause doubles with each failure in a row up to this. Computed here, because this package depends on viem alone. */
const maxBackoffMs = 5_000;

/** Events of different contracts may share a topic: parsing takes the first whose arguments fit. */
const eventsByTopic = Map.groupBy(
  ledgerAbi.filter((item) => item.type === 'event'),
  (event): Hex => toEventSelector(event),
);

interface BlockHeader {
  readonly number: number;
  readonly hash: Hex;
  readonly parentHash: Hex;
}

interface Step {
  readonly events: readonly ChainEvent[];
  readonly cursor: Cursor;
  /** Whether it ends at the newest block, so that the next one is a pause away. */
  readonly isAtHead: boolean;
}

/**
 * Reads the events of all contracts in order, from the store's cursor on. An item counts as handled when the next one is asked for.
 * The cursor is saved behind whole reads that had events, and every few blocks. So the last read comes again after a crash. Handlers are
 * idempotent by (blockHash, logIndex).
 */
export function createEventReader(options: EventReaderOptions, { store }: { readonly store: CursorStore }) {
  const { transactor, deployment } = options.client;
  const pollIntervalMs = options.pollIntervalMs ?? 250;
  const firstBlock = options.fromBlock ?? deployment.block;
  const nameOf = new Map(contractNames.map((name) => [deployment[name], name]));
  const addresses = contractNames.map((name) => deployment[name]);
  const stopping = new AbortController();

  /** A block of the chain as it is now; undefined when there is no such block. Never from a cache. */
  async function findBlock(number: number | 'latest'): Promise<BlockHeader | undefined> {
    const tag = number === 'latest' ? number : (`0x${number.toString(16)}` as const);
    return transactor.read('block', async (client) => {
      const block = await client.request({ method: 'eth_getBlockByNumber', params: [tag, false] });
      return block?.hash && block.number
        ? { number: Number(block.number), hash: block.hash, parentHash: block.parentHash }
        : undefined;
    });
  }

  async function findCommonBlocks(cursor: Cursor): Promise<Cursor['recent']> {
    const kept = [...cursor.recent];
    for (let last = kept.at(-1); last; last = kept.at(-1)) {
      if ((await findBlock(last.number))?.hash === last.hash) break;
      kept.pop();
    }
    return kept;
  }

  /** Advances the cursor once; undefined if there is nothing new. Asks once if no block came, and twice if one did. */
  async function readStep(cursor: Cursor): Promise<Step | undefined> {
    const head = await findBlock('latest');
    const last = cursor.recent.at(-1);
    if (head === undefined || (head.number === last?.number && head.hash === last.hash)) return undefined;
    if (head.parentHash === last?.hash) {
      // Named by its hash, a block has the logs of one chain.
      const logs = await transactor.read('logs', (client) =>
        client.getLogs({ address: addresses, blockHash: head.hash }),
      );
      return { ...advance(cursor.recent, head, logs), isAtHead: true };
    }
    return readRange(cursor, head.number);
  }

  async function readRange(cursor: Cursor, head: number): Promise<Step | undefined> {
    const recent = await findCommonBlocks(cursor);
    if (recent.length < cursor.recent.length) {
      const toBlock = recent.at(-1)?.number ?? firstBlock - 1;
      return { events: [{ kind: 'rolledback', toBlock }], cursor: { nextBlock: toBlock + 1, recent }, isAtHead: false };
    }
    const toBlock = Math.min(head, cursor.nextBlock + maxBlocksPerRead - 1);
    if (toBlock < cursor.nextBlock) return undefined;
    const block = await findBlock(toBlock);
    const logs = await transactor.read('logs', (client) =>
      client.getLogs({ address: addresses, fromBlock: BigInt(cursor.nextBlock), toBlock: BigInt(toBlock) }),
    );
    // A block fixes all blocks before it. The same hash after the read proves that all logs are of one chain.
    if (block === undefined || (await findBlock(toBlock))?.hash !== block.hash) return undefined;
    return { ...advance(recent, block, logs), isAtHead: toBlock === head };
  }

  function advance(
    recent: Cursor['recent'],
    { number, hash }: BlockHeader,
    logs: readonly Log[],
  ): Omit<Step, 'isAtHead'> {
    const cursor = { nextBlock: number + 1, recent: [...recent, { number, hash }].slice(-keptBlocks) };
    return { events: logs.flatMap(decodeLog), cursor };
  }

  /** Nothing for an event that the contracts do not describe. */
  function decodeLog(log: Log): readonly ContractEvent[] {
    const described = eventsByTopic.get(log.topics[0] ?? '0x');
    if (described === undefined) return [];
    return parseEventLogs({ abi: described, logs: [log], strict: true }).map(
      (parsed) =>
        ({
          kind: 'event',
          name: parsed.eventName,
          args: lowerHex(parsed.args),
          contract: nameOf.get(parsed.address.toLowerCase() as Address),
          blockNumber: Number(parsed.blockNumber),
          blockHash: parsed.blockHash,
          logIndex: parsed.logIndex,
          transactionHash: parsed.transactionHash,
          // The compiler cannot follow that name and args come from the same member of the union.
        }) as ContractEvent,
    );
  }

  async function* events(): AsyncGenerator<ChainEvent, void, undefined> {
    const stored = store.load();
    let cursor = stored ?? { nextBlock: firstBlock, recent: [] };
    let savedBlock = stored?.nextBlock ?? Number.NEGATIVE_INFINITY;
    let backoffMs = pollIntervalMs;
    while (!stopping.signal.aborted) {
      let step: Step | undefined;
      try {
        step = await readStep(cursor);
        backoffMs = pollIntervalMs;
      } catch (error) {
        if (!(error instanceof ChainError)) throw error;
        options.onRetry?.(error);
        backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
      }
      if (step) {
        for (const event of step.events) {
          if (stopping.signal.aborted) return;
          yield event;
        }
        cursor = step.cursor;
        if (step.events.length > 0 || cursor.nextBlock - savedBlock >= unsavedBlocks) {
          store.save(cursor);
          savedBlock = cursor.nextBlock;
        }
        if (!step.isAtHead) continue;
      }
      await delay(backoffMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  return { events, stop: () => stopping.abort() };
}
