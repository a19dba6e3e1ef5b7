import { epochMessageFormat } from '@ogong/protocol/beacon/threshold/epoch-machine';
import { type KeyMessage, keyMessageFormat } from '@ogong/protocol/beacon/threshold/key-message';
import {
  createThresholdNetwork,
  type ThresholdLie,
  type ThresholdNetwork,
} from '@ogong/testing/validator/test-threshold';
import { type Breaks, NO_BREAKS } from '../breaks.ts';

/** Stakes of the validators; the liar is the first. None has a quarter. */
const STAKES = [10n, 11n, 12n, 13n, 14n];
export const HONEST = [1, 2, 3, 4];
/** Until a key is made and has signed some epochs. */
const LENGTH_MS = 28_000;
const PARTS = 4;

export interface ThresholdOutcome {
  /** Messages that the liar changed, kept back or made up. */
  readonly lies: number;
  /** The first epoch of the key that the validators made; undefined where they made none. */
  readonly firstEpoch: bigint | undefined;
  /** The newest epoch that each honest validator has. */
  readonly latest: bigint;
  /** Epochs that honest validators have two values of, or one of them none. */
  readonly disputed: number;
  /** Honest validators that have put the liar out. */
  readonly struckBy: number;
}

/** The key was not made, or does not sign, or honest validators disagree. */
export const hasStopped = ({ firstEpoch, latest, disputed }: ThresholdOutcome): boolean =>
  firstEpoch === undefined || latest <= firstEpoch || disputed > 0;

/** Describes a lie about the shared key. It works if the beacon stops or forks. */
export const describeThreshold = (
  outcome: ThresholdOutcome,
  { tried, expelledBy = 0 }: { readonly tried: string; readonly expelledBy?: number },
) => {
  const { lies, firstEpoch, latest, disputed, struckBy } = outcome;
  return {
    tried,
    answered: [
      `${lies} messages were lies`,
      firstEpoch === undefined ? 'no key was made' : `the key was made and signs from epoch ${firstEpoch} on`,
      `all honest validators have epoch ${latest}, and differ in ${disputed} of those before`,
      `${struckBy} of ${HONEST.length} honest validators have put the liar out`,
    ],
    worked: lies === 0 || struckBy !== expelledBy || hasStopped(outcome),
  };
};

export async function openThreshold(
  breaks: Breaks = NO_BREAKS,
  stakes: readonly bigint[] = STAKES,
): Promise<ThresholdNetwork> {
  const net = createThresholdNetwork(stakes);
  for (const node of net.nodes) await net.registerBox(node);
  breaks.add('validator', () => {
    for (const index of HONEST) net.restart(index);
  });
  return net;
}

/** Time passes, with a break between its parts. */
export async function passWithBreaks(net: ThresholdNetwork, ms: number, breaks: Breaks): Promise<void> {
  for (let part = 0; part < PARTS; part++) {
    await net.pass(ms / PARTS);
    if (part + 1 < PARTS) await breaks.take();
  }
}

/**
 * @param bend returns the messages that the liar sends instead of a message of key generation.
 * @param how `isSilent`: it says nothing about epochs of the key.
 */
export async function lieAboutKey(
  bend: (message: KeyMessage, to: number, net: ThresholdNetwork) => readonly KeyMessage[],
  breaks: Breaks = NO_BREAKS,
  { isSilent = false }: { readonly isSilent?: boolean } = {},
): Promise<ThresholdOutcome> {
  const net = await openThreshold(breaks);
  let lies = 0;
  const lie: ThresholdLie = (message, to) => {
    if (isSilent && read(epochMessageFormat, message) !== undefined) return [];
    const parsed = read(keyMessageFormat, message);
    if (parsed === undefined) return [message];
    const sent = bend(parsed, to, net);
    if (sent.length !== 1 || sent[0] !== parsed) lies++;
    return sent.map((one) => keyMessageFormat.encode(one));
  };
  const [liar] = net.nodes;
  if (liar !== undefined) liar.lie = lie;
  await passWithBreaks(net, LENGTH_MS, breaks);
  return { lies, ...(await readThreshold(net, HONEST)) };
}

export async function readThreshold(
  net: ThresholdNetwork,
  honest: readonly number[],
): Promise<Omit<ThresholdOutcome, 'lies'>> {
  const reading = await net.chain.connect('0x00').beaconKeys();
  const latest = honest.map((index) => net.latestOf(index)).reduce((a, b) => (a < b ? a : b));
  let disputed = 0;
  for (let epoch = 1n; epoch <= latest; epoch++) {
    const values = new Set(honest.map((index) => net.valueOf(index, epoch)));
    if (values.size !== 1 || values.has(undefined)) disputed++;
  }
  const struckBy = honest.filter((index) => (net.running[index]?.eras.listStruck().length ?? 0) > 0).length;
  return { firstEpoch: reading?.generations[0]?.firstEpoch, latest, disputed, struckBy };
}

function read<T>({ decode }: { readonly decode: (bytes: Uint8Array) => T }, message: Uint8Array): T | undefined {
  try {
    return decode(message);
  } catch {
    return undefined;
  }
}
