import { EngineError } from '../interface/engine-error.ts';
import type {
  ChainPass,
  SegmentEngine,
  SegmentOutput,
  SegmentPass,
  SegmentPlace,
  UpstreamRows,
} from '../interface/segment.ts';

/** All segments of a model, one behind the other. */
export interface SegmentChain {
  /** @throws EngineError of the segment that failed; drop the sequences of the pass then. */
  run(pass: ChainPass): Promise<Extract<SegmentOutput, { kind: 'logits' }>>;
  drop(sequence: number, position: number): Promise<void>;
  /** Closes the segments. */
  close(): Promise<void>;
}

/** @throws EngineError('invalid-request') if the segments do not fit together: the first begins the model, the last ends it. */
export function createSegmentChain(segments: readonly SegmentEngine[]): SegmentChain {
  const last = segments.at(-1);
  if (last === undefined || segments.length < 2) throw refuseChain();
  assertPlaces(segments, (i) => (i === 0 ? 'first' : i === segments.length - 1 ? 'last' : 'interior'));
  const before = createUpstreamRows(segments.slice(0, -1));
  return {
    async run({ tokens, ...pass }) {
      const output = await last.run({ ...pass, input: await before.run({ ...pass, tokens }) });
      if (output.kind === 'logits') return output;
      throw new EngineError('engine-crashed', 'the last segment returned no logits');
    },
    async drop(sequence, position) {
      await before.drop(sequence, position);
      await last.drop(sequence, position);
    },
    async close() {
      for (const segment of segments) await segment.close();
    },
  };
}

/** One segment and its last call, failed or not. */
interface Lane {
  readonly segment: SegmentEngine;
  tail: Promise<unknown>;
}

/**
 * Runs passes through segments. A segment runs its calls one at a time, and several segments may run several passes at the same time.
 * `close` of a segment stays with the caller.
 * @throws EngineError('invalid-request') if the segments are not the first ones of a model, in their order.
 */
export function createUpstreamRows(segments: readonly SegmentEngine[]): UpstreamRows {
  assertPlaces(segments, (i) => (i === 0 ? 'first' : 'interior'));
  const lanes = segments.map((segment): Lane => ({ segment, tail: Promise.resolve() }));
  const enter = <T>(lane: Lane, work: () => Promise<T>): Promise<T> => {
    const done = lane.tail.then(work);
    lane.tail = done.catch(() => undefined);
    return done;
  };
  return {
    async run({ tokens, ...pass }) {
      const [first, ...others] = lanes as [Lane, ...Lane[]];
      const follow = (lane: Lane, input: SegmentPass['input'] | Promise<Float32Array>) =>
        enter(lane, async () => rowsOf(await lane.segment.run({ ...pass, input: await input })));
      return await others.reduce((rows, lane) => follow(lane, rows), follow(first, tokens));
    },
    async drop(sequence, position) {
      await Promise.all(lanes.map((lane) => enter(lane, () => lane.segment.drop(sequence, position))));
    },
  };
}

function rowsOf(output: SegmentOutput): Float32Array {
  if (output.kind === 'rows') return output.rows;
  throw new EngineError('engine-crashed', 'a segment before the last one returned logits');
}

function assertPlaces(segments: readonly SegmentEngine[], placeOf: (index: number) => SegmentPlace): void {
  const infos = segments.map((segment) => segment.info());
  const isInPlace = infos.every(
    ({ place, embeddingSize }, i) => place === placeOf(i) && embeddingSize === infos[0]?.embeddingSize,
  );
  if (infos.length === 0 || !isInPlace) throw refuseChain();
}

const refuseChain = (): EngineError =>
  new EngineError('invalid-request', 'a chain needs the segments of one model, in their order');
