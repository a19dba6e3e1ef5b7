// Measures whether the log-probabilities of a llama-server allow a replay of draws (docs/adr/fronted-engines.md):
// `node lab/src/fronted/main.ts http://127.0.0.1:8080 model.gguf`. The server runs already, with the same model of a small vocabulary.
import { createPositionReader } from '@ogong/engine/decode/capture/position';
import { nativeHash } from '@ogong/engine/decode/native-hash';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { type DrawRow, decodeDraws, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import { PLAIN_SAMPLER, type SamplerSettings } from '@ogong/protocol/modality/text/sampling/sampler';
import { collectReply, createRequest, keyOf, NO_END } from '@ogong/testing/engine/compliance-requests';
import { formatMarkdownTable } from '../markdown-table.ts';
import { complete, PLAIN, toRow } from './llama-server.ts';
import { MersenneTwister } from './mersenne-twister.ts';

const REPLIES = 20;
const TOKENS = 40;
const TOP_K = 40;
const LISTED = 64;
const PROMPT = 'Once upon a time';

const [address, modelPath] = process.argv.slice(2);
if (address === undefined || modelPath === undefined) {
  console.error('usage: node lab/src/fronted/main.ts ADDRESS MODEL.gguf');
  process.exit(2);
}

const engine = await createLlamaEngine({ modelPath, contextSize: 256, threads: 1 });
const { vocabularySize } = engine.info();
const reader = createPositionReader(vocabularySize);
const prompt = [...(await engine.tokenizePrompt({ kind: 'text', text: PROMPT }))];
const numbers = Array.from({ length: REPLIES }, (_, i) => i + 1);
const logit_bias = NO_END.map(({ id }) => [id, false]);
const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(2)} % of ${whole}`;
const perSecond = (tokens: number, startMs: number): string =>
  `${Math.round((1000 * tokens) / (performance.now() - startMs))} a second`;

/** The server's own draws: its generator and its list behind the samplers decide them. */
async function replayOwnDraws(top_k: number): Promise<string> {
  let [equal, all] = [0, 0];
  for (const seed of numbers) {
    const fields = { prompt, seed, top_k, n_predict: TOKENS, n_probs: LISTED, post_sampling_probs: true };
    const { completion_probabilities: positions = [] } = await complete(address as string, fields);
    const twister = new MersenneTwister(seed);
    for (const { id, top_probs: listed = [] } of positions) {
      const u = twister.nextDouble();
      let mass = 0;
      const drawn = listed.find(({ prob = 0 }) => {
        mass += prob;
        return mass >= u;
      });
      all++;
      if (drawn?.id === id) equal++;
    }
  }
  return percent(equal, all);
}

/** The protocol's reply, computed here: draws and rows of the project's own engine. */
async function writeOwn(number: number, sampler: SamplerSettings): Promise<readonly DrawRow[]> {
  const tokens = Uint32Array.from(prompt);
  const overrides = { prompt: { kind: 'tokens', tokens } as const, sampler, bias: [...NO_END] };
  const { windows } = await collectReply(
    engine.generate(createRequest('', { ...overrides, drawKey: keyOf(number), maxTokens: TOKENS })),
  );
  return windows.flatMap(({ draws }) => decodeDraws(draws, { vocabularySize }).rows);
}

/** The protocol's reply, drawn here from the server's log-probabilities: one request a token. */
async function writeByServer(number: number, settings: SamplerSettings): Promise<readonly DrawRow[]> {
  const source = createDrawSource(nativeHash, keyOf(number));
  const bias = new Map(NO_END.map(({ id, biasQ16 }) => [id, biasQ16]));
  const tokens = [...prompt];
  const rows: DrawRow[] = [];
  for (let position = 0; position < TOKENS; position++) {
    const fields = { prompt: tokens, n_predict: 1, n_probs: vocabularySize };
    const { completion_probabilities: listed } = await complete(address as string, fields);
    const logits = toRow(listed?.[0], vocabularySize);
    const row = reader.draw({ logits, offset: 0, settings, bias, counts: new Map() }, source.draw(position));
    rows.push(row);
    tokens.push(tokenOf(row));
  }
  return rows;
}

async function compareReplies(sampler: SamplerSettings): Promise<readonly (readonly [string, string])[]> {
  let [replies, tokens, rows, all, apart] = [0, 0, 0, 0, 0];
  for (const number of numbers) {
    const [own, other] = [await writeOwn(number, sampler), await writeByServer(number, sampler)];
    const first = own.findIndex((row, i) => tokenOf(row) !== tokenOf(other[i] as DrawRow));
    // Behind another token the two answer different prompts.
    const shared = first < 0 ? own.length : first + 1;
    if (first < 0) replies++;
    for (const [i, row] of own.slice(0, shared).entries()) {
      const found = other[i] as DrawRow;
      all++;
      if (tokenOf(row) === tokenOf(found)) tokens++;
      if (
        JSON.stringify([[...row.ids], [...row.q], row.tail]) ===
        JSON.stringify([[...found.ids], [...found.q], found.tail])
      )
        rows++;
      const q = new Map([...found.ids].map((id, at) => [id, found.q[at] as number]));
      for (const [at, id] of [...row.ids].entries()) {
        apart = Math.max(apart, Math.abs((row.q[at] as number) - (q.get(id) ?? (row.q[at] as number))));
      }
    }
  }
  return [
    ['replies with the tokens of the project', percent(replies, numbers.length)],
    ['draws with the token of the project', percent(tokens, all)],
    ['positions with the same list, log-probabilities and tail', percent(rows, all)],
    ['farthest log-probability, in 2^-16 nat', String(apart)],
  ];
}

/** One position, asked for with its whole prompt anew and behind a cached one. */
async function compareCached(): Promise<string> {
  let most = 0;
  for (const seed of numbers) {
    const { tokens } = await complete(address as string, { prompt, seed, n_predict: TOKENS });
    const fields = { prompt: [...prompt, ...tokens], n_predict: 1, n_probs: vocabularySize };
    const asked = [true, false].map((cache_prompt) => complete(address as string, { ...fields, cache_prompt }));
    const [kept, anew] = (await Promise.all(asked)).map((one) =>
      toRow(one.completion_probabilities?.[0], vocabularySize),
    );
    for (let id = 0; id < vocabularySize; id++) {
      most = Math.max(most, Math.abs((kept?.[id] as number) - (anew?.[id] as number)));
    }
  }
  return most.toExponential(1);
}

async function measureSum(): Promise<string> {
  const { completion_probabilities: listed } = await complete(address as string, {
    ...{ prompt, n_predict: 1, n_probs: vocabularySize },
  });
  const sum = toRow(listed?.[0], vocabularySize).reduce((total, value) => total + Math.exp(value), 0);
  return Math.abs(sum - 1).toExponential(1);
}

async function measureRate(fields: object): Promise<string> {
  const start = performance.now();
  let count = 0;
  for (const seed of numbers)
    count += (await complete(address as string, { prompt, seed, logit_bias, n_predict: TOKENS, ...fields })).tokens
      .length;
  return perSecond(count, start);
}

async function measureOneByOne(n_probs: number): Promise<string> {
  const start = performance.now();
  const tokens = [...prompt];
  for (let i = 0; i < 5 * TOKENS; i++) {
    tokens.push(
      ...(await complete(address as string, { prompt: tokens, seed: i, logit_bias, n_predict: 1, n_probs })).tokens,
    );
  }
  return perSecond(5 * TOKENS, start);
}

const sampler = { ...PLAIN_SAMPLER, topK: TOP_K };
const rows: (readonly [string, string])[] = [
  [`own draws, replayed from seed and list (top_k ${TOP_K})`, await replayOwnDraws(TOP_K)],
  [`own draws, replayed from seed and list (top_k ${PLAIN.top_k})`, await replayOwnDraws(PLAIN.top_k)],
  ['probabilities of the vocabulary, distance of their sum from 1', await measureSum()],
  ['one position with and without a cached prompt, farthest log-probability', await compareCached()],
  ...(await compareReplies(sampler)).map(([what, found]) => [`top-k ${TOP_K}: ${what}`, found] as const),
  ...(await compareReplies(PLAIN_SAMPLER)).map(([what, found]) => [`no filter: ${what}`, found] as const),
  ['tokens without a list', await measureRate({})],
  [`tokens with ${LISTED} candidates`, await measureRate({ n_probs: LISTED })],
  [`tokens in one request each, ${LISTED} candidates`, await measureOneByOne(LISTED)],
  [`tokens in one request each, ${vocabularySize} candidates`, await measureOneByOne(vocabularySize)],
];
console.log(formatMarkdownTable(['measured', 'found'], rows));
await engine.close();
