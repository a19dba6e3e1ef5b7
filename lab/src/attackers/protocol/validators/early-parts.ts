import { type EpochMessage, epochMessageFormat } from '@ogong/protocol/beacon/threshold/epoch-machine';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';
import { openThreshold, passWithBreaks } from './threshold-play.ts';

export interface EarlyOutcome {
  /** Parts of epochs that it asked for before they began. */
  readonly asked: number;
  /** Parts that it heard at all, and how many of them of epochs that had not begun. */
  readonly heard: number;
  readonly early: number;
}

const AHEAD = [1n, 2n, 3n, 10n];

/** It sends its own parts for epochs to come, and asks the others for theirs. */
export const earlyParts: ProtocolAttack<void, Promise<EarlyOutcome>> = {
  name: 'early-parts',
  adversary: 'validator that asks for signature parts of later epochs',
  aim: 'know a value before others',
  stoppedBy: 'No validator signs an epoch before its own clock has reached it',
  restarts: ['validator'],
  async play(_network, breaks = NO_BREAKS) {
    const net = await openThreshold(breaks);
    await net.pass(16_000);
    const [liar] = net.nodes;
    if (liar === undefined) throw new Error('there is nobody');
    let asked = 0;
    liar.lie = (message) => {
      const parsed = readEpoch(message);
      if (parsed?.kind !== 'partials') return [message];
      asked += AHEAD.length;
      const ahead = AHEAD.map((by) => ({ ...parsed, epoch: parsed.epoch + by }));
      const request: EpochMessage = { kind: 'request', from: parsed.epoch + 1n };
      return [message, ...[...ahead, request].map((one) => epochMessageFormat.encode(one))];
    };
    liar.heard.length = 0;
    await passWithBreaks(net, 8_000, breaks);
    const parts = liar.heard.flatMap(({ message, atMs }) => {
      const parsed = readEpoch(message);
      return parsed?.kind === 'partials' ? [net.startOf(parsed.epoch) > atMs] : [];
    });
    return { asked, heard: parts.length, early: parts.filter((isEarly) => isEarly).length };
  },
};

function readEpoch(message: Uint8Array): EpochMessage | undefined {
  try {
    return epochMessageFormat.decode(message);
  } catch {
    return undefined;
  }
}
