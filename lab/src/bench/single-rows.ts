import { findLlamaBuild } from '@ogong/engine/llama-cpp/device/platform';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { openLlamaModel } from '@ogong/engine/llama-cpp/model';
import { measureBusy } from './busy-time.ts';
import type { EngineBench } from './engine-rows.ts';
import { createRequest, findFullReplies, makeReply, scoreReply, timeBare, timeEngine } from './engine-timing.ts';
import { measureInTurn, median, pairedRatio, type Row } from './row.ts';

const CONTEXT = 256;

/** Float weights in `exact-single`, whose rows run alone, against `exact-2` and the bare library, all with one thread. */
export async function measureSingleRows(bench: EngineBench): Promise<Row[]> {
  const { path, name, rounds } = bench;
  const settings = { modelPath: path, threads: 1, contextSize: CONTEXT, prefixCache: false, sequences: 1 };
  const single = await createLlamaEngine({ ...settings, kernels: 'single' });
  const pairs = await createLlamaEngine(settings);
  const model = openLlamaModel(loadLlama(findLlamaBuild(), 'auto'), path, { repack: true });
  const context = model.createContext({ contextSize: CONTEXT, sequences: 1, threads: 1, batchSize: 256 });
  try {
    const { vocabularySize } = single.info();
    const numbers = [...(await findFullReplies(single, bench, 4))];
    const requestOf = (round: number) => createRequest(single, bench, numbers[round % numbers.length] as number);
    const decode = {
      single: async (round: number) => (await timeEngine(single, requestOf(round))).decode,
      pairs: async (round: number) => (await timeEngine(pairs, requestOf(round))).decode,
      bare: async () => (await timeBare(context, vocabularySize, bench)).decode,
    };
    await measureInTurn(1, decode);
    const speeds = await measureInTurn(rounds, decode);
    const run = async (round: number): Promise<number> => {
      const made = await measureBusy(single.pid(), () => makeReply(single, requestOf(round)));
      return (await measureBusy(single.pid(), () => scoreReply(single, made.result))).ms / made.ms;
    };
    const { audit } = await measureInTurn(rounds, { audit: run });
    const show = (of: readonly number[]) => median(of).toFixed(0);
    return [
      {
        id: `single-decode-${name}`,
        what: `${name}: decode with commitment in exact-single / bare llama.cpp, 1 thread`,
        value: pairedRatio(speeds.single, speeds.bare),
        unit: 'x',
        aim: { at: 'least', value: 0.97 },
        note: `${show(speeds.single)} against ${show(speeds.bare)} tokens/s; ${show(speeds.pairs)} in exact-2`,
        why: 'sampling, capture, commitment and events add to each token, as with other weights',
        next: 'sketches of several steps in one product, and text of several tokens in one event',
      },
      {
        id: `single-audit-${name}`,
        what: `${name}: time to audit a reply in exact-single / to make it`,
        value: median(audit),
        unit: 'x',
        note: 'each row of an audit is a pass of its own, as each row of the reply was',
      },
    ];
  } finally {
    context.free();
    model.free();
    await Promise.all([single.close(), pairs.close()]);
  }
}
