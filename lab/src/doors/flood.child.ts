// An attacker in a process of its own, so that its work is not counted for the measured daemon. The first message names its target.
import { type CallFlood, type OpenFlood, openFlood } from './flood.ts';

const floods = new Map<string, OpenFlood>();

process.on(
  'message',
  async (told: { readonly at: string; readonly open: CallFlood } | { readonly at: string; readonly calls: number }) => {
    if ('open' in told) {
      floods.set(told.at, await openFlood(told.open));
      process.send?.({});
    } else {
      process.send?.(await floods.get(told.at)?.send(told.calls));
    }
  },
);
