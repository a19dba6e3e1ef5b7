import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { expect, it } from 'vitest';
import { type LineageReads, traceLineage } from './lineage.ts';
import type { Origin } from './manifest-summary.ts';

const rootOf = (name: string): string => name.padEnd(64, '0');
const origin = (name: string): Origin => ({ modelRoot: rootOf(name), relation: 'merged-from', licence: 'MIT' });

/** Models by the first digits of their root, with those of their origins. Only these have names. */
function createReads(models: Readonly<Record<string, readonly string[]>>) {
  const followed: string[] = [];
  const nameOf = (root: string): string => root.replace(/0+$/, '');
  const reads: LineageReads = {
    nameOfRoot: (root) => (nameOf(root) in models ? { maker: 'acme', model: nameOf(root) } : undefined),
    async findVersion({ maker, model }, root) {
      followed.push(model);
      return { listed: { maker, model, modelRoot: fromHex(root), sources: [] }, facts: {} as never };
    },
    listOrigins: async ({ modelRoot }) => (models[nameOf(toHex(modelRoot))] ?? []).map(origin),
  };
  return { reads, followed };
}

it('follows named origins, each one once, and leaves a ring', async () => {
  const { reads, followed } = createReads({ a: ['b', 'c'], b: ['c'], c: ['a', 'd'] });
  const edges = await traceLineage({ modelRoot: fromHex(rootOf('a')), lineage: ['b', 'c'].map(origin) }, reads);
  expect(edges.map(({ of, modelRoot }) => `${of[0]}${modelRoot[0]}`)).toEqual(['ab', 'ac', 'bc', 'ca', 'cd']);
  expect(followed).toEqual(['b', 'c']);
  expect(edges.at(-1)?.name).toBeUndefined();
});

it('ends after four generations and after 24 origins', async () => {
  const chain = createReads({ a: ['b'], b: ['c'], c: ['d'], d: ['e'], e: ['f'] });
  const deep = await traceLineage({ modelRoot: fromHex(rootOf('a')), lineage: [origin('b')] }, chain.reads);
  expect(deep).toHaveLength(4);
  const names = Array.from({ length: 16 }, (_, i) => `b${i.toString(16)}f`);
  const wide = createReads(Object.fromEntries(names.map((name) => [name, ['1', '2', '3']])));
  const many = await traceLineage({ modelRoot: fromHex(rootOf('a')), lineage: names.map(origin) }, wide.reads);
  expect(many).toHaveLength(24);
});
