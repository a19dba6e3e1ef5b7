import { type FeeShares, splitFee } from '@ogong/protocol/exchange/fee';
import {
  computeAveragePrice,
  computeBackingPart,
  computeBoundedMint,
  computeCarriedBurn,
  computeCarriedCredits,
  computeGovernancePart,
  computeLeastSale,
  computeMintClaim,
  computePoolOut,
  computeTopUp,
  MINT_EPOCH_S,
  type MintSettings,
  type PriceChange,
} from '@ogong/protocol/settlement/burn-mint';
import { splitJudged } from '@ogong/protocol/settlement/cosigned-pot';
import {
  type CreditAccount,
  computeCreditBalance,
  countLiveCredits,
  emptyCreditAccount,
  issueCredits,
  refundCredits,
} from '@ogong/protocol/settlement/credit-account';
import type { BlockTime } from './offence-book.ts';

/** Model of a network that burns and mints. Addresses and ids are lower-case hex; plain data. */
export interface MintBook {
  readonly dollars: Map<string, bigint>;
  readonly tokens: Map<string, bigint>;
  tokenSupply: bigint;
  readonly accounts: Map<string, CreditAccount>;
  /** All credits, and the tokens burned for them. */
  credits: bigint;
  backing: bigint;
  /** Credits that escrow and earnings hold. */
  readonly held: Map<string, bigint>;
  readonly free: Map<string, bigint>;
  readonly channels: Map<string, { readonly admitted: bigint; readonly spent: bigint }>;
  readonly credit: Map<string, bigint>;
  readonly sequences: Map<string, bigint>;
  /** By provider id and payee. */
  readonly earnings: Map<string, { readonly earned: bigint; readonly paid: bigint }>;
  readonly epochs: Map<bigint, MintedEpoch>;
  /** By epoch and payee. */
  readonly dollarsOf: Map<string, bigint>;
  /** Prices by the time at which they were posted. */
  readonly prices: Map<string, readonly PriceChange[]>;
  /** Time of the oldest quote in an asset's last price. */
  readonly saidAt: Map<string, bigint>;
  /** A jump of an asset's price that was not confirmed yet. */
  readonly doubted: Map<string, PriceChange>;
  /** Time of the newest quotes, by asset and set of feeds. */
  readonly quotedAt: Map<string, bigint>;
  /** The set of feeds in force, one of two. */
  feeds: number;
  nextFeeds: { readonly feeds: number; readonly from: bigint } | undefined;
  /** Time until which there are no prices; 0 if they were never paused. */
  pausedUntil: bigint;
  /** Payees that are paid in tokens instead of dollars. */
  readonly takesTokens: Set<string>;
  burned: bigint;
  minted: bigint;
}

export interface MintedEpoch {
  readonly dollars: bigint;
  readonly burned: bigint;
  readonly minted: bigint;
  readonly isClosed: boolean;
  /** Token supply at the epoch's first earning. */
  readonly supply: bigint;
}

export interface MintRules {
  readonly token: string;
  readonly stable: string;
  readonly exchange: string;
  readonly escrow: string;
  readonly earnings: string;
  /** Receives the parts of verification, treasury and license, and governs. */
  readonly treasury: string;
  readonly shares: FeeShares;
  readonly settings: MintSettings;
  readonly maxPriceAge: bigint;
  /** Owner of the prices. */
  readonly owner: string;
  readonly votesOf: ReadonlyMap<string, bigint>;
}

export type MintDeed =
  | { readonly kind: 'topUp' | 'deposit' | 'withdraw'; readonly from: string; readonly amount: bigint }
  | { readonly kind: 'admit'; readonly from: string; readonly to: string; readonly amount: bigint }
  | {
      readonly kind: 'settle';
      readonly from: string;
      readonly sequence: bigint;
      readonly payer: string;
      readonly amount: bigint;
      readonly cumulative: bigint;
      readonly providerId: string;
      readonly payee: string;
      readonly signers: readonly string[];
    }
  | { readonly kind: 'claim'; readonly from: string }
  | { readonly kind: 'earnings'; readonly from: string; readonly providerId: string; readonly payee: string }
  | { readonly kind: 'close' | 'mint'; readonly from: string; readonly epoch: bigint }
  | { readonly kind: 'choose'; readonly from: string; readonly tokens: boolean }
  | { readonly kind: 'lapse'; readonly from: string; readonly account: string }
  | {
      readonly kind: 'post';
      readonly from: string;
      readonly asset: string;
      readonly price: bigint;
      readonly time: bigint;
      /** Feeds that sign. */
      readonly feeds: number;
    }
  | { readonly kind: 'pause' | 'changeFeeds'; readonly from: string }
  | { readonly kind: 'announceFeeds'; readonly from: string; readonly feeds: number };

