import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../steps.ts';
import { PARTS } from './parts.ts';
import { expectSeconds, readExpectedSeconds, updateExpectedSeconds } from './seconds.ts';

it('the table names parts and files that exist', () => {
  const { usual, slow } = readExpectedSeconds(root);
  const projects = Object.keys(PARTS).filter((part) => PARTS[part]?.project !== undefined);
  expect(Object.keys(usual).sort()).toEqual([...projects].sort());
  const isKnown = (name: string): boolean =>
    name.startsWith(':') ? Object.hasOwn(PARTS, name.slice(1)) : existsSync(join(root, name));
  expect(Object.keys(slow).filter((name) => !isKnown(name))).toEqual([]);
  for (const part of Object.keys(PARTS).filter((name) => !projects.includes(name)))
    expect(expectSeconds({ usual, slow }, { name: `:${part}`, part })).toBeGreaterThan(0);
});

it('a run replaces the rows of its units, and rows of units that are gone leave', () => {
  const before = {
    usual: { fast: 1, process: 2 },
    slow: { ':demo': 60, 'a.test.ts': 20, 'b.test.ts': 30, 'gone.test.ts': 40 },
  };
  const measured = [
    { name: 'a.test.ts', part: 'fast', seconds: 3.04 },
    { name: 'c.test.ts', part: 'fast', seconds: 1 },
    { name: 'd.test.ts', part: 'fast', seconds: 12.4 },
    { name: ':seeds', part: 'seeds', seconds: 5.5 },
  ];
  const known = new Set([':demo', ':seeds', 'a.test.ts', 'b.test.ts', 'c.test.ts', 'd.test.ts']);
  expect(updateExpectedSeconds(before, measured, known)).toEqual({
    usual: { fast: 2, process: 2, simulation: 1, model: 1, e2e: 1 },
    slow: { ':demo': 60, ':seeds': 5.5, 'b.test.ts': 30, 'd.test.ts': 12 },
  });
});
