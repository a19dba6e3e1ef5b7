import type { HubAttack } from './attack.ts';

/** It accepts each request, and never sends a byte of the weights. */
export const silentPlace: HubAttack = {
  name: 'silent-place',
  adversary: 'mirror that accepts requests and sends nothing',
  aim: 'a pull that never ends',
  stoppedBy:
    'A place that sends nothing for a minute has failed, and is dropped after six failures. Another one sends the block meanwhile. **Left**: one byte a minute keeps a place, which holds up a pull without other places. A provider that serves from the hub ends such a download',
  caughtBy: 'unreachable',
  play: ({ place, read }) =>
    read({
      ...place,
      async *read(file, range, signal) {
        if (file.isWeight) await new Promise((_, end) => signal.addEventListener('abort', () => end(signal.reason)));
        yield* place.read(file, range, signal);
      },
    }),
};