const WINDOW_S = 7_200n;
const DAY = 86_400n;
const FEEDS_NOTICE = 2n * DAY;
const PAUSE = 3n * DAY;
const PAUSE_AGAIN = 14n * DAY;
/** Seconds until a jump is accepted, and its size in basis points. */
const DOUBT = 3_600n;
const MAX_JUMP = 2_000n;
const get = (map: ReadonlyMap<string, bigint>, key: string): bigint => map.get(key) ?? 0n;
const add = (map: Map<string, bigint>, key: string, amount: bigint): void => void map.set(key, get(map, key) + amount);

export const accountIn = ({ accounts }: MintBook, who: string): CreditAccount =>
  accounts.get(who) ?? emptyCreditAccount;
const issuedTo = ({ issued }: CreditAccount): bigint => issued.at(-1)?.sum ?? 0n;

/** Present price and average; undefined without a price. */
function pricesOf(book: MintBook, { maxPriceAge }: MintRules, asset: string, now: bigint) {
  const changes = book.prices.get(asset) ?? [];
  const last = changes.at(-1);
  if (now < book.pausedUntil || book.doubted.has(asset)) return undefined;
  if (last === undefined || now > get(book.saidAt, asset) + maxPriceAge) return undefined;
  const average = computeAveragePrice(changes, now, WINDOW_S);
  const isHigher = last.price > average;
  return { low: isHigher ? average : last.price, high: isHigher ? last.price : average };
}

/** Ends credits and the tokens behind them. @returns those tokens */
function destroy(book: MintBook, amount: bigint): bigint {
  const part = computeBackingPart(book.backing, book.credits, amount);
  book.backing -= part;
  book.credits -= amount;
  return part;
}

/** Destroys lapsed credits in a wallet. */
function lapseWallet(book: MintBook, who: string, now: bigint): void {
  const account = accountIn(book, who);
  const live = computeCreditBalance(account, now);
  const lapsed = issuedTo(account) - account.position - live;
  if (lapsed <= 0n) return;
  book.accounts.set(who, { ...account, position: account.position + lapsed });
  destroy(book, lapsed);
}

/** Takes credits that are free, after it has removed the lapsed ones. @returns false if there are too few */
function takeFree(book: MintBook, rules: MintRules, payer: string, { amount, now }: { amount: bigint; now: bigint }) {
  const free = get(book.free, payer);
  const live = countLiveCredits(accountIn(book, payer), free, now);
  if (amount === 0n || amount > live) return false;
  if (live < free) {
    add(book.held, rules.escrow, live - free);
    destroy(book, free - live);
  }
  book.free.set(payer, live - amount);
  return true;
}

/** Ends as much of an account's earnings as the present epoch carries, and counts it. @returns the amount: 0 if refused */
function consume(
  book: MintBook,
  rules: MintRules,
  {
    holder,
    payee,
    amount,
    now,
  }: { readonly holder: string; readonly payee: string; readonly amount: bigint; readonly now: bigint },
): bigint {
  const number = now / MINT_EPOCH_S;
  const epoch = epochIn(book, number);
  const supply = epoch.supply === 0n ? book.tokenSupply : epoch.supply;
  const room = computeCarriedBurn(supply, rules.settings) - epoch.burned;
  const taken = computeCarriedCredits(amount, { room, backing: book.backing, supply: book.credits });
  if (taken === 0n) return 0n;
  add(book.held, holder, -taken);
  const burned = destroy(book, taken);
  book.epochs.set(number, { ...epoch, dollars: epoch.dollars + taken, burned: epoch.burned + burned, supply });
  const toGovernance = holder === rules.earnings ? computeGovernancePart(taken) : 0n;
  if (toGovernance > 0n) add(book.dollarsOf, `${number} ${rules.treasury}`, toGovernance);
  add(book.dollarsOf, `${number} ${payee}`, taken - toGovernance);
  return taken;
}

export const epochIn = ({ epochs }: MintBook, number: bigint): MintedEpoch =>
  epochs.get(number) ?? { dollars: 0n, burned: 0n, minted: 0n, isClosed: false, supply: 0n };

