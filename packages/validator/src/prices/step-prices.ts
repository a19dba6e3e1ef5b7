import { type Address, bytesToHex } from '@ogong/chain/hex';
import type { PriceState } from '@ogong/chain/money/burn-and-mint';
import { compareBytes, equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { computeMedianPrice } from '@ogong/protocol/settlement/burn-mint';
import { isPriceJump, pickQuotes, type SignedQuote } from '@ogong/protocol/settlement/price-quotes';
import { listPriced, type PricingState, signOwnQuote } from './price-state.ts';

/** A price is posted again after this part of its largest age, so that three attempts may fail before it expires. */
const RENEWALS = 4n;
/** A price that has moved so far is posted again at once, basis points. */
const MOVED_BPS = 100n;
const BASIS = 10_000n;
/**
 * A quote older than this part of its largest age counts only if newer quotes are too few. A price is as old as its
 * oldest quote.
 */
const FRESH = 2n * RENEWALS;
/** Seconds until a transaction is mined. A quote that expires by then makes it fail. */
const MINED_S = 120n;
/** Seconds after which the oracle accepts a repeated jump. */
const DOUBT_S = 3_600n;
/** Seconds that each validator leaves to the one before it, so that one of them pays for the transaction. */
export const PRICE_TURN_S = 20n;
/** Number of turns, after which they begin again, so that a price waits a few minutes at most. */
const MOST_TURNS = 8;
/** Tolerance for a source whose clock is ahead, seconds. */
const AHEAD_S = 60n;

/**
 * Reads the source, and posts due prices in this validator's turn, with quotes of more than half of the feeds. A
 * failure of one asset does not stop the others.
 * @throws Error if the source cannot be read; ChainError
 */
export async function stepPrices(state: PricingState, signal: AbortSignal): Promise<void> {
  const read = await state.read(signal);
  const { reading: before, token, chain } = state;
  const { now } = await (await chain.client()).priceState(token);
  if (read.at > now + AHEAD_S) throw new RangeError('the price source is ahead of the chain');
  // The oracle takes no older quote of a feed than it had.
  if (before !== undefined && read.at < before.at) throw new RangeError('the price source went back');
  state.reading = read;
  for (const asset of listPriced(state)) {
    try {
      await stepPrice(state, asset);
    } catch (error) {
      state.onError(error);
    }
  }
}

async function stepPrice(state: PricingState, asset: Address): Promise<void> {
  const { crypto, key, domain, dueSince, onPosted, onTooFew } = state;
  const client = await state.chain.client();
  const found = await client.priceState(asset);
  const feeds = found.feeds.map(({ address, quotedAt }) => ({ address: fromHex(address.slice(2), 20), quotedAt }));
  const own = await signOwnQuote(state, asset);
  if (!feeds.some(({ address }) => equalBytes(address, key.address))) {
    throw new RangeError(`${bytesToHex(key.address)} is no feed of this network`);
  }
  if (!isDue(found, own)) {
    dueSince.delete(asset);
    return;
  }
  const firstDue = dueSince.get(asset) ?? found.now;
  dueSince.set(asset, firstDue);
  if (found.now < firstDue + findTurn(state, found.last.time) * PRICE_TURN_S) return;
  const { now, maxAge } = found;
  const since = findSince(found, own.price);
  const rules = { domain, asset: fromHex(asset.slice(2), 20), feeds, now, since };
  const freshAge = maxAge / FRESH;
  const longestAge = maxAge - (freshAge < MINED_S ? freshAge : MINED_S);
  const quotes = [own, ...(await askPeers(state, asset))];
  const chosen =
    pickQuotes(crypto, quotes, { ...rules, maxAge: freshAge }) ??
    pickQuotes(crypto, quotes, { ...rules, maxAge: longestAge });
  if (chosen === undefined) {
    onTooFew(asset, quotes.length);
    return;
  }
  const { transactionHash } = await client.postPrice(asset, chosen);
  dueSince.delete(asset);
  onPosted(asset, computeMedianPrice(chosen.map(({ price }) => price)), chosen.length, transactionHash);
}

type PriceTimes = Pick<PriceState, 'last' | 'doubted'>;

/** Tells whether a price repeats the doubted one, and is neither the last one nor a third. */
const isSaidAgain = ({ last, doubted }: PriceTimes, price: bigint): boolean =>
  doubted.price !== 0n && isPriceJump(price, last.price) && !isPriceJump(price, doubted.price);

/** Returns the time after which a quote must be: the oracle accepts newer ones only. */
const findSince = (state: PriceTimes, price: bigint): bigint =>
  isSaidAgain(state, price) ? state.doubted.time + DOUBT_S - 1n : state.last.time;

/** Tells whether a price is due: there is none yet, it is old, it has moved, or a doubt can be ended. */
export function isDue(
  { last, doubted, maxAge, now }: Omit<PriceState, 'feeds'>,
  { price, time }: Pick<SignedQuote, 'price' | 'time'>,
): boolean {
  if (last.price === 0n) return true;
  if (doubted.price !== 0n) return time > findSince({ last, doubted }, price);
  if (now >= last.time + maxAge / RENEWALS) return true;
  const moved = price > last.price ? price - last.price : last.price - price;
  return moved * BASIS >= last.price * MOVED_BPS;
}

/** Returns this validator's turn: in the order of addresses, with another first validator after each price. */
function findTurn({ validator, chain }: Pick<PricingState, 'validator' | 'chain'>, lastTime: bigint): bigint {
  const addresses = chain
    .validators()
    .map(({ address }) => address)
    .sort(compareBytes);
  const own = addresses.findIndex((address) => equalBytes(address, validator));
  if (own === -1) return BigInt(MOST_TURNS);
  const first = Number(lastTime % BigInt(addresses.length));
  return BigInt(((own - first + addresses.length) % addresses.length) % MOST_TURNS);
}

/** Asks all peers at once. Peers without a feed refuse. */
async function askPeers({ chain, validator, ask, onSilent }: PricingState, asset: Address): Promise<SignedQuote[]> {
  const peers = chain.validators().filter(({ address }) => !equalBytes(address, validator));
  const answers = peers.map(async (peer: QuorumMember): Promise<SignedQuote[]> => {
    try {
      return [await ask(peer, asset)];
    } catch (error) {
      onSilent(error);
      return [];
    }
  });
  return (await Promise.all(answers)).flat();
}
