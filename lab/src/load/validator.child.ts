// A validator in a process of its own. It takes orders and records in; with each epoch it decides about replies and settles them.
import { setTimeout as delay } from 'node:timers/promises';
import { startValidator } from '../path/path-validator.ts';
import { answerAsks } from './answer-asks.ts';
import { type BeaconNews, createSharedClock, type NetworkPlace } from './network-view.ts';

/** Four of them pass until a reply is decided about. */
const EPOCH_MS = 2_000;

const clock = createSharedClock();
// Audits need verifiers, and are no part of this load.
const validator = await startValidator({ clock, alphaPpm: 0 });
const { chain, beacons, archive, audit, settlement, store } = validator;
const [member] = chain.validators();
answerAsks({
  states: () => store.prepare('SELECT state, count(*) AS replies FROM replies GROUP BY state').all(),
});
const place: NetworkPlace = {
  ...{ time: clock.time, validators: member ? [member] : [], beacon: beacons.latest() },
  ...{ router: await chain.router(validator.signer.address) },
};
process.send?.(place);
for (;;) {
  await delay(EPOCH_MS);
  await validator.certifyUpTo(archive.latest().epoch + 1n);
  process.send?.({ beacon: beacons.latest() } satisfies BeaconNews);
  await audit.tick();
  await audit.idle();
  while (await settlement.step());
}
