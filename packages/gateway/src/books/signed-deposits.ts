import type { ChainClient } from '@ogong/chain/client';
import type { TokenPlace } from '@ogong/chain/deployment';
import { ChainError } from '@ogong/chain/errors';
import type { Address, Hex } from '@ogong/chain/hex';
import { describeAuthorization, isAuthorized, type TransferAuthorization } from '@ogong/chain/money/authorizations';
import type { Json } from '@ogong/host/openai/format';
import { addressText, amount, bigInteger, columns, hexText, integer, oneOf, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, insertRow, type Work } from '@ogong/host/store/work';
import type { WorkStore } from '@ogong/host/store/work-store';
import { AccountError } from './account-rows.ts';
import { type PaymentOffer, signedTransfer } from './payment-wire.ts';
import { nameAccount } from './spending-store.ts';

/**
 * Part of the schema of a gateway's store: transfers to an organisation's address that their payer signed and the gateway sends.
 */
export const SIGNED_DEPOSIT_TABLE = `
  CREATE TABLE signed_deposits (
    payer TEXT NOT NULL,
    nonce TEXT NOT NULL,
    account TEXT NOT NULL,
    recipient TEXT NOT NULL,
    amount TEXT NOT NULL,
    valid_after INTEGER NOT NULL,
    valid_before INTEGER NOT NULL,
    signature TEXT NOT NULL,
    actor TEXT NOT NULL,
    state TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    PRIMARY KEY (payer, nonce)
  ) STRICT, WITHOUT ROWID;
`;

const depositRow = columns({
  ...{
    payer: addressText,
    nonce: hexText,
    account: text,
    recipient: addressText,
    amountAtomic: { ...amount, name: 'amount' },
  },
  ...{ validAfter: bigInteger, validBefore: bigInteger, signature: hexText, actor: text, madeMs: integer },
  /** `pending` until the chain has it, or never can have it. */
  state: oneOf(['pending', 'sent', 'lapsed', 'failed']),
});
export type SignedDeposit = ReturnType<typeof depositRow.read>;

export interface SignedDepositTerms {
  readonly deployment: TokenPlace;
  /** A smaller transfer is not worth its gas. */
  readonly leastAtomic?: bigint;
}

/** Most pending transfers of one organisation. */
const MOST_PENDING = 16;
/** Seconds. */
const LEAST_LIFE_S = 60n;
const MOST_LIFE_S = 7n * 86_400n;
const MOST_LISTED = 1_000;
/** Amounts have 128 bits here; a signed one has 256. */
const MOST_ATOMIC = 2n ** 128n - 1n;

/** Describes the message that the payer's wallet signs by EIP-712. The payer fills in amount, nonce and times. */
export function describeSignedDeposit({ deployment }: SignedDepositTerms, to: Address): Json {
  const { domain, types, primaryType } = describeAuthorization(deployment, {
    ...{ from: to, to, value: 0n, validAfter: 0n, validBefore: 0n, nonce: '0x' },
  });
  return { domain, types: types as unknown as Json, primary_type: primaryType, to };
}

/** @throws AccountError `usage` */
export function parseSignedDeposit(given: unknown): PaymentOffer {
  const parsed = signedTransfer.safeParse(given);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
  throw new AccountError(
    'usage',
    `${fields || 'the transfer'}: expected an authorization of ERC-3009 and its signature`,
  );
}

/**
 * Keeps a transfer to the address of an organisation, until the gateway has sent it. The transferred amount is credited like
 * every deposit, from the chain's events.
 * @returns whether it is new.
 * @throws AccountError if it would bring nothing.
 */
