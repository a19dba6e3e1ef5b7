import type { SegmentEngine, SegmentGroup, SegmentOutput, SegmentPass } from '@ogong/engine/interface/segment';
import { afterEach, describe, expect, it } from 'vitest';

/** Options of a segment under test. */
export interface TestedSegmentOptions {
  readonly contextSize: number;
  readonly sequences: number;
  readonly passRows: number;
}

export interface SegmentComplianceSubject {
  readonly name: string;
  /** Opens the first, an interior and the last segment of one model, with their caches empty. The rules close them. */
  open(options: TestedSegmentOptions): Promise<readonly SegmentEngine[]>;
  /** Whether the model has recurrent layers, which drop whole sequences alone. Default: no. */
  readonly isRecurrent?: boolean;
}

const OPTIONS: TestedSegmentOptions = { contextSize: 64, sequences: 2, passRows: 16 };
const TOKENS = [5, 9, 14, 30];
const LAYERS = ['first', 'interior', 'last'] as const;

/** The rules of every segment engine, in this process or elsewhere. */
export function describeSegments({ name, open, isRecurrent = false }: SegmentComplianceSubject): void {
  describe(name, () => {
    const opened: SegmentEngine[] = [];
    afterEach(async () => {
      for (const segment of opened.splice(0)) await segment.close();
    });
    const openThree = async () => {
      const segments = await open(OPTIONS);
      opened.push(...segments);
      return segments as readonly [SegmentEngine, SegmentEngine, SegmentEngine];
    };
    const group = (rows: number, position = 0, sequence = 0): SegmentGroup => ({ sequence, position, rows });
    /** Runs rows of sequence 0 through a segment. */
    const run = (
      segment: SegmentEngine,
      input: SegmentPass['input'],
      { kind = 'step', position = 0 }: { readonly kind?: SegmentPass['kind']; readonly position?: number } = {},
    ): Promise<SegmentOutput> => {
      const rows = input.length / (input instanceof Uint32Array ? 1 : segment.info().embeddingSize);
      return segment.run({ kind, groups: [group(rows, position)], input });
    };
    const valuesOf = (output: SegmentOutput): Float32Array => (output.kind === 'rows' ? output.rows : output.logits);
    const rowsOf = async (...given: Parameters<typeof run>): Promise<Float32Array> => valuesOf(await run(...given));
    /** Input of each segment for the same tokens, from rows of the one before it. */
    const inputsOf = async (segments: readonly SegmentEngine[], tokens = TOKENS): Promise<SegmentPass['input'][]> => {
      const inputs: SegmentPass['input'][] = [Uint32Array.from(tokens)];
      for (const segment of segments.slice(0, -1)) {
        inputs.push(await rowsOf(segment, inputs.at(-1) as SegmentPass['input']));
        await segment.drop(0, 0);
      }
      return inputs;
    };
    const cut = (segment: SegmentEngine, input: SegmentPass['input'], from: number, to: number) => {
      const width = input instanceof Uint32Array ? 1 : segment.info().embeddingSize;
      return input.subarray(from * width, to * width);
    };
    const join = (parts: readonly Float32Array[]): Float32Array =>
      Float32Array.of(...parts.flatMap((part) => [...part]));

    it('says what it is', async () => {
      const infos = (await openThree()).map((segment) => segment.info());
      const [first, , last] = infos as [(typeof infos)[0], unknown, (typeof infos)[0]];
      expect(infos.map(({ place }) => place)).toEqual(LAYERS);
      expect(first.vocabularySize).toBeGreaterThan(Math.max(...TOKENS));
      expect(infos.map(({ vocabularySize }) => vocabularySize)).toEqual([first.vocabularySize, 0, last.vocabularySize]);
      expect(last.vocabularySize).toBe(first.vocabularySize);
      for (const info of infos) {
        const { embeddingSize, numericClass } = first;
        expect(info).toMatchObject({ ...OPTIONS, embeddingSize, numericClass, canDropPositions: !isRecurrent });
        expect(info.layers).toBeGreaterThan(0);
      }
    });

    it('returns logits from the last segment, none of them for a prompt, and rows from another', async () => {
      const segments = await openThree();
      const inputs = await inputsOf(segments);
      for (const kind of ['prompt', 'step', 'score'] as const) {
        for (const [i, segment] of segments.entries()) {
          const { place, embeddingSize, vocabularySize } = segment.info();
          const output = await run(segment, inputs[i] as SegmentPass['input'], { kind });
          await segment.drop(0, 0);
          if (output.kind === 'rows') {
            expect([place, output.rows.length]).toEqual([LAYERS[i], 4 * embeddingSize]);
            continue;
          }
          const rows = kind === 'prompt' ? 0 : 4;
          expect(place).toBe('last');
          expect([output.logits.length, output.hidden.length]).toEqual([rows * vocabularySize, rows * embeddingSize]);
        }
      }
    });

    it('gives equal bits for a reply that runs again in one pass, and changes no input', async () => {
      const segments = await openThree();
      const inputs = await inputsOf(segments);
      for (const [i, segment] of segments.entries()) {
        const input = inputs[i] as SegmentPass['input'];
        const given = input.slice();
        await run(segment, cut(segment, input, 0, 2), { kind: 'prompt' });
        const steps = [
          await rowsOf(segment, cut(segment, input, 2, 3), { position: 2 }),
          await rowsOf(segment, cut(segment, input, 3, 4), { position: 3 }),
        ];
        await segment.drop(0, 0);
        const again = await rowsOf(segment, input, { kind: 'score' });
        expect(again.subarray(again.length / 2), LAYERS[i]).toEqual(join(steps));
        expect(input).toEqual(given);
      }
    });

    it('gives rows that do not depend on the sequence beside them, nor on changes of what it returned', async () => {
      const segments = await openThree();
      const inputs = await inputsOf(segments);
      for (const [i, segment] of segments.entries()) {
        const input = inputs[i] as SegmentPass['input'];
        const alone = await rowsOf(segment, cut(segment, input, 0, 1));
        const kept = alone.slice();
        await segment.drop(0, 0);
        const both = [...cut(segment, input, 0, 1), ...cut(segment, input, 1, 2)];
        const groups = [group(1), group(1, 0, 1)];
        const pass = { groups, input: input instanceof Uint32Array ? Uint32Array.from(both) : Float32Array.from(both) };
        const together = valuesOf(await segment.run({ kind: 'step', ...pass }));
        expect(together.subarray(0, alone.length), LAYERS[i]).toEqual(kept);
        alone.fill(7);
        together.fill(7);
        await segment.drop(0, 0);
        expect(await rowsOf(segment, cut(segment, input, 0, 1))).toEqual(kept);
      }
    });

    it('runs calls in their order, though none waits for the one before it', async () => {
      const [first] = await openThree();
      const step = (token: number, position: number) => rowsOf(first, Uint32Array.of(token), { position });
      const inOrder = [await step(5, 0), await step(9, 1), await step(14, 2)];
      await first.drop(0, 0);
      expect(await Promise.all([step(5, 0), step(9, 1), step(14, 2)])).toEqual(inOrder);
      const [, again] = await Promise.all([first.drop(0, 0), step(5, 0), first.drop(0, 0)]);
      expect(again).toEqual(inOrder[0]);
    });

    if (isRecurrent) {
      it('drops whole sequences alone', async () => {
        const [first] = await openThree();
        const rows = await rowsOf(first, Uint32Array.from(TOKENS), { kind: 'prompt' });
        await expect(first.drop(0, 2)).rejects.toMatchObject({ code: 'unsupported-model' });
        await first.drop(0, 0);
        expect(await rowsOf(first, Uint32Array.from(TOKENS), { kind: 'prompt' })).toEqual(rows);
      });
    } else {
      it('drops rejected guesses', async () => {
        const [first] = await openThree();
        await run(first, Uint32Array.of(5));
        await run(first, Uint32Array.of(9, 400, 401), { position: 1 });
        await first.drop(0, 2);
        const rows = await rowsOf(first, Uint32Array.of(14), { position: 2 });
        await first.drop(0, 0);
        const again = await rowsOf(first, Uint32Array.of(5, 9, 14), { kind: 'score' });
        expect(again.subarray(-rows.length)).toEqual(rows);
      });

      it('drops no positions that it does not have', async () => {
        const [first] = await openThree();
        await run(first, Uint32Array.from(TOKENS));
        await expect(first.drop(0, 5)).rejects.toMatchObject({ code: 'invalid-request' });
        await first.drop(0, 4);
        await expect(first.drop(2, 0)).rejects.toMatchObject({ code: 'invalid-request' });
        await run(first, Uint32Array.of(5), { position: 4 });
      });
    }

    it('refuses passes that do not fit, and goes on', async () => {
      const [first, interior, last] = await openThree();
      const { embeddingSize, vocabularySize } = first.info();
      const one = [group(1)];
      const two = [...one, group(1, 0, 1)];
      const row = new Float32Array(embeddingSize);
      const tokens = (count: number) => new Uint32Array(count);
      for (const [segment, groups, input, reason] of [
        [first, [], tokens(0), 'no row'],
        [first, [group(1, 1)], tokens(1), 'a position too far'],
        [first, [group(1, -1)], tokens(1), 'a negative position'],
        [first, [group(1, 0, 2)], tokens(1), 'an unknown sequence'],
        [first, [group(1, 0, 0.5)], tokens(1), 'half a sequence'],
        [first, two.toReversed(), tokens(2), 'descending sequences'],
        [first, [...one, ...one], tokens(2), 'a sequence twice'],
        [first, [...one, group(2, 0, 1)], tokens(3), 'other numbers of rows'],
        [first, [group(0)], tokens(0), 'a group of no rows'],
        [first, [group(OPTIONS.passRows + 1)], tokens(OPTIONS.passRows + 1), 'too many rows'],
        [first, [group(OPTIONS.contextSize + 1)], tokens(OPTIONS.contextSize + 1), 'rows behind the context'],
        [first, one, Uint32Array.of(vocabularySize), 'an unknown token'],
        [first, one, tokens(2), 'too many tokens'],
        [first, one, row, 'rows for tokens'],
        [interior, one, tokens(1), 'tokens for rows'],
        [interior, two, row, 'too few values'],
        [interior, one, row.with(7, Number.NaN), 'not a number'],
        [last, one, row.with(embeddingSize - 1, Number.POSITIVE_INFINITY), 'infinity'],
      ] as const)
        await expect(segment.run({ kind: 'step', groups, input }), reason).rejects.toMatchObject({
          code: 'invalid-request',
        });
      expect(await first.run({ kind: 'step', groups: two, input: Uint32Array.of(5, 5) })).toMatchObject({
        kind: 'rows',
      });
    });

    it('runs nothing after its end', async () => {
      const [first] = await openThree();
      await first.close();
      await first.close();
      await expect(run(first, Uint32Array.of(5))).rejects.toMatchObject({ code: 'engine-closed' });
      await expect(first.drop(0, 0)).rejects.toMatchObject({ code: 'engine-closed' });
    });
  });
}
