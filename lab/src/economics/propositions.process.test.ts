import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROPOSITIONS } from './propositions.ts';
import { openSolver, prove } from './prove.ts';

// The solver has threads of its own, so it is not among the fast tests.
let solver: Awaited<ReturnType<typeof openSolver>>;
beforeAll(async () => {
  solver = await openSolver();
});
afterAll(() => solver.close());

it('refuses what it cannot read, which an empty script would make satisfiable', async () => {
  await expect(solver.solve('(assert (> x 0))')).rejects.toThrow();
});

it.each(PROPOSITIONS)('$id: $says', async (proposition) => {
  expect(await prove(solver.solve, [proposition])).toEqual([expect.objectContaining({ holds: true })]);
});
