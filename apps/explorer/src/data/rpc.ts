import type { Transactor } from '@ogong/chain/transactor';
import {
  type Abi,
  decodeFunctionResult,
  encodeEventTopics,
  encodeFunctionData,
  type Hex,
  type Log,
  parseEventLogs,
} from 'viem';

/** Reads of the chain by plain JSON-RPC, in the form that `@ogong/chain` calls them. A page needs no wallet and no filters. */
export type ChainReader = Pick<Transactor, 'read'>;

interface Ask {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Calls in one HTTP request. */
const MAX_BATCH = 50;
const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code = 'chain-unreadable';
  readonly retryable = true;
}

/** Requests of one turn of the event loop go out together. */
function createRequester(
  url: string,
  fetch: typeof globalThis.fetch,
): (method: string, params: readonly unknown[]) => Promise<unknown> {
  let waiting: Ask[] = [];

  async function send(asks: readonly Ask[]): Promise<void> {
    try {
      const body = asks.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, params }));
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      if (!response.ok || text.length > MAX_ANSWER_BYTES) throw new RpcError(`the chain answers ${response.status}`);
      const answers = new Map((JSON.parse(text) as { id: number }[]).map((answer) => [answer.id, answer]));
      for (const [id, { method, resolve, reject }] of asks.entries()) {
        const { result, error } = (answers.get(id) ?? {}) as { result?: unknown; error?: { message?: string } };
        if (error || result === undefined) reject(new RpcError(`${method}: ${error?.message ?? 'no answer'}`));
        else resolve(result);
      }
    } catch (error) {
      const failure =
        error instanceof RpcError ? error : new RpcError(`the chain cannot be read: ${(error as Error).message}`);
      for (const { reject } of asks) reject(failure);
    }
  }

  function flush(): void {
    const asks = waiting;
    waiting = [];
    for (let at = 0; at < asks.length; at += MAX_BATCH) void send(asks.slice(at, at + MAX_BATCH));
  }

  return (method, params) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) queueMicrotask(() => setTimeout(flush, 0));
      waiting.push({ method, params, resolve, reject });
    });
}

const quantity = (value: bigint): Hex => `0x${value.toString(16)}`;
const tagOf = (blockNumber: bigint | undefined): string =>
  blockNumber === undefined ? 'latest' : quantity(blockNumber);

interface CallOptions {
  readonly address: Hex;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args?: readonly unknown[];
  readonly blockNumber?: bigint;
}

interface EventOptions {
  readonly address: Hex;
  readonly abi: Abi;
  /** Default: all of the contract. */
  readonly eventName?: string;
  readonly fromBlock: bigint;
  readonly toBlock: bigint;
}

export function createChainReader(
  url: string,
  fetch: typeof globalThis.fetch = globalThis.fetch.bind(globalThis),
): ChainReader {
  const request = createRequester(url, fetch);

  const client = {
    async readContract({ address, abi, functionName, args = [], blockNumber }: CallOptions): Promise<unknown> {
      const data = encodeFunctionData({ abi, functionName, args });
      const result = (await request('eth_call', [{ to: address, data }, tagOf(blockNumber)])) as Hex;
      return decodeFunctionResult({ abi, functionName, args, data: result });
    },
    async getCode({ address }: { readonly address: Hex }): Promise<Hex> {
      return (await request('eth_getCode', [address, 'latest'])) as Hex;
    },
    async getBlockNumber(): Promise<bigint> {
      return BigInt((await request('eth_blockNumber', [])) as Hex);
    },
    async getBlock({
      blockNumber,
    }: {
      readonly blockNumber?: bigint;
    } = {}): Promise<{ timestamp: bigint; number: bigint }> {
      const block = (await request('eth_getBlockByNumber', [tagOf(blockNumber), false])) as {
        timestamp: Hex;
        number: Hex;
      };
      return { timestamp: BigInt(block.timestamp), number: BigInt(block.number) };
    },
    async getTransaction({ hash }: { readonly hash: Hex }): Promise<unknown> {
      const found = await request('eth_getTransactionByHash', [hash]);
      if (found === null) throw new RpcError(`there is no transaction ${hash}`);
      return found;
    },
    async getTransactionReceipt({ hash }: { readonly hash: Hex }): Promise<unknown> {
      const found = (await request('eth_getTransactionReceipt', [hash])) as { status: Hex; blockNumber: Hex } | null;
      if (found === null) throw new RpcError(`there is no transaction ${hash}`);
      return {
        ...found,
        status: BigInt(found.status) === 1n ? 'success' : 'reverted',
        blockNumber: BigInt(found.blockNumber),
      };
    },
    async getContractEvents({ address, abi, eventName, fromBlock, toBlock }: EventOptions): Promise<unknown[]> {
      const topics = eventName === undefined ? [] : encodeEventTopics({ abi, eventName });
      const range = { fromBlock: quantity(fromBlock), toBlock: quantity(toBlock) };
      const logs = (await request('eth_getLogs', [{ address, topics, ...range }])) as Log[];
      return parseEventLogs({ abi, ...(eventName !== undefined && { eventName }), logs, strict: true }).map((log) => ({
        ...log,
        blockNumber: BigInt(log.blockNumber ?? 0),
      }));
    },
  };
  // The part of viem's client that the reads of `@ogong/chain` call.
  return { read: (_what, call) => call(client as never) };
}
