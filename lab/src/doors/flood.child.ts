// An attacker in a process of its own, so that its work is none of the measured daemon's. It floods the door that it is told.
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
