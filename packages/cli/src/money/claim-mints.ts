import type { MintShare } from '@ogong/chain/burn-and-mint';
import type { createWrites } from '@ogong/chain/ledger-writes';
import type { Output } from '@ogong/host/lifecycle/command';
import { computeLeastSale, computeMintClaim, MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';
import type { ActingClient } from './act.ts';
import { formatAmount, toBasisPoints } from './amount.ts';

interface MintClaimOptions {
  /** Default: as the account chose before. */
  readonly payout: 'stable' | 'tokens' | undefined;
  /** Percent below the oracle's price. Default: what the contract allows. */
  readonly slippage: number | undefined;
  readonly output: Pick<Output, 'writeError'>;
}

/** Amounts are credits, as text in atomic units. */
interface MintClaimReport {
  readonly credit: string;
  /** So much of it as the present epoch takes. */
  readonly carried: string;
  /** Those that are over and were not claimed. */
  readonly epochs: readonly { readonly epoch: number; readonly credits: string }[];
  /** Of the present epoch, with what it takes of the credit. */
  readonly running: string;
}

/**
 * Consumes the account's credit in the escrow, so that it counts in the present epoch, and has every epoch that is over paid. Epochs that nobody
 * closed are closed first.
 */
export async function claimMints(
  writes: ReturnType<typeof createWrites>,
  client: ActingClient,
  { payout, slippage, output }: MintClaimOptions,
): Promise<MintClaimReport> {
  const { address, isDry } = client;
  const [credit, shares, takesTokens, now] = await Promise.all([
    client.creditOf(address),
    client.mintSharesOf(address),
    client.takesTokens(address),
    client.transactor.read('the time', async (reader) => (await reader.getBlock()).timestamp),
  ]);
  const carried = await client.carriedOf(credit);
  const over = shares.filter(({ number }) => (number + 1n) * MINT_EPOCH_S <= now);
  const report = tell(output, { credit, carried, over, shares, now });
  const wantsTokens = payout === undefined ? takesTokens : payout === 'tokens';
  if (wantsTokens !== takesTokens) await writes.choosePayout(wantsTokens);
  for (const { number, isClosed } of over) if (!isClosed) await writes.closeMintEpoch(number);
  for (const share of over) {
    // A dry run closes nothing, so the amount of such an epoch is not known yet.
    const epoch = share.isClosed || isDry ? share : await client.mintEpoch(share.number);
    const tokens = epoch.isClosed ? computeMintClaim(epoch.minted, share.own, epoch.dollars) : 0n;
    if (epoch.isClosed && tokens === 0n) continue;
    await writes.claimMint(share.number, wantsTokens ? 0n : await findLeast(client, tokens, slippage));
  }
  if (carried > 0n) await writes.claim();
  return report;
}

function tell(
  output: Pick<Output, 'writeError'>,
  found: {
    readonly credit: bigint;
    /** So much of it as the present epoch takes. */
    readonly carried: bigint;
    readonly over: readonly MintShare[];
    readonly shares: readonly MintShare[];
    readonly now: bigint;
  },
): MintClaimReport {
  const { credit, carried, over, shares, now } = found;
  const format = (dollars: bigint): string => formatAmount(dollars, undefined, 'credits');
  const sum = (list: readonly MintShare[]): bigint => list.reduce((total, { own }) => total + own, 0n);
  output.writeError(`credit ${format(credit)}, earned ${format(sum(over))} in ${over.length} epochs that are over\n`);
  if (carried < credit) {
    output.writeError(`the present epoch takes ${format(carried)} of the credit: the rest stays for a later one\n`);
  }
  const running = sum(shares) - sum(over) + carried;
  const epochs = over.map(({ number, own }) => ({ epoch: Number(number), credits: `${own}` }));
  const report = { credit: `${credit}`, carried: `${carried}`, epochs, running: `${running}` };
  if (running === 0n) return report;
  const minutes = (MINT_EPOCH_S - (now % MINT_EPOCH_S) + 59n) / 60n;
  output.writeError(`${format(running)} can be claimed when the present epoch is over, in ${minutes} minutes\n`);
  return report;
}

/** 0 leaves the contract's own bound. */
async function findLeast(client: ActingClient, tokens: bigint, slippage: number | undefined): Promise<bigint> {
  const { stable } = client.deployment.burnAndMint ?? {};
  if (slippage === undefined || stable === undefined) return 0n;
  const [token, dollar] = await Promise.all([client.pricesOf(client.deployment.token), client.pricesOf(stable)]);
  const low = token.spot < token.average ? token.spot : token.average;
  const high = dollar.spot > dollar.average ? dollar.spot : dollar.average;
  return computeLeastSale(tokens, low, high, toBasisPoints(slippage));
}
