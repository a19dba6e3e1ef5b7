import { ChainError } from '@ogong/chain/errors';
import type { createWrites } from '@ogong/chain/ledger-writes';
import type { MintShare } from '@ogong/chain/money/burn-and-mint';
import type { Output } from '@ogong/host/lifecycle/command';
import { computeLeastSale, computeMintClaim, MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';
import type { ActingClient } from './act.ts';
import { formatAmount, toBasisPoints } from './amount.ts';
import { describeNextEpoch, minutesToNextEpoch, takeIntoEpoch } from './epoch-room.ts';

interface MintClaimOptions {
  /** Default: as the account chose before. */
  readonly payout: 'stable' | 'tokens' | undefined;
  /** Percent below the oracle's price. Default: the contract's limit. */
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
  /** The present epoch, with the part of the credit that it takes. */
  readonly running: string;
  /** Numbers of epochs that are over and that the chain refused to pay or to close now, each with its reason. */
  readonly waiting: readonly { readonly epoch: number; readonly why: string }[];
}

/** The parts of a client that a claim needs: of the preview, or of the chain behind it. */
type ClaimingClient = Pick<
  ActingClient,
  | 'address'
  | 'isDry'
  | 'creditOf'
  | 'mintSharesOf'
  | 'takesTokens'
  | 'transactor'
  | 'carriedOf'
  | 'mintEpoch'
  | 'deployment'
  | 'pricesOf'
>;
type ClaimingWrites = Pick<ReturnType<typeof createWrites>, 'choosePayout' | 'closeMintEpoch' | 'claimMint' | 'claim'>;

/**
 * Consumes the account's credit in the escrow, so that it counts in the present epoch, and claims the pay of every epoch that is over. Open
 * epochs are closed first. An amount that the chain does not pay now waits, and holds up nothing else.
 * @throws ChainError if there was something to claim, and none of it could be
 */
export async function claimMints(
  writes: ClaimingWrites,
  client: ClaimingClient,
  { payout, slippage, output }: MintClaimOptions,
): Promise<MintClaimReport> {
  const { address } = client;
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
  const { isAnyPaid, refusals } = await claimEpochs(writes, client, { over, wantsTokens, slippage });
  let isCarried = false;
  let isFull = false;
  try {
    isCarried = carried > 0n && (await takeIntoEpoch(client, credit, () => writes.claim()));
    isFull = carried > 0n && !isCarried;
  } catch (error) {
    if (!isAnyPaid || !(error instanceof ChainError) || error.code !== 'reverted') throw error;
    output.writeError(`the credit waits: ${error.message}\n`);
  }
  const [first] = refusals;
  if (first !== undefined && !isAnyPaid && !isCarried) throw first.error;
  for (const { epoch, error } of refusals) {
    output.writeError(`earnings of epoch ${epoch} wait: ${error.message}; run this again later\n`);
  }
  if (isFull) {
    const waits = formatAmount(credit, undefined, 'credits');
    output.writeError(`others have filled the present epoch: ${waits} wait, ${await describeNextEpoch(client)}\n`);
  }
  const waiting = refusals.map(({ epoch, error }) => ({ epoch: Number(epoch), why: error.message }));
  const rest = isCarried ? {} : { carried: '0', running: `${BigInt(report.running) - carried}` };
  return { ...report, ...rest, waiting };
}

interface EpochClaims {
  readonly over: readonly MintShare[];
  readonly wantsTokens: boolean;
  readonly slippage: number | undefined;
}

/** Each epoch by itself: one may have no price, or bring less than the slippage allows. */
async function claimEpochs(
  writes: ClaimingWrites,
  client: ClaimingClient,
  { over, wantsTokens, slippage }: EpochClaims,
): Promise<{
  readonly isAnyPaid: boolean;
  readonly refusals: readonly { readonly epoch: bigint; readonly error: ChainError }[];
}> {
  const refusals: { readonly epoch: bigint; readonly error: ChainError }[] = [];
  const attempt = async (epoch: bigint, send: () => Promise<unknown>): Promise<boolean> => {
    try {
      await send();
      return true;
    } catch (error) {
      if (!(error instanceof ChainError) || error.code !== 'reverted') throw error;
      // Another account closed it meanwhile.
      if (error.revert?.name === 'ClosedAlready') return true;
      refusals.push({ epoch, error });
      return false;
    }
  };
  const isOpen = new Set<bigint>();
  for (const { number, isClosed } of over) {
    if (!isClosed && !(await attempt(number, () => writes.closeMintEpoch(number)))) isOpen.add(number);
  }
  let isAnyPaid = false;
  for (const share of over.filter(({ number }) => !isOpen.has(number))) {
    // A dry run closes nothing, so the amount of such an epoch is not known yet.
    const epoch = share.isClosed || client.isDry ? share : await client.mintEpoch(share.number);
    const tokens = epoch.isClosed ? computeMintClaim(epoch.minted, share.own, epoch.dollars) : 0n;
    if (epoch.isClosed && tokens === 0n) continue;
    const send = async () =>
      writes.claimMint(share.number, wantsTokens ? 0n : await findLeast(client, tokens, slippage));
    if (await attempt(share.number, send)) isAnyPaid = true;
  }
  return { isAnyPaid, refusals };
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
): Omit<MintClaimReport, 'waiting'> {
  const { credit, carried, over, shares, now } = found;
  const format = (dollars: bigint): string => formatAmount(dollars, undefined, 'credits');
  const sum = (list: readonly MintShare[]): bigint => list.reduce((total, { own }) => total + own, 0n);
  output.writeError(`credit ${format(credit)}, earned ${format(sum(over))} in ${over.length} epochs that are over\n`);
  if (carried < credit) {
    output.writeError(
      `the present epoch takes ${format(carried)} of the credit: the rest stays for the next one, in ${minutesToNextEpoch(now)} minutes\n`,
    );
  }
  const running = sum(shares) - sum(over) + carried;
  const epochs = over.map(({ number, own }) => ({ epoch: Number(number), credits: `${own}` }));
  const report = { credit: `${credit}`, carried: `${carried}`, epochs, running: `${running}` };
  if (running === 0n) return report;
  output.writeError(
    `${format(running)} can be claimed when the present epoch is over, in ${minutesToNextEpoch(now)} minutes\n`,
  );
  return report;
}

/** 0 leaves the contract's own bound. */
async function findLeast(client: ClaimingClient, tokens: bigint, slippage: number | undefined): Promise<bigint> {
  const { stable } = client.deployment.burnAndMint ?? {};
  if (slippage === undefined || stable === undefined) return 0n;
  const [token, dollar] = await Promise.all([client.pricesOf(client.deployment.token), client.pricesOf(stable)]);
  const low = token.spot < token.average ? token.spot : token.average;
  const high = dollar.spot > dollar.average ? dollar.spot : dollar.average;
  return computeLeastSale(tokens, low, high, toBasisPoints(slippage));
}
