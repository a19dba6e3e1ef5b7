import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { LOAD_MODEL } from '../../load/load-model.ts';
import { startGateway, startRouter } from '../../path/gateway-path.ts';
import { startProvider } from '../../path/path-provider.ts';
import { startValidator } from '../../path/path-validator.ts';
import { slowDown } from '../../path/slow-engine.ts';
import { createGatewayTimer } from '../reply-timing.ts';
import type { Row } from '../row.ts';

const PROVIDERS = 5;
const PRICE = 1_000n;
const STANDBY = 100n;
/** Duration of every prompt. */
const PROMPT_MS = 40;
/** Delay that one provider of five adds to some of its prompts. Three replies of a hundred are late. */
const STALL_MS = 2_000;
const STALLED = 0.15;
/** Twenty first tokens have to be measured before one is late. */
const WARM_UP = 40;
const ROUNDS = 300;
const SEED = 1;

interface HedgeNetwork {
  /** @returns how long the first token took, ms. */
  ask(number: number): Promise<number>;
  /** Replies that began late, whether or not they were shown. */
  countStalls(): number;
  close(): Promise<void>;
}

/** Gateway, router, validator and providers in one process, over real links, with engines that wait and compute nothing. */
async function openNetwork(isHedged: boolean): Promise<HedgeNetwork> {
  const random = createSeededRandom(SEED);
  const validator = await startValidator({ alphaPpm: 0 });
  const router = await startRouter(validator);
  const engine = createFakeEngine({ sequences: 8, maxQueue: 64, contextSize: 512 });
  let stalls = 0;
  const isStalled = (): boolean => {
    if (random() >= STALLED) return false;
    stalls++;
    return true;
  };
  const usual = slowDown(engine, PROMPT_MS);
  const providers = await Promise.all(
    Array.from({ length: PROVIDERS }, (_, i) =>
      startProvider(`provider ${i}`, {
        offers: [
          {
            ...{ modelId: LOAD_MODEL, pricePer1kAtomic: PRICE, standbyPer1kAtomic: STANDBY },
            engine: i === 0 ? slowDown(usual, STALL_MS, isStalled) : usual,
          },
        ],
        ...{ validator, routers: [router.peer] },
      }),
    ),
  );
  const gateway = await startGateway(validator, router.peer, {
    ...{ ticketsAhead: 8, verdictIntervalMs: 60_000 },
    ...(isHedged && { hedging: { isDefault: true, share: 0.05, patienceMs: 2_000 } }),
  });
  const timer = createGatewayTimer(gateway.url);
  return {
    async ask(number) {
      const messages = [{ role: 'user', content: `${number} is the number of a story` }];
      const body = { model: LOAD_MODEL, messages, max_tokens: 4, stream: true, temperature: 0.8 };
      return (await timer.time(body)).firstTextMs;
    },
    countStalls: () => stalls,
    async close() {
      timer.close();
      await gateway.close();
      await Promise.all(providers.map((provider) => provider.close()));
      await router.close();
      await validator.close();
      await engine.close();
    },
  };
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;

/** The slowest first tokens with a second order and without, where one provider of five stalls now and then. Asked in turn, so that what else the machine does slows both. */
export async function measureHedging(): Promise<Row[]> {
  const [plain, racing] = [await openNetwork(false), await openNetwork(true)];
  const alone: number[] = [];
  const hedged: number[] = [];
  try {
    for (let i = 0; i < WARM_UP + ROUNDS; i++) {
      if (i === WARM_UP) alone.length = hedged.length = 0;
      alone.push(await plain.ask(i));
      hedged.push(await racing.ask(i));
    }
  } finally {
    await plain.close();
    await racing.close();
  }
  for (const times of [alone, hedged]) times.sort((a, b) => a - b);
  const show = (times: readonly number[], { countStalls }: HedgeNetwork): string =>
    `${[0.5, 0.95, 0.99].map((share) => at(times, share).toFixed(0)).join(' / ')} ms and ${countStalls()} stalls`;
  return [
    {
      id: 'hedge-p99',
      what: `p99 of the first token, one provider of five stalls ${STALL_MS / 1_000} s: without / with a second order`,
      value: at(alone, 0.99) / at(hedged, 0.99),
      unit: 'x',
      aim: { at: 'least', value: 3 },
      note: `p50 / p95 / p99 of ${ROUNDS} fresh prompts that take ${PROMPT_MS} ms: ${show(alone, plain)} without, ${show(hedged, racing)} with; one process, real links, asked in turn`,
    },
    {
      id: 'hedge-p50',
      what: 'the same, p50: cost of naming a standby price',
      value: at(hedged, 0.5) / at(alone, 0.5),
      unit: 'x',
      aim: { at: 'most', value: 1.1 },
    },
  ];
}
