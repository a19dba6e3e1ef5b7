import { describe, expect, it } from 'vitest';
import { excuseBeacon, toFailure } from './check-reply.ts';

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

describe('a certificate that the gateway has read itself', () => {
  const passed = { id: 'order', status: 'pass', detail: '' } as const;
  const unsigned = { id: 'beacon', status: 'fail', detail: 'stake 2 of 3 signed' } as const;

  it('is no fault of a provider where validators have left since', () => {
    const verdict = excuseBeacon({ ok: false, checks: [passed, unsigned], missing: [], allowed: [] });
    expect(verdict.ok).toBe(true);
    expect(verdict.checks.find(({ id }) => id === 'beacon')?.status).toBe('pass');
  });

  it('excuses nothing else', () => {
    const forged = { id: 'draw-replay', status: 'fail', detail: 'token 3' } as const;
    const verdict = excuseBeacon({ ok: false, checks: [passed, unsigned, forged], missing: [], allowed: [] });
    expect(verdict.ok).toBe(false);
    expect(toFailure(verdict).id).toBe('draw-replay');
    expect(excuseBeacon({ ok: false, checks: [passed, unsigned], missing: ['validator'], allowed: [] }).ok).toBe(false);
    const honest = { ok: false, checks: [passed], missing: ['validator'], allowed: [] };
    expect(excuseBeacon(honest)).toBe(honest);
  });
});
