import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MUTATIONS } from './mutations.ts';

const root = new URL('../../../', import.meta.url);

it('the text that each planted bug changes stands once in its file', () => {
  const changes = MUTATIONS.flatMap(({ name, file, from, also = [] }) =>
    [{ file, from }, ...also].map((one) => ({ name, file: one.file, from: one.from })),
  );
  const count = ({ file, from }: (typeof changes)[0]) =>
    readFileSync(new URL(file, root), 'utf8').split(from).length - 1;
  expect(changes.length).toBeGreaterThanOrEqual(MUTATIONS.length);
  expect(changes.filter((change) => count(change) !== 1)).toEqual([]);
});
