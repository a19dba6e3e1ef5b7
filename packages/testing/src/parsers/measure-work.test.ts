import { expect, it } from 'vitest';
import { readCount, type WorkMeter } from './measure-work.ts';
import { runRow, type Search } from './run-row.ts';

/** A meter of one parser that counts its own steps. */
function createFakeMeter(): WorkMeter & { step(count: number): void } {
  let blocks = 0;
  return {
    step: (count) => {
      blocks += count;
    },
    read() {
      const read = blocks;
      blocks = 0;
      return read;
    },
  };
}

it('shows the work of a parser whose time grows with the square of its input', async () => {
  const meter = createFakeMeter();
  const row = {
    ...{ file: 'x.ts', name: 'parseX', limit: 4_096, inputs: (size: number) => ['a'.repeat(size)] },
    prepare: async () => (text: string) => meter.step(text.length ** 2),
  };
  const read = async (search: Search) => {
    const { readings } = await runRow(row, { load: async () => ({}), vectors: [], meter, search });
    return readings.map(({ size, blocks }) => [size, blocks]);
  };
  expect(await read('long')).toEqual([16, 256, 4_096].map((size) => [size, size ** 2]));
  expect(await read('short')).toEqual([16, 4_096].map((size) => [size, size ** 2]));
});

it('begins inputs of bytes as the vectors that the parser accepts', async () => {
  const given: Uint8Array[] = [];
  const parseX = (bytes: Uint8Array): void => {
    given.push(bytes);
    if (bytes[0] !== 7) throw new Error('not X');
  };
  const vectors = [Uint8Array.of(7, 1, 2), Uint8Array.of(8, 1)];
  const row = { file: 'x.ts', name: 'parseX', limit: 4_096, inputs: 'bytes' as const };
  const meter = createFakeMeter();
  const { seeds } = await runRow(row, { load: async () => ({ parseX }), vectors, meter, search: 'long' });
  expect(seeds).toBe(1);
  expect(given.some((bytes) => bytes.length === 4_096 && bytes[0] === 7 && bytes[1] === 1)).toBe(true);
});

it('reads a count that V8 reports with a wrong sign', () => {
  expect([7, -2_094_967_296].map(readCount)).toEqual([7, 2_200_000_000]);
});
