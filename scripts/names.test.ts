import { describe, expect, it } from 'vitest';
import { findNameProblems } from './names.ts';

const at = (path: string, text: string) => ({ path, text });

describe('canaries of names', () => {
  it('finds one name for two things', () => {
    const files = [
      at('packages/a/src/x.ts', 'export interface Batch {\n}'),
      at('packages/b/src/y.ts', 'export type Batch = 1;'),
    ];
    expect(findNameProblems(files)).toEqual(['Batch means 2 things: packages/a/src/x.ts, packages/b/src/y.ts']);
  });

  it('finds a participle', () => {
    expect(findNameProblems([at('packages/a/src/x.ts', 'export interface Heard {\n}')])).toEqual([
      'Heard is a participle, not a thing: packages/a/src/x.ts',
    ]);
  });

  it('accepts nouns, generated messages and tests', () => {
    const files = [
      at('packages/a/src/x.ts', 'export class SignedOrder {}\ninterface Heard {}'),
      at('packages/a/src/generated/x_pb.ts', 'export type SignedOrder = 1;'),
      at('packages/a/src/x.test.ts', 'export type SignedOrder = 1;'),
    ];
    expect(findNameProblems(files)).toEqual([]);
  });
});