/** Applies an action as the contracts would in a block of that time. @returns false if they refuse all of it */
export function applyMintDeed(book: MintBook, rules: MintRules, deed: MintDeed, { now }: BlockTime): boolean {
  const { from } = deed;
  switch (deed.kind) {
    case 'post':
    case 'pause':
    case 'announceFeeds':
    case 'changeFeeds':
      return price(book, rules, deed, now);
    case 'topUp':
      return topUp(book, rules, deed, now);
    case 'deposit': {
      const { amount } = deed;
      // A refused action leaves lapsed credits as they were.
      if (amount === 0n || amount > computeCreditBalance(accountIn(book, from), now)) return false;
      lapseWallet(book, from, now);
      const account = accountIn(book, from);
      book.accounts.set(from, { ...account, position: account.position + amount });
      add(book.held, rules.escrow, amount);
      add(book.free, from, amount);
      return true;
    }
    case 'withdraw': {
      const { amount } = deed;
      if (!takeFree(book, rules, from, { amount, now })) return false;
      add(book.held, rules.escrow, -amount);
      const account = accountIn(book, from);
      const after = refundCredits(account, amount, now);
      // Credits that came back lapsed are gone.
      const lapsed = after.position - (account.position - amount);
      book.accounts.set(from, after);
      if (lapsed > 0n) destroy(book, lapsed);
      return true;
    }
    case 'admit': {
      if (!takeFree(book, rules, from, { amount: deed.amount, now })) return false;
      const { admitted, spent } = channelIn(book, from, deed.to);
      book.channels.set(`${from} ${deed.to}`, { admitted: admitted + deed.amount, spent });
      return true;
    }
    case 'lapse':
      lapseWallet(book, deed.account, now);
      return true;
    case 'choose':
      if (deed.tokens) book.takesTokens.add(from);
      else book.takesTokens.delete(from);
      return true;
    case 'claim': {
      const amount = get(book.credit, from);
      if (amount === 0n) return false;
      const taken = consume(book, rules, { holder: rules.escrow, payee: from, amount, now });
      book.credit.set(from, amount - taken);
      return taken > 0n;
    }
    case 'earnings':
      return withdrawEarnings(book, rules, deed, now);
    case 'settle':
      return settle(book, rules, deed);
    default:
      return mint(book, rules, deed, now);
  }
}

const isJump = (a: bigint, b: bigint): boolean => (a > b ? a - b : b - a) * 10_000n > b * MAX_JUMP;

/** Feeds sign prices. A jump counts once they sign it again an hour later; until then there is no price. */
function price(
  book: MintBook,
  { maxPriceAge, owner }: MintRules,
  deed: Extract<MintDeed, { kind: 'post' | 'pause' | 'announceFeeds' | 'changeFeeds' }>,
  now: bigint,
): boolean {
  switch (deed.kind) {
    case 'pause':
      if (deed.from !== owner) return false;
      if (book.pausedUntil !== 0n && now < book.pausedUntil + PAUSE_AGAIN) return false;
      book.pausedUntil = now + PAUSE;
      return true;
    case 'announceFeeds':
      if (deed.from !== owner) return false;
      book.nextFeeds = { feeds: deed.feeds, from: now + FEEDS_NOTICE };
      return true;
    case 'changeFeeds':
      if (book.nextFeeds === undefined || now < book.nextFeeds.from) return false;
      book.feeds = book.nextFeeds.feeds;
      book.nextFeeds = undefined;
      return true;
    case 'post': {
      const { asset, price: median, time, feeds } = deed;
      const quoted = `${asset} ${feeds}`;
      if (feeds !== book.feeds || now > time + maxPriceAge || time > now || time < get(book.quotedAt, quoted))
        return false;
      const changes = book.prices.get(asset) ?? [];
      const last = changes.at(-1);
      if (time <= get(book.saidAt, asset)) return false;
      if (last !== undefined && isJump(median, last.price)) {
        const doubted = book.doubted.get(asset);
        if (doubted === undefined || isJump(median, doubted.price)) {
          book.doubted.set(asset, { time: now, price: median });
          book.quotedAt.set(quoted, time);
          return true;
        }
        if (time < doubted.time + DOUBT) return false;
      }
      book.doubted.delete(asset);
      book.quotedAt.set(quoted, time);
      book.saidAt.set(asset, time);
      const before = last?.time === now ? changes.slice(0, -1) : changes;
      book.prices.set(asset, [...before, { time: now, price: median }]);
      return true;
    }
  }
}

export const channelIn = ({ channels }: MintBook, payer: string, validator: string) =>
  channels.get(`${payer} ${validator}`) ?? { admitted: 0n, spent: 0n };

