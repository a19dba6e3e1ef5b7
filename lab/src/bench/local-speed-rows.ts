import { execFileSync } from 'node:child_process';
import { findLlamaBuild } from '@ogong/engine/llama-cpp/device/platform';
import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { openLlamaModel } from '@ogong/engine/llama-cpp/model';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { type LocalProgram, startLocalProgram } from '../local/local-program.ts';
import { measureBusy, readAllThreadsMs } from './busy-time.ts';
import { askLocal } from './local-answer.ts';
import { provideRandomModel } from './models.ts';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

const ROUNDS = 5;
const TOKENS = 96;
const STREAMS = [1, 4, 8];

/** A model that local mode answers from, beside the library alone. */
interface BatchBench {
  readonly path: string;
  readonly name: string;
  /** Part of the row's id. */
  readonly key: string;
  readonly tokens: number;
  readonly rounds: number;
  /** Least speed of the decoding thread, as a part of the library's. */
  readonly aim: number;
}

const PROMPT = 'Once upon a time';
/** Words of a prompt that nearly fills the context, and how many of them two prompts share. */
const WORDS = { all: 150, shared: 135 };

/** Measures the processor time that local mode adds to llama.cpp, and the time that the prefix cache saves. */
export async function measureLocalSpeed(path: string, modelsDir: string): Promise<Row[]> {
  const small = { path, name: 'stories15M q8_0', key: '', tokens: TOKENS, rounds: ROUNDS, aim: 0.8 };
  const random = provideRandomModel(modelsDir, path);
  const large = { path: random, name: 'random 134M q8_0', key: '134m-', tokens: 48, rounds: 3, aim: 0.9 };
  return [
    ...(await withProgram(path, modelsDir, async (program) => [
      ...(await measureBatches(program, small)),
      ...(await measureHttp(program)),
      await measurePrefix(program),
    ])),
    ...(await withProgram(random, modelsDir, (program) => measureBatches(program, large))),
  ];
}

async function withProgram(
  modelPath: string,
  modelsDir: string,
  measure: (program: LocalProgram) => Promise<Row[]>,
): Promise<Row[]> {
  const program = await startLocalProgram({ modelPath, modelsDir, sequences: Math.max(...STREAMS), threads: 1 });
  try {
    return await measure(program);
  } finally {
    await program.stop();
  }
}

async function measureBatches(program: LocalProgram, bench: BatchBench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const streams of STREAMS) rows.push(await measureBatch(program, bench, streams));
  return rows;
}

/** The child that decodes. @throws Error where there are several: one of them would be measured while another one works. */
function findEngine({ pid }: LocalProgram): number {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
    .trim()
    .split('\n');
  if (children.length !== 1) throw new Error(`local mode has ${children.length} children, one engine is expected`);
  return Number(children[0]);
}

/** Answers at once over HTTP against the library alone, which decodes as many sequences in one pass, and samples nothing. */
async function measureBatch(
  program: LocalProgram,
  { path, name, key, tokens: length, rounds, aim }: BatchBench,
  streams: number,
): Promise<Row> {
  const engine = findEngine(program);
  const model = openLlamaModel(loadLlama(findLlamaBuild(), 'auto'), path, { repack: true });
  const context = model.createContext({ contextSize: 256, sequences: streams, threads: 1, batchSize: 256 });
  const bare = (): number => {
    context.clear();
    for (let at = 0; at < length; at++) {
      for (let sequence = 0; sequence < streams; sequence++) context.add(300 + at + sequence, at, sequence);
      context.decode(true);
    }
    return streams * length;
  };
  const served = async (round: number): Promise<number> => {
    const answers = await Promise.all(
      Array.from({ length: streams }, (_, i) =>
        askLocal(program.base, PROMPT, { seed: 100 * round + i, tokens: length }),
      ),
    );
    return answers.reduce((sum, { tokens }) => sum + tokens, 0);
  };
  const speed = async (pid: number | undefined, work: () => number | Promise<number>): Promise<number> => {
    const { result: tokens, ms } = await measureBusy(pid, work);
    return (1000 * tokens) / ms;
  };
  const measures = {
    ours: (round: number) => speed(engine, () => served(round)),
    theirs: () => speed(undefined, bare),
  };
  await measureInTurn(1, measures);
  const { ours, theirs } = await measureInTurn(rounds, measures);
  context.free();
  model.free();
  return {
    id: `local-batch-${key}${streams}`,
    what: `local mode, ${name}, ${streams} ${streams === 1 ? 'answer' : 'answers at once'} over HTTP / llama.cpp's own batch, processor time of the decoding thread`,
    value: pairedRatio(ours, theirs),
    unit: 'x',
    aim: { at: 'least', value: aim },
    note: `${median(ours).toFixed(0)} against ${median(theirs).toFixed(0)} tokens/s; median of ${rounds}; llama.cpp with its own choice of kernels, which samples nothing`,
    why: 'llama.cpp alone draws no tokens, makes no text and signs nothing. A draw from 32,000 tokens takes 105 us by a profile of 2026-11-30, where a pass of 15M weights takes about 1 ms. Two sums in ascending order take 72 us of it, because each addition waits for the one before. A larger model needs relatively less',
    next: 'sums in lanes below 65,536 tokens too, which take 42 us, as a class of its own; prompts of several answers in one pass',
  };
}

