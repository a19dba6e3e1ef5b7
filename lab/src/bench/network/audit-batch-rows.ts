import type { TextScoringRequest } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { measureBusy } from '../busy-time.ts';
import { SAMPLER } from '../engine-timing.ts';
import { measureInTurn, median, pairedRatio, type Row } from '../row.ts';

/** Audits that are asked for at the same time. */
const BATCHES = [1, 2, 4, 8, 16, 32] as const;
const AUDITS = 32;
/** Of a prompt, and of what a list holds. */
const PROMPT = 16;
const LISTED = 20;
const CONTEXT = 256;

export interface AuditBatchBench {
  readonly path: string;
  readonly name: string;
  /** Tokens of the replies. */
  readonly lengths: readonly number[];
  readonly rounds: number;
}

/** Measures the cost of a token for a verifier that audits several replies in one pass, with prompts, lists, sketches and windows. */
export async function measureAuditBatches({ path, name, lengths, rounds }: AuditBatchBench): Promise<Row[]> {
  const engine = await createLlamaEngine({
    ...{ modelPath: path, threads: 1, contextSize: CONTEXT, prefixCache: false },
    ...{ sequences: Math.max(...BATCHES), scoresOnly: true },
  });
  try {
    const { vocabularySize, numericClass, scoresTogether } = engine.info();
    if (scoresTogether === undefined) throw new Error('this machine scores replies one at a time');
    const tokensOf = (from: number, count: number, number: number): Uint32Array =>
      Uint32Array.from(
        { length: count },
        (_, i) => 300 + ((7919 * (from + i) + 104_729 * number) % (vocabularySize - 300)),
      );
    const claimOf = (length: number, number: number): TextScoringRequest => ({
      promptTokens: tokensOf(0, PROMPT, number),
      outputTokens: tokensOf(PROMPT, length, number),
      listSizes: new Uint8Array(length).fill(LISTED),
      ...{ sampler: SAMPLER, bias: [], sketch: { bankSeed: new Uint8Array(32), directions: 16 }, numericClass },
    });
    const run = async (length: number, batch: number): Promise<number> => {
      const { ms } = await measureBusy(engine.pid(), async () => {
        for (let first = 0; first < AUDITS; first += batch)
          await Promise.all(Array.from({ length: batch }, (_, i) => engine.score(claimOf(length, first + i))));
      });
      return ms / (AUDITS * length);
    };
    const rows: Row[] = [];
    for (const length of lengths) {
      const measures = Object.fromEntries(BATCHES.map((batch) => [String(batch), () => run(length, batch)]));
      await run(length, 1);
      const samples = await measureInTurn(rounds, measures);
      const of = (batch: number): readonly number[] => samples[String(batch)] as readonly number[];
      const curve = `${name}, replies of ${length} tokens`;
      rows.push(
        ...BATCHES.map((batch) => {
          const ratio = pairedRatio(of(batch), of(1));
          return {
            id: `audit-batch-${length}-${batch}-${name}`,
            what: `${curve}: cost per audited token, ${batch} at a time`,
            value: median(of(batch)),
            unit: 'ms',
            note: `${ratio.toFixed(2)} times one at a time; prompts of ${PROMPT} tokens included`,
          };
        }),
      );
    }
    return rows;
  } finally {
    await engine.close();
  }
}
