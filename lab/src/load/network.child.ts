// Router, validator and provider with a fake engine in one process: all that a gateway meets.
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { startRouter } from '../path/gateway-path.ts';
import { startProvider } from '../path/path-provider.ts';
import { startValidator } from '../path/path-validator.ts';
import type { NetworkPlace } from './gateway.child.ts';
import { LOAD_MODEL, PACE_MS, PACED_MODEL } from './load-model.ts';

const validator = await startValidator();
const router = await startRouter(validator);
const room = { sequences: 256, maxQueue: 4_096, contextSize: 512 };
const offers = [
  { modelId: LOAD_MODEL, pricePer1kAtomic: 1_000n, engine: createFakeEngine(room) },
  {
    modelId: PACED_MODEL,
    pricePer1kAtomic: 1_000n,
    engine: createFakeEngine({ ...room, weights: 2, stepMs: PACE_MS }),
  },
];
await startProvider('provider', { offers, validator, routers: [router.peer] });
const { ledger } = validator.chain;
const [member] = validator.chain.validators();
const place: NetworkPlace = {
  ...{ url: '', router: router.peer, ledger, validators: member ? [member] : [], nowMs: validator.clock.nowMs() },
  ...{
    beacon: validator.beacons.latest(),
    known: await validator.chain.router(),
    channel: await validator.chain.channel(),
  },
};
process.send?.(place);
