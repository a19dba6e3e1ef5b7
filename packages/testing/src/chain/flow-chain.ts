import type { Address, Hex } from '@ogong/chain/hex';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { privateKeyToAccount } from 'viem/accounts';
import type { BlockTime } from './offence-book.ts';

const GAS = 3_000_000n;
/** The deepest reorganisation. */
const DEPTH = 3;

interface SomeDeed {
  readonly kind: string;
  readonly from: string;
}
/** A signed transaction and the action that it performs. */
interface Sending<Deed> {
  readonly deed: Deed;
  readonly raw: Hex;
  readonly hash: Hex;
}
/** A state to return to, and the transactions since then. */
interface Point<Book, Deed> {
  readonly snapshot: Hex;
  readonly book: Book;
  readonly sent: readonly Sending<Deed>[];
}

export type RpcCall = readonly [method: string, params: readonly unknown[]];

/** Calls in one request. @returns an answer or an Error for each. */
export async function callChain(rpcUrl: string, ...calls: readonly RpcCall[]): Promise<unknown[]> {
  if (calls.length === 0) return [];
  const body = JSON.stringify(calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params })));
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(rpcUrl, { method: 'POST', headers, body });
  const answers = (await response.json()) as { id: number; result?: unknown; error?: { message: string } }[];
  return answers
    .sort((a, b) => a.id - b.id)
    .map(({ result, error }) => (error === undefined ? result : new Error(error.message)));
}

/** Random choices of a flow. */
export function createFlowDraw(seed: number) {
  const draw = createSeededRandom(seed);
  const below = (bound: number): number => Math.floor(draw() * bound);
  return {
    ...{ draw, below },
    isDrawn: (chance: number): boolean => draw() < chance,
    pick: <T>(list: readonly T[]): T => list[below(list.length)] as T,
    /** Draws a part of an amount, in thousandths. */
    part: (amount: bigint): bigint => (amount * BigInt(below(1_001))) / 1_000n,
  };
}

export interface FlowOptions<Book, Deed> {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly accounts: readonly { readonly address: Address; readonly privateKey: Hex }[];
  readonly draws: ReturnType<typeof createFlowDraw>;
  readonly book: Book;
  drawDeed(book: Book, lastNow: bigint): Deed;
  encode(deed: Deed): readonly [to: Address, data: Hex];
  /** Applies an action to the model and counts it. @returns whether the contracts would perform it. */
  apply(book: Book, deed: Deed, block: BlockTime): boolean;
  /** Name under which performed and refused actions are counted. Default: the action's kind. */
  nameKind?(deed: Deed): string;
  /** Compares the model with the chain. */
  reconcile(book: Book): Promise<void>;
  /** Whether a sender that crashed and forgot the action sends it again. */
  isRepeated(deed: Deed): boolean;
  /** Seconds that pass before a step. */
  drawWait(): number;
}

/**
 * Runs actions on a chain of its own, in any order, twice, forgotten and sent again, and undone by reorganisations. A
 * model predicts all balances after each block.
 */
