import { type EpochMessage, epochMessageFormat } from '@ogong/protocol/beacon/threshold/epoch-machine';
import { defineAttack } from '../define-attack.ts';
import { openThreshold, passWithBreaks } from './threshold-play.ts';

const AHEAD = [1n, 2n, 3n, 10n];

/** It sends its own parts for epochs to come, and asks the others for theirs. */
export const earlyParts = defineAttack({
  name: 'early-parts',
  adversary: 'validator that asks for signature parts of later epochs',
  aim: 'know a value before others',
  stoppedBy: 'No validator signs an epoch before its own clock has reached it',
  restarts: ['validator'],
  async play(_network, breaks) {
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
  async stage({ play }) {
    const { asked, heard, early } = await play();
    return {
      tried: `asked for parts of epochs to come, ${asked} times`,
      answered: [`it heard ${heard} parts, ${early} of them of epochs that had not begun`],
      worked: early > 0 || asked <= 8 || heard <= 8,
    };
  },
});

function readEpoch(message: Uint8Array): EpochMessage | undefined {
  try {
    return epochMessageFormat.decode(message);
  } catch {
    return undefined;
  }
}
