import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { encodeBeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import { createBeaconNetwork } from '@ogong/testing/protocol/beacon-network';
import { median, type Row } from '../row.ts';

/** Validators of equal stake. */
const SIZES = [4, 16, 64];
const EPOCHS = 12;
/** As the driver has them for epochs of eight seconds. */
const TIMING = { epochMs: 8_000, viewTimeoutMs: 2_000, gatherMs: 400, resendMs: 800 };
/** Largest delay of a message in the simulated network; each has its own. */
const DELAY_MS = 100;
const LONGEST_MS = 600_000;

/** How late the certificate machine of the bootstrap beacon is with an epoch, where some validators are away. Proofs are cheap ones. */
export function measureAgreement(): Row[] {
  return SIZES.flatMap((size) => {
    const most = Math.floor((size - 1) / 3);
    return [...new Set([0, 1, most])].map((away) => measureOne(size, away));
  });
}

function measureOne(size: number, away: number): Row {
  let bytes = 0;
  const random = createSeededRandom(size + away);
  const net = createBeaconNetwork({
    ...{ size, random, timing: TIMING, beatMs: 400, maxDelayMs: DELAY_MS },
    tamper(message) {
      bytes += encodeBeaconMessage(message).length;
      return message;
    },
  });
  for (let index = size - away; index < size; index++) net.crash(index);
  const took: number[] = [];
  let before = 0;
  for (let epoch = 1n; epoch <= BigInt(EPOCHS); epoch++) {
    const now = net.runUntil(LONGEST_MS, epoch);
    if (now >= LONGEST_MS) throw new Error(`${size} validators, ${away} away: an epoch has no value`);
    took.push(now - before - TIMING.epochMs);
    before = now;
  }
  if (!net.isAgreed()) throw new Error('an epoch has two values');
  const proofs = net.proofsChecked() / EPOCHS / (size - away);
  const sent = bytes / EPOCHS / (size - away) / 1_024;
  return {
    id: `agreement-late-${size}-${away}`,
    what: `agreement of the bootstrap beacon, end of an epoch to the next value, ${size} validators, ${away} away`,
    value: median(took),
    unit: 'ms',
    note: `virtual time: messages take up to ${DELAY_MS} ms, computing none; at most ${Math.max(...took).toFixed(0)}, with absent proposers. Each sends ${sent.toFixed(1)} KiB and checks ${proofs.toFixed(0)} proofs an epoch`,
  };
}