export async function createFlow<Book, Deed extends SomeDeed>(options: FlowOptions<Book, Deed>) {
  const { accounts, draws, rpcUrl } = options;
  const { draw, below, isDrawn } = draws;
  const rpc = (...calls: readonly RpcCall[]): Promise<unknown[]> => callChain(rpcUrl, ...calls);
  const sign = new Map<string, ReturnType<typeof privateKeyToAccount>>(
    accounts.map(({ address, privateKey }) => [address, privateKeyToAccount(privateKey)]),
  );
  const nonces = new Map<string, number>();
  const points: Point<Book, Deed>[] = [];
  const counts = { deeds: 0, done: 0, refused: 0, duplicates: 0, crashes: 0, reorganisations: 0, lost: 0 };
  const kinds = new Map<string, { done: number; refused: number }>();
  let { book } = options;
  let lastNow = 0n;
  await readNonces();

  async function readNonces(): Promise<void> {
    const found = await rpc(
      ...accounts.map(({ address }) => ['eth_getTransactionCount', [address, 'latest']] as const),
    );
    for (const [i, { address }] of accounts.entries()) nonces.set(address, Number(found[i]));
  }

  async function signDeed(deed: Deed): Promise<Sending<Deed>> {
    const [to, data] = options.encode(deed);
    const nonce = nonces.get(deed.from) as number;
    nonces.set(deed.from, nonce + 1);
    // The chain orders a block by the price paid for a place.
    const tip = BigInt(1 + below(1_000)) * 10n ** 6n;
    const raw = await (sign.get(deed.from) as ReturnType<typeof privateKeyToAccount>).signTransaction({
      ...{ to, data, nonce, gas: GAS, chainId: options.chainId, type: 'eip1559' },
      ...{ maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: tip },
    });
    return { deed, raw, hash: `0x${toHex(crypto.keccak256(fromHex(raw.slice(2))))}` };
  }

  /** Sends in any order, some of it twice, and mines a block. */
  async function sendAll(sendings: readonly Sending<Deed>[]): Promise<void> {
    const shuffled = sendings.map((one) => [draw(), one] as const).sort((a, b) => a[0] - b[0]);
    const calls = shuffled.flatMap(([, { raw }]) => {
      const isTwice = isDrawn(0.1);
      if (isTwice) counts.duplicates++;
      return Array<RpcCall>(isTwice ? 2 : 1).fill(['eth_sendRawTransaction', [raw]]);
    });
    await rpc(...calls);
    await rpc(['evm_mine', []]);
    await applyBlock(sendings);
  }

  /** Applies the actions in the order of the block. The model must perform and refuse the same ones as the chain. */
  async function applyBlock(sendings: readonly Sending<Deed>[]): Promise<void> {
    const [block] = await rpc(['eth_getBlockByNumber', ['latest', false]]);
    const { transactions, timestamp, number } = block as { transactions: Hex[]; timestamp: Hex; number: Hex };
    const time = { now: BigInt(timestamp), number: BigInt(number) };
    lastNow = time.now;
    const receipts = await rpc(...transactions.map((hash) => ['eth_getTransactionReceipt', [hash]] as const));
    const sent = sendings.map(({ hash }) => hash).sort();
    if ([...transactions].sort().join() !== sent.join())
      throw new Error('a block of other transactions than were sent');
    for (const [i, hash] of transactions.entries()) {
      const { deed } = sendings.find((one) => one.hash === hash) as Sending<Deed>;
      const isDone = (receipts[i] as { status: Hex }).status === '0x1';
      if (options.apply(book, deed, time) !== isDone) {
        throw new Error(
          `the chain ${isDone ? 'performs' : 'refuses'} an action and the model does not: ${JSON.stringify(deed, toText)}`,
        );
      }
      const what = isDone ? 'done' : 'refused';
      const kind = options.nameKind?.(deed) ?? deed.kind;
      const counted = kinds.get(kind) ?? { done: 0, refused: 0 };
      kinds.set(kind, counted);
      counts.deeds++;
      counts[what]++;
      counted[what]++;
    }
  }

  /** Reorganises the chain. Its transactions are mined again in another order, and some are lost. */
  async function reorganise(): Promise<void> {
    const depth = 1 + below(Math.min(DEPTH, points.length));
    const point = points[points.length - depth] as Point<Book, Deed>;
    const again = points.slice(-depth).flatMap(({ sent }) => sent);
    points.length -= depth;
    await rpc(['evm_revert', [point.snapshot]]);
    book = structuredClone(point.book);
    await readNonces();
    counts.reorganisations++;
    const lost = new Set<string>();
    const kept = again.filter(({ deed: { from } }) => {
      // The sender's later transactions wait for the lost one for ever.
      if (!lost.has(from) && isDrawn(0.15)) lost.add(from);
      if (lost.has(from)) counts.lost++;
      return !lost.has(from);
    });
    await send(kept);
    await readNonces();
  }

  async function send(sendings: readonly Sending<Deed>[]): Promise<void> {
    const [snapshot] = await rpc(['evm_snapshot', []]);
    points.push({ snapshot: snapshot as Hex, book: structuredClone(book), sent: sendings });
    if (points.length > DEPTH) points.shift();
    await sendAll(sendings);
    await options.reconcile(book);
  }

  async function step(): Promise<void> {
    const wait = options.drawWait();
    if (wait > 0) await rpc(['evm_increaseTime', [wait]]);
    const deeds = Array.from({ length: 1 + below(6) }, () => options.drawDeed(book, lastNow));
    // A sender that crashed forgot its transaction and sends it again under a new number.
    const again = deeds.filter((deed) => options.isRepeated(deed) && isDrawn(0.2));
    counts.crashes += again.length;
    const sendings: Sending<Deed>[] = [];
    for (const deed of [...deeds, ...again]) sendings.push(await signDeed(deed));
    await send(sendings);
    if (isDrawn(0.08)) await reorganise();
    if (isDrawn(0.05)) {
      counts.crashes++;
      await readNonces();
    }
  }

  return {
    ...{ counts, kinds, step, book: () => book },
    /** Returns performed and attempted actions of each kind. */
    describeKinds: () =>
      [...kinds]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([kind, { done, refused }]) => `${kind} ${done}/${done + refused}`)
        .join(', '),
  };
}

const toText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);