async function measureHttp(program: LocalProgram): Promise<Row[]> {
  const answers = 8;
  const cost = async (length: number): Promise<{ readonly ms: number; readonly tokens: number }> => {
    const startMs = readAllThreadsMs(program.pid);
    let tokens = 0;
    for (let seed = 0; seed < answers; seed++) {
      tokens += (await askLocal(program.base, PROMPT, { seed, tokens: length })).tokens;
    }
    return { ms: readAllThreadsMs(program.pid) - startMs, tokens };
  };
  const { full, first } = await measureInTurn(ROUNDS, { full: () => cost(TOKENS), first: () => cost(1) });
  const firstMs = median(first.map(({ ms }) => ms / answers));
  const further = full.map(({ ms, tokens }) => (1000 * (ms / answers - firstMs)) / (tokens / answers - 1));
  return [
    {
      id: 'local-http',
      what: 'local mode, processor time of the server for a streamed token',
      value: median(full.map(({ ms, tokens }) => (1000 * ms) / tokens)),
      unit: 'us',
      aim: { at: 'most', value: 60 },
      note: `${answers} answers of ${TOKENS} tokens, one after the other, median of ${ROUNDS}; with the commitment, the receipt and its share of garbage collection`,
      why: 'an answer costs about 2 ms beside its tokens. A message of the engine for each 33 or 50 ms in place of 20 saves nothing. A fifth is spent in the kernel, a tenth on compiling code',
      next: 'the first token in the message that begins the answer; clients that keep their connection',
    },
    {
      id: 'local-http-answer',
      what: 'local mode, processor time of the server for an answer of one token',
      value: firstMs,
      unit: 'ms',
      note: `on a connection of its own; each further token ${median(further).toFixed(0)} us`,
    },
  ];
}

/** Time of the engine's thread until the first token: prompts of which nine tenths were there before, and others. */
async function measurePrefix(program: LocalProgram): Promise<Row> {
  const engine = findEngine(program);
  const first = (prompt: string) => measureBusy(engine, () => askLocal(program.base, prompt, { seed: 1, tokens: 1 }));
  const measures = {
    async fresh(round: number) {
      return (await first(makeWords(10_000 + round, WORDS.all))).ms;
    },
    async shared(round: number) {
      const begin = makeWords(20_000 + round, WORDS.shared);
      const end = (number: number) => makeWords(number + round, WORDS.all - WORDS.shared);
      await askLocal(program.base, `${begin} ${end(30_000)}`, { seed: 1, tokens: 1 });
      return (await first(`${begin} ${end(40_000)}`)).ms;
    },
  };
  await measureInTurn(1, measures);
  const { fresh, shared } = await measureInTurn(ROUNDS, measures);
  return {
    id: 'local-prefix',
    what: `local mode, first token of a new prompt / of one with 90 % of an earlier one, processor time`,
    value: pairedRatio(fresh, shared),
    unit: 'x',
    aim: { at: 'least', value: 5 },
    note: `${median(fresh).toFixed(1)} against ${median(shared).toFixed(1)} ms; median of ${ROUNDS}`,
    why: 'a prompt of this model is short, so most of the rest does not depend on its length',
    next: 'the same with a model of a longer context',
  };
}

const SYLLABLES = ['cat', 'dog', 'sun', 'big', 'red', 'hat', 'run', 'sea', 'box', 'toy', 'day', 'sky'];

function makeWords(seed: number, count: number): string {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => SYLLABLES[Math.floor(random() * SYLLABLES.length)]).join(' ');
}
