import type { Pin } from '@ogong/chain/registry/pins';
import { fromHex } from '@ogong/protocol/base/bytes';
import { keepOfferedManifest } from './offered-manifest.ts';
import { isChainAway, type PinParts, type PinSettings, removeUnpinned } from './pin-parts.ts';
import type { WaitingOffer } from './pin-store.ts';
import { refuseOffer } from './pin-terms.ts';

/** Failed attempts to accept an offer after which it is left. */
const MAX_FAILURES = 3;
/** Blocks that have to follow that of an offer: a younger block may be replaced. */
const CONFIRMATIONS = 2n;
/** As many as one reading of the chain takes. */
const BLOCKS_PER_READ = 1_000n;
/** Blocks of a blob whose fetching ended are kept for so long. */
const KEPT_UNFINISHED_MS = 3_600_000;

/** Reads new offers and accepts those that fit the terms, after their blobs are here. */
export async function reviewOffers(settings: PinSettings, parts: PinParts, signal: AbortSignal): Promise<void> {
  const { pinStore, store } = parts;
  await store.removeUnfinished(KEPT_UNFINISHED_MS);
  await readOffers(settings, parts, signal);
  for (const offer of pinStore.offers()) {
    if (signal.aborted) return;
    await reviewOne(settings, parts, { offer, signal });
  }
  sumPinnedBytes(parts);
}

/** Reads offers from the chain until there is no room for more. Others are read after the review of these. */
async function readOffers({ account }: PinSettings, { chain, pinStore }: PinParts, signal: AbortSignal): Promise<void> {
  const head = (await chain.headBlock()) - CONFIRMATIONS;
  while (!signal.aborted && pinStore.hasRoom() && pinStore.nextBlock() <= head) {
    const from = pinStore.nextBlock();
    const last = from + BLOCKS_PER_READ - 1n;
    const to = last < head ? last : head;
    pinStore.addOffers(await chain.listPins({ provider: account }, { from, to }), to + 1n);
  }
}

interface OfferReview {
  readonly offer: WaitingOffer;
  readonly signal: AbortSignal;
}

async function reviewOne(settings: PinSettings, parts: PinParts, { offer, signal }: OfferReview): Promise<void> {
  const { chain, pinStore, log, metrics } = parts;
  const { pin } = offer;
  let offered: Pin | undefined;
  /** The offer as it is stored now: the fetching may have begun. */
  const stored = (): WaitingOffer => pinStore.offers().find((one) => one.pin === pin) ?? offer;
  const drop = async (): Promise<void> => {
    const { isFetched } = stored();
    pinStore.dropOffer(pin);
    if (offered !== undefined)
      await removeUnpinned(parts, { blob: offered.blob.slice(2), isFetched, manifest: undefined });
  };
  try {
    offered = await chain.pinOf(pin);
    const refusal = await acceptOffer(settings, parts, { offer, offered, signal });
    metrics.offers.inc({ outcome: refusal === undefined ? 'accepted' : 'refused' });
    if (refusal === undefined) return log.info({ pin }, 'accepted a pin');
    await drop();
    log.info({ pin, refusal }, 'refused the offer of a pin');
  } catch (err) {
    if (signal.aborted) return;
    if (isChainAway(err)) throw err;
    const failures = offer.failures + 1;
    const isLast = failures >= MAX_FAILURES;
    if (isLast) await drop();
    else pinStore.updateOffer({ ...stored(), failures });
    metrics.offers.inc({ outcome: 'failed' });
    log.warn({ pin, err, isLast }, 'an offer of a pin could not be accepted');
  }
}

/** Brings the blob and accepts. @returns the reason for a refusal, or undefined. */
async function acceptOffer(
  { terms }: PinSettings,
  parts: PinParts,
  { offer, offered, signal }: OfferReview & { readonly offered: Pin },
): Promise<string | undefined> {
  const { chain, store, trees, pinStore, fetchBlob } = parts;
  const { pin, place } = offer;
  const { sizeBytes } = offered;
  const blob = offered.blob.slice(2);
  // A crash can come between the transaction and its record.
  const isAccepted = offered.start !== undefined;
  const refusal = isAccepted ? undefined : refuseOffer(terms, offered, sumPinnedBytes(parts, blob));
  if (refusal !== undefined) return refusal;
  const isAbsent = !(await store.has(blob));
  const isFetched = isAbsent || offer.isFetched || pinStore.kept().some((one) => one.blob === blob && one.isFetched);
  if (isAbsent) {
    const freeBytes = await store.freeBytes();
    if (sizeBytes > freeBytes) return `${sizeBytes} bytes; the disk has ${freeBytes}`;
    pinStore.updateOffer({ ...offer, isFetched });
    await fetchBlob({ id: blob, sizeBytes, place }, signal);
  }
  const tree = await trees.open(blob, { sizeBytes, pinRoot: fromHex(offered.pinRoot.slice(2)) });
  if (tree === undefined) return 'the blob has another size or pin root';
  await store.pin(blob);
  if (!isAccepted) await chain.acceptPin(pin);
  pinStore.keep({ pin, blob, sizeBytes, isFetched, missed: 0 });
  const manifest = await keepOfferedManifest(parts, { id: blob, sizeBytes, place }, signal);
  if (manifest !== undefined) pinStore.keep({ pin, blob, sizeBytes, isFetched, missed: 0, manifest });
  return undefined;
}

/** Sums the bytes of all pinned blobs. @param without a blob that does not count. */
function sumPinnedBytes({ pinStore, metrics }: Pick<PinParts, 'pinStore' | 'metrics'>, without?: string): number {
  const sizes = new Map(pinStore.kept().map(({ blob, sizeBytes }) => [blob, sizeBytes]));
  metrics.pins.set(pinStore.kept().length);
  metrics.pinnedBytes.set([...sizes.values()].reduce((sum, bytes) => sum + bytes, 0));
  if (without !== undefined) sizes.delete(without);
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}
