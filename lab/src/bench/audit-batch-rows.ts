import { loadLlama } from '@ogong/engine/llama-cpp/library';
import { openLlamaModel } from '@ogong/engine/llama-cpp/model';
import { findLlamaBuild } from '@ogong/engine/llama-cpp/platform';
import { readBusyMs } from './busy-time.ts';
import { median, pairedRatio, type Row } from './row.ts';

const SEQUENCES = 8;
/** Short replies: of long ones one alone fills a pass. */
const LENGTHS = [8, 32] as const;
const PROMPT = 48;
const CONTEXT = 256;

/** What would be gained if the replies of several audits shared a pass: the bare library with the kernels of the exact class. */
export function measureAuditBatches({
  path,
  name,
  rounds,
}: {
  readonly path: string;
  readonly name: string;
  readonly rounds: number;
}): Row[] {
  const model = openLlamaModel(loadLlama(findLlamaBuild(), 'auto'), path);
  const context = model.createContext({
    ...{ contextSize: CONTEXT, sequences: SEQUENCES, threads: 1 },
    batchSize: SEQUENCES * Math.max(...LENGTHS),
  });
  context.useReference(true);
  const tokenAt = (position: number, sequence: number): number =>
    300 + ((7919 * position + 104_729 * sequence) % (model.vocabulary.size - 300));
  /** Milliseconds of the passes over the replies, whose prompts are in the cache. @param together replies in one pass. */
  const run = (length: number, together: number): number => {
    for (let sequence = 0; sequence < SEQUENCES; sequence++) context.remove(sequence, PROMPT);
    const startMs = readBusyMs();
    for (let first = 0; first < SEQUENCES; first += together) {
      for (let sequence = first; sequence < first + together; sequence++)
        for (let i = 0; i < length; i++) context.add(tokenAt(PROMPT + i, sequence), PROMPT + i, sequence);
      context.decode(true);
    }
    return readBusyMs() - startMs;
  };
  try {
    for (let sequence = 0; sequence < SEQUENCES; sequence++) {
      for (let i = 0; i < PROMPT; i++) context.add(tokenAt(i, sequence), i, sequence);
      context.decode(false);
    }
    return LENGTHS.map((length) => {
      const samples = Array.from({ length: rounds + 1 }, () => [1, 2, 4, 8].map((together) => run(length, together)));
      const of = (at: number): number[] => samples.slice(1).map((times) => times[at] as number);
      const perToken = (at: number): string => (median(of(at)) / (SEQUENCES * length)).toFixed(2);
      return {
        id: `audit-batch-${length}-${name}`,
        what: `${name}: audits of replies of ${length} tokens to known prompts, eight in one pass / one in each pass`,
        value: pairedRatio(of(3), of(0)),
        unit: 'x',
        note: `${[0, 1, 2, 3].map((at) => `${perToken(at)} ms a token with ${2 ** at}`).join(', ')}; bare llama.cpp with the reference kernels, no listing; the engine audits one reply in a pass`,
      };
    });
  } finally {
    context.free();
    model.free();
  }
}
