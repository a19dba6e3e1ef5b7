import { expect, it } from 'vitest';
import { toFailure } from './check-reply.ts';

it('names the first check that failed', () => {
  const checks = [
    { id: 'order', status: 'pass', detail: '' },
    { id: 'draw-replay', status: 'fail', detail: 'token 3' },
    { id: 'tail', status: 'fail', detail: 'too wide' },
  ] as const;
  expect(toFailure({ checks: [...checks] })).toMatchObject({ id: 'draw-replay', detail: 'token 3' });
});

it('takes a verdict without any failed check for a failure all the same', () => {
  expect(toFailure({ checks: [] }).id).toBe('no-check-passed');
  expect(toFailure({ checks: [{ id: 'order', status: 'skip', detail: '' }] }).id).toBe('no-check-passed');
});
