import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { measureBusy } from './busy-time.ts';
import { createRequest, makeReply } from './engine-timing.ts';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

interface PrefixBench {
  readonly path: string;
  readonly name: string;
  readonly rounds: number;
}

const CONTEXT = 768;
const TOGETHER = 8;
const FIRST_TOKENS = 400;
const TURN_TOKENS = 24;
const REPLY_TOKENS = 32;
const TURNS = 4;

/** What the prefix cache saves: the same chats on two engines, one of them without a cache. */
export async function measurePrefixes({ path, name, rounds }: PrefixBench): Promise<Row[]> {
  const settings = { modelPath: path, threads: 1, contextSize: CONTEXT, sequences: TOGETHER };
  const caching = await createLlamaEngine(settings);
  const plain = await createLlamaEngine({ ...settings, prefixCache: false });
  try {
    const rows: Row[] = [];
    for (const streams of [1, 4]) {
      const run = (engine: LlamaEngine) => (round: number) =>
        measureBusy(engine.pid(), () =>
          Promise.all(Array.from({ length: streams }, (_, i) => chat(engine, 1000 * round + i))),
        );
      const measures = { caching: run(caching), plain: run(plain) };
      await measureInTurn(1, measures);
      const samples = await measureInTurn(rounds, measures);
      const times = (which: 'caching' | 'plain') => samples[which].map(({ ms }) => ms);
      const seconds = (which: 'caching' | 'plain') => (median(times(which)) / 1000).toFixed(2);
      rows.push({
        id: `prefix-chat-${streams}-${name}`,
        what: `${name}: ${streams === 1 ? 'a chat' : `${streams} chats side by side`} of ${TURNS} turns, with the cache of prefixes / without`,
        value: pairedRatio(times('caching'), times('plain')),
        unit: 'x',
        note: `${seconds('caching')} against ${seconds('plain')} s; prompts from ${FIRST_TOKENS} tokens on, ${REPLY_TOKENS} of reply and ${TURN_TOKENS} of question more with every turn`,
      });
    }
    return [await measureFirstToken({ caching, plain, name, rounds }), ...rows];
  } finally {
    await Promise.all([caching.close(), plain.close()]);
  }
}

async function measureFirstToken({
  caching,
  plain,
  name,
  rounds,
}: Pick<PrefixBench, 'name' | 'rounds'> & {
  readonly caching: LlamaEngine;
  readonly plain: LlamaEngine;
}): Promise<Row> {
  const run = (engine: LlamaEngine) => async (round: number) => {
    const first = createRequest(engine, { promptTokens: FIRST_TOKENS, outputTokens: 1 }, 5000 + round);
    const { output } = await makeReply(engine, { ...first, cacheScope: 'bench' });
    const next = { ...first, prompt: carryOn(engine, first, output, 5000 + round), cacheScope: 'bench' };
    return measureBusy(engine.pid(), () => makeReply(engine, next));
  };
  const measures = { caching: run(caching), plain: run(plain) };
  await measureInTurn(1, measures);
  const samples = await measureInTurn(rounds, measures);
  const [ours, theirs] = [samples.caching, samples.plain].map((all) => all.map(({ ms }) => ms)) as [number[], number[]];
  return {
    id: `prefix-first-token-${name}`,
    what: `${name}: first token of a second turn, with the cache of prefixes / without`,
    value: pairedRatio(ours, theirs),
    unit: 'x',
    aim: { at: 'most', value: 0.25 },
    note: `${median(ours).toFixed(1)} against ${median(theirs).toFixed(1)} ms; of the prompt's ${FIRST_TOKENS + TURN_TOKENS} tokens ${FIRST_TOKENS} were there`,
  };
}

/** One conversation, turn by turn. */
async function chat(engine: LlamaEngine, number: number): Promise<void> {
  let request = {
    ...createRequest(engine, { promptTokens: FIRST_TOKENS, outputTokens: REPLY_TOKENS }, number),
    cacheScope: 'bench',
  };
  for (let turn = 0; turn < TURNS; turn++) {
    const { output } = await makeReply(engine, request);
    request = { ...request, prompt: carryOn(engine, request, output, number + turn) };
  }
}

type Request = ReturnType<typeof createRequest>;

function carryOn(engine: LlamaEngine, { prompt }: Request, output: Uint32Array, number: number): Request['prompt'] {
  const question = createRequest(engine, { promptTokens: TURN_TOKENS, outputTokens: 1 }, 7 * number).prompt;
  const [before, more] = [prompt, question].map((each) => (each as { tokens: Uint32Array }).tokens) as [
    Uint32Array,
    Uint32Array,
  ];
  return { kind: 'tokens', tokens: Uint32Array.from([...before, ...output, ...more]) };
}
