import { expect, it } from 'vitest';
import { curiousCosigner } from './curious-cosigner.ts';

it('a co-signer that keeps what it sees, and asks for more, reads neither prompt nor answer', async () => {
  const { seenBytes, ...outcome } = await curiousCosigner.play({});
  expect(outcome).toEqual({ read: [], asked: 2, settled: 2 });
  expect(seenBytes).toBeGreaterThan(10_000);
});
