import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { NamedDraws } from '../world/draws.ts';
import type { Trace } from '../world/trace.ts';
import type { Owner, VirtualTime } from '../world/virtual-time.ts';
import type { Ledger } from './ledger.ts';

export interface ChainWeather {
  /** No call is answered. */
  isStalled: boolean;
  /** Transactions are mined, but their senders get no receipt. */
  isMute: boolean;
  mostDelayMs: number;
  /** An account that sees pending transactions and has copies of them mined first. */
  overtaker?: Uint8Array | undefined;
}

/** Calls that do not name their sender, so any account may send them. */
const OVERTAKEN: ReadonlySet<string> = new Set(['settle', 'activateEra']);

/** A transaction in flight belongs to the miners, so it arrives even if its sender has crashed. */
export const MINERS: Owner = { name: 'chain', isDead: false, skewMs: 0, drift: 0, slowMs: 0 };
const LEAST_DELAY_MS = 2;
const STALLED_MS = 10_000;

type Call = (...args: never[]) => Promise<unknown>;

/**
 * Creates a chain client of one account. Every call takes time, and fails while the chain stalls. A write may be mined although
 * its sender gets no receipt.
 */
export function createSimulatedClient(
  ledger: Ledger,
  sender: Uint8Array,
  { time, draws, trace, weather }: { time: VirtualTime; draws: NamedDraws; trace: Trace; weather: ChainWeather },
): ChainClient {
  const wait = (name: string): Promise<void> =>
    new Promise((resolve) => setTimeout(resolve, LEAST_DELAY_MS + draws.next(name) * weather.mostDelayMs));
  const here = (): string => time.current()?.name ?? 'outside';

  async function call<T>(name: string, run: () => Promise<T>): Promise<T> {
    await wait(`chain ${here()}`);
    if (weather.isStalled) {
      await new Promise((resolve) => setTimeout(resolve, STALLED_MS));
      throw new ChainError('rpc-unreachable', `${name}: the chain does not answer`);
    }
    const result = await run();
    await wait(`chain ${here()}`);
    return result;
  }

  /** Sends a transaction, which reaches the chain even if its sender crashes. */
  async function write<T>(name: string, run: () => Promise<T>): Promise<T> {
    await wait(`chain ${here()}`);
    if (weather.isStalled) throw new ChainError('rpc-unreachable', `${name}: the chain does not answer`);
    const from = here();
    const done = new Promise<T>((resolve, reject) => {
      time.plan(
        LEAST_DELAY_MS + draws.next(`mined ${from}`) * weather.mostDelayMs,
        () => {
          trace.note('chain', `${name} by ${from}`);
          run().then(resolve, reject);
        },
        MINERS,
      );
    });
    const result = await done;
    await wait(`chain ${from}`);
    if (weather.isStalled || weather.isMute) throw new ChainError('timeout', `${name}: no receipt`);
    return result;
  }

  const reads = Object.fromEntries(
    Object.entries(ledger.reads).map(([name, run]) => [
      name,
      (...args: unknown[]) => call(name, () => (run as unknown as Call)(...(args as never[]))),
    ]),
  );
  const writes = Object.fromEntries(
    Object.entries(ledger.writes).map(([name, run]) => {
      const mine = (by: Uint8Array, args: readonly unknown[]) =>
        (run as unknown as Call)(...([by, ...args] as never[]));
      return [
        name,
        (...args: unknown[]) =>
          write(name, async () => {
            const { overtaker } = weather;
            if (overtaker !== undefined && OVERTAKEN.has(name)) await mine(overtaker, args).catch(() => undefined);
            return mine(sender, args);
          }),
      ];
    }),
  );
  const client = {
    deployment: ledger.deployment,
    address: sender,
    transactor: {
      read: (what: string, run: (rpc: unknown) => Promise<unknown>) => call(what, () => run(createRpc(ledger))),
    },
    ...reads,
    ...writes,
  };
  return new Proxy(client, {
    get(target, name) {
      if (name in target || typeof name === 'symbol' || name === 'then') return Reflect.get(target, name);
      throw new Error(`the simulated chain has no ${name}`);
    },
  }) as unknown as ChainClient;
}

/** The node's interface that daemons use beside the contracts: blocks and settlement events. */
function createRpc(ledger: Ledger) {
  const hashOf = (number: number): string =>
    `0x${ledger.forkOf(number).toString(16).padStart(4, '0')}${number.toString(16).padStart(60, 'b')}`;
  return {
    getBlockNumber: async () => ledger.block(),
    async request({ method, params }: { readonly method: string; readonly params: readonly unknown[] }) {
      if (method !== 'eth_getBlockByNumber') throw new Error(`the simulated chain has no ${method}`);
      const head = Number(ledger.block());
      const number = params[0] === 'latest' ? head : Number(params[0]);
      if (number > head) return null;
      return { number: `0x${number.toString(16)}`, hash: hashOf(number), parentHash: hashOf(number - 1) };
    },
    /** No reader of a run needs the raw logs: ejections of honest providers end it, and others are read from the contract. */
    getLogs: async () => [],
    async getContractEvents(asked: {
      readonly eventName: string;
      readonly args: { readonly validator: string; readonly sequence?: bigint };
      readonly blockHash?: string;
    }) {
      const own = ledger.settled.filter(({ call }) => toName(call.batch.validator) === asked.args.validator);
      if (asked.eventName === 'Settled') {
        return own
          .filter(({ call }) => call.batch.sequence === asked.args.sequence)
          .map(({ transactionHash, block }) => ({
            ...{ transactionHash, blockHash: hashOf(block), blockNumber: BigInt(block) },
          }));
      }
      if (asked.eventName !== 'Drawn') throw new Error(`the simulated chain has no events ${asked.eventName}`);
      return own
        .filter(({ block }) => hashOf(block) === asked.blockHash)
        .map(({ call, transactionHash }) => ({
          transactionHash,
          // No reader of a run needs the amounts, so they are zero.
          args: { draws: `0x${call.debits.map(({ payer }) => toName(payer).slice(2) + '00'.repeat(32)).join('')}` },
        }));
    },
  };
}

const toName = (value: Uint8Array | string): string =>
  typeof value === 'string' ? value : `0x${Buffer.from(value).toString('hex')}`;