export async function takeSignedDeposit(
  { books, nowMs, terms }: { readonly books: WorkStore; readonly nowMs: number; readonly terms: SignedDepositTerms },
  {
    organisation,
    offer,
    actor,
  }: { readonly organisation: string; readonly offer: PaymentOffer; readonly actor: string },
): Promise<boolean> {
  const { authorization, signature } = offer;
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  const account = nameAccount(organisation);
  const problem = findProblem(authorization, { terms, nowMs });
  if (problem !== undefined) throw refuse(problem);
  if (!(await isAuthorized(terms.deployment, authorization, signature))) throw refuse('its payer did not sign it');
  return books.write(function* (): Work<boolean> {
    const row = { payer: from, nonce, account, recipient: to, amountAtomic: value, validAfter, validBefore } as const;
    const known = yield* findSigned(from, nonce);
    if (known?.account === account && known.amountAtomic === value) return false;
    if (known) throw refuse('another transfer has its nonce');
    const place = columns({ address: text });
    const sql = 'SELECT address FROM deposits WHERE account = ?';
    const address = (yield* findOne(place, sql, account))?.address;
    if (address === undefined) throw refuse(`${organisation} has no address yet: open its credit first`);
    if (address !== to) throw refuse(`it pays ${to}, and ${organisation} has the address ${address}`);
    const pending = yield* findAll(depositRow, `${SELECT} WHERE account = ? AND state = 'pending'`, account);
    if (pending.length >= MOST_PENDING) throw new AccountError('full', `${MOST_PENDING} transfers wait to be sent`);
    return yield* insertRow(depositRow, 'signed_deposits', {
      ...row,
      signature,
      actor,
      madeMs: nowMs,
      state: 'pending',
    });
  });
}

function findProblem(
  { value, validAfter, validBefore }: TransferAuthorization,
  { terms: { leastAtomic = 0n }, nowMs }: { readonly terms: SignedDepositTerms; readonly nowMs: number },
): string | undefined {
  const nowS = BigInt(Math.floor(nowMs / 1_000));
  if (value === 0n || value < leastAtomic) return `it pays ${value} atomic units; the least is ${leastAtomic || 1n}`;
  if (value > MOST_ATOMIC) return 'it pays more than there is';
  if (validAfter > nowS) return 'it is not good yet';
  if (validBefore < nowS + LEAST_LIFE_S) return 'it has lapsed, or is about to';
  if (validBefore > nowS + MOST_LIFE_S) return 'it is good for too long: seven days at most';
  return undefined;
}

const refuse = (problem: string): AccountError => new AccountError('usage', `the transfer is not taken: ${problem}`);

const SELECT = `SELECT ${depositRow.list} FROM signed_deposits`;

const findSigned = (payer: Address, nonce: Hex): Work<SignedDeposit | undefined> =>
  findOne(depositRow, `${SELECT} WHERE payer = ? AND nonce = ?`, payer, nonce);

/** Lists transfers, the newest first. @param account undefined for all. */
export const listSignedDeposits = (account: string | undefined): Work<SignedDeposit[]> =>
  account === undefined
    ? findAll(depositRow, `${SELECT} ORDER BY made_ms DESC, nonce LIMIT ?`, MOST_LISTED)
    : findAll(depositRow, `${SELECT} WHERE account = ? ORDER BY made_ms DESC, nonce LIMIT ?`, account, MOST_LISTED);

export type SigningChain = Pick<
  ChainClient,
  'balanceOf' | 'chainTime' | 'isAuthorizationSpent' | 'transferByAuthorization'
>;

/** Sends each pending transfer once. The chain accepts a nonce once, and every step reads the chain first. */
export async function sendSignedDeposits(
  books: WorkStore,
  chain: SigningChain,
  onError: (error: unknown) => void,
): Promise<void> {
  const waiting = await books.read(() =>
    findAll(depositRow, `${SELECT} WHERE state = 'pending' ORDER BY made_ms, nonce`),
  );
  for (const row of waiting) {
    // The same account fills the escrow.
    await books.alone('funding', () => sendOne(books, chain, row)).catch(onError);
  }
}

async function sendOne(books: WorkStore, chain: SigningChain, row: SignedDeposit): Promise<void> {
  const { payer: from, nonce, recipient: to, amountAtomic: value, validAfter, validBefore } = row;
  const authorization: TransferAuthorization = { from, to, value, validAfter, validBefore, nonce };
  const end = (state: SignedDeposit['state']) =>
    books.write(() => change('UPDATE signed_deposits SET state = ? WHERE payer = ? AND nonce = ?', state, from, nonce));
  // Any sender may have submitted it: the transfer is seen at the address.
  if (await chain.isAuthorizationSpent(authorization)) return void (await end('sent'));
  if ((await chain.chainTime()) >= validBefore) return void (await end('lapsed'));
  // The payer's balance may still arrive.
  if ((await chain.balanceOf(from)) < value) return;
  try {
    await chain.transferByAuthorization(authorization, row.signature);
    await end('sent');
  } catch (error) {
    if (!(error instanceof ChainError) || error.code !== 'reverted') throw error;
    await end((await chain.isAuthorizationSpent(authorization)) ? 'sent' : 'failed');
  }
}
