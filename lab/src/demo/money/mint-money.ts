import type { ChainClient } from '@ogong/chain/client';
import { priceOracleAbi } from '@ogong/chain/generated/abi';
import { claimCommand } from '@ogong/cli/money/claim-command';
import { computeLeastSale, computeMintClaim, MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';
import { findOutcome } from '../find-outcome.ts';
import { waitUntil } from '../polling.ts';
import type { MintRecord } from '../run-record.ts';
import { connectAs, findAccount, runAs, type SpendingContext, withdrawFree } from './money.ts';

const PATIENCE_MS = 120_000;
/** Seconds of the chain's clock in each half second of waiting. */
const STEP_S = 5;

/**
 * Claims minted tokens and withdraws escrow, by the commands of users:
 * 1. A provider claims its verifier's credit, so that it counts in this epoch.
 * 2. The chain's clock passes the end of the epoch and the age of all prices.
 * 3. The daemons post new prices and close the epoch.
 * 4. The provider claims its part, and the payer withdraws.
 * This is the last step of a run, because the clocks of machine and chain differ afterwards.
 * @returns undefined on a network that does not burn and mint.
 */
export async function useMint({ mesh, chain, onProgress }: SpendingContext): Promise<MintRecord | undefined> {
  if (chain.deployment.burnAndMint === undefined) return undefined;
  onProgress('a provider claims its verifier’s credit, which counts in this epoch of minting');
  await passToEpoch(chain);
  const earner = await takeCredit({ mesh, chain, onProgress });
  const number = await readPresentEpoch(chain);
  onProgress('the chain’s clock passes the end of the epoch: validators post new prices and close it');
  const from = (await chain.transactor.client.getBlockNumber({ cacheTime: 0 })) + 1n;
  await passSeconds(chain, Number(MINT_EPOCH_S));
  // Each daemon waits for its turn by the chain's clock, so it runs faster than that of this machine.
  const isClosed = await waitUntil(async () => {
    await passSeconds(chain, STEP_S);
    const isPriced = (await Promise.all(listAssets(chain).map((asset) => hasPrice(chain, asset)))).every(Boolean);
    return isPriced && (await chain.mintEpoch(number)).isClosed;
  }, PATIENCE_MS);
  const pricesPosted = await countPrices(chain, from);
  const { dollars, burned: burnedAtomic, minted: mintedAtomic } = await chain.mintEpoch(number);
  const { high: highPrice } = await readBounds(chain, chain.deployment.token);
  onProgress('the provider claims, and the payer withdraws its free escrow');
  return {
    pricesPosted,
    epoch: isClosed ? { number: Number(number), dollars, burnedAtomic, mintedAtomic, highPrice } : undefined,
    claimant: isClosed && earner ? await claimFrom({ mesh, chain, onProgress }, earner, number) : undefined,
    withdrawal: await withdrawFree(mesh, chain),
  };
}

/** Assets whose prices a payout needs. */
const listAssets = ({ deployment: { token, burnAndMint } }: ChainClient): `0x${string}`[] =>
  burnAndMint === undefined ? [] : [token, burnAndMint.stable];

async function hasPrice(chain: ChainClient, asset: `0x${string}`): Promise<boolean> {
  const { last, doubted, maxAge, now } = await chain.priceState(asset);
  return doubted.price === 0n && now <= last.time + maxAge;
}

async function passSeconds(chain: ChainClient, seconds: number): Promise<void> {
  await chain.transactor.client.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await chain.transactor.client.request({ method: 'evm_mine' } as never);
}

const readPresentEpoch = async (chain: ChainClient): Promise<bigint> =>
  (await chain.transactor.client.getBlock()).timestamp / MINT_EPOCH_S;

/** Skips to the next epoch if the present one is nearly over: all claims must fall into one epoch. */
async function passToEpoch(chain: ChainClient): Promise<void> {
  const { timestamp } = await chain.transactor.client.getBlock();
  const left = MINT_EPOCH_S - (timestamp % MINT_EPOCH_S);
  if (left < 120n) await passSeconds(chain, Number(left));
}

type Earner = NonNullable<ReturnType<typeof findAccount>>;

/** Claims the credit of the first honest provider that has any. */
async function takeCredit({ mesh, chain }: SpendingContext): Promise<Earner | undefined> {
  for (const { role, identity, name } of mesh.members) {
    if (role !== 'provider' || name === 'cheat' || (await chain.creditOf(identity.address)) === 0n) continue;
    const account = findAccount(mesh, 'provider', (one) => one === identity.address);
    if (account === undefined) continue;
    await runAs(mesh, chain, account, [claimCommand]);
    return account;
  }
  return undefined;
}

async function readBounds(chain: ChainClient, asset: `0x${string}`): Promise<{ low: bigint; high: bigint }> {
  const { spot, average } = await chain.pricesOf(asset);
  return spot < average ? { low: spot, high: average } : { low: average, high: spot };
}

async function countPrices(chain: ChainClient, fromBlock: bigint): Promise<number> {
  const address = chain.deployment.burnAndMint?.oracle;
  const events = { address, abi: priceOracleAbi, eventName: 'Priced', fromBlock, strict: true } as const;
  return (await chain.transactor.read('prices', (client) => client.getContractEvents(events as never))).length;
}

async function claimFrom(
  { mesh, chain }: SpendingContext,
  earner: Earner,
  number: bigint,
): Promise<NonNullable<MintRecord['claimant']>> {
  const { address, name } = earner;
  const client = await connectAs(mesh, earner);
  const early = await findOutcome(() => client.claimMint(number + 1n));
  const [{ minted, dollars: all }, dollars, before] = await Promise.all([
    chain.mintEpoch(number),
    chain.mintDollarsOf(number, address),
    chain.stableBalanceOf(address),
  ]);
  const [token, stable] = await Promise.all([
    readBounds(chain, chain.deployment.token),
    readBounds(chain, chain.deployment.burnAndMint?.stable ?? '0x'),
  ]);
  await runAs(mesh, chain, earner, [claimCommand]);
  const paidStable = (await chain.stableBalanceOf(address)) - before;
  const again = await findOutcome(() => client.claimMint(number));
  const leastStable = computeLeastSale(computeMintClaim(minted, dollars, all), token.low, stable.high);
  return { name, dollars, paidStable, leastStable, refused: { again, early } };
}
