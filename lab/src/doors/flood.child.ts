// An attacker in a process of its own, so that its work is none of the measured daemon's. It floods when it is told to.
import { type CallFlood, type OpenFlood, openFlood } from './flood.ts';

let flood: OpenFlood | undefined;

process.on('message', async (told: { readonly open: CallFlood } | { readonly calls: number }) => {
  if ('open' in told) {
    flood = await openFlood(told.open);
    process.send?.({});
  } else {
    process.send?.(await flood?.send(told.calls));
  }
});
