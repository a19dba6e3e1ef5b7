import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { measureBusy } from './busy-time.ts';
import { createRequest, type MadeReply, makeReply, scoreReply } from './engine-timing.ts';
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

/** Measures the time that the prefix cache saves: the same chats on two engines, one of them without a cache. */
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
    return [
      await measureFirstToken({ caching, plain, name, rounds }),
      ...rows,
      ...(await measureAudits({ caching, plain, name, rounds })),
    ];
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

/** A verifier that gets the replies of one conversation behind each other: each score begins with rows of the one before. */
async function measureAudits({
  caching,
  plain,
  name,
  rounds,
}: Pick<PrefixBench, 'name' | 'rounds'> & {
  readonly caching: LlamaEngine;
  readonly plain: LlamaEngine;
}): Promise<Row[]> {
  const replies = await chat(caching, 9000);
  /** Milliseconds of each turn's audit. */
  const run = (engine: LlamaEngine) => async () => {
    const spent: number[] = [];
    for (const reply of replies) spent.push((await measureBusy(engine.pid(), () => scoreReply(engine, reply))).ms);
    return spent;
  };
  const measures = { caching: run(caching), plain: run(plain) };
  await measureInTurn(1, measures);
  const samples = await measureInTurn(rounds, measures);
  // The first turn leaves its rows to the second; in every round but the first it finds its own.
  return replies.slice(1).map(({ request, output }, before) => {
    const turn = before + 1;
    const [ours, theirs] = [samples.caching, samples.plain].map((all) => all.map((one) => one[turn] as number)) as [
      number[],
      number[],
    ];
    const { tokens } = request.prompt as { tokens: Uint32Array };
    const perToken = (times: readonly number[]) => (median(times) / output.length).toFixed(2);
    return {
      id: `prefix-audit-${turn + 1}-${name}`,
      what: `${name}: audit of turn ${turn + 1} of a conversation, behind the turn before / without its rows`,
      value: pairedRatio(ours, theirs),
      unit: 'x',
      note: `${perToken(ours)} against ${perToken(theirs)} ms a token of the reply; a prompt of ${tokens.length} tokens`,
    };
  });
}

/** One conversation, turn by turn. @param replyTokens of each answer at most. */
export async function chat(
  engine: LlamaEngine,
  number: number,
  replyTokens: number = REPLY_TOKENS,
): Promise<readonly MadeReply[]> {
  const replies: MadeReply[] = [];
  let request = {
    ...createRequest(engine, { promptTokens: FIRST_TOKENS, outputTokens: replyTokens }, number),
    cacheScope: 'bench',
  };
  for (let turn = 0; turn < TURNS; turn++) {
    const reply = await makeReply(engine, request);
    replies.push(reply);
    request = { ...request, prompt: carryOn(engine, request, reply.output, number + turn) };
  }
  return replies;
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
