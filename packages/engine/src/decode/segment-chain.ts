import { EngineError } from '../interface/engine-error.ts';
import type { SegmentEngine, SegmentOutput, SegmentPass } from '../interface/segment.ts';

/** A pass of a whole model. */
export type ChainPass = Omit<SegmentPass, 'input'> & { readonly tokens: Uint32Array };

/** All segments of a model, one behind the other in this process. */
export interface SegmentChain {
  /** @throws EngineError of the segment that failed; drop the sequences of the pass then. */
  run(pass: ChainPass): Promise<Extract<SegmentOutput, { kind: 'logits' }>>;
  drop(sequence: number, position: number): Promise<void>;
  /** Closes the segments. */
  close(): Promise<void>;
}

/** @throws EngineError('invalid-request') if the segments do not fit together: the first begins the model, the last ends it. */
export function createSegmentChain(segments: readonly SegmentEngine[]): SegmentChain {
  const infos = segments.map((segment) => segment.info());
  const isInPlace = infos.every(({ place, embeddingSize }, i) => {
    const wanted = i === 0 ? 'first' : i === infos.length - 1 ? 'last' : 'interior';
    return place === wanted && embeddingSize === infos[0]?.embeddingSize;
  });
  if (segments.length < 2 || !isInPlace)
    throw new EngineError('invalid-request', 'a chain needs a first and a last segment of one model, in their order');
  return {
    async run({ tokens, ...pass }) {
      let input: SegmentPass['input'] = tokens;
      for (const segment of segments) {
        const output = await segment.run({ ...pass, input });
        if (output.kind === 'logits') return output;
        input = output.rows;
      }
      throw new EngineError('engine-crashed', 'the last segment returned no logits');
    },
    async drop(sequence, position) {
      for (const segment of segments) await segment.drop(sequence, position);
    },
    async close() {
      for (const segment of segments) await segment.close();
    },
  };
}
