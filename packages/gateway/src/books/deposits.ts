import { createHash, hkdfSync } from 'node:crypto';
import type { ChainClient } from '@ogong/chain/client';
import type { TokenPlace } from '@ogong/chain/deployment';
import type { Address, Hex } from '@ogong/chain/hex';
import { computeAddress } from '@ogong/chain/keys';
import { signAuthorization } from '@ogong/chain/money/authorizations';
import type { Secret } from '@ogong/host/crypto/secret';
import { addressText, bigInteger, columns, flag, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow, replaceRow, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { toHex } from '@ogong/protocol/base/bytes';
import { addCredit, listCreditAccounts } from './credit-store.ts';
import { type SigningChain, sendSignedDeposits } from './signed-deposits.ts';
import { nameAccount } from './spending-store.ts';

/** Part of the schema of a gateway's store: the addresses for organisations' tokens, and the last block that was read. */
export const DEPOSIT_TABLES = `
  CREATE TABLE deposits (
    account TEXT PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,
    is_full INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE seen_blocks (
    name TEXT PRIMARY KEY,
    next_block INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

const depositRow = columns({ account: text, address: addressText, isFull: flag });
const seenRow = columns({ name: text, nextBlock: bigInteger });
export type DepositAddress = ReturnType<typeof depositRow.read>;

export const listDeposits = (): Work<DepositAddress[]> =>
  findAll(depositRow, `SELECT ${depositRow.list} FROM deposits ORDER BY account`);

export interface DepositOptions {
  readonly deployment: TokenPlace;
  /** The gateway's own account, where deposits end up. */
  readonly payTo: Address;
  /** The key from which addresses are derived. */
  readonly ledgerKey: Secret<Uint8Array>;
  /** Number of blocks above a transfer before it counts. */
  readonly confirmations: bigint;
  /** Least amount that is collected: a smaller transfer costs more gas than it is worth. Default: all is collected. */
  readonly leastAtomic?: bigint;
  readonly intervalMs: number;
}

export interface DepositDependencies {
  readonly books: WorkStore;
  readonly client: () => Promise<DepositChain>;
  readonly clock: Clock;
  readonly onDeposit: (account: string, amountAtomic: bigint) => void;
  readonly onError: (error: unknown) => void;
}

export type DepositChain = Pick<
  ChainClient,
  'balanceOf' | 'blockNumber' | 'chainTime' | 'listTransfersTo' | 'transferByAuthorization'
> &
  SigningChain;

const TRANSFERS = 'token transfers';
const BLOCKS_PER_ROUND = 1_000n;
const AUTHORIZATION_LIFE_S = 600n;

/** Derives the key of an organisation's address from the gateway's own key. It is not stored. */
export function deriveDepositKey(ledgerKey: Secret<Uint8Array>, account: string): Hex {
  return `0x${toHex(new Uint8Array(hkdfSync('sha256', ledgerKey.reveal(), '', `ogong deposit ${account}`, 32)))}`;
}

/**
 * Credits organisations with the tokens that arrive at their addresses, once the transfer is deep enough in the chain. Then it
 * moves the tokens to the gateway's account. Every step reads first, so that a repeated step changes nothing twice.
 */
export function createDeposits(options: DepositOptions, dependencies: DepositDependencies): Repeating {
  const { books, onError } = dependencies;
  return createRepeating(
    { intervalMs: options.intervalMs },
    () =>
      books.alone('deposits', async () => {
        await sendSignedDeposits(books, await dependencies.client(), onError);
        await look(options, dependencies);
        for (const deposit of await books.read(listDeposits)) {
          if (deposit.isFull) await collect(options, dependencies, deposit).catch(onError);
        }
      }),
    onError,
  );
}

async function look(
  { confirmations, ledgerKey }: DepositOptions,
  { books, client, clock, onDeposit }: DepositDependencies,
): Promise<void> {
  const chain = await client();
  const head = await chain.blockNumber();
  const deep = head >= confirmations ? head - confirmations : -1n;
  // Note the block to read from before an address is shown. No transfer to it is in an earlier block.
  const known = await books.write(function* () {
    const seen = yield* findOne(seenRow, `SELECT ${seenRow.list} FROM seen_blocks WHERE name = ?`, TRANSFERS);
    if (seen === undefined) yield* insertRow(seenRow, 'seen_blocks', { name: TRANSFERS, nextBlock: deep + 1n });
    for (const account of yield* listCreditAccounts(nameAccount(''))) {
      const place = computeAddress(deriveDepositKey(ledgerKey, account));
      yield* insertRow(depositRow, 'deposits', { account, address: place, isFull: false }, 'ON CONFLICT DO NOTHING');
    }
    return { nextBlock: seen?.nextBlock ?? deep + 1n, deposits: yield* listDeposits() };
  });
  const { nextBlock, deposits } = known;
  if (nextBlock > deep || deposits.length === 0) return;
  const last = nextBlock + BLOCKS_PER_ROUND - 1n < deep ? nextBlock + BLOCKS_PER_ROUND - 1n : deep;
  const accounts = new Map(deposits.map((deposit) => [deposit.address, deposit.account]));
  const transfers = await chain.listTransfersTo([...accounts.keys()], nextBlock, last);
  const credited = await books.write(function* () {
    const added: (readonly [account: string, amountAtomic: bigint])[] = [];
    for (const { id, to, value, transactionHash } of transfers) {
      const account = accounts.get(to);
      if (account === undefined || value === 0n) continue;
      const entry = {
        id: `deposit:${id}`,
        account,
        amountAtomic: value,
        detail: transactionHash,
        madeMs: clock.nowMs(),
      };
      if (yield* addCredit(entry)) added.push([account, value]);
      yield* change('UPDATE deposits SET is_full = 1 WHERE account = ?', account);
    }
    yield* replaceRow(seenRow, 'seen_blocks', 'name', { name: TRANSFERS, nextBlock: last + 1n });
    return added;
  });
  for (const one of credited) onDeposit(...one);
}

/** The address signs the transfer and the gateway's account sends it, so that the address needs no gas. */
async function collect(
  { deployment, payTo, ledgerKey, leastAtomic = 0n }: DepositOptions,
  { books, client }: DepositDependencies,
  { account, address: from }: DepositAddress,
): Promise<void> {
  const chain = await client();
  const value = await chain.balanceOf(from);
  if (value > 0n && value < leastAtomic) return;
  if (value > 0n) {
    const validBefore = (await chain.chainTime()) + AUTHORIZATION_LIFE_S;
    // The nonce differs each time: the address has other tokens, or the time is later.
    const nonce: Hex = `0x${createHash('sha256').update(`${from} ${value} ${validBefore}`).digest('hex')}`;
    const authorization = { from, to: payTo, value, validAfter: 0n, validBefore, nonce };
    const signature = await signAuthorization(deployment, authorization, deriveDepositKey(ledgerKey, account));
    // The same account fills the escrow.
    await books.alone('funding', () => chain.transferByAuthorization(authorization, signature));
  }
  await books.write(() => change('UPDATE deposits SET is_full = 0 WHERE account = ?', account));
}
