import { toPrintable } from '@ogong/protocol/base/printable';
import type { ConnectingProgress } from '../segment/remote-segment.ts';

/** Shows how the links to other machines of this owner begin, a line for each change. */
export function createConnectingLines(write: (text: string) => void): (progress: ConnectingProgress) => void {
  const shown = new Map<string, string>();
  return ({ machine, state, reason }) => {
    const text =
      state === 'waiting' ? `${machine} does not answer yet: ${toPrintable(reason ?? '')}` : `${machine}: ${state}`;
    if (shown.get(machine) === text) return;
    shown.set(machine, text);
    write(`${text}\n`);
  };
}
