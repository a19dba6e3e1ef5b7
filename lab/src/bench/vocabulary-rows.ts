import type { LocalContext } from '@ogong/engine/decode/batch-model';
import { createPositionReader, type PositionReader } from '@ogong/engine/decode/capture/position';
import { createAscendingSums, createLaneSums } from '@ogong/engine/decode/capture/vocabulary-sums';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { drawNormal } from '@ogong/testing/synthetic/synthetic-evidence';
import { measureBusy } from './busy-time.ts';
import { SAMPLER } from './engine-timing.ts';
import { type BenchReply, generateReply } from './reply-rows.ts';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

const VOCABULARIES = [32_000, 128_256, 262_144] as const;
const LARGEST = VOCABULARIES[2];
/** Aims for vocabularies that are summed in lanes, us. */
const LISTING_AIMS: Readonly<Record<number, number>> = { 128256: 350, 262144: 700 };
const ORDERS = { ascending: createAscendingSums, lanes: createLaneSums };
/** Rows of logits that are used in turn. */
const POOL = 8;
/** Logits of a sure model: a few likely tokens far above all others. */
const SPREAD = 2.5;
const LIKELY = 12;
const TOKENS = 128;
const REPLIES = 4;
const ROUNDS = 9;
const REPEATS = 50;

/** Measures the cost of a position with a large vocabulary: its listing in the engine, and its replay. */
export async function measureVocabularies(): Promise<Row[]> {
  return [...(await measureListing()), await measureReplay()];
}

function createLogits(vocabularySize: number, rows: number): Float32Array {
  const random = createSeededRandom(5);
  const logits = Float32Array.from({ length: rows * vocabularySize }, () => SPREAD * drawNormal(random));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < LIKELY; i++) {
      logits[row * vocabularySize + Math.floor(random() * vocabularySize)] = 20 - 0.8 * i + drawNormal(random) / 4;
    }
  }
  return logits;
}

const nameMeasure = (size: number, order: string): string => `${order} ${size}`;

async function timeListing(size: number, logits: Float32Array, reader: PositionReader): Promise<number> {
  const count = Math.ceil(4e6 / size);
  const { ms } = await measureBusy(undefined, () => {
    for (let i = 0; i < count; i++) {
      const inputs = { logits, offset: (i % POOL) * size, settings: SAMPLER, bias: new Map(), counts: new Map() };
      reader.draw(inputs, (i * 7919) % (1 << 24));
    }
  });
  return (1000 * ms) / count;
}

async function measureListing(): Promise<Row[]> {
  const measures = Object.fromEntries(
    VOCABULARIES.flatMap((size) => {
      const logits = createLogits(size, POOL);
      return Object.entries(ORDERS).map(([order, createSums]) => {
        const reader = createPositionReader(size, createSums(size));
        return [nameMeasure(size, order), () => timeListing(size, logits, reader)];
      });
    }),
  );
  await measureInTurn(1, measures);
  const samples = await measureInTurn(ROUNDS, measures);
  return VOCABULARIES.map((size) => {
    const [ascending, lanes] = ['ascending', 'lanes'].map((order) => samples[nameMeasure(size, order)] ?? []) as [
      readonly number[],
      readonly number[],
    ];
    const aim = LISTING_AIMS[size];
    const us = median(aim === undefined ? ascending : lanes);
    const ratio = pairedRatio(lanes, ascending).toFixed(2);
    return {
      id: `listing-${size}`,
      what: `listing and draw of a position, vocabulary ${size}, temperature 0.8`,
      value: us,
      unit: 'us/token',
      ...(aim !== undefined && { aim: { at: 'most', value: aim } as const }),
      note: `${((1000 * us) / size).toFixed(1)} ns for each token of the vocabulary, its copy included, ${aim === undefined ? 'in ascending order' : 'in lanes'}; lanes take ${ratio} of the time of ascending order; made-up logits`,
    };
  });
}

async function measureReplay(): Promise<Row> {
  const [small, large] = [await makeReplies(VOCABULARIES[0]), await makeReplies(LARGEST)];
  const time = (replies: readonly BenchReply[]) => async () => {
    const tokens = replies.reduce((sum, reply) => sum + reply.tokens, 0);
    const { ms } = await measureBusy(undefined, () => {
      for (let i = 0; i < REPEATS; i++)
        for (const { record, opening } of replies) replayReply(nodeCrypto, record, opening);
    });
    return (1000 * ms) / (REPEATS * tokens);
  };
  const measures = { small: time(small), large: time(large) };
  await measureInTurn(1, measures);
  const times = await measureInTurn(ROUNDS, measures);
  const ratio = pairedRatio(times.large, times.small).toFixed(2);
  return {
    id: 'stage-1-large-vocabulary',
    what: `stage 1 replay, Node, vocabulary ${LARGEST}`,
    value: median(times.large),
    unit: 'us/token',
    aim: { at: 'most', value: 3 },
    note: `made-up logits; ${ratio} times the same with a vocabulary of ${VOCABULARIES[0]}, which took ${median(times.small).toFixed(2)} us in this run`,
    why: 'a replay reads only the listed tokens, with any vocabulary. Compare it with the small vocabulary, and see the load of this machine',
    next: 'weights of candidates in WebAssembly',
  };
}

/** Replies to made-up logits, which pass stage 1. */
async function makeReplies(vocabularySize: number): Promise<readonly BenchReply[]> {
  const logits = createLogits(vocabularySize, POOL);
  const createContext: NonNullable<FakeEngineOptions['createContext']> = (sequences) =>
    createLogitContext(logits, { vocabularySize, embeddingSize: EMBEDDING, sequences });
  const engine = createFakeEngine({ vocabularySize, embeddingSize: EMBEDDING, contextSize: 512, createContext });
  const replies: BenchReply[] = [];
  try {
    for (let i = 0; i < REPLIES; i++) replies.push(await generateReply(engine, `bench ${i}`, TOKENS));
  } finally {
    await engine.close();
  }
  for (const { record, opening } of replies) {
    const bad = replayReply(nodeCrypto, record, opening).checks.find(({ status }) => status === 'fail');
    if (bad) throw new Error(`bench reply fails stage 1: ${bad.id}: ${bad.detail}`);
  }
  return replies;
}

const EMBEDDING = 64;

/** Rows of a pool of logits in turn, whatever was said before. */
function createLogitContext(
  pool: Float32Array,
  shape: { readonly vocabularySize: number; readonly embeddingSize: number; readonly sequences: number },
): LocalContext {
  const { vocabularySize, embeddingSize, sequences } = shape;
  const hidden = Float32Array.from({ length: 64 * embeddingSize }, (_, i) => Math.sin(i));
  const work = new Float32Array(64 * vocabularySize);
  let rows = 0;
  let next = 0;
  return {
    ...{ contextSize: 512, sequences, batchSize: 64, promptShape: 0, leastPromptRows: 0 },
    passRows: () => 64,
    add: () => void rows++,
    guess: () => {},
    guessesRun: () => 0,
    decode(outputs) {
      for (let row = 0; outputs && row < rows; row++) {
        const from = (next++ % POOL) * vocabularySize;
        work.set(pool.subarray(from, from + vocabularySize), row * vocabularySize);
      }
      rows = 0;
    },
    outputRow: (index) => index,
    shapeOf: () => 0,
    logits: () => work,
    hidden: () => hidden,
    remove: () => {},
    free: () => {},
  };
}
