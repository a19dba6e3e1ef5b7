import type { ChainClient } from '@ogong/chain/client';
import type { BurnAndMintOptions } from '@ogong/chain/deploy/deploy-burn-and-mint';
import { domainOf } from '@ogong/chain/domain';
import { type Address, bytesToHex, type Hex } from '@ogong/chain/hex';
import { computeAddress } from '@ogong/chain/keys';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex } from '@ogong/protocol/base/bytes';
import { hashPriceQuote } from '@ogong/protocol/settlement/burn-mint';

const WHOLE = 10n ** 18n;

/** Ten cents for a token, on a chain whose money is worth nothing. */
export const DEV_TOKEN_PRICE = WHOLE / 10n;
/** A dollar of 1e6 units, for 1e18 of them. */
export const DEV_DOLLAR_PRICE = 10n ** 30n;
/** The pool of such a chain, at that price. */
const POOL = { tokens: 100_000_000n * WHOLE, dollars: 10_000_000n * 10n ** 6n };
const DAY = 86_400;

/** The second economy of a chain on one machine. @param maxPriceAge seconds; by default a day, as long as any prices may hold */
export const describeDevEconomy = (
  feedKeys: readonly Hex[],
  governance: Address,
  maxPriceAge = DAY,
): BurnAndMintOptions => ({ feeds: feedKeys.map(computeAddress).sort(), maxPriceAge, governance });

/** Has all feeds say one price, by the chain's clock. */
export async function postDevPrice(
  client: ChainClient,
  feedKeys: readonly Hex[],
  { asset, price }: { readonly asset: Address; readonly price: bigint },
): Promise<void> {
  const { deployment } = client;
  const { timestamp } = await client.transactor.read('the time', (reader) => reader.getBlock());
  const domain = domainOf(deployment, deployment.burnAndMint?.oracle ?? '0x');
  const digest = hashPriceQuote(nodeCrypto, domain, { asset: fromHex(asset.slice(2), 20), price, time: timestamp });
  const quotes = feedKeys.map((key) => {
    const signature = bytesToHex(createNodeLedgerSigner(fromHex(key.slice(2), 32)).signDigest(digest));
    return { price, time: timestamp, signature };
  });
  await client.postPrice(asset, quotes);
}

/** Posts prices of token and dollar, and fills the pool if it is empty. @param client of the account that owns all of both */
export async function openDevMarket(client: ChainClient, feedKeys: readonly Hex[]): Promise<void> {
  const { token, burnAndMint } = client.deployment;
  if (burnAndMint === undefined) return;
  const price = (await readPoolPrice(client)) ?? DEV_TOKEN_PRICE;
  for (const said of [
    { asset: token, price },
    { asset: burnAndMint.stable, price: DEV_DOLLAR_PRICE },
  ]) {
    const { last, now } = await client.priceState(said.asset);
    // A chain that stopped right after a price stands at that second still, and the oracle accepts only newer prices.
    if (now > last.time) await postDevPrice(client, feedKeys, said);
  }
  if ((await client.stableBalanceOf(burnAndMint.exchange)) === 0n) {
    await client.provideLiquidity(POOL.tokens, POOL.dollars);
  }
}

/** Reads the pool's price of a token: it is the only market of such a chain. Undefined while it is empty. */
async function readPoolPrice(client: ChainClient): Promise<bigint | undefined> {
  const { exchange } = client.deployment.burnAndMint ?? {};
  if (exchange === undefined) return undefined;
  const [tokens, dollars] = await Promise.all([client.balanceOf(exchange), client.stableBalanceOf(exchange)]);
  return tokens === 0n ? undefined : (dollars * DEV_DOLLAR_PRICE) / tokens;
}

/** Returns the prices of such a chain in the form of a price source, for `ogong-validatord --price-source`. */
export async function describeDevPrices(client: ChainClient): Promise<string> {
  const { stable = '' } = client.deployment.burnAndMint ?? {};
  const [price = DEV_TOKEN_PRICE, block] = await Promise.all([
    readPoolPrice(client),
    client.transactor.read('the time', (reader) => reader.getBlock()),
  ]);
  const nano = price / 10n ** 9n;
  const usdPerToken = `${nano / 10n ** 9n}.${(nano % 10n ** 9n).toString().padStart(9, '0')}`;
  const text = { usd_per_token: usdPerToken, usd_per_asset: { [stable]: '1' }, at: Number(block.timestamp) };
  return `${JSON.stringify(text)}\n`;
}

/** Tops an account up by at least this many credits, with dollars of the account that owns them. */
export async function buyDevCredits(governor: ChainClient, client: ChainClient, credits: bigint): Promise<void> {
  const { stable } = client.deployment.burnAndMint ?? {};
  if (stable === undefined || client.address === undefined) return;
  // Three thousandths for the pool, and the price change of so large an order.
  const dollars = (credits * 103n) / 100n / 10n ** 12n + 1n;
  await governor.transferStable(client.address, dollars);
  const { timestamp } = await client.transactor.read('the time', (reader) => reader.getBlock());
  await client.topUp(stable, dollars, credits, timestamp + 3_600n);
}
