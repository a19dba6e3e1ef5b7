import type { TextEngine } from '@ogong/engine/interface/text';
import { TIMED_WORK } from '@ogong/protocol/audit/timed-work';
import { collectReply, createRequest, keyOf } from '@ogong/testing/engine/compliance-requests';
import { countTokens, type KnownChallenge, makeKnownChallenge } from '../challenges/known-work.ts';
import { measureDevice } from '../challenges/measure-device.ts';

/** Milliseconds from the moment of asking. */
interface Spread {
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

/** Keys that are asked at the same moment. */
interface KeysRow extends Spread {
  readonly keys: number;
  /** Processes, each with the model, that answer for them side by side on the one device. */
  readonly verifiers: number;
  readonly answers: number;
  /** Of all challenges together. */
  readonly tokensPerSecond: number;
  /** Whether the device made replies meanwhile, eight side by side. */
  readonly isServing: boolean;
}

/** What one device does under timed challenges (docs/spec/timed-challenge.md). */
export interface ChallengeRow {
  readonly numericClass: string;
  readonly exact: boolean;
  /** Of the four texts of a challenge. */
  readonly tokens: number;
  /** What a deadline counts. */
  readonly countedTokens: number;
  readonly isRight: boolean;
  readonly rows: readonly KeysRow[];
  /** Of the first row, each answer. */
  readonly aloneMs: readonly number[];
}

export interface ChallengeOptions {
  /** Opens a verifier of its own: another process with the same model. */
  readonly openVerifier: () => Promise<TextEngine>;
  /** Opens what serves eight replies; undefined: nothing is served. */
  readonly openProvider: (() => Promise<TextEngine>) | undefined;
  /** Challenges of the key that is alone. */
  readonly runs: number;
  /** Keys that are asked at once: 2, 4 and so on. */
  readonly mostKeys: number;
  /** Verifiers of one device, likewise. */
  readonly mostVerifiers: number;
  readonly nowMs: () => number;
}

const SERVED_TOGETHER = 8;
const SERVED_TOKENS = 128;

/** @throws EngineError */
export async function measureChallenges(options: ChallengeOptions): Promise<ChallengeRow> {
  const { runs, mostKeys, mostVerifiers, nowMs } = options;
  await using stack = new AsyncDisposableStack();
  const open = async (opening: () => Promise<TextEngine>): Promise<TextEngine> => {
    const engine = await opening();
    stack.defer(() => engine.close());
    return engine;
  };
  const referee = await open(options.openVerifier);
  const verifiers = [await open(options.openVerifier)];
  const challenges: KnownChallenge[] = [];
  for (let i = 0; i < Math.max(2, Math.ceil(runs / 4)); i++) challenges.push(await makeKnownChallenge(referee, i));
  const tokens = countTokens(challenges[0] as KnownChallenge);
  const rows: KeysRow[] = [];
  const aloneMs: number[] = [];
  let isRight = true;
  const ask = async (keys: number, rounds: number, isServing = false): Promise<void> => {
    const asked = { verifiers, challenges, keys, rounds, nowMs };
    const { tookMs, totalMs, isRight: wereRight } = await measureDevice(asked);
    if (rows.length === 0) aloneMs.push(...tookMs.map(toTenths));
    isRight &&= wereRight;
    const tokensPerSecond = Math.round((1_000 * tokens * tookMs.length) / totalMs);
    const counts = { keys, verifiers: verifiers.length, answers: tookMs.length };
    rows.push({ ...counts, tokensPerSecond, isServing, ...spreadOf(tookMs) });
  };
  // Kernels that are not compiled yet.
  await measureDevice({ verifiers, challenges, keys: 1, rounds: 2, nowMs });
  await ask(1, runs);
  const few = Math.ceil(runs / 4);
  for (let keys = 2; keys <= mostKeys; keys *= 2) await ask(keys, Math.ceil(few / keys));
  if (options.openProvider !== undefined) {
    const provider = await open(options.openProvider);
    const stop = serveOn(provider);
    await ask(1, few, true);
    await stop();
  }
  while (verifiers.length < mostVerifiers) {
    const more = await Promise.all(verifiers.map(() => open(options.openVerifier)));
    verifiers.push(...more);
    await measureDevice({ verifiers, challenges, keys: verifiers.length, rounds: 1, nowMs });
    await ask(verifiers.length, Math.ceil(runs / 2 / verifiers.length));
  }
  const { numericClass, exact } = referee.info();
  const { countedTokens } = TIMED_WORK;
  return { numericClass, exact, tokens, countedTokens, isRight, rows, aloneMs };
}

/** Makes replies side by side, one after the other. @returns what ends that. */
function serveOn(provider: TextEngine): () => Promise<void> {
  const stopping = new AbortController();
  const bias = Array.from(provider.info().stopTokens, (id) => ({ id, biasQ16: -100 * 65_536 }));
  const serve = async (place: number): Promise<void> => {
    for (let i = 0; !stopping.signal.aborted; i++) {
      const drawKey = keyOf(100 * place + (i % 100));
      const request = createRequest(`reply ${i} of ${place}`, { drawKey, maxTokens: SERVED_TOKENS, bias });
      await collectReply(provider.generate(request));
    }
  };
  const served = Promise.all(Array.from({ length: SERVED_TOGETHER }, (_, place) => serve(place)));
  return async () => {
    stopping.abort();
    await served;
  };
}

const toTenths = (ms: number): number => Math.round(10 * ms) / 10;

function spreadOf(ascending: readonly number[]): Spread {
  const at = (share: number): number =>
    toTenths(ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))] ?? Number.NaN);
  return { medianMs: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), mostMs: at(1) };
}
