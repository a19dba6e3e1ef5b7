import { expect, it } from 'vitest';
import { listEvaluationFiles } from './evaluation-files.ts';

it('finds an evaluation at places that a browser opens, and at no others', () => {
  const places = ['https://host.example/hub/', 'javascript:alert(1)//', 's3://bucket/models', 'ipfs:bafy', 'hub'];
  expect(listEvaluationFiles(`0x${'ab'.repeat(32)}`, places)).toEqual([
    `https://host.example/hub/evaluations/${'ab'.repeat(32)}`,
  ]);
});