function topUp(
  book: MintBook,
  rules: MintRules,
  { from, amount }: { readonly from: string; readonly amount: bigint },
  now: bigint,
): boolean {
  const { token, stable, exchange } = rules;
  const [dollar, price] = [pricesOf(book, rules, stable, now), pricesOf(book, rules, token, now)];
  if (amount === 0n || amount > get(book.dollars, from) || dollar === undefined || price === undefined) return false;
  const bought = computePoolOut(amount, get(book.dollars, exchange), get(book.tokens, exchange));
  const issued = computeTopUp({ amount, price: dollar.low }, { amount: bought, price: price.low });
  if (issued === 0n) return false;
  add(book.dollars, from, -amount);
  add(book.dollars, exchange, amount);
  add(book.tokens, exchange, -bought);
  book.tokenSupply -= bought;
  book.burned += bought;
  book.accounts.set(from, issueCredits(accountIn(book, from), issued, now));
  book.credits += issued;
  book.backing += bought;
  return true;
}

function withdrawEarnings(
  book: MintBook,
  rules: MintRules,
  { providerId, payee }: Extract<MintDeed, { kind: 'earnings' }>,
  now: bigint,
): boolean {
  const key = `${providerId} ${payee}`;
  const { earned, paid } = book.earnings.get(key) ?? { earned: 0n, paid: 0n };
  const amount = earned - paid;
  if (amount === 0n) return false;
  // A refused action leaves these earnings in the escrow.
  const isShort = get(book.held, rules.earnings) < amount;
  const taken = consume(book, rules, { holder: rules.earnings, payee, amount, now });
  if (taken === 0n) return false;
  book.earnings.set(key, { earned, paid: paid + taken });
  if (isShort) {
    const credit = get(book.credit, rules.earnings);
    book.credit.set(rules.earnings, 0n);
    add(book.held, rules.escrow, -credit);
    add(book.held, rules.earnings, credit);
  }
  return true;
}

function settle(
  book: MintBook,
  { votesOf, shares, treasury, earnings }: MintRules,
  deed: Extract<MintDeed, { kind: 'settle' }>,
): boolean {
  const { from, sequence, payer, amount, cumulative, providerId, payee, signers } = deed;
  const sum = (list: Iterable<string>): bigint => [...list].reduce((all, one) => all + (votesOf.get(one) ?? 0n), 0n);
  const { admitted, spent } = channelIn(book, payer, from);
  if (sequence !== get(book.sequences, from) + 1n || 3n * sum(signers) <= 2n * sum(votesOf.keys())) return false;
  if (spent + amount > cumulative || spent + amount > admitted) return false;
  book.sequences.set(from, sequence);
  book.channels.set(`${payer} ${from}`, { admitted, spent: spent + amount });
  const split = splitFee(amount, shares, { routed: false });
  const { handler, others } = splitJudged(split.validator);
  add(book.credit, from, handler);
  // No roster says which validators signed.
  add(book.credit, treasury, split.verification + split.treasury + split.license + others);
  add(book.credit, earnings, split.provider);
  const before = book.earnings.get(`${providerId} ${payee}`) ?? { earned: 0n, paid: 0n };
  book.earnings.set(`${providerId} ${payee}`, { ...before, earned: before.earned + split.provider });
  return true;
}

/** Closes an epoch, or pays out of one. */
function mint(
  book: MintBook,
  rules: MintRules,
  { kind, from, epoch: number }: Extract<MintDeed, { kind: 'close' | 'mint' }>,
  now: bigint,
): boolean {
  const epoch = epochIn(book, number);
  const price = pricesOf(book, rules, rules.token, now);
  if (kind === 'close') {
    if (now < (number + 1n) * MINT_EPOCH_S || epoch.isClosed || price === undefined) return false;
    const { dollars, burned, supply } = epoch;
    const work = { dollars, burned, price: price.high, supply, recentBurn: 0n };
    book.epochs.set(number, { ...epoch, minted: computeBoundedMint(work, rules.settings), isClosed: true });
    return true;
  }
  const dollars = get(book.dollarsOf, `${number} ${from}`);
  if (!epoch.isClosed || dollars === 0n) return false;
  const tokens = computeMintClaim(epoch.minted, dollars, epoch.dollars);
  if (tokens === 0n) return false;
  const { exchange, stable } = rules;
  if (book.takesTokens.has(from)) {
    add(book.tokens, from, tokens);
  } else {
    const dollar = pricesOf(book, rules, stable, now);
    if (price === undefined || dollar === undefined) return false;
    const out = computePoolOut(tokens, get(book.tokens, exchange), get(book.dollars, exchange));
    if (out < computeLeastSale(tokens, price.low, dollar.high)) return false;
    add(book.tokens, exchange, tokens);
    add(book.dollars, exchange, -out);
    add(book.dollars, from, out);
  }
  book.dollarsOf.set(`${number} ${from}`, 0n);
  book.tokenSupply += tokens;
  book.minted += tokens;
  return true;
}
